/*
 * The store port: objects under keys, as in a bucket. The local store's folder has exactly the
 * layout of the bucket, so one can be copied to the other.
 *
 * What every implementation promises:
 *   - a put is atomic, and durable when it returns;
 *   - of all processes that put-if-absent one key, exactly one succeeds, and that one learns it:
 *     an implementation that repeats a request whose reply was lost recognizes its own object;
 *   - a read sees the last completed put; an open file keeps reading the same object, even if
 *     another writer replaces it;
 *   - a list is by prefix, in bytewise order of the keys, or it is an error (pn_store_list() checks
 *     that for all of them).
 *
 * Implementations: local/ (a folder), s3/ (a bucket). A program reaches an object by its key alone.
 * Two operations are for engines that open files: begin_file and commit_file, which every store
 * has, and local_path, which a store has whose objects are files of this machine (local_files.h
 * serves an engine on any store). Two more are for writers that share a store: put_new and note,
 * which a store has that keeps a short text beside each object.
 *
 * Threads: any thread may call any operation; an open file is one thread's at a time.
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

enum { PN_KEY_MAX = 1024, PN_ETAG_SIZE = 80, PN_NOTE_SIZE = 944 };

struct pn_object {
    const char *key; /* borrowed during the callback */
    int64_t size_bytes;
    int64_t modified_ms; /* some stores count whole seconds */
    /* Names the bytes: a put of other bytes under the key gives another one. Opaque. */
    char etag[PN_ETAG_SIZE];
    /* What it is, whatever it is called: two names of one file (a link) have the same two numbers.
     * Both are 0 where a store has no links. */
    uint64_t device;
    uint64_t inode;
    /* Of a head only: the CRC-32C that the store keeps beside the bytes, if it keeps one. */
    bool has_sum;
    uint32_t crc32c;
};

/* One of the objects of a pn_store_put_many() or a pn_store_put_new(). */
struct pn_put {
    const char *key;
    const void *bytes;
    size_t len;
    /* The offsets of a log that it holds, first <= offset < end, to be kept beside it where the
     * store can; end 0: nothing to keep. */
    int64_t first;
    int64_t end;
    /* Of a pn_store_put_new(): printable ASCII, less than PN_NOTE_SIZE bytes; NULL: none. */
    const char *note;
};

struct pn_store;

/* An object that is open for reading; made and freed by the store. */
struct pn_store_file {
    struct pn_store *store;
    struct pn_object object; /* its key is the file's own copy */
};

struct pn_store_ops {
    const char *name;
    void (*destroy)(struct pn_store *store);
    int (*put)(struct pn_store *store, const char *key, const void *bytes, size_t len,
               bool if_absent, struct pn_err *e);
    int (*put_many)(struct pn_store *store, const struct pn_put *puts, size_t count,
                    struct pn_err *e);
    int (*get)(struct pn_store *store, const char *key, struct pn_buf *out, struct pn_err *e);
    int (*open)(struct pn_store *store, const char *key, struct pn_store_file **file,
                struct pn_err *e);
    int (*read_at)(struct pn_store_file *file, void *bytes, size_t len, int64_t offset, size_t *got,
                   struct pn_err *e);
    bool (*sum)(struct pn_store_file *file, uint32_t *crc32c);
    bool (*offsets)(struct pn_store_file *file, int64_t *first, int64_t *end);
    void (*close)(struct pn_store_file *file);
    int (*head)(struct pn_store *store, const char *key, struct pn_object *object,
                struct pn_err *e);
    int (*remove)(struct pn_store *store, const char *key, struct pn_err *e);
    int (*remove_many)(struct pn_store *store, const char *const *keys, size_t count,
                       struct pn_err *e);
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
    int (*sweep)(struct pn_store *store, struct pn_err *e);
    /* Both NULL in a store that keeps no notes. */
    int (*put_new)(struct pn_store *store, const struct pn_put *puts, size_t count, bool *is_new,
                   struct pn_err *e);
    int (*note)(struct pn_store *store, const char *key, char *note, struct pn_err *e);
    /* NULL in a store whose objects are not files of this machine. */
    int (*local_path)(struct pn_store *store, const char *key, char **path, struct pn_err *e);
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
 * Writes an object unless there is one: then CONFLICT, and the old one, which somebody else put, is
 * untouched. After another failure the object may be there or not (the disk may fail after the
 * moment that decides): a caller that needs to know reads it back.
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
/*
 * Opens an object to read ranges of it; MISSING when there is none. pn_store_read_at() reads from
 * `offset` on: *got is less than `len` only at the object's end, and 0 from there on.
 * pn_store_close() frees the file and sets it to NULL (NULL ok).
 */
PN_MUST_CHECK static inline int pn_store_open(struct pn_store *store, const char *key,
                                              struct pn_store_file **file, struct pn_err *e)
{
    return store->ops->open(store, key, file, e);
}
PN_MUST_CHECK static inline int pn_store_read_at(struct pn_store_file *file, void *bytes,
                                                 size_t len, int64_t offset, size_t *got,
                                                 struct pn_err *e)
{
    return file->store->ops->read_at(file, bytes, len, offset, got, e);
}
/* What the store keeps beside the bytes: their CRC-32C, by which they can be checked once they were
 * read, and the offsets of struct pn_put. False where it does not. */
static inline bool pn_store_sum(struct pn_store_file *file, uint32_t *crc32c)
{
    return file->store->ops->sum(file, crc32c);
}
static inline bool pn_store_offsets(struct pn_store_file *file, int64_t *first, int64_t *end)
{
    return file->store->ops->offsets(file, first, end);
}
void pn_store_close(struct pn_store_file **file);
/* Size, time and sum of an object (object->key is the caller's key). MISSING when there is none. */
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
/* Removes objects, sharing the requests and the waits for the disk, in no particular order; those
 * that aren't there are fine. After a failure any of them may be gone. */
PN_MUST_CHECK static inline int pn_store_remove_many(struct pn_store *store,
                                                     const char *const *keys, size_t count,
                                                     struct pn_err *e)
{
    return store->ops->remove_many(store, keys, count, e);
}
/*
 * Calls fn for every object whose key starts with `prefix` ("" for all; any prefix, not only a
 * folder) and is bytewise greater than `after` (NULL for all), in order, until fn returns non-zero,
 * which is then returned with *e unset by the store (fn may set it). Nothing there is fine. A store
 * that gives a key out of order is FATAL: what relies on the order would pass objects over.
 */
int pn_store_list(struct pn_store *store, const char *prefix, const char *after,
                  int (*fn)(void *arg, const struct pn_object *object), void *arg,
                  struct pn_err *e) PN_MUST_CHECK;
/* The folders right below `prefix` ("" or with a trailing "/"), in order of their keys: the first
 * parts of the keys there that have several. Not zero from `fn` ends it and is returned. */
int pn_store_folders(struct pn_store *store, const char *prefix,
                     int (*fn)(void *arg, const char *folder), void *arg,
                     struct pn_err *e) PN_MUST_CHECK;
/* What people and other programs call the object or, for a prefix ("" or with a trailing "/"), its
 * folder: an absolute path for the local store, s3://... for S3. Caller frees. The object need not
 * exist. */
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
 * there is no object); restore makes the object again, durably, when it was removed, and says so,
 * or fails where the store could not keep the bytes; release ends the hold, frees the handle and
 * sets it to NULL (NULL ok). What a crash leaves of a hold is swept away as an uncommitted file is.
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
 * write to, on a disk of this machine and outside the store's keys (caller frees); commit makes
 * that file the object `key`, atomically and durably, and returns its size; the path is free again.
 * A path never committed is swept away by pn_store_sweep().
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
/* Removes what processes left that were killed: temporary files, unfinished uploads. What running
 * processes use stays. For a process that starts, before it writes. */
