#include "engine/duckdb/merge_files.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "engine/duckdb/scan.h"

static const struct pn_column *key_of(const struct pn_table *table)
{
    size_t i = 0;
    while (strcmp(table->columns[i].name, table->key_column) != 0) {
        i++;
        PN_ASSERT(i < table->column_count);
    }
    return &table->columns[i];
}

/* Are a file's smallest and largest values those of all its rows? Not with a NaN. */
static bool has_statistics(const struct pn_column *key)
{
    return key->type.kind != PN_TYPE_DOUBLE && key->type.kind != PN_TYPE_FLOAT;
}

/* Appends a value of the statistics as a literal of the key's type, or NULL: all values of a column
 * may be that, so it has the type, too. */
static void add_value(const struct pn_json *values, const struct pn_column *key, struct pn_buf *sql)
{
    const struct pn_json *value = pn_json_get(values, key->name);
    char *text = NULL;
    if (value != NULL && value->type == PN_JSON_STRING) {
        text = pn_json_dup(value);
    } else if (value != NULL && value->type == PN_JSON_NUMBER) {
        text = pn_xstrndup(value->raw, value->raw_len);
    }
    pn_buf_adds(sql, "TRY_CAST(");
    if (text != NULL && has_statistics(key)) {
        pn_duckdb_add_text(sql, text);
    } else {
        pn_buf_adds(sql, "NULL");
    }
    pn_buf_adds(sql, " AS ");
    pn_type_sql(&key->type, sql);
    pn_buf_addc(sql, ')');
    free(text);
}

static void add_statistics(struct pn_json_parser *parser, const struct pn_delta_file *file,
                           const struct pn_column *key, struct pn_buf *sql)
{
    struct pn_json *root = NULL;
    size_t len = file->stats != NULL ? strlen(file->stats) : 0;
    if (len == 0 || pn_json_parse(parser, file->stats, len, len, &root, NULL) != 0) {
        root = NULL;
    }
    add_value(pn_json_get(root, "minValues"), key, sql);
    pn_buf_adds(sql, ", ");
    add_value(pn_json_get(root, "maxValues"), key, sql);
}

/* Sets may_hold[i] of those that the statistics do not rule out. Other writers cut the largest time
 * down to milliseconds. */
static int ask_statistics(duckdb_connection connection, const struct pn_column *key,
                          const struct pn_delta_snapshot *snapshot, bool *may_hold,
                          struct pn_err *e)
{
    struct pn_json_parser *parser = pn_json_parser_create();
    duckdb_result result;
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "SELECT f.i FROM (VALUES ");
    for (size_t i = 0; i < snapshot->file_count; i++) {
        pn_buf_addf(&sql, "%s(%zu, ", i == 0 ? "" : ", ", i);
        add_statistics(parser, &snapshot->files[i], key, &sql);
        pn_buf_addc(&sql, ')');
    }
    pn_buf_adds(&sql, ") AS f(i, low, high) WHERE low IS NULL OR high IS NULL OR EXISTS (SELECT 1 "
                      "FROM pn_best AS b WHERE b.");
    pn_duckdb_add_name(&sql, key->name);
    pn_buf_adds(&sql, " >= low AND b.");
    pn_duckdb_add_name(&sql, key->name);
    pn_buf_adds(&sql, key->type.kind == PN_TYPE_TIMESTAMP ? " <= high + INTERVAL 1 MILLISECOND)"
                                                          : " <= high)");
    int rc = pn_duckdb_run_buf(connection, &sql, &result, e);
    if (rc == 0) {
        for (idx_t row = 0; row < duckdb_row_count(&result); row++) {
            may_hold[duckdb_value_int64(&result, 0, row)] = true;
        }
        duckdb_destroy_result(&result);
    }
    pn_buf_deinit(&sql);
    pn_json_parser_destroy(&parser);
    return rc;
}

/* Does the file hold a key of the batch? */
static int scan_file(struct pn_duckdb *engine, duckdb_connection connection,
                     const struct pn_table *table, const struct pn_delta_snapshot *snapshot,
                     size_t i, bool *holds, struct pn_err *e)
{
    struct pn_delta_snapshot part = *snapshot; /* borrows all it points to */
    struct pn_file_lease lease = {0};
    duckdb_result result;
    struct pn_buf sql;
    part.files = &snapshot->files[i];
    part.file_count = 1;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "SELECT 1 FROM (");
    int rc = pn_duckdb_add_scan(engine, connection, table, &part, true, &lease, &sql, e);
    pn_buf_adds(&sql, ") AS o SEMI JOIN pn_best USING (");
    pn_duckdb_add_name(&sql, table->key_column);
    pn_buf_adds(&sql, ") LIMIT 1");
    if (rc == 0) {
        rc = pn_duckdb_run_buf(connection, &sql, &result, e);
    }
    if (rc == 0) {
        *holds = duckdb_row_count(&result) > 0;
        duckdb_destroy_result(&result);
    }
    pn_file_lease_release(&lease);
    pn_buf_deinit(&sql);
    return rc;
}

int pn_merge_find_files(struct pn_duckdb *engine, duckdb_connection connection,
                        const struct pn_table *table, struct pn_delta_snapshot *snapshot,
                        struct pn_delta_file **files, size_t *count, struct pn_err *e)
{
    bool *may_hold = pn_xcalloc(snapshot->file_count + 1, sizeof *may_hold);
    *files = pn_arena_calloc(&snapshot->arena, snapshot->file_count + 1, sizeof **files);
    *count = 0;
    int rc = snapshot->file_count > 0
                 ? ask_statistics(connection, key_of(table), snapshot, may_hold, e)
                 : 0;
    for (size_t i = 0; rc == 0 && i < snapshot->file_count; i++) {
        bool holds = false;
        rc = may_hold[i] ? scan_file(engine, connection, table, snapshot, i, &holds, e) : 0;
        if (rc == 0 && holds) {
            (*files)[(*count)++] = snapshot->files[i];
        }
    }
    free(may_hold);
    return rc;
}
