#include "engine/duckdb/expect.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/units.h"
#include "engine/duckdb/decode.h"
#include "engine/duckdb/row_json.h"
#include "engine/duckdb/scan.h"
#include "engine/duckdb/select.h"

enum { NAMED_ROWS = 3, SHOWN_BYTES = 200 };
#define HAVE "pn_expect_have"

struct testing {
    struct pn_duckdb *engine;
    duckdb_connection connection;
    const struct pn_table *table;
    struct pn_table_report *report;
    struct pn_file_lease lease;
};

/* --- conditions ------------------------------------------------------------------------------- */

static void add_literal(const char *text, const struct pn_type *type, struct pn_buf *sql)
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
    pn_buf_adds(sql, " FROM " HAVE ") GROUP BY ");
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
            add_literal(limits[i].limit, &column->type, sql);
        }
    }
}

/* Appends the condition of a row that does not pass; null does not fail. */
static void add_condition(const struct pn_expect *expect, const struct pn_table *table,
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
            add_literal(expect->values[i], &expect->columns[0]->type, sql);
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
    add_condition(expect, table, sql);
}

/* --- what the tests see ----------------------------------------------------------------------- */

static int add_scan_of(struct testing *testing, const struct pn_table *table,
                       const struct pn_delta_snapshot *snapshot, struct pn_buf *sql,
                       struct pn_err *e)
{
    return pn_duckdb_add_scan(testing->engine, testing->connection, table, snapshot, true,
                              &testing->lease, sql, e);
}

/* The rows that were written, under the table's name. */
static int view_written(struct testing *testing, const struct pn_written *written, struct pn_err *e)
{
    const struct pn_table *table = testing->table;
    const char **partitions = pn_duckdb_partition_columns(table);
    struct pn_buf schema;
    struct pn_buf sql;
    pn_buf_init(&schema, PN_DUCKDB_SQL_MAX);
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_table_delta_schema(table, &schema);
    const struct pn_delta_snapshot snapshot = {
        .files = written->adds,
        .file_count = written->file_count,
        .metadata = {.schema = pn_buf_text(&schema),
                     .partition_columns = partitions,
                     .partition_column_count = table->partition_count},
    };
    pn_buf_adds(&sql, "CREATE OR REPLACE TEMP VIEW ");
    pn_duckdb_add_name(&sql, table->name);
    pn_buf_adds(&sql, " AS ");
    int rc = pn_buf_check(&schema, "a table's schema", e);
    if (rc == 0) {
        rc = add_scan_of(testing, table, &snapshot, &sql, e);
    }
    if (rc == 0) {
        rc = pn_duckdb_run_buf(testing->connection, &sql, NULL, e);
    }
    pn_buf_deinit(&sql);
    pn_buf_deinit(&schema);
    free(partitions);
    return rc;
}

static int drop_view(struct testing *testing, struct pn_err *e)
{
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "DROP VIEW IF EXISTS temp.");
    pn_duckdb_add_name(&sql, testing->table->name);
    int rc = pn_duckdb_run_buf(testing->connection, &sql, NULL, e);
    pn_buf_deinit(&sql);
    return rc;
}

/* The rows that the table has already, where new ones come to them; those that a run does not
 * replace. */
static int view_have(struct testing *testing, bool adds, struct pn_err *e)
{
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "CREATE OR REPLACE TEMP VIEW " HAVE " AS ");
    const char *replaced = testing->table->replace_where;
    int rc = adds || replaced != NULL
                 ? pn_duckdb_newest(testing->engine, testing->table->path, &snapshot, e)
                 : 0;
    pn_buf_adds(&sql, "SELECT * FROM (");
    if (rc == 0) {
        rc = add_scan_of(testing, testing->table, snapshot, &sql, e);
    }
    pn_buf_adds(&sql, ") AS r");
    if (replaced != NULL) {
        pn_buf_addf(&sql, " WHERE NOT coalesce(CAST((%s\n) AS BOOLEAN), false)", replaced);
    }
    if (rc == 0) {
        rc = pn_duckdb_run_buf(testing->connection, &sql, NULL, e);
    }
    pn_delta_snapshot_destroy(&snapshot);
    pn_buf_deinit(&sql);
    return rc;
}

