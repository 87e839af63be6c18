/* A table's state, for readers: as of a version, or of a time. */
#include <string.h>

#include "base/time_text.h"
#include "base/units.h"
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

/* Each refresh keeps what the ones before had read, and lists the files again: after so much
 * of it the log is read from its start. */
static bool is_bloated(const struct pn_delta_snapshot *snapshot)
{
    enum { BYTES_MIN = 16 << 20, FILE_BYTES = 8192 };
    return snapshot->arena.total_bytes / FILE_BYTES >
           BYTES_MIN / FILE_BYTES + snapshot->file_count + snapshot->removed_count;
}

int pn_delta_refresh(struct pn_delta *table, struct pn_delta_snapshot **snapshot, struct pn_err *e)
{
    if (*snapshot != NULL && is_bloated(*snapshot)) {
        pn_delta_snapshot_destroy(snapshot);
    }
    if (*snapshot == NULL) {
        return pn_delta_snapshot(table, -1, snapshot, e);
    }
    int rc = pn_delta_load_newer(table, snapshot, e);
    if (rc == 0) {
        rc = pn_delta_check_readable(table, *snapshot, e);
    }
    if (rc != 0) {
        pn_delta_snapshot_destroy(snapshot);
    }
    return rc;
}

int pn_delta_snapshot_at(struct pn_delta *table, int64_t timestamp_ms,
                         struct pn_delta_snapshot **snapshot, struct pn_err *e)
{
    int64_t version = -1;
    int rc = pn_delta_version_at(table, timestamp_ms, &version, e);
    return rc != 0 ? rc : pn_delta_snapshot(table, version, snapshot, e);
}

int pn_delta_moment_parse(const char *text, struct pn_delta_moment *moment, struct pn_err *e)
{
    *moment = (struct pn_delta_moment){.is_time = text[strspn(text, "0123456789")] != '\0'};
    bool good = moment->is_time
                    ? pn_time_parse_ms(text, &moment->value)
                    : pn_parse_i64(text, &moment->value, NULL) == 0 && moment->value >= 0;
    return good ? 0
                : pn_err_input(e,
                               "'%.80s' is not a version or a time: give a version such as 3, a "
                               "time such as 2026-11-23T15:44:43Z or 2026-11-23T15:44, or a day "
                               "such as 2026-11-23",
                               text);
}

int pn_delta_snapshot_of(struct pn_delta *table, const struct pn_delta_moment *moment,
                         struct pn_delta_snapshot **snapshot, struct pn_err *e)
{
    return moment->is_time ? pn_delta_snapshot_at(table, moment->value, snapshot, e)
                           : pn_delta_snapshot(table, moment->value, snapshot, e);
}
