/* What a snapshot is made of: copies of its parts, its end, and its transactions. */
#include <stdlib.h>
#include <string.h>

#include "delta/snapshot.h"

/* --- copies ----------------------------------------------------------------------------------- */

void pn_delta_protocol_copy(struct pn_arena *arena, struct pn_delta_protocol *to,
                            const struct pn_delta_protocol *from)
{
    *to = *from;
    if (from->reader_features != NULL) {
        to->reader_features =
            pn_delta_list_copy(arena, from->reader_features, from->reader_feature_count);
    }
    if (from->writer_features != NULL) {
        to->writer_features =
            pn_delta_list_copy(arena, from->writer_features, from->writer_feature_count);
    }
}

static const char *copy_text(struct pn_arena *arena, const char *text)
{
    return text != NULL ? pn_arena_strdup(arena, text) : NULL;
}

const char **pn_delta_list_copy(struct pn_arena *arena, const char *const *items, size_t count)
{
    const char **copy = pn_arena_calloc(arena, count + 1, sizeof *copy);
    for (size_t i = 0; i < count; i++) {
        copy[i] = pn_arena_strdup(arena, items[i]);
    }
    return copy;
}

void pn_delta_metadata_copy(struct pn_arena *arena, struct pn_delta_metadata *to,
                            const struct pn_delta_metadata *from)
{
    *to = *from;
    to->id = copy_text(arena, from->id);
    to->name = copy_text(arena, from->name);
    to->description = copy_text(arena, from->description);
    to->schema = copy_text(arena, from->schema);
    to->partition_columns =
        pn_delta_list_copy(arena, from->partition_columns, from->partition_column_count);
    to->configuration =
        pn_arena_calloc(arena, from->configuration_count + 1, sizeof *to->configuration);
    for (size_t i = 0; i < from->configuration_count; i++) {
        to->configuration[i].key = copy_text(arena, from->configuration[i].key);
        to->configuration[i].value = copy_text(arena, from->configuration[i].value);
    }
}

/* --- the end ---------------------------------------------------------------------------------- */

void pn_delta_snapshot_destroy(struct pn_delta_snapshot **snapshot)
{
    if (*snapshot == NULL) {
        return;
    }
    free((*snapshot)->files);
    free((*snapshot)->removed);
    free((*snapshot)->txns);
    pn_arena_deinit(&(*snapshot)->arena);
    free(*snapshot);
    *snapshot = NULL;
}

/* --- transactions ----------------------------------------------------------------------------- */

const struct pn_delta_txn *pn_delta_txn_of(const struct pn_delta_snapshot *snapshot,
                                           const char *app_id)
{
    for (size_t i = 0; i < snapshot->txn_count; i++) {
        if (strcmp(snapshot->txns[i].app_id, app_id) == 0) {
            return &snapshot->txns[i];
        }
    }
    return NULL;
}

int64_t pn_delta_txn_version(const struct pn_delta_snapshot *snapshot, const char *app_id)
{
    const struct pn_delta_txn *txn = pn_delta_txn_of(snapshot, app_id);
    return txn != NULL ? txn->version : -1;
}

int64_t pn_delta_snapshot_rows(const struct pn_delta_snapshot *snapshot)
{
    int64_t rows = 0;
    for (size_t i = 0; i < snapshot->file_count; i++) {
        if (snapshot->files[i].num_records < 0) {
            return -1;
        }
        rows += snapshot->files[i].num_records;
    }
    return rows;
}

int64_t pn_delta_snapshot_bytes(const struct pn_delta_snapshot *snapshot)
{
    int64_t bytes = 0;
    for (size_t i = 0; i < snapshot->file_count; i++) {
        int64_t size = snapshot->files[i].size_bytes;
        if (size > 0 && __builtin_add_overflow(bytes, size, &bytes)) {
            return INT64_MAX;
        }
    }
    return bytes;
}
