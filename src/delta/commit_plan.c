#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "delta/commit.h"
#include "delta/features.h"
#include "delta/keyset.h"
#include "delta/load.h"
#include "delta/schema.h"
#include "delta/snapshot.h"
#include "delta/uri.h"
#include "delta/vector_write.h"

enum { TXN_TEXT_SIZE = 32 };

/* --- what the caller gave -------------------------------------------------------------------- */

/* Is the path another than it seems, by detours, or outside the table? */
static bool strays(const char *path)
{
    char *clean = pn_store_normalize(path);
    bool is_other = strcmp(clean, path) != 0 || strncmp(clean, "..", 2) == 0;
    free(clean);
    return is_other;
}

static int check_adds(const struct pn_delta *table, const struct pn_delta_commit *commit,
                      struct pn_err *e)
{
    struct pn_delta_keyset seen;
    pn_delta_keyset_init(&seen);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < commit->add_count; i++) {
        const char *path = commit->adds[i].path;
        size_t len = strlen(path);
        if (len == 0 || pn_delta_path_is_absolute(path) || strays(path)) {
            rc = pn_err_input(e, "%s: '%s' is not a path within the table", table->path, path);
        } else if (commit->adds[i].size_bytes < 0) {
            rc = pn_err_input(e, "%s: the size of %s is missing", table->path, path);
        } else if (pn_delta_keyset_get(&seen, path, len, NULL)) {
            rc = pn_err_input(e, "%s: %s is added twice in one commit", table->path, path);
        } else {
            pn_delta_keyset_add(&seen, path, len, i);
        }
    }
    pn_delta_keyset_deinit(&seen);
    return rc;
}

static int check_txns(const struct pn_delta *table, const struct pn_delta_commit *commit,
                      struct pn_err *e)
{
    struct pn_delta_keyset seen;
    int rc = 0;
    pn_delta_keyset_init(&seen);
    for (size_t i = 0; rc == 0 && i < commit->txn_count; i++) {
        const struct pn_delta_txn *txn = &commit->txns[i];
        size_t len = strlen(txn->app_id);
        if (commit->mode != PN_DELTA_OVERWRITE && commit->txns_before != NULL &&
            txn->version < commit->txns_before[i]) {
            rc = pn_err_input(
                e, "%s: the transaction %" PRId64 " of %s is below the %" PRId64 " it follows",
                table->path, txn->version, txn->app_id, commit->txns_before[i]);
        } else if (pn_delta_keyset_get(&seen, txn->app_id, len, NULL)) {
            rc = pn_err_input(e, "%s: the application %s has two transactions in one commit",
                              table->path, txn->app_id);
        } else {
            pn_delta_keyset_add(&seen, txn->app_id, len, i);
        }
    }
    pn_delta_keyset_deinit(&seen);
    return rc;
}

static int check_schema(struct pn_delta *table, const struct pn_delta_commit *commit,
                        struct pn_err *e)
{
    if (commit->schema == NULL) {
        return 0;
    }
    int rc = pn_delta_schema_check(table->reader.texts, commit->schema, e);
    for (size_t i = 0; rc == 0 && i < commit->partition_column_count; i++) {
        if (!pn_delta_schema_has_column(commit->schema, commit->partition_columns[i])) {
            rc = pn_err_input(e, "the schema lacks the partition column '%s'",
                              commit->partition_columns[i]);
        }
    }
    if (rc != 0) {
        pn_err_prefix(e, "%s", table->path);
    }
    return rc;
}

static bool has_removes(const struct pn_delta_commit *commit)
{
    return commit->mode == PN_DELTA_REWRITE || commit->mode == PN_DELTA_REPLACE ||
           commit->mode == PN_DELTA_RESTORE;
}

int pn_delta_commit_check_input(struct pn_delta *table, const struct pn_delta_commit *commit,
                                struct pn_err *e)
{
    PN_ASSERT(commit->operation != NULL);
    PN_ASSERT(has_removes(commit) || commit->remove_count == 0);
    PN_ASSERT(commit->mode == PN_DELTA_REPLACE || commit->vectors == NULL);
    PN_ASSERT((commit->mode == PN_DELTA_RESTORE) == (commit->metadata != NULL));
    int rc = check_adds(table, commit, e);
    if (rc == 0) {
        rc = check_txns(table, commit, e);
    }
    if (rc == 0) {
        rc = check_schema(table, commit, e);
    }
    return rc;
}

/* --- the state it stands on ------------------------------------------------------------------- */

/* A blind append needs no files, so it gets by with the handle's head. */
static int read_state(struct pn_delta_attempt *attempt, struct pn_err *e)
{
    struct pn_err why = {0};
    int rc = 0;
    if (attempt->commit->mode == PN_DELTA_APPEND) {
        rc = pn_delta_load_head(attempt->table, &attempt->state, &why);
    } else {
        rc = attempt->owned == NULL ? pn_delta_load(attempt->table, -1, true, &attempt->owned, &why)
                                    : pn_delta_load_newer(attempt->table, &attempt->owned, &why);
        attempt->state = attempt->owned;
    }
    if (rc != 0 && why.class_ == PN_CLASS_MISSING && attempt->commit->mode != PN_DELTA_REWRITE) {
        attempt->state = NULL;
        return 0;
    }
    if (rc == 0) {
        rc = pn_delta_check_writable(attempt->table, attempt->state, &why);
    }
    if (rc != 0) {
        pn_err_copy(e, &why);
    }
    return rc;
}

