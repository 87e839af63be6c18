/* A transformed table with the mode append or merge: its SELECT over what is new (sources.h). */
#ifndef PN_ENGINE_DUCKDB_TRANSFORM_NEW_H
#define PN_ENGINE_DUCKDB_TRANSFORM_NEW_H

#include "engine/duckdb/private.h"

/* On a connection of its own, which keeps temporary views. */
int pn_duckdb_transform_new(struct pn_duckdb *engine, duckdb_connection connection,
                            const struct pn_table *table, struct pn_table_report *report,
                            struct pn_err *e) PN_MUST_CHECK;

#endif
