/* Compaction: each group of small files becomes one with the same rows, and so does a file of which
 * many rows are marked as deleted. What takes long is committed bit by bit, since a vacuum takes
 * files that wait long for their commit. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/duckdb/files.h"
#include "engine/duckdb/places.h"
#include "engine/duckdb/scan.h"
#include "engine/duckdb/stored.h"
#include "engine/duckdb/write.h"

enum { COMMIT_EVERY_MS = 5000, TRIES_MAX = 8 };

struct rewriting {
    struct pn_duckdb *engine;
    struct pn_delta *delta;
    duckdb_connection connection;
    struct pn_table table; /* path, and those columns whose statistics we know how to tell */
    struct pn_delta_snapshot *snapshot;
    struct pn_delta_group *groups;
    size_t group_count;
    struct pn_written *written; /* of each group; empty once it is committed */
    struct pn_delta_file *adds; /* of one commit, and its removes */
    size_t add_count;
    struct pn_delta_file *removes;
    size_t remove_count;
    size_t files_gone;                     /* the table has so many fewer by now */
    bool left_groups;                      /* some are still to be rewritten */
    const struct pn_optimize_watch *watch; /* NULL: nobody follows it */
    int64_t done;                          /* files of the passes, and of this one those merged */
    int64_t total;                         /* and those of its groups */
};

/* --- columns, from Delta's schema ------------------------------------------------------------- */

static size_t read_fields(struct pn_arena *arena, const struct pn_json *type,
                          const struct pn_column **columns);

