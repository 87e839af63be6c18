/* pinion export: a table's rows as a file. */
#include <string.h>

#include "base/units.h"
#include "cli/commands.h"
#include "cli/query_ask.h"

enum { SQL_BYTES_MAX = 8192 };

/* SELECT * FROM "TABLE", where TABLE may end with @VERSION. */
static int write_sql(const char *table, struct pn_buf *sql, struct pn_err *e)
{
    pn_buf_adds(sql, "SELECT * FROM \"");
    for (; *table != '\0'; table++) {
        if (*table == '"') {
            pn_buf_addc(sql, '"');
        }
        pn_buf_addc(sql, *table);
    }
    pn_buf_addc(sql, '"');
    return pn_buf_check(sql, "the name of the table", e);
}

int pn_cmd_export(struct pn_cli *cli, int argc, char **argv)
{
    struct pn_cli_question question = {.timeout_ms = 0};
    const struct pn_opt opts[] = {
        {.name = "output",
         .kind = PN_OPT_STRING,
         .value = "FILE",
         .help = "the file (standard output); without --format, its name says how: .parquet, "
                 ".csv, .json, .jsonl",
         .target = &question.output.path},
        {.name = "format",
         .kind = PN_OPT_CHOICE,
         .choices = "json|jsonl|ndjson|csv|parquet",
         .help = "format of the file (jsonl)",
         .target = &question.output.format},
        {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "TABLE[@VERSION]",
        .operands_min = 1,
        .operands_max = 1,
        .opts = opts,
        .about = "Writes all rows of a table, by its name or its key in the store, at its newest "
                 "or at an older version. A file that is there already is replaced once the new "
                 "one is whole. For some rows or columns, see pinion query --output.",
        .examples = "pinion export pin --output pins.parquet\n"
                    "pinion export pin@0 --format csv > pins.csv\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    question.output.usual = "jsonl";
    if (!pn_answer_output_choose(cli, &question.output, &status)) {
        return status;
    }
    struct pn_err e;
    const struct pn_app *app = NULL;
    struct pn_buf sql;
    pn_buf_init(&sql, SQL_BYTES_MAX);
    int rc = write_sql(argv[0], &sql, &e);
    if (rc == 0) {
        question.select.sql = pn_buf_text(&sql);
        rc = pn_cli_app(cli, &app, &e);
    }
    if (rc == 0) {
        rc = pn_cli_ask(cli, app, &question, &e);
    }
    pn_buf_deinit(&sql);
    return rc == 0 ? PN_EXIT_OK : pn_cli_fail(cli, &e);
}
