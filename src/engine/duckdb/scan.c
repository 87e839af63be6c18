#include "engine/duckdb/scan.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file_sum.h"
#include "base/mem.h"
#include "engine/duckdb/files.h"
#include "engine/duckdb/partition.h"
#include "engine/duckdb/places.h"
#include "engine/duckdb/stored.h"

#define FILES PN_DUCKDB_FILES
#define FILES_OF_PARTITIONS_END \
    "], union_by_name = true, hive_partitioning = true, hive_types_autocast = false)"

/* --- files ------------------------------------------------------------------------------------ */

int pn_duckdb_add_file(struct pn_duckdb *engine, const char *table_path,
                       const struct pn_delta_file *file, struct pn_file_lease *lease, bool again,
                       struct pn_buf *sql, struct pn_err *e)
{
    char *opened = NULL;
    struct pn_err why = {0};
    int rc = pn_duckdb_data_path(engine, table_path, file, lease, &opened, e);
    if (rc == 0) {
        pn_duckdb_add_path(sql, opened);
        if (again) {
            rc = pn_file_sum_check(engine->config.io, opened, &why);
        } else if (pn_store_is_local(engine->store)) { /* copies were compared when they came */
            rc = pn_duckdb_verify(&engine->verified, engine->config.io, opened, &why);
        }
        if (rc != 0) {
            pn_err_set(e, why.class_, rc,
                       "table %s: %s: restore the file from a backup; or, if a DAG loads the "
                       "table, run its load or transform again, with --full-refresh if the table "
                       "has `mode: append` or `merge`: it makes the table afresh",
                       table_path, why.msg);
        }
    }
    free(opened);
    return rc;
}

static int add_snapshot_files(struct pn_duckdb *engine, const struct pn_table *table,
                              const struct pn_delta_snapshot *snapshot, bool paths_say,
                              struct pn_file_lease *lease, struct pn_buf *sql, struct pn_err *e)
{
    int rc = 0;
    pn_duckdb_bring(engine, table->path, snapshot->files, snapshot->file_count);
    pn_buf_adds(sql, " FROM read_parquet([");
    for (size_t i = 0; rc == 0 && i < snapshot->file_count; i++) {
        pn_buf_adds(sql, i == 0 ? "" : ", ");
        rc = pn_duckdb_add_file(engine, table->path, &snapshot->files[i], lease, false, sql, e);
    }
    pn_buf_adds(sql, paths_say ? FILES_OF_PARTITIONS_END : PN_DUCKDB_FILES_END);
    pn_buf_adds(sql, " AS " FILES);
    return rc;
}

static bool is_below(const char *path, const char *folder)
{
    size_t len = strlen(folder);
    return strncmp(path, folder, len) == 0 && (path[len] == '/' || folder[len - 1] == '/');
}

/* What is opened for the table's first file that `test` finds; NULL without one. Caller frees. */
static char *find_file(struct pn_duckdb *engine, const struct pn_table *table,
                       const struct pn_delta_snapshot *snapshot,
                       bool (*test)(const struct pn_duckdb *engine, const char *path,
                                    const char *folder),
                       const char *folder)
{
    struct pn_file_lease lease = {0};
    char *path = NULL;
    for (size_t i = 0; path == NULL && i < snapshot->file_count; i++) {
        int rc = pn_duckdb_data_path(engine, table->path, &snapshot->files[i], &lease, &path, NULL);
        if (rc == 0 && !test(engine, path, folder)) {
            free(path);
            path = NULL;
        }
    }
    pn_file_lease_release(&lease);
    return path;
}

static bool is_outside(const struct pn_duckdb *engine, const char *path, const char *folder)
{
    (void)engine;
    return !is_below(path, folder);
}

static bool is_gone(const struct pn_duckdb *engine, const char *path, const char *folder)
{
    (void)folder;
    return !pn_io_exists(engine->config.io, path);
}

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

