/* pinion dag trigger: a run, and the wait for its end. */
#include <stdlib.h>

#include "base/units.h"
#include "cli/dag.h"
#include "cli/flush.h"
#include "cli/reports.h"
#include "cli/signals.h"
#include "server/stations.h"

enum { POLL_MS = 50 };

/* Prints every task whose state or number of tries has changed. */
static int report_changes(struct pn_dag_session *session, const struct pn_dag_wait *how,
                          const struct pn_run *run, struct pn_task_run *seen, struct pn_err *e)
{
    struct pn_task_run *tasks = NULL;
    size_t count = 0;
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    int rc = pn_dag_db_tasks(session->db, run->id, &arena, &tasks, &count, e);
    for (size_t i = 0; rc == 0 && i < count && i < session->dag->task_count; i++) {
        if (tasks[i].state != seen[i].state || tasks[i].tries != seen[i].tries) {
            how->report(how->arg, &tasks[i]);
        }
        seen[i] = (struct pn_task_run){.state = tasks[i].state, .tries = tasks[i].tries};
    }
    pn_arena_deinit(&arena);
    return rc;
}

static int current_run(struct pn_dag_session *session, struct pn_run *run, struct pn_err *e)
{
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    struct pn_run now = {0};
    int rc = pn_dag_db_run(session->db, run->dag, run->run_id, &arena, &now, e);
    if (rc == 0) {
        now.dag = run->dag;
        now.run_id = run->run_id;
        *run = now;
    }
    pn_arena_deinit(&arena);
    return rc;
}

/* The process that holds the scheduler's lock runs the tasks; if none does, this one does. */
static int advance(struct pn_dag_session *session, struct pn_scheduler **scheduler,
                   struct pn_err *e)
{
    if (*scheduler == NULL) {
        struct pn_err failure = {0};
        int rc = pn_app_open_scheduler(session->app, NULL, &session->arena, scheduler, &failure);
        if (rc != 0 && failure.class_ == PN_CLASS_CONFLICT) {
            pn_sleep_ms(POLL_MS);
            return 0;
        }
        if (rc != 0) {
            pn_err_copy(e, &failure);
            return rc;
        }
    }
    return pn_scheduler_step(*scheduler, POLL_MS, e);
}

/* `own`: this process ran the tasks, and nobody does now. */
static int interrupted(const struct pn_run *run, bool own, struct pn_err *e)
{
    return pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                      "interrupted: run %s continues %s; `pinion dag status %s %s` shows its "
                      "progress, `pinion dag cancel %s %s` cancels it",
                      run->run_id,
                      own ? "with the next scheduler (`pinion serve`)" : "in the server", run->dag,
                      run->run_id, run->dag, run->run_id);
}

static int wait_for_run(struct pn_dag_session *session, const struct pn_dag_wait *how,
                        struct pn_run *run, struct pn_err *e)
{
    struct pn_signals signals;
    pn_signals_watch(&signals);
    struct pn_scheduler *scheduler = NULL;
    struct pn_task_run *seen =
        pn_arena_calloc(&session->arena, session->dag->task_count + 1, sizeof *seen);
    int64_t start_ms = pn_mono_ms(session->cli->clock);
    int rc = 0;
    while (rc == 0) {
        rc = advance(session, &scheduler, e);
        if (rc == 0) {
            rc = current_run(session, run, e);
        }
        if (rc == 0 && how->report != NULL) {
            rc = report_changes(session, how, run, seen, e);
        }
        if (rc != 0 || pn_run_state_final(run->state)) {
            break;
        }
        if (pn_signals_came(&signals, 0)) {
            rc = interrupted(run, scheduler != NULL, e);
        } else if (how->timeout_ms > 0 &&
                   pn_mono_ms(session->cli->clock) - start_ms >= how->timeout_ms) {
            char after[PN_UNITS_SIZE];
            rc = pn_err_set(
                e, PN_CLASS_RETRY, PN_FAIL,
                "run %s has not ended after %s: `pinion dag status %s %s` shows its progress",
                run->run_id, pn_format_duration(how->timeout_ms, after), run->dag, run->run_id);
        }
    }
    pn_scheduler_destroy(&scheduler);
    pn_signals_restore(&signals);
    return rc;
}

