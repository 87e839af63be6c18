#include "delta/replay.h"

#include <inttypes.h>
#include <isa-l/crc.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "delta/snapshot.h"

enum { SCRATCH_BYTES = 8 * 1024 };

void pn_delta_replay_init(struct pn_delta_replay *replay, struct pn_delta_snapshot *snapshot,
                          struct pn_delta_reader *reader, bool want_files)
{
    *replay =
        (struct pn_delta_replay){.snapshot = snapshot, .reader = reader, .want_files = want_files};
    pn_delta_keyset_init(&replay->files);
    pn_delta_keyset_init(&replay->apps);
    pn_arena_init(&replay->keys, 0);
    pn_arena_init(&replay->scratch, SCRATCH_BYTES);
}

void pn_delta_replay_deinit(struct pn_delta_replay *replay)
{
    pn_delta_keyset_deinit(&replay->files);
    pn_delta_keyset_deinit(&replay->apps);
    pn_arena_deinit(&replay->keys);
    pn_arena_deinit(&replay->scratch);
    free(replay->sidecars);
}

/* --- one action ---------------------------------------------------------------------------- */

static int replay_file(struct pn_delta_replay *replay, const struct pn_json *body, bool is_add,
                       struct pn_err *e)
{
    if (!replay->want_files) {
        return 0;
    }
    const char *key = NULL;
    size_t key_len = 0;
    int rc = pn_delta_read_key(body, &replay->scratch, &key, &key_len, e);
    if (rc != 0 || pn_delta_keyset_get(&replay->files, key, key_len, NULL)) {
        return rc;
    }
    struct pn_delta_snapshot *snapshot = replay->snapshot;
    struct pn_delta_file file;
    rc = pn_delta_read_file(replay->reader, body, is_add, &snapshot->arena, &file, e);
    if (rc != 0) {
        return rc;
    }
    if (is_add) {
        pn_grow((void **)&snapshot->files, &replay->file_capacity, snapshot->file_count + 1,
                sizeof *snapshot->files);
        snapshot->files[snapshot->file_count++] = file;
    } else {
        pn_grow((void **)&snapshot->removed, &replay->removed_capacity, snapshot->removed_count + 1,
                sizeof *snapshot->removed);
        snapshot->removed[snapshot->removed_count++] = file;
    }
    /* Without a deletion vector the key is the path, which the snapshot holds already. */
    const char *kept = file.path;
    if (file.deletion_vector != NULL) {
        char *copy = pn_arena_alloc(&replay->keys, key_len);
        memcpy(copy, key, key_len);
        kept = copy;
    }
    pn_delta_keyset_add(&replay->files, kept, key_len, 0);
    return 0;
}

static void add_txn(struct pn_delta_replay *replay, struct pn_delta_txn txn)
{
    struct pn_delta_snapshot *snapshot = replay->snapshot;
    size_t len = strlen(txn.app_id);
    if (pn_delta_keyset_get(&replay->apps, txn.app_id, len, NULL)) {
        return;
    }
    txn.app_id = pn_arena_strdup(&snapshot->arena, txn.app_id);
    pn_grow((void **)&snapshot->txns, &replay->txn_capacity, snapshot->txn_count + 1,
            sizeof *snapshot->txns);
    snapshot->txns[snapshot->txn_count++] = txn;
    pn_delta_keyset_add(&replay->apps, txn.app_id, len, 0);
}

static int replay_sidecar(struct pn_delta_replay *replay, const struct pn_json *body,
                          struct pn_err *e)
{
    const char *name = NULL;
    int rc = pn_delta_read_sidecar(body, &replay->keys, &name, e);
    if (rc == 0) {
        pn_grow((void **)&replay->sidecars, &replay->sidecar_capacity, replay->sidecar_count + 1,
                sizeof *replay->sidecars);
        replay->sidecars[replay->sidecar_count++] = name;
    }
    return rc;
}

