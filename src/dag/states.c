#include "dag/states.h"

#include <stddef.h>
#include <string.h>

static const char *const RUN_STATES[] = {
    [PN_RUN_QUEUED] = "queued", [PN_RUN_RUNNING] = "running",     [PN_RUN_SUCCESS] = "success",
    [PN_RUN_FAILED] = "failed", [PN_RUN_CANCELLED] = "cancelled",
};
static const char *const TASK_STATES[] = {
    [PN_TASK_NONE] = "none",
    [PN_TASK_SCHEDULED] = "scheduled",
    [PN_TASK_QUEUED] = "queued",
    [PN_TASK_RUNNING] = "running",
    [PN_TASK_UP_FOR_RETRY] = "up_for_retry",
    [PN_TASK_SUCCESS] = "success",
    [PN_TASK_FAILED] = "failed",
    [PN_TASK_UPSTREAM_FAILED] = "upstream_failed",
    [PN_TASK_SKIPPED] = "skipped",
    [PN_TASK_CANCELLED] = "cancelled",
};
static const char *const RUN_TYPES[] = {
    [PN_RUN_MANUAL] = "manual",
    [PN_RUN_SCHEDULED] = "scheduled",
    [PN_RUN_BACKFILL] = "backfill",
};

const char *pn_run_state_name(enum pn_run_state state)
{
    return RUN_STATES[state];
}

const char *pn_task_state_name(enum pn_task_state state)
{
    return TASK_STATES[state];
}

const char *pn_run_type_name(enum pn_run_type type)
{
    return RUN_TYPES[type];
}

char pn_run_state_letter(enum pn_run_state state)
{
    static const char letters[] = "qrsfx";
    return letters[state];
}

char pn_task_state_letter(enum pn_task_state state)
{
    static const char letters[] = "-cqrtsfukx";
    return letters[state];
}

bool pn_run_state_final(enum pn_run_state state)
{
    return state == PN_RUN_SUCCESS || state == PN_RUN_FAILED || state == PN_RUN_CANCELLED;
}

bool pn_task_state_final(enum pn_task_state state)
{
    switch (state) {
    case PN_TASK_NONE:
    case PN_TASK_SCHEDULED:
    case PN_TASK_QUEUED:
    case PN_TASK_RUNNING:
    case PN_TASK_UP_FOR_RETRY:
        return false;
    case PN_TASK_SUCCESS:
    case PN_TASK_FAILED:
    case PN_TASK_UPSTREAM_FAILED:
    case PN_TASK_SKIPPED:
    case PN_TASK_CANCELLED:
        return true;
    }
    return true;
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

int pn_run_type_parse(const char *word)
{
    return index_of(RUN_TYPES, sizeof RUN_TYPES / sizeof *RUN_TYPES, word);
}