/* The column that a relationship means: of the table itself the rows that were written and those
 * that it has, of another its newest version. */
static int view_other(struct testing *testing, size_t i, bool exists, struct pn_err *e)
{
    const struct pn_expect *expect = &testing->table->expects[i];
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_table columns = *expect->other;
    struct pn_buf sql;
    bool itself = strcmp(expect->other->name, testing->table->name) == 0;
    int rc = 0;
    if (expect->other->like != NULL) { /* a stream table's columns are those of its model */
        columns.columns = expect->other->like->columns;
        columns.column_count = expect->other->like->column_count;
    }
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_addf(&sql, "CREATE OR REPLACE TEMP VIEW pn_expect_other_%zu AS SELECT ", i);
    pn_duckdb_add_name(&sql, expect->other_column->name);
    pn_buf_adds(&sql, " AS c FROM ");
    if (itself) {
        pn_duckdb_add_name(&sql, testing->table->name);
        pn_buf_adds(&sql, " UNION ALL SELECT ");
        pn_duckdb_add_name(&sql, expect->other_column->name);
        pn_buf_adds(&sql, " FROM " HAVE);
    } else {
        rc = exists ? pn_duckdb_newest(testing->engine, columns.path, &snapshot, e) : 0;
        if (rc == 0 && exists && snapshot == NULL) {
            rc = pn_err_missing(e, "the table '%s' is not made yet: let the run make it first",
                                columns.name);
        }
        pn_buf_addc(&sql, '(');
        rc = rc == 0 ? add_scan_of(testing, &columns, snapshot, &sql, e) : rc;
        pn_buf_addc(&sql, ')');
    }
    if (rc == 0) {
        rc = pn_duckdb_run_buf(testing->connection, &sql, NULL, e);
    }
    pn_delta_snapshot_destroy(&snapshot);
    pn_buf_deinit(&sql);
    return rc;
}

static int view_others(struct testing *testing, bool exist, struct pn_err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < testing->table->expect_count; i++) {
        const struct pn_expect *expect = &testing->table->expects[i];
        rc = expect->kind == PN_EXPECT_RELATIONSHIP ? view_other(testing, i, exist, e) : 0;
        if (rc != 0) {
            pn_err_prefix(e, "table '%s', %s", testing->table->name, expect->name);
        }
    }
    return rc;
}

/* --- tests ------------------------------------------------------------------------------------ */

static int fail_of(const struct testing *testing, const struct pn_expect *expect, struct pn_err *e)
{
    pn_err_prefix(e, "%s", expect->sql_file != NULL ? expect->sql_file : expect->name);
    pn_err_prefix(e, "table '%s', expect", testing->table->name);
    return PN_FAIL;
}

static int count_failing(struct testing *testing, const struct pn_expect *expect, int64_t *count,
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
        rc = fail_of(testing, expect, e);
    }
    pn_buf_deinit(&sql);
    return rc;
}

