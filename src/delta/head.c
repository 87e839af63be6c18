/* The handle's memory of the newest state, brought up to date commit by commit. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "delta/load.h"
#include "delta/replay.h"

enum { ADVANCE_MAX = 256 }; /* commits after which loading again, from a checkpoint, is cheaper */

/* What there is of a version's commit file; MISSING when there is none. */
static int find_commit(struct pn_delta *table, int64_t version, struct pn_object *object,
                       struct pn_err *e)
{
    char *key = pn_delta_commit_key(table, version);
    int rc = pn_store_head(table->store, key, object, e);
    free(key);
    return rc;
}

static void remember(struct pn_delta *table, struct pn_delta_snapshot *head,
                     const struct pn_object *commit)
{
    pn_delta_snapshot_destroy(&table->head);
    table->head = head;
    memcpy(table->head_etag, commit->etag, sizeof table->head_etag);
}

static int load_anew(struct pn_delta *table, struct pn_err *e)
{
    pn_delta_snapshot_destroy(&table->head);
    struct pn_delta_snapshot *head = NULL;
    int rc = pn_delta_load(table, -1, false, &head, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_object commit = {0};
    struct pn_err why = {0};
    rc = find_commit(table, head->version, &commit, &why);
    if (rc != 0 && why.class_ != PN_CLASS_MISSING) {
        pn_err_copy(e, &why);
        pn_delta_snapshot_destroy(&head);
        return rc;
    }
    remember(table, head, &commit);
    return 0;
}

static int replay_version(struct pn_delta *table, struct pn_delta_replay *replay, int64_t version,
                          struct pn_err *e)
{
    char *key = pn_delta_commit_key(table, version);
    int rc = pn_delta_replay_object(table, replay, key, e);
    free(key);
    return rc;
}

/* A new state: the commits up to `newest` on top of an older one. */
static int replay_new(struct pn_delta *table, const struct pn_delta_snapshot *older,
                      bool want_files, int64_t newest, const struct pn_object *commit,
                      struct pn_delta_snapshot **newer, struct pn_err *e)
{
    struct pn_delta_snapshot *made = pn_xcalloc(1, sizeof *made);
    pn_arena_init(&made->arena, 0);
    made->version = newest;
    made->timestamp_ms = commit->modified_ms;
    struct pn_delta_replay replay;
    pn_delta_replay_init(&replay, made, &table->reader, want_files);
    int rc = 0;
    for (int64_t version = newest; rc == 0 && version > older->version; version--) {
        rc = replay_version(table, &replay, version, e);
    }
    if (rc == 0) {
        rc = pn_delta_replay_state(&replay, older, e);
    }
    pn_delta_replay_deinit(&replay);
    if (rc != 0) {
        pn_delta_snapshot_destroy(&made);
    }
    *newer = made;
    return rc;
}

/* Asks for the following versions one by one, which on a long log costs far less than listing
 * it. */
static int find_newest(struct pn_delta *table, int64_t version, int64_t *newest,
                       struct pn_object *commit, bool *too_many, struct pn_err *e)
{
    struct pn_err why = {0};
    *newest = version;
    *too_many = false;
    for (;;) {
        struct pn_object next = {0};
        int rc = find_commit(table, *newest + 1, &next, &why);
        if (rc != 0 && why.class_ == PN_CLASS_MISSING) {
            return 0;
        }
        if (rc != 0) {
            pn_err_copy(e, &why);
            return rc;
        }
        *commit = next;
        (*newest)++;
        if (*newest - version > ADVANCE_MAX) {
            *too_many = true;
            return 0;
        }
    }
}

/* The commit file a state stands on; *stale when it is there no more. */
static int find_own(struct pn_delta *table, int64_t version, struct pn_object *commit, bool *stale,
                    struct pn_err *e)
{
    struct pn_err why = {0};
    int rc = find_commit(table, version, commit, &why);
    *stale = rc != 0 && why.class_ == PN_CLASS_MISSING;
    if (rc != 0 && !*stale) {
        pn_err_copy(e, &why);
        return rc;
    }
    return 0;
}

/* *stale when the head is not this table's, or too far behind. */
static int advance(struct pn_delta *table, bool *stale, struct pn_err *e)
{
    struct pn_object commit = {0};
    int64_t newest = 0;
    int rc = find_own(table, table->head->version, &commit, stale, e);
    *stale = *stale || strcmp(commit.etag, table->head_etag) != 0;
    if (rc != 0 || *stale) {
        return rc;
    }
    rc = find_newest(table, table->head->version, &newest, &commit, stale, e);
    if (rc != 0 || *stale || newest == table->head->version) {
        return rc;
    }
    struct pn_delta_snapshot *head = NULL;
    rc = replay_new(table, table->head, false, newest, &commit, &head, e);
    if (rc == 0) {
        remember(table, head, &commit);
    }
    return rc;
}

int pn_delta_load_newer(struct pn_delta *table, struct pn_delta_snapshot **snapshot,
                        struct pn_err *e)
{
    struct pn_delta_snapshot *older = *snapshot;
    struct pn_object commit = {0};
    int64_t newest = 0;
    bool stale = false;
    *snapshot = NULL;
    int rc = find_own(table, older->version, &commit, &stale, e);
    stale = stale || commit.modified_ms != older->timestamp_ms;
    if (rc == 0 && !stale) {
        rc = find_newest(table, older->version, &newest, &commit, &stale, e);
    }
    if (rc == 0 && stale) {
        rc = pn_delta_load(table, -1, true, snapshot, e);
    } else if (rc == 0 && newest == older->version) {
        *snapshot = older;
        return 0;
    } else if (rc == 0) {
        struct pn_err why = {0};
        rc = replay_new(table, older, true, newest, &commit, snapshot, &why);
        if (rc == 0) {
            pn_arena_take(&(*snapshot)->arena, &older->arena);
            pn_delta_sort_files(*snapshot);
        } else if (why.class_ == PN_CLASS_MISSING) { /* the log was cut while it was read */
            rc = pn_delta_load(table, -1, true, snapshot, e);
        } else {
            pn_err_copy(e, &why);
        }
    }
    pn_delta_snapshot_destroy(&older);
    return rc;
}

int pn_delta_load_head(struct pn_delta *table, const struct pn_delta_snapshot **head,
                       struct pn_err *e)
{
    bool stale = table->head == NULL;
    struct pn_err why = {0};
    int rc = stale ? 0 : advance(table, &stale, &why);
    if (rc != 0 && why.class_ == PN_CLASS_MISSING) {
        rc = 0; /* the log was cut while it was read */
        stale = true;
    }
    pn_err_copy(e, rc != 0 ? &why : NULL);
    if (rc == 0 && stale) {
        rc = load_anew(table, e);
    }
    *head = rc == 0 ? table->head : NULL;
    return rc;
}

int pn_delta_txn_latest(struct pn_delta *table, const char *app_id, int64_t *version,
                        struct pn_err *e)
{
    return pn_delta_txns_latest(table, &app_id, 1, version, e);
}

int pn_delta_txns_latest(struct pn_delta *table, const char *const *app_ids, size_t count,
                         int64_t *versions, struct pn_err *e)
{
    const struct pn_delta_snapshot *head = NULL;
    struct pn_err why = {0};
    int rc = pn_delta_load_head(table, &head, &why);
    for (size_t i = 0; i < count; i++) {
        versions[i] = rc == 0 ? pn_delta_txn_version(head, app_ids[i]) : -1;
    }
    if (rc != 0 && why.class_ == PN_CLASS_MISSING) {
        return 0;
    }
    pn_err_copy(e, rc != 0 ? &why : NULL);
    return rc;
}

int pn_delta_version_latest(struct pn_delta *table, int64_t *version, struct pn_err *e)
{
    const struct pn_delta_snapshot *head = NULL;
    struct pn_err why = {0};
    int rc = pn_delta_load_head(table, &head, &why);
    *version = rc == 0 ? head->version : -1;
    if (rc != 0 && why.class_ == PN_CLASS_MISSING) {
        return 0;
    }
    pn_err_copy(e, rc != 0 ? &why : NULL);
    return rc;
}
