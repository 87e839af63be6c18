/*
 * What a SELECT of somebody's may name: tables of the pipeline, and functions that only compute.
 * DuckDB parses the statement; its tree is looked at before anything is bound or run.
 */
#ifndef PN_ENGINE_DUCKDB_ALLOW_H
#define PN_ENGINE_DUCKDB_ALLOW_H

#include "engine/duckdb/private.h"

/*
 * INPUT naming the first table or function that is not for queries. *checked is false, and the
 * outcome 0, when the statement is none whose tree DuckDB gives away, so no SELECT.
 */
int pn_duckdb_check_allowed(duckdb_connection connection, const struct pn_pipeline *pipeline,
                            const char *sql, bool *checked, struct pn_err *e) PN_MUST_CHECK;

#endif
