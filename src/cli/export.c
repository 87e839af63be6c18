/* pinion export: a table's rows as a file. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/query_ask.h"

enum { SQL_BYTES_MAX = 16 << 20 };

static void add_name(struct pn_buf *sql, const char *name, size_t len)
{
    pn_buf_addc(sql, '"');
    for (size_t i = 0; i < len; i++) {
        if (name[i] == '"') {
            pn_buf_addc(sql, '"');
        }
        pn_buf_addc(sql, name[i]);
    }
    pn_buf_addc(sql, '"');
}

static bool holds_json(const struct pn_type *type)
{
    bool holds = type->kind == PN_TYPE_JSON;
    for (size_t i = 0; !holds && i < type->field_count; i++) {
        holds = holds_json(&type->fields[i].type);
    }
    return holds;
}

/* In JSON, what a column of the type json holds is a value, not a text with it. */
static void replace_json(const struct pn_table *table, struct pn_buf *sql)
{
    bool any = false;
    for (size_t i = 0; i < table->column_count; i++) {
        const struct pn_column *column = &table->columns[i];
        if (!holds_json(&column->type)) {
            continue;
        }
        pn_buf_adds(sql, any ? ", CAST(" : " REPLACE (CAST(");
        add_name(sql, column->name, strlen(column->name));
        pn_buf_adds(sql, " AS ");
        pn_type_json_sql(&column->type, sql);
        pn_buf_adds(sql, ") AS ");
        add_name(sql, column->name, strlen(column->name));
        any = true;
    }
    pn_buf_adds(sql, any ? ")" : "");
}

/* SELECT * FROM "TABLE", where TABLE may end with @VERSION. */
static int write_sql(const struct pn_app *app, const char *name, bool is_json, struct pn_buf *sql,
                     struct pn_err *e)
{
    char *table_name = pn_xstrndup(name, strcspn(name, "@"));
    const struct pn_table *table = pn_pipeline_table(app->pipeline, table_name);
    pn_buf_adds(sql, "SELECT *");
    if (is_json && table != NULL) {
        replace_json(table, sql);
    }
    pn_buf_adds(sql, " FROM ");
    add_name(sql, name, strlen(name));
    free(table_name);
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
    int rc = pn_cli_app(cli, &app, &e);
    if (rc == 0) {
        bool is_json = cli->format == PN_FORMAT_JSON || cli->format == PN_FORMAT_JSONL;
        rc = write_sql(app, argv[0], is_json && !question.output.is_parquet, &sql, &e);
    }
    if (rc == 0) {
        question.select.sql = pn_buf_text(&sql);
        question.select.for_import = true;
        rc = pn_cli_ask(cli, app, &question, &e);
    }
    pn_buf_deinit(&sql);
    return rc == 0 ? PN_EXIT_OK : pn_cli_fail(cli, &e);
}
