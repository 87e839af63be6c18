/*
 * Finding runs, tasks and acts by any of their facts, sorted by any of them, a page at a time: for
 * APIs whose clients filter as they like. What every page needs has functions of its own in db.h.
 */
#ifndef PN_DAG_FIND_H
#define PN_DAG_FIND_H

#include "dag/versions.h"

/* A fact that is compared or sorted by. Runs have the first group, tasks have it and the second,
 * acts the third. A time that has not come is null: no comparison of numbers holds for it. */
enum pn_find_column {
    PN_FIND_RUN, /* in the order in which they were made */
    PN_FIND_DAG,
    PN_FIND_RUN_ID,
    PN_FIND_RUN_STATE,
    PN_FIND_RUN_TYPE,
    PN_FIND_LOGICAL,
    PN_FIND_INTERVAL_START,
    PN_FIND_INTERVAL_END,
    PN_FIND_RUN_AFTER,
    PN_FIND_RUN_QUEUED,
    PN_FIND_RUN_STARTED,
    PN_FIND_RUN_ENDED,
    PN_FIND_RUN_LASTED, /* milliseconds */
    PN_FIND_RUN_CHANGED,
    PN_FIND_CONF,
    PN_FIND_TRIGGERED_BY,

    PN_FIND_TASK,
    /* Of a cancelled task that had begun it is "cancelled_begun". */
    PN_FIND_TASK_STATE,
    PN_FIND_TASK_STARTED, /* the last attempt */
    PN_FIND_TASK_ENDED,
    PN_FIND_TASK_LASTED,
    PN_FIND_TASK_CHANGED,
    PN_FIND_TRIES,
    PN_FIND_POOL,
    PN_FIND_PRIORITY,

    PN_FIND_ACT, /* in the order in which they were done */
    PN_FIND_ACT_AT,
    PN_FIND_ACT_WHO,
    PN_FIND_ACT_WHAT,
    PN_FIND_ACT_DAG,
    PN_FIND_ACT_RUN_ID,
    PN_FIND_ACT_TASK
};
enum { PN_FIND_COLUMNS = PN_FIND_ACT_TASK + 1 };

enum pn_find_op {
    PN_FIND_IS,     /* one of the texts */
    PN_FIND_IS_NOT, /* none of them */
    PN_FIND_LIKE,   /* has one of the texts in it, letters of either case; % is any text in between,
                       _ any character */
    PN_FIND_BEGINS, /* with one of the texts */
    PN_FIND_GE,     /* the number */
    PN_FIND_GT,
    PN_FIND_LE,
    PN_FIND_LT,
    PN_FIND_EQ
};

struct pn_find_term {
    enum pn_find_column column;
    enum pn_find_op op;
    const char *const *texts;
    size_t text_count;
    int64_t number;
};
struct pn_find_order {
    enum pn_find_column column;
    bool descending;
};
enum { PN_FIND_TERMS_MAX = 64, PN_FIND_TEXTS_MAX = 256, PN_FIND_ORDERS_MAX = 8 };

/* All terms hold for what is found. All zero but `limit` finds everything, the oldest first. */
struct pn_find {
    const struct pn_find_term *terms;
    size_t term_count; /* at most PN_FIND_TERMS_MAX, with PN_FIND_TEXTS_MAX texts altogether */
    const struct pn_find_order *orders;
    size_t order_count; /* at most PN_FIND_ORDERS_MAX */
    int64_t offset;
    int64_t limit; /* -1: all */
};

/* Each gives a page in the arena, and how many there are on all pages. INPUT for too many texts. */
int pn_dag_db_find_runs(struct pn_dag_db *db, const struct pn_find *find, struct pn_arena *arena,
                        struct pn_run **runs, size_t *count, int64_t *total,
                        struct pn_err *e) PN_MUST_CHECK;

/* A task of a run with its last attempt since it was cleared. */
struct pn_found_task {
    int64_t run; /* id */
    const char *dag;
    const char *run_id;
    int64_t logical_ms;
    int64_t run_after_ms;
    struct pn_task_run task; /* its times are those of that attempt */
    int64_t pid;             /* 0: none */
    const char *reason;      /* the attempt's */
    struct pn_dag_version
        version; /* the attempt's, or before one the run's; a number of 0: unknown */
};
int pn_dag_db_find_tasks(struct pn_dag_db *db, const struct pn_find *find, struct pn_arena *arena,
                         struct pn_found_task **tasks, size_t *count, int64_t *total,
                         struct pn_err *e) PN_MUST_CHECK;
int pn_dag_db_find_audits(struct pn_dag_db *db, const struct pn_find *find, struct pn_arena *arena,
                          struct pn_audit **audits, size_t *count, int64_t *total,
                          struct pn_err *e) PN_MUST_CHECK;

#endif
