/*
 * The database of runs, <data>/state.db (SQLite, WAL): commands read it, trigger and cancel runs
 * beside a running server. A state changes only from the one it is expected to be in (compare and
 * swap), and each function is one transaction.
 *
 * Times are wall milliseconds; 0 means not yet, PN_TIME_NONE that there is none. Strings of results
 * live in the arena of the call.
 */
#ifndef PN_DAG_DB_H
#define PN_DAG_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "dag/states.h"
#include "pipeline/pipeline.h"

enum { PN_CONF_BYTES_MAX = 64 * 1024, PN_NOTE_BYTES_MAX = 4 * 1024, PN_RUN_ID_BYTES_MAX = 200 };
#define PN_TIME_NONE INT64_MIN

struct pn_run {
    int64_t id;
    const char *run_id; /* "manual__2026-11-23T15:44:43.123Z" */
    const char *dag;
    enum pn_run_type type;
    enum pn_run_state state;
    bool cancel_asked;
    int64_t queued_ms;
    int64_t started_ms;
    int64_t ended_ms;
    int64_t logical_ms;        /* the time the run is for; PN_TIME_NONE: none was given */
    int64_t interval_start_ms; /* of the data: [start, end); PN_TIME_NONE: none */
    int64_t interval_end_ms;
    int64_t run_after_ms;     /* it starts no sooner */
    const char *conf;         /* a JSON object */
    const char *note;         /* a person's */
    const char *triggered_by; /* "cli", "api", "schedule", ...; "" in old runs */
    int64_t backfill;         /* 0: none */
    const char *reason;       /* why it ended as it did, or "" */
    const char *notice;       /* about its failure: "", "pending", or what came of it */
    int64_t version;          /* of its DAG (versions.h), as it began last; 0: unknown */
};
struct pn_task_run {
    const char *task;
    enum pn_task_state state;
    int32_t tries;
    int32_t max_tries;  /* it is tried again while tries is less */
    int64_t started_ms; /* of the first attempt since it was cleared */
    int64_t ended_ms;   /* of the last attempt */
    int64_t next_ms;    /* up_for_retry: not before */
    const char *pool;
    int32_t pool_slots;
    int32_t priority; /* the highest first */
};
struct pn_attempt {
    const char *task;
    int32_t number; /* from 1; keeps rising after the task was cleared */
    int64_t started_ms;
    int64_t ended_ms;
    int64_t pid;
    int64_t
        pid_start; /* the kernel's start time of that process, so that a pid can't be mistaken */
    int32_t exit_code; /* -signal when it was killed */
    const char
        *outcome; /* "running", "success", "failed", "timeout", "cancelled", "skipped", "lost" */
    const char *reason;   /* words, where the outcome needs some; else "" */
    int64_t memory_bytes; /* the most it had in use at once; 0: unknown */
    const char *log;      /* path of the attempt's output; "" when it is gone */
    int64_t version;      /* of the DAG, which it ran; 0: unknown */
};

struct pn_dag_db; /* one connection, for one thread at a time */

/* Opens (and makes, when missing) the database; one of an older version is brought up to date. */
int pn_dag_db_open(const char *path, struct pn_dag_db **db, struct pn_err *e) PN_MUST_CHECK;
/* The same to look at the database, which must be there: also where this user may only read. */
int pn_dag_db_look(const char *path, struct pn_dag_db **db, struct pn_err *e) PN_MUST_CHECK;
void pn_dag_db_close(struct pn_dag_db **db); /* NULL ok */

/* Makes one transaction of all that is called until pn_dag_db_end(); waits for other writers. Those
 * of the functions themselves become part of it. */
int pn_dag_db_begin(struct pn_dag_db *db, struct pn_err *e) PN_MUST_CHECK;
/* Commits when rc is 0, else rolls all of it back; returns rc, or the commit's failure. After a
 * failed pn_dag_db_begin() it isn't called. */
int pn_dag_db_end(struct pn_dag_db *db, int rc, struct pn_err *e) PN_MUST_CHECK;

/* ---- runs ----------------------------------------------------------------------------------- */

/* A run to be made; all zero but the times is a manual run without a conf. */
struct pn_trigger {
    const char *run_id; /* NULL: made from the type and the logical time, or the time of now */
    enum pn_run_type type;
    int64_t logical_ms; /* PN_TIME_NONE: none */
    int64_t interval_start_ms;
    int64_t interval_end_ms;
    int64_t run_after_ms; /* 0: now */
    const char *conf;     /* NULL: {} */
    const char *note;     /* NULL: none */
    const char *who;      /* for the audit and triggered_by: "cli", "api", "schedule" */
    int64_t backfill;     /* 0: none */
};
/* A trigger with nothing but `who`. */
struct pn_trigger pn_trigger_of(const char *who);

