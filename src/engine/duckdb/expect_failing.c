/* The rows that do not pass a test: the condition that says so, their number, and some of them. */
#include "engine/duckdb/decode.h"
#include "engine/duckdb/expect_parts.h"
#include "engine/duckdb/row_json.h"
#include "engine/duckdb/select.h"

enum { NAMED_ROWS = 3, SHOWN_BYTES = 200 };

void pn_testing_add_literal(const char *text, const struct pn_type *type, struct pn_buf *sql)
{
    pn_buf_adds(sql, "CAST(");
    pn_duckdb_add_text(sql, text);
    pn_buf_adds(sql, " AS ");
    pn_type_sql(type, sql);
    pn_buf_addc(sql, ')');
}

/* Appends "a<between>b<after>" of the test's columns. */
static void add_columns(const struct pn_expect *expect, const char *between, const char *after,
                        struct pn_buf *sql)
{
    for (size_t i = 0; i < expect->column_count; i++) {
        pn_buf_adds(sql, i > 0 ? between : "");
        pn_duckdb_add_name(sql, expect->columns[i]->name);
        pn_buf_adds(sql, after);
    }
}

/* Rows whose values are those of another one, of the new rows or of the table's. */
static void add_unique(const struct pn_expect *expect, const struct pn_table *table,
                       struct pn_buf *sql)
{
    add_columns(expect, " AND ", " IS NOT NULL", sql);
    pn_buf_adds(sql, " AND row(");
    add_columns(expect, ", ", "", sql);
    pn_buf_adds(sql, ") IN (SELECT ");
    add_columns(expect, ", ", "", sql);
    pn_buf_adds(sql, " FROM (SELECT ");
    add_columns(expect, ", ", "", sql);
    pn_buf_adds(sql, " FROM ");
    pn_duckdb_add_name(sql, table->name);
    pn_buf_adds(sql, " UNION ALL SELECT ");
    add_columns(expect, ", ", "", sql);
    pn_buf_adds(sql, " FROM " PN_TESTING_HAVE ") GROUP BY ");
    add_columns(expect, ", ", "", sql);
    pn_buf_adds(sql, " HAVING count(*) > 1)");
}

static void add_range(const struct pn_expect *expect, struct pn_buf *sql)
{
    const struct pn_column *column = expect->columns[0];
    const struct {
        const char *limit;
        const char *sign;
    } limits[] = {{expect->min, " < "}, {expect->max, " > "}};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        if (limits[i].limit != NULL) {
            pn_buf_adds(sql, i == 1 && expect->min != NULL ? " OR " : "");
            pn_duckdb_add_name(sql, column->name);
            pn_buf_adds(sql, limits[i].sign);
            pn_testing_add_literal(limits[i].limit, &column->type, sql);
        }
    }
}

/* Appends the condition of a row that does not pass; null does not fail. */
void pn_testing_add_condition(const struct pn_expect *expect, const struct pn_table *table,
                              struct pn_buf *sql)
{
    pn_buf_adds(sql, "coalesce(");
    switch (expect->kind) {
    case PN_EXPECT_NOT_NULL:
        add_columns(expect, " OR ", " IS NULL", sql);
        break;
    case PN_EXPECT_UNIQUE:
        add_unique(expect, table, sql);
        break;
    case PN_EXPECT_ACCEPTED_VALUES:
        add_columns(expect, "", " NOT IN (", sql);
        for (size_t i = 0; i < expect->value_count; i++) {
            pn_buf_adds(sql, i > 0 ? ", " : "");
            pn_testing_add_literal(expect->values[i], &expect->columns[0]->type, sql);
        }
        pn_buf_addc(sql, ')');
        break;
    case PN_EXPECT_RANGE:
        add_range(expect, sql);
        break;
    case PN_EXPECT_RELATIONSHIP:
        /* SQL has null NOT IN (nothing) as true. */
        add_columns(expect, "", " IS NOT NULL AND ", sql);
        add_columns(expect, "", " NOT IN (SELECT c FROM ", sql);
        pn_buf_addf(sql, "pn_expect_other_%td WHERE c IS NOT NULL)", expect - table->expects);
        break;
    case PN_EXPECT_EMPTY:
    default:
        PN_ASSERT(false);
    }
    pn_buf_adds(sql, ", false)");
}

/* Appends a SELECT of the rows that do not pass. */
static void add_failing(const struct pn_expect *expect, const struct pn_table *table,
                        struct pn_buf *sql)
{
    if (expect->kind == PN_EXPECT_EMPTY) {
        pn_duckdb_add_select(sql, expect->sql);
        return;
    }
    pn_buf_adds(sql, "SELECT * FROM ");
    pn_duckdb_add_name(sql, table->name);
    pn_buf_adds(sql, " WHERE ");
    pn_testing_add_condition(expect, table, sql);
}

int pn_testing_blame(const struct testing *testing, const struct pn_expect *expect,
                     struct pn_err *e)
{
    pn_err_prefix(e, "%s", expect->sql_file != NULL ? expect->sql_file : expect->name);
    pn_err_prefix(e, "table '%s', expect", testing->table->name);
    return PN_FAIL;
}

int pn_testing_count(struct testing *testing, const struct pn_expect *expect, int64_t *count,
                     struct pn_err *e)
{
    duckdb_result result;
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "SELECT count(*) FROM (");
    add_failing(expect, testing->table, &sql);
    pn_buf_adds(&sql, "\n) AS r");
    int rc =
        pn_duckdb_run_long(testing->connection, &sql, &testing->engine->interrupted, &result, e);
    if (rc == 0) {
        *count = duckdb_value_int64(&result, 0, 0);
        duckdb_destroy_result(&result);
    } else {
        rc = pn_testing_blame(testing, expect, e);
    }
    pn_buf_deinit(&sql);
    return rc;
}

/* Appends some of the rows that do not pass, as JSON. */
int pn_testing_show(struct testing *testing, const struct pn_expect *expect, struct pn_buf *out,
                    struct pn_err *e)
{
    duckdb_result result;
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "SELECT " PN_DUCKDB_ROW_SHOWN " FROM (");
    add_failing(expect, testing->table, &sql);
    pn_buf_addf(&sql, "\n) LIMIT %d", NAMED_ROWS);
    int rc = pn_duckdb_run_buf(testing->connection, &sql, &result, e);
    if (rc == 0) {
        for (idx_t row = 0; row < duckdb_row_count(&result); row++) {
            char *text = duckdb_value_varchar(&result, 0, row);
            pn_buf_addf(out, "%s%.*s", row == 0 ? "" : ", ", SHOWN_BYTES,
                        text != NULL ? text : "null");
            duckdb_free(text);
        }
        duckdb_destroy_result(&result);
    }
    pn_buf_deinit(&sql);
    return rc;
}
