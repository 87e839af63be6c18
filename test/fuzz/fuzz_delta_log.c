/*
 * A commit file's bytes through the replay. Whatever they are, it ends with a state or a message;
 * a state is written again as a checkpoint's lines would be, and those must read back to the same
 * number of files, tombstones and transactions.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "delta/replay.h"
#include "delta/schema.h"

enum { LINES_MAX = 64 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pn_delta_snapshot *new_snapshot(void)
{
    struct pn_delta_snapshot *snapshot = pn_xcalloc(1, sizeof *snapshot);
    pn_arena_init(&snapshot->arena, 0);
    return snapshot;
}

/* The state that the bytes give, or NULL. */
static struct pn_delta_snapshot *replay(const char *bytes, size_t len, struct pn_err *e)
{
    struct pn_delta_reader reader;
    struct pn_delta_replay replay;
    struct pn_delta_snapshot *snapshot = new_snapshot();
    pn_delta_reader_init(&reader);
    pn_delta_replay_init(&replay, snapshot, &reader, true);
    int rc = pn_delta_replay_commit(&replay, "commit", bytes, len, len, e);
    if (rc == 0 && replay.has_metadata) {
        (void)pn_delta_schema_has_metadata(snapshot->metadata.schema, "delta.");
        PN_ASSERT(pn_delta_schema_equal(snapshot->metadata.schema, snapshot->metadata.schema));
    }
    if (rc != 0 || !replay.has_metadata || !replay.has_protocol) {
        pn_delta_snapshot_destroy(&snapshot);
    }
    pn_delta_replay_deinit(&replay);
    pn_delta_reader_deinit(&reader);
    return snapshot;
}

static void write_lines(const struct pn_delta_snapshot *snapshot, struct pn_buf *lines)
{
    pn_delta_write_protocol(lines, &snapshot->protocol);
    pn_delta_write_metadata(lines, &snapshot->metadata);
    for (size_t i = 0; i < snapshot->txn_count; i++) {
        pn_delta_write_txn(lines, &snapshot->txns[i]);
    }
    for (size_t i = 0; i < snapshot->removed_count; i++) {
        pn_delta_write_remove(lines, &snapshot->removed[i]);
    }
    for (size_t i = 0; i < snapshot->file_count; i++) {
        pn_delta_write_add(lines, &snapshot->files[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pn_err e = {0};
    struct pn_delta_snapshot *snapshot = replay((const char *)data, size, &e);
    if (snapshot == NULL) {
        return 0;
    }
    struct pn_buf lines;
    pn_buf_init(&lines, LINES_MAX);
    write_lines(snapshot, &lines);
    struct pn_delta_snapshot *again = replay(pn_buf_text(&lines), lines.len, &e);
    PN_ASSERT(again != NULL);
    PN_ASSERT(again->file_count == snapshot->file_count);
    PN_ASSERT(again->removed_count == snapshot->removed_count);
    PN_ASSERT(again->txn_count == snapshot->txn_count);
    PN_ASSERT(strcmp(again->metadata.schema, snapshot->metadata.schema) == 0);
    pn_delta_snapshot_destroy(&again);
    pn_delta_snapshot_destroy(&snapshot);
    pn_buf_deinit(&lines);
    return 0;
}
