/*
 * The scheduler: makes the runs of schedules, starts the tasks of runs as subprocesses, and ends
 * runs.
 *
 * One step is one transaction, in which it records what ended, makes the runs that are due, lets
 * queued runs begin, and chooses tasks to start: those whose trigger rule is met, the highest
 * priority first, as far as slots allow (of the run, of the pool, of the machine). Then it starts
 * their processes, and records their pids. So a crash between leaves a lost attempt, never an
 * unknown process, and no attempt twice.
 */
#ifndef PN_DAG_SCHEDULER_H
#define PN_DAG_SCHEDULER_H

#include "base/clock.h"
#include "base/io.h"
#include "base/logger.h"
#include "base/metrics.h"
#include "dag/db.h"
#include "pipeline/definitions.h"

enum {
    PN_DAG_TASKS_MAX = 256,   /* tasks at once, over all runs: the limit of the setting */
    PN_DAG_QUEUED_MAX = 1000, /* scheduled runs of a DAG that wait; later times wait unmade */
    PN_DAG_LATE_MS = 60000    /* a time that is no older isn't missed, whatever `catchup` says */
};

struct pn_scheduler_config {
    const char *data_folder;
    const char *const
        *task_command; /* argv prefix; "<dag> <task> <run_id>" are added; NULL-ended. Tasks that
                          are command lines are run by /bin/sh instead */
    const char *const
        *notify_command; /* the same for "<dag> <run_id>" of a run that failed; NULL: none */
    /* Follows the files of the pipeline: a run keeps the definition that it began with, and the
     * task command gets its copy in PINION_PIPELINE. NULL: the pipeline stays as it is. */
    struct pn_definitions *definitions;
    int64_t runs_kept;
    int64_t tasks_max;     /* at once, over all runs; at most PN_DAG_TASKS_MAX */
    int64_t log_bytes_max; /* of one attempt (dag/task_log.h) */
    int64_t logs_keep_ms;  /* logs of runs that ended longer ago are removed; 0: never */
    int64_t poll_ms;       /* how often tasks are looked at that the system can't watch; 50 */
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

/* Does a process that lives run the tasks of this data folder? */
int pn_scheduler_lives(const char *data_folder, const struct pn_io *io, bool *lives,
                       struct pn_err *e) PN_MUST_CHECK;

#endif
