/*
 * Queries: other people's SELECTs (query.c says which), from their text to their rows. They run on
 * the instance that is closed to files (but those of the tables they name), to settings and to
 * extensions.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/units.h"
#include "engine/duckdb/asking.h"
#include "engine/duckdb/views.h"

enum { VALUE_BYTES_MAX = 256 << 20 };

/* --- tables ----------------------------------------------------------------------------------- */

/* Tables that the engine itself makes, when there is something to put in; or nobody. */
static int explain_missing_letters(const struct pn_pipeline *pipeline, const char *name, size_t len,
                                   struct pn_err *e)
{
    static const char *const tables[] = {"dead_letters", "stream_dead_letters"};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        if (strlen(tables[i]) == len && strncasecmp(tables[i], name, len) == 0) {
            return pn_err_missing(e, "table '%s' does not exist yet: no records were rejected%s",
                                  tables[i], i == 0 ? ", or nothing was loaded" : "");
        }
    }
    char *copy = pn_xasprintf("%.*s", (int)len, name);
    int rc = pn_duckdb_no_table(pipeline, copy, e);
    free(copy);
    return rc;
}

/* DuckDB misses a table: when it is one of the pipeline's, it only doesn't exist yet. */
static int explain_missing(const struct pn_pipeline *pipeline, struct pn_err *e)
{
    size_t len = 0;
    const char *name = pn_duckdb_missed_table(e, &len);
    if (name == NULL) {
        return PN_FAIL;
    }
    for (size_t i = 0; i < pipeline->table_count; i++) {
        const struct pn_table *table = &pipeline->tables[i];
        if (strlen(table->name) == len && strncasecmp(table->name, name, len) == 0) {
            return pn_pipeline_not_yet(pipeline, table, e);
        }
    }
    return explain_missing_letters(pipeline, name, len, e);
}

/* The versions that the views are of. */
static void give_tables(struct pn_duckdb *engine, const struct pn_ask *ask,
                        const struct pn_duckdb_names *read)
{
    for (size_t i = 0; ask->table != NULL && i < read->count; i++) {
        int64_t version = pn_duckdb_view_version(&engine->ask_views, read->items[i]);
        if (version >= 0) {
            ask->table(ask->rows->arg, read->items[i], version);
        }
    }
}

/* --- parameters ------------------------------------------------------------------------------- */

static int bind_value(duckdb_prepared_statement statement, idx_t at, const struct pn_json *value,
                      struct pn_err *e)
{
    duckdb_state state = DuckDBError;
    switch (value->type) {
    case PN_JSON_NULL:
        state = duckdb_bind_null(statement, at);
        break;
    case PN_JSON_BOOL:
        state = duckdb_bind_boolean(statement, at, value->boolean);
        break;
    case PN_JSON_NUMBER:
        state = value->is_integer ? duckdb_bind_int64(statement, at, value->integer)
                                  : duckdb_bind_double(statement, at, value->number);
        break;
    case PN_JSON_STRING:
        state = duckdb_bind_varchar_length(statement, at, value->text, value->text_len);
        break;
    default:
        return pn_err_input(e,
                            "parameter %d is %s: a parameter is null, a boolean, a number or a "
                            "string",
                            (int)at, value->type == PN_JSON_ARRAY ? "an array" : "an object");
    }
    return state == DuckDBSuccess
               ? 0
               : pn_err_input(e, "the query does not accept the value of parameter %d", (int)at);
}

static int bind_named(duckdb_prepared_statement statement, const struct pn_json *value,
                      struct pn_err *e)
{
    idx_t at = 0;
    char *name = pn_xstrndup(value->key, value->key_len);
    int rc = duckdb_bind_parameter_index(statement, &at, name) == DuckDBSuccess
                 ? bind_value(statement, at, value, e)
                 : pn_err_input(e, "the query has no parameter $%.80s", name);
    free(name);
    return rc;
}

static int bind(duckdb_prepared_statement statement, const struct pn_json *parameters,
                struct pn_err *e)
{
    idx_t wanted = duckdb_nparams(statement);
    size_t given = parameters != NULL ? parameters->count : 0;
    if (given != wanted) {
        return pn_err_input(e, "the query has %d %s, but %zu %s given", (int)wanted,
                            pn_noun((int64_t)wanted, "parameter", "parameters"), given,
                            pn_noun((int64_t)given, "value was", "values were"));
    }
    int rc = 0;
    idx_t at = 1;
    for (const struct pn_json *value = given > 0 ? parameters->first : NULL;
         rc == 0 && value != NULL; value = value->next, at++) {
        rc = parameters->type == PN_JSON_OBJECT ? bind_named(statement, value, e)
                                                : bind_value(statement, at, value, e);
    }
    return rc;
}

