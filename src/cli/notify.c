/*
 * pinion notify: reports a run that failed, as its DAG's `on_failure` says. The scheduler starts
 * it, in a process of its own, and what it prints is on_failure.log beside the run's other logs.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json_writer.h"
#include "base/webhook.h"
#include "cli/commands.h"
#include "cli/dag.h"

enum { BODY_BYTES_MAX = 1 << 20 };

static void add_time(struct pn_json_writer *json, const char *name, int64_t wall_ms)
{
    char time[PN_ISO8601_SIZE];
    bool is_set = wall_ms != 0 && wall_ms != PN_TIME_NONE;
    pn_json_add_cstr(json, name, is_set ? pn_iso8601(wall_ms, time) : NULL);
}

static void add_task(struct pn_json_writer *json, const struct pn_task_run *task,
                     const struct pn_attempt *last)
{
    pn_json_put_object(json);
    pn_json_add_cstr(json, "task", task->task);
    pn_json_add_cstr(json, "state", pn_task_state_name(task->state));
    pn_json_add_i64(json, "tries", task->tries);
    if (last != NULL) {
        pn_json_add_cstr(json, "outcome", last->outcome);
        pn_json_add_i64(json, "exit_code", last->exit_code);
        pn_json_add_cstr(json, "reason", last->reason[0] != '\0' ? last->reason : NULL);
    }
    pn_json_end(json);
}

static int add_failed_tasks(struct pn_dag_session *session, const struct pn_run *run,
                            struct pn_json_writer *json, struct pn_err *e)
{
    struct pn_task_run *tasks = NULL;
    size_t count = 0;
    int rc = pn_dag_db_tasks(session->db, run->id, &session->arena, &tasks, &count, e);
    pn_json_add_array(json, "failed_tasks");
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct pn_attempt *attempts = NULL;
        size_t attempt_count = 0;
        if (tasks[i].state != PN_TASK_FAILED && tasks[i].state != PN_TASK_UPSTREAM_FAILED) {
            continue;
        }
        rc = pn_dag_db_attempts(session->db, run->id, tasks[i].task, &session->arena, &attempts,
                                &attempt_count, e);
        if (rc == 0) {
            add_task(json, &tasks[i], attempt_count > 0 ? &attempts[attempt_count - 1] : NULL);
        }
    }
    pn_json_end(json);
    return rc;
}

static int make_body(struct pn_dag_session *session, const struct pn_run *run, struct pn_buf *body,
                     struct pn_err *e)
{
    struct pn_json_writer json;
    pn_json_writer_init(&json, body);
    pn_json_put_object(&json);
    pn_json_add_cstr(&json, "event", "run_failed");
    pn_json_add_cstr(&json, "pipeline", session->pipeline->name);
    pn_json_add_cstr(&json, "dag", run->dag);
    pn_json_add_cstr(&json, "run_id", run->run_id);
    pn_json_add_cstr(&json, "run_type", pn_run_type_name(run->type));
    pn_json_add_cstr(&json, "state", pn_run_state_name(run->state));
    add_time(&json, "logical_date", run->logical_ms);
    add_time(&json, "started", run->started_ms);
    add_time(&json, "ended", run->ended_ms);
    pn_json_add_cstr(&json, "conf", run->conf);
    pn_json_add_cstr(&json, "note", run->note[0] != '\0' ? run->note : NULL);
    pn_json_add_cstr(&json, "reason", run->reason[0] != '\0' ? run->reason : NULL);
    int rc = add_failed_tasks(session, run, &json, e);
    pn_json_end(&json);
    return rc == 0 ? pn_json_writer_check(&json, "the notice", e) : rc;
}

/* What came of the webhook, in words. */
static const char *send_webhook(struct pn_dag_session *session, const char *json)
{
    const struct pn_settings *settings = session->app->settings;
    const struct pn_webhook webhook = {
        .url = session->dag->on_failure_webhook,
        .json = json,
        .secret = settings->dag.webhook_secret,
        .allow_private = settings->dag.webhook_private,
    };
    struct pn_err failure = {0};
    long status = 0;
    int tries = 0;
    if (pn_webhook_send(&webhook, &status, &tries, &failure) == 0) {
        return pn_arena_printf(&session->arena, "webhook: %ld after %d of %d tries", status, tries,
                               PN_WEBHOOK_TRIES);
    }
    return pn_arena_printf(&session->arena, "webhook: failed after %d of %d tries: %s", tries,
                           PN_WEBHOOK_TRIES, failure.msg);
}

/* Runs the command with the notice in its environment; its exit status, in words. */
static const char *run_command(struct pn_dag_session *session, const struct pn_run *run,
                               const char *json)
{
    pid_t pid = fork();
    if (pid == 0) {
        bool set = setenv("PINION_DAG", run->dag, 1) == 0 &&
                   setenv("PINION_RUN_ID", run->run_id, 1) == 0 &&
                   setenv("PINION_NOTICE", json, 1) == 0;
        if (set) {
            (void)execl("/bin/sh", "sh", "-c", session->dag->on_failure_command, (char *)NULL);
        }
        _exit(127);
    }
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        return pn_arena_printf(&session->arena, "command: cannot be run: %s", strerror(errno));
    }
    return WIFEXITED(status)
               ? pn_arena_printf(&session->arena, "command: exit %d", WEXITSTATUS(status))
               : pn_arena_printf(&session->arena, "command: signal %d", WTERMSIG(status));
}

static int notify(struct pn_dag_session *session, const struct pn_run *run, struct pn_err *e)
{
    const struct pn_dag *dag = session->dag;
    const char *webhook = "";
    const char *command = "";
    struct pn_buf body;
    pn_buf_init(&body, BODY_BYTES_MAX);
    int rc = make_body(session, run, &body, e);
    if (rc == 0) {
        webhook = dag->on_failure_webhook != NULL ? send_webhook(session, pn_buf_text(&body)) : "";
        command =
            dag->on_failure_command != NULL ? run_command(session, run, pn_buf_text(&body)) : "";
        const char *result =
            pn_arena_printf(&session->arena, "%s%s%s", webhook,
                            webhook[0] != '\0' && command[0] != '\0' ? "; " : "", command);
        (void)fprintf(session->cli->out, "%s\n", result);
        rc = pn_dag_db_notice(session->db, run->id, result, e);
    }
    pn_buf_deinit(&body);
    return rc;
}

int pn_cmd_notify(struct pn_cli *cli, int argc, char **argv)
{
    const struct pn_syntax syntax = {
        .operands = "DAG RUN",
        .operands_min = 2,
        .operands_max = 2,
        .about = "Tells of a run that failed, as its DAG's on_failure says."};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    struct pn_dag_session session;
    struct pn_run run = {0};
    int rc = pn_cli_dag_open(cli, argv[0], &session, &failure);
    if (rc == 0) {
        rc = pn_dag_db_run(session.db, argv[0], argv[1], &session.arena, &run, &failure);
    }
    if (rc == 0) {
        rc = notify(&session, &run, &failure);
    }
    return pn_cli_dag_finish(&session, rc, &failure);
}
