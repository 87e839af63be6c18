#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "delta/commit_times.h"
#include "delta/keyset.h"
#include "delta/load.h"
#include "delta/replay.h"

/* An added file that has a deletion vector. */
struct marked {
    const char *path;
    size_t len;
    int64_t rows;
};

struct telling {
    struct pn_delta_reader *reader;
    struct pn_arena *arena;
    struct pn_delta_history_entry *entry;
    struct pn_arena scratch;
    struct pn_delta_keyset removed; /* paths of the commit's removes */
    struct marked *marked;          /* malloc'ed; paths are the scratch arena's */
    size_t marked_count;
    size_t marked_capacity;
};

static const char *text_of(struct pn_arena *arena, const struct pn_json *body, const char *key)
{
    const char *text = "";
    size_t len = 0;
    (void)pn_json_get_text(body, key, &text, &len);
    return pn_arena_strndup(arena, text, len);
}

static const char *object_of(struct pn_arena *arena, const struct pn_json *body, const char *key)
{
    const struct pn_json *node = pn_json_get(body, key);
    return node != NULL && node->type == PN_JSON_OBJECT
               ? pn_arena_strndup(arena, node->raw, node->raw_len)
               : "{}";
}

/* Our own members of commitInfo. A writer that can add none, as Spark, has them as JSON in the text
 * userMetadata. */
static void tell_ours(struct telling *telling, const struct pn_json *body)
{
    struct pn_delta_history_entry *entry = telling->entry;
    struct pn_json_parser *parser = NULL;
    struct pn_json *root = NULL;
    struct pn_err ignored;
    const char *text = NULL;
    size_t len = 0;
    if (pn_json_get_text(body, "userMetadata", &text, &len)) {
        parser = pn_json_parser_create();
        if (pn_json_parse(parser, text, len, len, &root, &ignored) == 0) {
            body = root;
        }
    }
    const struct pn_json *notes = pn_json_get(body, "pinion");
    if (notes != NULL && notes->type == PN_JSON_OBJECT) {
        entry->notes = pn_arena_strndup(telling->arena, notes->raw, notes->raw_len);
    }
    pn_delta_maker_read(pn_json_get(body, "madeBy"), telling->arena, &entry->maker);
    pn_json_parser_destroy(&parser);
}

static void tell_info(struct telling *telling, const struct pn_json *body)
{
    struct pn_delta_history_entry *entry = telling->entry;
    entry->operation = text_of(telling->arena, body, "operation");
    entry->parameters = object_of(telling->arena, body, "operationParameters");
    entry->metrics = object_of(telling->arena, body, "operationMetrics");
    tell_ours(telling, body);
    entry->engine_info = text_of(telling->arena, body, "engineInfo");
    entry->timestamp_ms = pn_json_get_i64(body, "inCommitTimestamp", entry->timestamp_ms);
}

static void note_removed(struct telling *telling, const struct pn_json *body)
{
    const char *path = NULL;
    size_t len = 0;
    if (pn_json_get_text(body, "path", &path, &len) &&
        !pn_delta_keyset_get(&telling->removed, path, len, NULL)) {
        path = pn_arena_strndup(&telling->scratch, path, len);
        pn_delta_keyset_add(&telling->removed, path, len, 0);
    }
}

static void note_marked(struct telling *telling, const struct pn_json *body, int64_t rows)
{
    const struct pn_json *vector = pn_json_get(body, "deletionVector");
    const char *path = NULL;
    size_t len = 0;
    if (vector == NULL || vector->type != PN_JSON_OBJECT ||
        !pn_json_get_text(body, "path", &path, &len)) {
        return;
    }
    pn_grow((void **)&telling->marked, &telling->marked_capacity, telling->marked_count + 1,
            sizeof *telling->marked);
    telling->marked[telling->marked_count++] = (struct marked){
        .path = pn_arena_strndup(&telling->scratch, path, len), .len = len, .rows = rows};
}

static int64_t rows_of(struct telling *telling, const struct pn_json *body)
{
    const char *stats = NULL;
    size_t len = 0;
    int64_t rows = pn_json_get_text(body, "stats", &stats, &len)
                       ? pn_delta_num_records(telling->reader, stats, len)
                       : 0;
    return rows > 0 ? rows : 0;
}

static int tell_line(void *arg, const char *line, size_t len, size_t capacity, struct pn_err *e)
{
    struct telling *telling = arg;
    struct pn_delta_action action;
    int rc = pn_delta_action_parse(telling->reader, line, len, capacity, &action, e);
    if (rc != 0) {
        return rc;
    }
    if (action.kind == PN_DELTA_COMMIT_INFO) {
        tell_info(telling, action.body);
    } else if (action.kind == PN_DELTA_REMOVE) {
        telling->entry->files_removed++;
        note_removed(telling, action.body);
    } else if (action.kind == PN_DELTA_ADD) {
        int64_t rows = rows_of(telling, action.body);
        telling->entry->files_added++;
        telling->entry->rows_added += rows;
        note_marked(telling, action.body, rows);
    }
    return 0;
}

