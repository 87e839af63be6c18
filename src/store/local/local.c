#include "store/local/local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/file_offsets.h"
#include "base/file_sum.h"
#include "base/mem.h"
#include "store/local/private.h"

enum {
    /* From this number of files on, one sync of the file system is cheaper than a sync of each,
     * also when others write there: 0.05 ms a file instead of 0.1 to 1. */
    SYNC_ALL_MIN = 32
};

/* A temporary file on its way to being an object. */
struct staged {
    char *temp_path;
    char *path;
};

static struct pn_local_store *local_of(struct pn_store *store)
{
    return (struct pn_local_store *)store;
}

/* Keys like "a" and "a/b" can't both be in a folder: says so instead of "not a directory". */
static int clashing_key(const char *key, struct pn_err *e)
{
    return pn_err_input(e,
                        "the key '%s' clashes with another object: in a local store, a key cannot "
                        "be both an object and a folder of objects",
                        key);
}

static int make_parent(const struct pn_local_store *local, const char *path, const char *key,
                       struct pn_err *e)
{
    char *parent = pn_xstrndup(path, (size_t)(strrchr(path, '/') - path));
    int rc = pn_io_mkdirs(local->io, parent, e);
    if (rc == ENOTDIR || rc == EEXIST) {
        rc = clashing_key(key, e);
    }
    free(parent);
    return rc;
}

/* Gives the temporary file its key; the folder is still to be synced. */
static int publish(const struct pn_local_store *local, const char *from, const char *path,
                   const char *key, bool if_absent, struct pn_err *e)
{
    if (!if_absent) {
        int rc = pn_io_rename(local->io, from, path, e);
        return rc == EISDIR ? clashing_key(key, e) : rc;
    }
    int rc = pn_io_link(local->io, from, path, e);
    if (rc == EEXIST) {
        return pn_err_set(e, PN_CLASS_CONFLICT, EEXIST, "the object '%s' already exists", key);
    }
    return rc;
}

/* Writes the temporary file, and waits for the disk unless the caller will. */
static int stage(struct pn_local_store *local, const struct pn_put *put, bool sync,
                 struct staged *staged, struct pn_err *e)
{
    int fd = -1;
    staged->path = pn_local_path_of_key(local, put->key);
    staged->temp_path = pn_temp_files_path(&local->temps, put->key);
    int rc = pn_io_open(local->io, staged->temp_path, O_CREAT | O_EXCL | O_WRONLY, &fd, e);
    if (rc == 0) {
        rc = pn_io_write_at(local->io, fd, put->bytes, put->len, 0, staged->temp_path, e);
    }
    if (rc == 0) {
        pn_file_sum_set(local->io, staged->temp_path, pn_crc32c(put->bytes, put->len));
        if (put->end > 0) {
            pn_file_offsets_set(local->io, staged->temp_path, put->first, put->end);
        }
    }
    if (rc == 0 && sync) {
        rc = pn_io_datasync(local->io, fd, staged->temp_path, e);
    }
    pn_io_close(local->io, &fd);
    return rc;
}

/* A temporary file that cannot be removed now is swept away later. */
static void unstage(struct pn_local_store *local, struct staged *staged)
{
    if (staged->temp_path != NULL) {
        int ignored = pn_io_unlink(local->io, staged->temp_path, NULL);
        (void)ignored;
    }
    free(staged->temp_path);
    free(staged->path);
}

static bool same_folder(const char *left, const char *right)
{
    size_t len = (size_t)(strrchr(left, '/') - left);
    return (size_t)(strrchr(right, '/') - right) == len && memcmp(left, right, len) == 0;
}

static int publish_all(struct pn_local_store *local, const struct pn_put *puts,
                       struct staged *staged, size_t count, bool if_absent, struct pn_err *e)
{
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        if (i == 0 || !same_folder(staged[i - 1].path, staged[i].path)) {
            rc = make_parent(local, staged[i].path, puts[i].key, e);
        }
        if (rc == 0) {
            rc = publish(local, staged[i].temp_path, staged[i].path, puts[i].key, if_absent, e);
        }
        if (rc == 0 && !if_absent) {
            free(staged[i].temp_path); /* renamed: nothing is left to remove */
            staged[i].temp_path = NULL;
        }
    }
    for (size_t i = 0; i < count && rc == 0; i++) {
        if (i + 1 == count || !same_folder(staged[i].path, staged[i + 1].path)) {
            rc = pn_io_sync_parent(local->io, staged[i].path, e);
        }
    }
    return rc;
}

