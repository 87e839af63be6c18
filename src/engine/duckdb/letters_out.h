/* Rows that leave a table of dead letters: only the files that hold them are written again. */
#ifndef PN_ENGINE_DUCKDB_LETTERS_OUT_H
#define PN_ENGINE_DUCKDB_LETTERS_OUT_H

#include "engine/duckdb/private.h"

/* Takes out the rows for which `which`, an SQL condition over the columns of `letters`, is true.
 * Another commit in between is a new try. RETRY: others write the table all the time. */
int pn_letters_take_out(struct pn_duckdb *engine, duckdb_connection connection,
                        const struct pn_table *letters, const char *which,
                        struct pn_err *e) PN_MUST_CHECK;

#endif
