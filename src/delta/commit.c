#include "delta/commit.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "delta/log_files.h"
#include "delta/maintain.h"
#include "delta/replay.h"
#include "delta/vector_write.h"

enum {
    WAIT_MS_MAX = 64,
    BLOCKED_TRIES_MAX = 20 /* in a row: a commit that was removed at once leaves the place free */
};

/* What came of one attempt that did not fail. */
enum outcome {
    COMMITTED,
    LOST,   /* another writer has the version */
    BLOCKED /* the store says that something is there, and there is no commit */
};

/* A short wait that grows with the tries and differs between the writers in each other's way. */
static void wait_a_little(int tries)
{
    uint64_t most_us = (uint64_t)(tries < 6 ? 1 << tries : WAIT_MS_MAX) * 1000;
    uint64_t wait_us = pn_entropy_u64() % most_us;
    pn_sleep_us((int64_t)wait_us);
}

/* Is the version's commit the one with our txnId? *there says whether there is one at all. */
static int read_back(struct pn_delta *table, const char *key, const char *txn_id, bool *there,
                     bool *ours, struct pn_err *e)
{
    *there = false;
    *ours = false;
    struct pn_buf bytes;
    struct pn_err why = {0};
    int rc = pn_delta_log_get(table, key, &bytes, &why);
    if (rc == 0) {
        *there = true;
        struct pn_delta_action action;
        size_t len = strcspn(pn_buf_text(&bytes), "\n");
        *ours = pn_delta_action_parse(&table->reader, pn_buf_text(&bytes), len, bytes.capacity,
                                      &action, NULL) == 0 &&
                action.kind == PN_DELTA_COMMIT_INFO &&
                pn_json_text_is(pn_json_get(action.body, "txnId"), txn_id);
    } else if (why.class_ == PN_CLASS_MISSING) {
        rc = 0;
    } else {
        pn_err_copy(e, &why);
    }
    pn_buf_deinit(&bytes);
    return rc;
}

/*
 * Writes the commit file. When the store fails, the file may be there nevertheless (a sync after
 * the link, a lost reply): what is there then decides. A commit that others can see is a commit, so
 * it counts even where its durability is in doubt; the positions in it (txn) are as durable as its
 * rows, so nothing can get lost in between.
 */
static int put_version(const struct pn_delta_attempt *attempt, const struct pn_buf *body,
                       enum outcome *outcome, struct pn_err *e)
{
    struct pn_delta *table = attempt->table;
    char *key = pn_delta_commit_key(table, attempt->version);
    struct pn_err why = {0};
    *outcome = COMMITTED;
    int rc = pn_store_put_if_absent(table->store, key, pn_buf_text(body), body->len, &why);
    if (rc != 0) {
        bool there = false;
        bool ours = false;
        struct pn_err unread = {0};
        bool conflict = why.class_ == PN_CLASS_CONFLICT;
        rc = read_back(table, key, attempt->txn_id, &there, &ours, &unread);
        if (rc != 0) {
            rc = pn_err_set(e, PN_CLASS_RETRY, PN_DELTA_UNKNOWN,
                            "whether %s was committed is unknown: %s; and reading it back: %s", key,
                            why.msg, unread.msg);
        } else if (ours) {
            pn_logger_warn(table->logger, PN_DELTA_COMPONENT,
                           "%s is committed, despite an error: %s", key, why.msg);
        } else if (there || conflict) {
            *outcome = there ? LOST : BLOCKED;
        } else {
            pn_err_copy(e, &why);
            rc = why.code;
        }
    }
    free(key);
    return rc;
}

/* Is there no such object? One that cannot be looked at may be there. */
static bool is_gone(const struct pn_delta *table, const char *key)
{
    struct pn_object object;
    struct pn_err why = {0};
    return pn_store_head(table->store, key, &object, &why) != 0 && why.class_ == PN_CLASS_MISSING;
}

/* Has a version no commit? A listing made while others commit may lack one that is there. */
static bool is_missing(const struct pn_delta *table, int64_t version)
{
    char *key = pn_delta_commit_key(table, version);
    bool missing = is_gone(table, key);
    free(key);
    return missing;
}

/* Is a commit where nobody looks? All others begin after it, or there are none. `log` is listed
 * from the version before it on, of which there is no commit, but may be a checkpoint. */
