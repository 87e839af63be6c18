/*
 * Other people's SELECTs. They run on the instance that is closed to files (but the tables'
 * folders), to settings and to extensions; and only a single SELECT runs, of tables and functions
 * that are allowed (allow.h), so nothing is written.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "engine/duckdb/allow.h"
#include "engine/duckdb/dead_letters.h"
#include "engine/duckdb/stream_dead_letters.h"
#include "engine/duckdb/views.h"

enum { VALUE_BYTES_MAX = 256 << 20 };

static int refuse(struct pn_err *e, const char *what)
{
    return pn_err_input(e, "%s: a query is one SELECT, which reads the pipeline's tables", what);
}

static const char *skip_blanks(const char *sql)
{
    for (;;) {
        sql += strspn(sql, " \t\r\n");
        if (strncmp(sql, "--", 2) == 0) {
            sql += strcspn(sql, "\n");
        } else if (strncmp(sql, "/*", 2) == 0 && strstr(sql, "*/") != NULL) {
            sql = strstr(sql, "*/") + 2;
        } else {
            return sql;
        }
    }
}

/* Behind the word when `sql` begins with it, else NULL. */
static const char *behind(const char *sql, const char *word)
{
    size_t len = strlen(word);
    sql = skip_blanks(sql);
    return strncasecmp(sql, word, len) == 0 && !isalnum((unsigned char)sql[len]) ? sql + len : NULL;
}

/* Some statements are rewritten into SELECTs when they are read, but they are none; and the list of
 * tables would be that of the views there happen to be. */
static int check_kind(const char *sql, struct pn_err *e)
{
    const char *shown = behind(sql, "show");
    if (shown != NULL && (behind(shown, "tables") != NULL || behind(shown, "all") != NULL)) {
        return pn_err_input(e, "`pinion table list` shows the tables, `pinion table schema TABLE` "
                               "the columns of one");
    }
    return behind(sql, "pragma") != NULL ? refuse(e, "the statement is not a SELECT") : 0;
}

/* What writes, and doesn't get to the check of what it is, as DuckDB finds other faults first. */
static bool writes(const char *sql)
{
    static const char *const words[] = {"insert", "update", "delete", "merge",    "copy",  "drop",
                                        "alter",  "export", "import", "truncate", "create"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (behind(sql, words[i]) != NULL) {
            return true;
        }
    }
    return false;
}

/* Is `sql` one statement? */
static int extract(duckdb_connection connection, const char *sql,
                   duckdb_extracted_statements *statements, struct pn_err *e)
{
    idx_t count = duckdb_extract_statements(connection, sql, statements);
    if (count == 1) {
        return check_kind(sql, e);
    }
    const char *message = duckdb_extract_statements_error(*statements);
    if (count == 0 && message != NULL) {
        return writes(sql) ? refuse(e, "the statement is not a SELECT")
                           : pn_duckdb_fail(e, message);
    }
    return refuse(e, count == 0 ? "there is no statement" : "there are several statements");
}

int pn_duckdb_prepare_select(duckdb_connection connection, const struct pn_pipeline *pipeline,
                             const char *sql, duckdb_prepared_statement *statement,
                             struct pn_err *e)
{
    duckdb_extracted_statements statements = NULL;
    bool checked = false;
    int rc = extract(connection, sql, &statements, e);
    if (rc == 0) {
        rc = pn_duckdb_check_allowed(connection, pipeline, sql, &checked, e);
    }
    if (rc == 0 &&
        duckdb_prepare_extracted_statement(connection, statements, 0, statement) != DuckDBSuccess) {
        rc = writes(sql) ? refuse(e, "the statement is not a SELECT")
                         : pn_duckdb_fail_prepared(e, *statement);
    } else if (rc == 0 && (!checked || duckdb_prepared_statement_type(*statement) !=
                                           DUCKDB_STATEMENT_TYPE_SELECT)) {
        rc = refuse(e, "the statement is not a SELECT");
    }
    duckdb_destroy_extracted(&statements);
    return rc;
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
    const struct pn_table streamed = pn_stream_dead_letters_table(engine->pipeline);
    int rc = make_view(engine, connection, sql, &dead_letters, e);
    if (rc == 0) {
        rc = make_view(engine, connection, sql, &streamed, e);
    }
    for (size_t i = 0; rc == 0 && i < engine->pipeline->table_count; i++) {
        rc = make_view(engine, connection, sql, &engine->pipeline->tables[i], e);
    }
    return rc;
}

/* Tables that the engine itself makes, when there is something to put in; or nobody. */
static int explain_missing_letters(const char *name, size_t len, struct pn_err *e)
{
    static const char *const tables[] = {"dead_letters", "stream_dead_letters"};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        if (strlen(tables[i]) == len && strncasecmp(tables[i], name, len) == 0) {
            return pn_err_missing(e, "table '%s' doesn't exist yet: nothing was refused%s",
                                  tables[i], i == 0 ? ", or nothing was loaded" : "");
        }
    }
    char *copy = pn_xasprintf("%.*s", (int)len, name);
    int rc = pn_err_input(e, "there is no table '%s': `pinion table list` shows them", copy);
    free(copy);
    return rc;
}

const char *pn_duckdb_missed_table(const struct pn_err *e, size_t *len)
{
    static const char before[] = "Table with name ";
    static const char after[] = " does not exist";
    const char *name = e == NULL ? NULL : strstr(e->msg, before);
    const char *end = name == NULL ? NULL : strstr(name, after);
    if (end == NULL) {
        return NULL;
    }
    name += strlen(before);
    *len = (size_t)(end - name);
    return name;
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
    duckdb_prepared_statement statement = NULL;
    duckdb_result result = {0};
    int rc = pn_duckdb_connect_ask(engine, &connection, e);
    if (rc == 0) {
        rc = make_views(engine, connection, sql, e);
    }
    if (rc == 0 &&
        pn_duckdb_prepare_select(connection, engine->pipeline, sql, &statement, e) != 0) {
        rc = explain_missing(engine->pipeline, e);
    }
    /* Streaming: a result may be larger than memory. */
    if (rc == 0) {
        rc = pn_duckdb_execute(statement, true, &result, e);
    }
    if (rc == 0) {
        rc = give(rows, &result, e);
        duckdb_destroy_result(&result);
    }
    duckdb_destroy_prepare(&statement);
    duckdb_disconnect(&connection);
    return rc;
}
