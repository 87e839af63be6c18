#include "engine/duckdb/write.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "engine/duckdb/files.h"
#include "engine/duckdb/partition.h"
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

static void deinit_file(struct pn_written_file *file)
{
    if (file->key != NULL) {
        pn_delta_pending_remove(file->key);
    }
    for (size_t i = 0; i < file->value_count; i++) {
        free((void *)(uintptr_t)file->values[i].value);
    }
    free(file->values);
    free(file->from);
    free(file->key);
    free(file->name);
    free(file->stats);
}

void pn_written_deinit(struct pn_written *written)
{
    for (size_t i = 0; i < written->file_count; i++) {
        deinit_file(&written->files[i]);
    }
    free(written->files);
    free(written->adds);
    *written = (struct pn_written){0};
}

void pn_written_join(struct pn_written *written, struct pn_written *other)
{
    size_t count = written->file_count + other->file_count;
    bool is_first = written->adds == NULL;
    written->files = pn_xrealloc(written->files, (count + 1) * sizeof *written->files);
    written->adds = pn_xrealloc(written->adds, (count + 1) * sizeof *written->adds);
    for (size_t i = 0; i < other->file_count; i++) {
        written->files[written->file_count] = other->files[i];
        written->adds[written->file_count++] = other->adds[i];
    }
    if (is_first || other->modified_ms < written->modified_ms) {
        written->modified_ms = other->modified_ms;
    }
    if (is_first || other->whole_ns < written->whole_ns) {
        written->whole_ns = other->whole_ns;
    }
    written->rows += other->rows;
    free(other->files); /* what is in them has moved */
    free(other->adds);
    *other = (struct pn_written){0};
}

bool pn_duckdb_written_is_young(struct pn_duckdb *engine, const struct pn_written *written)
{
    int64_t waited_ms = (pn_mono_ns(engine->clock) - written->whole_ns) / 1000000;
    return pn_wall_ms(engine->clock) - written->modified_ms <= PN_WRITTEN_AGE_MS_MAX &&
           waited_ms <= PN_WRITTEN_AGE_MS_MAX;
}

static struct pn_delta_file add_of(const struct pn_written_file *file)
{
    return (struct pn_delta_file){
        .path = file->name,
        .partition_values = file->values,
        .partition_value_count = file->value_count,
        .size_bytes = file->size_bytes,
        .modified_ms = file->modified_ms,
        .num_records = file->rows,
        .stats = file->stats,
        .data_change = true,
    };
}

void pn_duckdb_write_undo(struct pn_duckdb *engine, const struct pn_written *written, int rc)
{
    struct pn_err e;
    if (written->file_count == 0 || rc == PN_DELTA_UNKNOWN || rc == PN_DELTA_LOST) {
        return;
    }
    const char **keys = pn_xcalloc(written->file_count, sizeof *keys);
    size_t count = 0;
    for (size_t i = 0; i < written->file_count; i++) {
        if (written->files[i].key != NULL) {
            keys[count++] = written->files[i].key;
        }
    }
    if (pn_store_remove_many(engine->store, keys, count, &e) != 0) {
        pn_logger_warn(engine->logger, "engine", "%s", e.msg);
    }
    free(keys);
}

const char **pn_duckdb_partition_columns(const struct pn_table *table)
{
    const char **names = pn_xcalloc(table->partition_count + 1, sizeof *names);
    for (size_t i = 0; i < table->partition_count; i++) {
        names[i] = table->partitions[i].column.name;
    }
    return names;
}

/* --- files ------------------------------------------------------------------------------------ */

void pn_duckdb_add_copy(struct pn_duckdb *engine, const struct pn_table *table,
                        const struct pn_buf *select, const char *path, int group_rows,
                        struct pn_buf *sql)
{
    bool is_divided = table->partition_count > 0;
    pn_buf_adds(sql, "COPY (");
    if (is_divided) {
        pn_partition_add_begin(table, sql);
    }
    pn_buf_add(sql, pn_buf_text(select), select->len);
    if (is_divided) {
        pn_partition_add_end(table, sql);
    }
    pn_buf_adds(sql, "\n) TO ");
    pn_duckdb_add_text(sql, path);
    pn_buf_addf(sql, " (FORMAT parquet, CODEC '%s', ROW_GROUP_SIZE %d, RETURN_STATS",
                engine->config.parquet_compression, group_rows);
    if (is_divided) {
        pn_partition_add_options(table, sql);
    }
    pn_buf_addc(sql, ')');
}

