/* A transformed table's SELECT: is it one, and does it give what the pipeline declares? */
#ifndef PN_ENGINE_DUCKDB_SELECT_H
#define PN_ENGINE_DUCKDB_SELECT_H

#include "engine/duckdb/private.h"

/* On a connection that knows what the SELECT reads. INPUT names the file, and the column. */
int pn_duckdb_check_select(duckdb_connection connection, const struct pn_table *table,
                           struct pn_err *e) PN_MUST_CHECK;
/* Appends the SELECT's own text, less the semicolons, space and comments after it. */
void pn_duckdb_add_select(struct pn_buf *out, const char *sql);

#endif
