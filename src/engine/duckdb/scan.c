#include "engine/duckdb/scan.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file_sum.h"
#include "base/mem.h"
#include "engine/duckdb/decode.h"

/* What the files are called in a scan: a name that no column has. */
#define FILES "\"pinion's files\""

/* --- files ------------------------------------------------------------------------------------ */

int pn_duckdb_check_readable(const char *path, const struct pn_delta_snapshot *snapshot,
                             struct pn_err *e)
{
    const struct pn_delta_metadata *metadata = &snapshot->metadata;
    for (size_t i = 0; i < metadata->configuration_count; i++) {
        const struct pn_delta_map_entry *entry = &metadata->configuration[i];
        if (strcmp(entry->key, "delta.columnMapping.mode") == 0 && entry->value != NULL &&
            strcmp(entry->value, "none") != 0) {
            return pn_err_input(e, "table %s maps its columns' names, which pinion cannot read yet",
                                path);
        }
    }
    for (size_t i = 0; i < snapshot->file_count; i++) {
        if (snapshot->files[i].deletion_vector != NULL) {
            return pn_err_input(e,
                                "table %s has deletion vectors, which pinion cannot read yet: "
                                "rewrite its files (REORG TABLE ... APPLY (PURGE))",
                                path);
        }
    }
    return 0;
}

int pn_duckdb_add_file(struct pn_duckdb *engine, const char *table_path, const char *path,
                       struct pn_file_lease *lease, bool again, struct pn_buf *sql,
                       struct pn_err *e)
{
    char *opened = NULL;
    struct pn_err why = {0};
    int rc = pn_duckdb_data_path(engine, table_path, path, lease, &opened, e);
    if (rc == 0) {
        pn_duckdb_add_path(sql, opened);
        rc = again ? pn_file_sum_check(engine->config.io, opened, &why)
                   : pn_duckdb_verify(&engine->verified, engine->config.io, opened, &why);
        if (rc != 0) {
            pn_err_set(e, why.class_, rc,
                       "table %s: %s: restore the file from a backup; or, if a DAG loads the "
                       "table, run that DAG again, which rewrites the table",
                       table_path, why.msg);
        }
    }
    free(opened);
    return rc;
}

static int add_snapshot_files(struct pn_duckdb *engine, const struct pn_table *table,
                              const struct pn_delta_snapshot *snapshot, struct pn_file_lease *lease,
                              struct pn_buf *sql, struct pn_err *e)
{
    int rc = 0;
    pn_buf_adds(sql, " FROM read_parquet([");
    for (size_t i = 0; rc == 0 && i < snapshot->file_count; i++) {
        pn_buf_adds(sql, i == 0 ? "" : ", ");
        rc = pn_duckdb_add_file(engine, table->path, snapshot->files[i].path, lease, false, sql, e);
    }
    pn_buf_adds(sql, PN_DUCKDB_FILES_END " AS " FILES);
    return rc;
}

static bool is_below(const char *path, const char *folder)
{
    size_t len = strlen(folder);
    return strncmp(path, folder, len) == 0 && path[len] == '/';
}

/* What is opened for the table's first file that is elsewhere than below `folder`; NULL: none is.
 * Caller frees. */
static char *find_outside(struct pn_duckdb *engine, const struct pn_table *table,
                          const struct pn_delta_snapshot *snapshot, const char *folder)
{
    struct pn_file_lease lease = {0};
    char *path = NULL;
    for (size_t i = 0; path == NULL && i < snapshot->file_count; i++) {
        int rc =
            pn_duckdb_data_path(engine, table->path, snapshot->files[i].path, &lease, &path, NULL);
        if (rc == 0 && is_below(path, folder)) {
            free(path);
            path = NULL;
        }
    }
    pn_file_lease_release(&lease);
    return path;
}

