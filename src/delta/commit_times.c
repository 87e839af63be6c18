#include "delta/commit_times.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "delta/load.h"
#include "delta/replay.h"

void pn_delta_times_rise(struct pn_delta_log_files *log)
{
    int64_t last_ms = INT64_MIN;
    for (size_t i = 0; i < log->count; i++) {
        struct pn_delta_log_file *file = log->files[i];
        if (file->kind != PN_DELTA_LOG_COMMIT) {
            continue;
        }
        if (file->modified_ms <= last_ms) {
            file->modified_ms = last_ms + 1;
        }
        last_ms = file->modified_ms;
    }
}

/* The inCommitTimestamp of a version; CORRUPT when it has none. */
static int read_commit_time(struct pn_delta *table, int64_t version, int64_t *time_ms,
                            struct pn_err *e)
{
    char *key = pn_delta_commit_key(table, version);
    struct pn_buf bytes;
    int rc = pn_delta_log_get(table, key, &bytes, e);
    if (rc == 0) {
        /* Where commits are stamped, the commitInfo is the first line. */
        const char *text = pn_buf_text(&bytes);
        size_t len = strcspn(text, "\n");
        struct pn_delta_action action;
        struct pn_err why = {0};
        rc = pn_delta_action_parse(&table->reader, text, len, bytes.capacity, &action, &why);
        *time_ms = rc == 0 && action.kind == PN_DELTA_COMMIT_INFO
                       ? pn_json_get_i64(action.body, "inCommitTimestamp", -1)
                       : -1;
        if (*time_ms < 0) {
            rc = pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL, "%s line 1: no inCommitTimestamp%s%s",
                            key, rc != 0 ? ": " : "", why.msg);
        }
    }
    pn_buf_deinit(&bytes);
    free(key);
    return rc;
}

/* The newest of the versions first..last whose own stamp is at or before the time, or first - 1. */
static int search_stamped(struct pn_delta *table, int64_t first, int64_t last, int64_t timestamp_ms,
                          int64_t *version, struct pn_err *e)
{
    int64_t low = first;
    int64_t high = last + 1;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        int64_t time_ms = 0;
        int rc = read_commit_time(table, middle, &time_ms, e);
        if (rc != 0) {
            return rc;
        }
        if (time_ms <= timestamp_ms) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *version = low - 1;
    return 0;
}

/* From which version on commits are stamped; the newest + 1 when none is. */
static int64_t stamped_from(const struct pn_delta_snapshot *head)
{
    if (!pn_delta_property_true(&head->metadata, "delta.enableInCommitTimestamps")) {
        return head->version + 1;
    }
    const char *text =
        pn_delta_property(&head->metadata, "delta.inCommitTimestampEnablementVersion");
    int64_t version = 0;
    return text != NULL && pn_parse_i64(text, &version, NULL) == 0 && version > 0 ? version : 0;
}

static int search(struct pn_delta *table, struct pn_delta_log_files *log,
                  const struct pn_delta_snapshot *head, int64_t timestamp_ms, int64_t *version,
                  struct pn_err *e)
{
    int64_t oldest = pn_delta_log_oldest(log);
    int64_t stamped = stamped_from(head);
    int64_t oldest_ms = 0;
    *version = -1;
    pn_delta_times_rise(log);
    for (size_t i = 0; i < log->count; i++) {
        const struct pn_delta_log_file *file = log->files[i];
        if (file->kind != PN_DELTA_LOG_COMMIT || file->version < oldest ||
            file->version >= stamped) {
            continue;
        }
        oldest_ms = oldest_ms == 0 ? file->modified_ms : oldest_ms;
        if (file->modified_ms <= timestamp_ms) {
            *version = file->version;
        }
    }
    if (stamped <= head->version) {
        int64_t first = stamped > oldest ? stamped : oldest;
        int64_t found = -1;
        int rc = search_stamped(table, first, head->version, timestamp_ms, &found, e);
        if (rc != 0) {
            return rc;
        }
        if (found >= first) {
            *version = found;
        }
        if (oldest_ms == 0) {
            rc = read_commit_time(table, first, &oldest_ms, e);
            if (rc != 0) {
                return rc;
            }
        }
    }
    if (*version < 0) {
        char asked[PN_ISO8601_SIZE];
        char first[PN_ISO8601_SIZE];
        return pn_err_missing(
            e, "%s has no version as old as %s: the oldest available is %" PRId64 " of %s",
            table->path, pn_iso8601(timestamp_ms, asked), oldest, pn_iso8601(oldest_ms, first));
    }
    return 0;
}

int pn_delta_version_at(struct pn_delta *table, int64_t timestamp_ms, int64_t *version,
                        struct pn_err *e)
{
    struct pn_delta_snapshot *head = NULL;
    struct pn_delta_log_files log;
    int rc = pn_delta_load(table, -1, false, &head, e);
    if (rc != 0) {
        return rc;
    }
    rc = pn_delta_log_list(table, 0, &log, e);
    if (rc == 0) {
        rc = search(table, &log, head, timestamp_ms, version, e);
    }
    pn_delta_log_files_deinit(&log);
    pn_delta_snapshot_destroy(&head);
    return rc;
}
