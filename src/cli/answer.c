#include "cli/answer.h"

#include <string.h>

#include "base/arena.h"
#include "query/answer.h"

struct answer {
    struct pn_cli *cli;
    struct pn_row_writer *output;
    struct pn_json_parser *parser;
    const char *at; /* of struct pn_ask */
    bool for_import;
    const struct pn_cli_no_rows *no_rows; /* NULL: such an answer is printed like any other */
    /* The columns, until it is known whether there are rows. */
    struct pn_arena arena;
    const char **names;
    const char **types;
    size_t columns;
};

static const char **copy_texts(struct pn_arena *arena, const char *const *texts, size_t count)
{
    const char **copies = pn_arena_calloc(arena, count, sizeof *copies);
    for (size_t i = 0; i < count; i++) {
        copies[i] = pn_arena_strdup(arena, texts[i]);
    }
    return copies;
}

static void begin(struct answer *answer)
{
    answer->output = pn_cli_rows(answer->cli);
    pn_answer_columns(answer->output, answer->names, answer->types, answer->columns);
}

static int take_columns(void *arg, const char *const *names, const char *const *types, size_t count)
{
    struct answer *answer = arg;
    answer->names = copy_texts(&answer->arena, names, count);
    answer->types = copy_texts(&answer->arena, types, count);
    answer->columns = count;
    if (answer->no_rows == NULL) {
        begin(answer);
    }
    return 0;
}

static int take_row(void *arg, const char *const *values, size_t count)
{
    struct answer *answer = arg;
    if (answer->output == NULL) {
        begin(answer);
    }
    pn_answer_row(answer->output, answer->parser, values, count);
    return pn_row_writer_failed(answer->output) ? PN_FAIL : 0;
}

static int answer(struct answer *answer, struct pn_embedded_engine *engine, const char *sql,
                  const struct pn_json *parameters, struct pn_err *e)
{
    const struct pn_rows rows = {.columns = take_columns, .row = take_row, .arg = answer};
    const struct pn_ask ask = {.sql = sql,
                               .parameters = parameters,
                               .at = answer->at,
                               .for_import = answer->for_import,
                               .rows = &rows};
    struct pn_err failure = {.class_ = PN_CLASS_NONE};
    answer->parser = pn_json_parser_create();
    pn_arena_init(&answer->arena, 0);
    int rc = pn_engine_ask(engine, &ask, &failure);
    if (rc == 0 && answer->output == NULL) {
        rc = answer->no_rows->explain(answer->no_rows->arg, &failure);
        if (rc == 0) {
            begin(answer);
        }
    }
    if (rc != 0 && answer->output != NULL && pn_row_writer_failed(answer->output)) {
        rc = 0; /* nobody reads on; the end of the program says so */
    }
    if (rc != 0) {
        pn_err_copy(e, &failure);
    }
    pn_row_writer_end(&answer->output);
    pn_arena_deinit(&answer->arena);
    pn_json_parser_destroy(&answer->parser);
    return rc;
}

int pn_cli_answer(struct pn_cli *cli, struct pn_embedded_engine *engine,
                  const struct pn_cli_select *select, struct pn_err *e)
{
    struct answer asked = {.cli = cli, .at = select->at, .for_import = select->for_import};
    return answer(&asked, engine, select->sql, NULL, e);
}

int pn_cli_answer_with(struct pn_cli *cli, struct pn_embedded_engine *engine, const char *sql,
                       const char *parameters, const struct pn_cli_no_rows *no_rows,
                       struct pn_err *e)
{
    struct answer asked = {.cli = cli, .no_rows = no_rows};
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    size_t len = strlen(parameters);
    int rc = pn_json_parse(parser, parameters, len, len, &root, e);
    if (rc == 0) {
        rc = answer(&asked, engine, sql, root, e);
    }
    pn_json_parser_destroy(&parser);
    return rc;
}
