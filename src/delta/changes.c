/* What commits have added to a table, or replaced, since a version: the log is read forwards. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "delta/load.h"
#include "delta/replay.h"

struct finding {
    struct pn_delta_reader *reader;
    struct pn_arena *arena;
    struct pn_delta_file *files; /* malloc'ed; what they point to is the arena's */
    size_t count;
    size_t capacity;
    bool has_removed; /* rows, not by a compaction */
};

static int find_line(void *arg, const char *line, size_t len, size_t capacity, struct pn_err *e)
{
    struct finding *finding = arg;
    struct pn_delta_action action;
    int rc = pn_delta_action_parse(finding->reader, line, len, capacity, &action, e);
    if (rc != 0 || (action.kind != PN_DELTA_ADD && action.kind != PN_DELTA_REMOVE) ||
        !pn_json_get_bool(action.body, "dataChange", true)) {
        return rc;
    }
    if (action.kind == PN_DELTA_REMOVE) {
        finding->has_removed = true;
        return 0;
    }
    pn_grow((void **)&finding->files, &finding->capacity, finding->count + 1,
            sizeof *finding->files);
    rc = pn_delta_read_file(finding->reader, action.body, true, finding->arena,
                            &finding->files[finding->count], e);
    finding->count += rc == 0;
    return rc;
}

/* *gone: there is no such commit any more. */
static int find_commit(struct pn_delta *table, int64_t version,
                       int (*each)(void *arg, const char *line, size_t len, size_t capacity,
                                   struct pn_err *e),
                       void *arg, bool *gone, struct pn_err *e)
{
    char *key = pn_delta_commit_key(table, version);
    struct pn_buf bytes;
    struct pn_err why = {0};
    int rc = pn_delta_log_get(table, key, &bytes, &why);
    *gone = rc != 0 && why.class_ == PN_CLASS_MISSING;
    if (rc == 0) {
        rc = pn_delta_commit_check(&table->reader, key, pn_buf_text(&bytes), bytes.len,
                                   bytes.capacity, &why);
    }
    if (rc == 0) {
        rc = pn_delta_each_line(key, pn_buf_text(&bytes), bytes.len, bytes.capacity, false, each,
                                arg, &why);
    }
    pn_err_copy(e, rc != 0 && !*gone ? &why : NULL);
    pn_buf_deinit(&bytes);
    free(key);
    return *gone ? 0 : rc;
}

/* Is a file that has left the table deleted by a vacuum? */
static int is_deleted(struct pn_delta *table, const struct pn_delta_file *file, bool *deleted,
                      struct pn_err *e)
{
    char *key = NULL;
    char *url = NULL;
    struct pn_object object;
    struct pn_err why = {0};
    int rc = pn_delta_file_place(table->store, table->path, file->path, &key, &url, &why);
    if (rc == 0 && key != NULL) {
        rc = pn_store_head(table->store, key, &object, &why);
    }
    *deleted = rc != 0 && why.class_ == PN_CLASS_MISSING;
    pn_err_copy(e, rc != 0 && !*deleted ? &why : NULL);
    free(key);
    free(url);
    return *deleted ? 0 : rc;
}

static bool is_live(const struct pn_delta_snapshot *snapshot, const struct pn_delta_file *file)
{
    size_t low = 0; /* the files are sorted by path */
    size_t high = snapshot->file_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(snapshot->files[middle].path, file->path);
        if (order == 0) {
            return true;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return false;
}

int pn_delta_added_since(struct pn_delta *table, int64_t after,
                         const struct pn_delta_snapshot *snapshot, struct pn_arena *arena,
                         struct pn_delta_file **files, size_t *count, const char **why,
                         struct pn_err *e)
{
    struct finding finding = {.reader = &table->reader, .arena = arena};
    bool gone = false;
    bool deleted = false;
    int rc = 0;
    *why = NULL;
    for (int64_t version = after + 1; rc == 0 && !gone && version <= snapshot->version; version++) {
        rc = find_commit(table, version, find_line, &finding, &gone, e);
    }
    for (size_t i = 0; rc == 0 && !gone && !deleted && i < finding.count; i++) {
        if (!is_live(snapshot, &finding.files[i])) {
            rc = is_deleted(table, &finding.files[i], &deleted, e);
        }
    }
    if (after > snapshot->version) {
        *why = "it has fewer versions than were read: it was made again";
    } else if (gone) {
        *why = "the log of what it was since the last run was cleaned";
    } else if (finding.has_removed) {
        *why = "rows of it were overwritten, changed or deleted";
    } else if (deleted) {
        *why = "a vacuum deleted files that it got since the last run";
    }
    *files = pn_arena_calloc(arena, finding.count + 1, sizeof **files);
    *count = rc == 0 && *why == NULL ? finding.count : 0;
    if (*count > 0) {
        memcpy(*files, finding.files, *count * sizeof **files);
    }
    free(finding.files);
    return rc;
}

/* --- replaced --------------------------------------------------------------------------------- */

/* What a commit says of itself. */
struct replacing {
    struct pn_delta_reader *reader;
    const char *app_id;
    bool is_own;  /* it has a txn of app_id */
    bool chooses; /* it changes or deletes rows that it chose, the others stay */
    bool has_removed;
};

static int note_line(void *arg, const char *line, size_t len, size_t capacity, struct pn_err *e)
{
    static const char *const choosing[] = {"DELETE", "UPDATE", "MERGE"};
    struct replacing *replacing = arg;
    struct pn_delta_action action;
    int rc = pn_delta_action_parse(replacing->reader, line, len, capacity, &action, e);
    if (rc != 0) {
        return rc;
    }
    if (action.kind == PN_DELTA_TXN) {
        replacing->is_own = replacing->is_own ||
                            pn_json_text_is(pn_json_get(action.body, "appId"), replacing->app_id);
    } else if (action.kind == PN_DELTA_REMOVE) {
        replacing->has_removed =
            replacing->has_removed || pn_json_get_bool(action.body, "dataChange", true);
    }
    for (size_t i = 0;
         action.kind == PN_DELTA_COMMIT_INFO && i < sizeof choosing / sizeof *choosing; i++) {
        replacing->chooses = replacing->chooses ||
                             pn_json_text_is(pn_json_get(action.body, "operation"), choosing[i]);
    }
    return 0;
}

int pn_delta_replaced_since(struct pn_delta *table, int64_t from,
                            const struct pn_delta_snapshot *snapshot, const char *app_id,
                            bool *replaced, bool *gone, struct pn_err *e)
{
    int rc = 0;
    *replaced = false;
    *gone = false;
    for (int64_t version = from > 0 ? from : 0;
         rc == 0 && !*gone && !*replaced && version <= snapshot->version; version++) {
        struct replacing replacing = {.reader = &table->reader, .app_id = app_id};
        rc = find_commit(table, version, note_line, &replacing, gone, e);
        *replaced = replacing.has_removed && !replacing.is_own && !replacing.chooses;
    }
    return rc;
}
