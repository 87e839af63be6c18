/* Compaction: each group of small files becomes one with the same rows in the same order, all
 * groups in one commit. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/duckdb/write.h"

struct rewriting {
    struct pn_duckdb *engine;
    duckdb_connection connection;
    struct pn_table table; /* path, and those columns whose statistics we know how to tell */
    struct pn_delta_snapshot *snapshot;
    struct pn_delta_group *groups;
    size_t group_count;
    struct pn_written *written;
    struct pn_delta_file *adds;
    struct pn_delta_file *removes;
    size_t remove_count;
};

/* --- columns, from Delta's schema ------------------------------------------------------------- */

static size_t read_fields(struct pn_arena *arena, const struct pn_json *type,
                          const struct pn_column **columns);

static bool read_type(struct pn_arena *arena, const struct pn_json *node, struct pn_type *type)
{
    static const struct {
        const char *name;
        enum pn_type_kind kind;
    } KINDS[] = {{"string", PN_TYPE_STRING},   {"long", PN_TYPE_BIGINT},
                 {"integer", PN_TYPE_INT},     {"double", PN_TYPE_DOUBLE},
                 {"boolean", PN_TYPE_BOOLEAN}, {"timestamp", PN_TYPE_TIMESTAMP},
                 {"date", PN_TYPE_DATE}};
    *type = (struct pn_type){.kind = PN_TYPE_STRUCT};
    if (node != NULL && node->type == PN_JSON_OBJECT) {
        type->field_count = read_fields(arena, node, &type->fields);
        return type->field_count > 0;
    }
    for (size_t i = 0; node != NULL && i < sizeof KINDS / sizeof *KINDS; i++) {
        if (pn_json_text_is(node, KINDS[i].name)) {
            type->kind = KINDS[i].kind;
            return true;
        }
    }
    return false;
}

/* Columns of other types have no statistics in the new file, as is allowed. */
static size_t read_fields(struct pn_arena *arena, const struct pn_json *type,
                          const struct pn_column **columns)
{
    const struct pn_json *fields = pn_json_get(type, "fields");
    if (fields == NULL || fields->type != PN_JSON_ARRAY) {
        return 0;
    }
    struct pn_column *made = pn_arena_calloc(arena, fields->count, sizeof *made);
    size_t count = 0;
    for (const struct pn_json *field = fields->first; field != NULL; field = field->next) {
        const char *name = NULL;
        size_t len = 0;
        if (pn_json_get_text(field, "name", &name, &len) &&
            read_type(arena, pn_json_get(field, "type"), &made[count].type)) {
            made[count++].name = pn_arena_strndup(arena, name, len);
        }
    }
    *columns = made;
    return count;
}

static int read_schema(struct rewriting *rewriting, struct pn_err *e)
{
    const char *schema = rewriting->snapshot->metadata.schema;
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    int rc = pn_json_parse(parser, schema, strlen(schema), strlen(schema), &root, e);
    if (rc == 0) {
        rewriting->table.column_count =
            read_fields(&rewriting->snapshot->arena, root, &rewriting->table.columns);
    }
    pn_json_parser_destroy(&parser);
    return rc;
}

/* --- rewriting -------------------------------------------------------------------------------- */

static int rewrite_group(struct rewriting *rewriting, size_t i, struct pn_err *e)
{
    const struct pn_delta_group *group = &rewriting->groups[i];
    struct pn_written *written = &rewriting->written[i];
    struct pn_buf sql;
    int rc = 0;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "SELECT * FROM read_parquet([");
    for (size_t k = 0; rc == 0 && k < group->count; k++) {
        pn_buf_adds(&sql, k == 0 ? "" : ", ");
        rc = pn_duckdb_add_file(rewriting->engine, rewriting->table.path, group->files[k]->path,
                                &sql, e);
        rewriting->removes[rewriting->remove_count++] = *group->files[k];
    }
    pn_buf_adds(&sql, PN_DUCKDB_FILES_END);
    if (rc == 0) {
        rc = pn_duckdb_write(rewriting->engine, rewriting->connection, &rewriting->table, &sql,
                             written, e);
    }
    pn_buf_deinit(&sql);
    if (rc != 0) {
        return rc;
    }
    rewriting->adds[i] = pn_written_file(written);
    rewriting->adds[i].partition_values = group->files[0]->partition_values;
    rewriting->adds[i].partition_value_count = group->files[0]->partition_value_count;
    rewriting->adds[i].data_change = false;
    return 0;
}

