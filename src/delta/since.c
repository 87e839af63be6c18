/* Since which version a table has its columns: the log is read backwards, from schema to schema. */
#include <stdlib.h>
#include <string.h>

#include "delta/load.h"
#include "delta/log_files.h"
#include "delta/replay.h"
#include "delta/schema.h"

enum { BYTES_MAX = 64 << 20 }; /* of all commits that are read */

/* The newest schema of a commit's lines; they are given from the last one up. */
struct finding {
    struct pn_delta_reader *reader;
    struct pn_arena *arena;
    const char *schema; /* NULL: none */
};

static int find_schema(void *arg, const char *line, size_t len, size_t capacity, struct pn_err *e)
{
    struct finding *finding = arg;
    struct pn_delta_action action;
    struct pn_delta_metadata metadata = {.schema = NULL};
    int rc = pn_delta_action_parse(finding->reader, line, len, capacity, &action, e);
    if (rc == 0 && finding->schema == NULL && action.kind == PN_DELTA_METADATA) {
        rc = pn_delta_read_metadata(finding->reader, action.body, finding->arena, &metadata, e);
        finding->schema = metadata.schema;
    }
    return rc;
}

/* *schema is NULL where the commit leaves it as it was. False: the commit is gone, or damaged. */
static bool read_schema(struct pn_delta *table, const struct pn_delta_log_file *file,
                        struct pn_arena *arena, const char **schema)
{
    struct finding finding = {.reader = &table->reader, .arena = arena};
    char *key = pn_delta_log_key(table, file->name);
    struct pn_buf bytes;
    bool good = pn_delta_log_get(table, key, &bytes, NULL) == 0 &&
                pn_delta_each_line(key, pn_buf_text(&bytes), bytes.len, bytes.capacity, true,
                                   find_schema, &finding, NULL) == 0;
    *schema = finding.schema;
    pn_buf_deinit(&bytes);
    free(key);
    return good;
}

/* An older schema, set by `version`. Returns how many columns may be older still. */
static size_t look_at(const char *schema, int64_t version, struct pn_delta_since *columns,
                      size_t count)
{
    size_t open = 0;
    for (size_t i = 0; i < count; i++) {
        struct pn_delta_since *column = &columns[i];
        if (column->is_exact) {
            continue;
        }
        if (pn_delta_schema_has_column(schema, column->name)) {
            column->version = version;
            open++;
        } else {
            column->is_exact = true;
        }
    }
    return open;
}

/* Reads commits from the snapshot's down, as far as they go and are needed. The oldest that was
 * read, or the snapshot's version. */
static int64_t walk(struct pn_delta *table, const struct pn_delta_snapshot *snapshot,
                    const struct pn_delta_log_files *log, struct pn_delta_since *columns,
                    size_t count)
{
    int64_t oldest = snapshot->version;
    int64_t bytes = 0;
    size_t open = count;
    int64_t version = oldest;
    for (int left = PN_DELTA_SINCE_COMMITS_MAX; left > 0 && open > 0; left--) {
        const struct pn_delta_log_file *file = pn_delta_log_commit(log, version);
        const char *schema = NULL;
        struct pn_arena arena;
        pn_arena_init(&arena, 0);
        bytes += file != NULL ? file->size_bytes : 0;
        bool good = file != NULL && bytes <= BYTES_MAX && read_schema(table, file, &arena, &schema);
        if (good && schema != NULL) {
            open = look_at(schema, version, columns, count);
        }
        pn_arena_deinit(&arena);
        if (!good) {
            break;
        }
        oldest = version--;
    }
    return oldest;
}

/* What the table was at the oldest version that was looked at, by a checkpoint before it: columns
 * that it had are from then or older, the others are from the first commit after it. */
static void look_at_oldest(struct pn_delta *table, int64_t version, struct pn_delta_since *columns,
                           size_t count)
{
    struct pn_delta_snapshot *state = NULL;
    bool is_needed = false;
    for (size_t i = 0; i < count; i++) {
        is_needed = is_needed || !columns[i].is_exact;
    }
    if (is_needed && pn_delta_load(table, version, false, &state, NULL) == 0) {
        (void)look_at(state->metadata.schema, version, columns, count);
    }
    pn_delta_snapshot_destroy(&state);
}

/* The columns of the snapshot's schema, none of them found yet. */
static int list_columns(const struct pn_delta_snapshot *snapshot, struct pn_arena *arena,
                        struct pn_delta_since **columns, size_t *count, struct pn_err *e)
{
    const char *schema = snapshot->metadata.schema;
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    int rc = pn_json_parse(parser, schema, strlen(schema), strlen(schema), &root, e);
    if (rc == 0) {
        const struct pn_json *fields = pn_json_get(root, "fields");
        *columns = pn_arena_calloc(arena, fields->count + 1, sizeof **columns);
        for (const struct pn_json *field = fields->first; field != NULL; field = field->next) {
            const struct pn_json *name = pn_json_get(field, "name");
            (*columns)[(*count)++] = (struct pn_delta_since){
                .name = pn_arena_strndup(arena, name->text, name->text_len), .version = -1};
        }
    }
    pn_json_parser_destroy(&parser);
    return rc;
}

int pn_delta_columns_since(struct pn_delta *table, const struct pn_delta_snapshot *snapshot,
                           struct pn_arena *arena, struct pn_delta_since **columns, size_t *count,
                           struct pn_err *e)
{
    struct pn_delta_log_files log;
    int64_t oldest = 0;
    *count = 0;
    int rc = pn_delta_log_list(table, 0, &log, e);
    if (rc == 0) {
        rc = list_columns(snapshot, arena, columns, count, e);
    }
    if (rc == 0) {
        oldest = walk(table, snapshot, &log, *columns, *count);
        if (oldest > 0) {
            look_at_oldest(table, oldest, *columns, *count);
        }
    }
    for (size_t i = 0; rc == 0 && i < *count; i++) {
        struct pn_delta_since *column = &(*columns)[i];
        if (column->version < 0) { /* no commit that was read changed the schema */
            column->version = oldest;
        }
        column->is_exact = column->is_exact || column->version == 0;
    }
    pn_delta_log_files_deinit(&log);
    return rc;
}