void pn_duckdb_explain_unread(struct pn_duckdb *engine, const struct pn_table *table,
                              const struct pn_delta_snapshot *snapshot, struct pn_err *e)
{
    char *folder = NULL;
    char *path = NULL;
    if (pn_duckdb_folder_path(engine, "", &folder, NULL) != 0) {
        return;
    }
    /* Where the file is not there, DuckDB looks for a folder of its name, which it may not open. */
    bool is_refused = starts_with(e->msg, "Permission Error");
    if (is_refused) {
        path = find_file(engine, table, snapshot, is_outside, folder);
    }
    if (path != NULL) {
        (void)pn_err_input(e,
                           "table '%s': its file %s is outside the store, and queries cannot "
                           "read it (a shallow clone has such files): make a deep clone, which "
                           "has its own copies of all files",
                           table->name, path);
    } else if (is_refused || starts_with(e->msg, "IO Error: No files found")) {
        path = find_file(engine, table, snapshot, is_gone, folder);
        if (path != NULL) {
            (void)pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL,
                             "table '%s': its log names the file %s, which is not there: restore "
                             "the file from a backup; or, if a DAG loads the table, run that DAG "
                             "again, which rewrites the table",
                             table->name, path);
        }
    }
    free(path);
    free(folder);
}

/* --- columns ---------------------------------------------------------------------------------- */

static void add_null(const struct pn_type *type, struct pn_buf *sql)
{
    pn_buf_adds(sql, "CAST(NULL AS ");
    pn_type_sql(type, sql);
    pn_buf_addc(sql, ')');
}

/* Other writers' files may have another type that fits, such as times without a zone. */
static void add_cast(const char *value, const struct pn_type *type, struct pn_buf *sql)
{
    pn_buf_adds(sql, "CAST(");
    pn_buf_adds(sql, value);
    pn_buf_adds(sql, " AS ");
    pn_type_sql(type, sql);
    pn_buf_addc(sql, ')');
}

/* The place of a field among those of a struct; their number when it isn't there. */
static idx_t find_field(duckdb_logical_type found, const char *name)
{
    idx_t count = duckdb_struct_type_child_count(found);
    for (idx_t i = 0; i < count; i++) {
        char *field = duckdb_struct_type_child_name(found, i);
        bool same = strcasecmp(field, name) == 0;
        duckdb_free(field);
        if (same) {
            return i;
        }
    }
    return count;
}

/* DuckDB casts a struct by its fields' names and makes those that are missing null, as long as one
 * is there. */
static bool is_castable(duckdb_logical_type found, const struct pn_type *type)
{
    if (type->kind != PN_TYPE_STRUCT || duckdb_get_type_id(found) != DUCKDB_TYPE_STRUCT) {
        return true;
    }
    bool any = false;
    bool all = true;
    for (size_t i = 0; all && i < type->field_count; i++) {
        idx_t at = find_field(found, type->fields[i].name);
        if (at < duckdb_struct_type_child_count(found)) {
            duckdb_logical_type child = duckdb_struct_type_child_type(found, at);
            any = true;
            all = is_castable(child, &type->fields[i].type);
            duckdb_destroy_logical_type(&child);
        }
    }
    return any && all;
}

/* Appends a value that the files have in the type `found`, as one of `type`. */
static void add_value(const char *value, duckdb_logical_type found, const struct pn_type *type,
                      struct pn_buf *sql)
{
    if (is_castable(found, type)) {
        add_cast(value, type, sql);
        return;
    }
    pn_buf_addf(sql, "CASE WHEN %s IS NULL THEN NULL ELSE {", value);
    for (size_t i = 0; i < type->field_count; i++) {
        const struct pn_column *field = &type->fields[i];
        idx_t at = find_field(found, field->name);
        pn_buf_adds(sql, i == 0 ? "" : ", ");
        pn_duckdb_add_text(sql, field->name);
        pn_buf_adds(sql, ": ");
        if (at == duckdb_struct_type_child_count(found)) {
            add_null(&field->type, sql);
            continue;
        }
        struct pn_buf inner;
        pn_buf_init(&inner, PN_DUCKDB_SQL_MAX);
        duckdb_logical_type child = duckdb_struct_type_child_type(found, at);
        pn_buf_addf(&inner, "struct_extract(%s, ", value);
        pn_duckdb_add_text(&inner, field->name);
        pn_buf_addc(&inner, ')');
        add_value(pn_buf_text(&inner), child, &field->type, sql);
        duckdb_destroy_logical_type(&child);
        pn_buf_deinit(&inner);
    }
    pn_buf_adds(sql, "} END");
}