static int seen_conflict(const struct pn_delta_attempt *attempt, const struct pn_delta_txn *txn,
                         int64_t seen, struct pn_err *e)
{
    return pn_err_set(e, PN_CLASS_CONFLICT, PN_DELTA_TXN_SEEN,
                      "%s already has the transaction %" PRId64 " of %s (it is at %" PRId64
                      "); nothing was written",
                      attempt->table->path, txn->version, txn->app_id, seen);
}

static const char *txn_text(int64_t version, char text[TXN_TEXT_SIZE])
{
    if (version < 0) {
        return "not set";
    }
    (void)snprintf(text, TXN_TEXT_SIZE, "at %" PRId64, version);
    return text;
}

/* The transaction is not where the caller read it. */
static int moved_conflict(const struct pn_delta_attempt *attempt, const char *app_id, int64_t seen,
                          int64_t before, struct pn_err *e)
{
    char is[TXN_TEXT_SIZE];
    char was[TXN_TEXT_SIZE];
    return pn_err_set(e, PN_CLASS_CONFLICT, PN_DELTA_TXN_SEEN,
                      "%s: another writer committed meanwhile: the transaction %s is %s, and was "
                      "%s; nothing was written",
                      attempt->table->path, app_id, txn_text(seen, is), txn_text(before, was));
}

static int check_seen(const struct pn_delta_attempt *attempt, struct pn_err *e)
{
    const struct pn_delta_commit *commit = attempt->commit;
    for (size_t i = 0; i < commit->txn_count; i++) {
        const struct pn_delta_txn *txn = &commit->txns[i];
        const int64_t *before = commit->txns_before != NULL ? &commit->txns_before[i] : NULL;
        const int64_t seen =
            attempt->state != NULL ? pn_delta_txn_version(attempt->state, txn->app_id) : -1;
        if (before == NULL ? seen < txn->version : *before == PN_DELTA_TXN_ANY || *before == seen) {
            continue; /* its version may follow the one before: that was checked */
        }
        return before == NULL || (seen >= txn->version && txn->version > *before)
                   ? seen_conflict(attempt, txn, seen, e)
                   : moved_conflict(attempt, txn->app_id, seen, *before, e);
    }
    return 0;
}

static int check_moved(const struct pn_delta_attempt *attempt, struct pn_err *e)
{
    const int64_t *read = attempt->commit->read_version;
    int64_t now = attempt->version - 1;
    return read == NULL || *read == now
               ? 0
               : pn_err_set(e, PN_CLASS_CONFLICT, PN_DELTA_MOVED,
                            "%s is at version %" PRId64 ", not at %" PRId64
                            " any more: another writer committed; nothing was written",
                            attempt->table->path, now, *read);
}

/* --- files ------------------------------------------------------------------------------------ */

/* Every added file has a value, or null, for each partition column. */
static int check_partitions(const struct pn_delta_attempt *attempt, struct pn_err *e)
{
    const struct pn_delta_metadata *metadata = &attempt->metadata;
    for (size_t i = 0; i < attempt->commit->add_count; i++) {
        const struct pn_delta_file *file = &attempt->commit->adds[i];
        bool same = file->partition_value_count == metadata->partition_column_count;
        for (size_t j = 0; same && j < metadata->partition_column_count; j++) {
            same = false;
            for (size_t k = 0; !same && k < file->partition_value_count; k++) {
                same = strcmp(file->partition_values[k].key, metadata->partition_columns[j]) == 0;
            }
        }
        if (!same) {
            return pn_err_input(e, "%s: the partition values of %s do not match those of the table",
                                attempt->table->path, file->path);
        }
    }
    return 0;
}

static void add_remove(struct pn_delta_attempt *attempt, const struct pn_delta_file *file)
{
    struct pn_delta_file *remove = &attempt->removes[attempt->remove_count++];
    *remove = *file;
    remove->deleted_ms = attempt->now_ms;
    remove->data_change = attempt->commit->mode != PN_DELTA_REWRITE;
}

static int plan_overwrite(struct pn_delta_attempt *attempt, struct pn_err *e)
{
    if (attempt->state == NULL) {
        return 0;
    }
    if (attempt->state->file_count > 0 &&
        pn_delta_property_true(&attempt->metadata, "delta.appendOnly")) {
        return pn_err_input(e, "%s is append-only (delta.appendOnly): it cannot be overwritten",
                            attempt->table->path);
    }
    attempt->removes = pn_xcalloc(attempt->state->file_count + 1, sizeof *attempt->removes);
    for (size_t i = 0; i < attempt->state->file_count; i++) {
        add_remove(attempt, &attempt->state->files[i]);
    }
    return 0;
}

