/*
 * A table whose columns get wider types while it has rows: all of its files are written again, in
 * one commit that changes no row. Delta's feature typeWidening would spare that, but not every
 * reader knows it.
 */
#ifndef PN_ENGINE_DUCKDB_WIDEN_H
#define PN_ENGINE_DUCKDB_WIDEN_H

#include "engine/duckdb/write.h"

/* Widens the table, if that is what its columns in pipeline.yml differ by (pn_delta_widens()):
 * *widened says whether. A table that is not there stays so. Another writer's commit in between is
 * a new try. PN_DELTA_MISFIT: it would, but the table is divided by other columns than in
 * pipeline.yml; nothing was written. */
int pn_duckdb_widen(struct pn_duckdb *engine, const struct pn_table *table, bool *widened,
                    struct pn_err *e) PN_MUST_CHECK;

#endif
