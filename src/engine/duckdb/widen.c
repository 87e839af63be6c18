#include "engine/duckdb/widen.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/duckdb/scan.h"

enum { TRIES_MAX = 8 };

struct widening {
    struct pn_duckdb *engine;
    const struct pn_table *table;
    const char *schema;
    struct pn_table flat; /* the table without partitions, whose rows are of one */
    duckdb_connection connection;
    struct pn_delta_snapshot *snapshot;
    struct pn_written *written; /* of each group of files */
    size_t count;
};

static bool same_partition(const struct pn_delta_file *one, const struct pn_delta_file *other)
{
    bool same = one->partition_value_count == other->partition_value_count;
    for (size_t i = 0; same && i < one->partition_value_count; i++) {
        const struct pn_delta_map_entry *a = &one->partition_values[i];
        const struct pn_delta_map_entry *b = &other->partition_values[i];
        same = strcmp(a->key, b->key) == 0 &&
               (a->value == NULL || b->value == NULL ? a->value == b->value
                                                     : strcmp(a->value, b->value) == 0);
    }
    return same;
}

/* Appends the SELECT of what the files have of a part of the table. */
static int add_select(struct widening *widening, const struct pn_delta_snapshot *part,
                      struct pn_file_lease *lease, struct pn_buf *sql, struct pn_err *e)
{
    const struct pn_delta_metadata *metadata = &part->metadata;
    pn_buf_adds(sql, "SELECT *");
    for (size_t i = 0; i < metadata->partition_column_count; i++) {
        pn_buf_adds(sql, i == 0 ? " EXCLUDE (" : ", ");
        pn_duckdb_add_name(sql, metadata->partition_columns[i]);
    }
    pn_buf_adds(sql, metadata->partition_column_count > 0 ? ") FROM (" : " FROM (");
    int rc = pn_duckdb_add_scan(widening->engine, widening->connection, widening->table, part, true,
                                lease, sql, e);
    pn_buf_addc(sql, ')');
    return rc;
}

/* Writes files of one partition, from `first` to `end`, as one. */
static int write_group(struct widening *widening, size_t first, size_t end, struct pn_err *e)
{
    struct pn_delta_snapshot part = *widening->snapshot; /* borrows all it points to */
    const struct pn_delta_file *file = &widening->snapshot->files[first];
    struct pn_file_lease lease = {0};
    struct pn_buf sql;
    part.files = &widening->snapshot->files[first];
    part.file_count = end - first;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    int rc = add_select(widening, &part, &lease, &sql, e);
    if (rc == 0) {
        rc = pn_duckdb_write_partition(widening->engine, widening->connection, &widening->flat,
                                       &sql, file->partition_values, file->partition_value_count,
                                       &widening->written[widening->count], e);
        widening->count += rc == 0;
    }
    pn_file_lease_release(&lease);
    pn_buf_deinit(&sql);
    return rc;
}

static int write_all(struct widening *widening, struct pn_err *e)
{
    const struct pn_delta_snapshot *snapshot = widening->snapshot;
    int rc = 0;
    size_t first = 0;
    while (rc == 0 && first < snapshot->file_count) {
        size_t end = first + 1;
        while (end < snapshot->file_count && end - first < PN_DELTA_GROUP_FILES_MAX &&
               same_partition(&snapshot->files[first], &snapshot->files[end])) {
            end++;
        }
        rc = write_group(widening, first, end, e);
        first = end;
    }
    return rc;
}

static int commit(struct widening *widening, struct pn_err *e)
{
    const struct pn_delta_snapshot *snapshot = widening->snapshot;
    struct pn_delta *delta = pn_duckdb_delta(widening->engine, widening->table->path);
    struct pn_delta_file *adds = pn_xcalloc(widening->count + 1, sizeof *adds);
    const char **columns = pn_duckdb_partition_columns(widening->table);
    size_t count = 0;
    int64_t version = -1;
    for (size_t i = 0; i < widening->count; i++) {
        PN_ASSERT(widening->written[i].file_count <= 1);
        if (widening->written[i].file_count > 0) { /* files without rows became none */
            adds[count++] = widening->written[i].adds[0];
        }
    }
    const struct pn_delta_commit it = {
        .mode = PN_DELTA_REWRITE,
        .operation = "CHANGE COLUMN",
        .operation_parameters = "{}",
        .schema = widening->schema,
        .widens = true,
        .partition_columns = columns,
        .partition_column_count = widening->table->partition_count,
        .adds = adds,
        .add_count = count,
        .removes = snapshot->files,
        .remove_count = snapshot->file_count,
        .read_version = &snapshot->version,
    };
    int rc = pn_delta_commit(delta, &it, &version, e);
    free(columns);
    free(adds);
    pn_delta_destroy(&delta);
    return rc;
}

/* Files that are written again stay in their partitions: the table's must be the pipeline's. */
static int check_divided(const struct widening *widening, struct pn_err *e)
{
    const struct pn_table *table = widening->table;
    const char **columns = pn_duckdb_partition_columns(table);
    int rc = pn_delta_check_divided(&widening->snapshot->metadata, table->path, columns,
                                    table->partition_count, e);
    free(columns);
    return rc;
}

static int widen_once(struct widening *widening, struct pn_err *e)
{
    widening->written = pn_xcalloc(widening->snapshot->file_count + 1, sizeof *widening->written);
    widening->count = 0;
    int rc = write_all(widening, e);
    if (rc == 0) {
        rc = commit(widening, e);
    }
    for (size_t i = 0; i < widening->count; i++) {
        if (rc != 0) {
            pn_duckdb_write_undo(widening->engine, &widening->written[i], rc);
        }
        pn_written_deinit(&widening->written[i]);
    }
    free(widening->written);
    widening->written = NULL;
    return rc;
}

int pn_duckdb_widen(struct pn_duckdb *engine, const struct pn_table *table, bool *widened,
                    struct pn_err *e)
{
    struct widening widening = {.engine = engine, .table = table, .flat = *table};
    struct pn_err why = {0};
    struct pn_buf schema;
    bool again = true;
    int rc = 0;
    *widened = false;
    widening.flat.partition_count = 0;
    pn_buf_init(&schema, PN_DUCKDB_SQL_MAX);
    pn_table_delta_schema(table, &schema);
    widening.schema = pn_buf_text(&schema);
    for (int tries = 0; again && tries < TRIES_MAX; tries++) {
        why = (struct pn_err){0};
        pn_delta_snapshot_destroy(&widening.snapshot);
        rc = pn_duckdb_newest(engine, table->path, &widening.snapshot, &why);
        bool wants = rc == 0 && widening.snapshot != NULL &&
                     pn_delta_widens(widening.snapshot->metadata.schema, widening.schema);
        rc = wants ? check_divided(&widening, &why) : rc;
        if (rc == 0 && wants && widening.connection == NULL) {
            rc = pn_duckdb_connect_work(engine, &widening.connection, &why);
        }
        if (rc == 0 && wants) {
            rc = widen_once(&widening, &why);
            *widened = rc == 0;
        }
        again = rc != 0 && why.class_ == PN_CLASS_CONFLICT;
    }
    if (rc != 0) {
        pn_err_prefix(&why, "table '%s', writing its rows with wider types", table->name);
        pn_err_copy(e, &why);
    }
    pn_delta_snapshot_destroy(&widening.snapshot);
    duckdb_disconnect(&widening.connection);
    pn_buf_deinit(&schema);
    return rc;
}
