/*
 * Which files may go. First the folder is listed, then the log is read, so that what is committed
 * in between counts. A file stays when
 *
 *   - the newest version or a tombstone within the retention names it, by whatever path: names are
 *     resolved to keys, and compared by identity as well (a link is not another file);
 *   - this process is about to commit it (pending.h);
 *   - it is younger than the retention by the earlier of two clocks, the folder's and ours;
 *   - no commit names it and it is not older than the newest commit: its own may be next;
 *   - a caller that vacuums again and again has not yet seen it unneeded for the retention, by the
 *     monotonic clock.
 *
 * What another process is about to commit is spared by its age alone, and a wall clock that is set
 * forward makes it look old to a vacuum that runs once. Its own commit notices: it holds the bytes
 * and puts the file back (commit.c).
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "delta/features.h"
#include "delta/keyset.h"
#include "delta/load.h"
#include "delta/pending.h"
#include "delta/place.h"
#include "delta/vector.h"
#include "delta/watch.h"

enum { REMOVED_AT_ONCE = 1000 }; /* as many as S3 takes in a request */

/* A file in the table's folder, by its name there. */
struct found {
    const char *name;
    struct pn_object object;
    bool is_pending;
    bool is_live;    /* the newest version names it */
    bool is_kept;    /* a tombstone within the retention does */
    bool is_removed; /* a tombstone does, of whatever age */
};

struct sweep {
    struct pn_delta *table;
    const struct pn_delta_snapshot *snapshot;
    size_t prefix_len;
    int64_t retention_ms;
    int64_t before_ms; /* what is older than the retention is older than this */
    int64_t newest_ms; /* of the newest commit */
    struct found *found;
    size_t count;
    size_t capacity;
    struct pn_delta_keyset names;      /* to indexes of `found` */
    struct pn_delta_keyset identities; /* device and inode of all that is live or kept */
    int (*fn)(void *arg, const char *path, int64_t size_bytes);
    int (*look)(void *arg); /* non-zero: it is to end; NULL: nobody asks that */
    void *arg;              /* of both */
    struct pn_arena arena;
};

static int ask(const struct sweep *sweep)
{
    return sweep->look != NULL ? sweep->look(sweep->arg) : 0;
}

/* --- the folder ------------------------------------------------------------------------------- */

/* Does a folder or the file start with an underscore or a dot? The log does, and all that other
 * engines hide: change data, bloom filters, temporary files. */
static bool is_hidden(const char *name)
{
    for (const char *at = name; at != NULL; at = strchr(at, '/')) {
        at += *at == '/';
        if (*at == '_' || *at == '.') {
            return true;
        }
    }
    return false;
}

static int collect(void *arg, const struct pn_object *object)
{
    struct sweep *sweep = arg;
    const char *name = object->key + sweep->prefix_len;
    int rc = ask(sweep);
    if (rc != 0 || is_hidden(name)) {
        return rc;
    }
    pn_grow((void **)&sweep->found, &sweep->capacity, sweep->count + 1, sizeof *sweep->found);
    struct found *found = &sweep->found[sweep->count];
    *found = (struct found){.name = pn_arena_strdup(&sweep->arena, name),
                            .object = *object,
                            .is_pending = pn_delta_is_pending(object->key)};
    pn_delta_keyset_add(&sweep->names, found->name, strlen(found->name), sweep->count);
    sweep->count++;
    return 0;
}

static int list_folder(struct sweep *sweep, struct pn_err *e)
{
    char *prefix = pn_xasprintf("%s/", sweep->table->path);
    int rc = pn_store_list(sweep->table->store, prefix, NULL, collect, sweep, e);
    free(prefix);
    return rc;
}

/* --- what the log names ----------------------------------------------------------------------- */

enum use { LIVE, KEPT, REMOVED };

static struct found *find_name(const struct sweep *sweep, const char *name)
{
    size_t at = 0;
    return pn_delta_keyset_get(&sweep->names, name, strlen(name), &at) ? &sweep->found[at] : NULL;
}

static void note_identity(struct sweep *sweep, const struct pn_object *object)
{
    uint64_t *id = pn_arena_alloc(&sweep->arena, 2 * sizeof *id);
    id[0] = object->device;
    id[1] = object->inode;
    size_t len = 2 * sizeof *id;
    if ((id[0] != 0 || id[1] != 0) &&
        !pn_delta_keyset_get(&sweep->identities, (char *)id, len, NULL)) {
        pn_delta_keyset_add(&sweep->identities, (char *)id, len, 0);
    }
}

