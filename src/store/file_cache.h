/*
 * Copies of objects as files of this machine, for libraries that open files, on a store whose
 * objects are none (pn_store_is_local() is false). They lie in one folder and take up to a limit:
 * those that were used longest ago make room, but for those that are leased.
 *
 * An object that never changes under its key (a data file of a table) is found by its key and what
 * its log says of it: once it is here, nothing is asked of the store. One that may be replaced is
 * looked at each time, or was listed, and another etag is another copy. A copy's path is always the
 * same, also after it had to make room. Objects that never change, and those that were listed, are
 * taken from a shelf (store/file_shelf.h) where other processes put them, and are put there.
 *
 * A copy has the sum and the offsets that the store keeps beside the object, as attributes
 * (base/file_sum.h, base/file_offsets.h), where the file system can keep them.
 *
 * Threads: any may call; two that want one object fetch it once.
 */
#ifndef PN_STORE_FILE_CACHE_H
#define PN_STORE_FILE_CACHE_H

#include "base/io.h"
#include "store/file_shelf.h"
#include "store/store.h"

struct pn_file_cache;
struct pn_file_copy;

/* The copies that a statement uses. Begins as {0}; for one thread. */
struct pn_file_lease {
    struct pn_file_cache *cache;
    struct pn_file_copy **copies;
    size_t count;
    size_t capacity;
};

/* The folder is made when it is first needed; what is in it stays when the cache is destroyed. All
 * is borrowed but `folder`, which is of the cache alone. `shelf`: NULL for none; on the same file
 * system. */
struct pn_file_cache *pn_file_cache_create(struct pn_store *store, const struct pn_io *io,
                                           const char *folder, int64_t bytes_max,
                                           struct pn_file_shelf *shelf);
void pn_file_cache_destroy(struct pn_file_cache **cache); /* NULL ok; nothing may be leased */

/*
 * The path of a copy, good until the lease is released; caller frees. `version` tells the object
 * from others that were under its key before; NULL: it may be replaced. MISSING when there is no
 * such object; CORRUPT when its bytes are not those that were put; INPUT when it and what is leased
 * besides are more than the limit.
 */
int pn_file_cache_take(struct pn_file_cache *cache, const char *key, const char *version,
                       struct pn_file_lease *lease, char **path, struct pn_err *e) PN_MUST_CHECK;
/*
 * The same for an object of a listing, whose key and etag are asked for alone: what is here or on
 * the shelf under that etag. Otherwise it is fetched as it is now. `keeps`: it may be on the shelf.
 */
int pn_file_cache_take_listed(struct pn_file_cache *cache, const struct pn_object *listed,
                              bool keeps, struct pn_file_lease *lease, char **path,
                              struct pn_err *e) PN_MUST_CHECK;
/* Is the copy of that version here, so that to take it costs no request? */
bool pn_file_cache_has(struct pn_file_cache *cache, const char *key, const char *version);
/* How many of `wanted` threads may begin to fetch (fetch.h): fewer while others do, but at least
 * one. They are given back when they end. */
size_t pn_file_cache_take_threads(struct pn_file_cache *cache, size_t wanted);
void pn_file_cache_give_threads(struct pn_file_cache *cache, size_t count);
int64_t pn_file_cache_bytes_max(const struct pn_file_cache *cache);
/* Can the file system of the copies keep what the store has beside an object? */
bool pn_file_cache_keeps_attributes(const struct pn_file_cache *cache);
/* Puts what is about to become the object on the shelf: this machine's processes need not fetch it.
 * Nobody changes the file from then on. */
void pn_file_cache_offer(struct pn_file_cache *cache, const char *key, const char *version,
                         const char *path);
/* Gives all copies back, and frees what the lease holds. */
void pn_file_lease_release(struct pn_file_lease *lease);
/* The same for what is not read again: what nobody else has leased is removed, but from the shelf.
 */
void pn_file_lease_drop(struct pn_file_lease *lease);

#endif
