/* The scheduler: one step looks at the runs, starts tasks, and ends those that are over. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/process.h"
#include "dag/plan.h"
#include "dag/scheduler.h"
#include "dag/task_log.h"
#include "dag/watch.h"

enum {
    RUNNING_MAX = 256,     /* tasks at once, over all runs */
    RUNS_AT_ONCE_MAX = 64, /* active and queued runs looked at in one step */
    IDLE_POLL_MS = 5000,   /* while nothing runs and others' triggers are heard of */
    SETTLE_MS = 500,       /* what was heard can be seen by then */
    KILL_AFTER_MS = 5000   /* from SIGTERM to SIGKILL */
};

/* A task that runs now. */
struct running {
    int64_t run;
    char *dag;
    char *run_id;
    const struct pn_task *task;
    int32_t number;
    struct pn_process process;
    struct pn_task_log *log;
    int64_t deadline_ms;  /* monotonic; 0: none */
    int64_t kill_ms;      /* monotonic; 0: SIGTERM wasn't sent */
    const char *ended_by; /* "timeout", "cancelled", "lost": why it was told to end, or NULL */
};

struct pn_scheduler {
    struct pn_scheduler_config config;
    const struct pn_pipeline *pipeline;
    const struct pn_io *io;
    const struct pn_clock *clock;
    struct pn_logger *logger;
    struct pn_metric *attempts_failed;
    struct pn_metric *runs_over;
    struct pn_metric *tasks_running;
    struct pn_dag_db *db;
    int lock_fd;
    int wake_fd;
    int watch_fd;     /* hears of triggers of other processes; -1: there is none */
    int64_t heard_ms; /* mono: when it last heard something */
    struct running running[RUNNING_MAX];
    size_t running_count;
    int64_t next_retry_ms; /* wall; 0: none waits */
    pthread_t thread;
    bool thread_started;
    atomic_bool stop;
};

/* ---- ends of attempts ------------------------------------------------------------------------ */

/* What a task becomes after an attempt that didn't succeed. */
static enum pn_task_state after_failure(const struct pn_task *task, int32_t number)
{
    return number <= task->retries ? PN_TASK_UP_FOR_RETRY : PN_TASK_FAILED;
}

static int record_end(struct pn_scheduler *scheduler, const struct running *running,
                      int32_t exit_code, struct pn_err *e)
{
    int64_t now_ms = pn_wall_ms(scheduler->clock);
    const char *outcome = exit_code == 0 ? "success" : "failed";
    enum pn_task_state next = PN_TASK_SUCCESS;
    int64_t next_ms = 0;
    if (running->ended_by != NULL && strcmp(running->ended_by, "cancelled") == 0) {
        outcome = "cancelled";
        next = PN_TASK_CANCELLED;
    } else if (exit_code != 0) {
        bool lost = running->ended_by != NULL && strcmp(running->ended_by, "lost") == 0;
        outcome = running->ended_by != NULL ? running->ended_by : outcome;
        next = after_failure(running->task, running->number);
        next_ms = lost ? now_ms : now_ms + running->task->retry_delay_ms;
        pn_metric_add(scheduler->attempts_failed, 1);
        pn_logger_warn(scheduler->logger, "dag", "%s %s: %s attempt %d: %s (%s %d)%s", running->dag,
                       running->run_id, running->task->name, (int)running->number, outcome,
                       exit_code < 0 ? "signal" : "exit", abs((int)exit_code),
                       next == PN_TASK_UP_FOR_RETRY ? "; will be tried again" : "");
    }
    const struct pn_attempt_end end = {
        .outcome = outcome,
        .exit_code = exit_code,
        .next = next,
        .next_ms = next == PN_TASK_UP_FOR_RETRY ? next_ms : 0,
    };
    return pn_dag_db_attempt_end(scheduler->db, running->run, running->task->name, running->number,
                                 &end, now_ms, e);
}

static void forget(struct pn_scheduler *scheduler, size_t i)
{
    struct running *running = &scheduler->running[i];
    struct pn_err failure = {0};
    if (pn_task_log_close(&running->log, &failure) != 0) {
        pn_logger_warn(scheduler->logger, "dag",
                       "%s %s: the log of %s attempt %d is incomplete: %s", running->dag,
                       running->run_id, running->task->name, (int)running->number, failure.msg);
    }
    free(scheduler->running[i].dag);
    free(scheduler->running[i].run_id);
    scheduler->running[i] = scheduler->running[--scheduler->running_count];
    pn_metric_set(scheduler->tasks_running, (int64_t)scheduler->running_count);
}