static int replay_action(struct pn_delta_replay *replay, const struct pn_delta_action *action,
                         struct pn_err *e)
{
    struct pn_delta_snapshot *snapshot = replay->snapshot;
    struct pn_delta_txn txn;
    int rc = 0;
    switch (action->kind) {
    case PN_DELTA_ADD:
        return replay_file(replay, action->body, true, e);
    case PN_DELTA_REMOVE:
        return replay_file(replay, action->body, false, e);
    case PN_DELTA_TXN:
        rc = pn_delta_read_txn(action->body, &replay->scratch, &txn, e);
        if (rc == 0) {
            add_txn(replay, txn);
        }
        return rc;
    case PN_DELTA_PROTOCOL:
        if (!replay->has_protocol) {
            replay->has_protocol = true;
            rc = pn_delta_read_protocol(action->body, &snapshot->arena, &snapshot->protocol, e);
        }
        return rc;
    case PN_DELTA_METADATA:
        if (!replay->has_metadata) {
            replay->has_metadata = true;
            rc = pn_delta_read_metadata(replay->reader, action->body, &snapshot->arena,
                                        &snapshot->metadata, e);
        }
        return rc;
    case PN_DELTA_COMMIT_INFO:
        if (replay->commit_time_ms == 0) {
            replay->commit_time_ms = pn_json_get_i64(action->body, "inCommitTimestamp", 0);
        }
        return 0;
    case PN_DELTA_SIDECAR:
        return replay_sidecar(replay, action->body, e);
    case PN_DELTA_OTHER:
        return 0;
    }
    return 0;
}

int pn_delta_replay_line(struct pn_delta_replay *replay, const char *line, size_t len,
                         size_t capacity, struct pn_err *e)
{
    struct pn_delta_action action;
    int rc = pn_delta_action_parse(replay->reader, line, len, capacity, &action, e);
    if (rc == 0) {
        rc = replay_action(replay, &action, e);
    }
    pn_arena_reset(&replay->scratch);
    return rc;
}

/* Is the file one that was not seen, live or removed? */
static int is_unseen(struct pn_delta_replay *replay, const struct pn_delta_file *file, bool *unseen,
                     struct pn_err *e)
{
    const char *key = NULL;
    size_t len = 0;
    int rc = pn_delta_file_key(replay->reader, file, &replay->scratch, &key, &len, e);
    *unseen = rc == 0 && !pn_delta_keyset_get(&replay->files, key, len, NULL);
    pn_arena_reset(&replay->scratch);
    return rc;
}

static int replay_older_files(struct pn_delta_replay *replay, const struct pn_delta_snapshot *older,
                              struct pn_err *e)
{
    struct pn_delta_snapshot *snapshot = replay->snapshot;
    int rc = 0;
    bool unseen = false;
    for (size_t i = 0; rc == 0 && i < older->file_count; i++) {
        rc = is_unseen(replay, &older->files[i], &unseen, e);
        if (unseen) {
            pn_grow((void **)&snapshot->files, &replay->file_capacity, snapshot->file_count + 1,
                    sizeof *snapshot->files);
            snapshot->files[snapshot->file_count++] = older->files[i];
        }
    }
    for (size_t i = 0; rc == 0 && i < older->removed_count; i++) {
        rc = is_unseen(replay, &older->removed[i], &unseen, e);
        if (unseen) {
            pn_grow((void **)&snapshot->removed, &replay->removed_capacity,
                    snapshot->removed_count + 1, sizeof *snapshot->removed);
            snapshot->removed[snapshot->removed_count++] = older->removed[i];
        }
    }
    return rc;
}

int pn_delta_replay_state(struct pn_delta_replay *replay, const struct pn_delta_snapshot *older,
                          struct pn_err *e)
{
    if (!replay->has_protocol) {
        replay->has_protocol = true;
        pn_delta_protocol_copy(&replay->snapshot->arena, &replay->snapshot->protocol,
                               &older->protocol);
    }
    if (!replay->has_metadata) {
        replay->has_metadata = true;
        pn_delta_metadata_copy(&replay->snapshot->arena, &replay->snapshot->metadata,
                               &older->metadata);
    }
    for (size_t i = 0; i < older->txn_count; i++) {
        add_txn(replay, older->txns[i]);
    }
    return replay->want_files ? replay_older_files(replay, older, e) : 0;
}

/* --- a commit's bytes ---------------------------------------------------------------------- */

struct span {
    const char *text;
    size_t len;
};

static struct span *split_lines(const char *bytes, size_t len, size_t *count)
{
    struct span *lines = NULL;
    size_t capacity = 0;
    *count = 0;
    for (const char *at = bytes, *end = bytes + len; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline != NULL ? newline : end;
        pn_grow((void **)&lines, &capacity, *count + 1, sizeof *lines);
        lines[(*count)++] = (struct span){.text = at, .len = (size_t)(stop - at)};
        at = newline != NULL ? newline + 1 : end;
    }
    return lines;
}

