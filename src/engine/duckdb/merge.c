#include "engine/duckdb/merge.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "base/units.h"
#include "engine/duckdb/decode.h"
#include "engine/duckdb/merge_files.h"
#include "engine/duckdb/scan.h"

enum {
    TRIES_MAX = 8,
    NAMED_ROWS = 3,
    GENERATION_SHIFT = 11 /* 53 bits, as JSON has them */
};

struct merging {
    const struct pn_merge *merge;
    struct pn_duckdb *engine;
    const struct pn_table *table;
    duckdb_connection connection;
    int64_t generation; /* of the deletions, where the table is made afresh */
    char *deleted_path;
    struct pn_table deleted; /* the table of deletions */
    struct pn_column deleted_columns[2];
    struct pn_delta_snapshot *target; /* NULL: there is no table */
    struct pn_delta_file *touched;
    size_t touched_count;
    struct pn_file_lease lease;
};

struct pn_table pn_merge_batch_table(const struct pn_table *table)
{
    struct pn_table batch = *table;
    batch.partition_count = table->mode == PN_MODE_MERGE ? 0 : table->partition_count;
    return batch;
}

static bool keeps_deletions(const struct merging *merging)
{
    return merging->table->delete_when != NULL;
}

static int run_sql(struct merging *merging, const struct pn_buf *sql, struct pn_err *e)
{
    return pn_duckdb_run_buf(merging->connection, sql, NULL, e);
}

/* --- the SQL's parts -------------------------------------------------------------------------- */

static void add_key(const struct merging *merging, struct pn_buf *sql)
{
    pn_duckdb_add_name(sql, merging->table->key_column);
}

static void add_columns(const struct merging *merging, struct pn_buf *sql)
{
    for (size_t i = 0; i < pn_decoder_columns(merging->table); i++) {
        pn_buf_adds(sql, i == 0 ? "" : ", ");
        pn_duckdb_add_name(sql, pn_decoder_column(merging->table, i)->name);
    }
}

/* Appends the condition that a row is the newest of its key. */
static void add_newest(const struct merging *merging, struct pn_buf *sql)
{
    pn_buf_adds(sql, " QUALIFY row_number() OVER (PARTITION BY ");
    add_key(merging, sql);
    pn_buf_adds(sql, " ORDER BY ");
    pn_duckdb_add_name(sql, merging->table->order_column->name);
    pn_buf_adds(sql, " DESC NULLS LAST, pn_deleted DESC");
    for (size_t i = 0; i < pn_decoder_columns(merging->table); i++) {
        pn_buf_adds(sql, ", ");
        pn_duckdb_add_name(sql, pn_decoder_column(merging->table, i)->name);
        pn_buf_adds(sql, " DESC NULLS LAST");
    }
    pn_buf_adds(sql, ") = 1");
}

/* --- the batch -------------------------------------------------------------------------------- */

static int view_batch(struct merging *merging, struct pn_err *e)
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
        pn_buf_adds(&sql, "read_parquet(");
        rc = pn_duckdb_add_file(merging->engine, table->path, merging->merge->batch->files[0].name,
                                &merging->lease, false, &sql, e);
        pn_buf_adds(&sql, PN_DUCKDB_FILE_END);
    }
    if (rc == 0) {
        rc = run_sql(merging, &sql, e);
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

static int check_keys(struct merging *merging, struct pn_err *e)
{
    const struct pn_table *table = merging->table;
    int64_t count = 0;
    struct pn_buf sql;
    struct pn_buf rows;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_init(&rows, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "SELECT CAST(to_json(b) AS VARCHAR) FROM (SELECT * EXCLUDE (pn_deleted) FROM "
                      "pn_batch) AS b WHERE ");
    add_key(merging, &sql);
    pn_buf_adds(&sql, " IS NULL ORDER BY 1");
    int rc = name_rows(merging, &sql, &rows, &count, e);
    if (rc == 0 && count > 0) {
        rc = pn_err_input(e,
                          "table '%s': %" PRId64 " new %s no value in the key column '%s', so what "
                          "they replace is not known; the table stays as it was: %s",
                          table->name, count, pn_noun(count, "row has", "rows have"),
                          table->key_column, pn_buf_text(&rows));
    }
    pn_buf_deinit(&sql);
    pn_buf_deinit(&rows);
    return rc;
}

/* The newest row of each key of the batch. */
static int make_best(struct merging *merging, struct pn_err *e)
{
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "CREATE OR REPLACE TEMP TABLE pn_best AS SELECT ");
    add_columns(merging, &sql);
    pn_buf_adds(&sql, ", pn_deleted, true AS pn_new FROM pn_batch");
    add_newest(merging, &sql);
    int rc = run_sql(merging, &sql, e);
    pn_buf_deinit(&sql);
    return rc;
}

