#include "store/file_cache.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/file_offsets.h"
#include "base/file_sum.h"
#include "base/mem.h"

enum { BLOCK_BYTES = 1 << 20, NAME_BYTES = 32, EXTENSION_MAX = 16, THREADS_MAX = 32 };

struct pn_file_copy {
    char *name; /* in the folder: by the key, and its version or etag */
    int64_t size_bytes;
    int64_t used; /* when it was last taken, by the cache's count */
    int leases;
    bool is_coming; /* a thread is fetching it */
};

struct pn_file_cache {
    struct pn_store *store;
    const struct pn_io *io;
    char *folder;
    int64_t bytes_max;
    struct pn_file_shelf *shelf;  /* NULL: none */
    pthread_mutex_t lock;         /* of all below */
    pthread_cond_t came;          /* a copy was fetched, or could not be */
    struct pn_file_copy **copies; /* sorted by name */
    size_t count;
    size_t capacity;
    int64_t bytes; /* of all copies, those that are coming too */
    int64_t takes;
    size_t threads; /* that fetch */
};

struct pn_file_cache *pn_file_cache_create(struct pn_store *store, const struct pn_io *io,
                                           const char *folder, int64_t bytes_max,
                                           struct pn_file_shelf *shelf)
{
    struct pn_file_cache *cache = pn_xcalloc(1, sizeof *cache);
    cache->store = store;
    cache->io = io;
    cache->folder = pn_xstrdup(folder);
    cache->bytes_max = bytes_max;
    cache->shelf = shelf;
    pthread_mutex_init(&cache->lock, NULL);
    pthread_cond_init(&cache->came, NULL);
    return cache;
}

static void free_copy(struct pn_file_copy *copy)
{
    free(copy->name);
    free(copy);
}

void pn_file_cache_destroy(struct pn_file_cache **cache)
{
    struct pn_file_cache *it = *cache;
    if (it == NULL) {
        return;
    }
    for (size_t i = 0; i < it->count; i++) {
        PN_ASSERT(it->copies[i]->leases == 0);
        free_copy(it->copies[i]);
    }
    free(it->copies);
    free(it->folder);
    pthread_cond_destroy(&it->came);
    pthread_mutex_destroy(&it->lock);
    free(it);
    *cache = NULL;
}

/* A file's name for an object of one of all stores, whose key may be too long for one, and the
 * key's extension, by which engines choose a format. Caller frees. */
