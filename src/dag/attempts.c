/* Attempts: processes that start, end, and are recorded. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/units.h"
#include "dag/scheduler_internal.h"

enum { KILL_AFTER_MS = 5000 /* from SIGTERM to SIGKILL */, ENV_MAX = 16 };

/* ---- ends ------------------------------------------------------------------------------------ */

void pn_attempts_tell_to_end(struct pn_scheduler *scheduler, struct pn_running *running,
                             enum pn_ended_by why)
{
    if (running->ended_by == PN_ENDED_BY_ITSELF && !running->is_over) {
        running->ended_by = why;
        running->kill_ms = pn_mono_ms(scheduler->clock) + KILL_AFTER_MS;
        pn_process_signal(&running->process, SIGTERM);
    }
}

void pn_attempts_reap(struct pn_scheduler *scheduler)
{
    int64_t now_ms = pn_mono_ms(scheduler->clock);
    for (size_t i = 0; i < scheduler->running_count; i++) {
        struct pn_running *running = &scheduler->running[i];
        if (running->is_over) {
            continue;
        }
        running->is_over = pn_process_ended(&running->process, &running->exit_code);
        if (running->is_over) {
            continue;
        }
        if (running->kill_ms != 0 && now_ms >= running->kill_ms) {
            pn_process_signal(&running->process, SIGKILL);
        } else if (running->deadline_ms != 0 && now_ms >= running->deadline_ms) {
            pn_attempts_tell_to_end(scheduler, running, PN_ENDED_BY_TIMEOUT);
        }
    }
}

static bool has_code(const struct pn_exit_codes *codes, int32_t code)
{
    for (size_t i = 0; i < codes->count; i++) {
        if (codes->codes[i] == code) {
            return true;
        }
    }
    return false;
}

/* What a task becomes after an attempt that didn't succeed. `number` keeps rising after a clear,
 * so the failures of this time are counted from where the last clear left it. */
static void set_after_failure(const struct pn_task *task, int32_t number, int32_t max_tries,
                              int64_t now_ms, struct pn_attempt_end *end)
{
    int32_t max = max_tries > 0 ? max_tries : task->retries + 1;
    end->next = PN_TASK_FAILED;
    if (number < max) {
        end->next = PN_TASK_UP_FOR_RETRY;
        end->next_ms = now_ms + pn_dag_retry_delay_ms(task, number - (max - task->retries - 1));
    }
}

/* The outcome of an attempt whose process failed, or was asked to end. */
static void set_failure(const struct pn_running *running, int64_t now_ms,
                        struct pn_attempt_end *end)
{
    end->outcome = "failed";
    set_after_failure(running->task, running->number, running->max_tries, now_ms, end);
    switch (running->ended_by) {
    case PN_ENDED_BY_ITSELF:
        end->reason = running->not_started;
        if (has_code(&running->task->no_retry, end->exit_code) &&
            end->next == PN_TASK_UP_FOR_RETRY) {
            end->next = PN_TASK_FAILED;
            end->reason = "not retried: the exit code is one of no_retry_exit_codes";
        }
        break;
    case PN_ENDED_BY_TIMEOUT:
        end->outcome = "timeout";
        end->reason = "it took longer than its timeout";
        break;
    case PN_ENDED_BY_RUN_TIMEOUT:
        end->outcome = "timeout";
        end->reason = "its run took longer than the run_timeout";
        end->next = PN_TASK_FAILED;
        break;
    case PN_ENDED_BY_CANCEL:
        end->outcome = "cancelled";
        end->next = PN_TASK_CANCELLED;
        break;
    case PN_ENDED_BY_LOSS:
        end->outcome = "lost";
        end->reason = "the scheduler was stopped while it ran";
        end->next_ms = end->next == PN_TASK_UP_FOR_RETRY ? now_ms : 0;
        break;
    }
    end->next_ms = end->next == PN_TASK_UP_FOR_RETRY ? end->next_ms : 0;
}

static void log_failure(struct pn_scheduler *scheduler, const struct pn_running *running,
                        const struct pn_attempt_end *end, int64_t now_ms)
{
    char delay[PN_UNITS_SIZE];
    bool again = end->next == PN_TASK_UP_FOR_RETRY;
    int64_t delay_ms = again && end->next_ms > now_ms ? end->next_ms - now_ms : 0;
    pn_metric_add(scheduler->attempts_failed, 1);
    pn_logger_warn(scheduler->logger, "dag", "%s %s: %s attempt %d: %s (%s %d)%s%s%s%s",
                   running->dag, running->run_id, running->task->name, (int)running->number,
                   end->outcome, end->exit_code < 0 ? "signal" : "exit", abs((int)end->exit_code),
                   end->reason != NULL ? "; " : "", end->reason != NULL ? end->reason : "",
                   again ? "; will be retried in " : "",
                   again ? pn_format_duration(delay_ms, delay) : "");
}

