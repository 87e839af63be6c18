/*
 * The store port: objects under keys, as in a bucket. The local store's folder has exactly the
 * layout of the bucket, so one can be copied to the other.
 *
 * What every implementation promises: put is atomic and durable when it returns; put-if-absent is
 * exclusive among all processes; list is by prefix, in bytewise order of the keys; a get sees the
 * last completed put.
 *
 * Keys are "/"-separated paths such as "topics/a/partition=0/a+0+0000000000.json": 1 to 1024 bytes
 * of UTF-8, no empty, "." or ".." segment, no leading or trailing "/", no NUL or control character;
 * anything else is refused with class INPUT.
 */
#ifndef PN_STORE_STORE_H
#define PN_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum { PN_KEY_MAX = 1024 };

struct pn_object {
    const char *key; /* borrowed during the callback */
    int64_t size_bytes;
    int64_t modified_ms;
    /* What it is, whatever it is called: two names of one file (a link) have the same two numbers.
     * Both are 0 where a store has no links. */
    uint64_t device;
    uint64_t inode;
};

/* One of the objects of a pn_store_put_many(). */
struct pn_put {
    const char *key;
    const void *bytes;
    size_t len;
    /* The offsets of a log that it holds, first <= offset < end, to be kept beside it where the
     * store can; end 0: nothing to keep. */
    int64_t first;
    int64_t end;
};

struct pn_store;

struct pn_store_ops {
    const char *name;
    void (*destroy)(struct pn_store *store);
    int (*put)(struct pn_store *store, const char *key, const void *bytes, size_t len,
               bool if_absent, struct pn_err *e);
    int (*put_many)(struct pn_store *store, const struct pn_put *puts, size_t count,
                    struct pn_err *e);
    int (*get)(struct pn_store *store, const char *key, struct pn_buf *out, struct pn_err *e);
    int (*head)(struct pn_store *store, const char *key, struct pn_object *object,
                struct pn_err *e);
    int (*remove)(struct pn_store *store, const char *key, struct pn_err *e);
    int (*list)(struct pn_store *store, const char *prefix, const char *after,
                int (*fn)(void *arg, const struct pn_object *object), void *arg, struct pn_err *e);
    int (*url)(struct pn_store *store, const char *key, char **url, struct pn_err *e);
    int (*locate)(struct pn_store *store, const char *url, char **key, struct pn_object *object,
                  struct pn_err *e);
    int (*now)(struct pn_store *store, int64_t *now_ms, struct pn_err *e);
    int (*hold)(struct pn_store *store, const char *key, char **held, struct pn_err *e);
    int (*restore)(struct pn_store *store, const char *key, const char *held, bool *restored,
                   struct pn_err *e);
    int (*release)(struct pn_store *store, char **held, struct pn_err *e);
    int (*begin_file)(struct pn_store *store, const char *key, char **path, struct pn_err *e);
    int (*commit_file)(struct pn_store *store, const char *key, const char *path,
                       int64_t *size_bytes, struct pn_err *e);
    int (*check)(struct pn_store *store, struct pn_err *e);
};

struct pn_store {
    const struct pn_store_ops *ops;
};

/*
 * Writes an object, replacing an older one. After a failure either the old or the new one is there,
 * whole; a write that is repeated after a failure is right whichever it was.
 */
PN_MUST_CHECK static inline int pn_store_put(struct pn_store *store, const char *key,
                                             const void *bytes, size_t len, struct pn_err *e)
{
    return store->ops->put(store, key, bytes, len, false, e);
}
/*
 * Writes an object unless there is one: then CONFLICT, and the old one is untouched. After another
 * failure the object may be there or not (the disk may fail behind the moment that decides): who
 * needs to know reads it back.
 */
PN_MUST_CHECK static inline int pn_store_put_if_absent(struct pn_store *store, const char *key,
                                                       const void *bytes, size_t len,
                                                       struct pn_err *e)
{
    return store->ops->put(store, key, bytes, len, true, e);
}
/*
 * Writes several objects, each as pn_store_put() does, sharing the waits for the disk: several
 * times as fast for many small objects. 0 when all of them are durable; after a failure any of
 * them may have been written, each whole.
 */
PN_MUST_CHECK static inline int pn_store_put_many(struct pn_store *store, const struct pn_put *puts,
                                                  size_t count, struct pn_err *e)
{
    return store->ops->put_many(store, puts, count, e);
}
/* Appends the object's bytes to `out`. MISSING when there is none; INPUT when larger than out's
 * maximum. */
