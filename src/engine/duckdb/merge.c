#include "engine/duckdb/merge.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "engine/duckdb/merge_parts.h"
#include "engine/duckdb/widen.h"

enum {
    TRIES_MAX = 8,
    GENERATION_SHIFT = 11 /* 53 bits, as JSON has them */
};

struct pn_table pn_merge_batch_table(const struct pn_table *table)
{
    struct pn_table batch = *table;
    batch.partition_count = table->mode == PN_MODE_MERGE ? 0 : table->partition_count;
    return batch;
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

static int view_deletions(struct merging *merging, struct pn_err *e)
{
    struct pn_delta_snapshot *deletions = NULL;
    int rc = pn_duckdb_newest(merging->engine, merging->deleted.path, &deletions, e);
    if (rc == 0) {
        rc = pn_merging_view(merging, "pn_deletions", &merging->deleted, deletions, e);
    }
    pn_delta_snapshot_destroy(&deletions);
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
    bool widened = false; /* key or order, as the table's own before */
    int rc = merging->merge->afresh
                 ? 0
                 : pn_duckdb_widen(merging->engine, &merging->deleted, &widened, e);
    if (rc == 0) {
        rc = pn_duckdb_write(merging->engine, merging->connection, &merging->deleted, &sql,
                             &written, e);
    }
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
    pn_merging_add_columns(merging, sql);
    if (merging->merge->afresh) {
        pn_buf_adds(sql, " FROM pn_best WHERE NOT pn_deleted");
        return;
    }
    pn_buf_adds(sql, " FROM pn_rewritten ANTI JOIN pn_taken USING (");
    pn_merging_add_key(merging, sql);
    pn_buf_adds(sql, ") UNION ALL SELECT ");
    pn_merging_add_columns(merging, sql);
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

/* Of the table that the merge has looked at. */
static int64_t version_of(const struct merging *merging)
{
    return merging->target != NULL ? merging->target->version : -1;
}

static int commit(struct merging *merging, struct pn_table_report *report, struct pn_err *e)
{
    const int64_t read = version_of(merging);
    bool afresh = merging->merge->afresh;
    struct pn_written written = {0};
    struct pn_duckdb_put put = *merging->merge->put;
    struct pn_delta_txn *txns = pn_xcalloc(put.txn_count + 1, sizeof *txns);
    int64_t *before = pn_xcalloc(put.txn_count + 1, sizeof *before);
    struct pn_buf sql;
    if (afresh && pn_merging_keeps_deletions(merging)) {
        add_generation(merging, &put, txns, before);
    }
    put.mode = afresh ? PN_DELTA_OVERWRITE : PN_DELTA_REPLACE;
    put.operation = afresh ? NULL : "MERGE";
    put.parameters = afresh ? NULL : "{}";
    put.read_version = afresh ? NULL : &read;
    put.carries_rows = !afresh;
    put.removes = merging->rewritten;
    put.remove_count = merging->rewritten_count;
    put.vectors = merging->vectors;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    add_result(merging, &sql);
    int rc =
        pn_duckdb_write(merging->engine, merging->connection, merging->table, &sql, &written, e);
    if (rc == 0) {
        report->rows = afresh ? written.rows : report->rows;
        report->files_rewritten = (int64_t)merging->rewritten_count;
        rc = merging->vectors != NULL ? pn_delta_vectors_write(merging->vectors, e) : 0;
        if (rc == 0) {
            rc = pn_duckdb_commit(merging->engine, merging->table, &written, &put, &report->version,
                                  e);
        }
        if (rc != 0) {
            pn_duckdb_write_undo(merging->engine, &written, rc);
        }
        if (rc != 0 && merging->vectors != NULL) {
            pn_delta_vectors_undo(merging->vectors, rc);
        }
    }
    pn_written_deinit(&written);
    pn_buf_deinit(&sql);
    free(txns);
    free(before);
    return rc;
}

/* --- the steps -------------------------------------------------------------------------------- */

static struct merging begin(const struct pn_merge *merge, duckdb_connection connection)
{
    return (struct merging){.merge = merge,
                            .engine = merge->engine,
                            .table = merge->table,
                            .connection = connection,
                            .delta = pn_duckdb_delta(merge->engine, merge->table->path),
                            .generation = (int64_t)(pn_entropy_u64() >> GENERATION_SHIFT)};
}

static void end(struct merging *merging)
{
    pn_file_lease_release(&merging->lease);
    pn_delta_vectors_destroy(&merging->vectors);
    pn_delta_destroy(&merging->delta);
    pn_delta_snapshot_destroy(&merging->target);
    free(merging->deleted_path);
}

/* The newest row of each key of the batch. */
static int read_batch(struct merging *merging, struct pn_err *e)
{
    int rc = pn_merging_view_batch(merging, e);
    rc = rc == 0 ? pn_merging_check_keys(merging, e) : rc;
    return rc == 0 ? pn_merging_make_best(merging, e) : rc;
}

/* What becomes of the table as it is now. */
static int compare(struct merging *merging, struct pn_err *e)
{
    merging->rewritten_count = 0; /* of the try before */
    pn_delta_vectors_destroy(&merging->vectors);
    pn_delta_snapshot_destroy(&merging->target);
    int rc = pn_duckdb_newest(merging->engine, merging->table->path, &merging->target, e);
    if (rc == 0) {
        name_deleted(merging,
                     merging->merge->afresh ? merging->generation : generation_of(merging));
    }
    if (rc == 0 && !merging->merge->afresh) {
        rc = pn_merging_find_hits(merging, e);
        rc = rc == 0 && pn_merging_keeps_deletions(merging) ? view_deletions(merging, e) : rc;
        rc = rc == 0 ? pn_merging_make_taken(merging, e) : rc;
        rc = rc == 0 ? pn_merging_choose_files(merging, e) : rc;
        rc = rc == 0 ? pn_merging_make_final(merging, e) : rc;
    }
    return rc;
}

/* Would the batch's tests see the same again? */
static int check_tested(const struct merging *merging, struct pn_err *e)
{
    const struct pn_written *batch = merging->merge->batch;
    if (!batch->is_tested || merging->merge->afresh ||
        batch->tested_version == version_of(merging)) {
        return 0;
    }
    return pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                      "%s: another program has changed the table since the tests of table '%s' "
                      "looked at it; run again",
                      merging->table->path, merging->table->name);
}

static int merge_once(struct merging *merging, struct pn_table_report *report, struct pn_err *e)
{
    int rc = compare(merging, e);
    rc = rc == 0 ? check_tested(merging, e) : rc;
    if (rc == 0 && !merging->merge->afresh) {
        rc = pn_merging_count_rows(merging, report, e);
    }
    if (rc == 0 && pn_merging_keeps_deletions(merging)) {
        rc = commit_deletions(merging, e);
    }
    return rc == 0 ? commit(merging, report, e) : rc;
}

int pn_duckdb_merge(const struct pn_merge *merge, duckdb_connection connection,
                    struct pn_table_report *report, struct pn_err *e)
{
    struct merging merging = begin(merge, connection);
    struct pn_err why = {0};
    int rc = read_batch(&merging, &why);
    bool again = rc == 0;
    for (int tries = 0; again && tries < TRIES_MAX; tries++) {
        why = (struct pn_err){0};
        rc = merge_once(&merging, report, &why);
        again = rc != 0 && rc != PN_DELTA_TXN_SEEN && why.class_ == PN_CLASS_CONFLICT;
    }
    pn_err_copy(e, rc != 0 ? &why : NULL);
    end(&merging);
    return rc;
}

int pn_duckdb_merge_preview(const struct pn_merge *merge, duckdb_connection connection,
                            int64_t *version, struct pn_err *e)
{
    struct merging merging = begin(merge, connection);
    int rc = read_batch(&merging, e);
    rc = rc == 0 ? compare(&merging, e) : rc;
    rc = rc == 0 ? pn_merging_view_outcome(&merging, e) : rc;
    *version = version_of(&merging);
    end(&merging);
    return rc;
}
