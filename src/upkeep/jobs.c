#include "upkeep/jobs.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"

struct pn_job {
    struct pn_jobs *jobs;
    char id[PN_JOB_ID_SIZE];
    char *table;
    char *path;
    char *who;
    struct pn_upkeep upkeep;
    enum pn_job_state state;
    bool is_cancelling;
    void (*interrupt)(void *target); /* ends its work early; NULL: it looks by itself */
    void *target;
    int64_t done;
    int64_t total;
    int64_t created_ms;
    int64_t started_ms;
    int64_t ended_ms;
    struct pn_upkeep_result result;
    struct pn_job_file *files;
    size_t file_count;
    size_t file_capacity;
    struct pn_err error;
    uint64_t mark;
};

struct pn_jobs {
    struct pn_jobs_env env;
    pthread_t threads[PN_JOBS_RUNNING_MAX];
    size_t thread_count;
    pthread_mutex_t lock; /* of all that follows */
    pthread_cond_t changed;
    bool is_stopping;
    uint64_t mark;
    struct pn_job **items; /* the oldest first */
    size_t count;
    size_t capacity;
};

const char *pn_job_state_name(enum pn_job_state state)
{
    static const char *const names[] = {"waiting", "running", "done", "failed", "cancelled"};
    return names[state];
}

/* --- the list: with the lock ------------------------------------------------------------------ */

static void touch(struct pn_job *job)
{
    job->mark++;
    job->jobs->mark++;
}

static bool is_over(const struct pn_job *job)
{
    return job->state != PN_JOB_WAITING && job->state != PN_JOB_RUNNING;
}

static void destroy_job(struct pn_job *job)
{
    for (size_t i = 0; i < job->file_count; i++) {
        free((void *)(uintptr_t)job->files[i].path);
    }
    free(job->files);
    free(job->table);
    free(job->path);
    free(job->who);
    free(job);
}

static size_t count_state(const struct pn_jobs *jobs, enum pn_job_state state)
{
    size_t count = 0;
    for (size_t i = 0; i < jobs->count; i++) {
        count += jobs->items[i]->state == state;
    }
    return count;
}

/* Forgets the oldest that have ended, where there are too many. */
static void prune(struct pn_jobs *jobs)
{
    size_t over = 0;
    for (size_t i = 0; i < jobs->count; i++) {
        over += is_over(jobs->items[i]);
    }
    size_t kept = 0;
    for (size_t i = 0; i < jobs->count; i++) {
        struct pn_job *job = jobs->items[i];
        if (over > PN_JOBS_KEPT_MAX && is_over(job)) {
            over--;
            destroy_job(job);
        } else {
            jobs->items[kept++] = job;
        }
    }
    jobs->count = kept;
}

/* The job that runs on the same table, or NULL. */
static const struct pn_job *find_running(const struct pn_jobs *jobs, const char *path)
{
    for (size_t i = 0; i < jobs->count; i++) {
        if (jobs->items[i]->state == PN_JOB_RUNNING && strcmp(jobs->items[i]->path, path) == 0) {
            return jobs->items[i];
        }
    }
    return NULL;
}

/* The oldest that may run now, or NULL. */
static struct pn_job *next_job(const struct pn_jobs *jobs)
{
    for (size_t i = 0; i < jobs->count; i++) {
        struct pn_job *job = jobs->items[i];
        if (job->state == PN_JOB_WAITING && find_running(jobs, job->path) == NULL) {
            return job;
        }
    }
    return NULL;
}

static struct pn_job *find_job(const struct pn_jobs *jobs, const char *id)
{
    for (size_t i = 0; i < jobs->count; i++) {
        if (strcmp(jobs->items[i]->id, id) == 0) {
            return jobs->items[i];
        }
    }
    return NULL;
}

static void end_job(struct pn_job *job, enum pn_job_state state)
{
    job->state = state;
    job->ended_ms = pn_wall_ms(job->jobs->env.clock);
    touch(job);
}

/* --- running ---------------------------------------------------------------------------------- */

static void take_file(void *arg, const char *path, int64_t size_bytes)
{
    struct pn_job *job = arg;
    struct pn_jobs *jobs = job->jobs;
    pthread_mutex_lock(&jobs->lock);
    job->result.files++;
    job->result.size_bytes += size_bytes > 0 ? size_bytes : 0;
    if (job->file_count < PN_JOB_FILES_MAX) {
        pn_grow((void **)&job->files, &job->file_capacity, job->file_count + 1, sizeof *job->files);
        job->files[job->file_count++] =
            (struct pn_job_file){.path = pn_xstrdup(path), .size_bytes = size_bytes};
    }
    touch(job);
    pthread_mutex_unlock(&jobs->lock);
}

static bool take_step(void *arg, int64_t done, int64_t total)
{
    struct pn_job *job = arg;
    struct pn_jobs *jobs = job->jobs;
    pthread_mutex_lock(&jobs->lock);
    job->done = done;
    job->total = total;
    touch(job);
    bool goes_on = !job->is_cancelling;
    pthread_mutex_unlock(&jobs->lock);
    return goes_on;
}

