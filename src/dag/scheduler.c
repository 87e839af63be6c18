/* The scheduler's step, its waits, and its life. */
#include "dag/scheduler.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "dag/scheduler_internal.h"
#include "dag/versions.h"
#include "dag/watch.h"

enum {
    IDLE_POLL_MS = 5000, /* while nothing is due and others' triggers are heard of */
    SETTLE_MS = 500      /* what was heard can be seen by then */
};

/* ---- one look -------------------------------------------------------------------------------- */

/* What is in one transaction: all of it happens, or none. */
static int decide(struct pn_scheduler *scheduler, struct pn_arena *arena, struct pn_start **starts,
                  size_t *count, struct pn_err *e)
{
    int rc = pn_dag_db_begin(scheduler->db, e);
    if (rc != 0) {
        return rc;
    }
    rc = pn_attempts_record(scheduler, e);
    if (rc == 0 && !scheduler->has_seen_versions) {
        rc = pn_dag_versions_see(scheduler->db, scheduler->pipeline, pn_wall_ms(scheduler->clock),
                                 e);
    }
    if (rc == 0) {
        rc = pn_ticks_make(scheduler, arena, e);
    }
    if (rc == 0) {
        rc = pn_runs_advance(scheduler, arena, starts, count, e);
    }
    return pn_dag_db_end(scheduler->db, rc, e);
}

/* One look at the database and at the processes. */
static int look(struct pn_scheduler *scheduler, struct pn_err *e)
{
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    struct pn_start *starts = NULL;
    size_t count = 0;
    scheduler->wake_ms = 0;
    pn_pins_refresh(scheduler);
    pn_attempts_reap(scheduler);
    int rc = decide(scheduler, &arena, &starts, &count, e);
    pn_attempts_settle(scheduler, rc == 0);
    if (rc == 0) {
        scheduler->has_seen_versions = true;
    } else {
        pn_pins_rolled_back(scheduler);
    }
    if (rc == 0) {
        rc = pn_attempts_start(scheduler, starts, count, &arena, e);
    }
    if (rc == 0) {
        rc = pn_notices_step(scheduler, &arena, e);
    }
    if (rc == 0) {
        rc = pn_prune_step(scheduler, &arena, e);
    }
    pn_arena_deinit(&arena);
    return rc;
}

/* ---- waits ----------------------------------------------------------------------------------- */

/* When a task that runs must be looked at, though nothing was heard of it: in monotonic ms. */
static int64_t next_deadline_ms(const struct pn_scheduler *scheduler)
{
    int64_t next_ms = INT64_MAX;
    for (size_t i = 0; i < scheduler->running_count; i++) {
        const struct pn_running *running = &scheduler->running[i];
        int64_t at_ms = running->kill_ms != 0 ? running->kill_ms : running->deadline_ms;
        next_ms = at_ms != 0 && at_ms < next_ms ? at_ms : next_ms;
        next_ms = running->is_over ? 0 : next_ms;
    }
    return next_ms;
}

/* Does the system report everything that can happen? */
static bool hears_all(const struct pn_scheduler *scheduler)
{
    bool all = scheduler->watch_fd >= 0;
    for (size_t i = 0; i < scheduler->running_count; i++) {
        all = all && scheduler->running[i].process.pidfd >= 0;
    }
    return all && (scheduler->notifying.run == 0 || scheduler->notifying.process.pidfd >= 0);
}

/* How long to wait: no longer than asked, than a poll, and than what is due by time allows. The
 * write that is heard comes before the commit: SQLite makes a transaction visible in shared memory,
 * after it is on the disk. So looks are as close together as polls until then. */
static int64_t wait_limit_ms(const struct pn_scheduler *scheduler, int64_t wait_ms)
{
    int64_t now_ms = pn_mono_ms(scheduler->clock);
    bool has_settled = now_ms - scheduler->heard_ms >= SETTLE_MS;
    int64_t limit_ms = scheduler->config.poll_ms;
    if (hears_all(scheduler) && has_settled && limit_ms < IDLE_POLL_MS) {
        limit_ms = IDLE_POLL_MS;
    }
    limit_ms = wait_ms < limit_ms ? wait_ms : limit_ms;
    int64_t deadline_ms = next_deadline_ms(scheduler);
    if (deadline_ms != INT64_MAX && deadline_ms - now_ms < limit_ms) {
        limit_ms = deadline_ms - now_ms;
    }
    if (scheduler->wake_ms != 0) {
        int64_t until_ms = scheduler->wake_ms - pn_wall_ms(scheduler->clock);
        limit_ms = until_ms < limit_ms ? until_ms : limit_ms;
    }
    return limit_ms < 0 ? 0 : limit_ms;
}