/* Contents of all first, then the names, then the folders: a name never comes before its bytes. */
static int put_all(struct pn_local_store *local, const struct pn_put *puts, size_t count,
                   bool if_absent, struct pn_err *e)
{
    struct staged *staged = pn_xcalloc(count + 1, sizeof *staged);
    bool sync_all = count >= SYNC_ALL_MIN;
    size_t staged_count = 0;
    int folder = -1;
    int rc = 0;
    if (sync_all) {
        rc = pn_io_open(local->io, local->temps.folder, O_RDONLY | O_DIRECTORY, &folder, e);
    }
    while (staged_count < count && rc == 0) {
        rc = stage(local, &puts[staged_count], !sync_all, &staged[staged_count], e);
        staged_count++;
    }
    if (rc == 0 && sync_all) {
        rc = pn_io_sync_all(local->io, folder, local->temps.folder, e);
    }
    if (rc == 0) {
        rc = publish_all(local, puts, staged, count, if_absent, e);
    }
    for (size_t i = 0; i < staged_count; i++) {
        unstage(local, &staged[i]);
    }
    pn_io_close(local->io, &folder);
    free(staged);
    return rc;
}

static int local_put_many(struct pn_store *store, const struct pn_put *puts, size_t count,
                          struct pn_err *e)
{
    for (size_t i = 0; i < count; i++) {
        int rc = pn_local_check_key(puts[i].key, e);
        if (rc != 0) {
            return rc;
        }
    }
    return put_all(local_of(store), puts, count, false, e);
}

static int local_put(struct pn_store *store, const char *key, const void *bytes, size_t len,
                     bool if_absent, struct pn_err *e)
{
    int rc = pn_local_check_key(key, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_put put = {.key = key, .bytes = bytes, .len = len};
    return put_all(local_of(store), &put, 1, if_absent, e);
}

/* Unlinks the object's file, *path, which the caller frees; NULL when there was none. The folder is
 * still to be synced. */
static int unlink_object(struct pn_local_store *local, const char *key, char **path,
                         struct pn_err *e)
{
    struct stat st;
    struct pn_err failure;
    *path = pn_local_path_of_key(local, key);
    int rc = pn_io_stat(local->io, *path, &st, &failure);
    bool is_object = rc == 0 && S_ISREG(st.st_mode);
    if (is_object) {
        rc = pn_io_unlink(local->io, *path, &failure);
    }
    bool is_gone = rc == ENOENT || rc == ENOTDIR;
    if (rc != 0 && !is_gone) {
        pn_err_copy(e, &failure);
    }
    if (!is_object || rc != 0) {
        free(*path);
        *path = NULL;
    }
    return is_gone ? 0 : rc;
}

static int local_remove_many(struct pn_store *store, const char *const *keys, size_t count,
                             struct pn_err *e)
{
    struct pn_local_store *local = local_of(store);
    char *unsynced = NULL; /* the last path that was unlinked: its folder is to be synced */
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = pn_local_check_key(keys[i], e);
    }
    for (size_t i = 0; i < count && rc == 0; i++) {
        char *path = NULL;
        rc = unlink_object(local, keys[i], &path, e);
        if (path != NULL) {
            if (unsynced != NULL && !same_folder(unsynced, path)) {
                rc = pn_io_sync_parent(local->io, unsynced, e);
            }
            free(unsynced);
            unsynced = path;
        }
    }
    if (rc == 0 && unsynced != NULL) {
        rc = pn_io_sync_parent(local->io, unsynced, e);
    }
    free(unsynced);
    return rc;
}

static int local_remove(struct pn_store *store, const char *key, struct pn_err *e)
{
    return local_remove_many(store, &key, 1, e);
}

static int local_list(struct pn_store *store, const char *prefix, const char *after,
                      int (*fn)(void *arg, const struct pn_object *object), void *arg,
                      struct pn_err *e)
{
    struct pn_local_store *local = local_of(store);
    return pn_local_list(local->io, local->folder, prefix, after, fn, arg, e);
}

static int local_url(struct pn_store *store, const char *key, char **url, struct pn_err *e)
{
    size_t len = strlen(key);
    char *name = pn_xstrndup(key, len > 0 && key[len - 1] == '/' ? len - 1 : len);
    int rc = len > 0 ? pn_local_check_key(name, e) : 0;
    if (rc == 0) {
        *url = len > 0 ? pn_local_path_of_key(local_of(store), key)
                       : pn_xstrdup(local_of(store)->folder);
    }
    free(name);
    return rc;
}

