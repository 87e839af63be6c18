/*
 * A batch of rows into a table by its key: a row of a key replaces the one that the table has,
 * unless that is newer by the order column; one for which `delete_when` is true deletes it. Files
 * that hold none of the batch's keys stay: first their statistics are asked, then the key column.
 *
 * Of rows of one key, the newest is the greatest in the order column (null is the least); of those
 * that are equal there a deletion, and then the greatest in the other columns, in their order; of
 * those that are the same, the table's. So which of them stays does not depend on the batches that
 * they came in. For that, the newest deletion of a key is remembered, in a Delta table below the
 * table's own, which readers of the table do not see. Its name is PN_MERGE_DELETED and a number,
 * which is drawn each time that the table is made afresh: the version of the txn
 * PN_MERGE_GENERATION in the table's commits.
 */
#ifndef PN_ENGINE_DUCKDB_MERGE_H
#define PN_ENGINE_DUCKDB_MERGE_H

#include "engine/duckdb/write.h"

#define PN_MERGE_DELETED    "_deleted-"
#define PN_MERGE_GENERATION "pinion/deletions"
#define PN_MERGE_COMING     "pn_coming"
#define PN_MERGE_LEAVING    "pn_leaving"

/* The table as whose rows a batch is written: that of a merge is one file, whatever the table is
 * partitioned by. A copy that borrows all from `table`. */
struct pn_table pn_merge_batch_table(const struct pn_table *table);

/* What is merged, and how it is committed. */
struct pn_merge {
    struct pn_duckdb *engine;
    const struct pn_table *table;
    const struct pn_written *batch;  /* its rows, in files that no commit names */
    bool afresh;                     /* the table is overwritten with what becomes of the batch */
    const struct pn_duckdb_put *put; /* notes and transactions of the commit */
};

/*
 * Merges and commits, and sets the report's version and counts. The connection keeps temporary
 * tables. INPUT, and nothing is written, when a row has no key; it names some of
 * them. Another writer's commit in between is a new try; RETRY where the batch's tests saw the
 * table as it was before (pn_written.is_tested).
 */
int pn_duckdb_merge(const struct pn_merge *merge, duckdb_connection connection,
                    struct pn_table_report *report, struct pn_err *e) PN_MUST_CHECK;

/*
 * What the merge would make of the table as it is now; nothing is written or committed, and `put`
 * is not read. Leaves two temporary views on the connection:
 *
 *   pn_coming    the rows that it would add, or put in place of the table's
 *   pn_leaving   the keys whose row, if the table has one, does not stay
 *
 * *version: of the table that was looked at; -1: there is none. Errors are those of
 * pn_duckdb_merge() before its commit.
 */
int pn_duckdb_merge_preview(const struct pn_merge *merge, duckdb_connection connection,
                            int64_t *version, struct pn_err *e) PN_MUST_CHECK;

#endif
