/*
 * Rows of texts back in DuckDB: what a query gave and was kept, sorted by a column, or written as
 * Parquet with its types. The texts are those of pn_rows, JSON values. They go into a temporary
 * table, and are cast to their types from there.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "engine/duckdb/private.h"

/* How the text of a type becomes a value again. */
enum way {
    CAST_TEXT,   /* cast to the type */
    CAST_JSON,   /* JSON text, cast to the type */
    CAST_NUMBER, /* a HUGEINT, which Parquet does not have */
    KEEP_TEXT
};

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_among(const char *type, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(type, list[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* The name that is at a place of a type's text: a quoted one of a field, or a word. */
static size_t token_len(const char *at)
{
    size_t len = 1;
    if (*at == '"') {
        while (at[len] != '\0' && (at[len] != '"' || at[len + 1] == '"')) {
            len += at[len] == '"' ? 2 : 1;
        }
        return at[len] == '"' ? len + 1 : len;
    }
    while (is_word(at[0]) && is_word(at[len])) {
        len++;
    }
    return len;
}

static bool token_is(const char *at, size_t len, const char *word)
{
    return strlen(word) == len && strncmp(at, word, len) == 0;
}

/* Types within a nested one whose values JSON has in a form that DuckDB does not cast back, or that
 * Parquet does not have. */
static bool is_castable_nested(const char *type)
{
    static const char *const lossy[] = {"UNION", "ENUM",     "ARRAY",   "HUGEINT",
                                        "BIT",   "UHUGEINT", "TIME_NS", "TIMESTAMP_NS",
                                        "NULL",  "INTERVAL"};
    for (const char *at = type; *at != '\0'; at += token_len(at)) {
        size_t len = token_len(at);
        bool is_bad = starts_with(at, "MAP(") && !starts_with(at, "MAP(VARCHAR, ");
        is_bad = is_bad || starts_with(at, "TIME WITH TIME ZONE");
        for (size_t i = 0; i < sizeof lossy / sizeof *lossy; i++) {
            is_bad = is_bad || token_is(at, len, lossy[i]);
        }
        if (is_bad) {
            return false;
        }
    }
    return true;
}

static bool is_nested(const char *type)
{
    size_t len = strlen(type);
    return starts_with(type, "STRUCT(") || starts_with(type, "MAP(") ||
           (len > 2 && strcmp(type + len - 2, "[]") == 0);
}

static enum way way_to_parquet(const char *type)
{
    static const char *const texts[] = {
        "VARCHAR", "INTERVAL", "UHUGEINT", "ENUM",   "UNION", "MAP", "TIME WITH TIME ZONE",
        "BIT",     "ARRAY",    "NULL",     "TIME_NS"};
    if (is_nested(type)) {
        return is_castable_nested(type) ? CAST_JSON : KEEP_TEXT;
    }
    if (strcmp(type, "HUGEINT") == 0) {
        return CAST_NUMBER;
    }
    return is_among(type, texts, sizeof texts / sizeof *texts) ? KEEP_TEXT : CAST_TEXT;
}

/* Nested values sort by their text. */
static enum way way_to_order(const char *type)
{
    static const char *const texts[] = {"VARCHAR", "ENUM", "UNION", "MAP", "ARRAY", "NULL"};
    return is_nested(type) || is_among(type, texts, sizeof texts / sizeof *texts) ? KEEP_TEXT
                                                                                  : CAST_TEXT;
}

static void add_value(struct pn_buf *sql, size_t column, const char *type, enum way way)
{
    switch (way) {
    case CAST_TEXT:
        pn_buf_addf(sql, "CAST(c%zu AS %s)", column, type);
        break;
    case CAST_JSON: /* bytes by way of their text: as JSON has it, DuckDB takes it for the bytes */
        pn_buf_addf(sql, "CAST(CAST(CAST(c%zu AS JSON) AS ", column);
        for (const char *at = type; *at != '\0'; at += token_len(at)) {
            size_t len = token_len(at);
            bool is_blob = token_is(at, len, "BLOB");
            pn_buf_add(sql, is_blob ? "VARCHAR" : at, is_blob ? strlen("VARCHAR") : len);
        }
        pn_buf_addf(sql, ") AS %s)", type);
        break;
    case CAST_NUMBER:
        pn_buf_addf(sql, "CAST(c%zu AS DECIMAL(38,0))", column);
        break;
    case KEEP_TEXT:
        pn_buf_addf(sql, "c%zu", column);
        break;
    }
}

/* --- into the table --------------------------------------------------------------------------- */

static int make_table(duckdb_connection connection, size_t columns, struct pn_err *e)
{
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "CREATE TEMP TABLE texts(n BIGINT");
    for (size_t i = 0; i < columns; i++) {
        pn_buf_addf(&sql, ", c%zu VARCHAR", i);
    }
    pn_buf_addc(&sql, ')');
    int rc = pn_duckdb_run_buf(connection, &sql, NULL, e);
    pn_buf_deinit(&sql);
    return rc;
}

/* JSON with each number as a string: DuckDB reads numbers of JSON as doubles, and strings by all of
 * their digits. */
static void quote_numbers(const char *value, struct pn_buf *out)
{
    bool in_text = false;
    for (const char *at = value; *at != '\0'; at++) {
        size_t digits = in_text ? 0 : strspn(at, "+-.0123456789eE");
        if (digits > 0 && (*at == '-' || (*at >= '0' && *at <= '9'))) {
            pn_buf_addf(out, "\"%.*s\"", (int)digits, at);
            at += digits - 1;
            continue;
        }
        pn_buf_addc(out, *at);
        if (in_text && *at == '\\') {
            pn_buf_addc(out, *++at);
        } else if (*at == '"') {
            in_text = !in_text;
        }
    }
}

/* A JSON value as DuckDB's own cast takes it: a string without its quotes. */
static duckdb_state append_text(duckdb_appender appender, struct pn_json_parser *parser,
                                enum way way, const char *value)
{
    if (way == CAST_JSON && strcmp(value, "null") != 0) {
        struct pn_buf quoted;
        pn_buf_init(&quoted, 3 * strlen(value) + 1);
        quote_numbers(value, &quoted);
        duckdb_state state =
            duckdb_append_varchar_length(appender, pn_buf_text(&quoted), quoted.len);
        pn_buf_deinit(&quoted);
        return state;
    }
    struct pn_json *node = NULL;
    size_t len = strlen(value);
    if (strcmp(value, "null") == 0) {
        return duckdb_append_null(appender);
    }
    if (value[0] == '"' && pn_json_parse(parser, value, len, len, &node, NULL) == 0) {
        return duckdb_append_varchar_length(appender, node->text, node->text_len);
    }
    return duckdb_append_varchar_length(appender, value, len);
}

static int append_all(duckdb_appender appender, const struct pn_row_texts *rows,
                      const enum way *ways, struct pn_err *e)
{
    struct pn_json_parser *parser = pn_json_parser_create();
    const char *const *values = NULL;
    duckdb_state state = DuckDBSuccess;
    int rc = rows->next(rows->arg, &values, e);
    for (int64_t n = 0; rc == 0 && values != NULL && state == DuckDBSuccess; n++) {
        state = duckdb_append_int64(appender, n);
        for (size_t i = 0; i < rows->count && state == DuckDBSuccess; i++) {
            state = append_text(appender, parser, ways[i], values[i]);
        }
        if (state == DuckDBSuccess) {
            state = duckdb_appender_end_row(appender);
        }
        if (state == DuckDBSuccess) {
            rc = rows->next(rows->arg, &values, e);
        }
    }
    pn_json_parser_destroy(&parser);
    return rc;
}

static int fill_table(duckdb_connection connection, const struct pn_row_texts *rows,
                      const enum way *ways, struct pn_err *e)
{
    duckdb_appender appender = NULL;
    int rc = make_table(connection, rows->count, e);
    if (rc != 0) {
        return rc;
    }
    if (duckdb_appender_create_ext(connection, "temp", NULL, "texts", &appender) != DuckDBSuccess) {
        rc = pn_duckdb_fail(e, duckdb_appender_error(appender));
    }
    if (rc == 0) {
        rc = append_all(appender, rows, ways, e);
    }
    if (rc == 0 && duckdb_appender_close(appender) != DuckDBSuccess) {
        rc = pn_duckdb_fail(e, duckdb_appender_error(appender));
    }
    duckdb_appender_destroy(&appender);
    return rc;
}

/* --- out of it -------------------------------------------------------------------------------- */

int pn_duckdb_write_parquet(struct pn_embedded_engine *base, const struct pn_row_texts *rows,
                            const char *path, struct pn_err *e)
{
    struct pn_duckdb *engine = (struct pn_duckdb *)base;
    duckdb_connection connection = NULL;
    duckdb_result result = {0};
    struct pn_buf sql;
    enum way *ways = pn_xcalloc(rows->count + 1, sizeof *ways);
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    for (size_t i = 0; i < rows->count; i++) {
        ways[i] = way_to_parquet(rows->types[i]);
    }
    int rc = pn_duckdb_connect_work(engine, &connection, e);
    if (rc == 0) {
        rc = fill_table(connection, rows, ways, e);
    }
    if (rc != 0) {
        goto out;
    }
    pn_buf_adds(&sql, "COPY (SELECT ");
    for (size_t i = 0; i < rows->count; i++) {
        pn_buf_adds(&sql, i > 0 ? ", " : "");
        add_value(&sql, i, rows->types[i], ways[i]);
        pn_buf_adds(&sql, " AS ");
        pn_duckdb_add_name(&sql, rows->names[i]);
    }
    pn_buf_adds(&sql, " FROM texts ORDER BY n) TO ");
    pn_duckdb_add_text(&sql, path);
    pn_buf_addf(&sql, " (FORMAT parquet, CODEC '%s')", engine->config.parquet_compression);
    rc = pn_duckdb_run_long(connection, &sql, NULL, &result, e);
    if (rc == 0) {
        duckdb_destroy_result(&result);
    }
out:
    free(ways);
    pn_buf_deinit(&sql);
    duckdb_disconnect(&connection);
    return rc;
}

static int give_order(duckdb_result *result, int (*take)(void *arg, int64_t row), void *arg)
{
    duckdb_data_chunk chunk = NULL;
    int rc = 0;
    while (rc == 0 && (chunk = duckdb_fetch_chunk(*result)) != NULL) {
        const int64_t *rows = duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, 0));
        for (idx_t i = 0; rc == 0 && i < duckdb_data_chunk_get_size(chunk); i++) {
            rc = take(arg, rows[i]);
        }
        duckdb_destroy_data_chunk(&chunk);
    }
    return rc;
}

int pn_duckdb_order(struct pn_embedded_engine *base, const struct pn_row_texts *rows,
                    bool descending, int (*take)(void *arg, int64_t row), void *arg,
                    struct pn_err *e)
{
    struct pn_duckdb *engine = (struct pn_duckdb *)base;
    duckdb_connection connection = NULL;
    duckdb_result result = {0};
    struct pn_buf sql;
    PN_ASSERT(rows->count == 1);
    const enum way way = way_to_order(rows->types[0]);
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    int rc = pn_duckdb_connect_work(engine, &connection, e);
    if (rc == 0) {
        rc = fill_table(connection, rows, &way, e);
    }
    if (rc != 0) {
        goto out;
    }
    pn_buf_adds(&sql, "SELECT n FROM texts ORDER BY ");
    add_value(&sql, 0, rows->types[0], way);
    pn_buf_addf(&sql, " %s NULLS LAST, n", descending ? "DESC" : "ASC");
    rc = pn_duckdb_run_long(connection, &sql, NULL, &result, e);
    if (rc == 0) {
        rc = give_order(&result, take, arg);
        duckdb_destroy_result(&result);
    }
out:
    pn_buf_deinit(&sql);
    duckdb_disconnect(&connection);
    return rc;
}
