#include "store/local/local.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/file_offsets.h"
#include "base/file_sum.h"
#include "base/mem.h"
#include "base/random.h"
#include "store/local/private.h"

enum {
    /* From so many files on, one sync of the file system is cheaper than a sync of each, also when
     * others write there: 0.05 ms a file instead of 0.1 to 1. */
    SYNC_ALL_MIN = 32
};

struct local_store {
    struct pn_store store;
    const struct pn_io *io;
    char *folder; /* absolute */
    char *temp_folder;
    uint64_t seed;              /* makes temporary names unique among processes, ... */
    atomic_uint_fast64_t count; /* ... and this one among ours */
};

/* A temporary file on its way to being an object. */
struct staged {
    char *temp_path;
    char *path;
};

static struct local_store *local_of(struct pn_store *store)
{
    return (struct local_store *)store;
}

void pn_local_object(struct pn_object *object, const char *key, const struct stat *st)
{
    object->key = key;
    object->size_bytes = st->st_size;
    object->modified_ms = (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
    object->device = (uint64_t)st->st_dev;
    object->inode = (uint64_t)st->st_ino;
}

/* A key of the store, whose parts are also names that a file system takes. */
static int check_key(const char *key, struct pn_err *e)
{
    int rc = pn_store_key_check(key, e);
    if (rc != 0) {
        return rc;
    }
    if (key[0] == '.') {
        return pn_err_input(e, "the key '%s' starts with a dot, which the local store reserves",
                            key);
    }
    for (const char *segment = key; *segment != '\0';) {
        size_t len = strcspn(segment, "/");
        if (len > NAME_MAX) {
            return pn_err_input(e,
                                "the key '%s' has a part of %zu bytes; in a local store at most %d "
                                "are possible",
                                key, len, NAME_MAX);
        }
        segment += len + (segment[len] == '/' ? 1 : 0);
    }
    return 0;
}

/* Caller frees. */
static char *path_of_key(const struct local_store *local, const char *key)
{
    return pn_xasprintf("%s/%s", local->folder, key);
}

/* A fresh name in the folder of temporary files; it keeps the key's extension, by which engines
 * choose a format. Caller frees. */
static char *temp_path(struct local_store *local, const char *key)
{
    const char *slash = strrchr(key, '/');
    const char *dot = strrchr(slash != NULL ? slash : key, '.');
    unsigned long long number = atomic_fetch_add(&local->count, 1);
    return pn_xasprintf("%s/%ld-%016llx-%llu%s", local->temp_folder, (long)getpid(),
                        (unsigned long long)local->seed, number,
                        dot != NULL && strlen(dot) <= 16 ? dot : "");
}

static int missing_object(const struct local_store *local, const char *key, struct pn_err *e)
{
    return pn_err_missing(e, "no object '%s' in the store '%s'", key, local->folder);
}

/* Keys like "a" and "a/b" can't both be in a folder: says so instead of "not a directory". */
static int clashing_key(const char *key, struct pn_err *e)
{
    return pn_err_input(e,
                        "the key '%s' clashes with another object: in a local store, a key cannot "
                        "be both an object and a folder of objects",
                        key);
}

static int make_parent(const struct local_store *local, const char *path, const char *key,
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
static int publish(const struct local_store *local, const char *from, const char *path,
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
static int stage(struct local_store *local, const struct pn_put *put, bool sync,
                 struct staged *staged, struct pn_err *e)
{
    int fd = -1;
    staged->path = path_of_key(local, put->key);
    staged->temp_path = temp_path(local, put->key);
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
static void unstage(struct local_store *local, struct staged *staged)
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

static int publish_all(struct local_store *local, const struct pn_put *puts, struct staged *staged,
                       size_t count, bool if_absent, struct pn_err *e)
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
static int put_all(struct local_store *local, const struct pn_put *puts, size_t count,
                   bool if_absent, struct pn_err *e)
{
    struct staged *staged = pn_xcalloc(count + 1, sizeof *staged);
    bool sync_all = count >= SYNC_ALL_MIN;
    size_t staged_count = 0;
    int folder = -1;
    int rc = 0;
    if (sync_all) {
        rc = pn_io_open(local->io, local->temp_folder, O_RDONLY | O_DIRECTORY, &folder, e);
    }
    while (staged_count < count && rc == 0) {
        rc = stage(local, &puts[staged_count], !sync_all, &staged[staged_count], e);
        staged_count++;
    }
    if (rc == 0 && sync_all) {
        rc = pn_io_sync_all(local->io, folder, local->temp_folder, e);
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
        int rc = check_key(puts[i].key, e);
        if (rc != 0) {
            return rc;
        }
    }
    return put_all(local_of(store), puts, count, false, e);
}

static int local_put(struct pn_store *store, const char *key, const void *bytes, size_t len,
                     bool if_absent, struct pn_err *e)
{
    int rc = check_key(key, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_put put = {.key = key, .bytes = bytes, .len = len};
    return put_all(local_of(store), &put, 1, if_absent, e);
}

static int local_get(struct pn_store *store, const char *key, struct pn_buf *out, struct pn_err *e)
{
    struct local_store *local = local_of(store);
    int rc = check_key(key, e);
    if (rc != 0) {
        return rc;
    }
    char *path = path_of_key(local, key);
    rc = pn_io_read_file(local->io, path, out, e);
    if (rc == ENOENT || rc == ENOTDIR || rc == EISDIR) {
        rc = missing_object(local, key, e);
    }
    free(path);
    return rc;
}

static int local_head(struct pn_store *store, const char *key, struct pn_object *object,
                      struct pn_err *e)
{
    struct local_store *local = local_of(store);
    int rc = check_key(key, e);
    if (rc != 0) {
        return rc;
    }
    char *path = path_of_key(local, key);
    struct stat st;
    rc = pn_io_stat(local->io, path, &st, e);
    if (rc == ENOENT || rc == ENOTDIR || (rc == 0 && !S_ISREG(st.st_mode))) {
        rc = missing_object(local, key, e);
    }
    if (rc == 0) {
        pn_local_object(object, key, &st);
    }
    free(path);
    return rc;
}

static int local_remove(struct pn_store *store, const char *key, struct pn_err *e)
{
    struct local_store *local = local_of(store);
    int rc = check_key(key, e);
    if (rc != 0) {
        return rc;
    }
    char *path = path_of_key(local, key);
    struct stat st;
    struct pn_err failure;
    rc = pn_io_stat(local->io, path, &st, &failure);
    if (rc == 0 && S_ISREG(st.st_mode)) {
        rc = pn_io_unlink(local->io, path, &failure);
        if (rc == 0) {
            rc = pn_io_sync_parent(local->io, path, &failure);
        }
    }
    if (rc == ENOENT || rc == ENOTDIR) {
        rc = 0;
    }
    if (rc != 0) {
        pn_err_copy(e, &failure);
    }
    free(path);
    return rc;
}

static int local_list(struct pn_store *store, const char *prefix, const char *after,
                      int (*fn)(void *arg, const struct pn_object *object), void *arg,
                      struct pn_err *e)
{
    struct local_store *local = local_of(store);
    return pn_local_list(local->io, local->folder, prefix, after, fn, arg, e);
}

static int local_url(struct pn_store *store, const char *key, char **url, struct pn_err *e)
{
    size_t len = strlen(key);
    char *name = pn_xstrndup(key, len > 0 && key[len - 1] == '/' ? len - 1 : len);
    int rc = len > 0 ? check_key(name, e) : 0;
    if (rc == 0) {
        *url = len > 0 ? path_of_key(local_of(store), key) : pn_xstrdup(local_of(store)->folder);
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
static char *key_of_path(const struct local_store *local, const char *path)
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
    struct local_store *local = local_of(store);
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
    struct local_store *local = local_of(store);
    char *path = temp_path(local, "now");
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
    struct local_store *local = local_of(store);
    int rc = check_key(key, e);
    if (rc != 0) {
        return rc;
    }
    char *path = path_of_key(local, key);
    *held = temp_path(local, key);
    rc = pn_io_link(local->io, path, *held, e);
    if (rc == ENOENT || rc == ENOTDIR) {
        rc = missing_object(local, key, e);
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
    struct local_store *local = local_of(store);
    struct stat st;
    *restored = false;
    int rc = check_key(key, e);
    if (rc != 0) {
        return rc;
    }
    char *path = path_of_key(local, key);
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
    int rc = check_key(key, e);
    if (rc == 0) {
        *path = temp_path(local_of(store), key);
    }
    return rc;
}

static int local_commit_file(struct pn_store *store, const char *key, const char *path,
                             int64_t *size_bytes, struct pn_err *e)
{
    struct local_store *local = local_of(store);
    size_t temp_len = strlen(local->temp_folder);
    PN_ASSERT(strncmp(path, local->temp_folder, temp_len) == 0 && path[temp_len] == '/');
    int rc = check_key(key, e);
    if (rc != 0) {
        return rc;
    }
    char *target = path_of_key(local, key);
    struct stat st;
    rc = pn_io_sync_file(local->io, path, e);
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

/* Lists the folder, writes a file and reads it back. */
static int local_check(struct pn_store *store, struct pn_err *e)
{
    struct local_store *local = local_of(store);
    const char text[] = "is this store writable?\n";
    char back[sizeof text];
    struct pn_put probe = {.key = "probe", .bytes = text, .len = sizeof text};
    struct staged staged;
    int fd = -1;
    struct pn_io_listing listing = {0};
    int rc = pn_io_list(local->io, local->folder, &listing, e);
    pn_io_listing_deinit(&listing);
    if (rc != 0) {
        return rc;
    }
    rc = stage(local, &probe, true, &staged, e);
    if (rc == 0) {
        rc = pn_io_open(local->io, staged.temp_path, O_RDONLY, &fd, e);
    }
    if (rc == 0) {
        rc = pn_io_read_at(local->io, fd, back, sizeof back, 0, staged.temp_path, e);
    }
    if (rc == 0 && memcmp(back, text, sizeof text) != 0) {
        rc = pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL,
                        "the store '%s' returns other bytes than were written: check its disk",
                        local->folder);
    }
    pn_io_close(local->io, &fd);
    unstage(local, &staged);
    return rc;
}

static void local_destroy(struct pn_store *store)
{
    struct local_store *local = local_of(store);
    free(local->folder);
    free(local->temp_folder);
    free(local);
}

static const struct pn_store_ops local_ops = {.name = "local",
                                              .destroy = local_destroy,
                                              .put = local_put,
                                              .put_many = local_put_many,
                                              .get = local_get,
                                              .head = local_head,
                                              .remove = local_remove,
                                              .list = local_list,
                                              .url = local_url,
                                              .locate = local_locate,
                                              .now = local_now,
                                              .hold = local_hold,
                                              .restore = local_restore,
                                              .release = local_release,
                                              .begin_file = local_begin_file,
                                              .commit_file = local_commit_file,
                                              .check = local_check};

/* Engines run with another working folder, so the path must not depend on it. Caller frees. */
static int absolute_path(const char *folder, char **path, struct pn_err *e)
{
    size_t len = strlen(folder);
    while (len > 1 && folder[len - 1] == '/') {
        len--;
    }
    if (folder[0] == '/') {
        *path = pn_xstrndup(folder, len);
        return 0;
    }
    char *here = getcwd(NULL, 0);
    if (here == NULL) {
        return pn_err_errno(e, errno, "cannot get the working directory to open the store '%s'",
                            folder);
    }
    *path = pn_xasprintf("%s/%.*s", here, (int)len, folder);
    free(here);
    return 0;
}

int pn_local_store_open(const char *folder, const struct pn_io *io, struct pn_store **store,
                        struct pn_err *e)
{
    struct local_store *local = pn_xcalloc(1, sizeof *local);
    local->store.ops = &local_ops;
    local->io = io;
    local->seed = pn_entropy_u64();
    int rc = absolute_path(folder, &local->folder, e);
    if (rc != 0) {
        goto out;
    }
    local->temp_folder = pn_xasprintf("%s/.tmp", local->folder);
    struct pn_err why = {0};
    rc = pn_io_mkdirs(io, local->temp_folder, &why);
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

/* Is the process that made the temporary file still there? Its id is what the name starts with. An
 * earlier process may have had our own. */
static bool is_in_use(const char *name)
{
    char *end;
    long pid = strtol(name, &end, 10);
    if (end == name || *end != '-' || pid <= 0 || pid > INT_MAX || pid == (long)getpid()) {
        return false;
    }
    return kill((pid_t)pid, 0) == 0 || errno == EPERM;
}

int pn_local_store_sweep(struct pn_store *store, struct pn_err *e)
{
    PN_ASSERT(store->ops == &local_ops);
    struct local_store *local = local_of(store);
    struct pn_io_listing listing = {0};
    int rc = pn_io_list(local->io, local->temp_folder, &listing, e);
    for (size_t i = 0; i < listing.count && rc == 0; i++) {
        const struct pn_io_entry *entry = &listing.entries[i];
        if (is_in_use(entry->name)) {
            continue;
        }
        char *path = pn_xasprintf("%s/%s", local->temp_folder, entry->name);
        rc = entry->is_dir ? pn_io_remove_tree(local->io, path, e)
                           : pn_io_unlink(local->io, path, e);
        free(path);
    }
    pn_io_listing_deinit(&listing);
    return rc;
}
