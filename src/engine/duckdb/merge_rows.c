#include <inttypes.h>
#include <string.h>

#include "base/units.h"
#include "engine/duckdb/decode.h"
#include "engine/duckdb/merge_parts.h"
#include "engine/duckdb/row_json.h"

enum { NAMED_ROWS = 3 };

bool pn_merging_keeps_deletions(const struct merging *merging)
{
    return merging->table->delete_when != NULL;
}

int pn_merging_run(struct merging *merging, const struct pn_buf *sql, struct pn_err *e)
{
    return pn_duckdb_run_buf(merging->connection, sql, NULL, e);
}

/* --- the SQL's parts -------------------------------------------------------------------------- */

void pn_merging_add_key(const struct merging *merging, struct pn_buf *sql)
{
    pn_duckdb_add_name(sql, merging->table->key_column);
}

void pn_merging_add_columns(const struct merging *merging, struct pn_buf *sql)
{
    for (size_t i = 0; i < pn_decoder_columns(merging->table); i++) {
        pn_buf_adds(sql, i == 0 ? "" : ", ");
        pn_duckdb_add_name(sql, pn_decoder_column(merging->table, i)->name);
    }
}

/* Appends the condition that a row is the newest of its key. With `of_table` there are rows of the
 * table beside those of the batch: of two that are the same, the table's is it. */
static void add_newest(const struct merging *merging, bool of_table, struct pn_buf *sql)
{
    pn_buf_adds(sql, " QUALIFY row_number() OVER (PARTITION BY ");
    pn_merging_add_key(merging, sql);
    pn_buf_adds(sql, " ORDER BY ");
    pn_duckdb_add_name(sql, merging->table->order_column->name);
    pn_buf_adds(sql, " DESC NULLS LAST, pn_deleted DESC");
    for (size_t i = 0; i < pn_decoder_columns(merging->table); i++) {
        pn_buf_adds(sql, ", ");
        pn_duckdb_add_name(sql, pn_decoder_column(merging->table, i)->name);
        pn_buf_adds(sql, " DESC NULLS LAST");
    }
    pn_buf_adds(sql, of_table ? ", pn_new) = 1" : ") = 1");
}

int pn_merging_view(struct merging *merging, const char *name, const struct pn_table *table,
                    const struct pn_delta_snapshot *snapshot, struct pn_err *e)
{
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_addf(&sql, "CREATE OR REPLACE TEMP VIEW %s AS ", name);
    int rc = pn_duckdb_add_scan(merging->engine, merging->connection, table, snapshot, true,
                                &merging->lease, &sql, e);
    if (rc == 0) {
        rc = pn_merging_run(merging, &sql, e);
    }
    pn_buf_deinit(&sql);
    return rc;
}

/* --- the batch -------------------------------------------------------------------------------- */

int pn_merging_view_batch(struct merging *merging, struct pn_err *e)
{
    const struct pn_table *table = merging->table;
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "CREATE OR REPLACE TEMP VIEW pn_batch AS SELECT *, ");
    if (table->delete_when != NULL) {
        pn_buf_addf(&sql, "coalesce(CAST((%s\n) AS BOOLEAN), false)", table->delete_when);
    } else {
        pn_buf_adds(&sql, "false");
    }
    pn_buf_adds(&sql, " AS pn_deleted FROM ");
    int rc = 0;
    if (merging->merge->batch->file_count == 0) { /* no rows, no file */
        pn_buf_addc(&sql, '(');
        rc = pn_duckdb_add_scan(merging->engine, merging->connection, table, NULL, false,
                                &merging->lease, &sql, e);
        pn_buf_addc(&sql, ')');
    } else {
        pn_buf_adds(&sql, "read_parquet([");
        for (size_t i = 0; rc == 0 && i < merging->merge->batch->file_count; i++) {
            pn_buf_adds(&sql, i == 0 ? "" : ", ");
            rc = pn_duckdb_add_file(merging->engine, table->path, &merging->merge->batch->adds[i],
                                    &merging->lease, false, &sql, e);
        }
        pn_buf_adds(&sql, PN_DUCKDB_FILES_END);
    }
    if (rc == 0) {
        rc = pn_merging_run(merging, &sql, e);
    }
    if (rc != 0 && table->delete_when != NULL) {
        pn_err_prefix(e, "table '%s', delete_when", table->name);
    }
    pn_buf_deinit(&sql);
    return rc;
}

