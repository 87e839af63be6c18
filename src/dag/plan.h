/* What a run does next, from the states of its tasks alone. */
#ifndef PN_DAG_PLAN_H
#define PN_DAG_PLAN_H

#include "base/arena.h"
#include "dag/db.h"

/* Given each task's state (in the DAG's order): which tasks may start now, which can't any more,
 * and is the run over? */
struct pn_dag_step {
    bool *start;           /* [task_count]: its trigger rule is met, or its retry is due */
    bool *upstream_failed; /* [task_count]: goes from none to upstream_failed */
    bool over;
    enum pn_run_state outcome; /* when over */
    int64_t next_ms;           /* when the next retry is due; 0: none waits */
};
void pn_dag_plan(const struct pn_dag *dag, const struct pn_task_run *tasks, int64_t now_ms,
                 struct pn_arena *arena, struct pn_dag_step *step);

#endif