static bool is_astray(const struct pn_delta *table, const struct pn_delta_log_files *log,
                      int64_t version)
{
    if (version == 0) {
        return pn_delta_log_newest(log) > 0 && is_missing(table, 1);
    }
    size_t at = log->count;
    return pn_delta_log_commit(log, version) != NULL &&
           pn_delta_log_checkpoint(log, version, &at) == NULL;
}

/*
 * Looks whether the commit that was just made is in the table's log. It is not when the table was
 * taken away in the last moment, or when the version was free only because another writer's commit
 * of it has been cleaned away. Then it is removed, and its files have to be written again: they may
 * have gone as well.
 */
static int check_place(const struct pn_delta_attempt *attempt, struct pn_err *e)
{
    struct pn_delta *table = attempt->table;
    struct pn_delta_log_files log;
    struct pn_err why = {0};
    if (attempt->version > 0 && !is_missing(table, attempt->version - 1)) {
        return 0;
    }
    char *key = pn_delta_commit_key(table, attempt->version);
    int64_t before = attempt->version > 0 ? attempt->version - 1 : 0;
    int rc = pn_delta_log_list(table, before, &log, &why);
    bool astray = rc == 0 && is_astray(table, &log, attempt->version);
    if (astray) {
        rc = pn_store_remove(table->store, key, &why);
    }
    if (rc == 0 && astray) {
        rc = pn_err_set(
            e, PN_CLASS_RETRY, PN_FAIL,
            "%s was removed, or its log was cleaned, during a commit; nothing was committed",
            table->path);
    } else if (rc != 0) {
        rc = pn_err_set(e, PN_CLASS_RETRY, PN_DELTA_UNKNOWN,
                        "whether %s is in the table's log is unknown: %s", key, why.msg);
    }
    pn_delta_log_files_deinit(&log);
    free(key);
    return rc;
}

/* --- the data files --------------------------------------------------------------------------- */

/* Handles on the files of a commit, so that they cannot get lost while it is made. */
struct holds {
    char **held; /* for each of the adds, and then for the file of deletion vectors */
    size_t count;
};

static size_t count_new(const struct pn_delta_commit *commit)
{
    return commit->add_count + (commit->vectors != NULL && commit->vectors->path != NULL);
}

static char *key_of_new(const struct pn_delta *table, const struct pn_delta_commit *commit,
                        size_t i)
{
    return pn_xasprintf("%s/%s", table->path,
                        i < commit->add_count ? commit->adds[i].path : commit->vectors->path);
}

static int hold_files(struct pn_delta *table, const struct pn_delta_commit *commit,
                      struct holds *holds, struct pn_err *e)
{
    holds->held = pn_xcalloc(count_new(commit) + 1, sizeof(char *));
    int rc = 0;
    while (rc == 0 && holds->count < count_new(commit)) {
        struct pn_err why = {0};
        char *key = key_of_new(table, commit, holds->count);
        rc = pn_store_hold(table->store, key, &holds->held[holds->count], &why);
        if (rc != 0 && why.class_ == PN_CLASS_MISSING) {
            rc = pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                            "%s was removed before its commit (by another process's vacuum?); "
                            "nothing was committed, write its rows again",
                            key);
        } else if (rc != 0) {
            pn_err_copy(e, &why);
        } else {
            holds->count++;
        }
        free(key);
    }
    return rc;
}

/* After the commit: a file that is gone is put back, since the table cannot be read without it. */
static int restore_files(struct pn_delta *table, const struct pn_delta_commit *commit,
                         const struct holds *holds, int64_t version, struct pn_err *e)
{
    int rc = 0;
    for (size_t i = 0; i < holds->count; i++) {
        struct pn_err why = {0};
        bool restored = false;
        char *key = key_of_new(table, commit, i);
        if (pn_store_restore(table->store, key, holds->held[i], &restored, &why) != 0) {
            rc = is_gone(table, key)
                     ? pn_err_set(e, PN_CLASS_CORRUPT, PN_DELTA_LOST,
                                  "version %" PRId64
                                  " of %s is committed, but its file %s was removed meanwhile and "
                                  "cannot be restored (%s): the table cannot be read until you "
                                  "restore the file, or remove it from the table",
                                  version, table->path, key, why.msg)
                     : rc;
        } else if (restored) {
            pn_logger_warn(
                table->logger, PN_DELTA_COMPONENT,
                "%s was removed while version %" PRId64
                " that names it was committed; it is restored. Another process vacuums this table, "
                "with too short a retention or with a clock that was changed",
                key, version);
        }
        free(key);
    }
    return rc;
}

