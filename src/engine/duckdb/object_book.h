/*
 * Which objects an incremental table with `from_files` has taken. Each of its commits has a
 * transaction for each object that it took:
 *
 *   pinion/file/<key>    what the object was: 31 bits of its size and 31 of its etag; 0: the table
 *                        was made afresh without it
 *   pinion/sum/<key>     the CRC-32C of its bytes; -1: not known. Of a local store alone, where an
 *                        etag is of a file: the same bytes written again have another one
 *
 * So the table's log alone says what is in the table, and a commit that fails takes nothing.
 * (100,000 objects are 1 MB of a checkpoint, with their sums 2 MB.) That only one of two loads
 * commits, the transactions of taken.h see to. For one thread at a time.
 */
#ifndef PN_ENGINE_DUCKDB_OBJECT_BOOK_H
#define PN_ENGINE_DUCKDB_OBJECT_BOOK_H

#include "delta/delta.h"
#include "store/store.h"

struct pn_object_book;

/* Of a table's snapshot; NULL: there is no table. With `afresh` nothing counts as taken. */
struct pn_object_book *pn_object_book_create(const struct pn_delta_snapshot *snapshot, bool afresh);
void pn_object_book_destroy(struct pn_object_book **book); /* NULL ok */

/* Is an object of the listing still to be taken? Each is asked for once. */
bool pn_object_book_wants(struct pn_object_book *book, const struct pn_object *object);
/* After the listing: how many objects have their sizes still, but other etags, and a sum that the
 * table knows; and the key of one. For each, found->crc32c and the etag that goes with it are to be
 * given: with the same sum it is taken, and the next commit has its etag of now. Without has_sum it
 * went since the listing, and counts as one that is not in it. */
size_t pn_object_book_unsure(const struct pn_object_book *book);
const char *pn_object_book_unsure_key(const struct pn_object_book *book, size_t i);
void pn_object_book_compare(struct pn_object_book *book, size_t i, const struct pn_object *found);
/* Those need not be compared where bytes are costly to read: they are as if no sum were known. */
void pn_object_book_forget_sums(struct pn_object_book *book);
/* After that: INPUT when objects changed that the table has taken. Of those without a known sum:
 * where all objects of the listing have their sizes still, but other etags, they count as copied to
 * another store, and so as taken: the next commit has their etags of now. Other data of the same
 * sizes looks alike, so pn_object_book_copies() is there to be said. */
int pn_object_book_check(const struct pn_object_book *book, const char *table,
                         struct pn_err *e) PN_MUST_CHECK;
/* How many objects count as copied; *example, the book's: the first of them. */
int64_t pn_object_book_copies(const struct pn_object_book *book, const char **example);
/* An object that was wanted, and read; has_sum: of the bytes that were read. */
void pn_object_book_add(struct pn_object_book *book, const struct pn_object *object);
/* Appends the transactions that say what is taken to a commit's others, whose arrays are the
 * caller's. They follow any version; the book's until it is destroyed. */
void pn_object_book_txns(struct pn_object_book *book, int64_t now_ms, struct pn_delta_txn **txns,
                         int64_t **before, size_t *count);

#endif
