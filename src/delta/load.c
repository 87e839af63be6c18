#include "delta/load.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "delta/replay.h"

enum { LOAD_TRIES_MAX = 3 }; /* against a log that is cleaned while it is read */

static int missing_table(const struct pn_delta *table, struct pn_err *e)
{
    return pn_err_missing(e, "there is no Delta table at %s (its _delta_log is empty)",
                          table->path);
}

/* --- one commit, one checkpoint -------------------------------------------------------------- */

static int replay_commit_file(struct pn_delta *table, struct pn_delta_replay *replay,
                              const char *name, struct pn_err *e)
{
    char *key = pn_delta_log_key(table, name);
    int rc = pn_delta_replay_object(table, replay, key, e);
    free(key);
    return rc;
}

static int replay_row(void *arg, const char *json, size_t len, struct pn_err *e)
{
    return pn_delta_replay_line(arg, json, len, len, e);
}

static int replay_parquet(struct pn_delta *table, struct pn_delta_replay *replay, const char *name,
                          struct pn_err *e)
{
    char *key = pn_delta_log_key(table, name);
    int rc = 0;
    if (table->parquet == NULL) {
        rc = pn_err_set(e, PN_CLASS_FATAL, PN_FAIL,
                        "%s cannot be read: no engine was given to read Parquet", key);
    } else {
        struct pn_err why = {0};
        rc = table->parquet->read_checkpoint(table->parquet->ctx, key, replay_row, replay, &why);
        if (rc != 0) {
            enum pn_class class_ = why.class_ == PN_CLASS_INPUT ? PN_CLASS_CORRUPT : why.class_;
            pn_err_set(e, class_, rc, "%s: %s", key, why.msg);
        }
    }
    free(key);
    return rc;
}

/* All files of a checkpoint: its parts, or itself and the sidecars it names. */
static int replay_checkpoint(struct pn_delta *table, struct pn_delta_replay *replay,
                             const struct pn_delta_log_files *log,
                             const struct pn_delta_log_file *file, struct pn_err *e)
{
    int rc = 0;
    if (file->kind == PN_DELTA_LOG_CHECKPOINT_PART) {
        for (size_t i = 0; rc == 0 && i < log->count; i++) {
            const struct pn_delta_log_file *part = log->files[i];
            if (part->version == file->version && part->kind == PN_DELTA_LOG_CHECKPOINT_PART &&
                part->parts == file->parts) {
                rc = replay_parquet(table, replay, part->name, e);
            }
        }
    } else if (file->is_json) {
        rc = replay_commit_file(table, replay, file->name, e);
    } else {
        rc = replay_parquet(table, replay, file->name, e);
    }
    for (size_t i = 0; rc == 0 && replay->want_files && i < replay->sidecar_count; i++) {
        char *name = pn_xasprintf("_sidecars/%s", replay->sidecars[i]);
        rc = replay_parquet(table, replay, name, e);
        free(name);
    }
    if (rc == 0 && (!replay->has_protocol || !replay->has_metadata)) {
        rc =
            pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL, "the checkpoint %s%s has no %s",
                       table->log_path, file->name, replay->has_protocol ? "metadata" : "protocol");
    }
    return rc;
}

/* --- a state --------------------------------------------------------------------------------- */

static int by_path(const void *one, const void *other)
{
    const struct pn_delta_file *a = one;
    const struct pn_delta_file *b = other;
    int order = strcmp(a->path, b->path);
    if (order != 0) {
        return order;
    }
    return strcmp(a->deletion_vector != NULL ? a->deletion_vector : "",
                  b->deletion_vector != NULL ? b->deletion_vector : "");
}

static void sort_files(struct pn_delta_file *files, size_t count)
{
    if (count > 1) {
        qsort(files, count, sizeof *files, by_path);
    }
}

void pn_delta_sort_files(struct pn_delta_snapshot *snapshot)
{
    sort_files(snapshot->files, snapshot->file_count);
    sort_files(snapshot->removed, snapshot->removed_count);
}

/* What a state is given when it is whole: its time, and its files in order. */
static void finish(struct pn_delta_snapshot *snapshot, const struct pn_delta_log_files *log,
                   const struct pn_delta_log_file *checkpoint, int64_t commit_time_ms)
{
    const struct pn_delta_log_file *commit = pn_delta_log_commit(log, snapshot->version);
    snapshot->timestamp_ms = commit != NULL ? commit->modified_ms : checkpoint->modified_ms;
    if (commit_time_ms > 0 &&
        pn_delta_property_true(&snapshot->metadata, "delta.enableInCommitTimestamps")) {
        snapshot->timestamp_ms = commit_time_ms;
    }
    pn_delta_sort_files(snapshot);
}

/* The state at `version` from one checkpoint (NULL: from the first commit) and the commits after
 * it, which are all there. On failure *blame_checkpoint says whether the checkpoint is at fault. */
