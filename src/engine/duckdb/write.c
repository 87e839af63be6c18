#include "engine/duckdb/write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/duckdb/taken.h"

struct pn_delta *pn_duckdb_delta(struct pn_duckdb *engine, const char *path)
{
    return pn_delta_create(engine->store, path, &engine->parquet, engine->clock, engine->logger,
                           &engine->config.delta);
}

int pn_duckdb_newest(struct pn_duckdb *engine, const char *path,
                     struct pn_delta_snapshot **snapshot, struct pn_err *e)
{
    struct pn_err why = {0};
    struct pn_delta *delta = pn_duckdb_delta(engine, path);
    int rc = pn_delta_snapshot(delta, -1, snapshot, &why);
    pn_delta_destroy(&delta);
    if (rc != 0) {
        *snapshot = NULL;
    }
    if (rc != 0 && why.class_ == PN_CLASS_MISSING) {
        return 0;
    }
    pn_err_copy(e, rc != 0 ? &why : NULL);
    return rc;
}

void pn_written_deinit(struct pn_written *written)
{
    if (written->key != NULL) {
        pn_delta_pending_remove(written->key);
    }
    free(written->key);
    free(written->name);
    free(written->stats);
    *written = (struct pn_written){0};
}

bool pn_duckdb_written_is_young(struct pn_duckdb *engine, const struct pn_written *written)
{
    int64_t waited_ms = (pn_mono_ns(engine->clock) - written->whole_ns) / 1000000;
    return pn_wall_ms(engine->clock) - written->modified_ms <= PN_WRITTEN_AGE_MS_MAX &&
           waited_ms <= PN_WRITTEN_AGE_MS_MAX;
}

struct pn_delta_file pn_written_file(const struct pn_written *written)
{
    return (struct pn_delta_file){
        .path = written->name,
        .size_bytes = written->size_bytes,
        .modified_ms = written->modified_ms,
        .num_records = written->rows,
        .stats = written->stats,
        .data_change = true,
    };
}

void pn_duckdb_write_undo(struct pn_duckdb *engine, const struct pn_written *written, int rc)
{
    struct pn_err e;
    if (written->name == NULL || rc == PN_DELTA_UNKNOWN || rc == PN_DELTA_LOST) {
        return;
    }
    PN_ASSERT(written->key != NULL);
    if (pn_store_remove(engine->store, written->key, &e) != 0) {
        pn_logger_warn(engine->logger, "engine", "%s", e.msg);
    }
}

void pn_duckdb_add_copy(struct pn_duckdb *engine, const struct pn_buf *select, const char *path,
                        int group_rows, struct pn_buf *sql)
{
    pn_buf_adds(sql, "COPY (");
    pn_buf_add(sql, pn_buf_text(select), select->len);
    pn_buf_adds(sql, "\n) TO ");
    pn_duckdb_add_text(sql, path);
    pn_buf_addf(sql, " (FORMAT parquet, CODEC '%s', ROW_GROUP_SIZE %d, RETURN_STATS)",
                engine->config.parquet_compression, group_rows);
}

void pn_duckdb_copied(const struct pn_table *table, duckdb_result *result,
                      struct pn_written *written)
{
    /* filename, count, file_size_bytes, footer_size_bytes, column_statistics, partition_keys */
    enum { COUNT = 1, STATISTICS = 4 };
    duckdb_data_chunk chunk = duckdb_fetch_chunk(*result);
    PN_ASSERT(chunk != NULL && duckdb_data_chunk_get_size(chunk) == 1);
    uint64_t *count = duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, COUNT));
    written->rows = (int64_t)count[0];
    if (written->rows > 0) {
        written->stats =
            pn_duckdb_stats(table, written->rows, duckdb_data_chunk_get_vector(chunk, STATISTICS));
    }
    duckdb_destroy_data_chunk(&chunk);
    duckdb_destroy_result(result);
}

void pn_duckdb_remove_file(struct pn_duckdb *engine, const char *path)
{
    struct pn_err e;
    if (pn_io_exists(engine->config.io, path) && pn_io_unlink(engine->config.io, path, &e) != 0) {
        pn_logger_warn(engine->logger, "engine", "%s", e.msg);
    }
}

