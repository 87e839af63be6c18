/* pinion dag: the DAGs, their runs, and what the tasks printed. */
#include "cli/dag.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "dag/states.h"
#include "report/row_writer.h"

enum {
    LIMIT_DEFAULT = 25,
    LIMIT_MAX = 1000,
    LOG_PIECE_BYTES = 64 * 1024,
    LOG_BYTES_MAX = 256 << 20
};

/* Closes, and turns the outcome into an exit code. */
static int finish(struct pn_dag_session *session, int rc, const struct pn_err *failure)
{
    int status = rc == 0 ? PN_EXIT_OK : pn_cli_fail(session->cli, failure);
    pn_cli_dag_close(session);
    return status;
}

/* Opens the session of "DAG [RUN]", and finds the run: the latest, when none is named. */
static int open_run(struct pn_cli *cli, int argc, char **argv, struct pn_dag_session *session,
                    struct pn_run *run, struct pn_err *e)
{
    int rc = pn_cli_dag_look(cli, argv[0], session, e);
    if (rc == 0) {
        rc =
            pn_dag_db_run(session->db, argv[0], argc > 1 ? argv[1] : NULL, &session->arena, run, e);
    }
    return rc;
}

/* Seconds from start to end, or to now for what goes on; null before the start. */
static void duration_cell(struct pn_row_writer *output, const struct pn_cli *cli,
                          int64_t started_ms, int64_t ended_ms)
{
    if (started_ms == 0) {
        pn_cell_null(output);
        return;
    }
    int64_t end_ms = ended_ms != 0 ? ended_ms : pn_wall_ms(cli->clock);
    pn_cell_duration(output, end_ms - started_ms);
}

/* How many runs there are: of a DAG (NULL: of all) and a state + 1 (0: of all). */
static int count_runs(struct pn_dag_session *session, const char *dag, int state, int64_t *total,
                      struct pn_err *e)
{
    int64_t counts[PN_RUN_STATES];
    int rc = pn_dag_db_count_runs(session->db, dag, counts, e);
    *total = 0;
    for (int i = 0; rc == 0 && i < PN_RUN_STATES; i++) {
        *total += state == 0 || state == i + 1 ? counts[i] : 0;
    }
    return rc;
}

/* ---- list, show ------------------------------------------------------------------------------ */

static int print_dags(struct pn_dag_session *session, struct pn_err *e)
{
    static const struct pn_report_column columns[] = {
        {"dag", PN_CELL_TEXT},        {"tasks", PN_CELL_INT},     {"runs", PN_CELL_INT},
        {"last_state", PN_CELL_TEXT}, {"last_run", PN_CELL_TEXT}, {"description", PN_CELL_TEXT},
    };
    struct pn_row_writer *output = pn_cli_rows(session->cli);
    PN_ROWS_BEGIN(output, columns);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < session->pipeline->dag_count; i++) {
        const struct pn_dag *dag = &session->pipeline->dags[i];
        const struct pn_run_filter newest = {.dag = dag->name, .limit = 1};
        struct pn_run *runs = NULL;
        size_t count = 0;
        int64_t total = 0;
        rc = pn_dag_db_runs(session->db, &newest, &session->arena, &runs, &count, e);
        if (rc == 0) {
            rc = count_runs(session, dag->name, 0, &total, e);
        }
        if (rc == 0) {
            pn_cell_cstr(output, dag->name);
            pn_cell_int(output, (int64_t)dag->task_count);
            pn_cell_int(output, total);
            pn_cell_cstr(output, count > 0 ? pn_run_state_name(runs[0].state) : NULL);
            pn_cell_cstr(output, count > 0 ? runs[0].run_id : NULL);
            pn_cell_cstr(output, dag->description);
        }
    }
    pn_row_writer_end(&output);
    return rc;
}

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
        rc = print_dags(&session, &failure);
    }
    return finish(&session, rc, &failure);
}

