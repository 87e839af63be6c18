/* Why a run or a task waits, in words with numbers, as it is at this moment. */
#ifndef PN_DAG_REASON_H
#define PN_DAG_REASON_H

#include "dag/db.h"

struct pn_reason_context {
    const struct pn_pipeline *pipeline;
    bool scheduler_lives; /* pn_scheduler_lives() */
    int64_t tasks_max;    /* the scheduler's */
    int64_t now_ms;
};
/* "" for a run that waits for nothing; for one that is over, why it ended so. */
int pn_dag_reason_run(struct pn_dag_db *db, const struct pn_reason_context *context,
                      const struct pn_run *run, struct pn_arena *arena, const char **reason,
                      struct pn_err *e) PN_MUST_CHECK;
/* A reason for each of the run's tasks, "" where there is none. */
int pn_dag_reason_tasks(struct pn_dag_db *db, const struct pn_reason_context *context,
                        const struct pn_run *run, const struct pn_task_run *tasks, size_t count,
                        struct pn_arena *arena, const char ***reasons,
                        struct pn_err *e) PN_MUST_CHECK;

/* A task that runs now, in whatever run, and the slots that it has. */
struct pn_slot_holder {
    const char *dag;
    const char *run_id;
    const char *task;
    const char *pool;
    int64_t slots;
    int64_t run;
};
int pn_dag_db_holders(struct pn_dag_db *db, struct pn_arena *arena, struct pn_slot_holder **holders,
                      size_t *count, struct pn_err *e) PN_MUST_CHECK;
/* Tasks that wait for a slot of a pool or of the machine, likewise. */
int pn_dag_db_waiters(struct pn_dag_db *db, struct pn_arena *arena, struct pn_slot_holder **waiters,
                      size_t *count, struct pn_err *e) PN_MUST_CHECK;

#endif
