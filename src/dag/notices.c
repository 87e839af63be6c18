/* Reports runs that failed: a process of this program, one at a time, sends the webhook and runs
 * the command. What came of it is kept with the run; after a crash it is sent again. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "dag/scheduler_internal.h"

enum { NOTIFY_MS_MAX = 300000, NOTIFY_LOG_BYTES_MAX = 1 << 20 };

static int finish(struct pn_scheduler *scheduler, int32_t exit_code, struct pn_err *e)
{
    struct pn_notifying *notifying = &scheduler->notifying;
    (void)pn_task_log_close(&notifying->log, NULL);
    int64_t run = notifying->run;
    *notifying = (struct pn_notifying){.process = {.pidfd = -1}};
    /* The process writes what came of it itself; this is for one that could not. */
    return pn_dag_db_notice(
        scheduler->db, run,
        exit_code == 0 ? "sent" : "failed: the process that sends it ended early", e);
}

static int start(struct pn_scheduler *scheduler, const struct pn_run *run, struct pn_arena *arena,
                 struct pn_err *e)
{
    struct pn_notifying *notifying = &scheduler->notifying;
    size_t prefix = 0;
    while (scheduler->config.notify_command[prefix] != NULL) {
        prefix++;
    }
    const char **argv = pn_arena_calloc(arena, prefix + 3, sizeof *argv);
    memcpy(argv, scheduler->config.notify_command, prefix * sizeof *argv);
    argv[prefix] = run->dag;
    argv[prefix + 1] = run->run_id;
    const char *folder =
        pn_dag_run_folder(scheduler->config.data_folder, run->dag, run->run_id, arena);
    const char **env = pn_arena_calloc(arena, 2, sizeof *env);
    (void)pn_pins_env(scheduler->definition, env, arena);
    int output_fd = -1;
    int rc = pn_io_mkdirs(scheduler->io, folder, e);
    if (rc == 0) {
        rc = pn_task_log_open(scheduler->io, pn_arena_printf(arena, "%s/on_failure.log", folder),
                              NOTIFY_LOG_BYTES_MAX, &notifying->log, &output_fd, e);
    }
    if (rc == 0) {
        const struct pn_process_files files = {
            .input = -1, .output = output_fd, .error = output_fd};
        rc = pn_process_start(argv, env, &files, scheduler->io, &notifying->process, e);
        (void)close(output_fd);
    }
    if (rc != 0) {
        (void)pn_task_log_close(&notifying->log, NULL);
        return rc;
    }
    notifying->run = run->id;
    notifying->deadline_ms = pn_mono_ms(scheduler->clock) + NOTIFY_MS_MAX;
    return 0;
}

int pn_notices_step(struct pn_scheduler *scheduler, struct pn_arena *arena, struct pn_err *e)
{
    struct pn_notifying *notifying = &scheduler->notifying;
    if (scheduler->config.notify_command == NULL) {
        return 0;
    }
    if (notifying->run != 0) {
        int32_t exit_code = 0;
        if (!pn_process_ended(&notifying->process, &exit_code)) {
            if (pn_mono_ms(scheduler->clock) >= notifying->deadline_ms) {
                pn_process_signal(&notifying->process, SIGKILL);
            }
            return 0;
        }
        int rc = finish(scheduler, exit_code, e);
        if (rc != 0) {
            return rc;
        }
    }
    struct pn_run run = {0};
    bool found = false;
    int rc = pn_dag_db_next_notice(scheduler->db, arena, &run, &found, e);
    if (rc != 0 || !found) {
        return rc;
    }
    struct pn_err failure = {0};
    if (start(scheduler, &run, arena, &failure) != 0) {
        const char *result = pn_arena_printf(arena, "failed: %s", failure.msg);
        return pn_dag_db_notice(scheduler->db, run.id, result, e);
    }
    return 0;
}