PN_MUST_CHECK static inline int pn_store_get(struct pn_store *store, const char *key,
                                             struct pn_buf *out, struct pn_err *e)
{
    return store->ops->get(store, key, out, e);
}
/* Size and time of an object (object->key is the caller's key). MISSING when there is none. */
PN_MUST_CHECK static inline int pn_store_head(struct pn_store *store, const char *key,
                                              struct pn_object *object, struct pn_err *e)
{
    return store->ops->head(store, key, object, e);
}
/* Removes an object; one that isn't there is fine. */
PN_MUST_CHECK static inline int pn_store_remove(struct pn_store *store, const char *key,
                                                struct pn_err *e)
{
    return store->ops->remove(store, key, e);
}
/*
 * Calls fn for every object whose key starts with `prefix` ("" for all; any prefix, not only a
 * folder) and is bytewise greater than `after` (NULL for all), in order, until fn returns non-zero,
 * which is then returned with *e unset by the store (fn may set it). Nothing there is fine.
 */
PN_MUST_CHECK static inline int pn_store_list(struct pn_store *store, const char *prefix,
                                              const char *after,
                                              int (*fn)(void *arg, const struct pn_object *object),
                                              void *arg, struct pn_err *e)
{
    return store->ops->list(store, prefix, after, fn, arg, e);
}
/* The folders right below `prefix` ("" or with a trailing "/"), in order of their keys: the first
 * parts of the keys there that have several. Not zero from `fn` ends it and is returned. */
int pn_store_folders(struct pn_store *store, const char *prefix,
                     int (*fn)(void *arg, const char *folder), void *arg,
                     struct pn_err *e) PN_MUST_CHECK;
/* What an engine opens to read the object or, for a prefix ("" or with a trailing "/"), its folder:
 * an absolute path for the local store, s3://... for S3. Caller frees. The object need not exist.
 */
PN_MUST_CHECK static inline int pn_store_url(struct pn_store *store, const char *key, char **url,
                                             struct pn_err *e)
{
    return store->ops->url(store, key, url, e);
}
/*
 * The way back: what a URL names that somebody else wrote, in whatever spelling ("file:///x",
 * "/data/./store/x", a path through a link). *key is the object's key (caller frees), or NULL when
 * the file lies outside the store. `object` has all but its key. MISSING when there is no such
 * file; INPUT when this store cannot look at such a URL.
 */
PN_MUST_CHECK static inline int pn_store_locate(struct pn_store *store, const char *url, char **key,
                                                struct pn_object *object, struct pn_err *e)
{
    return store->ops->locate(store, url, key, object, e);
}
/* The time by the clock that gives objects their modified_ms, which need not be this machine's (a
 * folder on a file server). */
PN_MUST_CHECK static inline int pn_store_now(struct pn_store *store, int64_t *now_ms,
                                             struct pn_err *e)
{
    return store->ops->now(store, now_ms, e);
}
/*
 * Keeps the bytes of an object that others may remove meanwhile: hold gives a handle (MISSING when
 * there is no object); restore makes the object again, durably, when it was removed, and tells so;
 * release ends the hold, frees the handle and sets it to NULL (NULL ok). What a crash leaves of a
 * hold is swept away as an uncommitted file is.
 */
PN_MUST_CHECK static inline int pn_store_hold(struct pn_store *store, const char *key, char **held,
                                              struct pn_err *e)
{
    return store->ops->hold(store, key, held, e);
}
PN_MUST_CHECK static inline int pn_store_restore(struct pn_store *store, const char *key,
                                                 const char *held, bool *restored, struct pn_err *e)
{
    return store->ops->restore(store, key, held, restored, e);
}
PN_MUST_CHECK static inline int pn_store_release(struct pn_store *store, char **held,
                                                 struct pn_err *e)
{
    return store->ops->release(store, held, e);
}
/*
 * For objects that somebody else writes as a file (Parquet by the engine): begin gives a path to
 * write to, on the store's own disk but outside its keys (caller frees); commit syncs that file and
 * makes it the object `key`, atomically and durably, and tells its size. A path never committed is
 * swept away when the store is next opened by a process that alone uses it (the server).
 */
PN_MUST_CHECK static inline int pn_store_begin_file(struct pn_store *store, const char *key,
                                                    char **path, struct pn_err *e)
{
    return store->ops->begin_file(store, key, path, e);
}
PN_MUST_CHECK static inline int pn_store_commit_file(struct pn_store *store, const char *key,
                                                     const char *path, int64_t *size_bytes,
                                                     struct pn_err *e)
{
    return store->ops->commit_file(store, key, path, size_bytes, e);
}
/* Is the store there, readable and writable? For the first task of a run. */
PN_MUST_CHECK static inline int pn_store_check(struct pn_store *store, struct pn_err *e)
{
    return store->ops->check(store, e);
}
void pn_store_destroy(struct pn_store **store); /* NULL ok */

/* A path or key without its detours ("a/./b", "a/x/../b", "a//b" are "a/b"), by its text alone, as
 * URIs are normalized. What climbs above its beginning keeps its leading "..", but "/.." is "/".
 * Caller frees. */
char *pn_store_normalize(const char *path);
/* 0, or INPUT with what is wrong with the key. */
int pn_store_key_check(const char *key, struct pn_err *e) PN_MUST_CHECK;

#endif
