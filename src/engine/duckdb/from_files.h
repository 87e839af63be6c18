/*
 * Objects of the store as the source of a raw table (`from_files`). JSON lines are read as landed
 * objects are (landed.h); an array, and what is in zstd, becomes a file of lines first. CSV and
 * Parquet are read by the ways of an import (import.h), many objects by one statement.
 */
#ifndef PN_ENGINE_DUCKDB_FROM_FILES_H
#define PN_ENGINE_DUCKDB_FROM_FILES_H

#include "engine/duckdb/landed.h"
#include "engine/duckdb/object_book.h"
#include "engine/duckdb/write.h"

struct pn_from_files;

/* `book` says which objects were taken already; NULL: all are read. All is borrowed. */
struct pn_from_files *pn_from_files_create(struct pn_duckdb *engine, const struct pn_table *table,
                                           struct pn_object_book *book);
void pn_from_files_destroy(struct pn_from_files **files); /* NULL ok */

/* Lists the objects that match. */
int pn_from_files_find(struct pn_from_files *files, struct pn_err *e) PN_MUST_CHECK;
size_t pn_from_files_count(const struct pn_from_files *files);

/* Writes the rows of all objects as files of `batch`, the table that they are written as. All
 * objects are added to the scan, which gets what is not a row. INPUT when an object cannot be read,
 * or its columns do not fit. */
int pn_from_files_write(struct pn_from_files *files, duckdb_connection connection,
                        const struct pn_table *batch, struct pn_landed_scan *scan,
                        struct pn_written *written, struct pn_err *e) PN_MUST_CHECK;
/* After it: RETRY when objects changed while they were read; otherwise the book has them. */
int pn_from_files_settle(struct pn_from_files *files, struct pn_err *e) PN_MUST_CHECK;
/* Adds to the report what only this knows. */
void pn_from_files_report(const struct pn_from_files *files, struct pn_table_report *report);

#endif