/* The place of a column in the result; the number of columns when it isn't there. */
static idx_t find_column(duckdb_result *files, const char *name)
{
    idx_t count = duckdb_column_count(files);
    idx_t at = 0;
    while (at < count && strcasecmp(duckdb_column_name(files, at), name) != 0) {
        at++;
    }
    return at;
}

/* --- the scan --------------------------------------------------------------------------------- */

struct scan {
    const struct pn_table *table;
    const struct pn_delta_snapshot *snapshot; /* NULL: the table has no files */
    struct pn_arena arena;
    /* The columns as the log has them: read of a table that is partitioned, maps names or is not
     * declared. */
    bool has_stored;
    struct pn_stored stored;
    bool gives_places;
    bool paths_say; /* DuckDB has the values of partition columns from the files' paths */
    bool asked;     /* `files` is a result over the files */
    duckdb_result files;
};

static bool is_declared(const struct scan *scan)
{
    return pn_table_stored_columns(scan->table) > 0;
}

static size_t column_count(const struct scan *scan)
{
    return is_declared(scan) ? pn_table_stored_columns(scan->table) : scan->stored.part_count;
}

static const char *column_name(const struct scan *scan, size_t i)
{
    return is_declared(scan) ? pn_table_stored_column(scan->table, i)->name
                             : scan->stored.parts[i].name;
}

/* Appends the type that a column is to have. */
static void add_type(const struct scan *scan, size_t i, struct pn_buf *sql)
{
    if (is_declared(scan)) {
        pn_type_sql(&pn_table_stored_column(scan->table, i)->type, sql);
    } else {
        pn_stored_add_type(&scan->stored.parts[i], sql);
    }
}

static void add_typed(const struct scan *scan, size_t i, const char *value, struct pn_buf *sql)
{
    pn_buf_addf(sql, "CAST(%s AS ", value);
    add_type(scan, i, sql);
    pn_buf_addc(sql, ')');
}

/* The place of a column among the partition columns; their number when it is in the files. */
static size_t find_partition(const struct pn_delta_metadata *metadata, const char *name)
{
    size_t at = 0;
    while (at < metadata->partition_column_count &&
           strcasecmp(metadata->partition_columns[at], name) != 0) {
        at++;
    }
    return at;
}

/* Appends a column that the files have, or null: of a table whose log was read. */
static void add_stored(struct scan *scan, size_t i, const struct pn_stored *stored,
                       struct pn_buf *sql)
{
    struct pn_buf file;
    struct pn_buf value;
    idx_t at = stored != NULL ? find_column(&scan->files, stored->physical)
                              : duckdb_column_count(&scan->files);
    if (at == duckdb_column_count(&scan->files)) {
        add_typed(scan, i, "NULL", sql);
        return;
    }
    duckdb_logical_type found = duckdb_column_logical_type(&scan->files, at);
    pn_buf_init(&file, PN_DUCKDB_SQL_MAX);
    pn_buf_init(&value, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&file, FILES ".");
    pn_duckdb_add_name(&file, stored->physical);
    pn_stored_add_value(stored, pn_buf_text(&file), found, &value);
    add_typed(scan, i, pn_buf_text(&value), sql);
    pn_buf_deinit(&value);
    pn_buf_deinit(&file);
    duckdb_destroy_logical_type(&found);
}

/* Appends a column of the files of a table whose columns are declared, or null when the files were
 * asked and do not have it. */
static void add_declared(struct scan *scan, const struct pn_column *column, struct pn_buf *sql)
{
    struct pn_buf value;
    pn_buf_init(&value, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&value, FILES ".");
    pn_duckdb_add_name(&value, column->name);
    idx_t at = scan->asked ? find_column(&scan->files, column->name) : 0;
    if (!scan->asked) {
        add_cast(pn_buf_text(&value), &column->type, sql);
    } else if (at == duckdb_column_count(&scan->files)) {
        add_null(&column->type, sql);
    } else {
        duckdb_logical_type found = duckdb_column_logical_type(&scan->files, at);
        add_value(pn_buf_text(&value), found, &column->type, sql);
        duckdb_destroy_logical_type(&found);
    }
    pn_buf_deinit(&value);
}

