#include "engine/duckdb/select.h"

#include "base/sql_comment.h"
#include "base/units.h"

#include <string.h>

static int check_column(const struct pn_table *table, size_t i, const char *name,
                        duckdb_logical_type type, struct pn_err *e)
{
    const struct pn_column *column = &table->columns[i];
    int rc = 0;
    struct pn_buf found;
    struct pn_buf wanted;
    if (strcmp(name, column->name) != 0) {
        return pn_err_input(e, "%s: column %zu is '%s', but the pipeline declares '%s'",
                            table->sql_file, i + 1, name, column->name);
    }
    if (pn_duckdb_type_is(type, &column->type)) {
        return 0;
    }
    enum { TYPE_BYTES_MAX = 64 * 1024 };
    pn_buf_init(&found, TYPE_BYTES_MAX);
    pn_buf_init(&wanted, TYPE_BYTES_MAX);
    pn_duckdb_type_name(type, &found);
    pn_type_name(&column->type, &wanted);
    rc = pn_err_input(e, "%s: column '%s' is %s, but the pipeline declares %s: cast it%s",
                      table->sql_file, name, pn_buf_text(&found), pn_buf_text(&wanted),
                      column->type.kind == PN_TYPE_TIMESTAMP ? " to TIMESTAMP WITH TIME ZONE" : "");
    pn_buf_deinit(&found);
    pn_buf_deinit(&wanted);
    return rc;
}

int pn_duckdb_check_select(duckdb_connection connection, const struct pn_table *table,
                           struct pn_err *e)
{
    duckdb_prepared_statement statement = NULL;
    int rc = 0;
    if (pn_duckdb_writes(table->sql)) {
        rc = pn_err_input(e, "%s: it has to be one SELECT: its rows become the table",
                          table->sql_file);
        goto out;
    }
    if (duckdb_prepare(connection, table->sql, &statement) != DuckDBSuccess) {
        rc = pn_duckdb_fail_prepared(e, statement);
        pn_err_prefix(e, "%s", table->sql_file);
        goto out;
    }
    if (duckdb_prepared_statement_type(statement) != DUCKDB_STATEMENT_TYPE_SELECT) {
        rc = pn_err_input(e, "%s: it has to be one SELECT: its rows become the table",
                          table->sql_file);
        goto out;
    }
    size_t count = duckdb_prepared_statement_column_count(statement);
    if (count != table->column_count) {
        rc =
            pn_err_input(e, "%s: it returns %zu %s, but the pipeline declares %zu", table->sql_file,
                         count, pn_noun((int64_t)count, "column", "columns"), table->column_count);
        goto out;
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const char *name = duckdb_prepared_statement_column_name(statement, i);
        duckdb_logical_type type = duckdb_prepared_statement_column_logical_type(statement, i);
        rc = check_column(table, i, name, type, e);
        duckdb_destroy_logical_type(&type);
        duckdb_free((void *)name);
    }
out:
    duckdb_destroy_prepare(&statement);
    return rc;
}

/* --- its text --------------------------------------------------------------------------------- */

static bool is_word(char c)
{
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (unsigned char)c >= 0x80;
}

/* After a text or a name that begins with this quote; `escapes`: a backslash takes a character. */
static const char *skip_quoted(const char *at, bool escapes)
{
    char quote = *at++;
    while (*at != '\0' && *at != quote) {
        at += escapes && at[0] == '\\' && at[1] != '\0' ? 2 : 1;
    }
    return *at == '\0' ? at : at + 1; /* a doubled quote begins the next one */
}

/* After $$a text$$ or $tag$a text$tag$ that begins here, or the same place. */
static const char *skip_dollars(const char *at)
{
    size_t len = 1;
    while (is_word(at[len])) {
        len++;
    }
    if (at[0] != '$' || at[len] != '$' || (at[1] >= '0' && at[1] <= '9')) {
        return at;
    }
    const char *end = at + len + 1;
    while (*end != '\0' && strncmp(end, at, len + 1) != 0) {
        end++;
    }
    return *end == '\0' ? end : end + len + 1;
}

/* After what cannot be divided: a text, a name, a word, or one character. */
static const char *skip_token(const char *at)
{
    if (*at == '\'' || *at == '"') {
        return skip_quoted(at, false);
    }
    if ((*at == 'e' || *at == 'E') && at[1] == '\'') {
        return skip_quoted(at + 1, true);
    }
    const char *after = skip_dollars(at);
    while (after == at || (is_word(*at) && is_word(*after))) {
        after++;
    }
    return after;
}

void pn_duckdb_add_select(struct pn_buf *out, const char *sql)
{
    const char *end = sql;
    for (const char *at = sql; *at != '\0';) {
        const char *after = pn_sql_skip_comment(at);
        if (after == at && strchr("; \t\r\n", *at) != NULL) {
            after++;
        } else if (after == at) {
            after = skip_token(at);
            end = after;
        }
        at = after;
    }
    pn_buf_add(out, sql, (size_t)(end - sql));
}