/* The path that "file:/x", "file:///x", "file://localhost/x" or "/x" names; NULL: none. */
static const char *path_of_url(const char *url)
{
    static const char *const starts[] = {"file://localhost/", "file:///", "file:/"};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        size_t len = strlen(starts[i]);
        if (strncasecmp(url, starts[i], len) == 0 && (i < 2 || url[len] != '/')) {
            url += len - 1;
            break;
        }
    }
    return url[0] == '/' ? url : NULL;
}

/* The key of a path that leads through the store's folder, by this name or by another; NULL when it
 * does not. */
static char *key_of_path(const struct pn_local_store *local, const char *path)
{
    size_t len = strlen(local->folder);
    if (strncmp(path, local->folder, len) == 0 && path[len] == '/') {
        return pn_xstrdup(path + len + 1);
    }
    struct stat own;
    if (pn_io_stat(local->io, local->folder, &own, NULL) != 0) {
        return NULL;
    }
    char *key = NULL;
    char *above = pn_xstrdup(path);
    for (char *slash = strrchr(above, '/'); key == NULL && slash != NULL && slash != above;
         slash = strrchr(above, '/')) {
        struct stat st;
        *slash = '\0';
        if (pn_io_stat(local->io, above, &st, NULL) == 0 && st.st_dev == own.st_dev &&
            st.st_ino == own.st_ino) {
            key = pn_xstrdup(path + (slash - above) + 1);
        }
    }
    free(above);
    return key;
}

static int local_locate(struct pn_store *store, const char *url, char **key,
                        struct pn_object *object, struct pn_err *e)
{
    struct pn_local_store *local = local_of(store);
    *key = NULL;
    const char *spelled = path_of_url(url);
    if (spelled == NULL) {
        return pn_err_input(e, "'%s' is not a file on this machine", url);
    }
    char *path = pn_store_normalize(spelled);
    struct stat st;
    int rc = pn_io_stat(local->io, path, &st, e);
    if (rc == ENOENT || rc == ENOTDIR || (rc == 0 && !S_ISREG(st.st_mode))) {
        rc = pn_err_missing(e, "there is no file '%s'", path);
    }
    if (rc == 0) {
        pn_local_object(object, NULL, &st);
        *key = key_of_path(local, path);
    }
    free(path);
    return rc;
}

/* Makes a file and looks at its time. */
static int local_now(struct pn_store *store, int64_t *now_ms, struct pn_err *e)
{
    struct pn_local_store *local = local_of(store);
    char *path = pn_temp_files_path(&local->temps, "now");
    int fd = -1;
    struct stat st;
    int rc = pn_io_open(local->io, path, O_CREAT | O_EXCL | O_WRONLY, &fd, e);
    if (rc == 0) {
        pn_io_close(local->io, &fd);
        rc = pn_io_stat(local->io, path, &st, e);
        int removed = pn_io_unlink(local->io, path, rc == 0 ? e : NULL);
        rc = rc != 0 ? rc : removed;
    }
    if (rc == 0) {
        struct pn_object object = {0};
        pn_local_object(&object, NULL, &st);
        *now_ms = object.modified_ms;
    }
    free(path);
    return rc;
}

/* A hold is a second name of the file. */
static int local_hold(struct pn_store *store, const char *key, char **held, struct pn_err *e)
{
    struct pn_local_store *local = local_of(store);
    int rc = pn_local_check_key(key, e);
    if (rc != 0) {
        return rc;
    }
    char *path = pn_local_path_of_key(local, key);
    *held = pn_temp_files_path(&local->temps, key);
    rc = pn_io_link(local->io, path, *held, e);
    if (rc == ENOENT || rc == ENOTDIR) {
        rc = pn_local_missing(local, key, e);
    }
    if (rc != 0) {
        free(*held);
        *held = NULL;
    }
    free(path);
    return rc;
}

