/* Running things again: clearing tasks of a run, and backfills over a range of time. Each can be
 * asked what it would do before it does it. */
#ifndef PN_DAG_RERUN_H
#define PN_DAG_RERUN_H

#include "dag/db.h"

/* ---- clear ---------------------------------------------------------------------------------- */

enum pn_clear_scope {
    PN_CLEAR_TASKS,  /* the named tasks alone */
    PN_CLEAR_AFTER,  /* the named tasks and all that come after them */
    PN_CLEAR_FAILED, /* tasks that failed, were cancelled, or could not start because of that */
    PN_CLEAR_ALL,
    PN_CLEAR_NEW /* those that the DAG has, and the run does not have yet */
};
struct pn_clear {
    enum pn_clear_scope scope;
    const char *const *tasks; /* TASKS, AFTER */
    size_t task_count;
    bool dry_run; /* say what would be cleared, and change nothing */
    const char *who;
};
/*
 * Gives tasks of a run the state none, so that they run again: a run that is over is queued. Their
 * attempt numbers keep rising, and the logs of old attempts stay. *names are the tasks, in the
 * DAG's order. INPUT when there is nothing to clear; CONFLICT when one of the tasks runs, or the
 * run is being cancelled; MISSING for an unknown task.
 */
int pn_dag_db_clear(struct pn_dag_db *db, const struct pn_dag *dag, const struct pn_run *run,
                    const struct pn_clear *clear, int64_t now_ms, struct pn_arena *arena,
                    const char ***names, size_t *count, struct pn_err *e) PN_MUST_CHECK;

/* ---- backfill ------------------------------------------------------------------------------- */

enum { PN_BACKFILL_RUNS_MAX = 1000, PN_BACKFILL_TOKEN_SIZE = 24 };

/* What happens to times that have a run already. */
enum pn_reprocess {
    PN_REPROCESS_NONE,
    PN_REPROCESS_FAILED,   /* failed and cancelled ones run again */
    PN_REPROCESS_COMPLETED /* all that are over run again */
};
enum { PN_REPROCESSES = PN_REPROCESS_COMPLETED + 1 };
extern const char *const pn_reprocess_names[PN_REPROCESSES];

enum pn_backfill_action { PN_BACKFILL_CREATE, PN_BACKFILL_CLEAR, PN_BACKFILL_LEAVE };
struct pn_backfill_item {
    int64_t logical_ms;
    const char *run_id;
    enum pn_backfill_action action;
    const char *reason; /* LEAVE: why; else "" */
};
struct pn_backfill_plan {
    int64_t from_ms; /* times of the schedule from here ... */
    int64_t to_ms;   /* ... to here, both included */
    enum pn_reprocess reprocess;
    int64_t active_runs_max; /* of the backfill, beside the DAG's own limit */
    const struct pn_backfill_item *items;
    size_t count;
    size_t runs;                        /* items that run */
    size_t outside;                     /* times before the DAG's start or after its end */
    size_t to_come;                     /* times after now */
    char token[PN_BACKFILL_TOKEN_SIZE]; /* changes with the list */
};
/*
 * Fills the plan's list from its range, within the DAG's start and end and up to now: the schedule
 * makes the runs of the times to come. Each of `outside` and `to_come` counts no further than
 * PN_BACKFILL_LEFT_MAX. INPUT for a DAG without a schedule, and a range with no time or too many.
 */
enum { PN_BACKFILL_LEFT_MAX = 10000 };
int pn_dag_db_backfill_plan(struct pn_dag_db *db, const struct pn_dag *dag,
                            struct pn_backfill_plan *plan, int64_t now_ms, struct pn_arena *arena,
                            struct pn_err *e) PN_MUST_CHECK;
/* A sentence about the times that the plan leaves out; NULL when it leaves out none. */
const char *pn_backfill_left_out(const struct pn_dag *dag, const struct pn_backfill_plan *plan,
                                 struct pn_arena *arena);
/* Makes the runs of the plan. With a token (NULL: none) that isn't the list's any more, it is a
 * CONFLICT and nothing is made. */
int pn_dag_db_backfill_create(struct pn_dag_db *db, const struct pn_dag *dag,
                              struct pn_backfill_plan *plan, const char *token, const char *who,
                              int64_t now_ms, struct pn_arena *arena, int64_t *id,
                              struct pn_err *e) PN_MUST_CHECK;

struct pn_backfill {
    int64_t id;
    const char *dag;
    const char *state; /* "running", "paused", "done", "cancelled" */
    int64_t from_ms;
    int64_t to_ms;
    const char *reprocess;
    int64_t active_runs_max;
    int64_t created_ms;
    int64_t updated_ms;
    int64_t ended_ms;
    int64_t counts[PN_RUN_STATES]; /* of its runs */
    int64_t taken;                 /* runs that a newer backfill took over, to run them again */
};
/* Newest first; `dag` NULL for all; only those with a smaller id than before_id (0: all). */
int pn_dag_db_backfills(struct pn_dag_db *db, const char *dag, int64_t before_id, int64_t limit,
                        struct pn_arena *arena, struct pn_backfill **rows, size_t *count,
                        struct pn_err *e) PN_MUST_CHECK;
/* MISSING for an unknown id. */
int pn_dag_db_backfill(struct pn_dag_db *db, int64_t id, struct pn_arena *arena,
                       struct pn_backfill *backfill, struct pn_err *e) PN_MUST_CHECK;
enum pn_backfill_act { PN_BACKFILL_PAUSE, PN_BACKFILL_UNPAUSE, PN_BACKFILL_CANCEL };
/* A paused backfill lets no more of its runs begin; a cancelled one ends those that run. MISSING
 * for an unknown id, INPUT when it is over or not in the state for it. */
int pn_dag_db_backfill_act(struct pn_dag_db *db, int64_t id, enum pn_backfill_act act,
                           const char *who, int64_t now_ms, struct pn_arena *arena,
                           struct pn_err *e) PN_MUST_CHECK;

#endif
