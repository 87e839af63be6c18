#include "cli/answer.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

struct answer {
    struct pn_cli *cli;
    struct pn_row_writer *output;
    struct pn_json_parser *parser;
    int64_t rows;     /* so far */
    int64_t rows_max; /* further ones are counted, not printed */
};

/* Values come as JSON text, so the type says how they are aligned. */
static enum pn_cell type_of(const char *type)
{
    if (strcmp(type, "DOUBLE") == 0 || strcmp(type, "FLOAT") == 0 ||
        strncmp(type, "DECIMAL", strlen("DECIMAL")) == 0) {
        return PN_CELL_DOUBLE;
    }
    return strstr(type, "INT") != NULL ? PN_CELL_WIDE : PN_CELL_JSON;
}

static int take_columns(void *arg, const char *const *names, const char *const *types, size_t count)
{
    struct answer *answer = arg;
    struct pn_report_column *columns = pn_xcalloc(count, sizeof *columns);
    for (size_t i = 0; i < count; i++) {
        columns[i] = (struct pn_report_column){.name = names[i], .type = type_of(types[i])};
    }
    answer->output = pn_cli_rows(answer->cli);
    pn_row_writer_begin(answer->output, columns, count);
    free(columns);
    return 0;
}

static int take_row(void *arg, const char *const *values, size_t count)
{
    struct answer *answer = arg;
    if (++answer->rows > answer->rows_max) {
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(values[i]);
        struct pn_json *node = NULL;
        if (strcmp(values[i], "null") == 0) {
            pn_cell_null(answer->output);
        } else if (values[i][0] == '"' &&
                   pn_json_parse(answer->parser, values[i], len, len, &node, NULL) == 0) {
            pn_cell_text(answer->output, node->text, node->text_len);
        } else {
            pn_cell_json(answer->output, values[i], len);
        }
    }
    return pn_row_writer_failed(answer->output) ? PN_FAIL : 0;
}

int pn_cli_answer(struct pn_cli *cli, struct pn_engine *engine, const char *sql, struct pn_err *e)
{
    int64_t rows = 0;
    return pn_cli_answer_first(cli, engine, sql, INT64_MAX, &rows, e);
}

int pn_cli_answer_first(struct pn_cli *cli, struct pn_engine *engine, const char *sql,
                        int64_t rows_max, int64_t *row_count, struct pn_err *e)
{
    struct answer answer = {.cli = cli, .parser = pn_json_parser_create(), .rows_max = rows_max};
    const struct pn_rows rows = {.columns = take_columns, .row = take_row, .arg = &answer};
    struct pn_err failure = {.class_ = PN_CLASS_NONE};
    int rc = pn_engine_query(engine, sql, &rows, &failure);
    if (rc != 0 && answer.output != NULL && pn_row_writer_failed(answer.output)) {
        rc = 0; /* nobody reads on; the end of the program says so */
    }
    if (rc != 0) {
        pn_err_copy(e, &failure);
    }
    *row_count = answer.rows;
    pn_row_writer_end(&answer.output);
    pn_json_parser_destroy(&answer.parser);
    return rc;
}
