/* pinion query: the pipeline's queries by name, or a SELECT of the user's. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/units.h"
#include "cli/answer_output.h"
#include "cli/commands.h"
#include "cli/query_ask.h"
#include "cli/query_input.h"
#include "report/tables.h"

struct wanted {
    const char *operand; /* the query's name, or a SELECT; NULL: the file */
    const char *file;
    const char *at;
    int64_t timeout_ms;
    struct pn_answer_output output;
};

/* A word that could be a query's name can be no SELECT. */
static bool is_word(const char *text)
{
    for (; *text != '\0'; text++) {
        if (!isalnum((unsigned char)*text) && *text != '_' && *text != '-') {
            return false;
        }
    }
    return true;
}

static int find_sql(const struct pn_pipeline *pipeline, const char *operand, const char **sql,
                    struct pn_err *e)
{
    const struct pn_query *query = pn_pipeline_query(pipeline, operand);
    if (query == NULL && is_word(operand)) {
        return pn_pipeline_has_no(pipeline, PN_NAMED_QUERY, operand, pipeline->folder, e);
    }
    *sql = query != NULL ? query->sql : operand;
    return 0;
}

static int ask(struct pn_cli *cli, const struct pn_app *app, const struct wanted *wanted,
               struct pn_err *e)
{
    struct pn_cli_question question = {
        .select = {.at = wanted->at}, .timeout_ms = wanted->timeout_ms, .output = wanted->output};
    struct pn_buf text;
    pn_buf_init(&text, PN_QUERY_BYTES_MAX);
    int rc = wanted->file != NULL
                 ? pn_cli_read_query(cli->io, wanted->file, &text, e)
                 : find_sql(app->pipeline, wanted->operand, &question.select.sql, e);
    if (rc == 0) {
        question.select.sql = wanted->file != NULL ? pn_buf_text(&text) : question.select.sql;
        rc = pn_cli_ask(cli, app, &question, e);
    }
    pn_buf_deinit(&text);
    return rc;
}

int pn_cmd_query(struct pn_cli *cli, int argc, char **argv)
{
    bool want_list = false;
    struct wanted wanted = {.timeout_ms = 0};
    const struct pn_opt opts[] = {
        {.name = "list",
         .kind = PN_OPT_FLAG,
         .help = "list the pipeline's queries",
         .target = &want_list},
        {.name = "file",
         .kind = PN_OPT_STRING,
         .value = "FILE",
         .help = "take the SELECT from this file; - for standard input",
         .target = &wanted.file},
        {.name = "at",
         .kind = PN_OPT_STRING,
         .value = "VERSION|TIME",
         .help = "read the tables as of this version, or this time (ISO 8601; a day means its "
                 "start in UTC); a table with a version of its own in the SQL keeps that",
         .target = &wanted.at},
        {.name = "output",
         .kind = PN_OPT_STRING,
         .value = "FILE",
         .help = "write the result to this file; without --format, its name says how: .parquet, "
                 ".csv, .json, .jsonl",
         .target = &wanted.output.path},
        {.name = "format",
         .kind = PN_OPT_CHOICE,
         .choices = PN_RESULT_FORMATS,
         .help = "format of the result (table)",
         .target = &wanted.output.format},
        {.name = "expanded",
         .short_name = 'x',
         .kind = PN_OPT_FLAG,
         .help = "one column per line, as for rows that are too wide",
         .target = &wanted.output.expanded},
        {.name = "timeout",
         .kind = PN_OPT_DURATION,
         .value = "TIME",
         .help = "stop the query after this time (default: no limit)",
         .target = &wanted.timeout_ms},
        {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "[NAME|SQL]",
        .operands_max = 1,
        .about =
            "Runs one of the pipeline's queries, or your own SELECT over its tables by name "
            "(and over dead_letters, the records that could not become rows). \"pin@3\" is the "
            "table pin as of version 3. A query never writes anything to a table.",
        .opts = opts,
        .examples = "pinion query --list\n"
                    "pinion query \"SELECT count(*) FROM dead_letters\" --format json\n"
                    "pinion query 'SELECT * FROM \"pin@0\"' --output pins.parquet\n"
                    "pinion query 'SELECT count(*) FROM pin' --at 2026-11-23\n"
                    "echo 'SELECT 1' | pinion query --file -\n",
    };
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status) ||
        !pn_answer_output_choose(cli, &wanted.output, &status)) {
        return status;
    }
    struct pn_err e;
    const struct pn_app *app = NULL;
    wanted.operand = argc > 0 ? argv[0] : NULL;
    if (argc == 0 && !want_list && wanted.file == NULL) {
        return pn_cli_usage(cli, "give the name of a query, or a SELECT");
    }
    if (wanted.file != NULL && (argc > 0 || want_list)) {
        return pn_cli_usage(cli, "--file has the query: give no other");
    }
    if (want_list && wanted.at != NULL) {
        return pn_cli_usage(cli, "--at is for a query");
    }
    if (want_list && wanted.output.path != NULL) {
        return pn_cli_usage(cli, "--output is for the result of a query");
    }
    int rc = pn_cli_app(cli, &app, &e);
    if (rc == 0 && want_list) {
        struct pn_row_writer *rows = pn_cli_rows(cli);
        pn_report_queries(app->pipeline, rows);
        pn_row_writer_end(&rows);
    } else if (rc == 0) {
        rc = ask(cli, app, &wanted, &e);
    }
    return rc == 0 ? PN_EXIT_OK : pn_cli_fail(cli, &e);
}
