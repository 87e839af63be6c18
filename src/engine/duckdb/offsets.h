/*
 * The log's offsets of the lines that a load rejects, by what the sink noted beside each object
 * (base/file_offsets.h): it covers the offsets first <= o < end, and each of them is either a line
 * of the object or one of its companion, the object of the same name among the sink's dead
 * letters, whose lines name their offsets.
 *
 * An offset is given only where the two together have exactly the lines that the sink wrote.
 */
#ifndef PN_ENGINE_DUCKDB_OFFSETS_H
#define PN_ENGINE_DUCKDB_OFFSETS_H

#include "engine/duckdb/landed.h"

/*
 * Makes the temporary table line_offsets (scan, object, line, shift) of a load's scans, which were
 * read to their ends: from `line` of the object on, up to the next row of the same object, a line's
 * offset is its number + `shift`. Objects without rejects, and those whose offsets aren't known,
 * have no row.
 */
int pn_offsets_make_table(struct pn_duckdb *engine, duckdb_connection connection,
                          struct pn_landed_scan *const *scans, size_t count,
                          struct pn_err *e) PN_MUST_CHECK;

#endif
