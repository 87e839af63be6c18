/* What `pipeline check` finds in the tests of a table, over no rows. */
#include "engine/duckdb/expect.h"
#include "engine/duckdb/expect_parts.h"
#include "engine/duckdb/merge.h"

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
    pn_testing_add_literal(expect->min, &expect->columns[0]->type, &sql);
    pn_buf_adds(&sql, " > ");
    pn_testing_add_literal(expect->max, &expect->columns[0]->type, &sql);
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
        pn_testing_add_literal(expect->values[i], &expect->columns[0]->type, &sql);
    }
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        if (limits[i] != NULL) {
            pn_buf_adds(&sql, ", ");
            pn_testing_add_literal(limits[i], &expect->columns[0]->type, &sql);
        }
    }
    int rc = pn_duckdb_run_buf(testing->connection, &sql, NULL, e);
    if (rc == 0) {
        rc = check_limits(testing, expect, e);
    }
    pn_buf_deinit(&sql);
    return rc == 0 ? 0 : pn_testing_blame(testing, expect, e);
}

int pn_duckdb_check_expect(struct pn_duckdb *engine, duckdb_connection connection,
                           const struct pn_table *table, struct pn_err *e)
{
    struct pn_table_report report = {.table = table};
    const struct pn_table batch = pn_merge_batch_table(table);
    struct testing testing = {
        .engine = engine, .connection = connection, .table = &batch, .report = &report};
    const struct pn_written none = {0};
    if (table->expect_count == 0) {
        return 0;
    }
    int rc = pn_testing_view_written(&testing, &none, e);
    if (rc == 0) {
        rc = pn_testing_view_have(&testing, e);
    }
    if (rc == 0) {
        rc = pn_testing_view_others(&testing, false, e);
    }
    for (size_t i = 0; rc == 0 && i < table->expect_count; i++) {
        rc = check_values(&testing, &table->expects[i], e);
        if (rc == 0) {
            rc = pn_testing_count(&testing, &table->expects[i], &report.expect_failed[i], e);
        }
        if (rc != 0) {
            pn_pipeline_prefix_key(engine->pipeline, table, "expect", NULL, i, e);
        }
    }
    pn_file_lease_release(&testing.lease);
    return rc;
}
