#include <string.h>

#include "dag/states.h"

static const char *const RUN_STATES[] = {
    [PN_RUN_QUEUED] = "queued", [PN_RUN_RUNNING] = "running",     [PN_RUN_SUCCESS] = "success",
    [PN_RUN_FAILED] = "failed", [PN_RUN_CANCELLED] = "cancelled",
};
static const char *const TASK_STATES[] = {
    [PN_TASK_NONE] = "none",
    [PN_TASK_RUNNING] = "running",
    [PN_TASK_UP_FOR_RETRY] = "up_for_retry",
    [PN_TASK_SUCCESS] = "success",
    [PN_TASK_FAILED] = "failed",
    [PN_TASK_UPSTREAM_FAILED] = "upstream_failed",
    [PN_TASK_CANCELLED] = "cancelled",
};

const char *pn_run_state_name(enum pn_run_state state)
{
    return RUN_STATES[state];
}

const char *pn_task_state_name(enum pn_task_state state)
{
    return TASK_STATES[state];
}

bool pn_run_state_final(enum pn_run_state state)
{
    return state == PN_RUN_SUCCESS || state == PN_RUN_FAILED || state == PN_RUN_CANCELLED;
}

static int index_of(const char *const *words, size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(words[i], word) == 0) {
            return (int)i;
        }
    }
    return -1;
}

int pn_run_state_parse(const char *word)
{
    return index_of(RUN_STATES, sizeof RUN_STATES / sizeof *RUN_STATES, word);
}

int pn_task_state_parse(const char *word)
{
    return index_of(TASK_STATES, sizeof TASK_STATES / sizeof *TASK_STATES, word);
}
