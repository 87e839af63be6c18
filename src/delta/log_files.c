#include "delta/log_files.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { VERSION_DIGITS = 20, PART_DIGITS = 10, UUID_LEN = 36 };

/* Reads exactly `digits` digits; false when there are fewer, more, or too many for 63 bits. */
static bool take_number(const char **text, size_t digits, int64_t *value)
{
    if (strspn(*text, "0123456789") != digits) {
        return false;
    }
    errno = 0;
    *value = strtoll(*text, NULL, 10);
    *text += digits;
    return errno == 0;
}

static bool take(const char **text, const char *word)
{
    size_t len = strlen(word);
    if (strncmp(*text, word, len) != 0) {
        return false;
    }
    *text += len;
    return true;
}

static bool parse_checkpoint(const char *rest, struct pn_delta_log_file *file)
{
    if (strcmp(rest, "parquet") == 0) {
        file->kind = PN_DELTA_LOG_CHECKPOINT;
        return true;
    }
    const char *at = rest;
    if (take_number(&at, PART_DIGITS, &file->part) && take(&at, ".") &&
        take_number(&at, PART_DIGITS, &file->parts) && strcmp(at, ".parquet") == 0) {
        file->kind = PN_DELTA_LOG_CHECKPOINT_PART;
        return file->part >= 1 && file->part <= file->parts;
    }
    if (strspn(rest, "0123456789abcdefABCDEF-") != UUID_LEN) {
        return false;
    }
    file->kind = PN_DELTA_LOG_CHECKPOINT_V2;
    file->is_json = strcmp(rest + UUID_LEN, ".json") == 0;
    return file->is_json || strcmp(rest + UUID_LEN, ".parquet") == 0;
}

bool pn_delta_log_file_parse(const char *name, struct pn_delta_log_file *file)
{
    *file = (struct pn_delta_log_file){.name = name};
    const char *at = name;
    if (!take_number(&at, VERSION_DIGITS, &file->version)) {
        return false;
    }
    if (strcmp(at, ".json") == 0) {
        file->kind = PN_DELTA_LOG_COMMIT;
        return true;
    }
    if (take(&at, ".checkpoint.")) {
        return parse_checkpoint(at, file);
    }
    file->kind = PN_DELTA_LOG_EXTRA;
    int64_t last = 0;
    return strcmp(at, ".crc") == 0 || (take(&at, ".") && take_number(&at, VERSION_DIGITS, &last) &&
                                       strcmp(at, ".compacted.json") == 0);
}

struct listing {
    struct pn_delta_log_files *log;
    size_t prefix_len;
};

/* Puts a file at the end of the array, with room for it there; the count is the caller's. */
static void keep(struct pn_delta_log_files *log, const struct pn_delta_log_file *file,
                 const struct pn_object *object)
{
    struct pn_delta_log_file *kept = pn_arena_alloc(&log->arena, sizeof *kept);
    *kept = *file;
    kept->name = pn_arena_strdup(&log->arena, file->name);
    kept->size_bytes = object->size_bytes;
    kept->modified_ms = object->modified_ms;
    pn_grow((void **)&log->files, &log->capacity, log->count + 1,
            sizeof(struct pn_delta_log_file *));
    log->files[log->count] = kept;
}

static int add_file(void *arg, const struct pn_object *object)
{
    struct listing *listing = arg;
    struct pn_delta_log_files *log = listing->log;
    const char *name = object->key + listing->prefix_len;
    if (name[0] > '9') {
        return 1; /* `_last_checkpoint`, `_sidecars/...`: no versions after them */
    }
    struct pn_delta_log_file file;
    if (pn_delta_log_file_parse(name, &file)) {
        keep(log, &file, object);
        log->count++;
    }
    return 0;
}

int pn_delta_log_list(struct pn_delta *table, int64_t from, struct pn_delta_log_files *log,
                      struct pn_err *e)
{
    *log = (struct pn_delta_log_files){.from = from};
    pn_arena_init(&log->arena, 0);
    struct listing listing = {.log = log, .prefix_len = strlen(table->log_path)};
    /* A version's bare number sorts before all its files. */
    char *after = pn_xasprintf("%s%020" PRId64, table->log_path, from);
    int rc = pn_store_list(table->store, table->log_path, after, add_file, &listing, e);
    free(after);
    return rc == 1 ? 0 : rc;
}

void pn_delta_log_files_deinit(struct pn_delta_log_files *log)
{
    free(log->files);
    pn_arena_deinit(&log->arena);
    *log = (struct pn_delta_log_files){0};
}

int64_t pn_delta_log_newest(const struct pn_delta_log_files *log)
{
    for (size_t at = log->count; at > 0; at--) {
        const struct pn_delta_log_file *file = log->files[at - 1];
        size_t next = at;
        if (file->kind == PN_DELTA_LOG_COMMIT ||
            (file->kind != PN_DELTA_LOG_EXTRA &&
             pn_delta_log_checkpoint(log, file->version, &next) != NULL)) {
            return file->version;
        }
    }
    return -1;
}

