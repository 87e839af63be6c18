#include "support/memory_store.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/crc32c.h"
#include "base/io.h"
#include "base/mem.h"

/* The bytes of one put: shared by the object, by open files and by holds. */
struct body {
    int references;
    char *bytes;
    size_t len;
    int64_t modified_ms;
    int64_t number; /* of the put: the etag */
    uint32_t sum;
    int64_t first;
    int64_t end;
    char note[PN_NOTE_SIZE];
};

struct item {
    char *key;
    struct body *body;
};

struct memory_store {
    struct pn_store store;
    pthread_mutex_t lock;
    char *folder;
    struct item *items; /* sorted by key */
    size_t count;
    size_t capacity;
    int64_t puts;
    int64_t reads;
    int64_t files;
    bool disorder;
    bool ignore_if_absent;
    int replies_to_lose;
    int (*watch)(void *arg, bool is_after, struct pn_err *e);
    void *watch_arg;
};

struct memory_file {
    struct pn_store_file file;
    struct body *body;
};

static struct memory_store *lock(struct pn_store *store)
{
    struct memory_store *memory = (struct memory_store *)store;
    pthread_mutex_lock(&memory->lock);
    return memory;
}

static void unlock(struct memory_store *memory)
{
    pthread_mutex_unlock(&memory->lock);
}

static int watched(struct pn_store *store, bool is_after, struct pn_err *e)
{
    struct memory_store *memory = lock(store);
    int (*watch)(void *arg, bool is_after, struct pn_err *e) = memory->watch;
    void *arg = memory->watch_arg;
    unlock(memory);
    return watch != NULL ? watch(arg, is_after, e) : 0;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void release(struct body *body)
{
    if (--body->references == 0) {
        free(body->bytes);
        free(body);
    }
}

/* Where the key is, or where it belongs. */
static size_t place_of(const struct memory_store *memory, const char *key)
{
    size_t low = 0;
    size_t high = memory->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(memory->items[middle].key, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct item *find(const struct memory_store *memory, const char *key)
{
    size_t at = place_of(memory, key);
    bool found = at < memory->count && strcmp(memory->items[at].key, key) == 0;
    return found ? &memory->items[at] : NULL;
}

static int missing(const char *key, struct pn_err *e)
{
    return pn_err_missing(e, "no object '%s' in the store in memory", key);
}

static void describe(const struct item *item, struct pn_object *object)
{
    *object = (struct pn_object){.size_bytes = (int64_t)item->body->len,
                                 .modified_ms = item->body->modified_ms,
                                 .has_sum = true,
                                 .crc32c = item->body->sum};
    (void)snprintf(object->etag, sizeof object->etag, "%lld", (long long)item->body->number);
}

static void set_body(struct memory_store *memory, const char *key, struct body *body)
{
    struct item *item = find(memory, key);
    if (item == NULL) {
        size_t at = place_of(memory, key);
        pn_grow((void **)&memory->items, &memory->capacity, memory->count + 1,
                sizeof *memory->items);
        memmove(&memory->items[at + 1], &memory->items[at],
                (memory->count - at) * sizeof *memory->items);
        memory->count++;
        item = &memory->items[at];
        *item = (struct item){.key = pn_xstrdup(key)};
    } else {
        release(item->body);
    }
    item->body = body;
}

static int put_one(struct memory_store *memory, const struct pn_put *put, bool if_absent,
                   struct pn_err *e)
{
    if (if_absent && !memory->ignore_if_absent && find(memory, put->key) != NULL) {
        return pn_err_set(e, PN_CLASS_CONFLICT, EEXIST, "the object '%s' exists already", put->key);
    }
    struct body *body = pn_xcalloc(1, sizeof *body);
    *body = (struct body){.references = 1,
                          .bytes = pn_xcalloc(1, put->len + 1),
                          .len = put->len,
                          .modified_ms = now_ms(),
                          .number = ++memory->puts,
                          .sum = pn_crc32c(put->bytes, put->len),
                          .first = put->first,
                          .end = put->end};
    if (put->len > 0) {
        memcpy(body->bytes, put->bytes, put->len);
    }
    if (put->note != NULL) {
        PN_ASSERT(strlen(put->note) < sizeof body->note);
        (void)snprintf(body->note, sizeof body->note, "%s", put->note);
    }
    set_body(memory, put->key, body);
    if (memory->replies_to_lose > 0) {
        memory->replies_to_lose--;
        return pn_err_set(e, PN_CLASS_RETRY, ETIMEDOUT, "no reply to the put of '%s'", put->key);
    }
    return 0;
}

/* --- the port --------------------------------------------------------------------------------- */

static int op_put_many(struct pn_store *store, const struct pn_put *puts, size_t count,
                       struct pn_err *e)
{
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = pn_store_key_check(puts[i].key, e);
    }
    rc = rc == 0 ? watched(store, false, e) : rc;
    struct memory_store *memory = lock(store);
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = put_one(memory, &puts[i], false, e);
    }
    unlock(memory);
    return rc == 0 ? watched(store, true, e) : rc;
}

static int op_put(struct pn_store *store, const char *key, const void *bytes, size_t len,
                  bool if_absent, struct pn_err *e)
{
    const struct pn_put put = {.key = key, .bytes = bytes, .len = len};
    int rc = pn_store_key_check(key, e);
    rc = rc == 0 ? watched(store, false, e) : rc;
    if (rc == 0) {
        struct memory_store *memory = lock(store);
        rc = put_one(memory, &put, if_absent, e);
        unlock(memory);
    }
    return rc == 0 ? watched(store, true, e) : rc;
}

static int op_put_new(struct pn_store *store, const struct pn_put *puts, size_t count, bool *is_new,
                      struct pn_err *e)
{
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = pn_store_key_check(puts[i].key, e);
    }
    rc = rc == 0 ? watched(store, false, e) : rc;
    struct memory_store *memory = lock(store);
    for (size_t i = 0; i < count && rc == 0; i++) {
        struct pn_err why = {0};
        rc = put_one(memory, &puts[i], true, &why);
        is_new[i] = rc == 0;
        if (rc != 0 && why.class_ == PN_CLASS_CONFLICT) {
            rc = 0;
        } else if (rc != 0) {
            pn_err_copy(e, &why);
        }
    }
    unlock(memory);
    return rc == 0 ? watched(store, true, e) : rc;
}