static int local_restore(struct pn_store *store, const char *key, const char *held, bool *restored,
                         struct pn_err *e)
{
    struct pn_local_store *local = local_of(store);
    struct stat st;
    *restored = false;
    int rc = pn_local_check_key(key, e);
    if (rc != 0) {
        return rc;
    }
    char *path = pn_local_path_of_key(local, key);
    rc = pn_io_stat(local->io, path, &st, e);
    if (rc == ENOENT || rc == ENOTDIR) {
        rc = make_parent(local, path, key, e);
        if (rc == 0) {
            rc = pn_io_link(local->io, held, path, e);
        }
        if (rc == 0) {
            rc = pn_io_sync_parent(local->io, path, e);
        }
        *restored = rc == 0;
    }
    free(path);
    return rc;
}

static int local_release(struct pn_store *store, char **held, struct pn_err *e)
{
    int rc = *held != NULL ? pn_io_unlink(local_of(store)->io, *held, e) : 0;
    free(*held);
    *held = NULL;
    return rc == ENOENT ? 0 : rc;
}

static int local_begin_file(struct pn_store *store, const char *key, char **path, struct pn_err *e)
{
    int rc = pn_local_check_key(key, e);
    if (rc == 0) {
        *path = pn_temp_files_path(&local_of(store)->temps, key);
    }
    return rc;
}

static int local_commit_file(struct pn_store *store, const char *key, const char *path,
                             int64_t *size_bytes, struct pn_err *e)
{
    struct pn_local_store *local = local_of(store);
    size_t temp_len = strlen(local->temps.folder);
    PN_ASSERT(strncmp(path, local->temps.folder, temp_len) == 0 && path[temp_len] == '/');
    int rc = pn_local_check_key(key, e);
    if (rc != 0) {
        return rc;
    }
    char *target = pn_local_path_of_key(local, key);
    struct stat st;
    rc = pn_file_sum_make(local->io, path, e);
    if (rc == 0) {
        rc = pn_io_sync_file(local->io, path, e);
    }
    if (rc == 0) {
        rc = pn_io_stat(local->io, path, &st, e);
    }
    if (rc == 0) {
        rc = make_parent(local, target, key, e);
    }
    if (rc == 0) {
        rc = publish(local, path, target, key, false, e);
    }
    if (rc == 0) {
        rc = pn_io_sync_parent(local->io, target, e);
    }
    if (rc == 0) {
        *size_bytes = st.st_size;
    }
    free(target);
    return rc;
}

static int local_sweep(struct pn_store *store, struct pn_err *e)
{
    return pn_temp_files_sweep(&local_of(store)->temps, e);
}

static void local_destroy(struct pn_store *store)
{
    struct pn_local_store *local = local_of(store);
    free(local->folder);
    pn_temp_files_deinit(&local->temps);
    free(local);
}

static const struct pn_store_ops local_ops = {.name = "local",
                                              .destroy = local_destroy,
                                              .put = local_put,
                                              .put_many = local_put_many,
                                              .get = pn_local_get,
                                              .open = pn_local_open,
                                              .read_at = pn_local_read_at,
                                              .sum = pn_local_sum,
                                              .offsets = pn_local_offsets,
                                              .close = pn_local_close,
                                              .head = pn_local_head,
                                              .remove = local_remove,
                                              .remove_many = local_remove_many,
                                              .list = local_list,
                                              .url = local_url,
                                              .locate = local_locate,
                                              .now = local_now,
                                              .hold = local_hold,
                                              .restore = local_restore,
                                              .release = local_release,
                                              .begin_file = local_begin_file,
                                              .commit_file = local_commit_file,
                                              .sweep = local_sweep,
                                              .local_path = local_url};

int pn_local_store_open(const char *folder, const struct pn_io *io, struct pn_store **store,
                        struct pn_err *e)
{
    struct pn_local_store *local = pn_xcalloc(1, sizeof *local);
    local->store.ops = &local_ops;
    local->io = io;
    /* Engines run with another working folder, so the path must not depend on it. */
    int rc = pn_io_absolute_path(folder, &local->folder, e);
    if (rc != 0) {
        goto out;
    }
    pn_temp_files_init(&local->temps, io, pn_xasprintf("%s/.tmp", local->folder));
    struct pn_err why = {0};
    rc = pn_io_mkdirs(io, local->temps.folder, &why);
    if (pn_io_is_read_only(rc) && pn_io_exists(io, local->folder)) {
        rc = 0; /* to read from; what writes will fail, and say so */
    }
    if (rc != 0) {
        pn_err_copy(e, &why);
        goto out;
    }
    *store = &local->store;
    local = NULL;
out:
    if (local != NULL) {
        local_destroy(&local->store);
    }
    return rc;
}