static int record(struct pn_scheduler *scheduler, struct pn_running *running, struct pn_err *e)
{
    int64_t now_ms = pn_wall_ms(scheduler->clock);
    struct pn_attempt_end end = {
        .outcome = "success",
        .exit_code = running->exit_code,
        .memory_bytes = running->process.memory_bytes,
        .next = PN_TASK_SUCCESS,
    };
    bool failed = end.exit_code != 0 || running->ended_by == PN_ENDED_BY_CANCEL;
    if (running->ended_by == PN_ENDED_BY_ITSELF && has_code(&running->task->skip, end.exit_code)) {
        end.outcome = "skipped";
        end.next = PN_TASK_SKIPPED;
    } else if (failed) {
        set_failure(running, now_ms, &end);
    }
    int rc = pn_dag_db_attempt_end(scheduler->db, running->run, running->task->name,
                                   running->number, &end, now_ms, e);
    if (rc == 0 && failed && end.next != PN_TASK_CANCELLED && end.next != PN_TASK_SKIPPED) {
        log_failure(scheduler, running, &end, now_ms);
    }
    return rc;
}

/* The tail is written now. */
static void close_log(struct pn_scheduler *scheduler, struct pn_running *running)
{
    struct pn_err failure = {0};
    if (pn_task_log_close(&running->log, &failure) != 0) {
        pn_logger_warn(scheduler->logger, "dag",
                       "%s %s: the log of %s attempt %d is incomplete: %s", running->dag,
                       running->run_id, running->task->name, (int)running->number, failure.msg);
    }
}

int pn_attempts_record(struct pn_scheduler *scheduler, struct pn_err *e)
{
    for (size_t i = 0; i < scheduler->running_count; i++) {
        struct pn_running *running = &scheduler->running[i];
        if (!running->is_over) {
            continue;
        }
        struct pn_err failure = {0};
        close_log(scheduler, running); /* once the attempt has ended, its log is whole */
        int rc = record(scheduler, running, &failure);
        /* A run that was deleted or changed by hand: what its attempt came to concerns nobody. */
        if (rc != 0 && failure.class_ != PN_CLASS_CONFLICT) {
            pn_err_copy(e, &failure);
            return rc;
        }
        running->is_recorded = true;
    }
    return 0;
}

static void forget(struct pn_scheduler *scheduler, size_t i)
{
    struct pn_running *running = &scheduler->running[i];
    close_log(scheduler, running);
    if (running->definition != NULL) {
        pn_definitions_release(scheduler->config.definitions, &running->definition);
    }
    free(running->dag);
    free(running->run_id);
    free(running->log_path);
    free(running->not_started);
    scheduler->running[i] = scheduler->running[--scheduler->running_count];
    pn_metric_set(scheduler->tasks_running, (int64_t)scheduler->running_count);
}

void pn_attempts_settle(struct pn_scheduler *scheduler, bool committed)
{
    for (size_t i = scheduler->running_count; i-- > 0;) {
        bool recorded = scheduler->running[i].is_recorded;
        scheduler->running[i].is_recorded = false;
        if (recorded && committed) {
            forget(scheduler, i);
        }
    }
}

size_t pn_attempts_of(const struct pn_scheduler *scheduler, int64_t run)
{
    size_t count = 0;
    for (size_t i = 0; i < scheduler->running_count; i++) {
        count += scheduler->running[i].run == run && !scheduler->running[i].is_over ? 1 : 0;
    }
    return count;
}

/* ---- starts ---------------------------------------------------------------------------------- */

/* A command line needs nothing of this program: its shell is started at once. */
static const char *const *shell_argv(const struct pn_task *task, struct pn_arena *arena)
{
    const char **argv = pn_arena_calloc(arena, 4, sizeof *argv);
    argv[0] = "/bin/sh";
    argv[1] = "-c";
    argv[2] = task->command;
    return argv;
}

static const char *const *task_argv(const struct pn_scheduler *scheduler,
                                    const struct pn_start *start, struct pn_arena *arena)
{
    size_t prefix = 0;
    if (start->task->kind == PN_TASK_COMMAND) {
        return shell_argv(start->task, arena);
    }
    while (scheduler->config.task_command[prefix] != NULL) {
        prefix++;
    }
    const char **argv = pn_arena_calloc(arena, prefix + 4, sizeof *argv);
    memcpy(argv, scheduler->config.task_command, prefix * sizeof *argv);
    argv[prefix] = start->run->dag;
    argv[prefix + 1] = start->task->name;
    argv[prefix + 2] = start->run->run_id;
    return argv;
}

static const char *time_env(const char *name, int64_t wall_ms, struct pn_arena *arena)
{
    char time[PN_ISO8601_SIZE];
    return pn_arena_printf(arena, "%s=%s", name,
                           wall_ms != PN_TIME_NONE ? pn_iso8601(wall_ms, time) : "");
}