static const char *task_kind_name(enum pn_task_kind kind)
{
    switch (kind) {
    case PN_TASK_CHECK_STORE:
        return "check_store";
    case PN_TASK_LOAD:
        return "load";
    case PN_TASK_TRANSFORM:
        return "transform";
    case PN_TASK_COMMAND:
        return "command";
    }
    return "";
}

static void print_tasks_of(struct pn_dag_session *session)
{
    static const struct pn_report_column columns[] = {
        {"task", PN_CELL_TEXT},          {"run", PN_CELL_TEXT},
        {"works_on", PN_CELL_TEXT},      {"after", PN_CELL_TEXT},
        {"retries", PN_CELL_INT},        {"retry_delay_s", PN_CELL_DURATION},
        {"timeout_s", PN_CELL_DURATION},
    };
    struct pn_row_writer *output = pn_cli_rows(session->cli);
    PN_ROWS_BEGIN(output, columns);
    for (size_t i = 0; i < session->dag->task_count; i++) {
        const struct pn_task *task = &session->dag->tasks[i];
        const char *tables = "";
        for (size_t j = 0; j < task->table_count; j++) {
            tables = pn_arena_printf(&session->arena, "%s%s%s", tables, j > 0 ? ", " : "",
                                     task->tables[j]->name);
        }
        const char *after = "";
        for (size_t j = 0; j < task->after_count; j++) {
            after = pn_arena_printf(&session->arena, "%s%s%s", after, j > 0 ? ", " : "",
                                    task->after[j]->name);
        }
        pn_cell_cstr(output, task->name);
        pn_cell_cstr(output, task_kind_name(task->kind));
        pn_cell_cstr(output, task->kind == PN_TASK_COMMAND ? task->command : tables);
        pn_cell_cstr(output, after);
        pn_cell_int(output, task->retries);
        pn_cell_duration(output, task->retry_delay_ms);
        if (task->timeout_ms == 0) {
            pn_cell_null(output);
        } else {
            pn_cell_duration(output, task->timeout_ms);
        }
    }
    pn_row_writer_end(&output);
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
        print_tasks_of(&session);
    }
    return finish(&session, rc, &failure);
}

/* ---- runs, status ---------------------------------------------------------------------------- */

static void print_runs(struct pn_dag_session *session, const struct pn_run *runs, size_t count)
{
    static const struct pn_report_column columns[] = {
        {"run", PN_CELL_TEXT},         {"dag", PN_CELL_TEXT},     {"state", PN_CELL_TEXT},
        {"queued", PN_CELL_TIME},      {"started", PN_CELL_TIME}, {"ended", PN_CELL_TIME},
        {"seconds", PN_CELL_DURATION},
    };
    struct pn_row_writer *output = pn_cli_rows(session->cli);
    PN_ROWS_BEGIN(output, columns);
    for (size_t i = 0; i < count; i++) {
        pn_cell_cstr(output, runs[i].run_id);
        pn_cell_cstr(output, runs[i].dag);
        pn_cell_cstr(output, pn_run_state_name(runs[i].state));
        pn_cell_time_if(output, runs[i].queued_ms);
        pn_cell_time_if(output, runs[i].started_ms);
        pn_cell_time_if(output, runs[i].ended_ms);
        duration_cell(output, session->cli, runs[i].started_ms, runs[i].ended_ms);
    }
    pn_row_writer_end(&output);
}

static int cmd_runs(struct pn_cli *cli, int argc, char **argv)
{
    int64_t limit = LIMIT_DEFAULT;
    int64_t offset = 0;
    const char *state = NULL;
    const struct pn_opt opts[] = {{.name = "limit",
                                   .kind = PN_OPT_INT,
                                   .value = "N",
                                   .help = "at most so many, newest first (25)",
                                   .target = &limit,
                                   .min = 1,
                                   .max = LIMIT_MAX},
                                  {.name = "offset",
                                   .kind = PN_OPT_INT,
                                   .value = "N",
                                   .help = "leave out the newest N (0)",
                                   .target = &offset},
                                  {.name = "state",
                                   .kind = PN_OPT_CHOICE,
                                   .value = "STATE",
                                   .choices = "queued|running|success|failed|cancelled",
                                   .help = "only runs in this state",
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
            rc = count_runs(&session, filter.dag, filter.state, &total, &failure);
        }
    }
    if (rc == 0) {
        print_runs(&session, runs, count);
        if (pn_format_is_for_people(cli->format) && offset + (int64_t)count < total) {
            (void)fprintf(cli->err, "%zu of %" PRId64 " runs; more with --offset %" PRId64 "\n",
                          count, total, offset + (int64_t)count);
        }
    }
    return finish(&session, rc, &failure);
}

