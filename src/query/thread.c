/* The executor's thread: it alone starts, feeds and reaps processes. */
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "base/mem.h"
#include "query/internal.h"

enum { NS_A_MS = 1000000, SPARE_RETRY_MS = 5000 };

void pn_executor_wake(struct pn_executor *executor)
{
    (void)eventfd_write(executor->wake_fd, 1);
}

/* --- what is due ------------------------------------------------------------------------------ */

/* Kills one that was asked to end, once its time is over. Returns when that is, or `next_ns` when
 * that is earlier. */
static int64_t kill_asked(struct pn_query_process *process, int64_t now_ns, int64_t next_ns)
{
    if (process->kill_ns != 0 && now_ns >= process->kill_ns) {
        process->kill_ns = 0;
        pn_process_signal(&process->process, SIGKILL);
    }
    return process->kill_ns != 0 && process->kill_ns < next_ns ? process->kill_ns : next_ns;
}

/* A worker that said its last word has this long to end by itself. */
static int64_t kill_ended(struct pn_executor *executor, int64_t now_ns)
{
    const int64_t grace_ns = INT64_C(2000) * NS_A_MS;
    int64_t next_ns = INT64_MAX;
    for (struct pn_query_process *at = executor->processes; at != NULL; at = at->next) {
        const struct pn_query_job *job = at->job;
        bool done = job != NULL && pn_query_job_ended(job);
        if (at->kill_ns != 0) {
            next_ns = kill_asked(at, now_ns, next_ns);
        } else if (executor->stopping) {
            pn_query_process_stop(executor, at, now_ns);
            next_ns = kill_asked(at, now_ns, next_ns);
        } else if (done && now_ns - job->ended_ns >= grace_ns) {
            pn_query_process_kill(at);
        } else if (done && job->ended_ns + grace_ns < next_ns) {
            next_ns = job->ended_ns + grace_ns;
        }
    }
    return next_ns;
}

/* Ends what was cancelled or takes too long. Returns when the next one's time is up. */
static int64_t end_late(struct pn_executor *executor, int64_t now_ns)
{
    const int64_t limit_ns = executor->config.timeout_ms * NS_A_MS;
    int64_t next_ns = INT64_MAX;
    for (struct pn_query_job *job = executor->jobs; job != NULL; job = job->next) {
        if (job->cancelled && job->status.state == PN_QUERY_WAITING) {
            pn_query_job_end(executor, job, PN_QUERY_CANCELLED, PN_CLASS_NONE, NULL);
        }
        if (job->status.state != PN_QUERY_RUNNING) {
            continue;
        }
        bool late = now_ns - job->moved_ns >= limit_ns;
        if (late && !job->cancelled) {
            job->status.timed_out = true;
        }
        if (late || job->cancelled) {
            pn_query_process_stop(executor, job->process, now_ns);
        } else if (job->moved_ns + limit_ns < next_ns) {
            next_ns = job->moved_ns + limit_ns;
        }
    }
    return next_ns;
}

/* The job that waits for longest, of those that may run now: work on rows that are there goes
 * before queries, and has one place more, so that slow queries don't hold it up. */
static struct pn_query_job *next_job(struct pn_executor *executor)
{
    int64_t busy = 0;
    struct pn_query_job *query = NULL;
    struct pn_query_job *other = NULL;
    for (struct pn_query_process *at = executor->processes; at != NULL; at = at->next) {
        busy += at->job != NULL;
    }
    for (struct pn_query_job *job = executor->jobs; job != NULL; job = job->next) {
        if (job->status.state == PN_QUERY_WAITING && !job->cancelled) {
            query = job->kind == PN_QUERY_KIND_QUERY ? job : query;
            other = job->kind != PN_QUERY_KIND_QUERY ? job : other;
        }
    }
    if (other != NULL && busy <= executor->config.concurrency) {
        return other;
    }
    return busy < executor->config.concurrency ? query : NULL;
}

static struct pn_query_process *find_spare(struct pn_executor *executor)
{
    for (struct pn_query_process *at = executor->processes; at != NULL; at = at->next) {
        if (!at->served && !at->killed && !at->ended) {
            return at;
        }
    }
    return NULL;
}

static void start_jobs(struct pn_executor *executor, int64_t now_ns)
{
    for (struct pn_query_job *job = next_job(executor); job != NULL; job = next_job(executor)) {
        struct pn_query_process *process = find_spare(executor);
        struct pn_err e = {.msg = ""};
        if (process == NULL && pn_query_process_start(executor, &process, &e) != 0) {
            pn_query_job_end(executor, job, PN_QUERY_FAILED, e.class_, e.msg);
        } else {
            pn_query_process_give(executor, process, job, now_ns);
        }
    }
}

