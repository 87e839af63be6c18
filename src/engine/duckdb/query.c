/*
 * Other people's SELECTs. They run on the instance that is closed to files (but the tables'
 * folders), to settings and to extensions; and only a single SELECT runs, so nothing is written.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "engine/duckdb/dead_letters.h"
#include "engine/duckdb/stream_letters.h"
#include "engine/duckdb/views.h"

enum { VALUE_BYTES_MAX = 256 << 20 };

static int refuse(struct pn_err *e, const char *what)
{
    return pn_err_input(e, "%s: a query is one SELECT, which reads the pipeline's tables", what);
}

/* Some pragmas are rewritten into SELECTs when they are read, but they are none. */
static bool is_pragma(const char *sql)
{
    static const char word[] = "pragma";
    for (;;) {
        sql += strspn(sql, " \t\r\n");
        if (strncmp(sql, "--", 2) == 0) {
            sql += strcspn(sql, "\n");
        } else if (strncmp(sql, "/*", 2) == 0 && strstr(sql, "*/") != NULL) {
            sql = strstr(sql, "*/") + 2;
        } else {
            return strncasecmp(sql, word, strlen(word)) == 0;
        }
    }
}

/* Is `sql` one statement? */
static int extract(duckdb_connection connection, const char *sql,
                   duckdb_extracted_statements *statements, struct pn_err *e)
{
    idx_t count = duckdb_extract_statements(connection, sql, statements);
    if (count == 1) {
        return is_pragma(sql) ? refuse(e, "the statement is no SELECT") : 0;
    }
    const char *message = duckdb_extract_statements_error(*statements);
    if (count == 0 && message != NULL) {
        return pn_duckdb_fail(e, message);
    }
    return refuse(e, count == 0 ? "there is no statement" : "there are several statements");
}

static int prepare(duckdb_connection connection, duckdb_extracted_statements statements,
                   duckdb_prepared_statement *statement, struct pn_err *e)
{
    if (duckdb_prepare_extracted_statement(connection, statements, 0, statement) != DuckDBSuccess) {
        return pn_duckdb_fail_prepared(e, *statement);
    }
    if (duckdb_prepared_statement_type(*statement) != DUCKDB_STATEMENT_TYPE_SELECT) {
        return refuse(e, "the statement is no SELECT");
    }
    return 0;
}

/* A view if the statement may read the table: when its name is somewhere in it. One that doesn't
 * exist yet is no error here, as the word may mean something else. */
static int make_view(struct pn_duckdb *engine, duckdb_connection connection, const char *sql,
                     const struct pn_table *table, struct pn_err *e)
{
    struct pn_err cause = {.class_ = PN_CLASS_NONE};
    if (strcasestr(sql, table->name) == NULL) {
        return 0;
    }
    int rc = pn_duckdb_view_latest(engine, &engine->ask_views, connection, table, &cause);
    if (rc != 0 && cause.class_ == PN_CLASS_MISSING) {
        return 0;
    }
    pn_err_copy(e, &cause);
    return rc;
}

static int make_views(struct pn_duckdb *engine, duckdb_connection connection, const char *sql,
                      struct pn_err *e)
{
    const struct pn_table dead_letters = pn_dead_letters_table(engine->pipeline);
    const struct pn_table streamed = pn_stream_letters_table(engine->pipeline);
    int rc = make_view(engine, connection, sql, &dead_letters, e);
    if (rc == 0) {
        rc = make_view(engine, connection, sql, &streamed, e);
    }
    for (size_t i = 0; rc == 0 && i < engine->pipeline->table_count; i++) {
        rc = make_view(engine, connection, sql, &engine->pipeline->tables[i], e);
    }
    return rc;
}

/* Tables that the engine itself makes, when there is something to put in. */
static int explain_missing_letters(const char *name, size_t len, struct pn_err *e)
{
    static const char *const tables[] = {"dead_letters", "stream_dead_letters"};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        if (strlen(tables[i]) == len && strncasecmp(tables[i], name, len) == 0) {
            return pn_err_missing(e, "table '%s' doesn't exist yet: nothing was refused%s",
                                  tables[i], i == 0 ? ", or nothing was loaded" : "");
        }
    }
    return PN_FAIL;
}

/* DuckDB misses a table: when it is one of the pipeline's, it only doesn't exist yet. */
static int explain_missing(const struct pn_pipeline *pipeline, struct pn_err *e)
{
    static const char before[] = "Table with name ";
    const char *name = e == NULL ? NULL : strstr(e->msg, before);
    if (name == NULL) {
        return PN_FAIL;
    }
    name += strlen(before);
    size_t len = strcspn(name, " ");
    for (size_t i = 0; i < pipeline->table_count; i++) {
        const struct pn_table *table = &pipeline->tables[i];
        if (strlen(table->name) == len && strncasecmp(table->name, name, len) == 0) {
            return pn_duckdb_not_yet(pipeline, table, e);
        }
    }
    return explain_missing_letters(name, len, e);
}

/* What a result's rows are handed on with. */
struct giving {
    const struct pn_rows *rows;
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
            pn_duckdb_json(cell, giving->types[i], duckdb_data_chunk_get_vector(chunk, i), row);
            giving->values[i] = pn_buf_text(cell);
            rc = pn_buf_check(cell, "a value", e);
        }
        if (rc == 0) {
            rc = giving->rows->row(giving->rows->arg, giving->values, giving->count);
        }
    }
    return rc;
}

static int give(const struct pn_rows *rows, duckdb_result *result, struct pn_err *e)
{
    size_t count = duckdb_column_count(result);
    struct giving giving = {
        .rows = rows,
        .count = count,
        .types = pn_xcalloc(count, sizeof(duckdb_logical_type)),
        .cells = pn_xcalloc(count, sizeof(struct pn_buf)),
        .values = pn_xcalloc(count, sizeof(const char *)),
    };
    duckdb_data_chunk chunk = NULL;
    int rc = give_columns(&giving, result, e);
    while (rc == 0 && (chunk = duckdb_fetch_chunk(*result)) != NULL) {
        rc = give_chunk(&giving, chunk, e);
        duckdb_destroy_data_chunk(&chunk);
    }
    if (rc == 0 && duckdb_result_error(result) != NULL) {
        rc = pn_duckdb_fail(e, duckdb_result_error(result));
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

int pn_duckdb_query(struct pn_engine *base, const char *sql, const struct pn_rows *rows,
                    struct pn_err *e)
{
    struct pn_duckdb *engine = (struct pn_duckdb *)base;
    duckdb_connection connection = NULL;
    duckdb_extracted_statements statements = NULL;
    duckdb_prepared_statement statement = NULL;
    duckdb_result result = {0};
    int rc = pn_duckdb_connect_ask(engine, &connection, e);
    if (rc == 0) {
        rc = extract(connection, sql, &statements, e);
    }
    if (rc == 0) {
        rc = make_views(engine, connection, sql, e);
    }
    if (rc == 0) {
        rc = prepare(connection, statements, &statement, e);
        if (rc != 0) {
            rc = explain_missing(engine->pipeline, e);
        }
    }
    if (rc != 0) {
        goto out;
    }
    /* Streaming: a result may be larger than memory. */
    rc = pn_duckdb_execute(statement, true, &result, e);
    if (rc == 0) {
        rc = give(rows, &result, e);
        duckdb_destroy_result(&result);
    }
out:
    duckdb_destroy_prepare(&statement);
    duckdb_destroy_extracted(&statements);
    duckdb_disconnect(&connection);
    return rc;
}