/* --- the table -------------------------------------------------------------------------------- */

/* Deletions are a generation: those since the table was made afresh. */
static void name_deleted(struct merging *merging, int64_t generation)
{
    const struct pn_table *table = merging->table;
    size_t count = 0;
    for (size_t i = 0; i < table->column_count; i++) {
        bool is_kept = strcmp(table->columns[i].name, table->key_column) == 0 ||
                       &table->columns[i] == table->order_column;
        if (is_kept) {
            merging->deleted_columns[count++] = table->columns[i];
        }
    }
    free(merging->deleted_path);
    merging->deleted_path =
        pn_xasprintf("%s/" PN_MERGE_DELETED "%" PRId64, table->path, generation);
    merging->deleted = (struct pn_table){.name = "deleted",
                                         .path = merging->deleted_path,
                                         .columns = merging->deleted_columns,
                                         .column_count = count};
}

static int64_t generation_of(const struct merging *merging)
{
    return merging->target != NULL ? pn_delta_txn_version(merging->target, PN_MERGE_GENERATION)
                                   : -1;
}

static int make_view(struct merging *merging, const char *name, const struct pn_table *table,
                     const struct pn_delta_snapshot *snapshot, struct pn_err *e)
{
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_addf(&sql, "CREATE OR REPLACE TEMP VIEW %s AS ", name);
    int rc = pn_duckdb_add_scan(merging->engine, merging->connection, table, snapshot, true,
                                &merging->lease, &sql, e);
    if (rc == 0) {
        rc = run_sql(merging, &sql, e);
    }
    pn_buf_deinit(&sql);
    return rc;
}

/* Views of the files that hold keys of the batch, and of the deletions. */
static int view_old(struct merging *merging, struct pn_err *e)
{
    struct pn_delta_snapshot *deletions = NULL;
    int rc =
        merging->target != NULL
            ? pn_merge_find_files(merging->engine, merging->connection, merging->table,
                                  merging->target, &merging->touched, &merging->touched_count, e)
            : 0;
    if (rc == 0) {
        struct pn_delta_snapshot part = {.file_count = 0};
        part = merging->target != NULL ? *merging->target : part;
        part.files = merging->touched;
        part.file_count = merging->touched_count;
        rc = make_view(merging, "pn_old", merging->table, merging->touched_count > 0 ? &part : NULL,
                       e);
    }
    if (rc == 0 && keeps_deletions(merging)) {
        rc = pn_duckdb_newest(merging->engine, merging->deleted.path, &deletions, e);
    }
    if (rc == 0 && keeps_deletions(merging)) {
        rc = make_view(merging, "pn_deletions", &merging->deleted, deletions, e);
    }
    pn_delta_snapshot_destroy(&deletions);
    return rc;
}

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
    add_key(merging, sql);
    pn_buf_addc(sql, ')');
}

/* Which keys of the batch the table has, and whose row is newer there, by the order column alone:
 * the other columns are read only where that does not tell ('unclear'). It doesn't where a key has
 * several rows, which another writer may have added, or a deletion. */
static int make_held(struct merging *merging, struct pn_err *e)
{
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "CREATE OR REPLACE TEMP TABLE pn_held AS WITH held AS (SELECT o.");
    add_key(merging, &sql);
    pn_buf_adds(&sql, " AS pn_key, max(o.");
    pn_duckdb_add_name(&sql, merging->table->order_column->name);
    pn_buf_adds(&sql, ") AS pn_order, count(*) AS pn_rows FROM pn_old AS o SEMI JOIN pn_best AS b "
                      "ON b.");
    add_key(merging, &sql);
    pn_buf_adds(&sql, " = o.");
    add_key(merging, &sql);
    pn_buf_adds(&sql, " GROUP BY 1) SELECT pn_key, CASE WHEN pn_rows > 1");
    if (keeps_deletions(merging)) {
        pn_buf_adds(&sql, " OR EXISTS (SELECT 1 FROM pn_deletions AS d WHERE d.");
        add_key(merging, &sql);
        pn_buf_adds(&sql, " = pn_key)");
    }
    pn_buf_adds(&sql, " THEN 'unclear' WHEN pn_order > pn_batch_order OR (pn_order IS NOT NULL AND "
                      "pn_batch_order IS NULL) THEN 'table' WHEN pn_batch_order > pn_order OR "
                      "(pn_batch_order IS NOT NULL AND pn_order IS NULL) THEN 'batch' ELSE "
                      "'unclear' END AS pn_newer FROM held JOIN (SELECT ");
    add_key(merging, &sql);
    pn_buf_adds(&sql, " AS pn_batch_key, ");
    pn_duckdb_add_name(&sql, merging->table->order_column->name);
    pn_buf_adds(&sql, " AS pn_batch_order FROM pn_best) ON pn_batch_key = pn_key");
    int rc = run_sql(merging, &sql, e);
    pn_buf_deinit(&sql);
    return rc;
}

