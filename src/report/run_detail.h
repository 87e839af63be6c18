/*
 * All there is of a run, beside its DAG's last success: for the page of a run, and for the commands
 * that show one.
 */
#ifndef PN_REPORT_RUN_DETAIL_H
#define PN_REPORT_RUN_DETAIL_H

#include "dag/dag.h"

struct pn_run_detail {
    struct pn_run run;
    const char *reason; /* why it waits, or ended as it did; "" where there is none */
    struct pn_task_run *tasks;
    size_t task_count;
    const char **reasons;        /* of each task, "" where there is none */
    struct pn_attempt *attempts; /* by start */
    size_t attempt_count;
    struct pn_task_io *io; /* by task */
    size_t io_count;
    bool has_before;      /* a run before this one was a success: the newest such is */
    struct pn_run before; /* this, and its tasks */
    struct pn_task_run *before_tasks;
    size_t before_task_count;
    int64_t median_ms; /* duration of the last successes; PN_TIME_NONE when there is none */
};

enum { PN_RUN_MEDIAN_OF = 10 };

/* Reads it all; strings live in the arena. */
int pn_run_detail_read(struct pn_dag_db *db, const struct pn_reason_context *context,
                       const struct pn_run *run, struct pn_arena *arena,
                       struct pn_run_detail *detail, struct pn_err *e) PN_MUST_CHECK;

/* The task of that name, or NULL. */
const struct pn_task_run *pn_task_run_find(const struct pn_task_run *tasks, size_t count,
                                           const char *name);

#endif