/* Returns when there is something to do about it. */
static int64_t keep_spare(struct pn_executor *executor, int64_t now_ns)
{
    struct pn_query_process *spare = find_spare(executor);
    struct pn_err e = {.msg = ""};
    bool wanted = now_ns < executor->spare_until_ns && !executor->stopping;
    if (spare != NULL && !wanted) {
        pn_query_process_kill(spare);
    } else if (spare == NULL && wanted && now_ns >= executor->spare_after_ns &&
               pn_query_process_start(executor, &spare, &e) != 0) {
        pn_logger_warn(executor->logger, "query", "%s", e.msg);
        executor->spare_after_ns = now_ns + SPARE_RETRY_MS * INT64_C(1000000);
    }
    if (!wanted) {
        return INT64_MAX;
    }
    return spare == NULL && executor->spare_after_ns > now_ns ? executor->spare_after_ns
                                                              : executor->spare_until_ns;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Does all that is due. Returns when more will be. */
static int64_t do_due(struct pn_executor *executor)
{
    int64_t now_ns = pn_mono_ns(executor->clock);
    int64_t next_ns = pn_query_jobs_sweep(executor, now_ns);
    next_ns = earlier(next_ns, end_late(executor, now_ns));
    if (!executor->stopping) {
        start_jobs(executor, now_ns);
        next_ns = earlier(next_ns, end_late(executor, now_ns));
    }
    next_ns = earlier(next_ns, keep_spare(executor, now_ns));
    next_ns = earlier(next_ns, kill_ended(executor, now_ns));
    pn_metric_set(executor->running, pn_query_jobs_count(executor, PN_QUERY_RUNNING, true));
    return next_ns;
}

/* --- the loop --------------------------------------------------------------------------------- */

static size_t gather_fds(struct pn_executor *executor, struct pollfd **fds, size_t *capacity)
{
    size_t count = 1;
    for (struct pn_query_process *at = executor->processes; at != NULL; at = at->next) {
        pn_grow((void **)fds, capacity, count + PN_QUERY_PROCESS_FDS, sizeof **fds);
        pn_query_process_poll(at, *fds + count);
        count += PN_QUERY_PROCESS_FDS;
    }
    pn_grow((void **)fds, capacity, 1, sizeof **fds);
    (*fds)[0] = (struct pollfd){.fd = executor->wake_fd, .events = POLLIN};
    return count;
}

/* The processes are those that the descriptors were gathered of: only this thread adds or removes
 * any. */
static void step_all(struct pn_executor *executor, const struct pollfd *fds)
{
    int64_t now_ns = pn_mono_ns(executor->clock);
    size_t at = 1;
    for (struct pn_query_process *process = executor->processes; process != NULL;) {
        struct pn_query_process *next = process->next;
        (void)pn_query_process_step(executor, process, fds + at, now_ns);
        at += PN_QUERY_PROCESS_FDS;
        process = next;
    }
}

/* What need not be done under the lock. Takes it away for the while. */
static void do_outside(struct pn_executor *executor)
{
    struct pn_query_trash trash = executor->trash;
    bool news = executor->news;
    void (*changed)(void *arg) = executor->changed;
    executor->trash = (struct pn_query_trash){.count = 0};
    executor->news = false;
    pthread_mutex_unlock(&executor->lock);
    if (news && changed != NULL) {
        changed(executor->changed_arg);
    }
    for (size_t i = 0; i < trash.count; i++) {
        struct pn_err e;
        if (pn_io_remove_tree(executor->io, trash.paths[i], &e) != 0) {
            pn_logger_warn(executor->logger, "query", "%s", e.msg);
        }
        free(trash.paths[i]);
    }
    free(trash.paths);
    pthread_mutex_lock(&executor->lock);
}

static int wait_ms(const struct pn_executor *executor, int64_t next_ns)
{
    enum { LONGEST_MS = 60000 };
    int64_t left_ns = next_ns - pn_mono_ns(executor->clock);
    int64_t ms = left_ns / NS_A_MS + 1;
    return next_ns == INT64_MAX || ms > LONGEST_MS ? LONGEST_MS : ms < 0 ? 0 : (int)ms;
}

void *pn_executor_thread(void *arg)
{
    struct pn_executor *executor = arg;
    struct pollfd *fds = NULL;
    size_t capacity = 0;
    pthread_mutex_lock(&executor->lock);
    for (;;) {
        int64_t next_ns = do_due(executor);
        do_outside(executor);
        if (executor->stopping && executor->processes == NULL) {
            break;
        }
        size_t count = gather_fds(executor, &fds, &capacity);
        pthread_mutex_unlock(&executor->lock);
        eventfd_t drained = 0;
        (void)poll(fds, count, wait_ms(executor, next_ns));
        (void)eventfd_read(executor->wake_fd, &drained);
        pthread_mutex_lock(&executor->lock);
        step_all(executor, fds);
    }
    pthread_mutex_unlock(&executor->lock);
    free(fds);
    return NULL;
}