/* The keys of the batch, without those of which the table has a newer row. */
static int make_taken(struct merging *merging, struct pn_err *e)
{
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "CREATE OR REPLACE TEMP TABLE pn_taken AS SELECT b.");
    add_key(merging, &sql);
    pn_buf_adds(&sql, " FROM pn_best AS b ANTI JOIN (SELECT pn_key FROM pn_held WHERE pn_newer = "
                      "'table') ON pn_key = b.");
    add_key(merging, &sql);
    int rc = run_sql(merging, &sql, e);
    pn_buf_deinit(&sql);
    return rc;
}

/* What becomes of each key that is taken. */
static int make_final(struct merging *merging, struct pn_err *e)
{
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "CREATE OR REPLACE TEMP TABLE pn_final AS SELECT * FROM (SELECT * FROM "
                      "pn_best SEMI JOIN pn_taken USING (");
    add_key(merging, &sql);
    pn_buf_adds(&sql, ") UNION ALL SELECT ");
    add_columns(merging, &sql);
    pn_buf_adds(&sql, ", false, false FROM pn_old SEMI JOIN (SELECT pn_key FROM pn_held WHERE "
                      "pn_newer = 'unclear') ON pn_key = ");
    add_key(merging, &sql);
    if (keeps_deletions(merging)) {
        pn_buf_adds(&sql, " UNION ALL ");
        add_deletions(merging, &sql);
    }
    pn_buf_addc(&sql, ')');
    add_newest(merging, &sql);
    int rc = run_sql(merging, &sql, e);
    pn_buf_deinit(&sql);
    return rc;
}

/* Rows that the commit adds or changes, and those that it deletes. */
static int count_rows(struct merging *merging, struct pn_table_report *report, struct pn_err *e)
{
    duckdb_result result;
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "SELECT count(*) FILTER (pn_new AND NOT pn_deleted), count(*) FILTER (pn_new "
                      "AND pn_deleted AND EXISTS (SELECT 1 FROM pn_held WHERE pn_key = f.");
    add_key(merging, &sql);
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

/* --- commits ---------------------------------------------------------------------------------- */

/* Remembers the newest deletions: before the table's commit, since those of a batch that comes
 * again are the same. */
static int commit_deletions(struct merging *merging, struct pn_err *e)
{
    struct pn_written written = {0};
    const struct pn_duckdb_put put = {.mode = merging->merge->afresh ? PN_DELTA_OVERWRITE
                                                                     : PN_DELTA_APPEND};
    int64_t version = 0;
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "SELECT ");
    for (size_t i = 0; i < merging->deleted.column_count; i++) {
        pn_buf_adds(&sql, i == 0 ? "" : ", ");
        pn_duckdb_add_name(&sql, merging->deleted_columns[i].name);
    }
    pn_buf_adds(&sql, merging->merge->afresh ? " FROM pn_best WHERE pn_deleted"
                                             : " FROM pn_final WHERE pn_deleted AND pn_new");
    int rc =
        pn_duckdb_write(merging->engine, merging->connection, &merging->deleted, &sql, &written, e);
    if (rc == 0 && (written.rows > 0 || merging->merge->afresh)) {
        rc = pn_duckdb_commit(merging->engine, &merging->deleted, &written, &put, &version, e);
        if (rc != 0) {
            pn_duckdb_write_undo(merging->engine, &written, rc);
        }
    }
    pn_written_deinit(&written);
    pn_buf_deinit(&sql);
    return rc;
}

static void add_result(const struct merging *merging, struct pn_buf *sql)
{
    pn_buf_adds(sql, "SELECT ");
    add_columns(merging, sql);
    if (merging->merge->afresh) {
        pn_buf_adds(sql, " FROM pn_best WHERE NOT pn_deleted");
        return;
    }
    pn_buf_adds(sql, " FROM pn_old ANTI JOIN pn_taken USING (");
    add_key(merging, sql);
    pn_buf_adds(sql, ") UNION ALL SELECT ");
    add_columns(merging, sql);
    pn_buf_adds(sql, " FROM pn_final WHERE NOT pn_deleted");
}