/* A new run, queued, with every task in state none. A run_id or logical time that the DAG has
 * already is a CONFLICT; a bad run_id, conf or note is INPUT. So is the logical date of a manual
 * run at or after the schedule's next time: that run is the schedule's. */
int pn_dag_db_trigger(struct pn_dag_db *db, const struct pn_dag *dag, const struct pn_trigger *how,
                      int64_t now_ms, struct pn_arena *arena, struct pn_run *run,
                      struct pn_err *e) PN_MUST_CHECK;

/* Which runs, newest first. All zero but `limit` is all runs. */
struct pn_run_filter {
    const char *dag;   /* NULL: all */
    int state;         /* enum pn_run_state + 1; 0: all */
    int type;          /* enum pn_run_type + 1; 0: all */
    int64_t from_ms;   /* queued no sooner; 0: any time */
    int64_t to_ms;     /* queued before it; 0: any time */
    const char *text;  /* their run_id or note has it, in letters of either case; NULL: any */
    int64_t before_id; /* a page's end: only runs with a smaller id; 0: from the newest */
    int64_t offset;    /* items to leave out */
    int64_t limit;     /* the most items; -1: all */
};
int pn_dag_db_runs(struct pn_dag_db *db, const struct pn_run_filter *filter, struct pn_arena *arena,
                   struct pn_run **runs, size_t *count, struct pn_err *e) PN_MUST_CHECK;
/* How many runs there are, by state; `dag` NULL for all. Costs the same however many they are. */
int pn_dag_db_count_runs(struct pn_dag_db *db, const char *dag, int64_t counts[PN_RUN_STATES],
                         struct pn_err *e) PN_MUST_CHECK;
/* How many of a DAG's newest PN_COUNT_SINCE_MAX runs were queued since then, by state. */
enum { PN_COUNT_SINCE_MAX = 2000 };
int pn_dag_db_count_since(struct pn_dag_db *db, const char *dag, int64_t since_ms,
                          int64_t counts[PN_RUN_STATES], struct pn_err *e) PN_MUST_CHECK;
/* By run_id; NULL gives the DAG's latest run. MISSING when there is none. */
int pn_dag_db_run(struct pn_dag_db *db, const char *dag, const char *run_id, struct pn_arena *arena,
                  struct pn_run *run, struct pn_err *e) PN_MUST_CHECK;
/* The DAG's newest run before `before_id` that was a success; *found says whether there is one. */
int pn_dag_db_last_success(struct pn_dag_db *db, const char *dag, int64_t before_id,
                           struct pn_arena *arena, struct pn_run *run, bool *found,
                           struct pn_err *e) PN_MUST_CHECK;
/* In the order in which the DAG lists them. */
int pn_dag_db_tasks(struct pn_dag_db *db, int64_t run, struct pn_arena *arena,
                    struct pn_task_run **tasks, size_t *count, struct pn_err *e) PN_MUST_CHECK;
/* `task` NULL for all; in order of start. */
int pn_dag_db_attempts(struct pn_dag_db *db, int64_t run, const char *task, struct pn_arena *arena,
                       struct pn_attempt **attempts, size_t *count, struct pn_err *e) PN_MUST_CHECK;
/* Asks the scheduler to end a run; a queued one is cancelled at once. INPUT when it's over. */
int pn_dag_db_cancel(struct pn_dag_db *db, const struct pn_run *run, const char *who,
                     int64_t now_ms, struct pn_err *e) PN_MUST_CHECK;
/* Replaces the run's note. */
int pn_dag_db_note(struct pn_dag_db *db, const struct pn_run *run, const char *note,
                   const char *who, int64_t now_ms, struct pn_err *e) PN_MUST_CHECK;

/* For the scheduler. Each compares and swaps: CONFLICT when the state isn't `expected`. */

/* `reason` is kept with a run that is over ("" otherwise). */
int pn_dag_db_run_set(struct pn_dag_db *db, int64_t run, enum pn_run_state expected,
                      enum pn_run_state next, const char *reason, int64_t now_ms,
                      struct pn_err *e) PN_MUST_CHECK;
int pn_dag_db_task_set(struct pn_dag_db *db, int64_t run, const char *task,
                       enum pn_task_state expected, enum pn_task_state next, int64_t now_ms,
                       int64_t next_ms, struct pn_err *e) PN_MUST_CHECK;