static bool read_type(struct pn_arena *arena, const struct pn_json *node, struct pn_type *type)
{
    *type = (struct pn_type){.kind = PN_TYPE_STRUCT};
    if (node != NULL && node->type == PN_JSON_OBJECT) {
        type->field_count = read_fields(arena, node, &type->fields);
        return type->field_count > 0;
    }
    return node != NULL && node->type == PN_JSON_STRING &&
           pn_type_of_delta(node->text, node->text_len, type);
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

/* Appends the SELECT of a group's rows, as they are in the files, without deleted ones. */
static int add_rows(struct rewriting *rewriting, const struct pn_delta_group *group,
                    struct pn_file_lease *lease, struct pn_buf *sql, struct pn_err *e)
{
    struct pn_delta_snapshot part = *rewriting->snapshot; /* borrows all it points to */
    int rc = 0;
    part.files = pn_xcalloc(group->count, sizeof *part.files);
    part.file_count = group->count;
    for (size_t k = 0; k < group->count; k++) {
        part.files[k] = *group->files[k];
    }
    pn_duckdb_bring(rewriting->engine, rewriting->table.path, part.files, part.file_count);
    pn_buf_adds(sql, "SELECT * FROM read_parquet([");
    for (size_t k = 0; rc == 0 && k < group->count; k++) {
        pn_buf_adds(sql, k == 0 ? "" : ", ");
        rc = pn_duckdb_add_file(rewriting->engine, rewriting->table.path, group->files[k], lease,
                                true, sql, e);
    }
    pn_buf_adds(sql, PN_DUCKDB_FILES_END " AS " PN_DUCKDB_FILES);
    if (rc == 0 && pn_duckdb_has_deleted_rows(&part)) {
        rc = pn_duckdb_add_deleted(rewriting->engine, rewriting->table.path, &part, sql, e);
    }
    free(part.files);
    return rc;
}

static int rewrite_group(struct rewriting *rewriting, size_t i, struct pn_err *e)
{
    const struct pn_delta_group *group = &rewriting->groups[i];
    struct pn_file_lease lease = {0};
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    int rc = add_rows(rewriting, group, &lease, &sql, e);
    if (rc == 0) {
        rc = pn_duckdb_write_partition(rewriting->engine, rewriting->connection, &rewriting->table,
                                       &sql, group->files[0]->partition_values,
                                       group->files[0]->partition_value_count,
                                       &rewriting->written[i], e);
    }
    pn_file_lease_release(&lease);
    pn_buf_deinit(&sql);
    return rc;
}

/* The commit's actions for a group that was rewritten. */
static void replace_group(struct rewriting *rewriting, size_t i)
{
    const struct pn_delta_group *group = &rewriting->groups[i];
    PN_ASSERT(rewriting->written[i].file_count <= 1);
    if (rewriting->written[i].file_count > 0) { /* files without rows became none */
        struct pn_delta_file *add = &rewriting->adds[rewriting->add_count++];
        *add = rewriting->written[i].adds[0];
        add->data_change = false;
    }
    for (size_t k = 0; k < group->count; k++) {
        rewriting->removes[rewriting->remove_count++] = *group->files[k];
    }
}

static int commit(struct rewriting *rewriting, struct pn_err *e)
{
    int64_t version = 0;
    const struct pn_delta_commit commit = {
        .mode = PN_DELTA_REWRITE,
        .operation = "OPTIMIZE",
        .schema = rewriting->snapshot->metadata.schema,
        .adds = rewriting->adds,
        .add_count = rewriting->add_count,
        .removes = rewriting->removes,
        .remove_count = rewriting->remove_count,
    };
    return pn_delta_commit(rewriting->delta, &commit, &version, e);
}

/* May the group be committed still? It is dropped if not. */
static bool keep_group(struct rewriting *rewriting, size_t i)
{
    struct pn_written *written = &rewriting->written[i];
    if (written->file_count == 0 || pn_duckdb_written_is_young(rewriting->engine, written)) {
        return true;
    }
    pn_duckdb_write_undo(rewriting->engine, written, 0);
    pn_written_deinit(written);
    rewriting->left_groups = true;
    return false;
}

/* Commits the groups from `first` to `end`, but those whose files are too old for it by now. */
static int commit_groups(struct rewriting *rewriting, size_t first, size_t end, struct pn_err *e)
{
    PN_ASSERT(first < end && end <= rewriting->group_count);
    rewriting->add_count = 0;
    rewriting->remove_count = 0;
    for (size_t i = first; i < end; i++) {
        if (keep_group(rewriting, i)) {
            replace_group(rewriting, i);
        }
    }
    int rc = rewriting->remove_count > 0 ? commit(rewriting, e) : 0;
    for (size_t i = first; i < end; i++) {
        if (rc != 0) {
            pn_duckdb_write_undo(rewriting->engine, &rewriting->written[i], rc);
        }
        pn_written_deinit(&rewriting->written[i]);
    }
    PN_ASSERT(rewriting->add_count <= rewriting->remove_count); /* a group becomes one file */
    if (rc == 0) {
        rewriting->files_gone += rewriting->remove_count - rewriting->add_count;
    }
    return rc;
}

static bool is_commit_due(const struct rewriting *rewriting, size_t first)
{
    int64_t waited_ns = pn_mono_ns(rewriting->engine->clock) - rewriting->written[first].whole_ns;
    return waited_ns / 1000000 >= COMMIT_EVERY_MS;
}

static int cancelled(const struct rewriting *rewriting, struct pn_err *e)
{
    return pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                      "%s: the optimize was cancelled; files that it had committed stay merged",
                      rewriting->table.path);
}

static bool is_interrupted(const struct rewriting *rewriting)
{
    return atomic_load(&rewriting->engine->interrupted);
}

/* Says how far it has come, and hears whether it may continue. */
static int step(const struct rewriting *rewriting, struct pn_err *e)
{
    const struct pn_optimize_watch *watch = rewriting->watch;
    bool may = watch == NULL || watch->step(watch->arg, rewriting->done, rewriting->total);
    return may && !is_interrupted(rewriting) ? 0 : cancelled(rewriting, e);
}

static void count_files(struct rewriting *rewriting)
{
    for (size_t i = 0; i < rewriting->group_count; i++) {
        rewriting->total += (int64_t)rewriting->groups[i].count;
    }
}