static void take_chunk(const struct pn_table *table, duckdb_data_chunk chunk,
                       struct pn_written *written)
{
    /* filename, count, file_size_bytes, footer_size_bytes, column_statistics, partition_keys */
    enum { NAME, COUNT, STATISTICS = 4, KEYS };
    idx_t size = duckdb_data_chunk_get_size(chunk);
    uint64_t *counts = duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, COUNT));
    written->files =
        pn_xrealloc(written->files, (written->file_count + size + 1) * sizeof *written->files);
    for (idx_t row = 0; row < size; row++) {
        const char *from = NULL;
        size_t len = 0;
        bool named = pn_duckdb_text(duckdb_data_chunk_get_vector(chunk, NAME), row, &from, &len);
        PN_ASSERT(named);
        struct pn_written_file *file = &written->files[written->file_count];
        *file = (struct pn_written_file){.rows = (int64_t)counts[row]};
        if (file->rows == 0) {
            continue;
        }
        file->from = pn_xstrndup(from, len);
        file->stats = pn_duckdb_stats(table, file->rows,
                                      duckdb_data_chunk_get_vector(chunk, STATISTICS), row);
        if (table->partition_count > 0) {
            file->values =
                pn_partition_read_values(table, duckdb_data_chunk_get_vector(chunk, KEYS), row);
            file->value_count = table->partition_count;
        }
        written->rows += file->rows;
        written->file_count++;
    }
}

void pn_duckdb_copied(const struct pn_table *table, duckdb_result *result,
                      struct pn_written *written)
{
    duckdb_data_chunk chunk = duckdb_fetch_chunk(*result);
    while (chunk != NULL) {
        take_chunk(table, chunk, written);
        duckdb_destroy_data_chunk(&chunk);
        chunk = duckdb_fetch_chunk(*result);
    }
    duckdb_destroy_result(result);
}

void pn_duckdb_remove_file(struct pn_duckdb *engine, const char *path)
{
    struct pn_err e;
    struct stat st;
    const struct pn_io *io = engine->config.io;
    if (!pn_io_exists(io, path)) {
        return;
    }
    int rc = pn_io_stat(io, path, &st, &e);
    if (rc == 0) {
        rc = S_ISDIR(st.st_mode) ? pn_io_remove_tree(io, path, &e) : pn_io_unlink(io, path, &e);
    }
    if (rc != 0) {
        pn_logger_warn(engine->logger, "engine", "%s", e.msg);
    }
}

/* Gives a file its name. INPUT: the values of its partition make that too long. */
static int name_file(struct pn_duckdb *engine, const struct pn_table *table,
                     struct pn_written_file *file, struct pn_err *e)
{
    PN_ASSERT(file->key == NULL && file->name == NULL); /* it is named once */
    char *folder = pn_partition_folder(file->values, file->value_count);
    char *name = pn_delta_new_file_name(0, engine->config.parquet_compression);
    size_t len = strlen(table->path) + 1 + strlen(folder) + strlen(name);
    int rc = 0;
    if (len > PN_KEY_MAX) {
        rc = pn_err_input(e,
                          "the key of a file in the partition %.60s... of table '%s' would have "
                          "%zu bytes, and a store takes at most %d: partition by fewer columns or "
                          "by shorter values, or give the table a shorter path",
                          folder, table->name, len, PN_KEY_MAX);
    } else {
        file->name = pn_xasprintf("%s%s", folder, name);
        file->key = pn_xasprintf("%s/%s", table->path, file->name);
        pn_delta_pending_add(file->key); /* before a vacuum can see it */
    }
    free(folder);
    free(name);
    return rc;
}

static int keep_file(struct pn_duckdb *engine, struct pn_written_file *file, struct pn_err *e)
{
    file->modified_ms = pn_wall_ms(engine->clock); /* its sync may take long */
    pn_duckdb_offer(engine, file->key, file->modified_ms, file->from);
    return pn_store_commit_file(engine->store, file->key, file->from, &file->size_bytes, e);
}

int pn_written_check(const struct pn_table *table, const struct pn_written *written,
                     struct pn_err *e)
{
    return written->file_count <= PN_WRITTEN_FILES_MAX
               ? 0
               : pn_err_input(e,
                              "the rows of table '%s' became %zu files, at least one for each "
                              "partition, and a commit takes at most %d: partition by columns with "
                              "fewer values, such as the "
                              "day in place of the hour",
                              table->name, written->file_count, PN_WRITTEN_FILES_MAX);
}