static int op_note(struct pn_store *store, const char *key, char *note, struct pn_err *e)
{
    int rc = pn_store_key_check(key, e);
    rc = rc == 0 ? watched(store, false, e) : rc;
    if (rc != 0) {
        return rc;
    }
    struct memory_store *memory = lock(store);
    const struct item *item = find(memory, key);
    if (item != NULL) {
        memcpy(note, item->body->note, sizeof item->body->note);
    } else {
        rc = missing(key, e);
    }
    unlock(memory);
    return rc;
}

static int op_open(struct pn_store *store, const char *key, struct pn_store_file **file,
                   struct pn_err *e)
{
    *file = NULL;
    int rc = pn_store_key_check(key, e);
    rc = rc == 0 ? watched(store, false, e) : rc;
    if (rc != 0) {
        return rc;
    }
    struct memory_store *memory = lock(store);
    memory->reads++;
    struct item *item = find(memory, key);
    if (item != NULL) {
        struct memory_file *opened = pn_xcalloc(1, sizeof *opened);
        opened->file.store = store;
        describe(item, &opened->file.object);
        opened->file.object.key = pn_xstrdup(key);
        opened->body = item->body;
        opened->body->references++;
        *file = &opened->file;
    } else {
        rc = missing(key, e);
    }
    unlock(memory);
    return rc;
}

static int op_read_at(struct pn_store_file *file, void *bytes, size_t len, int64_t offset,
                      size_t *got, struct pn_err *e)
{
    const struct body *body = ((struct memory_file *)file)->body;
    (void)e;
    size_t at = (size_t)offset < body->len ? (size_t)offset : body->len;
    *got = len < body->len - at ? len : body->len - at;
    if (*got > 0) {
        memcpy(bytes, body->bytes + at, *got);
    }
    return 0;
}

static bool op_sum(struct pn_store_file *file, uint32_t *crc32c)
{
    *crc32c = ((struct memory_file *)file)->body->sum;
    return true;
}

static bool op_offsets(struct pn_store_file *file, int64_t *first, int64_t *end)
{
    *first = ((struct memory_file *)file)->body->first;
    *end = ((struct memory_file *)file)->body->end;
    return *end > 0;
}

static void op_close(struct pn_store_file *file)
{
    struct memory_store *memory = lock(file->store);
    release(((struct memory_file *)file)->body);
    unlock(memory);
    free((char *)file->object.key);
    free(file);
}

static int op_get(struct pn_store *store, const char *key, struct pn_buf *out, struct pn_err *e)
{
    struct pn_store_file *file = NULL;
    int rc = op_open(store, key, &file, e);
    if (rc == 0) {
        const struct body *body = ((struct memory_file *)file)->body;
        pn_buf_add(out, body->bytes, body->len);
        rc = pn_buf_check(out, "an object", e);
        op_close(file);
    }
    return rc;
}

static int op_head(struct pn_store *store, const char *key, struct pn_object *object,
                   struct pn_err *e)
{
    int rc = pn_store_key_check(key, e);
    if (rc != 0) {
        return rc;
    }
    struct memory_store *memory = lock(store);
    struct item *item = find(memory, key);
    if (item != NULL) {
        describe(item, object);
        object->key = key;
    } else {
        rc = missing(key, e);
    }
    unlock(memory);
    return rc;
}