static void tell_to_end(struct pn_scheduler *scheduler, struct running *running, const char *why)
{
    if (running->ended_by == NULL) {
        running->ended_by = why;
        running->kill_ms = pn_mono_ms(scheduler->clock) + KILL_AFTER_MS;
        pn_process_signal(&running->process, SIGTERM);
    }
}

/* Reaps what ended, ends what is over its time. */
static int reap(struct pn_scheduler *scheduler, struct pn_err *e)
{
    int64_t now_ms = pn_mono_ms(scheduler->clock);
    for (size_t i = scheduler->running_count; i-- > 0;) {
        struct running *running = &scheduler->running[i];
        int32_t exit_code = 0;
        if (pn_process_ended(&running->process, &exit_code)) {
            int rc = record_end(scheduler, running, exit_code, e);
            forget(scheduler, i);
            if (rc != 0) {
                return rc;
            }
        } else if (running->kill_ms != 0 && now_ms >= running->kill_ms) {
            pn_process_signal(&running->process, SIGKILL);
        } else if (running->deadline_ms != 0 && now_ms >= running->deadline_ms) {
            tell_to_end(scheduler, running, "timeout");
        }
    }
    return 0;
}

/* ---- starts ---------------------------------------------------------------------------------- */

static const char *run_folder(const struct pn_scheduler *scheduler, const char *dag,
                              const char *run_id, struct pn_arena *arena)
{
    return pn_arena_printf(arena, "%s/dag/%s/%s", scheduler->config.data_folder, dag, run_id);
}

static const char *const *task_argv(const struct pn_scheduler *scheduler, const struct pn_run *run,
                                    const struct pn_task *task, struct pn_arena *arena)
{
    size_t prefix = 0;
    while (scheduler->config.task_command[prefix] != NULL) {
        prefix++;
    }
    const char **argv = pn_arena_calloc(arena, prefix + 4, sizeof *argv);
    memcpy(argv, scheduler->config.task_command, prefix * sizeof *argv);
    argv[prefix] = run->dag;
    argv[prefix + 1] = task->name;
    argv[prefix + 2] = run->run_id;
    return argv;
}

/* The attempt is in the database before the process starts: a crash between leaves a lost attempt,
 * never an unknown process. */
static int start_task(struct pn_scheduler *scheduler, const struct pn_run *run,
                      const struct pn_task *task, enum pn_task_state state, struct pn_arena *arena,
                      struct pn_err *e)
{
    struct running *running = &scheduler->running[scheduler->running_count];
    *running = (struct running){.run = run->id, .task = task};
    int64_t now_ms = pn_wall_ms(scheduler->clock);
    const char *folder = run_folder(scheduler, run->dag, run->run_id, arena);
    int rc = pn_io_mkdirs(scheduler->io, folder, e);
    if (rc != 0) {
        return rc;
    }
    rc = pn_dag_db_attempt_begin(scheduler->db, run->id, task->name, state, now_ms,
                                 &running->number, e);
    if (rc != 0) {
        return rc;
    }
    const char *log =
        pn_arena_printf(arena, "%s/%s.%d.log", folder, task->name, (int)running->number);
    int output_fd = -1;
    rc = pn_task_log_open(scheduler->io, log, scheduler->config.log_bytes_max, &running->log,
                          &output_fd, e);
    if (rc == 0) {
        const struct pn_process_files files = {
            .input = -1, .output = output_fd, .error = output_fd};
        rc = pn_process_start(task_argv(scheduler, run, task, arena), &files, scheduler->io,
                              &running->process, e);
        (void)close(output_fd);
    }
    if (rc != 0) {
        (void)pn_task_log_close(&running->log, NULL);
        const struct pn_attempt_end end = {
            .outcome = "failed",
            .exit_code = -1,
            .next = after_failure(task, running->number),
            .next_ms = now_ms + task->retry_delay_ms,
        };
        return pn_dag_db_attempt_end(scheduler->db, run->id, task->name, running->number, &end,
                                     now_ms, e);
    }
    if (task->timeout_ms > 0) {
        running->deadline_ms = pn_mono_ms(scheduler->clock) + task->timeout_ms;
    }
    running->dag = pn_xstrdup(run->dag);
    running->run_id = pn_xstrdup(run->run_id);
    scheduler->running_count++;
    pn_metric_set(scheduler->tasks_running, (int64_t)scheduler->running_count);
    pn_logger_info(scheduler->logger, "dag", "%s %s: %s attempt %d started", run->dag, run->run_id,
                   task->name, (int)running->number);
    return pn_dag_db_attempt_process(scheduler->db, run->id, task->name, running->number,
                                     running->process.pid, running->process.start, log, e);
}

