/*
 * What of other people's SQL runs: a single SELECT, of tables and functions that are allowed
 * (allow.h), so nothing is written.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/sql_comment.h"
#include "engine/duckdb/allow.h"

static const char NOT_A_SELECT[] = "the statement is not a SELECT";

static int refuse(struct pn_err *e, const char *what)
{
    return pn_err_input(e, "%s: a query is one SELECT, which reads the pipeline's tables", what);
}

/* After the word when `sql` begins with it, else NULL. */
static const char *behind(const char *sql, const char *word)
{
    size_t len = strlen(word);
    sql = pn_sql_skip_blanks(sql);
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
    return behind(sql, "pragma") != NULL ? refuse(e, NOT_A_SELECT) : 0;
}

bool pn_duckdb_writes(const char *sql)
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

/* Is it one statement? */
static int extract(duckdb_connection connection, const struct pn_duckdb_said *said,
                   duckdb_extracted_statements *statements, struct pn_err *e)
{
    const char *sql = said->sql;
    idx_t count = duckdb_extract_statements(connection, sql, statements);
    if (count == 1) {
        return check_kind(sql, e);
    }
    const char *message = duckdb_extract_statements_error(*statements);
    if (count == 0 && message != NULL) {
        return pn_duckdb_writes(sql) ? refuse(e, NOT_A_SELECT)
                                     : pn_duckdb_fail_in(e, message, said);
    }
    return refuse(e, count == 0 ? "there is no statement" : "there are several statements");
}

int pn_duckdb_read_select(duckdb_connection connection, struct pn_duckdb_select *select,
                          struct pn_err *e)
{
    int rc = extract(connection, &select->said, &select->statements, e);
    if (rc == 0) {
        rc = pn_duckdb_read_tree(connection, select->said.sql, &select->tree, e);
    }
    /* What has no tree cannot be checked, and isn't bound either: DuckDB would open the files that
     * it names. */
    return rc == 0 && select->tree == NULL ? refuse(e, NOT_A_SELECT) : rc;
}

void pn_duckdb_select_deinit(struct pn_duckdb_select *select)
{
    duckdb_destroy_extracted(&select->statements);
    free(select->tree);
    select->tree = NULL;
}

int pn_duckdb_prepare_select(duckdb_connection connection, const struct pn_pipeline *pipeline,
                             const struct pn_duckdb_names *keys,
                             const struct pn_duckdb_select *select, struct pn_duckdb_names *read,
                             duckdb_prepared_statement *statement, struct pn_err *e)
{
    int rc = pn_duckdb_check_allowed(connection, pipeline, keys, select->tree, read, e);
    if (rc != 0) {
        return rc;
    }
    if (duckdb_prepare_extracted_statement(connection, select->statements, 0, statement) !=
        DuckDBSuccess) {
        return pn_duckdb_fail_in(e, duckdb_prepare_error(*statement), &select->said);
    }
    return duckdb_prepared_statement_type(*statement) == DUCKDB_STATEMENT_TYPE_SELECT
               ? 0
               : refuse(e, NOT_A_SELECT);
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