/* Gives a run that begins the tasks of its DAG as that is now: those that it lacks are added, and
 * those that the DAG does not have and that never ran are removed. */
int pn_dag_db_fit_tasks(struct pn_dag_db *db, int64_t run, const struct pn_dag *dag,
                        struct pn_arena *arena, struct pn_err *e) PN_MUST_CHECK;
/* The version of its DAG that a run begins with. */
int pn_dag_db_run_version(struct pn_dag_db *db, int64_t run, int64_t version,
                          struct pn_err *e) PN_MUST_CHECK;
/* Moves the task to running and adds the attempt, in one transaction; tells its number. `version`
 * is the DAG's. */
int pn_dag_db_attempt_begin(struct pn_dag_db *db, int64_t run, const char *task,
                            enum pn_task_state expected, int64_t version, int64_t now_ms,
                            int32_t *number, struct pn_err *e) PN_MUST_CHECK;
int pn_dag_db_attempt_process(struct pn_dag_db *db, int64_t run, const char *task, int32_t number,
                              int64_t pid, int64_t pid_start, const char *log,
                              struct pn_err *e) PN_MUST_CHECK;
/* The oldest run of a DAG that waits and may start by now: one of no backfill first, then one of a
 * backfill that isn't paused and has a run to spare. *next_ms is when the next one may start that
 * may not yet (0: none). */
int pn_dag_db_queued(struct pn_dag_db *db, const char *dag, int64_t now_ms, struct pn_arena *arena,
                     struct pn_run *run, bool *found, int64_t *next_ms,
                     struct pn_err *e) PN_MUST_CHECK;
/* The DAGs that have runs in a state, whether the pipeline has them or not. */
int pn_dag_db_dags_with(struct pn_dag_db *db, enum pn_run_state state, struct pn_arena *arena,
                        const char ***dags, size_t *count, struct pn_err *e) PN_MUST_CHECK;
/* How an attempt ended. */
struct pn_attempt_end {
    const char *outcome;
    const char *reason; /* NULL: none */
    int32_t exit_code;
    int64_t memory_bytes;
    enum pn_task_state next;
    int64_t next_ms; /* when the task is up_for_retry: not before; else 0 */
};
/* Ends the attempt and moves the task on, in one transaction. */
int pn_dag_db_attempt_end(struct pn_dag_db *db, int64_t run, const char *task, int32_t number,
                          const struct pn_attempt_end *end, int64_t now_ms,
                          struct pn_err *e) PN_MUST_CHECK;
/* Ends a run that is running. `tell`: its failure is still to be reported
 * (pn_dag_db_next_notice()). A backfill whose last run this is becomes done. */
int pn_dag_db_run_end(struct pn_dag_db *db, const struct pn_run *run, enum pn_run_state outcome,
                      const char *reason, bool tell, int64_t now_ms,
                      struct pn_err *e) PN_MUST_CHECK;
/* Cancels a run that is queued; CONFLICT when it isn't any more. */
int pn_dag_db_cancel_queued(struct pn_dag_db *db, const struct pn_run *run, const char *reason,
                            const char *who, int64_t now_ms, struct pn_err *e) PN_MUST_CHECK;
/* The oldest run whose failure is still to be reported; and what came of it. */
int pn_dag_db_next_notice(struct pn_dag_db *db, struct pn_arena *arena, struct pn_run *run,
                          bool *found, struct pn_err *e) PN_MUST_CHECK;
int pn_dag_db_notice(struct pn_dag_db *db, int64_t run, const char *result,
                     struct pn_err *e) PN_MUST_CHECK;
/* Runs that ended before a time and still have their logs, the oldest first; and that they have
 * them no longer. */
int pn_dag_db_old_logs(struct pn_dag_db *db, int64_t before_ms, int64_t limit,
                       struct pn_arena *arena, struct pn_run **runs, size_t *count,
                       struct pn_err *e) PN_MUST_CHECK;
int pn_dag_db_logs_gone(struct pn_dag_db *db, int64_t run, struct pn_err *e) PN_MUST_CHECK;
/* Forgets all but the newest `kept` runs of a DAG that are over; fn gets each forgotten run_id. */
int pn_dag_db_prune(struct pn_dag_db *db, const char *dag, int64_t kept,
                    void (*fn)(void *arg, const char *run_id), void *arg,
                    struct pn_err *e) PN_MUST_CHECK;

