/* The scheduler: starts the tasks of runs as subprocesses, and ends runs. */
#ifndef PN_DAG_SCHEDULER_H
#define PN_DAG_SCHEDULER_H

#include "base/clock.h"
#include "base/io.h"
#include "base/logger.h"
#include "base/metrics.h"
#include "dag/db.h"

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
