#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "delta/commit_times.h"
#include "delta/features.h"
#include "delta/load.h"

int pn_delta_snapshot(struct pn_delta *table, int64_t version, struct pn_delta_snapshot **snapshot,
                      struct pn_err *e)
{
    PN_ASSERT(version >= -1);
    struct pn_delta_snapshot *loaded = NULL;
    int rc = pn_delta_load(table, version, true, &loaded, e);
    if (rc == 0) {
        rc = pn_delta_check_readable(table, loaded, e);
    }
    if (rc == 0) {
        *snapshot = loaded;
        loaded = NULL;
    }
    pn_delta_snapshot_destroy(&loaded);
    return rc;
}

int pn_delta_snapshot_at(struct pn_delta *table, int64_t timestamp_ms,
                         struct pn_delta_snapshot **snapshot, struct pn_err *e)
{
    int64_t version = -1;
    int rc = pn_delta_version_at(table, timestamp_ms, &version, e);
    return rc != 0 ? rc : pn_delta_snapshot(table, version, snapshot, e);
}

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
