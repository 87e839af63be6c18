/*
 * A store in memory that implements the store port: the second implementation, which shows that
 * what uses a store uses the port alone. Its objects are files of no disk (there is no local_path),
 * and it can fail in the ways of object stores over a network. Thread-safe.
 */
#ifndef PN_TEST_SUPPORT_MEMORY_STORE_H
#define PN_TEST_SUPPORT_MEMORY_STORE_H

#include "store/store.h"

/* `folder` (borrowed, on a real disk) takes the files of pn_store_begin_file(). Destroy with
 * pn_store_destroy(). */
struct pn_store *memory_store_create(const char *folder);

/* Lists give the keys of a page in another order, as SeaweedFS does. */
void memory_store_disorder(struct pn_store *store, bool disorder);
/* put-if-absent replaces what is there, as s3rver does. */
void memory_store_ignore_if_absent(struct pn_store *store, bool ignore);
/* The next `count` puts take effect and then fail with RETRY, as when a reply is lost. */
void memory_store_lose_replies(struct pn_store *store, int count);
/*
 * From now on `fn` is called before each put, note, open, get and list, and after each put. Not
 * zero, with *e set, fails the request, before or after it took effect. It runs without the
 * store's lock and may use the store. NULL: no longer.
 */
void memory_store_watch(struct pn_store *store,
                        int (*fn)(void *arg, bool is_after, struct pn_err *e), void *arg);
/* Opens and gets since the store was created: what costs a request. */
int64_t memory_store_reads(struct pn_store *store);
/* Changes a byte of an object where it is stored. */
void memory_store_damage(struct pn_store *store, const char *key);

#endif