/* Appends the first rows of a result of one column of text, and how many there are. */
static int name_rows(struct merging *merging, const struct pn_buf *sql, struct pn_buf *out,
                     int64_t *count, struct pn_err *e)
{
    duckdb_result result;
    int rc = pn_duckdb_run_buf(merging->connection, sql, &result, e);
    if (rc != 0) {
        return rc;
    }
    *count = (int64_t)duckdb_row_count(&result);
    for (idx_t row = 0; row < NAMED_ROWS && row < duckdb_row_count(&result); row++) {
        char *text = duckdb_value_varchar(&result, 0, row);
        pn_buf_addf(out, "%s%.200s", row == 0 ? "" : ", ", text != NULL ? text : "null");
        duckdb_free(text);
    }
    pn_buf_adds(out, *count > NAMED_ROWS ? ", ..." : "");
    duckdb_destroy_result(&result);
    return 0;
}

int pn_merging_check_keys(struct merging *merging, struct pn_err *e)
{
    const struct pn_table *table = merging->table;
    int64_t count = 0;
    struct pn_buf sql;
    struct pn_buf rows;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_init(&rows, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "SELECT " PN_DUCKDB_ROW_SHOWN " FROM (SELECT * EXCLUDE (pn_deleted) FROM "
                      "pn_batch) WHERE ");
    pn_merging_add_key(merging, &sql);
    pn_buf_adds(&sql, " IS NULL ORDER BY 1");
    int rc = name_rows(merging, &sql, &rows, &count, e);
    if (rc == 0 && count > 0) {
        rc = pn_err_input(e,
                          "table '%s': %" PRId64 " new %s no value in the key column '%s', so what "
                          "they replace is not known; the table stays as it was: %s (%sgive the "
                          "table the test `{not_null: %s, action: quarantine}`)",
                          table->name, count, pn_noun(count, "row has", "rows have"),
                          table->key_column, pn_buf_text(&rows),
                          table->sql != NULL ? "leave them out in the SQL, or " : "",
                          table->key_column);
    }
    pn_buf_deinit(&sql);
    pn_buf_deinit(&rows);
    return rc;
}

int pn_merging_make_best(struct merging *merging, struct pn_err *e)
{
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "CREATE OR REPLACE TEMP TABLE pn_best AS SELECT ");
    pn_merging_add_columns(merging, &sql);
    pn_buf_adds(&sql, ", pn_deleted, true AS pn_new FROM pn_batch");
    add_newest(merging, false, &sql);
    int rc = pn_merging_run(merging, &sql, e);
    pn_buf_deinit(&sql);
    return rc;
}

/* --- which row of a key is the newest --------------------------------------------------------- */

/* Appends a SELECT of deletions as rows, which have only key and order. */
static void add_deletions(const struct merging *merging, struct pn_buf *sql)
{
    pn_buf_adds(sql, "SELECT ");
    for (size_t i = 0; i < pn_decoder_columns(merging->table); i++) {
        const struct pn_column *column = pn_decoder_column(merging->table, i);
        bool has = strcmp(column->name, merging->table->key_column) == 0 ||
                   strcmp(column->name, merging->table->order_column->name) == 0;
        pn_buf_adds(sql, i == 0 ? "" : ", ");
        if (has) {
            pn_duckdb_add_name(sql, column->name);
        } else {
            pn_buf_adds(sql, "NULL");
        }
    }
    pn_buf_adds(sql, ", true, false FROM pn_deletions SEMI JOIN pn_taken USING (");
    pn_merging_add_key(merging, sql);
    pn_buf_addc(sql, ')');
}

/* Which keys of the batch the table has, and whose row is newer there, by the order column alone:
 * the other columns are read only where that does not tell ('unclear'). It doesn't where a key has
 * several rows, which another writer may have added, or a deletion. */
