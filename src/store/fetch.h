/*
 * Objects that are fetched before they are needed. Over a network each is a wait for an answer, and
 * a reader that asks for one after the other waits for each. So threads take the copies of a list
 * of objects (store/file_cache.h) in its order, some way ahead of its readers.
 *
 * It only saves waiting: a reader that gets no copy reads the object from the store, and gets the
 * errors there. An object is asked for once, by a thread or by the reader that needs it; too large
 * ones never are.
 *
 * Threads: any may call pn_fetch_take() and pn_fetch_done(), until one calls pn_fetch_stop().
 */
#ifndef PN_STORE_FETCH_H
#define PN_STORE_FETCH_H

#include "store/file_cache.h"

struct pn_fetch;

/*
 * Begins. The list is borrowed; of an object key, etag and size count, and one with the size 0 is
 * skipped. All copies go to the shelf if they are a small part of what it may take: what is on it
 * is not to leave for a list that is read once. NULL: there are none, or copies would lose what
 * the store keeps beside the objects.
 */
struct pn_fetch *pn_fetch_start(struct pn_file_cache *cache, const struct pn_object *objects,
                                size_t count);
/* Waits for requests in progress. No copy stays but on the shelf. NULL ok. */
void pn_fetch_stop(struct pn_fetch **fetch);

/* The path of an object's copy, the fetch's until the object is done; waits for one that is on its
 * way. NULL: read the object from the store. */
const char *pn_fetch_take(struct pn_fetch *fetch, size_t i);
/* All readers that took an object are done with it: others may come in its place. */
void pn_fetch_done(struct pn_fetch *fetch, size_t i);

#endif