/* Appends some of the rows that do not pass, as JSON. */
static int show_failing(struct testing *testing, const struct pn_expect *expect, struct pn_buf *out,
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

/* The error of the first test with the action `fail` that does not pass, if there is one. */
static int fail_first(struct testing *testing, struct pn_err *e)
{
    const struct pn_table *table = testing->table;
    const struct pn_expect *first = NULL;
    size_t more = 0;
    struct pn_buf rows;
    for (size_t i = 0; i < table->expect_count; i++) {
        bool fails =
            testing->report->expect_failed[i] > 0 && table->expects[i].action == PN_EXPECT_FAIL;
        more += fails && first != NULL;
        first = fails && first == NULL ? &table->expects[i] : first;
    }
    if (first == NULL) {
        return 0;
    }
    int64_t count = testing->report->expect_failed[first - table->expects];
    pn_buf_init(&rows, PN_DUCKDB_SQL_MAX);
    int rc = show_failing(testing, first, &rows, e);
    if (rc == 0) {
        char others[64] = "";
        if (more > 0) {
            (void)snprintf(others, sizeof others, " and %zu other %s fail%s", more,
                           pn_noun((int64_t)more, "test", "tests"), more == 1 ? "s" : "");
        }
        rc = pn_err_input(e,
                          "table '%s': %" PRId64 " %s not pass %s%s; the table stays as it was: %s "
                          "(mend the records or the SQL, or give the test `action: warn`)",
                          table->name, count, pn_noun(count, "row does", "rows do"), first->name,
                          others, pn_buf_text(&rows));
    }
    pn_buf_deinit(&rows);
    return rc;
}

/* --- quarantine ------------------------------------------------------------------------------- */

/* Appends "<condition> OR <condition>" of the tests that take rows out; false without one. */
static bool add_quarantined(const struct testing *testing, struct pn_buf *sql)
{
    const struct pn_table *table = testing->table;
    bool any = false;
    for (size_t i = 0; i < table->expect_count; i++) {
        if (table->expects[i].action == PN_EXPECT_QUARANTINE) {
            pn_buf_adds(sql, any ? " OR " : "");
            add_condition(&table->expects[i], table, sql);
            any = true;
        }
    }
    return any;
}

/* Appends the columns of the table's rows; generated ones are not written. */
static void add_written(const struct pn_table *table, struct pn_buf *sql)
{
    for (size_t i = 0; i < pn_decoder_columns(table); i++) {
        pn_buf_adds(sql, i > 0 ? ", " : "");
        pn_duckdb_add_name(sql, pn_decoder_column(table, i)->name);
    }
}

/* Appends a SELECT of the rows that are taken out, with the names of the tests that they fail. */
static void add_letters(const struct testing *testing, struct pn_buf *sql)
{
    const struct pn_table *table = testing->table;
    pn_buf_adds(sql, "SELECT concat_ws(', '");
    for (size_t i = 0; i < table->expect_count; i++) {
        if (table->expects[i].action == PN_EXPECT_QUARANTINE) {
            pn_buf_adds(sql, ", CASE WHEN ");
            add_condition(&table->expects[i], table, sql);
            pn_buf_adds(sql, " THEN ");
            pn_duckdb_add_text(sql, table->expects[i].name);
            pn_buf_adds(sql, " END");
        }
    }
    pn_buf_adds(sql, ") AS names, ");
    pn_duckdb_add_table_row_json(table, sql);
    pn_buf_adds(sql, " AS row FROM ");
    pn_duckdb_add_name(sql, table->name);
    pn_buf_adds(sql, " WHERE ");
    (void)add_quarantined(testing, sql);
}

/* Writes the rows that stay, in place of all. */
static int keep_others(struct testing *testing, struct pn_written *written, struct pn_err *e)
{
    struct pn_written kept = {0};
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "SELECT ");
    add_written(testing->table, &sql);
    pn_buf_adds(&sql, " FROM ");
    pn_duckdb_add_name(&sql, testing->table->name);
    pn_buf_adds(&sql, " WHERE NOT (");
    (void)add_quarantined(testing, &sql);
    pn_buf_addc(&sql, ')');
    int rc = pn_duckdb_write(testing->engine, testing->connection, testing->table, &sql, &kept, e);
    if (rc == 0) {
        testing->report->dead_letters = written->rows - kept.rows;
        pn_duckdb_write_undo(testing->engine, written, 0);
        pn_written_deinit(written);
        *written = kept;
    }
    pn_buf_deinit(&sql);
    return rc;
}

static int quarantine(struct testing *testing, const struct pn_quarantine *to,
                      struct pn_written *written, struct pn_err *e)
{
    const struct pn_table *table = testing->table;
    bool fails = false;
    struct pn_buf letters;
    pn_buf_init(&letters, PN_DUCKDB_SQL_MAX);
    for (size_t i = 0; i < table->expect_count; i++) {
        fails = fails || (table->expects[i].action == PN_EXPECT_QUARANTINE &&
                          testing->report->expect_failed[i] > 0);
    }
    if (fails) {
        pn_buf_addf(&letters,
                    "SELECT concat('the row does not pass ', names, CASE WHEN length(row) > %d "
                    "THEN ' (only the beginning of the value is stored)' ELSE '' END) AS reason, "
                    "left(row, %d) AS value FROM (",
                    PN_DEAD_LETTER_VALUE_MAX, PN_DEAD_LETTER_VALUE_MAX);
        add_letters(testing, &letters);
        pn_buf_addc(&letters, ')');
    }
    /* Also where a test had this action before. */
    int rc = pn_duckdb_quarantine(testing->engine, testing->connection, table, to,
                                  fails ? &letters : NULL, e);
    if (rc == 0 && fails) {
        rc = keep_others(testing, written, e);
    }
    pn_buf_deinit(&letters);
    return rc;
}

