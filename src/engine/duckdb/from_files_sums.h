/*
 * Sums of the bytes of objects in a local store, where an etag is of a file, not of its bytes. In a
 * bucket, where to read bytes costs requests, no sums are made.
 */
#ifndef PN_ENGINE_DUCKDB_FROM_FILES_SUMS_H
#define PN_ENGINE_DUCKDB_FROM_FILES_SUMS_H

#include "engine/duckdb/from_files_rows.h"
#include "engine/duckdb/object_book.h"

/* Reads the objects, which a load has just read: each gets its sum, where it still has its etag. */
int pn_source_sums_make(struct pn_duckdb *engine, struct pn_source_object *objects, size_t count,
                        struct pn_err *e) PN_MUST_CHECK;
/* After the listing: compares those of which the book is not sure. */
int pn_source_sums_compare(struct pn_duckdb *engine, struct pn_object_book *book,
                           struct pn_err *e) PN_MUST_CHECK;

#endif