/* Both sides must have the same number of rows, where statistics have it. */
static int check_rows(const struct pn_delta_attempt *attempt, struct pn_err *e)
{
    int64_t removed = 0;
    int64_t added = 0;
    for (size_t i = 0; i < attempt->remove_count; i++) {
        if (attempt->removes[i].num_records < 0) {
            return 0;
        }
        removed += attempt->removes[i].num_records;
    }
    for (size_t i = 0; i < attempt->commit->add_count; i++) {
        if (attempt->commit->adds[i].num_records < 0) {
            return 0;
        }
        added += attempt->commit->adds[i].num_records;
    }
    return added == removed
               ? 0
               : pn_err_input(e,
                              "%s: the files to be replaced have %" PRId64 " rows, their "
                              "replacements %" PRId64 "; nothing was written",
                              attempt->table->path, removed, added);
}

/* A file that the caller knows, as the newest state has it. */
static int remove_live(struct pn_delta_attempt *attempt, const struct pn_delta_keyset *live,
                       const struct pn_delta_file *file, struct pn_err *e)
{
    const char *key = NULL;
    size_t len = 0;
    size_t at = 0;
    int rc = pn_delta_file_key(&attempt->table->reader, file, &attempt->arena, &key, &len, e);
    if (rc == 0 && !pn_delta_keyset_get(live, key, len, &at)) {
        rc = pn_err_set(e, PN_CLASS_CONFLICT, PN_FAIL,
                        "%s: %s is no longer in the table: another writer removed it; nothing was "
                        "written",
                        attempt->table->path, file->path);
    }
    if (rc == 0) {
        add_remove(attempt, &attempt->state->files[at]);
    }
    return rc;
}

static int plan_rewrite(struct pn_delta_attempt *attempt, struct pn_err *e)
{
    const struct pn_delta_snapshot *state = attempt->state;
    const struct pn_delta_commit *commit = attempt->commit;
    const size_t marked_count = commit->vectors != NULL ? commit->vectors->count : 0;
    struct pn_delta_keyset live;
    if (commit->remove_count + marked_count == 0) {
        return 0;
    }
    if (state == NULL) {
        return pn_err_set(e, PN_CLASS_CONFLICT, PN_FAIL, "there is no Delta table at %s any more",
                          attempt->table->path);
    }
    if (commit->mode != PN_DELTA_REWRITE &&
        pn_delta_property_true(&state->metadata, "delta.appendOnly")) {
        return pn_err_input(e, "%s is append-only (delta.appendOnly): its rows cannot be replaced",
                            attempt->table->path);
    }
    pn_delta_keyset_init(&live);
    attempt->removes =
        pn_xcalloc(commit->remove_count + marked_count + 1, sizeof *attempt->removes);
    int rc = 0;
    const char *key = NULL;
    size_t len = 0;
    for (size_t i = 0; rc == 0 && i < state->file_count; i++) {
        rc = pn_delta_file_key(&attempt->table->reader, &state->files[i], &attempt->arena, &key,
                               &len, e);
        if (rc == 0) {
            pn_delta_keyset_add(&live, key, len, i);
        }
    }
    for (size_t i = 0; rc == 0 && i < commit->remove_count; i++) {
        rc = remove_live(attempt, &live, &commit->removes[i], e);
    }
    for (size_t i = 0; rc == 0 && i < marked_count; i++) {
        rc = remove_live(attempt, &live, commit->vectors->marked[i].before, e);
    }
    attempt->marked_count = marked_count;
    pn_delta_keyset_deinit(&live);
    return rc == 0 && commit->mode == PN_DELTA_REWRITE ? check_rows(attempt, e) : rc;
}

int pn_delta_attempt_plan(struct pn_delta_attempt *attempt, struct pn_delta *table,
                          const struct pn_delta_commit *commit, const char *txn_id,
                          struct pn_delta_snapshot *kept, struct pn_err *e)
{
    *attempt = (struct pn_delta_attempt){.table = table,
                                         .commit = commit,
                                         .txn_id = txn_id,
                                         .now_ms = pn_wall_ms(table->clock),
                                         .owned = kept};
    pn_arena_init(&attempt->arena, 0);
    int rc = read_state(attempt, e);
    if (rc != 0) {
        return rc;
    }
    attempt->version = attempt->state != NULL ? attempt->state->version + 1 : 0;
    rc = check_seen(attempt, e);
    if (rc == 0) {
        rc = check_moved(attempt, e);
    }
    if (rc == 0) {
        rc = pn_delta_attempt_plan_metadata(attempt, e);
    }
    if (rc == 0) {
        rc = check_partitions(attempt, e);
    }
    if (rc == 0 && commit->mode == PN_DELTA_OVERWRITE) {
        rc = plan_overwrite(attempt, e);
    }
    if (rc == 0 && has_removes(commit)) {
        rc = plan_rewrite(attempt, e);
    }
    return rc;
}

void pn_delta_attempt_deinit(struct pn_delta_attempt *attempt)
{
    free(attempt->removes);
    pn_delta_snapshot_destroy(&attempt->owned);
    pn_arena_deinit(&attempt->arena);
}