/* The log has a partition's value as text; that of a binary column has the bytes themselves. */
static void add_partition_value(const struct scan *scan, size_t i, size_t at,
                                const struct pn_stored *stored, struct pn_buf *sql)
{
    bool binary = stored != NULL && stored->sql != NULL && strcmp(stored->sql, "BLOB") == 0;
    struct pn_buf value;
    pn_buf_init(&value, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&value, binary ? "encode(" : "");
    if (scan->paths_say) {
        pn_buf_adds(&value, FILES ".");
        pn_duckdb_add_name(&value, scan->snapshot->metadata.partition_columns[at]);
    } else {
        pn_buf_addf(&value, "%s.c%zu", PN_DUCKDB_PARTITIONS, at);
    }
    pn_buf_adds(&value, binary ? ")" : "");
    add_typed(scan, i, pn_buf_text(&value), sql);
    pn_buf_deinit(&value);
}

static void add_column(struct scan *scan, size_t i, struct pn_buf *sql)
{
    const struct pn_delta_metadata *metadata = &scan->snapshot->metadata;
    const char *name = column_name(scan, i);
    size_t partition = find_partition(metadata, name);
    const struct pn_stored *stored = scan->has_stored ? pn_stored_find(&scan->stored, name) : NULL;
    if (partition < metadata->partition_column_count) {
        add_partition_value(scan, i, partition, stored, sql);
    } else if (!is_declared(scan) || pn_stored_is_mapped(metadata)) {
        add_stored(scan, i, stored, sql);
    } else {
        add_declared(scan, pn_table_stored_column(scan->table, i), sql);
    }
}

static bool has_files(const struct scan *scan)
{
    return scan->snapshot != NULL && scan->snapshot->file_count > 0;
}

static void add_columns(struct scan *scan, struct pn_buf *sql)
{
    for (size_t i = 0; i < column_count(scan); i++) {
        pn_buf_adds(sql, i == 0 ? "SELECT " : ", ");
        if (has_files(scan)) {
            add_column(scan, i, sql);
        } else {
            add_typed(scan, i, "NULL", sql);
        }
        pn_buf_adds(sql, " AS ");
        pn_duckdb_add_name(sql, column_name(scan, i));
    }
    if (scan->gives_places) {
        pn_buf_adds(sql, has_files(scan)
                             ? ", CAST(" FILES ".file_index AS BIGINT) AS pn_file, "
                               "CAST(" FILES ".file_row_number AS BIGINT) AS pn_row"
                             : ", CAST(NULL AS BIGINT) AS pn_file, CAST(NULL AS BIGINT) AS pn_row");
    }
}

/* --- its parts -------------------------------------------------------------------------------- */