/* Absolute, so that a command may change its folder. */
static const char *path_env(const char *name, const char *path, struct pn_arena *arena)
{
    char *absolute = realpath(path, NULL);
    const char *entry = pn_arena_printf(arena, "%s=%s", name, absolute != NULL ? absolute : path);
    free(absolute);
    return entry;
}

/* What a command runs of this program is about the same data and pipeline. Gives how many. */
static size_t command_env(const struct pn_scheduler *scheduler, const char **env,
                          struct pn_arena *arena)
{
    env[0] = path_env("PINION_DATA", scheduler->config.data_folder, arena);
    if (scheduler->source_folder == NULL) { /* of a pipeline that was made by hand */
        return 1;
    }
    env[1] = path_env("PINION_PIPELINE", scheduler->source_folder, arena);
    return 2;
}

/* What the task may read of its run. A run without a logical date has the time it was made. */
static const char *const *task_env(const struct pn_scheduler *scheduler,
                                   const struct pn_start *start, struct pn_arena *arena)
{
    const struct pn_run *run = start->run;
    const char **env = pn_arena_calloc(arena, ENV_MAX, sizeof *env);
    size_t n = 0;
    env[n++] = pn_arena_printf(arena, "PINION_DAG=%s", run->dag);
    env[n++] = pn_arena_printf(arena, "PINION_TASK=%s", start->task->name);
    env[n++] = pn_arena_printf(arena, "PINION_RUN_ID=%s", run->run_id);
    env[n++] = pn_arena_printf(arena, "PINION_RUN_TYPE=%s", pn_run_type_name(run->type));
    env[n++] = pn_arena_printf(arena, "PINION_TRY_NUMBER=%d", (int)start->number);
    env[n++] = pn_arena_printf(arena, "PINION_CONF=%s", run->conf);
    env[n++] =
        time_env("PINION_LOGICAL_DATE",
                 run->logical_ms != PN_TIME_NONE ? run->logical_ms : run->run_after_ms, arena);
    env[n++] = time_env("PINION_DATA_INTERVAL_START", run->interval_start_ms, arena);
    env[n++] = time_env("PINION_DATA_INTERVAL_END", run->interval_end_ms, arena);
    n += start->task->kind == PN_TASK_COMMAND ? command_env(scheduler, env + n, arena)
                                              : pn_pins_env(start->definition, env + n, arena);
    PN_ASSERT(n < ENV_MAX);
    return env;
}

/* The task is the definition's: an attempt holds it. */
static const struct pn_definition *hold(struct pn_scheduler *scheduler,
                                        const struct pn_definition *definition)
{
    return definition != NULL ? pn_definitions_hold(scheduler->config.definitions, definition)
                              : NULL;
}

/* The process of an attempt that is in the database; the slot after the last is filled. */
static int start_process(struct pn_scheduler *scheduler, const struct pn_start *start,
                         struct pn_arena *arena, struct pn_err *e)
{
    struct pn_running *running = &scheduler->running[scheduler->running_count];
    *running = (struct pn_running){
        .run = start->run->id,
        .task = start->task,
        .number = start->number,
        .max_tries = start->stored->max_tries,
    };
    const char *folder = pn_dag_run_folder(scheduler->config.data_folder, start->run->dag,
                                           start->run->run_id, arena);
    int rc = pn_io_mkdirs(scheduler->io, folder, e);
    if (rc != 0) {
        return rc;
    }
    const char *log =
        pn_arena_printf(arena, "%s/%s.%d.log", folder, start->task->name, (int)start->number);
    int output_fd = -1;
    rc = pn_task_log_open(scheduler->io, log, scheduler->config.log_bytes_max, &running->log,
                          &output_fd, e);
    if (rc == 0) {
        const struct pn_process_files files = {
            .input = -1, .output = output_fd, .error = output_fd};
        rc = pn_process_start(task_argv(scheduler, start, arena), task_env(scheduler, start, arena),
                              &files, scheduler->io, &running->process, e);
        (void)close(output_fd);
    }
    if (rc != 0) {
        (void)pn_task_log_close(&running->log, NULL);
        return rc;
    }
    if (start->task->timeout_ms > 0) {
        running->deadline_ms = pn_mono_ms(scheduler->clock) + start->task->timeout_ms;
    }
    running->definition = hold(scheduler, start->definition);
    running->dag = pn_xstrdup(start->run->dag);
    running->run_id = pn_xstrdup(start->run->run_id);
    running->log_path = pn_xstrdup(log);
    scheduler->running_count++;
    pn_metric_set(scheduler->tasks_running, (int64_t)scheduler->running_count);
    pn_logger_info(scheduler->logger, "dag", "%s %s: %s attempt %d started", running->dag,
                   running->run_id, start->task->name, (int)running->number);
    return 0;
}