/* With the lock. */
static void interrupt(struct pn_job *job)
{
    if (job->is_cancelling && job->interrupt != NULL) {
        job->interrupt(job->target);
    }
}

static void take_interruptible(void *arg, void (*how)(void *target), void *target)
{
    struct pn_job *job = arg;
    pthread_mutex_lock(&job->jobs->lock);
    job->interrupt = how;
    job->target = target;
    interrupt(job); /* it may have been cancelled by now */
    pthread_mutex_unlock(&job->jobs->lock);
}

/* One job, with the lock held before and after it, but not meanwhile. */
static void run_job(struct pn_jobs *jobs, struct pn_job *job)
{
    const struct pn_upkeep_watch watch = {
        .file = take_file, .step = take_step, .interruptible = take_interruptible, .arg = job};
    struct pn_upkeep_result result = {0};
    struct pn_err failure = {0};
    job->state = PN_JOB_RUNNING;
    job->started_ms = pn_wall_ms(jobs->env.clock);
    touch(job);
    pthread_mutex_unlock(&jobs->lock);
    int rc = jobs->env.run(jobs->env.arg, job->id, job->who, job->path, &job->upkeep, &watch,
                           &result, &failure);
    pthread_mutex_lock(&jobs->lock);
    job->result = result;
    if (rc == 0) {
        job->done = result.files;
        job->total = result.files;
        end_job(job, PN_JOB_DONE);
    } else if (job->is_cancelling) {
        end_job(job, PN_JOB_CANCELLED);
    } else {
        job->error = failure;
        end_job(job, PN_JOB_FAILED);
        pn_logger_warn(jobs->env.logger, "jobs", "the %s of %s failed: %s",
                       pn_upkeep_kind_name(job->upkeep.kind), job->table, failure.msg);
    }
    pthread_cond_broadcast(&jobs->changed); /* another one may be of the same table */
}

static void *run_thread(void *arg)
{
    struct pn_jobs *jobs = arg;
    pthread_mutex_lock(&jobs->lock);
    while (!jobs->is_stopping) {
        struct pn_job *job = next_job(jobs);
        if (job != NULL) {
            run_job(jobs, job);
        } else {
            pthread_cond_wait(&jobs->changed, &jobs->lock);
        }
    }
    pthread_mutex_unlock(&jobs->lock);
    return NULL;
}

/* With the lock. */
static void cancel(struct pn_job *job)
{
    if (job->state == PN_JOB_WAITING) {
        end_job(job, PN_JOB_CANCELLED);
    } else if (job->state == PN_JOB_RUNNING && !job->is_cancelling) {
        job->is_cancelling = true;
        interrupt(job);
        touch(job);
    }
}

int pn_jobs_create(const struct pn_jobs_env *env, struct pn_jobs **made, struct pn_err *e)
{
    struct pn_jobs *jobs = pn_xcalloc(1, sizeof *jobs);
    int rc = 0;
    jobs->env = *env;
    pthread_mutex_init(&jobs->lock, NULL);
    pthread_cond_init(&jobs->changed, NULL);
    while (rc == 0 && jobs->thread_count < PN_JOBS_RUNNING_MAX) {
        rc = pthread_create(&jobs->threads[jobs->thread_count], NULL, run_thread, jobs);
        jobs->thread_count += rc == 0;
    }
    if (rc != 0) {
        rc = pn_err_errno(e, rc, "cannot start a thread for jobs");
        pn_jobs_destroy(&jobs);
    }
    *made = jobs;
    return rc;
}

void pn_jobs_destroy(struct pn_jobs **jobs)
{
    struct pn_jobs *gone = *jobs;
    if (gone == NULL) {
        return;
    }
    pthread_mutex_lock(&gone->lock);
    gone->is_stopping = true;
    for (size_t i = 0; i < gone->count; i++) {
        cancel(gone->items[i]);
    }
    pthread_cond_broadcast(&gone->changed);
    pthread_mutex_unlock(&gone->lock);
    for (size_t i = 0; i < gone->thread_count; i++) {
        (void)pthread_join(gone->threads[i], NULL);
    }
    for (size_t i = 0; i < gone->count; i++) {
        destroy_job(gone->items[i]);
    }
    free(gone->items);
    pthread_cond_destroy(&gone->changed);
    pthread_mutex_destroy(&gone->lock);
    free(gone);
    *jobs = NULL;
}

/* --- what callers ask ------------------------------------------------------------------------- */

