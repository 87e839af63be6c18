#include "engine/duckdb/transform_new.h"

#include "engine/duckdb/expect.h"
#include "engine/duckdb/incremental_sql.h"
#include "engine/duckdb/merge.h"
#include "engine/duckdb/select.h"
#include "engine/duckdb/sources.h"

static int explain(const struct pn_table *table, int rc, struct pn_err *why, struct pn_err *e)
{
    if (rc == PN_DELTA_TXN_SEEN) {
        return pn_err_set(e, PN_CLASS_RETRY, rc,
                          "another run made table '%s' meanwhile: run it again (%s)", table->name,
                          why->msg);
    }
    pn_err_copy(e, rc != 0 ? why : NULL);
    return rc;
}

static int put_rows(struct pn_sources *sources, duckdb_connection connection,
                    const struct pn_written *written, const struct pn_duckdb_put *put,
                    struct pn_table_report *report, struct pn_err *e)
{
    const struct pn_merge merge = {.engine = sources->engine,
                                   .table = sources->table,
                                   .batch = written,
                                   .afresh = sources->afresh,
                                   .put = put};
    bool merges = sources->table->mode == PN_MODE_MERGE;
    int rc = merges ? pn_duckdb_merge(&merge, connection, report, e)
                    : pn_duckdb_commit(sources->engine, sources->table, written, put,
                                       &report->version, e);
    if (merges || rc != 0) { /* a merge has files of its own */
        pn_duckdb_write_undo(sources->engine, written, merges ? 0 : rc);
    }
    return rc;
}

static int add_rows(struct pn_sources *sources, duckdb_connection connection,
                    struct pn_table_report *report, struct pn_err *e)
{
    const struct pn_table *table = sources->table;
    struct pn_duckdb_put put = {.mode = sources->afresh ? PN_DELTA_OVERWRITE : PN_DELTA_APPEND,
                                .txns = sources->txns,
                                .txns_before = sources->before,
                                .txn_count = sources->txn_count};
    struct pn_written written = {0};
    struct pn_err why = {0};
    bool is_tested = false;
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_duckdb_add_select(&sql, table->sql);
    const struct pn_table batch = pn_merge_batch_table(table);
    int rc = pn_duckdb_write(sources->engine, connection, &batch, &sql, &written, &why);
    if (rc != 0) {
        pn_err_prefix(&why, "%s", table->sql_file);
    }
    if (rc == 0) {
        const struct pn_quarantine to = {.batch = &sources->batch, .afresh = sources->afresh};
        rc = pn_duckdb_expect(sources->engine, connection, table, !sources->afresh, &to, &written,
                              report, &why);
        is_tested = true;
        if (rc != 0) {
            pn_duckdb_write_undo(sources->engine, &written, 0);
        }
    }
    if (rc == 0) {
        report->rows = written.rows;
        report->is_added = !sources->afresh;
        rc = put_rows(sources, connection, &written, &put, report, &why);
    }
    if (rc == 0 && sources->afresh && sources->batch.table == NULL) {
        pn_duckdb_forget_letters(sources->engine, connection, table);
    }
    if (is_tested) {
        pn_letter_batch_settle(&sources->batch, sources->engine, connection, rc);
    }
    pn_written_deinit(&written);
    pn_buf_deinit(&sql);
    return explain(table, rc, &why, e);
}

int pn_duckdb_transform_new(struct pn_duckdb *engine, duckdb_connection connection,
                            const struct pn_table *table, struct pn_table_report *report,
                            struct pn_err *e)
{
    struct pn_sources sources;
    struct pn_file_lease lease = {0};
    int rc = pn_sources_read(&sources, engine, table, report, e);
    for (size_t k = 0; rc == 0 && k < table->read_count && k < PN_READ_VERSIONS_MAX; k++) {
        report->read_versions[report->read_count++] = sources.reads[k]->version;
    }
    if (rc == 0) {
        rc = pn_letter_batch_settle_last(&sources.batch, engine, connection, e);
    }
    if (rc == 0 && sources.is_idle) {
        report->is_unchanged = true;
        report->version = sources.target->version;
        goto out;
    }
    if (rc == 0) {
        rc = pn_duckdb_check_incremental(connection, table, e);
    }
    if (rc == 0) {
        rc = pn_sources_view(&sources, connection, &lease, e);
    }
    if (rc == 0) {
        rc = pn_duckdb_check_select(connection, table, e);
    }
    if (rc == 0) {
        rc = add_rows(&sources, connection, report, e);
    }
out:
    pn_file_lease_release(&lease);
    pn_sources_deinit(&sources);
    return rc;
}
