/*
 * The tests of a table (`expect`), over the rows that a run has written and not committed yet: all
 * of the table, or of an incremental table the new ones. They see these rows under the table's
 * name.
 *
 * Of a merge's batch, tests that quarantine see each row. Those that fail or warn see the rows that
 * the merge of the others puts into the table: not one that a newer row of the batch or the table
 * takes the place of, nor a deletion. So a newer row of a key corrects one that fails.
 */
#ifndef PN_ENGINE_DUCKDB_EXPECT_H
#define PN_ENGINE_DUCKDB_EXPECT_H

#include "engine/duckdb/quarantine.h"
#include "engine/duckdb/write.h"

/*
 * Runs the tests. The rows of a merge are written as those of pn_merge_batch_table().
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