static int live_is_lost(const struct sweep *sweep, const char *path, const struct pn_err *why,
                        struct pn_err *e)
{
    bool missing = why->class_ == PN_CLASS_MISSING;
    return pn_err_set(
        e, missing ? PN_CLASS_CORRUPT : why->class_, PN_FAIL,
        "%s is not vacuumed: its version %" PRId64 " names '%s', %s (%s); nothing was "
        "deleted. %s",
        sweep->table->path, sweep->snapshot->version, path,
        missing ? "which does not exist" : "which cannot be examined", why->msg,
        missing ? "Put the file back, or have the engine that made the table repair it"
                : "Vacuum it with the engine that made it");
}

/* A path that the log uses so. That what is not live is gone, is fine. */
static int use_path(struct sweep *sweep, const char *path, enum use use, struct pn_err *e)
{
    struct found *found = find_name(sweep, path);
    char *key = NULL;
    if (found == NULL) { /* by another name, hidden, gone, or come since the listing */
        struct pn_object object = {0};
        struct pn_err why = {0};
        int rc = pn_delta_place_find(sweep->table, path, &key, &object, &why);
        if (rc != 0 &&
            (use == LIVE || (why.class_ != PN_CLASS_MISSING && why.class_ != PN_CLASS_INPUT))) {
            return live_is_lost(sweep, path, &why, e);
        }
        if (rc == 0 && use != REMOVED) {
            note_identity(sweep, &object);
        }
        if (key != NULL && strlen(key) > sweep->prefix_len &&
            strncmp(key, sweep->table->path, sweep->prefix_len - 1) == 0) {
            found = find_name(sweep, key + sweep->prefix_len);
        }
    } else if (use != REMOVED) {
        note_identity(sweep, &found->object);
    }
    if (found != NULL) {
        found->is_live = found->is_live || use == LIVE;
        found->is_kept = found->is_kept || use == KEPT;
        found->is_removed = found->is_removed || use != LIVE;
    }
    free(key);
    return 0;
}

/* What the listing lacks costs a request to a bucket: of tombstones there may be many. */
static int use_file(struct sweep *sweep, const struct pn_delta_file *file, enum use use,
                    struct pn_err *e)
{
    int rc = ask(sweep);
    if (rc == 0) {
        rc = use_path(sweep, file->path, use, e);
    }
    if (rc == 0 && file->deletion_vector != NULL) {
        const char *path = NULL;
        rc = pn_delta_place_vector(sweep->table, file->deletion_vector, &sweep->arena, &path, e);
        if (rc == 0 && path != NULL) {
            rc = use_path(sweep, path, use, e);
        } else if (rc != 0) {
            pn_err_prefix(e, "%s is not vacuumed", sweep->table->path);
        }
    }
    return rc;
}

static int use_all(struct sweep *sweep, struct pn_err *e)
{
    const struct pn_delta_snapshot *snapshot = sweep->snapshot;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < snapshot->file_count; i++) {
        rc = use_file(sweep, &snapshot->files[i], LIVE, e);
    }
    for (size_t i = 0; rc == 0 && i < snapshot->removed_count; i++) {
        bool kept = snapshot->removed[i].deleted_ms >= sweep->before_ms;
        rc = use_file(sweep, &snapshot->removed[i], kept ? KEPT : REMOVED, e);
    }
    return rc;
}

/* --- what goes -------------------------------------------------------------------------------- */

static bool is_used(const struct sweep *sweep, const struct found *found)
{
    uint64_t id[2] = {found->object.device, found->object.inode};
    return found->is_live || found->is_kept ||
           pn_delta_keyset_get(&sweep->identities, (char *)id, sizeof id, NULL);
}

static bool is_old(const struct sweep *sweep, const struct found *found)
{
    /* A retention that short is for a caller who knows that nobody is about to commit. */
    bool may_be_next = !found->is_removed && sweep->retention_ms >= PN_DELTA_RETENTION_MS_MIN &&
                       found->object.modified_ms >= sweep->newest_ms;
    return found->object.modified_ms < sweep->before_ms && !may_be_next;
}

/* Removes these and calls the sweep's `fn` for each; the first non-zero that it returns is the
 * result. */
static int remove_all(struct sweep *sweep, const struct found *const *going, size_t count,
                      bool dry_run, struct pn_err *e)
{
    struct pn_arena arena;
    const char *keys[REMOVED_AT_ONCE];
    int rc = ask(sweep);
    PN_ASSERT(count <= REMOVED_AT_ONCE);
    pn_arena_init(&arena, 0);
    for (size_t i = 0; i < count; i++) {
        keys[i] = pn_arena_printf(&arena, "%s/%s", sweep->table->path, going[i]->name);
    }
    if (rc == 0 && !dry_run && count > 0) {
        rc = pn_store_remove_many(sweep->table->store, keys, count, e);
    }
    bool removed = rc == 0;
    for (size_t i = 0; removed && i < count; i++) {
        int answer = sweep->fn(sweep->arg, going[i]->name, going[i]->object.size_bytes);
        rc = rc == 0 ? answer : rc;
    }
    pn_arena_deinit(&arena);
    return rc;
}

