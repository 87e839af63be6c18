/*
 * The scheduler: runs of a pipeline's DAGs, kept in SQLite, their tasks run as subprocesses.
 *
 * State lives in <data>/state.db (WAL), so commands read it, trigger and cancel runs beside a
 * running server; whoever holds <data>/scheduler.lock runs the tasks: the server, or a command that
 * waits for its run. A state changes only from the one it is expected to be in (compare and swap).
 *
 *   run:   queued -> running -> success | failed | cancelled
 *   task:  none -> running -> success
 *                          -> up_for_retry -> running ...
 *                          -> failed
 *          none -> upstream_failed | cancelled
 *
 * An attempt whose scheduler died counts as an attempt and is made again at once: a task runs at
 * most retries + 1 times.
 */
#ifndef PN_DAG_DAG_H
#define PN_DAG_DAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "base/logger.h"
#include "base/metrics.h"
#include "pipeline/pipeline.h"

enum pn_run_state {
    PN_RUN_QUEUED,
    PN_RUN_RUNNING,
    PN_RUN_SUCCESS,
    PN_RUN_FAILED,
    PN_RUN_CANCELLED
};
enum pn_task_state {
    PN_TASK_NONE,
    PN_TASK_RUNNING,
    PN_TASK_UP_FOR_RETRY,
    PN_TASK_SUCCESS,
    PN_TASK_FAILED,
    PN_TASK_UPSTREAM_FAILED,
    PN_TASK_CANCELLED
};
/* The canonical words: "queued", "up_for_retry", ... */
const char *pn_run_state_name(enum pn_run_state state);
const char *pn_task_state_name(enum pn_task_state state);
/* success, failed or cancelled. */
bool pn_run_state_final(enum pn_run_state state);

/* Times are wall milliseconds; 0 means not yet. Strings live in the arena of the call. */
struct pn_run {
    int64_t id;
    const char *run_id; /* "manual__2026-11-23T15:44:43.123Z" */
    const char *dag;
    enum pn_run_state state;
    bool cancel_asked;
    int64_t queued_ms;
    int64_t started_ms;
    int64_t ended_ms;
};
struct pn_task_run {
    const char *task;
    enum pn_task_state state;
    int32_t tries;
    int64_t started_ms; /* of the first attempt */
    int64_t ended_ms;   /* of the last attempt */
    int64_t next_ms;    /* up_for_retry: not before */
};
struct pn_attempt {
    const char *task;
    int32_t number; /* from 1 */
    int64_t started_ms;
    int64_t ended_ms;
    int64_t pid;
    int64_t
        pid_start; /* the kernel's start time of that process, so that a pid can't be mistaken */
    int32_t exit_code;   /* -signal when it was killed */
    const char *outcome; /* "running", "success", "failed", "timeout", "cancelled", "lost" */
    const char *log;     /* path of the attempt's output */
};

/* ---- state ---------------------------------------------------------------------------------- */

struct pn_dag_db; /* one connection, for one thread at a time */

/* Opens (and makes, when missing) the database. */
int pn_dag_db_open(const char *path, struct pn_dag_db **db, struct pn_err *e) PN_MUST_CHECK;
/* The same to look at the database, which must be there: also where this user may only read. */
int pn_dag_db_look(const char *path, struct pn_dag_db **db, struct pn_err *e) PN_MUST_CHECK;
void pn_dag_db_close(struct pn_dag_db **db); /* NULL ok */

/* A new run, queued, with every task in state none. run_id NULL makes one from the time; one that
 * is taken is a CONFLICT. */
int pn_dag_db_trigger(struct pn_dag_db *db, const struct pn_dag *dag, const char *run_id,
                      int64_t now_ms, struct pn_arena *arena, struct pn_run *run,
                      struct pn_err *e) PN_MUST_CHECK;
/* Newest first; `dag` NULL for all, `state` -1 for all. *total counts all that match. */
int pn_dag_db_runs(struct pn_dag_db *db, const char *dag, int state, int64_t limit, int64_t offset,
                   struct pn_arena *arena, struct pn_run **runs, size_t *count, int64_t *total,
                   struct pn_err *e) PN_MUST_CHECK;
/* By run_id; NULL gives the DAG's latest run. MISSING when there is none. */
int pn_dag_db_run(struct pn_dag_db *db, const char *dag, const char *run_id, struct pn_arena *arena,
                  struct pn_run *run, struct pn_err *e) PN_MUST_CHECK;
/* In the order in which the DAG lists them. */
int pn_dag_db_tasks(struct pn_dag_db *db, int64_t run, struct pn_arena *arena,
                    struct pn_task_run **tasks, size_t *count, struct pn_err *e) PN_MUST_CHECK;
