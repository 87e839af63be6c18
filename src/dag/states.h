/*
 * What runs and tasks can be: the states of Airflow, by its names.
 *
 *   run:   queued -> running -> success | failed | cancelled        (clearing: -> queued again)
 *   task:  none -> scheduled -> queued -> running -> success | skipped
 *                                                 -> up_for_retry -> running ...
 *                                                 -> failed
 *          none -> upstream_failed | skipped | cancelled            (clearing: -> none again)
 *
 * A task is `scheduled` when its trigger rule is met but its run or its pool has no free slot, and
 * `queued` when only a process slot of the machine is missing. Cancelled is a state of our own.
 */
#ifndef PN_DAG_STATES_H
#define PN_DAG_STATES_H

#include <stdbool.h>

enum pn_run_state {
    PN_RUN_QUEUED,
    PN_RUN_RUNNING,
    PN_RUN_SUCCESS,
    PN_RUN_FAILED,
    PN_RUN_CANCELLED
};
enum { PN_RUN_STATES = PN_RUN_CANCELLED + 1 };
enum pn_task_state {
    PN_TASK_NONE,
    PN_TASK_SCHEDULED,
    PN_TASK_QUEUED,
    PN_TASK_RUNNING,
    PN_TASK_UP_FOR_RETRY,
    PN_TASK_SUCCESS,
    PN_TASK_FAILED,
    PN_TASK_UPSTREAM_FAILED,
    PN_TASK_SKIPPED,
    PN_TASK_CANCELLED
};
enum { PN_TASK_STATES = PN_TASK_CANCELLED + 1 };
/* What made a run. */
enum pn_run_type { PN_RUN_MANUAL, PN_RUN_SCHEDULED, PN_RUN_BACKFILL };

/* The canonical words: "queued", "up_for_retry", "manual", ... */
const char *pn_run_state_name(enum pn_run_state state);
const char *pn_task_state_name(enum pn_task_state state);
const char *pn_run_type_name(enum pn_run_type type);

/* A letter for each state, for lack of room: q r s f x of runs; of tasks - none, c scheduled, q, r,
 * t up_for_retry, s, f, u upstream_failed, k skipped, x. */
char pn_run_state_letter(enum pn_run_state state);
char pn_task_state_letter(enum pn_task_state state);

/* success, failed or cancelled. */
bool pn_run_state_final(enum pn_run_state state);
/* The run does nothing more for the task: success, failed, upstream_failed, skipped, cancelled. */
bool pn_task_state_final(enum pn_task_state state);

/* Each gives the state, or -1 when the word names none. */
int pn_run_state_parse(const char *word);
int pn_task_state_parse(const char *word);
int pn_run_type_parse(const char *word);

#endif