static void release_files(struct pn_delta *table, struct holds *holds)
{
    for (size_t i = 0; i < holds->count; i++) {
        struct pn_err why = {0};
        if (pn_store_release(table->store, &holds->held[i], &why) != 0) {
            pn_logger_warn(table->logger, PN_DELTA_COMPONENT,
                           "%s (a second name of a data file, which the next start removes)",
                           why.msg);
        }
    }
    free(holds->held);
}

/* --- the commit ------------------------------------------------------------------------------- */

/* *kept is the whole state that the attempt before read, if it did, and is this one's when it was
 * too slow: so the next one only reads what came in between, and is faster. */
static int try_once(struct pn_delta *table, const struct pn_delta_commit *commit,
                    const char *txn_id, struct pn_delta_snapshot **kept, enum outcome *outcome,
                    int64_t *version, struct pn_err *e)
{
    struct pn_delta_attempt attempt;
    struct pn_buf body;
    pn_buf_init(&body, PN_DELTA_COMMIT_BYTES_MAX);
    *outcome = COMMITTED;
    int rc = pn_delta_attempt_plan(&attempt, table, commit, txn_id, *kept, e);
    *kept = NULL;
    if (rc == 0) {
        rc = pn_delta_attempt_write(&attempt, &body, e);
    }
    if (rc == 0) {
        rc = put_version(&attempt, &body, outcome, e);
    }
    if (rc == 0 && *outcome == COMMITTED) {
        rc = check_place(&attempt, e);
    }
    pn_buf_deinit(&body);
    *version = rc == 0 ? attempt.version : *version;
    if (rc == 0 && *outcome == COMMITTED) {
        pn_delta_maintain(table, attempt.version, &attempt.metadata);
    }
    if (rc == 0 && *outcome != COMMITTED) {
        *kept = attempt.owned;
        attempt.owned = NULL;
    }
    pn_delta_attempt_deinit(&attempt);
    return rc;
}

static int is_blocked(const struct pn_delta *table, int64_t version, struct pn_err *e)
{
    char *key = pn_delta_commit_key(table, version);
    int rc =
        pn_err_fatal(e,
                     "%s cannot be committed: its place is taken, but not by a commit that can "
                     "be read (a folder, or a link that leads nowhere?); remove what is there",
                     key);
    free(key);
    return rc;
}

int pn_delta_commit(struct pn_delta *table, const struct pn_delta_commit *commit, int64_t *version,
                    struct pn_err *e)
{
    char txn_id[PN_UUID_SIZE];
    struct pn_delta_snapshot *kept = NULL;
    struct holds holds = {0};
    enum outcome outcome = LOST;
    int64_t tried = -1;
    int blocked = 0; /* times in a row */
    pn_uuid(txn_id);
    int rc = pn_delta_commit_check_input(table, commit, e);
    if (rc == 0) {
        rc = hold_files(table, commit, &holds, e);
    }
    for (int tries = 1; rc == 0 && outcome != COMMITTED && tries <= PN_DELTA_COMMIT_TRIES_MAX;
         tries++) {
        rc = try_once(table, commit, txn_id, &kept, &outcome, &tried, e);
        blocked = outcome == BLOCKED ? blocked + 1 : 0;
        if (rc == 0 && blocked == BLOCKED_TRIES_MAX) {
            rc = is_blocked(table, tried, e);
        } else if (rc == 0 && outcome != COMMITTED) {
            wait_a_little(tries);
        }
    }
    if (rc == 0 && outcome == COMMITTED) {
        *version = tried;
        rc = restore_files(table, commit, &holds, *version, e);
    }
    release_files(table, &holds);
    pn_delta_snapshot_destroy(&kept);
    if (rc != 0 || outcome == COMMITTED) {
        return rc;
    }
    return pn_err_set(
        e, PN_CLASS_RETRY, PN_FAIL,
        "%s: other writers were faster in all %d attempts to commit; nothing was committed",
        table->path, PN_DELTA_COMMIT_TRIES_MAX);
}