/* `task` NULL for all; in order of start. */
int pn_dag_db_attempts(struct pn_dag_db *db, int64_t run, const char *task, struct pn_arena *arena,
                       struct pn_attempt **attempts, size_t *count, struct pn_err *e) PN_MUST_CHECK;
/* Asks the scheduler to end a run; a queued one is cancelled at once. INPUT when it's over. */
int pn_dag_db_cancel(struct pn_dag_db *db, const struct pn_run *run, int64_t now_ms,
                     struct pn_err *e) PN_MUST_CHECK;

/* For the scheduler. Each compares and swaps: CONFLICT when the state isn't `expected`. */
int pn_dag_db_run_set(struct pn_dag_db *db, int64_t run, enum pn_run_state expected,
                      enum pn_run_state next, int64_t now_ms, struct pn_err *e) PN_MUST_CHECK;
int pn_dag_db_task_set(struct pn_dag_db *db, int64_t run, const char *task,
                       enum pn_task_state expected, enum pn_task_state next, int64_t now_ms,
                       int64_t next_ms, struct pn_err *e) PN_MUST_CHECK;
/* Moves the task to running and adds the attempt, in one transaction; fills attempt->number. */
int pn_dag_db_attempt_begin(struct pn_dag_db *db, int64_t run, const char *task,
                            enum pn_task_state expected, int64_t now_ms, int32_t *number,
                            struct pn_err *e) PN_MUST_CHECK;
int pn_dag_db_attempt_process(struct pn_dag_db *db, int64_t run, const char *task, int32_t number,
                              int64_t pid, int64_t pid_start, const char *log,
                              struct pn_err *e) PN_MUST_CHECK;
/* Ends the attempt and moves the task on, in one transaction. */
int pn_dag_db_attempt_end(struct pn_dag_db *db, int64_t run, const char *task, int32_t number,
                          const char *outcome, int32_t exit_code, enum pn_task_state next,
                          int64_t now_ms, int64_t next_ms, struct pn_err *e) PN_MUST_CHECK;
/* Forgets all but the newest `kept` runs of a DAG that are over; fn gets each forgotten run_id. */
int pn_dag_db_prune(struct pn_dag_db *db, const char *dag, int64_t kept,
                    void (*fn)(void *arg, const char *run_id), void *arg,
                    struct pn_err *e) PN_MUST_CHECK;

/* ---- graph ---------------------------------------------------------------------------------- */

/* Given each task's state (in the DAG's order): which tasks may start now, which can't any more
 * (upstream_failed), and is the run over? Pure. */
struct pn_dag_step {
    bool *start;           /* [task_count]: none with all it waits for done, or retry that is due */
    bool *upstream_failed; /* [task_count] */
    bool over;
    enum pn_run_state outcome; /* when over */
    int64_t next_ms;           /* when the next retry is due; 0: none waits */
};
void pn_dag_plan(const struct pn_dag *dag, const struct pn_task_run *tasks, int64_t now_ms,
                 struct pn_arena *arena, struct pn_dag_step *step);

/* ---- scheduler ------------------------------------------------------------------------------ */

struct pn_scheduler_config {
    const char *data_folder;
    const char *const
        *task_command; /* argv prefix; "<dag> <task> <run_id>" are added; NULL-ended */
    int64_t runs_kept;
    int64_t log_bytes_max; /* of one attempt (dag/task_log.h) */
    int64_t poll_ms;       /* how often tasks that run are looked at; 50 */
};

struct pn_scheduler;

/*
 * Takes the scheduler's lock (CONFLICT when another process has it), recovers what a crash left,
 * opens its own database connection. All pointers are borrowed for its life.
 */
int pn_scheduler_create(const struct pn_scheduler_config *config,
                        const struct pn_pipeline *pipeline, const struct pn_io *io,
                        const struct pn_clock *clock, struct pn_logger *logger,
                        struct pn_metrics *metrics, struct pn_scheduler **scheduler,
                        struct pn_err *e) PN_MUST_CHECK;
/* Starts what may start, reaps what ended; waits at most `wait_ms` for something to happen. */
int pn_scheduler_step(struct pn_scheduler *scheduler, int64_t wait_ms,
                      struct pn_err *e) PN_MUST_CHECK;
/* A thread that steps until pn_scheduler_destroy(). */
int pn_scheduler_start(struct pn_scheduler *scheduler, struct pn_err *e) PN_MUST_CHECK;
/* Stops the thread; running tasks get SIGTERM and, 5 seconds later, SIGKILL; their attempts count
 * as lost and are made again by the next scheduler. Gives the lock back. NULL ok. */
void pn_scheduler_destroy(struct pn_scheduler **scheduler);

#endif