void pn_duckdb_explain_outside(struct pn_duckdb *engine, const struct pn_table *table,
                               const struct pn_delta_snapshot *snapshot, struct pn_err *e)
{
    static const char refused[] = "Permission Error";
    char *folder = NULL;
    if (strncmp(e->msg, refused, strlen(refused)) != 0 ||
        pn_duckdb_folder_path(engine, table->path, &folder, NULL) != 0) {
        return;
    }
    char *path = find_outside(engine, table, snapshot, folder);
    if (path != NULL) {
        (void)pn_err_input(e,
                           "table '%s': its file %s is outside the table's folder, and queries "
                           "cannot read it (a shallow clone has such files): make a deep clone, "
                           "which has its own copies of all files",
                           table->name, path);
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

/* Appends a column of the files, or null when `files`, a result over them, doesn't have it. */
static void add_column(const struct pn_column *column, duckdb_result *files, struct pn_buf *sql)
{
    struct pn_buf value;
    pn_buf_init(&value, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&value, FILES ".");
    pn_duckdb_add_name(&value, column->name);
    idx_t at = files != NULL ? find_column(files, column->name) : 0;
    if (files == NULL) {
        add_cast(pn_buf_text(&value), &column->type, sql);
    } else if (at == duckdb_column_count(files)) {
        add_null(&column->type, sql);
    } else {
        duckdb_logical_type found = duckdb_column_logical_type(files, at);
        add_value(pn_buf_text(&value), found, &column->type, sql);
        duckdb_destroy_logical_type(&found);
    }
    pn_buf_deinit(&value);
}

/* --- the scan --------------------------------------------------------------------------------- */

static void begin_column(size_t i, struct pn_buf *sql)
{
    pn_buf_adds(sql, i == 0 ? "SELECT " : ", ");
}

static void end_column(const struct pn_column *column, struct pn_buf *sql)
{
    pn_buf_adds(sql, " AS ");
    pn_duckdb_add_name(sql, column->name);
}

/* A typed SELECT without rows. */
static void add_nothing(const struct pn_table *table, struct pn_buf *sql)
{
    for (size_t i = 0; i < pn_decoder_columns(table); i++) {
        begin_column(i, sql);
        add_null(&pn_decoder_column(table, i)->type, sql);
        end_column(pn_decoder_column(table, i), sql);
    }
    pn_buf_adds(sql, " WHERE false");
}

/* Is there a column that read_parquet() would make up when no file has it? */
static bool has_made_up_name(const struct pn_table *table)
{
    static const char *const names[] = {"filename", "file_row_number", "file_index", "rowid"};
    for (size_t i = 0; i < pn_decoder_columns(table); i++) {
        for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
            if (strcasecmp(pn_decoder_column(table, i)->name, names[k]) == 0) {
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

static int check_scan(const struct pn_table *table, const struct pn_delta_snapshot *snapshot,
                      struct pn_err *e)
{
    int rc = pn_duckdb_check_readable(table->path, snapshot, e);
    if (rc == 0 && snapshot->metadata.partition_column_count > 0) {
        rc = pn_err_input(e, "table %s is partitioned, which pinion cannot read yet", table->path);
    }
    return rc;
}

int pn_duckdb_add_scan(struct pn_duckdb *engine, duckdb_connection connection,
                       const struct pn_table *table, const struct pn_delta_snapshot *snapshot,
                       bool ask, struct pn_file_lease *lease, struct pn_buf *sql, struct pn_err *e)
{
    struct pn_buf from;
    duckdb_result files;
    PN_ASSERT(pn_decoder_columns(table) > 0);
    if (snapshot == NULL || snapshot->file_count == 0) {
        add_nothing(table, sql);
        return 0;
    }
    pn_buf_init(&from, PN_DUCKDB_SQL_MAX);
    int rc = check_scan(table, snapshot, e);
    if (rc == 0) {
        rc = add_snapshot_files(engine, table, snapshot, lease, &from, e);
    }
    ask = ask || has_made_up_name(table);
    if (rc == 0 && ask) {
        rc = ask_files(connection, &from, &files, e);
    }
    for (size_t i = 0; rc == 0 && i < pn_decoder_columns(table); i++) {
        begin_column(i, sql);
        add_column(pn_decoder_column(table, i), ask ? &files : NULL, sql);
        end_column(pn_decoder_column(table, i), sql);
    }
    if (rc == 0 && ask) {
        duckdb_destroy_result(&files);
    }
    pn_buf_add(sql, pn_buf_text(&from), from.len);
    pn_buf_deinit(&from);
    return rc;
}