int pn_jobs_submit(struct pn_jobs *jobs, const char *table, const char *path, const char *who,
                   const struct pn_upkeep *upkeep, char id[PN_JOB_ID_SIZE], struct pn_err *e)
{
    int rc = 0;
    pthread_mutex_lock(&jobs->lock);
    if (count_state(jobs, PN_JOB_WAITING) >= PN_JOBS_WAITING_MAX) {
        rc = pn_err_set(e, PN_CLASS_RETRY, PN_JOBS_FULL,
                        "%d jobs wait already: try again when some have ended",
                        (int)PN_JOBS_WAITING_MAX);
    } else {
        struct pn_job *job = pn_xcalloc(1, sizeof *job);
        *job = (struct pn_job){.jobs = jobs,
                               .table = pn_xstrdup(table),
                               .path = pn_xstrdup(path),
                               .who = pn_xstrdup(who),
                               .upkeep = *upkeep,
                               .total = -1,
                               .created_ms = pn_wall_ms(jobs->env.clock)};
        (void)snprintf(job->id, sizeof job->id, "%016llx", (unsigned long long)pn_entropy_u64());
        (void)snprintf(id, PN_JOB_ID_SIZE, "%s", job->id);
        pn_grow((void **)&jobs->items, &jobs->capacity, jobs->count + 1, sizeof *jobs->items);
        jobs->items[jobs->count++] = job;
        prune(jobs);
        touch(job);
        pthread_cond_signal(&jobs->changed);
    }
    pthread_mutex_unlock(&jobs->lock);
    return rc;
}

static const char *reason_of(const struct pn_jobs *jobs, const struct pn_job *job,
                             struct pn_arena *arena)
{
    size_t before = 0;
    const struct pn_job *same = find_running(jobs, job->path);
    if (job->state != PN_JOB_WAITING) {
        return NULL;
    }
    if (same != NULL) {
        return pn_arena_printf(arena, "the %s of %s by job %s runs",
                               pn_upkeep_kind_name(same->upkeep.kind), same->table, same->id);
    }
    for (size_t i = 0; jobs->items[i] != job; i++) {
        before += jobs->items[i]->state == PN_JOB_WAITING;
    }
    return pn_arena_printf(arena, "%zu of %d jobs run, and %zu wait before it",
                           count_state(jobs, PN_JOB_RUNNING), (int)PN_JOBS_RUNNING_MAX, before);
}

static void copy_status(const struct pn_jobs *jobs, const struct pn_job *job,
                        struct pn_arena *arena, struct pn_job_status *status)
{
    bool failed = job->state == PN_JOB_FAILED;
    *status = (struct pn_job_status){
        .id = pn_arena_strdup(arena, job->id),
        .table = pn_arena_strdup(arena, job->table),
        .who = pn_arena_strdup(arena, job->who),
        .upkeep = job->upkeep,
        .state = job->state,
        .is_cancelling = job->is_cancelling && job->state == PN_JOB_RUNNING,
        .reason = reason_of(jobs, job, arena),
        .done = job->done,
        .total = job->total,
        .created_ms = job->created_ms,
        .started_ms = job->started_ms,
        .ended_ms = job->ended_ms,
        .result = job->result,
        .error = failed ? pn_arena_strdup(arena, job->error.msg) : NULL,
        .error_class = job->error.class_,
        .mark = job->mark,
    };
}

static int missing(const char *id, struct pn_err *e)
{
    return pn_err_missing(e,
                          "there is no job '%.32s': jobs are forgotten when the server ends, and"
                          " the oldest when more than %d have ended",
                          id, (int)PN_JOBS_KEPT_MAX);
}

int pn_jobs_status(struct pn_jobs *jobs, const char *id, struct pn_arena *arena,
                   struct pn_job_status *status, struct pn_err *e)
{
    pthread_mutex_lock(&jobs->lock);
    const struct pn_job *job = find_job(jobs, id);
    if (job != NULL) {
        copy_status(jobs, job, arena, status);
        struct pn_job_file *files = pn_arena_calloc(arena, job->file_count + 1, sizeof *files);
        for (size_t i = 0; i < job->file_count; i++) {
            files[i] = job->files[i];
            files[i].path = pn_arena_strdup(arena, job->files[i].path);
        }
        status->files = files;
        status->file_count = job->file_count;
    }
    pthread_mutex_unlock(&jobs->lock);
    return job != NULL ? 0 : missing(id, e);
}

void pn_jobs_list(struct pn_jobs *jobs, struct pn_arena *arena, struct pn_job_status **statuses,
                  size_t *count)
{
    pthread_mutex_lock(&jobs->lock);
    *count = jobs->count;
    *statuses = pn_arena_calloc(arena, jobs->count + 1, sizeof **statuses);
    for (size_t i = 0; i < jobs->count; i++) {
        copy_status(jobs, jobs->items[jobs->count - 1 - i], arena, &(*statuses)[i]);
    }
    pthread_mutex_unlock(&jobs->lock);
}

int pn_jobs_cancel(struct pn_jobs *jobs, const char *id, struct pn_err *e)
{
    pthread_mutex_lock(&jobs->lock);
    struct pn_job *job = find_job(jobs, id);
    if (job != NULL) {
        cancel(job);
    }
    pthread_mutex_unlock(&jobs->lock);
    return job != NULL ? 0 : missing(id, e);
}

uint64_t pn_jobs_mark(struct pn_jobs *jobs)
{
    pthread_mutex_lock(&jobs->lock);
    uint64_t mark = jobs->mark;
    pthread_mutex_unlock(&jobs->lock);
    return mark;
}
