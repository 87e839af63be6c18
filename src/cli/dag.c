/* pinion dag: the DAGs, their runs, and what the tasks printed. */
#include "cli/dag.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "dag/states.h"
#include "report/dags.h"

enum { LIMIT_DEFAULT = 25, LIMIT_MAX = 1000, LOG_PIECE_BYTES = 64 * 1024 };

/* ---- list, show ------------------------------------------------------------------------------ */

static int cmd_list(struct pn_cli *cli, int argc, char **argv)
{
    const struct pn_syntax syntax = {.uses = PN_USES_FORMAT};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    struct pn_dag_session session;
    int rc = pn_cli_dag_look(cli, NULL, &session, &failure);
    if (rc == 0) {
        struct pn_row_writer *rows = pn_cli_rows(cli);
        rc = pn_report_dags(session.pipeline, session.db, rows, &failure);
        pn_row_writer_close(&rows, rc);
    }
    return pn_cli_dag_finish(&session, rc, &failure);
}

static int cmd_show(struct pn_cli *cli, int argc, char **argv)
{
    const struct pn_syntax syntax = {
        .operands = "DAG", .operands_min = 1, .operands_max = 1, .uses = PN_USES_FORMAT};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    struct pn_dag_session session;
    int rc = pn_cli_dag_look(cli, argv[0], &session, &failure);
    if (rc == 0) {
        struct pn_row_writer *rows = pn_cli_rows(cli);
        pn_report_tasks(session.dag, rows);
        pn_row_writer_end(&rows);
    }
    return pn_cli_dag_finish(&session, rc, &failure);
}

/* ---- runs ------------------------------------------------------------------------------------ */