static int print_task_runs(struct pn_dag_session *session, const struct pn_run *run,
                           struct pn_err *e)
{
    static const struct pn_report_column columns[] = {
        {"task", PN_CELL_TEXT},     {"state", PN_CELL_TEXT}, {"tries", PN_CELL_INT},
        {"started", PN_CELL_TIME},  {"ended", PN_CELL_TIME}, {"seconds", PN_CELL_DURATION},
        {"next_try", PN_CELL_TIME},
    };
    struct pn_task_run *tasks = NULL;
    size_t count = 0;
    int rc = pn_dag_db_tasks(session->db, run->id, &session->arena, &tasks, &count, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_row_writer *output = pn_cli_rows(session->cli);
    PN_ROWS_BEGIN(output, columns);
    for (size_t i = 0; i < count; i++) {
        pn_cell_cstr(output, tasks[i].task);
        pn_cell_cstr(output, pn_task_state_name(tasks[i].state));
        pn_cell_int(output, tasks[i].tries);
        pn_cell_time_if(output, tasks[i].started_ms);
        pn_cell_time_if(output, tasks[i].ended_ms);
        duration_cell(output, session->cli, tasks[i].started_ms, tasks[i].ended_ms);
        pn_cell_time_if(output, tasks[i].next_ms);
    }
    pn_row_writer_end(&output);
    return 0;
}

static int cmd_status(struct pn_cli *cli, int argc, char **argv)
{
    const struct pn_syntax syntax = {
        .operands = "DAG [RUN]",
        .operands_min = 1,
        .operands_max = 2,
        .uses = PN_USES_FORMAT,
        .about = "The state of a run (the latest, when none is named) and of each of its tasks."};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    struct pn_dag_session session;
    struct pn_run run = {0};
    int rc = open_run(cli, argc, argv, &session, &run, &failure);
    if (rc == 0) {
        if (pn_format_is_for_people(cli->format)) {
            (void)fprintf(cli->out, "%s  %s\n\n", run.run_id, pn_run_state_name(run.state));
        }
        rc = print_task_runs(&session, &run, &failure);
    }
    return finish(&session, rc, &failure);
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

/* An attempt and its log as a row, for programs. */
static int add_log(struct pn_dag_session *session, struct pn_row_writer *output,
                   const struct pn_attempt *attempt, struct pn_err *e)
{
    struct pn_buf log;
    pn_buf_init(&log, LOG_BYTES_MAX);
    int rc = attempt->log[0] != '\0' ? pn_io_read_file(session->cli->io, attempt->log, &log, e) : 0;
    if (rc == 0) {
        pn_cell_cstr(output, attempt->task);
        pn_cell_int(output, attempt->number);
        pn_cell_time_if(output, attempt->started_ms);
        pn_cell_time_if(output, attempt->ended_ms);
        pn_cell_cstr(output, attempt->outcome);
        pn_cell_int(output, attempt->exit_code);
        pn_cell_text(output, pn_buf_text(&log), log.len);
    }
    pn_buf_deinit(&log);
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

static int print_logs(struct pn_dag_session *session, const struct pn_run *run, const char *task,
                      int64_t number, struct pn_err *e)
{
    static const struct pn_report_column columns[] = {
        {"task", PN_CELL_TEXT},  {"attempt", PN_CELL_INT},  {"started", PN_CELL_TIME},
        {"ended", PN_CELL_TIME}, {"outcome", PN_CELL_TEXT}, {"exit_code", PN_CELL_INT},
        {"log", PN_CELL_TEXT},
    };
    struct pn_cli *cli = session->cli;
    struct pn_row_writer *output = NULL;
    struct pn_attempt *attempts = NULL;
    size_t count = 0;
    int rc = pn_dag_db_attempts(session->db, run->id, task, &session->arena, &attempts, &count, e);
    size_t printed = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const struct pn_attempt *attempt = &attempts[i];
        if (number != 0 && attempt->number != number) {
            continue;
        }
        if (cli->format == PN_FORMAT_TABLE) {
            rc = print_log(session, attempt, e);
        } else {
            if (output == NULL) {
                output = pn_cli_rows(cli);
                PN_ROWS_BEGIN(output, columns);
            }
            rc = add_log(session, output, attempt, e);
        }
        printed++;
    }
    pn_row_writer_end(&output);
    if (rc == 0 && printed == 0) {
        rc = pn_err_missing(e,
                            "run '%s' has no such attempt%s%s: `pinion dag status %s %s` shows how "
                            "often each task was tried",
                            run->run_id, task != NULL ? " of task " : " yet",
                            task != NULL ? task : "", run->dag, run->run_id);
    }
    return rc;
}

static int cmd_logs(struct pn_cli *cli, int argc, char **argv)
{
    const char *run_id = NULL;
    int64_t number = 0;
    const struct pn_opt opts[] = {{.name = "run",
                                   .kind = PN_OPT_STRING,
                                   .value = "RUN",
                                   .help = "of this run (the latest)",
                                   .target = &run_id},
                                  {.name = "try",
                                   .kind = PN_OPT_INT,
                                   .value = "N",
                                   .help = "only the Nth attempt (all)",
                                   .target = &number,
                                   .min = 1,
                                   .max = INT32_MAX},
                                  {.name = NULL}};
    const struct pn_syntax syntax = {.operands = "DAG [TASK]",
                                     .operands_min = 1,
                                     .operands_max = 2,
                                     .opts = opts,
                                     .uses = PN_USES_FORMAT,
                                     .about = "What the attempts of a task, or of all, printed."};
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
    return finish(&session, rc, &failure);
}

static int cmd_cancel(struct pn_cli *cli, int argc, char **argv)
{
    bool yes = false;
    const struct pn_opt opts[] = {
        {.name = "yes", .kind = PN_OPT_FLAG, .help = "don't ask", .target = &yes}, {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "DAG [RUN]",
        .operands_min = 1,
        .operands_max = 2,
        .opts = opts,
        .about = "Ends a run (the latest, when none is named): its tasks get SIGTERM, and SIGKILL"
                 " five seconds later."};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    struct pn_dag_session session;
    struct pn_run run = {0};
    int rc = open_run(cli, argc, argv, &session, &run, &failure);
    if (rc == 0 && !yes && !pn_cli_confirm(cli, "Cancel run %s of %s?", run.run_id, run.dag)) {
        rc = pn_err_input(&failure, "run %s was not cancelled: give --yes", run.run_id);
    }
    if (rc == 0) {
        rc = pn_dag_db_cancel(session.db, &run, "cli", pn_wall_ms(cli->clock), &failure);
    }
    if (rc == 0) {
        (void)fprintf(cli->out, "%s is being cancelled\n", run.run_id);
    }
    return finish(&session, rc, &failure);
}

int pn_cmd_dag(struct pn_cli *cli, int argc, char **argv)
{
    static const struct pn_command commands[] = {
        {"list", "the pipeline's DAGs and how their last run went", cmd_list},
        {"show", "a DAG's tasks", cmd_show},
        {"trigger", "start a run", pn_cmd_dag_trigger},
        {"runs", "runs, newest first", cmd_runs},
        {"status", "a run and its tasks", cmd_status},
        {"logs", "what the tasks printed", cmd_logs},
        {"cancel", "end a run", cmd_cancel},
        {NULL, NULL, NULL},
    };
    return pn_cli_dispatch(cli, commands, argc, argv);
}
