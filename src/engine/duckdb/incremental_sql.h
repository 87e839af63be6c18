/*
 * Can a SELECT be run over new rows alone? It can when the rows that it makes of old rows and new
 * ones together are those of the old ones and those of the new ones: when it looks at each row of a
 * growing table by itself. DuckDB's tree of the statement is looked at, and those of the pipeline's
 * macros that it calls.
 *
 * Growing tables are those of table->reads with the mode append. What is refused is what involves
 * one of them: an aggregate, GROUP BY, HAVING, a window, QUALIFY, DISTINCT, LIMIT, a sample, PIVOT,
 * a set operation other than UNION ALL, a join of two of them, an outer join whose other side has
 * one, a subquery in an expression, WITH RECURSIVE. Other tables may be used in any way. A function
 * that may have another value in each run is refused anywhere.
 */
#ifndef PN_ENGINE_DUCKDB_INCREMENTAL_SQL_H
#define PN_ENGINE_DUCKDB_INCREMENTAL_SQL_H

#include "engine/duckdb/private.h"

/* INPUT with file, line and reason. The connection has the pipeline's macros. What is not a SELECT
 * at all passes: pn_duckdb_check_select() says what is wrong with it. */
int pn_duckdb_check_incremental(duckdb_connection connection, const struct pn_table *table,
                                struct pn_err *e) PN_MUST_CHECK;
/* The same for the table's delete_when, which is there and can be bound; it names the mistake, and
 * the caller the place. */
int pn_duckdb_check_delete_when(duckdb_connection connection, const struct pn_table *table,
                                struct pn_err *e) PN_MUST_CHECK;

#endif