static int op_remove_many(struct pn_store *store, const char *const *keys, size_t count,
                          struct pn_err *e)
{
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = pn_store_key_check(keys[i], e);
    }
    struct memory_store *memory = lock(store);
    for (size_t i = 0; i < count && rc == 0; i++) {
        struct item *item = find(memory, keys[i]);
        if (item != NULL) {
            size_t at = (size_t)(item - memory->items);
            release(item->body);
            free(item->key);
            memory->count--;
            memmove(item, item + 1, (memory->count - at) * sizeof *item);
        }
    }
    unlock(memory);
    return rc;
}

static int op_remove(struct pn_store *store, const char *key, struct pn_err *e)
{
    return op_remove_many(store, &key, 1, e);
}

/* The listing is of one moment; fn runs without the lock. */
static int op_list(struct pn_store *store, const char *prefix, const char *after,
                   int (*fn)(void *arg, const struct pn_object *object), void *arg,
                   struct pn_err *e)
{
    const char *slash = strrchr(prefix, '/');
    char *folder = slash != NULL ? pn_xstrndup(prefix, (size_t)(slash - prefix)) : NULL;
    int rc = folder != NULL ? pn_store_key_check(folder, e) : 0;
    free(folder);
    rc = rc == 0 ? watched(store, false, e) : rc;
    if (rc != 0) {
        return rc;
    }
    struct memory_store *memory = lock(store);
    struct pn_object *objects = pn_xcalloc(memory->count + 1, sizeof *objects);
    size_t count = 0;
    for (size_t i = 0; i < memory->count; i++) {
        const struct item *item = &memory->items[i];
        if (strncmp(item->key, prefix, strlen(prefix)) == 0 &&
            (after == NULL || strcmp(item->key, after) > 0)) {
            describe(item, &objects[count]);
            objects[count++].key = pn_xstrdup(item->key);
        }
    }
    if (memory->disorder && count > 1) {
        struct pn_object first = objects[0];
        objects[0] = objects[1];
        objects[1] = first;
    }
    unlock(memory);
    for (size_t i = 0; i < count; i++) {
        rc = rc == 0 ? fn(arg, &objects[i]) : rc;
        free((char *)objects[i].key);
    }
    free(objects);
    return rc;
}

static int op_url(struct pn_store *store, const char *key, char **url, struct pn_err *e)
{
    (void)store;
    size_t len = strlen(key);
    char *name = pn_xstrndup(key, len > 0 && key[len - 1] == '/' ? len - 1 : len);
    int rc = len > 0 ? pn_store_key_check(name, e) : 0;
    free(name);
    if (rc == 0) {
        *url = pn_xasprintf("memory://store/%s", key);
    }
    return rc;
}

static int op_locate(struct pn_store *store, const char *url, char **key, struct pn_object *object,
                     struct pn_err *e)
{
    static const char start[] = "memory://store/";
    *key = NULL;
    if (strncmp(url, start, strlen(start)) != 0) {
        return pn_err_input(e, "'%s' is no object of the store in memory", url);
    }
    char *name = pn_store_normalize(url + strlen(start));
    int rc = op_head(store, name, object, e);
    if (rc == 0) {
        object->key = NULL;
        *key = name;
        name = NULL;
    }
    free(name);
    return rc;
}

static int op_now(struct pn_store *store, int64_t *ms, struct pn_err *e)
{
    (void)store;
    (void)e;
    *ms = now_ms();
    return 0;
}

/* A hold is a reference to the body, spelled as text. */
static int op_hold(struct pn_store *store, const char *key, char **held, struct pn_err *e)
{
    *held = NULL;
    int rc = pn_store_key_check(key, e);
    if (rc != 0) {
        return rc;
    }
    struct memory_store *memory = lock(store);
    struct item *item = find(memory, key);
    if (item != NULL) {
        item->body->references++;
        *held = pn_xasprintf("%p", (void *)item->body);
    } else {
        rc = missing(key, e);
    }
    unlock(memory);
    return rc;
}

static struct body *body_of(const char *held)
{
    void *body = NULL;
    int found = sscanf(held, "%p", &body);
    PN_ASSERT(found == 1);
    return body;
}

static int op_restore(struct pn_store *store, const char *key, const char *held, bool *restored,
                      struct pn_err *e)
{
    *restored = false;
    int rc = pn_store_key_check(key, e);
    if (rc != 0) {
        return rc;
    }
    struct memory_store *memory = lock(store);
    if (find(memory, key) == NULL) {
        body_of(held)->references++;
        set_body(memory, key, body_of(held));
        *restored = true;
    }
    unlock(memory);
    return 0;
}

static int op_release(struct pn_store *store, char **held, struct pn_err *e)
{
    (void)e;
    if (*held != NULL) {
        struct memory_store *memory = lock(store);
        release(body_of(*held));
        unlock(memory);
    }
    free(*held);
    *held = NULL;
    return 0;
}