/* --- rows ------------------------------------------------------------------------------------- */

/* What a result's rows are handed on with. */
struct giving {
    const struct pn_rows *rows;
    bool for_import;
    size_t count;
    duckdb_logical_type *types;
    struct pn_buf *cells;
    const char **values;
};

static int give_columns(struct giving *giving, duckdb_result *result, struct pn_err *e)
{
    enum { TYPE_BYTES_MAX = 64 * 1024 };
    const char **names = pn_xcalloc(giving->count, sizeof *names);
    const char **types = pn_xcalloc(giving->count, sizeof *types);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < giving->count; i++) {
        names[i] = duckdb_column_name(result, i);
        giving->types[i] = duckdb_column_logical_type(result, i);
        pn_buf_init(&giving->cells[i], TYPE_BYTES_MAX);
        pn_duckdb_type_name(giving->types[i], &giving->cells[i]);
        types[i] = pn_buf_text(&giving->cells[i]);
        rc = pn_duckdb_json_check(giving->types[i], names[i], e);
    }
    if (rc == 0) {
        rc = giving->rows->columns(giving->rows->arg, names, types, giving->count);
    }
    free(names);
    free(types);
    for (size_t i = 0; i < giving->count; i++) {
        pn_buf_deinit(&giving->cells[i]);
        pn_buf_init(&giving->cells[i], VALUE_BYTES_MAX);
    }
    return rc;
}

static int give_chunk(struct giving *giving, duckdb_data_chunk chunk, struct pn_err *e)
{
    int rc = 0;
    idx_t rows = duckdb_data_chunk_get_size(chunk);
    for (idx_t row = 0; rc == 0 && row < rows; row++) {
        for (size_t i = 0; rc == 0 && i < giving->count; i++) {
            struct pn_buf *cell = &giving->cells[i];
            pn_buf_reset(cell);
            pn_duckdb_json(cell, giving->types[i], duckdb_data_chunk_get_vector(chunk, i), row,
                           giving->for_import);
            giving->values[i] = pn_buf_text(cell);
            rc = pn_buf_check(cell, "a value", e);
        }
        if (rc == 0) {
            rc = giving->rows->row(giving->rows->arg, giving->values, giving->count);
        }
    }
    return rc;
}

static int give(struct pn_duckdb *engine, const struct pn_ask *ask, duckdb_result *result,
                struct pn_err *e)
{
    size_t count = duckdb_column_count(result);
    struct giving giving = {
        .rows = ask->rows,
        .for_import = ask->for_import,
        .count = count,
        .types = pn_xcalloc(count, sizeof(duckdb_logical_type)),
        .cells = pn_xcalloc(count, sizeof(struct pn_buf)),
        .values = pn_xcalloc(count, sizeof(const char *)),
    };
    duckdb_data_chunk chunk = NULL;
    int rc = give_columns(&giving, result, e);
    while (rc == 0 && (rc = pn_duckdb_check_interrupt(engine, e)) == 0 &&
           (chunk = duckdb_fetch_chunk(*result)) != NULL) {
        rc = give_chunk(&giving, chunk, e);
        duckdb_destroy_data_chunk(&chunk);
    }
    if (rc == 0 && duckdb_result_error(result) != NULL) {
        const struct pn_duckdb_said said = {ask->sql, ask->fault};
        rc = pn_duckdb_fail_in(e, duckdb_result_error(result), &said);
    }
    for (size_t i = 0; i < count; i++) {
        duckdb_destroy_logical_type(&giving.types[i]);
        pn_buf_deinit(&giving.cells[i]);
    }
    free(giving.types);
    free(giving.cells);
    free(giving.values);
    return rc;
}

/* --- from the text to the rows ---------------------------------------------------------------- */

int pn_asking_find(struct pn_duckdb *engine, duckdb_connection connection, struct pn_asking *asking,
                   struct pn_err *e)
{
    const struct pn_ask *ask = asking->ask;
    asking->select.said = (struct pn_duckdb_said){ask->sql, ask->fault};
    if (ask->fault != NULL) {
        *ask->fault = (struct pn_sql_fault){.byte = -1};
    }
    int rc = pn_duckdb_read_select(connection, &asking->select, e);
    return rc != 0 ? rc
                   : pn_duckdb_asked_find(engine, asking->select.tree, ask->at, &asking->asked, e);
}