/* --- the whole -------------------------------------------------------------------------------- */

int pn_duckdb_expect(struct pn_duckdb *engine, duckdb_connection connection,
                     const struct pn_table *table, bool adds, const struct pn_quarantine *to,
                     struct pn_written *written, struct pn_table_report *report, struct pn_err *e)
{
    struct testing testing = {
        .engine = engine, .connection = connection, .table = table, .report = report};
    if (table->expect_count == 0) {
        return 0;
    }
    int rc = view_written(&testing, written, e);
    if (rc == 0) {
        rc = view_have(&testing, adds, e);
    }
    if (rc == 0) {
        rc = view_others(&testing, true, e);
    }
    for (size_t i = 0; rc == 0 && i < table->expect_count; i++) {
        rc = count_failing(&testing, &table->expects[i], &report->expect_failed[i], e);
    }
    if (rc == 0) {
        rc = fail_first(&testing, e);
    }
    if (rc == 0) {
        rc = quarantine(&testing, to, written, e);
    }
    if (drop_view(&testing, rc == 0 ? e : NULL) != 0 && rc == 0) {
        rc = PN_FAIL;
    }
    pn_file_lease_release(&testing.lease);
    return rc;
}

/* No row passes a range whose limits are the wrong way around. Both are of the column's type. */
static int check_limits(struct testing *testing, const struct pn_expect *expect, struct pn_err *e)
{
    duckdb_result result;
    struct pn_buf sql;
    if (expect->min == NULL || expect->max == NULL) {
        return 0;
    }
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "SELECT ");
    add_literal(expect->min, &expect->columns[0]->type, &sql);
    pn_buf_adds(&sql, " > ");
    add_literal(expect->max, &expect->columns[0]->type, &sql);
    int rc = pn_duckdb_run_buf(testing->connection, &sql, &result, e);
    if (rc == 0) {
        if (duckdb_value_boolean(&result, 0, 0)) {
            rc = pn_err_input(e, "min (%.60s) is greater than max (%.60s): no row can pass",
                              expect->min, expect->max);
        }
        duckdb_destroy_result(&result);
    }
    pn_buf_deinit(&sql);
    return rc;
}

/* Are the values and limits of the column's type? */
static int check_values(struct testing *testing, const struct pn_expect *expect, struct pn_err *e)
{
    const char *const limits[] = {expect->min, expect->max};
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "SELECT 1");
    for (size_t i = 0; i < expect->value_count; i++) {
        pn_buf_adds(&sql, ", ");
        add_literal(expect->values[i], &expect->columns[0]->type, &sql);
    }
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        if (limits[i] != NULL) {
            pn_buf_adds(&sql, ", ");
            add_literal(limits[i], &expect->columns[0]->type, &sql);
        }
    }
    int rc = pn_duckdb_run_buf(testing->connection, &sql, NULL, e);
    if (rc == 0) {
        rc = check_limits(testing, expect, e);
    }
    pn_buf_deinit(&sql);
    return rc == 0 ? 0 : fail_of(testing, expect, e);
}

int pn_duckdb_check_expect(struct pn_duckdb *engine, duckdb_connection connection,
                           const struct pn_table *table, struct pn_err *e)
{
    struct pn_table_report report = {.table = table};
    struct testing testing = {
        .engine = engine, .connection = connection, .table = table, .report = &report};
    const struct pn_written none = {0};
    if (table->expect_count == 0) {
        return 0;
    }
    int rc = view_written(&testing, &none, e);
    if (rc == 0) {
        rc = view_have(&testing, false, e);
    }
    if (rc == 0) {
        rc = view_others(&testing, false, e);
    }
    for (size_t i = 0; rc == 0 && i < table->expect_count; i++) {
        rc = check_values(&testing, &table->expects[i], e);
        if (rc == 0) {
            rc = count_failing(&testing, &table->expects[i], &report.expect_failed[i], e);
        }
        if (rc != 0) {
            pn_pipeline_prefix_key(engine->pipeline, table, "expect", NULL, i, e);
        }
    }
    pn_file_lease_release(&testing.lease);
    return rc;
}
