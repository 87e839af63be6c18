/*
 * The tests of a table (`expect`), over the rows that a run has written and not committed yet: all
 * of the table, or of an incremental table the new ones. They see these rows under the table's
 * name.
 */
#ifndef PN_ENGINE_DUCKDB_EXPECT_H
#define PN_ENGINE_DUCKDB_EXPECT_H

#include "engine/duckdb/quarantine.h"
#include "engine/duckdb/write.h"

/*
 * Runs the tests. `table` is as the rows were written: of a merge's batch without partitions.
 * `adds`: the rows come to those that the table has. INPUT when a test with the action `fail` does
 * not pass; the message shows rows. Rows that a test quarantines become letters, which go where
 * `to` says, and *written becomes the files of the others. Sets the report's expect_failed and
 * dead_letters. A `pn_written` that fails stays the caller's to undo.
 */
int pn_duckdb_expect(struct pn_duckdb *engine, duckdb_connection connection,
                     const struct pn_table *table, bool adds, const struct pn_quarantine *to,
                     struct pn_written *written, struct pn_table_report *report,
                     struct pn_err *e) PN_MUST_CHECK;

/* Are the tests' values of their columns' types, and their SQL right? The connection sees the
 * tables that the table reads. */
int pn_duckdb_check_expect(struct pn_duckdb *engine, duckdb_connection connection,
                           const struct pn_table *table, struct pn_err *e) PN_MUST_CHECK;

#endif