const struct pn_delta_log_file *pn_delta_log_commit(const struct pn_delta_log_files *log,
                                                    int64_t version)
{
    size_t low = 0;
    size_t high = log->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (log->files[middle]->version < version) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (; low < log->count && log->files[low]->version == version; low++) {
        if (log->files[low]->kind == PN_DELTA_LOG_COMMIT) {
            return log->files[low];
        }
    }
    return NULL;
}

/* Are all parts there of the checkpoint whose first part is files[at]? */
static bool parts_complete(const struct pn_delta_log_files *log, size_t at)
{
    const struct pn_delta_log_file *first = log->files[at];
    int64_t seen = 0;
    for (; at < log->count && log->files[at]->version == first->version; at++) {
        seen += log->files[at]->kind == PN_DELTA_LOG_CHECKPOINT_PART &&
                log->files[at]->parts == first->parts;
    }
    return seen == first->parts;
}

const struct pn_delta_log_file *pn_delta_log_checkpoint(const struct pn_delta_log_files *log,
                                                        int64_t version, size_t *at)
{
    while (*at > 0) {
        const struct pn_delta_log_file *file = log->files[--*at];
        if (file->version > version) {
            continue;
        }
        if (file->kind == PN_DELTA_LOG_CHECKPOINT || file->kind == PN_DELTA_LOG_CHECKPOINT_V2 ||
            (file->kind == PN_DELTA_LOG_CHECKPOINT_PART && file->part == 1 &&
             parts_complete(log, *at))) {
            return file;
        }
    }
    return NULL;
}

int64_t pn_delta_log_oldest(const struct pn_delta_log_files *log)
{
    if (pn_delta_log_commit(log, 0) != NULL) {
        return 0;
    }
    int64_t oldest = -1;
    size_t at = log->count;
    for (;;) {
        const struct pn_delta_log_file *file = pn_delta_log_checkpoint(log, INT64_MAX, &at);
        if (file == NULL) {
            return oldest;
        }
        oldest = file->version;
    }
}

/* Looks for a commit that the listing lacks and puts it in its place. */
static int find_commit(struct pn_delta *table, struct pn_delta_log_files *log, int64_t version,
                       struct pn_err *e)
{
    char *key = pn_delta_commit_key(table, version);
    struct pn_object object = {0};
    struct pn_err why = {0};
    int rc = pn_store_head(table->store, key, &object, &why);
    if (rc != 0 && why.class_ == PN_CLASS_MISSING) {
        rc = pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL,
                        "the log of %s has a gap: version %" PRId64 " is missing (%s)", table->path,
                        version, key);
    } else if (rc != 0) {
        pn_err_copy(e, &why);
    } else {
        struct pn_delta_log_file file = {
            .name = key + strlen(table->log_path), .kind = PN_DELTA_LOG_COMMIT, .version = version};
        keep(log, &file, &object);
        struct pn_delta_log_file *found = log->files[log->count];
        size_t at = log->count++;
        for (; at > 0 && log->files[at - 1]->version > version; at--) {
            log->files[at] = log->files[at - 1];
        }
        log->files[at] = found;
    }
    free(key);
    return rc;
}

int pn_delta_log_check_commits(struct pn_delta *table, struct pn_delta_log_files *log,
                               int64_t first, int64_t last, struct pn_err *e)
{
    for (int64_t version = first; version <= last; version++) {
        if (pn_delta_log_commit(log, version) != NULL) {
            continue;
        }
        int rc = find_commit(table, log, version, e);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

int pn_delta_log_hint(struct pn_delta *table, int64_t *version, struct pn_err *e)
{
    *version = -1;
    char *key = pn_delta_log_key(table, "_last_checkpoint");
    struct pn_buf text;
    pn_buf_init(&text, PN_DELTA_HINT_BYTES_MAX);
    struct pn_err why = {0};
    struct pn_json *root = NULL;
    int rc = pn_store_get(table->store, key, &text, &why);
    if (rc == 0) {
        rc =
            pn_json_parse(table->reader.lines, pn_buf_text(&text), text.len, text.len, &root, &why);
        *version = rc == 0 ? pn_json_get_i64(root, "version", -1) : -1;
        if (*version < 0) {
            *version = -1;
            pn_logger_warn(table->logger, PN_DELTA_COMPONENT, "%s is damaged and skipped: %s", key,
                           rc != 0 ? why.msg : "it does not name a version");
        }
        rc = 0;
    } else if (why.class_ == PN_CLASS_MISSING) {
        rc = 0;
    } else if (why.class_ == PN_CLASS_INPUT) {
        pn_logger_warn(table->logger, PN_DELTA_COMPONENT, "%s is skipped: %s", key, why.msg);
        rc = 0;
    } else {
        pn_err_copy(e, &why);
    }
    pn_buf_deinit(&text);
    free(key);
    return rc;
}
