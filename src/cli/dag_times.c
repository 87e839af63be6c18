/* pinion dag next and skipped: when schedules are due, and when they were not kept. */
#include "base/time_text.h"
#include "cli/dag.h"
#include "report/dags.h"

enum { COUNT_DEFAULT = 5, COUNT_MAX = 1000, LIMIT_DEFAULT = 25 };

struct next_options {
    const char *cron;
    const char *zone;
    const char *after;
    int64_t count;
};

static void add_times(struct pn_row_writer *rows, const char *name,
                      const struct pn_schedule *schedule, bool paused, int64_t after_ms,
                      int64_t count)
{
    int64_t at_ms = pn_schedule_next(schedule, after_ms);
    for (int64_t i = 0; i < count && at_ms != PN_CRON_NEVER; i++) {
        pn_cell_cstr(rows, name);
        pn_cell_time(rows, at_ms);
        pn_cell_cstr(rows, schedule->zone->name);
        pn_cell_bool(rows, paused);
        at_ms = pn_schedule_next(schedule, at_ms);
    }
}

static void begin(struct pn_row_writer *rows)
{
    static const struct pn_report_column columns[] = {{"dag", PN_CELL_TEXT},
                                                      {"next", PN_CELL_TIME},
                                                      {"timezone", PN_CELL_TEXT},
                                                      {"paused", PN_CELL_BOOL}};
    PN_ROWS_BEGIN(rows, columns);
}

/* The times of a line that need not be in any pipeline. */
static int print_line(struct pn_cli *cli, const struct next_options *options, int64_t after_ms,
                      struct pn_err *e)
{
    struct pn_arena arena;
    struct pn_cron line;
    struct pn_schedule schedule = {
        .lines = &line, .line_count = 1, .start_ms = INT64_MIN, .end_ms = INT64_MAX};
    pn_arena_init(&arena, 0);
    int rc = pn_cron_parse(options->cron, &line, e);
    if (rc == 0) {
        rc = pn_zone_load(options->zone != NULL ? options->zone : "UTC", cli->io, &arena,
                          &schedule.zone, e);
    }
    if (rc == 0) {
        struct pn_row_writer *rows = pn_cli_rows(cli);
        begin(rows);
        add_times(rows, NULL, &schedule, false, after_ms, options->count);
        pn_row_writer_end(&rows);
    }
    pn_arena_deinit(&arena);
    return rc;
}

static int print_dags(struct pn_dag_session *session, const struct next_options *options,
                      int64_t after_ms, struct pn_err *e)
{
    const struct pn_pipeline *pipeline = session->pipeline;
    struct pn_row_writer *rows = pn_cli_rows(session->cli);
    int rc = 0;
    begin(rows);
    for (size_t i = 0; rc == 0 && i < pipeline->dag_count; i++) {
        const struct pn_dag *dag = &pipeline->dags[i];
        struct pn_dag_status status;
        if ((session->dag != NULL && session->dag != dag) || dag->schedule.line_count == 0) {
            continue;
        }
        rc = pn_dag_db_dag(session->db, dag->name, &status, e);
        if (rc == 0) {
            add_times(rows, dag->name, &dag->schedule, status.paused, after_ms, options->count);
        }
    }
    pn_row_writer_close(&rows, rc);
    return rc;
}

int pn_cmd_dag_next(struct pn_cli *cli, int argc, char **argv)
{
    struct next_options options = {.count = COUNT_DEFAULT};
    const struct pn_opt opts[] = {{.name = "count",
                                   .kind = PN_OPT_INT,
                                   .value = "N",
                                   .help = "number of times for each (5)",
                                   .target = &options.count,
                                   .min = 1,
                                   .max = COUNT_MAX},
                                  {.name = "after",
                                   .kind = PN_OPT_STRING,
                                   .value = "TIME",
                                   .help = "show times after this (now)",
                                   .target = &options.after},
                                  {.name = "cron",
                                   .kind = PN_OPT_STRING,
                                   .value = "LINE",
                                   .help = "a cron line to use instead of the DAGs' schedules",
                                   .target = &options.cron},
                                  {.name = "timezone",
                                   .kind = PN_OPT_STRING,
                                   .value = "ZONE",
                                   .help = "with --cron: the line's time zone (UTC)",
                                   .target = &options.zone},
                                  {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "[DAG]",
        .operands_max = 1,
        .opts = opts,
        .uses = PN_USES_FORMAT,
        .about = "Shows when DAGs are due next by their schedules.",
        .examples = "pinion dag next\n"
                    "pinion dag next --cron \"30 6 * * mon-fri\" --timezone Europe/Berlin\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    int64_t after_ms = pn_wall_ms(cli->clock);
    if (options.cron != NULL && argc > 0) {
        return pn_cli_usage(cli, "--cron cannot be combined with a DAG: leave out the DAG");
    }
    if (options.zone != NULL && options.cron == NULL) {
        return pn_cli_usage(cli, "--timezone needs --cron");
    }
    if (options.after != NULL && !pn_time_parse_ms(options.after, &after_ms)) {
        return pn_cli_usage(cli, "--after must be a time such as 2026-01-31T06:00:00Z");
    }
    struct pn_err failure = {0};
    if (options.cron != NULL) {
        return print_line(cli, &options, after_ms, &failure) == 0 ? PN_EXIT_OK
                                                                  : pn_cli_fail(cli, &failure);
    }
    struct pn_dag_session session;
    int rc = pn_cli_dag_look(cli, argc > 0 ? argv[0] : NULL, &session, &failure);
    if (rc == 0) {
        rc = print_dags(&session, &options, after_ms, &failure);
    }
    return pn_cli_dag_finish(&session, rc, &failure);
}

int pn_cmd_dag_skipped(struct pn_cli *cli, int argc, char **argv)
{
    int64_t limit = LIMIT_DEFAULT;
    const struct pn_opt opts[] = {{.name = "limit",
                                   .kind = PN_OPT_INT,
                                   .value = "N",
                                   .help = "show at most N, newest first (25)",
                                   .target = &limit,
                                   .min = 1,
                                   .max = COUNT_MAX},
                                  {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "[DAG]",
        .operands_max = 1,
        .opts = opts,
        .uses = PN_USES_FORMAT,
        .about = "Lists the times of schedules that got no run, with the reason."};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    struct pn_dag_session session;
    struct pn_skip *skips = NULL;
    size_t count = 0;
    int rc = pn_cli_dag_look(cli, argc > 0 ? argv[0] : NULL, &session, &failure);
    if (rc == 0) {
        rc = pn_dag_db_skips(session.db, argc > 0 ? argv[0] : NULL, limit, &session.arena, &skips,
                             &count, &failure);
    }
    if (rc == 0) {
        struct pn_row_writer *rows = pn_cli_rows(cli);
        pn_report_skips(skips, count, rows);
        pn_row_writer_end(&rows);
    }
    return pn_cli_dag_finish(&session, rc, &failure);
}