/* ---- what tasks read and wrote -------------------------------------------------------------- */

/* Of the last attempt of a task. PN_TIME_NONE: it does not apply, or isn't known. */
struct pn_task_io {
    const char *task;
    bool is_write;
    const char *name; /* a table, or the topic that a load reads */
    int64_t version;
    int64_t rows;
    int64_t rows_before; /* in the last run before this one that was a success */
    int64_t table_rows;  /* all rows of the table that was written, after it */
    int64_t table_rows_before;
    bool replaces_part; /* it put its rows in place of those of a condition (replace_where) */
    int64_t files;
    int64_t bytes;
    int64_t dead_letters;
};
int pn_dag_db_put_io(struct pn_dag_db *db, int64_t run, int32_t number, const struct pn_task_io *io,
                     struct pn_err *e) PN_MUST_CHECK;
/* Of a run, by task; rows_before and table_rows_before aren't filled. */
int pn_dag_db_io(struct pn_dag_db *db, int64_t run, struct pn_arena *arena,
                 struct pn_task_io **rows, size_t *count, struct pn_err *e) PN_MUST_CHECK;
/* The same beside the last success before it. */
int pn_dag_db_io_beside(struct pn_dag_db *db, const struct pn_run *run, struct pn_arena *arena,
                        struct pn_task_io **rows, size_t *count, struct pn_err *e) PN_MUST_CHECK;

/* ---- DAGs ----------------------------------------------------------------------------------- */

/* What a DAG is besides its definition. */
struct pn_dag_status {
    bool paused; /* no runs are made of its schedule */
    int64_t paused_ms;
    int64_t tick_ms; /* its schedule is done up to this time; PN_TIME_NONE: not begun */
};
int pn_dag_db_dag(struct pn_dag_db *db, const char *dag, struct pn_dag_status *status,
                  struct pn_err *e) PN_MUST_CHECK;
/* Pauses or unpauses it; *changed says whether that made a difference. */
int pn_dag_db_pause(struct pn_dag_db *db, const char *dag, bool paused, const char *who,
                    int64_t now_ms, bool *changed, struct pn_err *e) PN_MUST_CHECK;
int pn_dag_db_tick(struct pn_dag_db *db, const char *dag, int64_t tick_ms,
                   struct pn_err *e) PN_MUST_CHECK;

/* Times of a schedule for which no run was made. */
struct pn_skip {
    int64_t id;
    const char *dag;
    int64_t first_ms;
    int64_t last_ms;
    int64_t count;
    const char *reason;
    int64_t at_ms;
};
int pn_dag_db_skip(struct pn_dag_db *db, const struct pn_skip *skip,
                   struct pn_err *e) PN_MUST_CHECK;
/* Newest first; `dag` NULL for all. */
int pn_dag_db_skips(struct pn_dag_db *db, const char *dag, int64_t limit, struct pn_arena *arena,
                    struct pn_skip **rows, size_t *count, struct pn_err *e) PN_MUST_CHECK;

/* ---- audit ---------------------------------------------------------------------------------- */

/* Who did what, and when: trigger, cancel, pause, clear, note, backfill, ... */
struct pn_audit {
    int64_t id;
    int64_t at_ms;
    const char *who;
    const char *what;
    const char *dag;
    const char *run_id;
    const char *task;
    const char *detail;
};
/* Adds a row to the audit, in the caller's transaction if it has one. Texts NULL: none. */
int pn_dag_db_audit(struct pn_dag_db *db, const struct pn_audit *row,
                    struct pn_err *e) PN_MUST_CHECK;
/* Which of them, newest first: `dag` NULL for all, `run_id` (of a dag) likewise. `words` (NULL ok)
 * must all be in the row's texts, see base/words.h. */
struct pn_audit_filter {
    const char *dag;
    const char *run_id;
    const char *words;
    bool oldest_first;
    int64_t after_id; /* *next_id of the page before; 0: from the first */
    int64_t limit;    /* less than PN_AUDITS_READ_MAX */
};
/* A call reads at most this many rows, whether they have the words or not. */
enum { PN_AUDITS_READ_MAX = 5000 };
/* *next_id is the `after_id` of the next page; 0: this page is the last. As a call reads no more
 * than so many rows, a page may be short, even empty, although another follows. */
int pn_dag_db_audits(struct pn_dag_db *db, const struct pn_audit_filter *filter,
                     struct pn_arena *arena, struct pn_audit **rows, size_t *count,
                     int64_t *next_id, struct pn_err *e) PN_MUST_CHECK;

#endif
