#include <inttypes.h>
#include <stdlib.h>

#include "delta/commit_times.h"
#include "delta/load.h"
#include "delta/maintain.h"

#define DAY_MS ((int64_t)24 * 60 * 60 * 1000)
/*
 * A commit file stays so long, whatever the retention. A writer that found its version free and is
 * still about to write it must meet the file that took the version meanwhile: were that removed
 * already, the writer would put a commit below the log's start, where no reader looks, and notice
 * only then.
 */
enum { COMMIT_AGE_MS_MIN = 60000 };

/* The version up to which the log may be cut: that of the checkpoint to keep, or -1. */
static int64_t find_cut(const struct pn_delta_log_files *log, int64_t before_ms)
{
    int64_t newest_old = -1; /* the newest commit at or before the time */
    for (size_t i = 0; i < log->count; i++) {
        const struct pn_delta_log_file *file = log->files[i];
        if (file->kind == PN_DELTA_LOG_COMMIT && file->modified_ms <= before_ms) {
            newest_old = file->version;
        }
    }
    size_t at = log->count;
    const struct pn_delta_log_file *checkpoint = pn_delta_log_checkpoint(log, newest_old, &at);
    return checkpoint != NULL ? checkpoint->version : -1;
}

static bool anything_below(const struct pn_delta_log_files *log, int64_t version)
{
    return log->count > 0 && log->files[0]->version < version;
}

/* Oldest first, so that what is left when this is cut short has no gap in it. */
static int remove_below(struct pn_delta *table, const struct pn_delta_log_files *log,
                        int64_t version, struct pn_err *e)
{
    for (size_t i = 0; i < log->count && log->files[i]->version < version; i++) {
        char *key = pn_delta_log_key(table, log->files[i]->name);
        int rc = pn_store_remove(table->store, key, e);
        free(key);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

int pn_delta_clean_log(struct pn_delta *table, const struct pn_delta_metadata *metadata,
                       struct pn_err *e)
{
    const char *enabled = pn_delta_property(metadata, "delta.enableExpiredLogCleanup");
    if (enabled != NULL && !pn_delta_property_true(metadata, "delta.enableExpiredLogCleanup")) {
        return 0;
    }
    int64_t retention_ms = pn_delta_log_retention_ms(table, metadata);
    retention_ms = retention_ms > COMMIT_AGE_MS_MIN ? retention_ms : COMMIT_AGE_MS_MIN;
    int64_t before_ms = pn_wall_ms(table->clock) - retention_ms;
    if (retention_ms >= DAY_MS) {
        before_ms -= before_ms % DAY_MS; /* by whole days, as Spark: so most commits find nothing */
    }
    struct pn_delta_log_files log;
    int rc = pn_delta_log_list(table, 0, &log, e);
    if (rc == 0) {
        pn_delta_times_rise(&log);
        int64_t cut = find_cut(&log, before_ms);
        if (cut > 0 && anything_below(&log, cut)) {
            struct pn_delta_snapshot *proof = NULL;
            rc = pn_delta_load_checkpoint(table, &log, cut, &proof, e);
            pn_delta_snapshot_destroy(&proof);
            if (rc == 0) {
                rc = remove_below(table, &log, cut, e);
            }
        }
    }
    pn_delta_log_files_deinit(&log);
    return rc;
}

int pn_delta_clean(struct pn_delta *table, struct pn_err *e)
{
    const struct pn_delta_snapshot *head = NULL;
    int rc = pn_delta_load_head(table, &head, e);
    return rc != 0 ? rc : pn_delta_clean_log(table, &head->metadata, e);
}