int pn_delta_each_line(const char *key, const char *bytes, size_t len, size_t capacity,
                       bool backwards,
                       int (*line)(void *arg, const char *line, size_t len, size_t capacity,
                                   struct pn_err *e),
                       void *arg, struct pn_err *e)
{
    size_t count = 0;
    struct span *lines = split_lines(bytes, len, &count);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        size_t number = backwards ? count - i : i + 1;
        const struct span *span = &lines[number - 1];
        if (span->len == 0) {
            continue;
        }
        struct pn_err why = {0};
        rc = line(arg, span->text, span->len, capacity - (size_t)(span->text - bytes), &why);
        if (rc != 0) {
            pn_err_set(e, PN_CLASS_CORRUPT, rc, "%s line %zu: %s", key, number, why.msg);
        }
    }
    free(lines);
    return rc;
}

uint32_t pn_delta_crc32c(const char *bytes, size_t len)
{
    PN_ASSERT(len <= INT_MAX);
    return ~crc32_iscsi((unsigned char *)bytes, (int)len, UINT32_MAX);
}

/* How many of the bytes' lines are not empty? */
static int64_t count_lines(const char *bytes, size_t len)
{
    size_t count = 0;
    struct span *lines = split_lines(bytes, len, &count);
    int64_t full = 0;
    for (size_t i = 0; i < count; i++) {
        full += lines[i].len > 0;
    }
    free(lines);
    return full;
}

int pn_delta_commit_check(struct pn_delta_reader *reader, const char *key, const char *bytes,
                          size_t len, size_t capacity, struct pn_err *e)
{
    if (len == 0) {
        return pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL, "%s line 1: the commit is empty", key);
    }
    const char *newline = memchr(bytes, '\n', len);
    size_t first_len = newline != NULL ? (size_t)(newline - bytes) : len;
    struct pn_err why = {0};
    struct pn_delta_action action;
    int rc = pn_delta_action_parse(reader, bytes, first_len, capacity, &action, &why);
    if (rc != 0) {
        return pn_err_set(e, PN_CLASS_CORRUPT, rc, "%s line 1: %s", key, why.msg);
    }
    const char *sum = NULL;
    size_t sum_len = 0;
    if (action.kind != PN_DELTA_COMMIT_INFO ||
        !pn_json_get_text(action.body, "actionsCrc32c", &sum, &sum_len)) {
        return 0;
    }
    const char *rest = bytes + (newline != NULL ? first_len + 1 : first_len);
    size_t rest_len = len - (size_t)(rest - bytes);
    int64_t expected = pn_json_get_i64(action.body, "actions", -1);
    int64_t found = count_lines(rest, rest_len);
    if (found != expected) {
        return pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL,
                          "%s line %" PRId64 ": the commit is truncated: %" PRId64
                          " actions follow its first line, but it was written with %" PRId64,
                          key, found + 1, found, expected);
    }
    char actual[9];
    snprintf(actual, sizeof actual, "%08" PRIx32, pn_delta_crc32c(rest, rest_len));
    if (sum_len != strlen(actual) || memcmp(sum, actual, sum_len) != 0) {
        return pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL,
                          "%s line 2: the actions have changed since they were written: their "
                          "CRC-32C is %s, not %.*s",
                          key, actual, (int)sum_len, sum);
    }
    return 0;
}

static int replay_one(void *arg, const char *line, size_t len, size_t capacity, struct pn_err *e)
{
    return pn_delta_replay_line(arg, line, len, capacity, e);
}

int pn_delta_replay_commit(struct pn_delta_replay *replay, const char *key, const char *bytes,
                           size_t len, size_t capacity, struct pn_err *e)
{
    int rc = pn_delta_commit_check(replay->reader, key, bytes, len, capacity, e);
    return rc != 0 ? rc
                   : pn_delta_each_line(key, bytes, len, capacity, true, replay_one, replay, e);
}

int pn_delta_log_get(struct pn_delta *table, const char *key, struct pn_buf *out, struct pn_err *e)
{
    pn_buf_init(out, (size_t)PN_DELTA_COMMIT_BYTES_MAX + PN_JSON_PADDING);
    int rc = pn_store_get(table->store, key, out, e);
    if (rc == 0 && !pn_buf_reserve(out, PN_JSON_PADDING)) {
        rc = pn_buf_check(out, key, e);
    }
    return rc;
}

int pn_delta_replay_object(struct pn_delta *table, struct pn_delta_replay *replay, const char *key,
                           struct pn_err *e)
{
    struct pn_buf bytes;
    int rc = pn_delta_log_get(table, key, &bytes, e);
    if (rc == 0) {
        rc = pn_delta_replay_commit(replay, key, pn_buf_text(&bytes), bytes.len, bytes.capacity, e);
    }
    pn_buf_deinit(&bytes);
    return rc;
}
