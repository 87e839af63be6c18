/*
 * Jobs: upkeep of tables that a server does for somebody who does not wait for it.
 *
 * At most PN_JOBS_RUNNING_MAX run at once, and one for each table; the others wait in their order,
 * with a reason. Jobs that have ended are kept, the newest PN_JOBS_KEPT_MAX of them. All of it is
 * in memory: jobs end with the server, and what a job had committed or deleted by then stays so.
 *
 * All functions may be called on any thread.
 */
#ifndef PN_UPKEEP_JOBS_H
#define PN_UPKEEP_JOBS_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/logger.h"
#include "upkeep/upkeep.h"

enum {
    PN_JOBS_RUNNING_MAX = 2,
    PN_JOBS_WAITING_MAX = 16,
    PN_JOBS_KEPT_MAX = 100,
    PN_JOB_FILES_MAX = 1000, /* that a result lists; it counts all of them */
    PN_JOB_ID_SIZE = 17
};
/* The code of an error of class RETRY: as many jobs wait as may. */
enum { PN_JOBS_FULL = -30 };

enum pn_job_state { PN_JOB_WAITING, PN_JOB_RUNNING, PN_JOB_DONE, PN_JOB_FAILED, PN_JOB_CANCELLED };
const char *pn_job_state_name(enum pn_job_state state); /* "waiting", ... */

struct pn_jobs;

struct pn_jobs_env {
    const struct pn_clock *clock;
    struct pn_logger *logger;
    /* Does the work of job `id`, which `who` asked for, on the table at `path`, as
     * pn_upkeep_run(), on one of the jobs' threads. A job that is cancelled is interrupted
     * where the work said how (watch->interruptible()), or ends when it next asks watch->step(). */
    int (*run)(void *arg, const char *id, const char *who, const char *path,
               const struct pn_upkeep *upkeep, const struct pn_upkeep_watch *watch,
               struct pn_upkeep_result *result, struct pn_err *e);
    void *arg;
};

struct pn_job_file {
    const char *path;
    int64_t size_bytes;
};

/* A job as it is; texts and files are in the caller's arena. Times are 0 before they happen. */
struct pn_job_status {
    const char *id;
    const char *table; /* as it was asked for */
    const char *who;
    struct pn_upkeep upkeep;
    enum pn_job_state state;
    bool is_cancelling; /* it runs, and was asked to end */
    const char *reason; /* why it waits, else NULL */
    int64_t done;       /* files */
    int64_t total;      /* -1: not known */
    int64_t created_ms;
    int64_t started_ms;
    int64_t ended_ms;
    struct pn_upkeep_result result; /* so far */
    const struct pn_job_file *files;
    size_t file_count; /* the first PN_JOB_FILES_MAX of result.files */
    const char *error; /* of a failed one, else NULL */
    enum pn_class error_class;
    uint64_t mark; /* another number when anything of the job is */
};

/* The environment's contents are borrowed. */
int pn_jobs_create(const struct pn_jobs_env *env, struct pn_jobs **jobs,
                   struct pn_err *e) PN_MUST_CHECK;
/* Cancels all jobs, and waits until they have ended. NULL ok. */
void pn_jobs_destroy(struct pn_jobs **jobs);

/* Two jobs are of the same table when `path` (the table's place) is the same. RETRY with the code
 * PN_JOBS_FULL. */
int pn_jobs_submit(struct pn_jobs *jobs, const char *table, const char *path, const char *who,
                   const struct pn_upkeep *upkeep, char id[PN_JOB_ID_SIZE],
                   struct pn_err *e) PN_MUST_CHECK;
/* MISSING: it is not known, or not any more. */
int pn_jobs_status(struct pn_jobs *jobs, const char *id, struct pn_arena *arena,
                   struct pn_job_status *status, struct pn_err *e) PN_MUST_CHECK;
/* The newest first; without their files. */
void pn_jobs_list(struct pn_jobs *jobs, struct pn_arena *arena, struct pn_job_status **statuses,
                  size_t *count);
/* One that waits is cancelled at once, one that runs soon; one that has ended stays as it is. */
int pn_jobs_cancel(struct pn_jobs *jobs, const char *id, struct pn_err *e);
/* A number that is another one when anything of any job is. */
uint64_t pn_jobs_mark(struct pn_jobs *jobs);

#endif
