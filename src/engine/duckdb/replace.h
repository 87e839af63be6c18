/*
 * A table of which a run overwrites only what `replace_where` is true for, as Delta's replaceWhere
 * does: live files of these partitions are replaced by the run's rows in one commit. The condition
 * is over partition columns, so it is asked of the partitions that the log names, not of rows.
 */
#ifndef PN_ENGINE_DUCKDB_REPLACE_H
#define PN_ENGINE_DUCKDB_REPLACE_H

#include "engine/duckdb/write.h"

/*
 * Commits what was written in place of the rows that the condition is true for. INPUT, and nothing
 * is changed, when it is not true for all rows that were written: the message shows some of them.
 * Another writer's commit in between is a new try.
 */
int pn_duckdb_replace(struct pn_duckdb *engine, duckdb_connection connection,
                      const struct pn_table *table, const struct pn_written *written,
                      int64_t *version, struct pn_err *e) PN_MUST_CHECK;
/* Can the condition be asked? INPUT names the mistake, and the caller the place. */
int pn_duckdb_check_replace(duckdb_connection connection, const struct pn_table *table,
                            struct pn_err *e) PN_MUST_CHECK;

#endif
