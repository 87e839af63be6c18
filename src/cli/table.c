/* pinion table: what the Delta tables hold, and have held. */
#include "cli/table.h"

#include "base/time_text.h"
#include "cli/commands.h"
#include "report/files.h"
#include "report/lineage.h"

enum { HISTORY_DEFAULT = 20 };

/* --- list ------------------------------------------------------------------------------------- */

/* A table that can't be read is reported and skipped. */
static void tell_problem(void *arg, const char *table, const struct pn_err *why)
{
    (void)table;
    (void)pn_cli_fail(arg, why);
}

static int cmd_list(struct pn_cli *cli, int argc, char **argv)
{
    const struct pn_syntax syntax = {.uses = PN_USES_FORMAT,
                                     .about = "Lists every table of the pipeline, and the tables "
                                              "beside them that it does not declare. "
                                              "A table that was never written has only its name."};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    struct pn_table_session session;
    int rc = pn_cli_table_open(cli, NULL, &session, &failure);
    size_t problems = 0;
    if (rc == 0) {
        struct pn_row_writer *rows = pn_cli_rows(cli);
        problems = pn_report_tables(&session.source, rows, tell_problem, cli);
        pn_row_writer_end(&rows);
        pn_cli_table_tell_unknown(&session, NULL);
    }
    status = pn_cli_table_finish(&session, rc, &failure);
    return problems == 0 ? status : PN_EXIT_FAILED;
}

/* --- schema, files ---------------------------------------------------------------------------- */

/* The options of those that look at one version. */
struct version_opts {
    int64_t version;
    const char *at;
};

static int read_version(struct pn_table_session *session, const struct version_opts *wanted,
                        struct pn_err *e)
{
    if (wanted->at == NULL) {
        return pn_delta_snapshot(session->delta, wanted->version, &session->snapshot, e);
    }
    int64_t wall_ms = 0;
    if (!pn_time_parse_ms(wanted->at, &wall_ms)) {
        return pn_err_input(e,
                            "invalid --at '%s': give a time such as 2026-11-23T15:44:43Z or "
                            "2026-11-23T15:44, or a day such as 2026-11-23",
                            wanted->at);
    }
    return pn_delta_snapshot_at(session->delta, wall_ms, &session->snapshot, e);
}

/* Parses the options both share, opens the table and reads the version. */
static bool open_version(struct pn_cli *cli, const char *about, int argc, char **argv,
                         struct pn_table_session *session, int *status)
{
    struct version_opts wanted = {.version = -1};
    const struct pn_opt opts[] = {
        {.name = "version",
         .kind = PN_OPT_INT,
         .value = "N",
         .help = "show version N (the latest)",
         .target = &wanted.version},
        {.name = "at",
         .kind = PN_OPT_STRING,
         .value = "TIME",
         .help = "show the version at this time (ISO 8601); a day means its start in UTC",
         .target = &wanted.at},
        {.name = NULL}};
    const struct pn_syntax syntax = {.operands = "TABLE",
                                     .operands_min = 1,
                                     .operands_max = 1,
                                     .opts = opts,
                                     .uses = PN_USES_FORMAT,
                                     .about = about};
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, status)) {
        return false;
    }
    if (wanted.at != NULL && wanted.version >= 0) {
        *status = pn_cli_usage(cli, "--version and --at exclude each other");
        return false;
    }
    struct pn_err failure = {0};
    int rc = pn_cli_table_open(cli, argv[0], session, &failure);
    if (rc == 0) {
        rc = read_version(session, &wanted, &failure);
    }
    if (rc != 0) {
        *status = pn_cli_table_finish(session, rc, &failure);
    }
    return rc == 0;
}

