/* What a run does next, from the states of its tasks alone: pure. */
#ifndef PN_DAG_PLAN_H
#define PN_DAG_PLAN_H

#include "base/arena.h"
#include "dag/db.h"

/* What is to be done with a task now. */
enum pn_dag_move {
    PN_MOVE_NONE,            /* nothing: it waits, runs, or is over */
    PN_MOVE_START,           /* its trigger rule is met, or its retry is due */
    PN_MOVE_UPSTREAM_FAILED, /* its trigger rule can't be met any more, by a failure */
    PN_MOVE_SKIP             /* its trigger rule can't be met any more, without one */
};

struct pn_dag_step {
    enum pn_dag_move *moves;   /* [task_count], of all that follow from each other */
    bool over;                 /* with the moves made, no task runs or will */
    enum pn_run_state outcome; /* when over: FAILED when a task failed that may not */
    int64_t next_ms;           /* when the next retry is due; 0: none waits */
};

/* `tasks` are in the DAG's order. */
void pn_dag_plan(const struct pn_dag *dag, const struct pn_task_run *tasks, int64_t now_ms,
                 struct pn_arena *arena, struct pn_dag_step *step);

/* How long to wait before a further attempt, after `failures` of them (1, 2, ...). */
int64_t pn_dag_retry_delay_ms(const struct pn_task *task, int32_t failures);

#endif
