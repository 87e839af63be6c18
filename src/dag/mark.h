/*
 * Marking: a person says what became of a task or of a run.
 *
 * A task that is marked a success, or skipped, lets the tasks after it run that failed or could not
 * start because of a failure: they are cleared, and the run continues. A run that is over gets the
 * state that its tasks then make it.
 */
#ifndef PN_DAG_MARK_H
#define PN_DAG_MARK_H

#include "dag/db.h"

struct pn_mark {
    enum pn_task_state state; /* SUCCESS, FAILED or SKIPPED; a run takes the first two */
    const char *const *tasks; /* none: all of the run, and the run itself */
    size_t task_count;
    bool dry_run; /* say what would change, and change nothing */
    const char *who;
};
struct pn_marked {
    const char **tasks; /* that get the state, in the order of the run */
    size_t task_count;
    const char **cleared; /* that run again */
    size_t cleared_count;
};
/* `dag` may be NULL: the pipeline has it no longer. Nothing to change is fine. CONFLICT when one of
 * the tasks is running, or the run is, where all of it is marked; MISSING for an unknown task;
 * INPUT for a state that cannot be. */
int pn_dag_db_mark(struct pn_dag_db *db, const struct pn_dag *dag, const struct pn_run *run,
                   const struct pn_mark *mark, int64_t now_ms, struct pn_arena *arena,
                   struct pn_marked *marked, struct pn_err *e) PN_MUST_CHECK;

#endif
