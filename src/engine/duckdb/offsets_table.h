/* The log's offsets of the lines that a load rejects (offsets.h), as a table. */
#ifndef PN_ENGINE_DUCKDB_OFFSETS_TABLE_H
#define PN_ENGINE_DUCKDB_OFFSETS_TABLE_H

#include "engine/duckdb/landed.h"

/*
 * Makes the temporary table line_offsets (scan, object, line, shift) of a load's scans, which were
 * read to their ends: the steps of the objects that have rejects.
 */
int pn_offsets_make_table(struct pn_duckdb *engine, duckdb_connection connection,
                          struct pn_landed_scan *const *scans, size_t count,
                          struct pn_err *e) PN_MUST_CHECK;

#endif