int pn_asking_answer(struct pn_duckdb *engine, duckdb_connection connection,
                     struct pn_asking *asking, struct pn_err *e)
{
    struct pn_duckdb_names read = {.count = 0};
    duckdb_prepared_statement statement = NULL;
    duckdb_result result = {0};
    int rc = 0;
    if (pn_duckdb_prepare_select(connection, engine->pipeline, &asking->asked.keys, &asking->select,
                                 &read, &statement, e) != 0) {
        rc = explain_missing(engine->pipeline, e);
    }
    if (rc == 0) {
        rc = bind(statement, asking->ask->parameters, e);
    }
    if (rc == 0) {
        rc = pn_duckdb_check_interrupt(engine, e);
    }
    if (rc == 0) {
        rc = pn_duckdb_stream(connection, statement, &engine->interrupted, &result,
                              &asking->select.said, e);
    }
    if (rc == 0) {
        asking->has_given = true;
        give_tables(engine, asking->ask, &read);
        rc = give(engine, asking->ask, &result, e);
        duckdb_destroy_result(&result);
    }
    duckdb_destroy_prepare(&statement);
    pn_duckdb_names_deinit(&read);
    return rc;
}

void pn_asking_deinit(struct pn_asking *asking)
{
    pn_duckdb_select_deinit(&asking->select);
    pn_duckdb_asked_deinit(&asking->asked);
    pn_file_lease_release(&asking->lease);
}

/* The connection may become another one. */
static int run(struct pn_duckdb *engine, duckdb_connection *connection, struct pn_asking *asking,
               struct pn_err *e)
{
    struct pn_duckdb_reach *reach = &asking->asked.reach;
    int rc = pn_asking_find(engine, *connection, asking, e);
    if (rc != 0) {
        return rc;
    }
    if (pn_duckdb_should_widen(engine, reach, asking->ask->in_turn)) {
        pn_duckdb_asked_widen(engine, reach);
    }
    rc = pn_duckdb_limit_ask(engine, connection, reach, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_in_progress in_progress;
    pn_in_progress_begin(engine, &in_progress, *connection);
    rc = pn_duckdb_asked_view(engine, *connection, &asking->asked, &asking->lease, e);
    if (rc == 0) {
        rc = pn_asking_answer(engine, *connection, asking, e);
    }
    pn_in_progress_end(engine, &in_progress);
    return rc;
}

int pn_duckdb_ask(struct pn_embedded_engine *base, const struct pn_ask *ask, struct pn_err *e)
{
    struct pn_duckdb *engine = (struct pn_duckdb *)base;
    struct pn_asking asking = {.ask = ask};
    duckdb_connection connection = NULL;
    int rc = pn_duckdb_connect_ask(engine, &connection, e);
    if (rc == 0) {
        rc = run(engine, &connection, &asking, e);
    }
    pn_asking_deinit(&asking);
    duckdb_disconnect(&connection);
    return rc;
}

int pn_duckdb_warm(struct pn_embedded_engine *base, struct pn_err *e)
{
    struct pn_duckdb *engine = (struct pn_duckdb *)base;
    struct pn_duckdb_select select = {.said = {.sql = "SELECT 1"}};
    duckdb_prepared_statement statement = NULL;
    duckdb_connection connection = NULL;
    duckdb_result result;
    int rc = pn_duckdb_connect_ask(engine, &connection, e);
    if (rc != 0) {
        return rc;
    }
    rc = pn_duckdb_read_select(connection, &select, e);
    if (rc == 0) {
        rc = pn_duckdb_prepare_select(connection, engine->pipeline, NULL, &select, NULL, &statement,
                                      e);
    }
    if (rc == 0) {
        rc =
            pn_duckdb_stream(connection, statement, &engine->interrupted, &result, &select.said, e);
    }
    if (rc == 0) {
        duckdb_destroy_result(&result);
    }
    duckdb_destroy_prepare(&statement);
    pn_duckdb_select_deinit(&select);
    duckdb_disconnect(&connection);
    return rc;
}

int pn_duckdb_query(struct pn_engine *base, const char *sql, const struct pn_rows *rows,
                    struct pn_err *e)
{
    const struct pn_ask ask = {.sql = sql, .rows = rows, .in_turn = true};
    return pn_duckdb_ask((struct pn_embedded_engine *)base, &ask, e);
}