/* ---- runs ------------------------------------------------------------------------------------ */

static void remove_logs(void *arg, const char *run_id)
{
    char **ids = arg;
    size_t used = strlen(*ids);
    size_t len = strlen(run_id);
    *ids = pn_xrealloc(*ids, used + len + 2);
    memcpy(*ids + used, run_id, len);
    memcpy(*ids + used + len, "\n", 2);
}

/* Old runs go from the database first, then their logs: a crash between leaves only files. */
static int prune(struct pn_scheduler *scheduler, const char *dag, struct pn_arena *arena,
                 struct pn_err *e)
{
    char *ids = pn_xstrdup("");
    int rc = pn_dag_db_prune(scheduler->db, dag, scheduler->config.runs_kept, remove_logs, &ids, e);
    char *rest = ids;
    for (char *id = NULL; rc == 0 && (id = strsep(&rest, "\n")) != NULL;) {
        if (id[0] != '\0') {
            rc = pn_io_remove_tree(scheduler->io, run_folder(scheduler, dag, id, arena), e);
        }
    }
    free(ids);
    return rc;
}

static int end_run(struct pn_scheduler *scheduler, const struct pn_run *run,
                   enum pn_run_state outcome, struct pn_arena *arena, struct pn_err *e)
{
    int rc = pn_dag_db_run_set(scheduler->db, run->id, PN_RUN_RUNNING, outcome, "",
                               pn_wall_ms(scheduler->clock), e);
    if (rc != 0) {
        return rc;
    }
    pn_metric_add(scheduler->runs_over, 1);
    pn_logger_info(scheduler->logger, "dag", "%s %s: %s", run->dag, run->run_id,
                   pn_run_state_name(outcome));
    return prune(scheduler, run->dag, arena, e);
}

/* Puts a run's tasks in the DAG's order; false when the DAG has changed since the run began. */
static bool match_tasks(const struct pn_dag *dag, const struct pn_task_run *stored, size_t count,
                        struct pn_task_run *ordered)
{
    bool matched = count == dag->task_count;
    for (size_t i = 0; matched && i < dag->task_count; i++) {
        matched = false;
        for (size_t j = 0; j < count; j++) {
            if (strcmp(stored[j].task, dag->tasks[i].name) == 0) {
                ordered[i] = stored[j];
                matched = true;
            }
        }
    }
    return matched;
}

static size_t running_of(const struct pn_scheduler *scheduler, int64_t run)
{
    size_t count = 0;
    for (size_t i = 0; i < scheduler->running_count; i++) {
        count += scheduler->running[i].run == run ? 1 : 0;
    }
    return count;
}