static int cmd_runs(struct pn_cli *cli, int argc, char **argv)
{
    int64_t limit = LIMIT_DEFAULT;
    int64_t offset = 0;
    const char *state = NULL;
    const struct pn_opt opts[] = {{.name = "limit",
                                   .kind = PN_OPT_INT,
                                   .value = "N",
                                   .help = "show at most N runs, newest first (25)",
                                   .target = &limit,
                                   .min = 1,
                                   .max = LIMIT_MAX},
                                  {.name = "offset",
                                   .kind = PN_OPT_INT,
                                   .value = "N",
                                   .help = "skip the newest N runs (0)",
                                   .target = &offset},
                                  {.name = "state",
                                   .kind = PN_OPT_CHOICE,
                                   .value = "STATE",
                                   .choices = "queued|running|success|failed|cancelled",
                                   .help = "show only runs in this state",
                                   .target = &state},
                                  {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "[DAG]", .operands_max = 1, .opts = opts, .uses = PN_USES_FORMAT};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    struct pn_dag_session session;
    int rc = pn_cli_dag_look(cli, argc > 0 ? argv[0] : NULL, &session, &failure);
    struct pn_run *runs = NULL;
    size_t count = 0;
    int64_t total = 0;
    if (rc == 0) {
        const struct pn_run_filter filter = {
            .dag = argc > 0 ? argv[0] : NULL,
            .state = state != NULL ? pn_run_state_parse(state) + 1 : 0,
            .offset = offset,
            .limit = limit,
        };
        rc = pn_dag_db_runs(session.db, &filter, &session.arena, &runs, &count, &failure);
        if (rc == 0) {
            rc = pn_report_count_runs(session.db, &filter, &total, &failure);
        }
    }
    if (rc == 0) {
        struct pn_row_writer *rows = pn_cli_rows(cli);
        pn_report_runs(runs, count, pn_wall_ms(cli->clock), rows);
        pn_row_writer_end(&rows);
        if (pn_format_is_for_people(cli->format) && offset + (int64_t)count < total) {
            (void)fprintf(cli->err,
                          "%zu of %" PRId64 " runs; to see more, give --offset %" PRId64 "\n",
                          count, total, offset + (int64_t)count);
        }
    }
    return pn_cli_dag_finish(&session, rc, &failure);
}

/* ---- logs, cancel ---------------------------------------------------------------------------- */

static int copy_file(struct pn_cli *cli, const char *path, struct pn_err *e)
{
    int fd = -1;
    int rc = pn_io_open(cli->io, path, O_RDONLY, &fd, e);
    char piece[LOG_PIECE_BYTES];
    size_t got = 1;
    for (int64_t at = 0; rc == 0 && got > 0; at += (int64_t)got) {
        rc = pn_io_read_some(cli->io, fd, piece, sizeof piece, at, &got, path, e);
        if (rc == 0) {
            (void)fwrite(piece, 1, got, cli->out);
        }
    }
    pn_io_close(cli->io, &fd);
    return rc;
}

static int print_log(struct pn_dag_session *session, const struct pn_attempt *attempt,
                     struct pn_err *e)
{
    char started[PN_ISO8601_SIZE];
    (void)fprintf(session->cli->out, "--- %s, attempt %d, %s, %s (%s %d)\n", attempt->task,
                  (int)attempt->number, pn_iso8601(attempt->started_ms, started), attempt->outcome,
                  attempt->exit_code < 0 ? "signal" : "exit", abs((int)attempt->exit_code));
    return attempt->log[0] != '\0' ? copy_file(session->cli, attempt->log, e) : 0;
}

/* Those of one number alone; 0: all. */
static size_t choose_attempts(struct pn_attempt *attempts, size_t count, int64_t number)
{
    size_t chosen = 0;
    for (size_t i = 0; i < count; i++) {
        if (number == 0 || attempts[i].number == number) {
            attempts[chosen++] = attempts[i];
        }
    }
    return chosen;
}

static int print_attempts(struct pn_dag_session *session, const struct pn_attempt *attempts,
                          size_t count, struct pn_err *e)
{
    struct pn_cli *cli = session->cli;
    int rc = 0;
    if (cli->format != PN_FORMAT_TABLE) {
        struct pn_row_writer *rows = pn_cli_rows(cli);
        rc = pn_report_attempts(attempts, count, cli->io, rows, e);
        pn_row_writer_close(&rows, rc);
        return rc;
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = print_log(session, &attempts[i], e);
    }
    return rc;
}

static int print_logs(struct pn_dag_session *session, const struct pn_run *run, const char *task,
                      int64_t number, struct pn_err *e)
{
    struct pn_attempt *attempts = NULL;
    size_t count = 0;
    int rc = pn_dag_db_attempts(session->db, run->id, task, &session->arena, &attempts, &count, e);
    if (rc != 0) {
        return rc;
    }
    count = choose_attempts(attempts, count, number);
    if (count == 0) {
        return pn_err_missing(e,
                              "run '%s' has no such attempt%s%s: `pinion dag status %s %s` shows "
                              "the attempts of each task",
                              run->run_id, task != NULL ? " of task " : " yet",
                              task != NULL ? task : "", run->dag, run->run_id);
    }
    return print_attempts(session, attempts, count, e);
}

static int cmd_logs(struct pn_cli *cli, int argc, char **argv)
{
    const char *run_id = NULL;
    int64_t number = 0;
    const struct pn_opt opts[] = {{.name = "run",
                                   .kind = PN_OPT_STRING,
                                   .value = "RUN",
                                   .help = "the run (the latest)",
                                   .target = &run_id},
                                  {.name = "try",
                                   .kind = PN_OPT_INT,
                                   .value = "N",
                                   .help = "show only the Nth attempt (all)",
                                   .target = &number,
                                   .min = 1,
                                   .max = INT32_MAX},
                                  {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "DAG [TASK]",
        .operands_min = 1,
        .operands_max = 2,
        .opts = opts,
        .uses = PN_USES_FORMAT,
        .about = "Shows the output of the attempts of a task, or of all tasks."};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    struct pn_dag_session session;
    struct pn_run run = {0};
    int rc = pn_cli_dag_look(cli, argv[0], &session, &failure);
    if (rc == 0 && argc > 1 && pn_dag_task(session.dag, argv[1]) == NULL) {
        rc = pn_err_missing(&failure, "DAG '%s' has no task '%s': `pinion dag show %s` lists them",
                            argv[0], argv[1], argv[0]);
    }
    if (rc == 0) {
        rc = pn_dag_db_run(session.db, argv[0], run_id, &session.arena, &run, &failure);
    }
    if (rc == 0) {
        rc = print_logs(&session, &run, argc > 1 ? argv[1] : NULL, number, &failure);
    }
    return pn_cli_dag_finish(&session, rc, &failure);
}

static int cmd_cancel(struct pn_cli *cli, int argc, char **argv)
{
    bool yes = false;
    const struct pn_opt opts[] = {
        {.name = "yes", .kind = PN_OPT_FLAG, .help = "don't ask", .target = &yes}, {.name = NULL}};
    const struct pn_syntax syntax = {.operands = "DAG [RUN]",
                                     .operands_min = 1,
                                     .operands_max = 2,
                                     .opts = opts,
                                     .about = "Cancels a run (by default the latest): its tasks "
                                              "get SIGTERM, and SIGKILL five seconds later."};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    struct pn_dag_session session;
    struct pn_run run = {0};
    int rc = pn_cli_dag_open_run(cli, argc, argv, &session, &run, &failure);
    if (rc == 0 && !yes && !pn_cli_confirm(cli, "Cancel run %s of %s?", run.run_id, run.dag)) {
        rc =
            pn_err_input(&failure, "run %s was not cancelled: answer y, or give --yes", run.run_id);
    }
    if (rc == 0) {
        rc = pn_dag_db_cancel(session.db, &run, "cli", pn_wall_ms(cli->clock), &failure);
    }
    if (rc == 0) {
        (void)fprintf(cli->out, "%s is being cancelled\n", run.run_id);
    }
    return pn_cli_dag_finish(&session, rc, &failure);
}

int pn_cmd_dag(struct pn_cli *cli, int argc, char **argv)
{
    static const struct pn_command commands[] = {
        {"list", "list the pipeline's DAGs, and their last runs", cmd_list},
        {"show", "show a DAG's tasks", cmd_show},
        {"trigger", "start a run", pn_cmd_dag_trigger},
        {"runs", "list runs, newest first", cmd_runs},
        {"status", "show a run and its tasks", pn_cmd_dag_status},
        {"run", "show all there is of a run", pn_cmd_dag_run},
        {"io", "show what a run read and wrote", pn_cmd_dag_io},
        {"logs", "show the output of the tasks", cmd_logs},
        {"cancel", "cancel a run", cmd_cancel},
        {"clear", "run tasks of a run again", pn_cmd_dag_clear},
        {"backfill", "create runs for a range of time", pn_cmd_dag_backfill},
        {"note", "write a note on a run", pn_cmd_dag_note},
        {"pause", "pause the schedule of a DAG", pn_cmd_dag_pause},
        {"unpause", "resume the schedule of a DAG", pn_cmd_dag_unpause},
        {"next", "show when DAGs, or a cron line, are due next", pn_cmd_dag_next},
        {"skipped", "list times of schedules without a run, and why", pn_cmd_dag_skipped},
        {"audit", "list who did what to DAGs and runs", pn_cmd_dag_audit},
        {NULL, NULL, NULL},
    };
    return pn_cli_dispatch(cli, commands, argc, argv);
}