/* Is there a column that read_parquet() would make up when no file has it? */
static bool has_made_up_name(const struct scan *scan)
{
    static const char *const names[] = {"filename", "file_row_number", "file_index", "rowid"};
    for (size_t i = 0; i < column_count(scan); i++) {
        for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
            if (strcasecmp(column_name(scan, i), names[k]) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* An empty result with the columns that the files have. */
static int ask_files(duckdb_connection connection, const struct pn_buf *from, duckdb_result *files,
                     struct pn_err *e)
{
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "SELECT *");
    pn_buf_add(&sql, pn_buf_text(from), from->len);
    pn_buf_adds(&sql, " LIMIT 0");
    int rc = pn_duckdb_run_buf(connection, &sql, files, e);
    pn_buf_deinit(&sql);
    return rc;
}

bool pn_duckdb_misses_column(const struct pn_err *e)
{
    static const char unbound[] = "Binder Error";
    return strncmp(e->msg, unbound, strlen(unbound)) == 0;
}

/* Reads the log's columns where they are needed. */
static int read_stored(struct scan *scan, struct pn_err *e)
{
    const struct pn_delta_metadata *metadata = &scan->snapshot->metadata;
    bool has_places = scan->gives_places || metadata->partition_column_count > 0 ||
                      pn_duckdb_has_deleted_rows(scan->snapshot);
    scan->has_stored = !is_declared(scan) || has_places || pn_stored_is_mapped(metadata);
    if (!scan->has_stored) {
        return 0;
    }
    int rc = pn_stored_read(&scan->arena, metadata, &scan->stored, e);
    for (size_t i = 0; rc == 0 && i < column_count(scan); i++) {
        const struct pn_stored *column = pn_stored_find(&scan->stored, column_name(scan, i));
        rc = column != NULL ? pn_stored_check(column, scan->table->path, e) : 0;
    }
    return rc == 0 && has_places ? pn_duckdb_check_places(&scan->stored, scan->table->path, e) : rc;
}

/* Copies of objects do not have the objects' names. Where DuckDB knows the values from the paths, a
 * filter on them shortens its list of files, and the places of files are those in the shorter
 * list: so rows that their places name would be others. */
static int ask_paths(struct pn_duckdb *engine, struct scan *scan, struct pn_err *e)
{
    char *folder = NULL;
    if (scan->snapshot->metadata.partition_column_count == 0 || !pn_store_is_local(engine->store) ||
        scan->gives_places || pn_duckdb_has_deleted_rows(scan->snapshot)) {
        return 0;
    }
    int rc = pn_duckdb_folder_path(engine, scan->table->path, &folder, e);
    scan->paths_say = rc == 0 && pn_partition_paths_say(scan->snapshot, &scan->stored, folder);
    free(folder);
    return rc;
}

/* Appends the SELECT over the snapshot's files. */
static int add_scan(struct pn_duckdb *engine, duckdb_connection connection, struct scan *scan,
                    bool ask, struct pn_file_lease *lease, struct pn_buf *sql, struct pn_err *e)
{
    const struct pn_delta_metadata *metadata = &scan->snapshot->metadata;
    struct pn_buf from;
    pn_buf_init(&from, PN_DUCKDB_SQL_MAX);
    int rc = ask_paths(engine, scan, e);
    if (rc == 0) {
        rc = add_snapshot_files(engine, scan->table, scan->snapshot, scan->paths_say, lease, &from,
                                e);
    }
    if (rc == 0 &&
        (ask || !is_declared(scan) || pn_stored_is_mapped(metadata) || has_made_up_name(scan))) {
        rc = ask_files(connection, &from, &scan->files, e);
        scan->asked = rc == 0;
    }
    if (rc == 0) {
        add_columns(scan, sql);
        pn_buf_add(sql, pn_buf_text(&from), from.len);
    }
    if (rc == 0 && metadata->partition_column_count > 0 && !scan->paths_say) {
        pn_duckdb_add_partitions(scan->snapshot, &scan->stored, sql);
    }
    if (rc == 0 && pn_duckdb_has_deleted_rows(scan->snapshot)) {
        rc = pn_duckdb_add_deleted(engine, scan->table->path, scan->snapshot, sql, e);
    }
    if (scan->asked) {
        duckdb_destroy_result(&scan->files);
    }
    pn_buf_deinit(&from);
    return rc;
}

static int add_select(struct pn_duckdb *engine, duckdb_connection connection, struct scan *scan,
                      bool ask, struct pn_file_lease *lease, struct pn_buf *sql, struct pn_err *e)
{
    const struct pn_delta_snapshot *snapshot = scan->snapshot;
    pn_arena_init(&scan->arena, 0);
    PN_ASSERT(is_declared(scan) || snapshot != NULL);
    int rc = snapshot != NULL ? read_stored(scan, e) : 0;
    if (rc != 0) {
        goto out;
    }
    if (has_files(scan)) {
        rc = add_scan(engine, connection, scan, ask, lease, sql, e);
    } else {
        add_columns(scan, sql);
        pn_buf_adds(sql, " WHERE false");
    }
out:
    pn_arena_deinit(&scan->arena);
    return rc;
}

int pn_duckdb_add_scan(struct pn_duckdb *engine, duckdb_connection connection,
                       const struct pn_table *table, const struct pn_delta_snapshot *snapshot,
                       bool ask, struct pn_file_lease *lease, struct pn_buf *sql, struct pn_err *e)
{
    struct scan scan = {.table = table, .snapshot = snapshot};
    return add_select(engine, connection, &scan, ask, lease, sql, e);
}

int pn_duckdb_add_scan_of_places(struct pn_duckdb *engine, duckdb_connection connection,
                                 const struct pn_table *table,
                                 const struct pn_delta_snapshot *snapshot,
                                 struct pn_file_lease *lease, struct pn_buf *sql, struct pn_err *e)
{
    struct scan scan = {.table = table, .snapshot = snapshot, .gives_places = true};
    return add_select(engine, connection, &scan, true, lease, sql, e);
}