/* An attempt that could not start is over like one that failed: the next step records it. */
static void add_not_started(struct pn_scheduler *scheduler, const struct pn_start *start,
                            const char *reason)
{
    scheduler->running[scheduler->running_count++] = (struct pn_running){
        .run = start->run->id,
        .dag = pn_xstrdup(start->run->dag),
        .run_id = pn_xstrdup(start->run->run_id),
        .task = start->task,
        .definition = hold(scheduler, start->definition),
        .number = start->number,
        .max_tries = start->stored->max_tries,
        .process = {.pidfd = -1},
        .is_over = true,
        .not_started = pn_xstrdup(reason),
        .exit_code = -1,
    };
}

int pn_attempts_start(struct pn_scheduler *scheduler, const struct pn_start *starts, size_t count,
                      struct pn_arena *arena, struct pn_err *e)
{
    if (count == 0) {
        return 0;
    }
    size_t first = scheduler->running_count;
    for (size_t i = 0; i < count; i++) {
        struct pn_err failure = {0};
        if (start_process(scheduler, &starts[i], arena, &failure) != 0) {
            add_not_started(scheduler, &starts[i], failure.msg);
        }
    }
    int rc = pn_dag_db_begin(scheduler->db, e);
    if (rc != 0) {
        return rc;
    }
    for (size_t i = first; rc == 0 && i < scheduler->running_count; i++) {
        const struct pn_running *running = &scheduler->running[i];
        if (!running->is_over) {
            rc = pn_dag_db_attempt_process(scheduler->db, running->run, running->task->name,
                                           running->number, running->process.pid,
                                           running->process.start, running->log_path, e);
        }
    }
    return pn_dag_db_end(scheduler->db, rc, e);
}

/* ---- what another scheduler left ------------------------------------------------------------- */

/* Ends what still runs of an attempt whose scheduler is gone: the kernel killed the process itself
 * with that, but not what it had started (the commands of a shell). False: nothing did. */
static bool kill_lost(const struct pn_run *run, const struct pn_attempt *attempt,
                      struct pn_arena *arena)
{
    const char *const marks[] = {
        pn_arena_printf(arena, "PINION_DAG=%s", run->dag),
        pn_arena_printf(arena, "PINION_TASK=%s", attempt->task),
        pn_arena_printf(arena, "PINION_RUN_ID=%s", run->run_id),
        pn_arena_printf(arena, "PINION_TRY_NUMBER=%d", (int)attempt->number),
        NULL,
    };
    if (attempt->pid <= 1 || attempt->pid_start == 0) {
        return false;
    }
    if (pn_process_start_time((pid_t)attempt->pid) == attempt->pid_start) {
        (void)kill((pid_t)-attempt->pid, SIGKILL);
        (void)pn_process_kill_left((pid_t)attempt->pid, marks);
        return true;
    }
    return pn_process_kill_left((pid_t)attempt->pid, marks) > 0;
}

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
    bool alive = kill_lost(run, last, arena);
    int64_t now_ms = pn_wall_ms(scheduler->clock);
    char time[PN_ISO8601_SIZE];
    const struct pn_dag *dag = pn_pipeline_dag(scheduler->pipeline, run->dag);
    const struct pn_task *definition = dag != NULL ? pn_dag_task(dag, task->task) : NULL;
    struct pn_attempt_end end = {
        .outcome = "lost",
        .reason = pn_arena_printf(arena, "its scheduler ended while it ran; the next one %s at %s",
                                  alive ? "killed it" : "found that", pn_iso8601(now_ms, time)),
        .exit_code = -SIGKILL,
        .next = PN_TASK_FAILED,
    };
    if (definition != NULL) {
        set_after_failure(definition, last->number, task->max_tries, now_ms, &end);
        end.next_ms = end.next == PN_TASK_UP_FOR_RETRY ? now_ms : 0;
    }
    pn_logger_warn(scheduler->logger, "dag", "%s %s: %s attempt %d was lost with its scheduler",
                   run->dag, run->run_id, task->task, (int)last->number);
    return pn_dag_db_attempt_end(scheduler->db, run->id, task->task, last->number, &end, now_ms, e);
}

int pn_attempts_recover(struct pn_scheduler *scheduler, struct pn_err *e)
{
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    const struct pn_run_filter filter = {.state = PN_RUN_RUNNING + 1, .limit = -1};
    struct pn_run *runs = NULL;
    size_t count = 0;
    int rc = pn_dag_db_begin(scheduler->db, e);
    if (rc == 0) {
        rc = pn_dag_db_runs(scheduler->db, &filter, &arena, &runs, &count, e);
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
        rc = pn_dag_db_end(scheduler->db, rc, e);
    }
    pn_arena_deinit(&arena);
    return rc;
}