static int build(struct pn_delta *table, const struct pn_delta_log_files *log,
                 const struct pn_delta_log_file *checkpoint, int64_t version, bool want_files,
                 struct pn_delta_snapshot **out, bool *blame_checkpoint, struct pn_err *e)
{
    struct pn_delta_snapshot *snapshot = pn_xcalloc(1, sizeof *snapshot);
    pn_arena_init(&snapshot->arena, 0);
    snapshot->version = version;
    struct pn_delta_replay replay;
    pn_delta_replay_init(&replay, snapshot, &table->reader, want_files);
    int64_t base = checkpoint != NULL ? checkpoint->version : -1;
    int64_t commit_time_ms = 0;
    int rc = 0;
    for (int64_t at = version; rc == 0 && at > base; at--) {
        rc = replay_commit_file(table, &replay, pn_delta_log_commit(log, at)->name, e);
        commit_time_ms = at == version ? replay.commit_time_ms : commit_time_ms;
    }
    *blame_checkpoint = rc == 0 && checkpoint != NULL;
    if (rc == 0 && checkpoint != NULL) {
        rc = replay_checkpoint(table, &replay, log, checkpoint, e);
    }
    if (rc == 0 && (!replay.has_protocol || !replay.has_metadata)) {
        rc = pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL,
                        "the log of %s has no %s up to version %" PRId64, table->path,
                        replay.has_protocol ? "metadata" : "protocol", version);
    }
    if (rc == 0) {
        finish(snapshot, log, checkpoint, commit_time_ms);
        *out = snapshot;
        snapshot = NULL;
    }
    pn_delta_replay_deinit(&replay);
    pn_delta_snapshot_destroy(&snapshot);
    return rc;
}

/* Is `version` (-1: the newest) one that a listing from the beginning can give? */
static int check_version(const struct pn_delta *table, const struct pn_delta_log_files *log,
                         int64_t *version, struct pn_err *e)
{
    int64_t newest = pn_delta_log_newest(log);
    int64_t oldest = pn_delta_log_oldest(log);
    if (newest < 0) {
        return missing_table(table, e);
    }
    if (*version < 0) {
        *version = newest;
    }
    if (oldest < 0) {
        return pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL,
                          "the log of %s has a gap: version 0 is missing, and there is no "
                          "checkpoint",
                          table->path);
    }
    if (*version > newest || *version < oldest) {
        return pn_err_missing(
            e, "%s has no version %" PRId64 "%s: the oldest is %" PRId64 ", the newest %" PRId64,
            table->path, *version, *version < oldest ? " any more" : "", oldest, newest);
    }
    return 0;
}

/* Tries the checkpoints of a listing, newest first, and, when it is whole, the commits alone. */
static int build_from(struct pn_delta *table, struct pn_delta_log_files *log, int64_t version,
                      bool want_files, struct pn_delta_snapshot **snapshot, struct pn_err *e)
{
    struct pn_err first = {0}; /* what was wrong with the newest checkpoint */
    size_t at = log->count;
    for (;;) {
        struct pn_err why = {0};
        const struct pn_delta_log_file *checkpoint = pn_delta_log_checkpoint(log, version, &at);
        if (checkpoint == NULL && log->from > 0) {
            why = (struct pn_err){.code = PN_FAIL, .class_ = PN_CLASS_CORRUPT};
            snprintf(why.msg, sizeof why.msg, "%s has no checkpoint from version %" PRId64 " on",
                     table->log_path, log->from);
            pn_err_copy(e, first.code != 0 ? &first : &why);
            return PN_FAIL;
        }
        int64_t base = checkpoint != NULL ? checkpoint->version : -1;
        bool blame_checkpoint = false;
        int rc = pn_delta_log_check_commits(table, log, base + 1, version, &why);
        if (rc == 0) {
            rc = build(table, log, checkpoint, version, want_files, snapshot, &blame_checkpoint,
                       &why);
        }
        if (rc == 0 || !blame_checkpoint || why.class_ == PN_CLASS_RETRY) {
            pn_err_copy(e, rc != 0 && first.code != 0 ? &first : &why);
            return rc;
        }
        if (first.code == 0) {
            first = why;
        }
        if (log->from == 0) {
            pn_logger_warn(table->logger, PN_DELTA_COMPONENT, "older files are read instead: %s",
                           why.msg);
        }
    }
}

int pn_delta_load(struct pn_delta *table, int64_t version, bool want_files,
                  struct pn_delta_snapshot **snapshot, struct pn_err *e)
{
    int64_t from = 0;
    int rc = pn_delta_log_hint(table, &from, e);
    if (rc != 0) {
        return rc;
    }
    if (from < 0 || (version >= 0 && from > version)) {
        from = 0;
    }
    for (int tries = 1;; tries++) {
        struct pn_delta_log_files log;
        struct pn_err why = {0};
        int64_t wanted = version;
        rc = pn_delta_log_list(table, from, &log, &why);
        bool listed = rc == 0;
        if (rc == 0 && from == 0) {
            rc = check_version(table, &log, &wanted, &why);
            listed = rc == 0;
        } else if (rc == 0 && wanted < 0) {
            wanted = pn_delta_log_newest(&log);
        }
        if (rc == 0) {
            rc = wanted < from ? PN_FAIL
                               : build_from(table, &log, wanted, want_files, snapshot, &why);
        }
        pn_delta_log_files_deinit(&log);
        /* A hint may lead astray, and the log may be cleaned while it is read: both are made good
         * by listing it again, whole. */
        bool again = listed && why.class_ != PN_CLASS_RETRY && (from > 0 || tries < LOAD_TRIES_MAX);
        if (rc == 0 || !again) {
            if (listed && why.class_ == PN_CLASS_MISSING) {
                why.class_ =
                    PN_CLASS_RETRY; /* a file vanished each time: the table itself exists */
            }
            pn_err_copy(e, rc != 0 ? &why : NULL);
            return rc;
        }
        from = 0;
    }
}

int pn_delta_load_checkpoint(struct pn_delta *table, const struct pn_delta_log_files *log,
                             int64_t version, struct pn_delta_snapshot **snapshot, struct pn_err *e)
{
    size_t at = log->count;
    const struct pn_delta_log_file *checkpoint = pn_delta_log_checkpoint(log, version, &at);
    PN_ASSERT(checkpoint != NULL && checkpoint->version == version);
    bool blame_checkpoint = false;
    return build(table, log, checkpoint, version, true, snapshot, &blame_checkpoint, e);
}