static int commit(struct rewriting *rewriting, struct pn_delta *delta, struct pn_err *e)
{
    char metrics[96];
    int64_t version = 0;
    snprintf(metrics, sizeof metrics, "{\"numAddedFiles\":\"%zu\",\"numRemovedFiles\":\"%zu\"}",
             rewriting->group_count, rewriting->remove_count);
    const struct pn_delta_commit commit = {
        .mode = PN_DELTA_REWRITE,
        .operation = "OPTIMIZE",
        .operation_parameters = "{\"predicate\":\"[]\"}",
        .operation_metrics = metrics,
        .schema = rewriting->snapshot->metadata.schema,
        .adds = rewriting->adds,
        .add_count = rewriting->group_count,
        .removes = rewriting->removes,
        .remove_count = rewriting->remove_count,
    };
    return pn_delta_commit(delta, &commit, &version, e);
}

static int rewrite(struct rewriting *rewriting, struct pn_delta *delta, struct pn_err *e)
{
    int rc = pn_duckdb_connect_work(rewriting->engine, &rewriting->connection, e);
    if (rc == 0) {
        rc = read_schema(rewriting, e);
    }
    if (rc == 0) {
        rc = pn_duckdb_run(rewriting->connection, "SET SESSION preserve_insertion_order = true",
                           NULL, e);
    }
    for (size_t i = 0; rc == 0 && i < rewriting->group_count; i++) {
        rc = rewrite_group(rewriting, i, e);
    }
    if (rc == 0) {
        rc = commit(rewriting, delta, e);
    }
    for (size_t i = 0; i < rewriting->group_count; i++) {
        if (rc != 0) {
            pn_duckdb_write_undo(rewriting->engine, &rewriting->table, &rewriting->written[i], rc);
        }
        pn_written_deinit(&rewriting->written[i]);
    }
    duckdb_disconnect(&rewriting->connection);
    return rc;
}

/* One commit; *again when there were more small files than one group takes, so that what became of
 * them may be small as well. */
static int optimize_once(struct rewriting *rewriting, struct pn_delta *delta, int64_t target_bytes,
                         int64_t *files_before, int64_t *files_after, bool *again, struct pn_err *e)
{
    *again = false;
    int rc = pn_delta_snapshot(delta, -1, &rewriting->snapshot, e);
    if (rc == 0) {
        rc = pn_duckdb_check_readable(rewriting->table.path, rewriting->snapshot, e);
    }
    if (rc == 0) {
        rc = pn_delta_optimize_plan(rewriting->snapshot, target_bytes, &rewriting->groups,
                                    &rewriting->group_count, e);
    }
    if (rc != 0) {
        goto out;
    }
    *files_before = (int64_t)rewriting->snapshot->file_count;
    *files_after = *files_before;
    if (rewriting->group_count == 0) {
        goto out;
    }
    rewriting->written = pn_xcalloc(rewriting->group_count, sizeof *rewriting->written);
    rewriting->adds = pn_xcalloc(rewriting->group_count, sizeof *rewriting->adds);
    rewriting->removes = pn_xcalloc(rewriting->snapshot->file_count, sizeof *rewriting->removes);
    rc = rewrite(rewriting, delta, e);
    if (rc == 0) {
        *files_after += (int64_t)rewriting->group_count - (int64_t)rewriting->remove_count;
    }
    for (size_t i = 0; rc == 0 && i < rewriting->group_count; i++) {
        *again = *again || rewriting->groups[i].count == PN_DELTA_GROUP_FILES_MAX;
    }
out:
    free(rewriting->written);
    free(rewriting->adds);
    free(rewriting->removes);
    pn_delta_snapshot_destroy(&rewriting->snapshot);
    return rc;
}

int pn_duckdb_optimize(struct pn_engine *base, const char *path, int64_t target_bytes,
                       int64_t *files_before, int64_t *files_after, struct pn_err *e)
{
    struct pn_duckdb *engine = (struct pn_duckdb *)base;
    struct pn_delta *delta = pn_duckdb_delta(engine, path);
    bool again = true;
    int rc = 0;
    for (int pass = 0; rc == 0 && again; pass++) {
        struct rewriting rewriting = {.engine = engine, .table = {.path = path}};
        int64_t before = 0;
        rc = optimize_once(&rewriting, delta, target_bytes, &before, files_after, &again, e);
        *files_before = pass == 0 ? before : *files_before;
    }
    pn_delta_destroy(&delta);
    return rc;
}