static int cmd_schema(struct pn_cli *cli, int argc, char **argv)
{
    struct pn_table_session session;
    int status = 0;
    if (!open_version(cli,
                      "Shows the columns of a table, their types, and the version since "
                      "which the table has each (since_exact is false where the log no longer "
                      "shows it: by that version).",
                      argc, argv, &session, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    struct pn_delta_since *since = NULL;
    size_t count = 0;
    int rc = pn_delta_columns_since(session.delta, session.snapshot, &session.arena, &since, &count,
                                    &failure);
    if (rc == 0) {
        struct pn_row_writer *rows = pn_cli_rows(cli);
        rc = pn_report_schema(session.snapshot, since, rows, &failure);
        pn_row_writer_close(&rows, rc);
    }
    if (rc == 0 && session.table != NULL) {
        pn_cli_table_tell_unknown(&session, session.table);
    }
    return pn_cli_table_finish(&session, rc, &failure);
}

static int cmd_files(struct pn_cli *cli, int argc, char **argv)
{
    struct pn_table_session session;
    int status = 0;
    if (!open_version(cli, "Lists the data files of a table.", argc, argv, &session, &status)) {
        return status;
    }
    const struct pn_file_choice all = {.words = NULL};
    const char *next = NULL;
    struct pn_err failure = {0};
    struct pn_row_writer *rows = pn_cli_rows(cli);
    int rc = pn_report_files(session.snapshot, &all, &session.arena, rows, &next, &failure);
    pn_row_writer_close(&rows, rc);
    return pn_cli_table_finish(&session, rc, &failure);
}

/* --- history ---------------------------------------------------------------------------------- */

static int cmd_history(struct pn_cli *cli, int argc, char **argv)
{
    int64_t limit = HISTORY_DEFAULT;
    int64_t from = -1;
    const struct pn_opt opts[] = {{.name = "limit",
                                   .kind = PN_OPT_INT,
                                   .value = "N",
                                   .help = "show at most N commits (20)",
                                   .target = &limit,
                                   .min = 1,
                                   .max = INT32_MAX},
                                  {.name = "from",
                                   .kind = PN_OPT_INT,
                                   .value = "N",
                                   .help = "begin at version N, then older ones (the latest)",
                                   .target = &from},
                                  {.name = NULL}};
    const struct pn_syntax syntax = {.operands = "TABLE",
                                     .operands_min = 1,
                                     .operands_max = 1,
                                     .opts = opts,
                                     .uses = PN_USES_FORMAT,
                                     .about = "Lists the commits of a table, newest first."};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    struct pn_table_session session;
    struct pn_delta_history_entry *entries = NULL;
    size_t count = 0;
    int rc = pn_cli_table_open(cli, argv[0], &session, &failure);
    if (rc == 0) {
        rc = pn_delta_history(session.delta, from, (size_t)limit, &session.arena, &entries, &count,
                              &failure);
    }
    if (rc == 0) {
        struct pn_row_writer *rows = pn_cli_rows(cli);
        pn_report_history(entries, count, rows);
        pn_row_writer_end(&rows);
    }
    if (rc == 0 && session.table != NULL) {
        pn_cli_table_tell_unknown(&session, session.table);
    }
    return pn_cli_table_finish(&session, rc, &failure);
}

/* --- lineage ---------------------------------------------------------------------------------- */

static int lineage_of(struct pn_cli *cli, const struct pn_pipeline *pipeline, const char *name)
{
    const struct pn_table *table = NULL;
    const char *path = NULL;
    struct pn_err failure = {0};
    int rc = pn_report_find_table(pipeline, name, pipeline->folder, &table, &path, &failure);
    if (rc == 0 && table == NULL) {
        rc = pn_err_input(&failure, "the pipeline does not make the table '%s'", name);
    }
    if (rc != 0) {
        return pn_cli_fail(cli, &failure);
    }
    struct pn_row_writer *rows = pn_cli_rows(cli);
    pn_report_lineage(pipeline, table, rows);
    pn_row_writer_end(&rows);
    return PN_EXIT_OK;
}

static int cmd_lineage(struct pn_cli *cli, int argc, char **argv)
{
    const struct pn_syntax syntax = {
        .operands = "[TABLE]",
        .operands_max = 1,
        .uses = PN_USES_FORMAT,
        .about = "Shows the topics, streams and tables that a table of the pipeline is made from "
                 "(before), the tables and queries that read it (after), and the tasks that make "
                 "it (by). steps is 1 for what is next to the table. Without TABLE, shows what "
                 "each table and each query of the pipeline reads directly.",
        .examples = "pinion table lineage pin\n"
                    "pinion table lineage\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    const struct pn_app *app = NULL;
    if (pn_cli_app(cli, &app, &failure) != 0) {
        return pn_cli_fail(cli, &failure);
    }
    if (argc > 0) {
        return lineage_of(cli, app->pipeline, argv[0]);
    }
    struct pn_row_writer *rows = pn_cli_rows(cli);
    pn_report_lineage_edges(app->pipeline, rows);
    pn_row_writer_end(&rows);
    return PN_EXIT_OK;
}

int pn_cmd_table(struct pn_cli *cli, int argc, char **argv)
{
    static const struct pn_command commands[] = {
        {"list", "list the pipeline's tables, their versions and sizes", cmd_list},
        {"schema", "show a table's columns", cmd_schema},
        {"history", "list a table's commits", cmd_history},
        {"files", "list a table's data files", cmd_files},
        {"lineage", "show what a table is made from, and who reads it", cmd_lineage},
        {"optimize", "merge a table's small files into larger ones", pn_cli_table_optimize},
        {"vacuum", "delete files that a table no longer needs", pn_cli_table_vacuum},
        {"restore", "make a table what it was in an older version", pn_cli_table_restore},
        {NULL, NULL, NULL}};
    return pn_cli_dispatch(cli, commands, argc, argv);
}