/* Polls once and moves what the tasks printed. True when a task ended or somebody woke us. */
static bool poll_tasks(struct pn_scheduler *scheduler, int64_t timeout_ms)
{
    enum { WAKE, WATCH, NOTICE, NOTICE_LOG, TASKS };
    struct pollfd fds[TASKS + 2 * PN_DAG_TASKS_MAX];
    struct pn_notifying *notifying = &scheduler->notifying;
    bool notifies = notifying->run != 0;
    fds[WAKE] = (struct pollfd){.fd = scheduler->wake_fd, .events = POLLIN};
    fds[WATCH] = (struct pollfd){.fd = scheduler->watch_fd, .events = POLLIN};
    fds[NOTICE] = (struct pollfd){.fd = notifies ? notifying->process.pidfd : -1, .events = POLLIN};
    fds[NOTICE_LOG] =
        (struct pollfd){.fd = notifies ? pn_task_log_fd(notifying->log) : -1, .events = POLLIN};
    nfds_t count = TASKS;
    for (size_t i = 0; i < scheduler->running_count; i++) {
        const struct pn_running *running = &scheduler->running[i];
        bool live = running->log != NULL;
        fds[count++] = (struct pollfd){.fd = running->process.pidfd, .events = POLLIN};
        fds[count++] =
            (struct pollfd){.fd = live ? pn_task_log_fd(running->log) : -1, .events = POLLIN};
    }
    if (poll(fds, count, (int)timeout_ms) <= 0) {
        return false;
    }
    bool happened = fds[WAKE].revents != 0 || fds[NOTICE].revents != 0;
    if (fds[WAKE].revents != 0) {
        eventfd_t woken = 0;
        (void)eventfd_read(scheduler->wake_fd, &woken);
    }
    if (fds[WATCH].revents != 0 && pn_dag_watch_heard(scheduler->watch_fd)) {
        scheduler->heard_ms = pn_mono_ms(scheduler->clock);
        happened = true;
    }
    if (fds[NOTICE_LOG].revents != 0) {
        pn_task_log_drain(notifying->log);
    }
    for (size_t i = 0; i < scheduler->running_count; i++) {
        happened = happened || fds[TASKS + 2 * i].revents != 0;
        if (fds[TASKS + 2 * i + 1].revents != 0) {
            pn_task_log_drain(scheduler->running[i].log);
        }
    }
    return happened;
}

/* Output alone does not end the wait: a task that prints much would cost a look at the database for
 * every line. */
static void wait_for_something(struct pn_scheduler *scheduler, int64_t wait_ms)
{
    int64_t now_ms = pn_mono_ms(scheduler->clock);
    int64_t until_ms = now_ms + wait_limit_ms(scheduler, wait_ms);
    bool happened = false;
    do {
        happened = poll_tasks(scheduler, until_ms - now_ms);
        now_ms = pn_mono_ms(scheduler->clock);
    } while (!happened && now_ms < until_ms);
}

int pn_scheduler_step(struct pn_scheduler *scheduler, int64_t wait_ms, struct pn_err *e)
{
    int rc = look(scheduler, e);
    if (rc == 0) {
        wait_for_something(scheduler, wait_ms);
        pn_attempts_reap(scheduler);
    }
    return rc;
}

/* ---- life ------------------------------------------------------------------------------------ */

/* Somebody who only asks whether a scheduler lives has the lock for a moment. */
static int take_lock(const struct pn_io *io, const char *path, int *fd, struct pn_err *e)
{
    enum { TRIES = 3, PAUSE_MS = 10 };
    for (int i = 1;; i++) {
        struct pn_err failure = {0};
        int rc = pn_io_lock(io, path, fd, &failure);
        if (rc == 0 || failure.class_ != PN_CLASS_CONFLICT || i == TRIES) {
            pn_err_copy(e, rc != 0 ? &failure : NULL);
            return rc;
        }
        pn_sleep_ms(PAUSE_MS);
    }
}

int pn_scheduler_create(const struct pn_scheduler_config *config,
                        const struct pn_pipeline *pipeline, const struct pn_io *io,
                        const struct pn_clock *clock, struct pn_logger *logger,
                        struct pn_metrics *metrics, struct pn_scheduler **scheduler,
                        struct pn_err *e)
{
    struct pn_scheduler *made = pn_xcalloc(1, sizeof *made);
    *made = (struct pn_scheduler){
        .config = *config,
        .pipeline = pipeline,
        .source_folder = pipeline->folder,
        .io = io,
        .clock = clock,
        .logger = logger,
        .attempts_failed = pn_metrics_get(metrics, PN_METRIC_DAG_ATTEMPTS_FAILED, NULL),
        .runs_over = pn_metrics_get(metrics, PN_METRIC_DAG_RUNS, NULL),
        .tasks_running = pn_metrics_get(metrics, PN_METRIC_DAG_TASKS_RUNNING, NULL),
        .lock_fd = -1,
        .wake_fd = -1,
        .watch_fd = -1,
        .notifying = {.process = {.pidfd = -1}},
        .run_ended = true, /* what a crash left may have to be pruned */
    };
    PN_ASSERT(config->tasks_max > 0 && config->tasks_max <= PN_DAG_TASKS_MAX);
    char *lock_path = pn_xasprintf("%s/scheduler.lock", config->data_folder);
    char *db_path = pn_xasprintf("%s/state.db", config->data_folder);
    int rc = pn_io_mkdirs(io, config->data_folder, e);
    if (rc == 0) {
        rc = take_lock(io, lock_path, &made->lock_fd, e);
    }
    if (rc == 0) {
        rc = pn_dag_db_open(db_path, &made->db, e);
    }
    if (rc == 0) {
        made->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        rc = made->wake_fd < 0 ? pn_err_errno(e, errno, "eventfd") : 0;
    }
    if (rc == 0) {
        made->watch_fd = pn_dag_watch_open(config->data_folder);
        rc = pn_attempts_recover(made, e);
    }
    if (rc == 0) {
        *scheduler = made;
        made = NULL;
    }
    pn_scheduler_destroy(&made);
    free(lock_path);
    free(db_path);
    return rc;
}