static int make_held(struct merging *merging, struct pn_err *e)
{
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "CREATE OR REPLACE TEMP TABLE pn_held AS WITH held AS (SELECT pn_key, "
                      "max(pn_order) AS pn_order, count(*) AS pn_rows FROM pn_hits GROUP BY 1) "
                      "SELECT pn_key, CASE WHEN pn_rows > 1");
    if (pn_merging_keeps_deletions(merging)) {
        pn_buf_adds(&sql, " OR EXISTS (SELECT 1 FROM pn_deletions AS d WHERE d.");
        pn_merging_add_key(merging, &sql);
        pn_buf_adds(&sql, " = pn_key)");
    }
    pn_buf_adds(&sql, " THEN 'unclear' WHEN pn_order > pn_batch_order OR (pn_order IS NOT NULL AND "
                      "pn_batch_order IS NULL) THEN 'table' WHEN pn_batch_order > pn_order OR "
                      "(pn_batch_order IS NOT NULL AND pn_order IS NULL) THEN 'batch' ELSE "
                      "'unclear' END AS pn_newer FROM held JOIN (SELECT ");
    pn_merging_add_key(merging, &sql);
    pn_buf_adds(&sql, " AS pn_batch_key, ");
    pn_duckdb_add_name(&sql, merging->table->order_column->name);
    pn_buf_adds(&sql, " AS pn_batch_order FROM pn_best) ON pn_batch_key = pn_key");
    int rc = pn_merging_run(merging, &sql, e);
    pn_buf_deinit(&sql);
    return rc;
}

int pn_merging_make_taken(struct merging *merging, struct pn_err *e)
{
    int rc = make_held(merging, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "CREATE OR REPLACE TEMP TABLE pn_taken AS SELECT b.");
    pn_merging_add_key(merging, &sql);
    pn_buf_adds(&sql, " FROM pn_best AS b ANTI JOIN (SELECT pn_key FROM pn_held WHERE pn_newer = "
                      "'table') ON pn_key = b.");
    pn_merging_add_key(merging, &sql);
    rc = pn_merging_run(merging, &sql, e);
    pn_buf_deinit(&sql);
    return rc;
}

int pn_merging_make_final(struct merging *merging, struct pn_err *e)
{
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "CREATE OR REPLACE TEMP TABLE pn_final AS SELECT * FROM (SELECT * FROM "
                      "pn_best SEMI JOIN pn_taken USING (");
    pn_merging_add_key(merging, &sql);
    pn_buf_adds(&sql, ") UNION ALL SELECT ");
    pn_merging_add_columns(merging, &sql);
    pn_buf_adds(&sql, ", false, false FROM pn_old SEMI JOIN (SELECT pn_key FROM pn_held WHERE "
                      "pn_newer = 'unclear') ON pn_key = ");
    pn_merging_add_key(merging, &sql);
    if (pn_merging_keeps_deletions(merging)) {
        pn_buf_adds(&sql, " UNION ALL ");
        add_deletions(merging, &sql);
    }
    pn_buf_addc(&sql, ')');
    add_newest(merging, true, &sql);
    int rc = pn_merging_run(merging, &sql, e);
    pn_buf_deinit(&sql);
    return rc;
}

int pn_merging_view_outcome(struct merging *merging, struct pn_err *e)
{
    bool afresh = merging->merge->afresh;
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "CREATE OR REPLACE TEMP VIEW " PN_MERGE_COMING " AS SELECT ");
    pn_merging_add_columns(merging, &sql);
    pn_buf_adds(&sql, afresh ? " FROM pn_best WHERE NOT pn_deleted; "
                             : " FROM pn_final WHERE pn_new AND NOT pn_deleted; ");
    pn_buf_adds(&sql, "CREATE OR REPLACE TEMP VIEW " PN_MERGE_LEAVING " AS SELECT ");
    pn_merging_add_key(merging, &sql);
    pn_buf_adds(&sql, afresh ? " FROM pn_best" : " FROM pn_final WHERE pn_new OR pn_deleted");
    int rc = pn_merging_run(merging, &sql, e);
    pn_buf_deinit(&sql);
    return rc;
}

int pn_merging_count_rows(struct merging *merging, struct pn_table_report *report, struct pn_err *e)
{
    duckdb_result result;
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "SELECT count(*) FILTER (pn_new AND NOT pn_deleted), count(*) FILTER (pn_new "
                      "AND pn_deleted AND EXISTS (SELECT 1 FROM pn_held WHERE pn_key = f.");
    pn_merging_add_key(merging, &sql);
    pn_buf_adds(&sql, ")) FROM pn_final AS f");
    int rc = pn_duckdb_run_buf(merging->connection, &sql, &result, e);
    if (rc == 0) {
        report->rows = duckdb_value_int64(&result, 0, 0);
        report->rows_deleted = duckdb_value_int64(&result, 1, 0);
        duckdb_destroy_result(&result);
    }
    pn_buf_deinit(&sql);
    return rc;
}
