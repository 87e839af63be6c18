#include "airflow/states.h"

#include <string.h>

const char *pn_airflow_run_state(enum pn_run_state state)
{
    return state == PN_RUN_CANCELLED ? "failed" : pn_run_state_name(state);
}

const char *pn_airflow_task_state(enum pn_task_state state, bool begun)
{
    if (state == PN_TASK_NONE) {
        return NULL;
    }
    if (state == PN_TASK_CANCELLED) {
        return begun ? "failed" : "skipped";
    }
    return pn_task_state_name(state);
}

const char *pn_airflow_triggered_by(const char *who)
{
    static const char *const words[][2] = {
        {"cli", "cli"},   {"ui", "ui"}, {"api", "rest_api"}, {"schedule", "timetable"},
        {"test", "test"},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i][0], who) == 0) {
            return words[i][1];
        }
    }
    return NULL;
}

/* --- filters ---------------------------------------------------------------------------------- */

static bool is_one_of(const char *word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(word, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

size_t pn_airflow_find_run_state(const char *word, const char *texts[2])
{
    static const char *const words[] = {"queued", "running", "success", "failed"};
    if (!is_one_of(word, words, sizeof words / sizeof words[0])) {
        return 0;
    }
    texts[0] = word;
    texts[1] = "cancelled";
    return strcmp(word, "failed") == 0 ? 2 : 1;
}

size_t pn_airflow_find_task_state(const char *word, const char *texts[2])
{
    static const char *const words[] = {
        "none",       "scheduled", "queued",       "running",           "success",
        "restarting", "failed",    "up_for_retry", "up_for_reschedule", "upstream_failed",
        "skipped",    "deferred",  "removed",      "awaiting_input",
    };
    if (!is_one_of(word, words, sizeof words / sizeof words[0])) {
        return 0;
    }
    texts[0] = word;
    texts[1] = strcmp(word, "failed") == 0 ? "cancelled_begun" : "cancelled";
    return strcmp(word, "failed") == 0 || strcmp(word, "skipped") == 0 ? 2 : 1;
}
