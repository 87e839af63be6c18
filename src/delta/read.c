/* A table's state, for readers: as of a version, or of a time. */
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
