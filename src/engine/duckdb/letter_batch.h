/*
 * The letters of data tests with `action: quarantine`, of a table that runs add rows to. Each run
 * adds its letters once, whatever is killed:
 *
 * - The run draws a number, and adds its letters with it, in the column `batch` of the table of
 *   dead letters. Then it commits its rows, with the number as the txn PN_LETTER_BATCH. So rows are
 *   never missing from both tables.
 * - It adds no letters once another run has committed the table since it began.
 * - After the commit, letters of the table go away that have another number of the same turn: they
 *   are of runs that were killed, or were slower. If this run is killed before, the next one does
 *   it when it begins. A run whose commit fails takes its letters back.
 * - A run that makes the table afresh, and the first one with a number, also commit
 *   PN_LETTER_BATCH_FIRST: letters of lower numbers go away as well.
 *
 * A number is a turn and a draw: `turn << PN_LETTER_BATCH_DRAW_BITS | draw`. The turn of a run is
 * the one after that of the last commit, which fails (PN_DELTA_TXN_SEEN) if another run has taken
 * the turn. Letters of later turns are those of runs in progress. The first turn is drawn, so turns
 * that are far from those of the table are of one that was removed: their letters go away, too.
 */
#ifndef PN_ENGINE_DUCKDB_LETTER_BATCH_H
#define PN_ENGINE_DUCKDB_LETTER_BATCH_H

#include "delta/delta.h"
#include "engine/duckdb/private.h"
#include "engine/duckdb/write.h"

#define PN_LETTER_BATCH       "pinion/quarantine"
#define PN_LETTER_BATCH_FIRST "pinion/quarantine/first"
enum { PN_LETTER_BATCH_DRAW_BITS = 22, PN_LETTER_BATCH_TXNS = 2 };

/* Zeroed is none: the table's letters are replaced, or it has no such tests. */
struct pn_letter_batch {
    const struct pn_table *table; /* NULL: none */
    bool is_first;                /* letters of lower numbers go away */
    int64_t number;
    int64_t before; /* of the last commit; -1: none */
    int64_t first;  /* see PN_LETTER_BATCH_FIRST; -1: none */
};

/* Draws a number for a run of an incremental table, whose newest version is `snapshot` (NULL: there
 * is none). A table that has no tests with this action, and had none, needs no number. */
void pn_letter_batch_begin(struct pn_letter_batch *batch, const struct pn_table *table,
                           const struct pn_delta_snapshot *snapshot, bool afresh);
/* Before the run: takes out letters that the last commit has settled. */
int pn_letter_batch_settle_last(const struct pn_letter_batch *batch, struct pn_duckdb *engine,
                                duckdb_connection connection, struct pn_err *e) PN_MUST_CHECK;
/* Before the run adds its letters, and after it has read their table: RETRY when another run has
 * committed the table since this one began. Letters of a turn that is over would stay if this run
 * was then killed: the runs to come look only at the last turn. */
int pn_letter_batch_check(const struct pn_letter_batch *batch, struct pn_duckdb *engine,
                          struct pn_err *e) PN_MUST_CHECK;
/* Appends the transactions of the run's commit, at most PN_LETTER_BATCH_TXNS. */
void pn_letter_batch_txns(const struct pn_letter_batch *batch, int64_t now_ms,
                          struct pn_delta_txn *txns, int64_t *before, size_t *count);
/* After the run's commit, or its failure `rc`: takes out the letters that this has settled. What
 * fails here is logged; the next run does it. */
void pn_letter_batch_settle(const struct pn_letter_batch *batch, struct pn_duckdb *engine,
                            duckdb_connection connection, int rc);
/* Commits letters of the table `of` that were written into the table of letters, whose version
 * `snapshot` (NULL: there is none) the run has read; without rows it does nothing. A transaction
 * counts such commits, so of two at once the second fails with PN_DELTA_TXN_SEEN, and looks at the
 * table again. What was written is undone where the commit fails. */
int pn_letter_batch_commit(struct pn_duckdb *engine, const struct pn_table *letters,
                           const struct pn_delta_snapshot *snapshot, const struct pn_table *of,
                           struct pn_written *written, struct pn_err *e) PN_MUST_CHECK;
/* Appends the value of the column `batch`; `batch` may be NULL, or none. */
void pn_letter_batch_add(const struct pn_letter_batch *batch, struct pn_buf *sql);

#endif