static int cancel_run(struct pn_scheduler *scheduler, const struct pn_run *run,
                      const struct pn_task_run *tasks, size_t count, struct pn_arena *arena,
                      struct pn_err *e)
{
    int64_t now_ms = pn_wall_ms(scheduler->clock);
    for (size_t i = 0; i < scheduler->running_count; i++) {
        if (scheduler->running[i].run == run->id) {
            tell_to_end(scheduler, &scheduler->running[i], "cancelled");
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (tasks[i].state == PN_TASK_NONE || tasks[i].state == PN_TASK_UP_FOR_RETRY) {
            int rc = pn_dag_db_task_set(scheduler->db, run->id, tasks[i].task, tasks[i].state,
                                        PN_TASK_CANCELLED, now_ms, 0, e);
            if (rc != 0) {
                return rc;
            }
        }
    }
    if (running_of(scheduler, run->id) == 0) {
        return end_run(scheduler, run, PN_RUN_CANCELLED, arena, e);
    }
    return 0;
}

static int apply_plan(struct pn_scheduler *scheduler, const struct pn_run *run,
                      const struct pn_dag *dag, const struct pn_task_run *tasks,
                      struct pn_arena *arena, struct pn_err *e)
{
    int64_t now_ms = pn_wall_ms(scheduler->clock);
    struct pn_dag_step step;
    pn_dag_plan(dag, tasks, now_ms, arena, &step);
    if (step.next_ms != 0 &&
        (scheduler->next_retry_ms == 0 || step.next_ms < scheduler->next_retry_ms)) {
        scheduler->next_retry_ms = step.next_ms;
    }
    for (size_t i = 0; i < dag->task_count; i++) {
        int rc = 0;
        if (step.upstream_failed[i]) {
            rc = pn_dag_db_task_set(scheduler->db, run->id, dag->tasks[i].name, PN_TASK_NONE,
                                    PN_TASK_UPSTREAM_FAILED, now_ms, 0, e);
        } else if (step.start[i] && scheduler->running_count < RUNNING_MAX &&
                   running_of(scheduler, run->id) < (size_t)dag->parallelism) {
            rc = start_task(scheduler, run, &dag->tasks[i], tasks[i].state, arena, e);
        }
        if (rc != 0) {
            return rc;
        }
    }
    return step.over ? end_run(scheduler, run, step.outcome, arena, e) : 0;
}

static int advance_run(struct pn_scheduler *scheduler, const struct pn_run *run,
                       struct pn_arena *arena, struct pn_err *e)
{
    struct pn_task_run *stored = NULL;
    size_t count = 0;
    int rc = pn_dag_db_tasks(scheduler->db, run->id, arena, &stored, &count, e);
    if (rc != 0) {
        return rc;
    }
    if (run->cancel_asked) {
        return cancel_run(scheduler, run, stored, count, arena, e);
    }
    const struct pn_dag *dag = pn_pipeline_dag(scheduler->pipeline, run->dag);
    struct pn_task_run *ordered =
        pn_arena_calloc(arena, dag != NULL ? dag->task_count + 1 : 1, sizeof *ordered);
    if (dag == NULL || !match_tasks(dag, stored, count, ordered)) {
        pn_logger_error(scheduler->logger, "dag",
                        "%s %s: the DAG has changed since this run began: it is given up", run->dag,
                        run->run_id);
        return end_run(scheduler, run, PN_RUN_FAILED, arena, e);
    }
    return apply_plan(scheduler, run, dag, ordered, arena, e);
}

static size_t active_runs_of(const struct pn_run *runs, size_t count, const char *dag)
{
    size_t active = 0;
    for (size_t i = 0; i < count; i++) {
        active += strcmp(runs[i].dag, dag) == 0 ? 1 : 0;
    }
    return active;
}

/* Queued runs start oldest first, as far as the DAG's limit allows. */
static int admit_queued(struct pn_scheduler *scheduler, const struct pn_run *active,
                        size_t active_count, struct pn_arena *arena, struct pn_err *e)
{
    struct pn_run *queued = NULL;
    size_t count = 0;
    int64_t counts[PN_RUN_STATES];
    int rc = pn_dag_db_count_runs(scheduler->db, NULL, counts, e);
    if (rc == 0) {
        int64_t total = counts[PN_RUN_QUEUED];
        const struct pn_run_filter filter = {
            .state = PN_RUN_QUEUED + 1,
            .offset = total > RUNS_AT_ONCE_MAX ? total - RUNS_AT_ONCE_MAX : 0,
            .limit = RUNS_AT_ONCE_MAX};
        rc = pn_dag_db_runs(scheduler->db, &filter, arena, &queued, &count, e);
    }
    size_t *admitted = pn_arena_calloc(arena, scheduler->pipeline->dag_count + 1, sizeof *admitted);
    for (size_t i = count; rc == 0 && i-- > 0;) {
        const struct pn_dag *dag = pn_pipeline_dag(scheduler->pipeline, queued[i].dag);
        if (dag != NULL) {
            size_t *more = &admitted[dag - scheduler->pipeline->dags];
            if (active_runs_of(active, active_count, dag->name) + *more >=
                (size_t)dag->active_runs_max) {
                continue;
            }
            (*more)++;
        }
        rc = pn_dag_db_run_set(scheduler->db, queued[i].id, PN_RUN_QUEUED, PN_RUN_RUNNING, "",
                               pn_wall_ms(scheduler->clock), e);
    }
    return rc;
}

static int active_runs(struct pn_scheduler *scheduler, struct pn_arena *arena, struct pn_run **runs,
                       size_t *count, struct pn_err *e)
{
    const struct pn_run_filter filter = {.state = PN_RUN_RUNNING + 1, .limit = RUNS_AT_ONCE_MAX};
    return pn_dag_db_runs(scheduler->db, &filter, arena, runs, count, e);
}

/* One look at the database and at the processes. A CONFLICT means that a command changed a state
 * meanwhile: the next look sees it. */
static int look(struct pn_scheduler *scheduler, struct pn_err *e)
{
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    struct pn_err failure = {0};
    scheduler->next_retry_ms = 0;
    int rc = reap(scheduler, &failure);
    struct pn_run *runs = NULL;
    size_t count = 0;
    if (rc == 0) {
        rc = active_runs(scheduler, &arena, &runs, &count, &failure);
    }
    if (rc == 0) {
        rc = admit_queued(scheduler, runs, count, &arena, &failure);
    }
    if (rc == 0) {
        rc = active_runs(scheduler, &arena, &runs, &count, &failure);
    }
    for (size_t i = count; rc == 0 && i-- > 0;) {
        rc = advance_run(scheduler, &runs[i], &arena, &failure);
    }
    pn_arena_deinit(&arena);
    if (rc != 0 && failure.class_ == PN_CLASS_CONFLICT) {
        return 0;
    }
    pn_err_copy(e, rc != 0 ? &failure : NULL);
    return rc;
}

/* How long to wait: no longer than asked, than a poll, and than the next retry allows. The write
 * that is heard comes before the commit: SQLite makes a transaction visible in shared memory, after
 * it is on the disk. So looks are as close together as polls until then. */
static int64_t wait_limit_ms(const struct pn_scheduler *scheduler, int64_t wait_ms)
{
    bool has_settled = pn_mono_ms(scheduler->clock) - scheduler->heard_ms >= SETTLE_MS;
    bool is_idle = scheduler->running_count == 0 && scheduler->watch_fd >= 0 && has_settled;
    int64_t poll_ms = scheduler->config.poll_ms;
    poll_ms = is_idle && poll_ms < IDLE_POLL_MS ? IDLE_POLL_MS : poll_ms;
    int64_t limit_ms = wait_ms < poll_ms ? wait_ms : poll_ms;
    if (scheduler->next_retry_ms != 0) {
        int64_t until_ms = scheduler->next_retry_ms - pn_wall_ms(scheduler->clock);
        limit_ms = until_ms < limit_ms ? (until_ms < 0 ? 0 : until_ms) : limit_ms;
    }
    return limit_ms;
}

/* Polls once and moves what the tasks printed. True when a task ended or somebody woke us. */
static bool poll_tasks(struct pn_scheduler *scheduler, int64_t timeout_ms)
{
    enum { WAKE, WATCH, TASKS };
    struct pollfd fds[TASKS + 2 * RUNNING_MAX];
    fds[WAKE] = (struct pollfd){.fd = scheduler->wake_fd, .events = POLLIN};
    fds[WATCH] = (struct pollfd){.fd = scheduler->watch_fd, .events = POLLIN};
    nfds_t count = TASKS;
    for (size_t i = 0; i < scheduler->running_count; i++) {
        const struct running *running = &scheduler->running[i];
        fds[count++] = (struct pollfd){.fd = running->process.pidfd, .events = POLLIN};
        fds[count++] = (struct pollfd){.fd = pn_task_log_fd(running->log), .events = POLLIN};
    }
    if (poll(fds, count, (int)timeout_ms) <= 0) {
        return false;
    }
    bool happened = fds[WAKE].revents != 0;
    if (happened) {
        eventfd_t woken = 0;
        (void)eventfd_read(scheduler->wake_fd, &woken);
    }
    if (fds[WATCH].revents != 0) {
        if (pn_dag_watch_heard(scheduler->watch_fd)) {
            scheduler->heard_ms = pn_mono_ms(scheduler->clock);
            happened = true;
        }
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
        rc = reap(scheduler, e);
    }
    return rc;
}

/* ---- life ------------------------------------------------------------------------------------ */

/* Ends an attempt that its scheduler left behind; the process is normally gone with it. */
static int recover_task(struct pn_scheduler *scheduler, const struct pn_run *run,
                        const struct pn_task_run *task, struct pn_arena *arena, struct pn_err *e)
{
    struct pn_attempt *attempts = NULL;
    size_t count = 0;
    int rc = pn_dag_db_attempts(scheduler->db, run->id, task->task, arena, &attempts, &count, e);
    if (rc != 0) {
        return rc;
    }
    if (count == 0) {
        return pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL, "run %s: %s runs without an attempt",
                          run->run_id, task->task);
    }
    const struct pn_attempt *last = &attempts[count - 1];
    if (last->pid > 1 && last->pid_start != 0 &&
        pn_process_start_time((pid_t)last->pid) == last->pid_start) {
        (void)kill((pid_t)-last->pid, SIGKILL);
    }
    const struct pn_dag *dag = pn_pipeline_dag(scheduler->pipeline, run->dag);
    const struct pn_task *definition = dag != NULL ? pn_dag_task(dag, task->task) : NULL;
    enum pn_task_state next =
        definition != NULL ? after_failure(definition, last->number) : PN_TASK_FAILED;
    int64_t now_ms = pn_wall_ms(scheduler->clock);
    pn_logger_warn(scheduler->logger, "dag", "%s %s: %s attempt %d was lost with its scheduler",
                   run->dag, run->run_id, task->task, (int)last->number);
    const struct pn_attempt_end end = {
        .outcome = "lost", .exit_code = -SIGKILL, .next = next, .next_ms = now_ms};
    return pn_dag_db_attempt_end(scheduler->db, run->id, task->task, last->number, &end, now_ms, e);
}

