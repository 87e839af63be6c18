/* Rows of a transformed table that its tests take out: into the table of dead letters. */
#ifndef PN_ENGINE_DUCKDB_QUARANTINE_H
#define PN_ENGINE_DUCKDB_QUARANTINE_H

#include "engine/duckdb/write.h"

/*
 * Replaces the table's dead letters by the rows of `select`, which gives a reason and the row as
 * JSON: reason string, value string. NULL: by none.
 */
int pn_duckdb_quarantine(struct pn_duckdb *engine, duckdb_connection connection,
                         const struct pn_table *table, const struct pn_buf *select,
                         struct pn_err *e) PN_MUST_CHECK;

#endif