/* Records what is over; what can't be recorded is left to the next scheduler. */
static void record_last(struct pn_scheduler *scheduler)
{
    struct pn_err failure = {0};
    int rc = pn_dag_db_begin(scheduler->db, &failure);
    if (rc == 0) {
        rc = pn_attempts_record(scheduler, &failure);
        rc = pn_dag_db_end(scheduler->db, rc, &failure);
    }
    if (rc != 0) {
        pn_logger_error(scheduler->logger, "dag", "%s", failure.msg);
        for (size_t i = 0; i < scheduler->running_count; i++) {
            scheduler->running[i].is_recorded = scheduler->running[i].is_over;
        }
    }
    pn_attempts_settle(scheduler, true);
}

/* Whatever still runs ends here, and is made again by the next scheduler; so is a notice. */
static void end_tasks(struct pn_scheduler *scheduler)
{
    struct pn_notifying *notifying = &scheduler->notifying;
    for (size_t i = 0; i < scheduler->running_count; i++) {
        pn_attempts_tell_to_end(scheduler, &scheduler->running[i], PN_ENDED_BY_LOSS);
    }
    while (scheduler->running_count > 0) {
        pn_attempts_reap(scheduler);
        record_last(scheduler);
        if (scheduler->running_count > 0) {
            scheduler->wake_ms = 0;
            wait_for_something(scheduler, scheduler->config.poll_ms);
        }
    }
    if (notifying->run != 0) {
        int32_t exit_code = 0;
        pn_process_signal(&notifying->process, SIGKILL);
        while (!pn_process_ended(&notifying->process, &exit_code)) {
            (void)poll_tasks(scheduler, scheduler->config.poll_ms);
        }
        (void)pn_task_log_close(&notifying->log, NULL);
        notifying->run = 0;
    }
}

/* The tasks are ended by the thread that started them: the kernel kills them when it goes. */
static void *run_thread(void *arg)
{
    struct pn_scheduler *scheduler = arg;
    while (!atomic_load(&scheduler->stop)) {
        struct pn_err failure = {0};
        if (pn_scheduler_step(scheduler, IDLE_POLL_MS, &failure) != 0) {
            pn_logger_error(scheduler->logger, "dag", "%s", failure.msg);
            wait_for_something(scheduler, scheduler->config.poll_ms);
        }
    }
    end_tasks(scheduler);
    return NULL;
}

int pn_scheduler_start(struct pn_scheduler *scheduler, struct pn_err *e)
{
    PN_ASSERT(!scheduler->thread_started);
    int rc = pthread_create(&scheduler->thread, NULL, run_thread, scheduler);
    if (rc != 0) {
        return pn_err_errno(e, rc, "cannot start the scheduler's thread");
    }
    scheduler->thread_started = true;
    return 0;
}

void pn_scheduler_destroy(struct pn_scheduler **scheduler)
{
    struct pn_scheduler *gone = *scheduler;
    if (gone == NULL) {
        return;
    }
    if (gone->thread_started) {
        atomic_store(&gone->stop, true);
        (void)eventfd_write(gone->wake_fd, 1);
        (void)pthread_join(gone->thread, NULL);
    }
    end_tasks(gone);
    pn_pins_clear(gone);
    pn_dag_db_close(&gone->db);
    pn_io_close(gone->io, &gone->lock_fd);
    if (gone->wake_fd >= 0) {
        (void)close(gone->wake_fd);
    }
    if (gone->watch_fd >= 0) {
        (void)close(gone->watch_fd);
    }
    free(gone);
    *scheduler = NULL;
}

int pn_scheduler_lives(const char *data_folder, const struct pn_io *io, bool *lives,
                       struct pn_err *e)
{
    char *path = pn_xasprintf("%s/scheduler.lock", data_folder);
    int rc = pn_io_is_locked(io, path, lives, e);
    free(path);
    return rc;
}