int pn_duckdb_keep(struct pn_duckdb *engine, const struct pn_table *table, const char *path,
                   struct pn_written *written, struct pn_err *e)
{
    if (written->rows == 0) {
        pn_duckdb_remove_file(engine, path);
        return 0;
    }
    PN_ASSERT(written->key == NULL && written->name == NULL); /* it is kept once */
    char *name = pn_delta_new_file_name(0, engine->config.parquet_compression);
    written->key = pn_xasprintf("%s/%s", table->path, name);
    written->modified_ms = pn_wall_ms(engine->clock); /* its sync may take long */
    written->whole_ns = pn_mono_ns(engine->clock);
    pn_delta_pending_add(written->key); /* before a vacuum can see it */
    int rc = pn_store_commit_file(engine->store, written->key, path, &written->size_bytes, e);
    if (rc == 0) {
        written->name = name;
        name = NULL;
    } else {
        struct pn_err ignored; /* the file may be at either place */
        pn_duckdb_remove_file(engine, path);
        if (pn_store_remove(engine->store, written->key, &ignored) != 0) {
            pn_logger_warn(engine->logger, "engine", "%s", ignored.msg);
        }
    }
    free(name);
    return rc;
}

int pn_duckdb_begin_file(struct pn_duckdb *engine, const struct pn_table *table, char **path,
                         struct pn_err *e)
{
    char *key = pn_xasprintf("%s/new.parquet", table->path);
    int rc = pn_store_begin_file(engine->store, key, path, e);
    free(key);
    return rc;
}

int pn_duckdb_write(struct pn_duckdb *engine, duckdb_connection connection,
                    const struct pn_table *table, const struct pn_buf *select,
                    struct pn_written *written, struct pn_err *e)
{
    char *path = NULL;
    duckdb_result result;
    struct pn_buf sql;
    *written = (struct pn_written){0};
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    int rc = pn_duckdb_begin_file(engine, table, &path, e);
    if (rc == 0) {
        pn_duckdb_add_copy(engine, select, path, PN_DUCKDB_ROW_GROUP_ROWS, &sql);
        rc = pn_buf_check(select, "a statement for DuckDB", e);
    }
    if (rc == 0) {
        rc = pn_duckdb_run_long(connection, &sql, &engine->interrupted, &result, e);
        if (rc == 0) {
            pn_duckdb_copied(table, &result, written);
            rc = pn_duckdb_keep(engine, table, path, written, e);
        } else {
            pn_duckdb_remove_file(engine, path);
        }
    }
    if (rc != 0) {
        pn_written_deinit(written);
    }
    pn_buf_deinit(&sql);
    free(path);
    return rc;
}

int pn_duckdb_commit(struct pn_duckdb *engine, const struct pn_table *table,
                     const struct pn_written *written, const struct pn_duckdb_put *put,
                     int64_t *version, struct pn_err *e)
{
    struct pn_delta *delta = pn_duckdb_delta(engine, table->path);
    struct pn_delta_file file = pn_written_file(written);
    struct pn_buf schema;
    pn_buf_init(&schema, PN_DUCKDB_SQL_MAX);
    pn_table_delta_schema(table, &schema);
    const struct pn_delta_commit commit = {
        .mode = put->mode,
        .operation = put->operation != NULL ? put->operation : "WRITE",
        .operation_parameters = put->parameters,
        .notes = put->notes,
        .schema = pn_buf_text(&schema),
        .name = table->name,
        .adds = &file,
        .add_count = written->name != NULL ? 1 : 0,
        .removes = put->removes,
        .remove_count = put->remove_count,
        .txns = put->txns,
        .txn_count = put->txn_count,
        .txns_before = put->txns_before,
        .read_version = put->read_version,
    };
    int rc = pn_buf_check(&schema, "a table's schema", e);
    if (rc == 0) {
        rc = pn_delta_commit(delta, &commit, version, e);
    }
    pn_buf_deinit(&schema);
    pn_delta_destroy(&delta);
    return rc;
}

int pn_duckdb_overwrite(struct pn_duckdb *engine, const struct pn_table *table,
                        const struct pn_written *written, const char *notes, int64_t *version,
                        struct pn_err *e)
{
    const struct pn_delta_txn unmarked = {.app_id = PN_INCREMENTAL_MARK, .version = 0};
    struct pn_delta *delta = pn_duckdb_delta(engine, table->path);
    int64_t mark = -1;
    int rc = pn_delta_txn_latest(delta, PN_INCREMENTAL_MARK, &mark, e);
    pn_delta_destroy(&delta);
    const struct pn_duckdb_put put = {.mode = PN_DELTA_OVERWRITE,
                                      .notes = notes,
                                      .txns = &unmarked,
                                      .txns_before = &mark,
                                      .txn_count = mark > 0 ? 1 : 0};
    return rc != 0 ? rc : pn_duckdb_commit(engine, table, written, &put, version, e);
}
