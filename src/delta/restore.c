/* A table as it was in an older version: which files come back, and which leave. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/json_writer.h"
#include "base/mem.h"
#include "base/units.h"
#include "delta/features.h"
#include "delta/keyset.h"
#include "delta/snapshot.h"
#include "delta/vector.h"

enum { TRIES_MAX = 100, NAMED_FILES = 3, PARAMETERS_BYTES_MAX = 1024 };

/* One look at the table. */
struct restoring {
    struct pn_delta *table;
    struct pn_delta_snapshot *now;
    struct pn_delta_snapshot *then;
    struct pn_delta_file *adds; /* of `then`; what they point to is the snapshot's */
    size_t add_count;
    struct pn_delta_file *removes; /* of `now` */
    size_t remove_count;
    struct pn_delta_txn *txns; /* what the caller adds, in the arena */
    size_t txn_count;
    struct pn_arena arena;
};

/* The files of one state that the other one does not have. */
static int subtract(struct restoring *restoring, const struct pn_delta_snapshot *of,
                    const struct pn_delta_snapshot *without, struct pn_delta_file **files,
                    size_t *count, struct pn_err *e)
{
    struct pn_delta_reader *reader = &restoring->table->reader;
    struct pn_delta_keyset others;
    const char *key = NULL;
    size_t len = 0;
    int rc = 0;
    pn_delta_keyset_init(&others);
    *files = pn_xcalloc(of->file_count + 1, sizeof **files);
    for (size_t i = 0; rc == 0 && i < without->file_count; i++) {
        rc = pn_delta_file_key(reader, &without->files[i], &restoring->arena, &key, &len, e);
        if (rc == 0) {
            pn_delta_keyset_add(&others, key, len, i);
        }
    }
    for (size_t i = 0; rc == 0 && i < of->file_count; i++) {
        rc = pn_delta_file_key(reader, &of->files[i], &restoring->arena, &key, &len, e);
        if (rc == 0 && !pn_delta_keyset_get(&others, key, len, NULL)) {
            (*files)[(*count)++] = of->files[i];
        }
    }
    pn_delta_keyset_deinit(&others);
    return rc;
}

static int look(struct restoring *restoring, int64_t version, struct pn_err *e)
{
    struct pn_delta *table = restoring->table;
    int rc = pn_delta_snapshot(table, -1, &restoring->now, e);
    if (rc == 0) {
        rc = pn_delta_check_writable(table, restoring->now, e);
    }
    if (rc == 0) {
        rc = pn_delta_snapshot(table, version, &restoring->then, e);
    }
    if (rc == 0) {
        rc = pn_delta_check_writable(table, restoring->then, e);
    }
    if (rc == 0) {
        rc = subtract(restoring, restoring->then, restoring->now, &restoring->adds,
                      &restoring->add_count, e);
    }
    return rc != 0 ? rc
                   : subtract(restoring, restoring->now, restoring->then, &restoring->removes,
                              &restoring->remove_count, e);
}

/* Files that have left the table stay only until a vacuum. */
static int check_there(struct restoring *restoring, struct pn_err *e)
{
    struct pn_buf names;
    size_t gone = 0;
    int rc = 0;
    pn_buf_init(&names, sizeof e->msg);
    for (size_t i = 0; rc == 0 && i < restoring->add_count; i++) {
        const char *path = NULL;
        rc = pn_delta_file_misses(restoring->table, &restoring->adds[i], &restoring->arena, &path,
                                  e);
        if (rc == 0 && path != NULL) {
            if (gone < NAMED_FILES) {
                pn_buf_addf(&names, "%s%s", gone > 0 ? ", " : "", path);
            }
            gone++;
        }
    }
    if (rc == 0 && gone > 0) {
        rc = pn_err_missing(e,
                            "version %" PRId64 " of %s cannot be restored: %zu of its %s deleted, "
                            "by a vacuum (%s%s); choose a later version",
                            restoring->then->version, restoring->table->path, gone,
                            pn_noun((int64_t)gone, "files was", "files were"), pn_buf_text(&names),
                            gone > NAMED_FILES ? ", ..." : "");
    }
    pn_buf_deinit(&names);
    return rc;
}

static void report(const struct restoring *restoring, struct pn_delta_restored *restored)
{
    *restored = (struct pn_delta_restored){
        .from = restoring->now->version,
        .version = -1,
        .files_added = (int64_t)restoring->add_count,
        .files_removed = (int64_t)restoring->remove_count,
        .rows_before = pn_delta_snapshot_rows(restoring->now),
        .rows_after = pn_delta_snapshot_rows(restoring->then),
        .changes_metadata =
            !pn_delta_metadata_same(&restoring->now->metadata, &restoring->then->metadata),
    };
}