/* The commit of a table that is made afresh names the deletions that belong to it: so those that
 * another load merges meanwhile are the older table's still, if this commit fails. */
static void add_generation(const struct merging *merging, struct pn_duckdb_put *put,
                           struct pn_delta_txn *txns, int64_t *before)
{
    memcpy(txns, put->txns, put->txn_count * sizeof *txns);
    memcpy(before, put->txns_before, put->txn_count * sizeof *before);
    txns[put->txn_count] = (struct pn_delta_txn){.app_id = PN_MERGE_GENERATION,
                                                 .version = merging->generation,
                                                 .updated_ms = pn_wall_ms(merging->engine->clock)};
    before[put->txn_count++] = generation_of(merging);
    put->txns = txns;
    put->txns_before = before;
}

static int commit(struct merging *merging, struct pn_table_report *report, struct pn_err *e)
{
    const int64_t read = merging->target != NULL ? merging->target->version : -1;
    bool afresh = merging->merge->afresh;
    struct pn_written written = {0};
    struct pn_duckdb_put put = *merging->merge->put;
    struct pn_delta_txn *txns = pn_xcalloc(put.txn_count + 1, sizeof *txns);
    int64_t *before = pn_xcalloc(put.txn_count + 1, sizeof *before);
    struct pn_buf sql;
    if (afresh && keeps_deletions(merging)) {
        add_generation(merging, &put, txns, before);
    }
    put.mode = afresh ? PN_DELTA_OVERWRITE : PN_DELTA_REPLACE;
    put.operation = afresh ? NULL : "MERGE";
    put.parameters = afresh ? NULL : "{}";
    put.read_version = afresh ? NULL : &read;
    put.carries_rows = !afresh;
    put.removes = merging->touched;
    put.remove_count = merging->touched_count;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    add_result(merging, &sql);
    int rc =
        pn_duckdb_write(merging->engine, merging->connection, merging->table, &sql, &written, e);
    if (rc == 0) {
        report->rows = afresh ? written.rows : report->rows;
        report->files_rewritten = (int64_t)merging->touched_count;
        rc = pn_duckdb_commit(merging->engine, merging->table, &written, &put, &report->version, e);
        if (rc != 0) {
            pn_duckdb_write_undo(merging->engine, &written, rc);
        }
    }
    pn_written_deinit(&written);
    pn_buf_deinit(&sql);
    free(txns);
    free(before);
    return rc;
}

static int merge_once(struct merging *merging, struct pn_table_report *report, struct pn_err *e)
{
    merging->touched_count = 0;
    pn_delta_snapshot_destroy(&merging->target); /* of the try before */
    int rc = pn_duckdb_newest(merging->engine, merging->table->path, &merging->target, e);
    if (rc == 0) {
        name_deleted(merging,
                     merging->merge->afresh ? merging->generation : generation_of(merging));
    }
    if (rc == 0 && !merging->merge->afresh) {
        rc = view_old(merging, e);
        rc = rc == 0 ? make_held(merging, e) : rc;
        rc = rc == 0 ? make_taken(merging, e) : rc;
        rc = rc == 0 ? make_final(merging, e) : rc;
        rc = rc == 0 ? count_rows(merging, report, e) : rc;
    }
    if (rc == 0 && keeps_deletions(merging)) {
        rc = commit_deletions(merging, e);
    }
    return rc == 0 ? commit(merging, report, e) : rc;
}

int pn_duckdb_merge(const struct pn_merge *merge, duckdb_connection connection,
                    struct pn_table_report *report, struct pn_err *e)
{
    struct merging merging = {.merge = merge,
                              .engine = merge->engine,
                              .table = merge->table,
                              .connection = connection,
                              .generation = (int64_t)(pn_entropy_u64() >> GENERATION_SHIFT)};
    struct pn_err why = {0};
    int rc = view_batch(&merging, &why);
    rc = rc == 0 ? check_keys(&merging, &why) : rc;
    rc = rc == 0 ? make_best(&merging, &why) : rc;
    bool again = rc == 0;
    for (int tries = 0; again && tries < TRIES_MAX; tries++) {
        why = (struct pn_err){0};
        rc = merge_once(&merging, report, &why);
        again = rc != 0 && rc != PN_DELTA_TXN_SEEN && why.class_ == PN_CLASS_CONFLICT;
    }
    pn_err_copy(e, rc != 0 ? &why : NULL);
    pn_file_lease_release(&merging.lease);
    pn_delta_snapshot_destroy(&merging.target);
    free(merging.deleted_path);
    return rc;
}
