/*
 * By which rules the records of a raw table became rows, one by one, as transactions of its log.
 * pinion/definition (incremental.h) is a checksum of all of them; these say which one has changed:
 *
 *   pinion/rules                   the checksum that the others belong to
 *   pinion/rules/<key>             a checksum of a setting of the table; 0: it is not set
 *   pinion/rules/column/<name>     the settings of a column; 0: none is set
 *
 * A log of an older pinion, or of a job of Spark, has none of them, or those of another checksum.
 */
#ifndef PN_ENGINE_RULES_H
#define PN_ENGINE_RULES_H

#include "base/arena.h"
#include "base/buf.h"
#include "delta/delta.h"
#include "pipeline/pipeline.h"

/* Are the rules of the snapshot known, whose checksum is `made`? */
bool pn_rules_are_known(const struct pn_delta_snapshot *snapshot, int64_t made);

/* Of a snapshot whose rules are known: did the rules of its rows change? A column that the table
 * or the pipeline lacks has none. Appends what changed: "`mode`, `aliases` of column 'a'". */
bool pn_rules_changed(const struct pn_table *table, const struct pn_delta_snapshot *snapshot,
                      struct pn_buf *changed);

/* The transactions that the snapshot (NULL: there is none) lacks, for a commit whose checksum is
 * `definition`; each is set whatever it was. Memory in the arena. */
void pn_rules_txns(const struct pn_table *table, const struct pn_delta_snapshot *snapshot,
                   int64_t definition, int64_t now_ms, struct pn_arena *arena,
                   struct pn_delta_txn **txns, size_t *count);

#endif