int pn_cli_dag_run(struct pn_dag_session *session, const struct pn_dag_wait *how,
                   struct pn_run *run, struct pn_err *e)
{
    struct pn_trigger trigger = pn_trigger_of("cli");
    trigger.run_id = how->run_id;
    trigger.conf = how->conf;
    trigger.note = how->note;
    int64_t unused_ms = 0;
    int rc = 0;
    if (how->logical_date != NULL) {
        rc = pn_cli_dag_time(session->dag, "logical-date", how->logical_date, &trigger.logical_ms,
                             &unused_ms, e);
    }
    if (rc == 0) {
        rc = pn_app_find_scheduling(session->app, e);
    }
    if (rc == 0) {
        rc = pn_cli_flush(session->cli, e);
    }
    if (rc == 0) {
        rc = pn_dag_db_trigger(session->db, session->dag, &trigger, pn_wall_ms(session->cli->clock),
                               &session->arena, run, e);
    }
    if (rc == 0 && how->wait) {
        rc = wait_for_run(session, how, run, e);
    }
    return rc;
}

static void print_change(void *arg, const struct pn_task_run *task)
{
    struct pn_cli *cli = arg;
    if (cli->quiet || task->state == PN_TASK_NONE) {
        return;
    }
    (void)fprintf(cli->err, "%-60s %s", task->task, pn_task_state_name(task->state));
    if (task->state == PN_TASK_SUCCESS) {
        (void)fprintf(cli->err, " (%.2f s)", (double)(task->ended_ms - task->started_ms) / 1000.0);
    } else if (task->state == PN_TASK_UP_FOR_RETRY) {
        (void)fprintf(cli->err, " (attempt %d failed)", (int)task->tries);
    }
    (void)fputc('\n', cli->err);
}

static int tell_outcome(struct pn_dag_session *session, const struct pn_run *run, bool waited)
{
    struct pn_cli *cli = session->cli;
    if (!waited) {
        char *url = NULL;
        int rc = pn_cli_server_url(cli, &url, NULL);
        (void)fprintf(cli->out, "%s %s\n", run->run_id, pn_run_state_name(run->state));
        if (rc == 0 && url == NULL) {
            (void)fprintf(cli->err,
                          "No server runs on %s: the run waits until `pinion serve` or a trigger "
                          "with --wait runs it.\n",
                          cli->data);
        }
        free(url);
        return PN_EXIT_OK;
    }
    (void)fprintf(cli->out, "%s %s\n", run->run_id, pn_run_state_name(run->state));
    if (run->state == PN_RUN_SUCCESS) {
        return PN_EXIT_OK;
    }
    return pn_cli_failf(cli, "run %s: %s (`pinion dag logs %s --run %s` says why)", run->run_id,
                        pn_run_state_name(run->state), run->dag, run->run_id);
}

int pn_cmd_dag_trigger(struct pn_cli *cli, int argc, char **argv)
{
    struct pn_dag_wait how = {.report = print_change, .arg = cli};
    const struct pn_opt opts[] = {
        {.name = "wait",
         .kind = PN_OPT_FLAG,
         .help = "wait for the run to end; the exit status is 0 only if it succeeds",
         .target = &how.wait},
        {.name = "run-id",
         .kind = PN_OPT_STRING,
         .value = "ID",
         .help = "the run's name (manual__<time>)",
         .target = &how.run_id},
        {.name = "conf",
         .kind = PN_OPT_STRING,
         .value = "JSON",
         .help = "a JSON object that the tasks can read (PINION_CONF)",
         .target = &how.conf},
        {.name = "logical-date",
         .kind = PN_OPT_STRING,
         .value = "TIME",
         .help = "the time the run is for; a DAG has one run for each (none)",
         .target = &how.logical_date},
        {.name = "note",
         .kind = PN_OPT_STRING,
         .value = "TEXT",
         .help = "a note to store with the run",
         .target = &how.note},
        {.name = "timeout",
         .kind = PN_OPT_DURATION,
         .value = "D",
         .help = "with --wait: stop waiting after this time (never)",
         .target = &how.timeout_ms},
        {.name = NULL}};
    const struct pn_syntax syntax = {.operands = "DAG",
                                     .operands_min = 1,
                                     .operands_max = 1,
                                     .opts = opts,
                                     .uses = PN_USES_QUIET,
                                     .about = "Starts a run. The sink first lands all records "
                                              "acknowledged so far, so the run sees them."};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    if (how.timeout_ms > 0 && !how.wait) {
        return pn_cli_usage(cli, "--timeout needs --wait");
    }
    struct pn_err failure = {0};
    struct pn_dag_session session;
    struct pn_run run = {0};
    int rc = pn_cli_dag_open(cli, argv[0], &session, &failure);
    if (rc == 0) {
        rc = pn_cli_dag_run(&session, &how, &run, &failure);
    }
    status = rc == 0 ? tell_outcome(&session, &run, how.wait) : pn_cli_fail(cli, &failure);
    pn_cli_dag_close(&session);
    return status;
}