/* A file that stays, with a deletion vector, is in the commit as one that is removed and added. */
static void leave_out_marked(struct telling *telling)
{
    for (size_t i = 0; i < telling->marked_count; i++) {
        const struct marked *marked = &telling->marked[i];
        if (pn_delta_keyset_get(&telling->removed, marked->path, marked->len, NULL)) {
            telling->entry->files_removed--;
            telling->entry->files_added--;
            telling->entry->rows_added -= marked->rows;
        }
    }
}

static int tell_commit(struct pn_delta *table, const struct pn_delta_log_file *file,
                       struct pn_arena *arena, struct pn_delta_history_entry *entry,
                       struct pn_err *e)
{
    *entry = (struct pn_delta_history_entry){.version = file->version,
                                             .timestamp_ms = file->modified_ms,
                                             .operation = "",
                                             .parameters = "{}",
                                             .metrics = "{}",
                                             .engine_info = ""};
    struct telling telling = {.reader = &table->reader, .arena = arena, .entry = entry};
    char *key = pn_delta_log_key(table, file->name);
    struct pn_buf bytes;
    pn_arena_init(&telling.scratch, 0);
    pn_delta_keyset_init(&telling.removed);
    int rc = pn_delta_log_get(table, key, &bytes, e);
    if (rc == 0) {
        rc = pn_delta_commit_check(&table->reader, key, pn_buf_text(&bytes), bytes.len,
                                   bytes.capacity, e);
    }
    if (rc == 0) {
        rc = pn_delta_each_line(key, pn_buf_text(&bytes), bytes.len, bytes.capacity, false,
                                tell_line, &telling, e);
    }
    leave_out_marked(&telling);
    pn_delta_keyset_deinit(&telling.removed);
    pn_arena_deinit(&telling.scratch);
    free(telling.marked);
    pn_buf_deinit(&bytes);
    free(key);
    return rc;
}

static int missing(const struct pn_delta *table, struct pn_err *e)
{
    return pn_err_missing(e, "there is no Delta table at %s (its _delta_log is empty)",
                          table->path);
}

/* Lists the log into *log, and makes room for at most `limit` entries, *most. */
static int begin(struct pn_delta *table, size_t limit, struct pn_arena *arena,
                 struct pn_delta_log_files *log, struct pn_delta_history_entry **entries,
                 size_t *most, struct pn_err *e)
{
    *most = 0;
    int rc = pn_delta_log_list(table, 0, log, e);
    if (rc == 0 && pn_delta_log_newest(log) < 0) {
        rc = missing(table, e);
    }
    if (rc == 0) {
        *most = log->count < limit ? log->count : limit;
        *entries = pn_arena_calloc(arena, *most + 1, sizeof **entries);
        pn_delta_times_rise(log);
    }
    return rc;
}

int pn_delta_history(struct pn_delta *table, int64_t from, size_t limit, struct pn_arena *arena,
                     struct pn_delta_history_entry **entries, size_t *count, struct pn_err *e)
{
    struct pn_delta_log_files log;
    size_t most = 0;
    *count = 0;
    int rc = begin(table, limit, arena, &log, entries, &most, e);
    for (size_t at = log.count; rc == 0 && at > 0 && *count < most; at--) {
        const struct pn_delta_log_file *file = log.files[at - 1];
        if (file->kind == PN_DELTA_LOG_COMMIT && (from < 0 || file->version <= from)) {
            rc = tell_commit(table, file, arena, &(*entries)[*count], e);
            *count += rc == 0;
        }
    }
    pn_delta_log_files_deinit(&log);
    return rc;
}

int pn_delta_history_up(struct pn_delta *table, int64_t from, size_t limit, struct pn_arena *arena,
                        struct pn_delta_history_entry **entries, size_t *count, struct pn_err *e)
{
    struct pn_delta_log_files log;
    size_t most = 0;
    *count = 0;
    int rc = begin(table, limit, arena, &log, entries, &most, e);
    for (size_t at = 0; rc == 0 && at < log.count && *count < most; at++) {
        const struct pn_delta_log_file *file = log.files[at];
        if (file->kind == PN_DELTA_LOG_COMMIT && file->version >= from) {
            rc = tell_commit(table, file, arena, &(*entries)[*count], e);
            *count += rc == 0;
        }
    }
    pn_delta_log_files_deinit(&log);
    return rc;
}

int pn_delta_newest_notes(struct pn_delta *table, int64_t seen, struct pn_arena *arena,
                          int64_t *version, const char **notes, struct pn_err *e)
{
    struct pn_delta_log_files log;
    int left = PN_DELTA_NOTES_COMMITS_MAX;
    *notes = NULL;
    int rc = pn_delta_log_list(table, 0, &log, e);
    *version = rc == 0 ? pn_delta_log_newest(&log) : -1;
    if (rc == 0 && *version < 0) {
        rc = missing(table, e);
    }
    bool is_news = rc == 0 && *version != seen;
    for (size_t at = log.count; is_news && rc == 0 && *notes == NULL && at > 0 && left > 0; at--) {
        struct pn_delta_history_entry entry;
        if (log.files[at - 1]->kind == PN_DELTA_LOG_COMMIT) {
            rc = tell_commit(table, log.files[at - 1], arena, &entry, e);
            *notes = rc == 0 ? entry.notes : NULL;
            left--;
        }
    }
    pn_delta_log_files_deinit(&log);
    return rc;
}