int pn_duckdb_keep(struct pn_duckdb *engine, const struct pn_table *table, const char *path,
                   struct pn_written *written, struct pn_err *e)
{
    written->adds = pn_xcalloc(written->file_count + 1, sizeof *written->adds);
    written->modified_ms = pn_wall_ms(engine->clock);
    written->whole_ns = pn_mono_ns(engine->clock);
    int rc = pn_written_check(table, written, e);
    for (size_t i = 0; rc == 0 && i < written->file_count; i++) { /* all, before one is there */
        rc = name_file(engine, table, &written->files[i], e);
    }
    for (size_t i = 0; rc == 0 && i < written->file_count; i++) {
        rc = keep_file(engine, &written->files[i], e);
        written->adds[i] = add_of(&written->files[i]);
    }
    if (rc != 0) { /* a file may be at either place */
        pn_duckdb_write_undo(engine, written, 0);
    }
    pn_duckdb_remove_file(engine, path); /* what is left: a file without rows, folders */
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

/* A copy of a partition's values for each file. */
static void set_values(struct pn_written *written, const struct pn_delta_map_entry *values,
                       size_t count)
{
    for (size_t i = 0; count > 0 && i < written->file_count; i++) {
        struct pn_written_file *file = &written->files[i];
        file->values = pn_xcalloc(count, sizeof *file->values);
        file->value_count = count;
        for (size_t k = 0; k < count; k++) {
            file->values[k] = values[k];
            if (values[k].value != NULL) {
                file->values[k].value = pn_xstrdup(values[k].value);
            }
        }
    }
}

/* A statement's rows, and the partition that they are of, where there is one. */
struct source {
    const struct pn_buf *select;
    int group_rows;
    const struct pn_delta_map_entry *values;
    size_t value_count;
};

static int write_rows(struct pn_duckdb *engine, duckdb_connection connection,
                      const struct pn_table *table, const struct source *source,
                      struct pn_written *written, struct pn_err *e)
{
    char *path = NULL;
    duckdb_result result;
    struct pn_buf sql;
    *written = (struct pn_written){0};
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    PN_ASSERT(source->value_count == 0 || table->partition_count == 0);
    int rc = pn_duckdb_begin_file(engine, table, &path, e);
    if (rc == 0) {
        pn_duckdb_add_copy(engine, table, source->select, path, source->group_rows, &sql);
        rc = pn_buf_check(source->select, "a statement for DuckDB", e);
    }
    if (rc == 0) {
        rc = pn_duckdb_run_copy(engine, connection, &sql, path, &result, e);
        if (rc == 0) {
            pn_duckdb_copied(table, &result, written);
            set_values(written, source->values, source->value_count);
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

int pn_duckdb_write_partition(struct pn_duckdb *engine, duckdb_connection connection,
                              const struct pn_table *table, const struct pn_buf *select,
                              const struct pn_delta_map_entry *values, size_t value_count,
                              struct pn_written *written, struct pn_err *e)
{
    const struct source source = {select, PN_DUCKDB_ROW_GROUP_ROWS, values, value_count};
    return write_rows(engine, connection, table, &source, written, e);
}

int pn_duckdb_write_from(struct pn_duckdb *engine, duckdb_connection connection,
                         const struct pn_table *table, const struct pn_buf *select, int64_t bytes,
                         struct pn_written *written, struct pn_err *e)
{
    const int64_t little = 16 << 20;
    const struct source source = {
        .select = select,
        .group_rows =
            bytes > 0 && bytes <= little ? PN_DUCKDB_SMALL_GROUP_ROWS : PN_DUCKDB_ROW_GROUP_ROWS,
    };
    return write_rows(engine, connection, table, &source, written, e);
}

int pn_duckdb_write(struct pn_duckdb *engine, duckdb_connection connection,
                    const struct pn_table *table, const struct pn_buf *select,
                    struct pn_written *written, struct pn_err *e)
{
    return pn_duckdb_write_partition(engine, connection, table, select, NULL, 0, written, e);
}

int pn_duckdb_commit(struct pn_duckdb *engine, const struct pn_table *table,
                     const struct pn_written *written, const struct pn_duckdb_put *put,
                     int64_t *version, struct pn_err *e)
{
    struct pn_delta *delta = pn_duckdb_delta(engine, table->path);
    const char **columns = pn_duckdb_partition_columns(table);
    struct pn_buf schema;
    pn_buf_init(&schema, PN_DUCKDB_SQL_MAX);
    pn_table_delta_schema(table, &schema);
    const struct pn_delta_commit commit = {
        .mode = put->mode,
        .operation = put->operation != NULL ? put->operation : "WRITE",
        .operation_parameters = put->parameters,
        .notes = put->notes,
        .schema = pn_buf_text(&schema),
        .adds_columns = true,
        .carries_rows = put->carries_rows,
        .name = table->name,
        .partition_columns = columns,
        .partition_column_count = table->partition_count,
        .adds = written->adds,
        .add_count = written->file_count,
        .removes = put->removes,
        .remove_count = put->remove_count,
        .vectors = put->vectors,
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
    free(columns);
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
