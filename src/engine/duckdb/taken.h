/*
 * Which landed objects an incremental raw table has taken, as the txn actions of its commits have
 * it. An object's name ends in <topic>+<partition>+<number>.json: it holds the numbers from there
 * on, one a record (docs/sink.md). Of each partition, a table has taken all numbers below `next`
 * but those of its gaps:
 *
 *   pinion/incremental                           1: the positions below are the table's; 0: they
 *                                                are not (the table was overwritten since)
 *   pinion/since                                 the commit is of this version or later; each
 *                                                commit has another one, so of two loads that began
 *                                                at one version the second fails
 *   pinion/definition                            of what settings the rows were made, by the caller
 *   pinion/landed/<topic>/<n>                    next
 *   pinion/landed/<topic>/<n>/objects            how many objects the table has taken
 *   pinion/landed/<topic>/<n>/gap/<start>-<end>  1: a gap; 2: it is one no more
 *
 * A gap is where a listing had no object between others: objects that became visible in another
 * order than they were cut, or that land late. When one appears in a gap, it is taken. Numbers that
 * are dead letters of the sink, as a whole object, leave no gap. A partition with more than
 * PN_TAKEN_GAPS_MAX gaps (a foreign sink of a compacted topic) gets no further ones.
 *
 * An object below `next` and in no gap was taken, or its name does not say which records it has;
 * the number of objects shows the latter, which is an error. For one thread at a time.
 */
#ifndef PN_ENGINE_DUCKDB_TAKEN_H
#define PN_ENGINE_DUCKDB_TAKEN_H

#include "delta/delta.h"
#include "engine/incremental.h"

enum { PN_TAKEN_GAPS_MAX = 100, PN_TAKEN_CLOCKS_MS = 60000 };

struct pn_taken;

/* Of a table's snapshot; NULL: there is no table. With `afresh` nothing counts as taken, and the
 * transactions replace those of the snapshot. */
struct pn_taken *pn_taken_create(const struct pn_delta_snapshot *snapshot, bool afresh,
                                 int64_t definition);
void pn_taken_destroy(struct pn_taken **taken); /* NULL ok */

/* Do the positions of a snapshot (NULL: none) hold? */
bool pn_taken_holds(const struct pn_delta_snapshot *snapshot);

/* Is an object of that key and topic still to be taken? INPUT when its name has no number. Each
 * object of a listing is to be asked for once. */
int pn_taken_wants(struct pn_taken *taken, const char *topic, const char *key, int64_t modified_ms,
                   bool *wanted, struct pn_err *e) PN_MUST_CHECK;
/* After the listing: INPUT when there are objects below a partition's `next` that the table has not
 * taken, and that no gap can tell apart. Where objects were deleted, their number does not show
 * that; then some are younger than the table's last load of the partition, by more than clocks
 * differ (PN_TAKEN_CLOCKS_MS). Where all are, the objects were copied to another store. */
int pn_taken_check(const struct pn_taken *taken, const char *table, struct pn_err *e) PN_MUST_CHECK;

/* An object that was wanted, and read: it holds `count` numbers, at least one. */
void pn_taken_add(struct pn_taken *taken, const char *topic, const char *key, int64_t count);
/*
 * After all were added: finds the gaps. `explain` (NULL ok) says how many numbers from `number` on
 * hold nothing to wait for, 0: not known.
 */
int pn_taken_settle(struct pn_taken *taken,
                    int (*explain)(void *arg, const char *topic, int32_t partition, int64_t number,
                                   int64_t *count, struct pn_err *e),
                    void *arg, struct pn_err *e) PN_MUST_CHECK;
/* The transactions that say so, and the versions that they follow, for a commit; the object's. */
void pn_taken_txns(struct pn_taken *taken, int64_t now_ms, const struct pn_delta_txn **txns,
                   const int64_t **before, size_t *count);

#endif