/* Those of the caller, and the mark. True: they are worth a commit. */
static bool make_txns(struct restoring *restoring, const struct pn_delta_restore_with *with)
{
    const struct pn_delta_snapshot *now = restoring->now;
    struct pn_delta_txn *others = NULL;
    size_t count = 0;
    bool matter =
        with->txns != NULL && with->txns(with->arg, restoring->table, now, restoring->then,
                                         &restoring->arena, &others, &count);
    restoring->txns = pn_arena_calloc(&restoring->arena, count + 1, sizeof *restoring->txns);
    for (size_t i = 0; i < count; i++) {
        restoring->txns[restoring->txn_count++] = others[i];
    }
    if (with->marking_app != NULL && pn_delta_txn_version(now, with->marking_app) >= 0) {
        restoring->txns[restoring->txn_count++] =
            (struct pn_delta_txn){.app_id = with->marking_app,
                                  .version = now->version + 1,
                                  .updated_ms = pn_wall_ms(restoring->table->clock)};
    }
    return matter;
}

static int commit(const struct restoring *restoring, int64_t *version, struct pn_err *e)
{
    const struct pn_delta_snapshot *now = restoring->now;
    int64_t *before = pn_xcalloc(restoring->txn_count + 1, sizeof *before);
    for (size_t i = 0; i < restoring->txn_count; i++) {
        before[i] = PN_DELTA_TXN_ANY; /* the version that was read is the condition */
    }
    struct pn_json_writer json;
    struct pn_buf parameters; /* as Spark has them: texts */
    pn_buf_init(&parameters, PARAMETERS_BYTES_MAX);
    pn_json_writer_init(&json, &parameters);
    pn_json_put_object(&json);
    pn_json_add_i64_text(&json, "version", restoring->then->version);
    pn_json_end(&json);
    const struct pn_delta_commit commit = {.mode = PN_DELTA_RESTORE,
                                           .operation = "RESTORE",
                                           .operation_parameters = pn_buf_text(&parameters),
                                           .metadata = &restoring->then->metadata,
                                           .adds = restoring->adds,
                                           .add_count = restoring->add_count,
                                           .removes = restoring->removes,
                                           .remove_count = restoring->remove_count,
                                           .txns = restoring->txns,
                                           .txns_before = before,
                                           .txn_count = restoring->txn_count,
                                           .read_version = &now->version};
    int rc = pn_delta_commit(restoring->table, &commit, version, e);
    pn_buf_deinit(&parameters);
    free(before);
    return rc;
}

static int restore_once(struct pn_delta *table, int64_t version,
                        const struct pn_delta_restore_with *with, const int64_t *confirmed,
                        bool dry_run, struct pn_delta_restored *restored, struct pn_err *e)
{
    struct restoring restoring = {.table = table};
    pn_arena_init(&restoring.arena, 0);
    int rc = look(&restoring, version, e);
    if (rc == 0 && confirmed != NULL && restoring.now->version != *confirmed) {
        rc = pn_err_set(
            e, PN_CLASS_CONFLICT, PN_DELTA_MOVED,
            "%s is at version %" PRId64 " by now, not at %" PRId64 ": its new rows would "
            "leave it, too; nothing was restored, look at the table and restore it again",
            table->path, restoring.now->version, *confirmed);
    }
    if (rc == 0) {
        rc = check_there(&restoring, e);
    }
    if (rc == 0) {
        report(&restoring, restored);
        bool changes = make_txns(&restoring, with) || restored->files_added > 0 ||
                       restored->files_removed > 0 || restored->changes_metadata;
        rc = changes && !dry_run ? commit(&restoring, &restored->version, e) : 0;
    }
    free(restoring.adds);
    free(restoring.removes);
    pn_delta_snapshot_destroy(&restoring.now);
    pn_delta_snapshot_destroy(&restoring.then);
    pn_arena_deinit(&restoring.arena);
    return rc;
}

int pn_delta_restore(struct pn_delta *table, int64_t version,
                     const struct pn_delta_restore_with *with, const int64_t *confirmed,
                     bool dry_run, struct pn_delta_restored *restored, struct pn_err *e)
{
    const struct pn_delta_restore_with nothing = {.marking_app = NULL};
    const int tries_max = confirmed == NULL ? TRIES_MAX : 1;
    int rc = PN_DELTA_MOVED;
    for (int tries = 0; (rc == PN_DELTA_MOVED || rc == PN_DELTA_TXN_SEEN) && tries < tries_max;
         tries++) {
        rc = restore_once(table, version, with != NULL ? with : &nothing, confirmed, dry_run,
                          restored, e);
    }
    return rc;
}