static int make_name(struct pn_store *store, const char *key, const char *version, char **name,
                     struct pn_err *e)
{
    unsigned char digest[NAME_BYTES];
    char hex[2 * NAME_BYTES + 1];
    unsigned int len = 0;
    char *url = NULL;
    int rc = pn_store_url(store, key, &url, e);
    if (rc != 0) {
        return rc;
    }
    char *text = pn_xasprintf("%s\n%s", url, version);
    free(url);
    int ok = EVP_Digest(text, strlen(text), digest, &len, EVP_sha256(), NULL);
    PN_ASSERT(ok == 1 && len == sizeof digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        static const char digits[] = "0123456789abcdef";
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[2 * NAME_BYTES] = '\0';
    free(text);
    const char *slash = strrchr(key, '/');
    const char *dot = strrchr(slash != NULL ? slash : key, '.');
    *name = pn_xasprintf("%s%s", hex, dot != NULL && strlen(dot) <= EXTENSION_MAX ? dot : "");
    return 0;
}

/* --- the copies; the caller holds the lock ---------------------------------------------------- */

/* Where the copy is, or where it belongs. */
static size_t place_of(const struct pn_file_cache *cache, const char *name)
{
    size_t low = 0;
    size_t high = cache->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(cache->copies[middle]->name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct pn_file_copy *find(const struct pn_file_cache *cache, const char *name)
{
    size_t at = place_of(cache, name);
    return at < cache->count && strcmp(cache->copies[at]->name, name) == 0 ? cache->copies[at]
                                                                           : NULL;
}

static void forget(struct pn_file_cache *cache, struct pn_file_copy *copy)
{
    size_t at = place_of(cache, copy->name);
    PN_ASSERT(at < cache->count && cache->copies[at] == copy);
    cache->count--;
    memmove(&cache->copies[at], &cache->copies[at + 1],
            (cache->count - at) * sizeof(struct pn_file_copy *));
    cache->bytes -= copy->size_bytes;
    free_copy(copy);
}

static struct pn_file_copy *oldest_unleased(const struct pn_file_cache *cache)
{
    struct pn_file_copy *oldest = NULL;
    for (size_t i = 0; i < cache->count; i++) {
        struct pn_file_copy *copy = cache->copies[i];
        if (copy->leases == 0 && (oldest == NULL || copy->used < oldest->used)) {
            oldest = copy;
        }
    }
    return oldest;
}

static char *path_of(const struct pn_file_cache *cache, const char *name)
{
    return pn_xasprintf("%s/%s", cache->folder, name);
}

static int make_room(struct pn_file_cache *cache, const char *key, int64_t size_bytes,
                     struct pn_err *e)
{
    while (cache->bytes + size_bytes > cache->bytes_max) {
        struct pn_file_copy *oldest = oldest_unleased(cache);
        if (oldest == NULL) {
            return pn_err_input(e,
                                "'%s' (%lld bytes) does not fit beside the %lld bytes of objects "
                                "that are read at the moment: the cache may take %lld",
                                key, (long long)size_bytes, (long long)cache->bytes,
                                (long long)cache->bytes_max);
        }
        char *path = path_of(cache, oldest->name);
        int rc = pn_io_unlink(cache->io, path, e);
        free(path);
        if (rc != 0) {
            return rc;
        }
        forget(cache, oldest);
    }
    return 0;
}

static void lease_copy(struct pn_file_cache *cache, struct pn_file_lease *lease,
                       struct pn_file_copy *copy)
{
    PN_ASSERT(lease->cache == NULL || lease->cache == cache);
    lease->cache = cache;
    copy->leases++;
    copy->used = ++cache->takes;
    pn_grow((void **)&lease->copies, &lease->capacity, lease->count + 1,
            sizeof(struct pn_file_copy *));
    lease->copies[lease->count++] = copy;
}

/* What the store keeps beside the object. */
static void note(const struct pn_file_cache *cache, struct pn_store_file *file, const char *path,
                 uint32_t sum)
{
    uint32_t put_sum = 0;
    int64_t first = 0;
    int64_t end = 0;
    if (pn_store_sum(file, &put_sum)) {
        pn_file_sum_set(cache->io, path, sum);
    }
    if (pn_store_offsets(file, &first, &end)) {
        pn_file_offsets_set(cache->io, path, first, end);
    }
}

/* --- fetching --------------------------------------------------------------------------------- */

/* The object's bytes into a file, their sum, and whether they are those that were put. */
static int copy_bytes(struct pn_file_cache *cache, struct pn_store_file *file, int fd,
                      const char *path, uint32_t *sum, struct pn_err *e)
{
    char *block = pn_xcalloc(1, BLOCK_BYTES);
    int64_t offset = 0;
    size_t got = BLOCK_BYTES;
    int rc = 0;
    *sum = 0;
    while (rc == 0 && got == BLOCK_BYTES) {
        rc = pn_store_read_at(file, block, BLOCK_BYTES, offset, &got, e);
        if (rc == 0) {
            rc = pn_io_write_at(cache->io, fd, block, got, offset, path, e);
            *sum = pn_crc32c_add(*sum, block, got);
            offset += (int64_t)got;
        }
    }
    uint32_t put_sum = 0;
    bool is_same =
        offset == file->object.size_bytes && (!pn_store_sum(file, &put_sum) || put_sum == *sum);
    if (rc == 0 && !is_same) {
        rc = pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL,
                        "the object '%s' is damaged: what was read is not what was put",
                        file->object.key);
    }
    free(block);
    return rc;
}

/* The path is free: a file that was there may be on the shelf, too, and is not to change. With
 * `gives` the copy is put on the shelf, which takes it if the store confirms its sum: one that came
 * damaged is not to stay. */
static int fetch(struct pn_file_cache *cache, struct pn_store_file *file, const char *name,
                 bool gives, struct pn_err *e)
{
    char *path = path_of(cache, name);
    uint32_t sum = 0;
    int fd = -1;
    int rc = pn_io_mkdirs(cache->io, cache->folder, e);
    if (rc == 0) {
        rc = pn_io_open(cache->io, path, O_CREAT | O_WRONLY | O_EXCL, &fd, e);
    }
    if (rc == 0) {
        rc = copy_bytes(cache, file, fd, path, &sum, e);
        pn_io_close(cache->io, &fd);
        if (rc != 0) {
            int ignored = pn_io_unlink(cache->io, path, NULL);
            (void)ignored;
        } else {
            note(cache, file, path, sum);
        }
    }
    if (rc == 0 && gives && cache->shelf != NULL) {
        pn_file_shelf_give(cache->shelf, name, path);
    }
    free(path);
    return rc;
}

/* A copy that is to come, leased already so that it stays. The caller holds the lock. */
static struct pn_file_copy *add_copy(struct pn_file_cache *cache, const char *name,
                                     int64_t size_bytes, struct pn_file_lease *lease)
{
    struct pn_file_copy *added = pn_xcalloc(1, sizeof *added);
    *added = (struct pn_file_copy){
        .name = pn_xstrdup(name), .size_bytes = size_bytes, .is_coming = true};
    size_t at = place_of(cache, name);
    pn_grow((void **)&cache->copies, &cache->capacity, cache->count + 1,
            sizeof(struct pn_file_copy *));
    memmove(&cache->copies[at + 1], &cache->copies[at],
            (cache->count - at) * sizeof(struct pn_file_copy *));
    cache->copies[at] = added;
    cache->count++;
    cache->bytes += size_bytes;
    lease_copy(cache, lease, added);
    return added;
}

/* The end of that: the copy is there, or there is none. The caller holds the lock. */
static void end_coming(struct pn_file_cache *cache, struct pn_file_copy *copy, bool is_there,
                       struct pn_file_lease *lease)
{
    copy->is_coming = false;
    if (!is_there) {
        lease->count--;
        forget(cache, copy);
    }
    pthread_cond_broadcast(&cache->came);
}

/* Leases the copy of that name when it is here, or on its way and comes; *found is false else. The
 * caller holds the lock. */
static void take_found(struct pn_file_cache *cache, const char *name, struct pn_file_lease *lease,
                       bool *found)
{
    struct pn_file_copy *copy = find(cache, name);
    while (copy != NULL && copy->is_coming) {
        pthread_cond_wait(&cache->came, &cache->lock);
        copy = find(cache, name);
    }
    *found = copy != NULL;
    if (copy != NULL) {
        lease_copy(cache, lease, copy);
    }
}

/* From the shelf. Its size is known when it is here; *found is false when it is not there. */
static int take_shelved(struct pn_file_cache *cache, struct pn_file_copy *copy, const char *key,
                        struct pn_file_lease *lease, bool *found, struct pn_err *e)
{
    char *path = path_of(cache, copy->name);
    int64_t size_bytes = 0;
    int rc = 0;
    bool taken = pn_io_mkdirs(cache->io, cache->folder, NULL) == 0 &&
                 pn_file_shelf_take(cache->shelf, copy->name, path, &size_bytes);
    pthread_mutex_lock(&cache->lock);
    if (taken) {
        rc = make_room(cache, key, size_bytes, e);
    }
    *found = taken && rc == 0;
    if (*found) {
        copy->size_bytes = size_bytes;
        cache->bytes += size_bytes;
    } else if (taken) {
        int ignored = pn_io_unlink(cache->io, path, NULL);
        (void)ignored;
    }
    end_coming(cache, copy, *found, lease);
    pthread_mutex_unlock(&cache->lock);
    free(path);
    return rc;
}

/* What this process has, or the shelf; *found is false else. */
static int take_near(struct pn_file_cache *cache, const char *key, const char *name,
                     bool is_shelved, struct pn_file_lease *lease, bool *found, struct pn_err *e)
{
    struct pn_file_copy *copy = NULL;
    pthread_mutex_lock(&cache->lock);
    take_found(cache, name, lease, found);
    if (!*found && is_shelved && cache->shelf != NULL) {
        copy = add_copy(cache, name, 0, lease);
    }
    pthread_mutex_unlock(&cache->lock);
    return copy != NULL ? take_shelved(cache, copy, key, lease, found, e) : 0;
}

static int take_open(struct pn_file_cache *cache, struct pn_store_file *file, const char *name,
                     bool is_shelved, struct pn_file_lease *lease, struct pn_err *e)
{
    struct pn_file_copy *copy = NULL;
    bool found = false;
    pthread_mutex_lock(&cache->lock);
    take_found(cache, name, lease, &found);
    int rc = found ? 0 : make_room(cache, file->object.key, file->object.size_bytes, e);
    if (rc == 0 && !found) {
        copy = add_copy(cache, name, file->object.size_bytes, lease);
    }
    pthread_mutex_unlock(&cache->lock);
    if (copy == NULL) {
        return rc;
    }
    rc = fetch(cache, file, name, is_shelved, e);
    pthread_mutex_lock(&cache->lock);
    end_coming(cache, copy, rc == 0, lease);
    pthread_mutex_unlock(&cache->lock);
    return rc;
}

int pn_file_cache_take(struct pn_file_cache *cache, const char *key, const char *version,
                       struct pn_file_lease *lease, char **path, struct pn_err *e)
{
    struct pn_store_file *file = NULL;
    char *name = NULL;
    bool found = false;
    int rc = 0;
    *path = NULL;
    if (version == NULL) {
        rc = pn_store_open(cache->store, key, &file, e);
    }
    if (rc == 0) {
        rc = make_name(cache->store, key, version != NULL ? version : file->object.etag, &name, e);
    }
    if (rc == 0) {
        rc = take_near(cache, key, name, version != NULL, lease, &found, e);
    }
    if (rc == 0 && !found && file == NULL) {
        rc = pn_store_open(cache->store, key, &file, e);
    }
    if (rc == 0 && !found) {
        rc = take_open(cache, file, name, version != NULL, lease, e);
    }
    if (rc == 0) {
        *path = path_of(cache, name);
    }
    pn_store_close(&file);
    free(name);
    return rc;
}

/* An object that was listed, and that may be another one by now. */
static int take_as_it_is(struct pn_file_cache *cache, const char *key, bool keeps,
                         struct pn_file_lease *lease, char **name, struct pn_err *e)
{
    struct pn_store_file *file = NULL;
    int rc = pn_store_open(cache->store, key, &file, e);
    if (rc == 0) {
        rc = make_name(cache->store, key, file->object.etag, name, e);
    }
    if (rc == 0) {
        rc = take_open(cache, file, *name, keeps, lease, e);
    }
    pn_store_close(&file);
    return rc;
}

int pn_file_cache_take_listed(struct pn_file_cache *cache, const struct pn_object *listed,
                              bool keeps, struct pn_file_lease *lease, char **path,
                              struct pn_err *e)
{
    char *name = NULL;
    bool found = false;
    *path = NULL;
    int rc = make_name(cache->store, listed->key, listed->etag, &name, e);
    if (rc == 0) {
        rc = take_near(cache, listed->key, name, keeps, lease, &found, e);
    }
    if (rc == 0 && !found) {
        free(name);
        name = NULL;
        rc = take_as_it_is(cache, listed->key, keeps, lease, &name, e);
    }
    if (rc == 0) {
        *path = path_of(cache, name);
    }
    free(name);
    return rc;
}

bool pn_file_cache_has(struct pn_file_cache *cache, const char *key, const char *version)
{
    char *name = NULL;
    bool has = false;
    if (make_name(cache->store, key, version, &name, NULL) == 0) {
        pthread_mutex_lock(&cache->lock);
        has = find(cache, name) != NULL;
        pthread_mutex_unlock(&cache->lock);
    }
    free(name);
    return has;
}

size_t pn_file_cache_take_threads(struct pn_file_cache *cache, size_t wanted)
{
    pthread_mutex_lock(&cache->lock);
    size_t left = cache->threads < THREADS_MAX ? THREADS_MAX - cache->threads : 1;
    size_t count = wanted < left ? wanted : left;
    cache->threads += count;
    pthread_mutex_unlock(&cache->lock);
    return count;
}

void pn_file_cache_give_threads(struct pn_file_cache *cache, size_t count)
{
    pthread_mutex_lock(&cache->lock);
    PN_ASSERT(count <= cache->threads);
    cache->threads -= count;
    pthread_mutex_unlock(&cache->lock);
}

int64_t pn_file_cache_bytes_max(const struct pn_file_cache *cache)
{
    return cache->bytes_max;
}

bool pn_file_cache_keeps_attributes(const struct pn_file_cache *cache)
{
    int64_t first = 0;
    int64_t end = 0;
    if (pn_io_mkdirs(cache->io, cache->folder, NULL) != 0) {
        return false;
    }
    pn_file_offsets_set(cache->io, cache->folder, 0, 1);
    return pn_file_offsets_get(cache->io, cache->folder, &first, &end);
}

void pn_file_cache_offer(struct pn_file_cache *cache, const char *key, const char *version,
                         const char *path)
{
    char *name = NULL;
    if (cache->shelf != NULL && pn_file_shelf_fits(cache->shelf, path) &&
        pn_file_sum_make(cache->io, path, NULL) == 0 &&
        make_name(cache->store, key, version, &name, NULL) == 0) {
        pn_file_shelf_give(cache->shelf, name, path);
    }
    free(name);
}

/* The caller holds the lock. */
static void remove_copy(struct pn_file_cache *cache, struct pn_file_copy *copy)
{
    char *path = path_of(cache, copy->name);
    int rc = pn_io_unlink(cache->io, path, NULL);
    free(path);
    if (rc == 0) {
        forget(cache, copy);
    }
}

static void give_back(struct pn_file_lease *lease, bool drops)
{
    struct pn_file_cache *cache = lease->cache;
    if (cache != NULL) {
        pthread_mutex_lock(&cache->lock);
        for (size_t i = 0; i < lease->count; i++) {
            struct pn_file_copy *copy = lease->copies[i];
            PN_ASSERT(copy->leases > 0);
            copy->leases--;
            if (drops && copy->leases == 0) {
                remove_copy(cache, copy);
            }
        }
        pthread_mutex_unlock(&cache->lock);
    }
    free(lease->copies);
    *lease = (struct pn_file_lease){0};
}

void pn_file_lease_release(struct pn_file_lease *lease)
{
    give_back(lease, false);
}

void pn_file_lease_drop(struct pn_file_lease *lease)
{
    give_back(lease, true);
}