static int rewrite_groups(struct rewriting *rewriting, struct pn_err *e)
{
    size_t first = 0; /* that is not committed */
    count_files(rewriting);
    int rc = step(rewriting, e);
    for (size_t i = 0; rc == 0 && i < rewriting->group_count; i++) {
        rc = rewrite_group(rewriting, i, e);
        if (is_interrupted(rewriting)) { /* whether it came during the group or right after it */
            rc = cancelled(rewriting, e);
        }
        rewriting->done += (int64_t)rewriting->groups[i].count;
        if (rc == 0 && i + 1 < rewriting->group_count) {
            rc = step(rewriting, e);
        }
        if (rc == 0 && (i + 1 == rewriting->group_count || is_commit_due(rewriting, first))) {
            rc = commit_groups(rewriting, first, i + 1, e);
            first = i + 1;
        }
    }
    for (size_t i = first; i < rewriting->group_count; i++) {
        pn_duckdb_write_undo(rewriting->engine, &rewriting->written[i], rc);
        pn_written_deinit(&rewriting->written[i]);
    }
    return rc;
}

static int rewrite(struct rewriting *rewriting, struct pn_err *e)
{
    int rc = pn_duckdb_connect_work(rewriting->engine, &rewriting->connection, e);
    if (rc == 0) {
        rc = read_schema(rewriting, e);
    }
    if (rc == 0) {
        rc = pn_duckdb_run(rewriting->connection, "SET SESSION preserve_insertion_order = true",
                           NULL, e);
    }
    if (rc == 0) {
        rc = rewrite_groups(rewriting, e);
    }
    duckdb_disconnect(&rewriting->connection);
    return rc;
}

/* Files are merged as they are, which loses what only the log knows of their rows. */
static int check_rewritable(const char *path, const struct pn_delta_snapshot *snapshot,
                            struct pn_err *e)
{
    if (pn_stored_is_mapped(&snapshot->metadata)) {
        return pn_err_input(e,
                            "table %s uses the feature columnMapping, which pinion reads but does "
                            "not write: optimize it with the engine that made it",
                            path);
    }
    if (!pn_duckdb_has_deleted_rows(snapshot)) {
        return 0;
    }
    struct pn_stored columns;
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    int rc = pn_stored_read(&arena, &snapshot->metadata, &columns, e);
    if (rc == 0) {
        rc = pn_duckdb_check_places(&columns, path, e);
    }
    pn_arena_deinit(&arena);
    return rc;
}

/* One pass over the table; *again when there were more small files than one group takes, so that
 * what became of them may be small as well. */
static int optimize_once(struct rewriting *rewriting, int64_t target_bytes, int64_t *files_before,
                         int64_t *files_after, bool *again, struct pn_err *e)
{
    *again = false;
    int rc = pn_delta_snapshot(rewriting->delta, -1, &rewriting->snapshot, e);
    if (rc == 0) {
        rc = check_rewritable(rewriting->table.path, rewriting->snapshot, e);
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
    rc = rewrite(rewriting, e);
    *files_after -= (int64_t)rewriting->files_gone;
    if (rc == 0 && rewriting->left_groups && rewriting->files_gone == 0) {
        rc = pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                        "%s: no file was written and committed within %d s; nothing was changed",
                        rewriting->table.path, (int)PN_WRITTEN_AGE_MS_MAX / 1000);
    }
    *again = rewriting->left_groups;
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
                       const struct pn_optimize_watch *watch, int64_t *files_before,
                       int64_t *files_after, struct pn_err *e)
{
    struct pn_duckdb *engine = (struct pn_duckdb *)base;
    struct pn_delta *delta = pn_duckdb_delta(engine, path);
    bool again = true;
    int lost = 0;
    int rc = 0;
    int64_t done = 0;
    for (int pass = 0; rc == 0 && again; pass++) {
        struct rewriting rewriting = {.engine = engine,
                                      .delta = delta,
                                      .table = {.path = path},
                                      .watch = watch,
                                      .done = done,
                                      .total = done};
        struct pn_err why = {0};
        int64_t before = 0;
        rc = optimize_once(&rewriting, target_bytes, &before, files_after, &again, &why);
        *files_before = pass == 0 ? before : *files_before;
        done = rewriting.total;
        if (rc != 0 && why.class_ == PN_CLASS_CONFLICT && ++lost < TRIES_MAX) {
            rc = 0; /* another one rewrote some of these files: again with what is there now */
            again = true;
        } else if (rc != 0) {
            pn_err_copy(e, &why);
        }
    }
    pn_delta_destroy(&delta);
    return rc;
}
