/* What the tests of a table see, as temporary views. */
#include <stdlib.h>
#include <string.h>

#include "engine/duckdb/decode.h"
#include "engine/duckdb/expect_parts.h"
#include "engine/duckdb/merge.h"
#include "engine/duckdb/scan.h"

static int add_scan_of(struct testing *testing, const struct pn_table *table,
                       const struct pn_delta_snapshot *snapshot, struct pn_buf *sql,
                       struct pn_err *e)
{
    return pn_duckdb_add_scan(testing->engine, testing->connection, table, snapshot, true,
                              &testing->lease, sql, e);
}

/* The rows that were written, under the table's name. */
int pn_testing_view_written(struct testing *testing, const struct pn_written *written,
                            struct pn_err *e)
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

int pn_testing_view_merged(struct testing *testing, const struct pn_table *table,
                           const struct pn_written *batch, struct pn_err *e)
{
    const struct pn_merge merge = {
        .engine = testing->engine, .table = table, .batch = batch, .afresh = !testing->adds};
    struct pn_buf sql;
    int rc = pn_duckdb_merge_preview(&merge, testing->connection, &testing->merged_version, e);
    if (rc != 0) {
        return rc;
    }
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "CREATE OR REPLACE TEMP VIEW ");
    pn_duckdb_add_name(&sql, table->name);
    pn_buf_adds(&sql, " AS SELECT * FROM " PN_MERGE_COMING);
    rc = pn_duckdb_run_buf(testing->connection, &sql, NULL, e);
    pn_buf_deinit(&sql);
    testing->merged = rc == 0;
    return rc == 0 ? pn_testing_view_have(testing, e) : rc;
}

int pn_testing_drop_view(struct testing *testing, struct pn_err *e)
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
int pn_testing_view_have(struct testing *testing, struct pn_err *e)
{
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "CREATE OR REPLACE TEMP VIEW " PN_TESTING_HAVE " AS ");
    const char *replaced = testing->table->replace_where;
    int rc = testing->adds || replaced != NULL
                 ? pn_duckdb_newest(testing->engine, testing->table->path, &snapshot, e)
                 : 0;
    pn_buf_adds(&sql, "SELECT * FROM (");
    if (rc == 0) {
        rc = add_scan_of(testing, testing->table, snapshot, &sql, e);
    }
    pn_buf_adds(&sql, ") AS r");
    if (testing->merged) {
        pn_buf_adds(&sql, " ANTI JOIN " PN_MERGE_LEAVING " USING (");
        pn_duckdb_add_name(&sql, testing->table->key_column);
        pn_buf_addc(&sql, ')');
    }
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
        pn_buf_adds(&sql, " FROM " PN_TESTING_HAVE);
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

int pn_testing_view_others(struct testing *testing, bool exist, struct pn_err *e)
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