static int recover(struct pn_scheduler *scheduler, struct pn_err *e)
{
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    struct pn_run *runs = NULL;
    size_t count = 0;
    int rc = active_runs(scheduler, &arena, &runs, &count, e);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct pn_task_run *tasks = NULL;
        size_t task_count = 0;
        rc = pn_dag_db_tasks(scheduler->db, runs[i].id, &arena, &tasks, &task_count, e);
        for (size_t j = 0; rc == 0 && j < task_count; j++) {
            if (tasks[j].state == PN_TASK_RUNNING) {
                rc = recover_task(scheduler, &runs[i], &tasks[j], &arena, e);
            }
        }
    }
    pn_arena_deinit(&arena);
    return rc;
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
        .io = io,
        .clock = clock,
        .logger = logger,
        .attempts_failed = pn_metrics_get(metrics, PN_METRIC_DAG_ATTEMPTS_FAILED, NULL),
        .runs_over = pn_metrics_get(metrics, PN_METRIC_DAG_RUNS, NULL),
        .tasks_running = pn_metrics_get(metrics, PN_METRIC_DAG_TASKS_RUNNING, NULL),
        .lock_fd = -1,
        .wake_fd = -1,
        .watch_fd = -1,
    };
    char *lock_path = pn_xasprintf("%s/scheduler.lock", config->data_folder);
    char *db_path = pn_xasprintf("%s/state.db", config->data_folder);
    int rc = pn_io_mkdirs(io, config->data_folder, e);
    if (rc == 0) {
        rc = pn_io_lock(io, lock_path, &made->lock_fd, e);
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
        rc = recover(made, e);
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

/* Whatever still runs ends here, and is made again by the next scheduler. */
static void end_tasks(struct pn_scheduler *scheduler)
{
    for (size_t i = 0; i < scheduler->running_count; i++) {
        tell_to_end(scheduler, &scheduler->running[i], "lost");
    }
    while (scheduler->running_count > 0) {
        struct pn_err failure = {0};
        if (reap(scheduler, &failure) != 0) {
            pn_logger_error(scheduler->logger, "dag", "%s", failure.msg);
        }
        if (scheduler->running_count > 0) {
            scheduler->next_retry_ms = 0;
            wait_for_something(scheduler, scheduler->config.poll_ms);
        }
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