static int remove_found(struct sweep *sweep, bool dry_run, struct pn_delta_watch *watch,
                        struct pn_err *e)
{
    const struct found *going[REMOVED_AT_ONCE];
    size_t going_count = 0;
    int64_t now_ms = pn_mono_ms(sweep->table->clock);
    int rc = 0;
    if (watch != NULL) {
        pn_delta_watch_begin(watch);
    }
    for (size_t i = 0; rc == 0 && i < sweep->count; i++) {
        const struct found *found = &sweep->found[i];
        if (found->is_live) {
            continue;
        }
        bool seen_long =
            watch == NULL ||
            now_ms - pn_delta_watch_since(watch, found->name, now_ms) >= sweep->retention_ms;
        if (!seen_long || found->is_pending || is_used(sweep, found) || !is_old(sweep, found)) {
            continue;
        }
        going[going_count++] = found;
        if (going_count == REMOVED_AT_ONCE) {
            rc = remove_all(sweep, going, going_count, dry_run, e);
            going_count = 0;
        }
    }
    if (rc == 0) {
        rc = remove_all(sweep, going, going_count, dry_run, e);
    }
    if (watch != NULL) {
        pn_delta_watch_end(watch);
    }
    return rc;
}

/* The earlier of the two clocks: one that is wrong must not make files older. */
static int read_clocks(struct sweep *sweep, struct pn_err *e)
{
    int64_t folder_ms = 0;
    int64_t own_ms = pn_wall_ms(sweep->table->clock);
    int rc = pn_store_now(sweep->table->store, &folder_ms, e);
    sweep->before_ms = (folder_ms < own_ms ? folder_ms : own_ms) - sweep->retention_ms;
    return rc;
}

/* When the newest version was committed, by the clock of the folder. */
static int read_newest(struct sweep *sweep, struct pn_err *e)
{
    struct pn_object commit = {0};
    struct pn_err why = {0};
    char *key = pn_delta_commit_key(sweep->table, sweep->snapshot->version);
    int rc = pn_store_head(sweep->table->store, key, &commit, &why);
    free(key);
    if (rc != 0 && why.class_ != PN_CLASS_MISSING) {
        pn_err_copy(e, &why);
        return rc;
    }
    sweep->newest_ms = rc == 0 ? commit.modified_ms : sweep->snapshot->timestamp_ms;
    return 0;
}

/* With the members of *sweep that the caller decides. */
static int vacuum(struct sweep *sweep, bool dry_run, struct pn_delta_watch *watch, struct pn_err *e)
{
    struct pn_delta *table = sweep->table;
    struct pn_delta_snapshot *snapshot = NULL;
    PN_ASSERT(sweep->retention_ms >= 0);
    sweep->prefix_len = strlen(table->path) + 1;
    pn_delta_keyset_init(&sweep->names);
    pn_delta_keyset_init(&sweep->identities);
    pn_arena_init(&sweep->arena, 0);
    int rc = read_clocks(sweep, e);
    if (rc == 0) {
        rc = list_folder(sweep, e);
    }
    if (rc == 0) {
        rc = pn_delta_load(table, -1, true, &snapshot, e);
        sweep->snapshot = snapshot;
    }
    if (rc == 0) {
        rc = pn_delta_check_writable(table, snapshot, e);
    }
    if (rc == 0) {
        rc = read_newest(sweep, e);
    }
    if (rc == 0) {
        rc = use_all(sweep, e);
    }
    if (rc == 0) {
        rc = remove_found(sweep, dry_run, watch, e);
    }
    free(sweep->found);
    pn_delta_keyset_deinit(&sweep->names);
    pn_delta_keyset_deinit(&sweep->identities);
    pn_arena_deinit(&sweep->arena);
    pn_delta_snapshot_destroy(&snapshot);
    return rc;
}

int pn_delta_vacuum(struct pn_delta *table, int64_t retention_ms, bool dry_run,
                    int (*fn)(void *arg, const char *path, int64_t size_bytes),
                    int (*look)(void *arg), void *arg, struct pn_err *e)
{
    struct sweep sweep = {
        .table = table, .retention_ms = retention_ms, .fn = fn, .look = look, .arg = arg};
    return vacuum(&sweep, dry_run, NULL, e);
}

int pn_delta_vacuum_again(struct pn_delta *table, int64_t retention_ms,
                          int (*fn)(void *arg, const char *path, int64_t size_bytes), void *arg,
                          size_t *waiting, struct pn_err *e)
{
    struct sweep sweep = {.table = table, .retention_ms = retention_ms, .fn = fn, .arg = arg};
    if (table->watch == NULL) {
        table->watch = pn_delta_watch_create();
    }
    int rc = vacuum(&sweep, false, table->watch, e);
    *waiting = pn_delta_watch_count(table->watch);
    return rc;
}