static int op_begin_file(struct pn_store *store, const char *key, char **path, struct pn_err *e)
{
    int rc = pn_store_key_check(key, e);
    if (rc == 0) {
        struct memory_store *memory = lock(store);
        const char *dot = strrchr(key, '.');
        *path = pn_xasprintf("%s/staged-%lld%s", memory->folder, (long long)memory->files++,
                             dot != NULL && strchr(dot, '/') == NULL ? dot : "");
        unlock(memory);
    }
    return rc;
}

static int op_commit_file(struct pn_store *store, const char *key, const char *path,
                          int64_t *size_bytes, struct pn_err *e)
{
    struct pn_buf bytes;
    pn_buf_init(&bytes, (size_t)1 << 30);
    int rc = pn_io_read_file(pn_io_system(), path, &bytes, e);
    if (rc == 0) {
        rc = op_put(store, key, bytes.data, bytes.len, false, e);
    }
    if (rc == 0) {
        rc = pn_io_unlink(pn_io_system(), path, e);
    }
    *size_bytes = (int64_t)bytes.len;
    pn_buf_deinit(&bytes);
    return rc;
}

static int op_sweep(struct pn_store *store, struct pn_err *e)
{
    struct memory_store *memory = lock(store);
    struct pn_io_listing listing = {0};
    int rc = pn_io_list(pn_io_system(), memory->folder, &listing, e);
    for (size_t i = 0; i < listing.count && rc == 0; i++) {
        if (strncmp(listing.entries[i].name, "staged-", strlen("staged-")) == 0) {
            char *path = pn_xasprintf("%s/%s", memory->folder, listing.entries[i].name);
            rc = pn_io_unlink(pn_io_system(), path, e);
            free(path);
        }
    }
    pn_io_listing_deinit(&listing);
    unlock(memory);
    return rc;
}

static void op_destroy(struct pn_store *store)
{
    struct memory_store *memory = (struct memory_store *)store;
    for (size_t i = 0; i < memory->count; i++) {
        PN_ASSERT(memory->items[i].body->references == 1); /* nothing is open or held */
        release(memory->items[i].body);
        free(memory->items[i].key);
    }
    free(memory->items);
    free(memory->folder);
    pthread_mutex_destroy(&memory->lock);
    free(memory);
}

struct pn_store *memory_store_create(const char *folder)
{
    static const struct pn_store_ops ops = {
        .name = "memory",
        .destroy = op_destroy,
        .put = op_put,
        .put_many = op_put_many,
        .get = op_get,
        .open = op_open,
        .read_at = op_read_at,
        .sum = op_sum,
        .offsets = op_offsets,
        .close = op_close,
        .head = op_head,
        .remove = op_remove,
        .remove_many = op_remove_many,
        .list = op_list,
        .url = op_url,
        .locate = op_locate,
        .now = op_now,
        .hold = op_hold,
        .restore = op_restore,
        .release = op_release,
        .begin_file = op_begin_file,
        .commit_file = op_commit_file,
        .sweep = op_sweep,
        .put_new = op_put_new,
        .note = op_note,
    };
    struct memory_store *memory = pn_xcalloc(1, sizeof *memory);
    memory->store.ops = &ops;
    memory->folder = pn_xstrdup(folder);
    pthread_mutex_init(&memory->lock, NULL);
    return &memory->store;
}

/* --- what a network does ---------------------------------------------------------------------- */

void memory_store_disorder(struct pn_store *store, bool disorder)
{
    struct memory_store *memory = lock(store);
    memory->disorder = disorder;
    unlock(memory);
}

void memory_store_ignore_if_absent(struct pn_store *store, bool ignore)
{
    struct memory_store *memory = lock(store);
    memory->ignore_if_absent = ignore;
    unlock(memory);
}

void memory_store_watch(struct pn_store *store,
                        int (*fn)(void *arg, bool is_after, struct pn_err *e), void *arg)
{
    struct memory_store *memory = lock(store);
    memory->watch = fn;
    memory->watch_arg = arg;
    unlock(memory);
}

void memory_store_lose_replies(struct pn_store *store, int count)
{
    struct memory_store *memory = lock(store);
    memory->replies_to_lose = count;
    unlock(memory);
}

int64_t memory_store_reads(struct pn_store *store)
{
    struct memory_store *memory = lock(store);
    int64_t reads = memory->reads;
    unlock(memory);
    return reads;
}

void memory_store_damage(struct pn_store *store, const char *key)
{
    struct memory_store *memory = lock(store);
    struct item *item = find(memory, key);
    PN_ASSERT(item != NULL && item->body->len > 0);
    item->body->bytes[item->body->len / 2] ^= 1;
    unlock(memory);
}