PN_MUST_CHECK static inline int pn_store_sweep(struct pn_store *store, struct pn_err *e)
{
    return store->ops->sweep(store, e);
}
/* Is every object a file of this machine, which other libraries may open? Then, and only then,
 * pn_store_local_path() may be called: the path of an object or, for a prefix (as of
 * pn_store_url()), of its folder. Caller frees. The object need not exist. */
static inline bool pn_store_is_local(const struct pn_store *store)
{
    return store->ops->local_path != NULL;
}
PN_MUST_CHECK static inline int pn_store_local_path(struct pn_store *store, const char *key,
                                                    char **path, struct pn_err *e)
{
    return store->ops->local_path(store, key, path, e);
}
/*
 * Does the store keep notes? Then, and only then, these may be called:
 *   - pn_store_put_new() writes several objects, each as pn_store_put_if_absent() does, in no
 *     particular order and sharing the waits. is_new[i] is false where there was an object already,
 *     which is not a failure. After a failure is_new says nothing: any of them may have been
 *     written.
 *   - pn_store_note() gives the note of an object, "" for none; `note` has PN_NOTE_SIZE bytes.
 *     MISSING when there is no object.
 */
static inline bool pn_store_keeps_notes(const struct pn_store *store)
{
    return store->ops->note != NULL;
}
PN_MUST_CHECK static inline int pn_store_put_new(struct pn_store *store, const struct pn_put *puts,
                                                 size_t count, bool *is_new, struct pn_err *e)
{
    return store->ops->put_new(store, puts, count, is_new, e);
}
PN_MUST_CHECK static inline int pn_store_note(struct pn_store *store, const char *key, char *note,
                                              struct pn_err *e)
{
    return store->ops->note(store, key, note, e);
}
/*
 * Is the store there, readable and writable, and does it keep its promises? Objects whose keys
 * begin with "pinion_check-<uuid>" are written, read back, refused to a second put-if-absent,
 * listed, listed from the middle on, and removed at once. FATAL when a second put-if-absent
 * succeeds, since two writers would lose each other's commits, and when a list is out of order or
 * not up to date, since objects would be skipped. For the first task of a run.
 */
int pn_store_check(struct pn_store *store, struct pn_err *e) PN_MUST_CHECK;
void pn_store_destroy(struct pn_store **store); /* NULL ok */

/* A path or key without its detours ("a/./b", "a/x/../b", "a//b" are "a/b"), by its text alone, as
 * URIs are normalized. What climbs above its beginning keeps its leading "..", but "/.." is "/".
 * Caller frees. */
char *pn_store_normalize(const char *path);
/* 0, or INPUT with what is wrong with the key. */
int pn_store_key_check(const char *key, struct pn_err *e) PN_MUST_CHECK;

#endif
