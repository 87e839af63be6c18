/*
 * Places (source.h) in a table: beside the txn of a shard's offset, a commit has txns that say
 * where in the other Kinesis that offset is. So rows, offset and place are one commit, and the
 * condition on the offset (it must be the one that the batch began with) is that of the place, too.
 * A txn's version is 64 bits; a sequence number has up to 129 digits, so it is several txns:
 *
 *   <app>/0, <app>/1, ...  the sequence number's digits, 18 in each, the last ones first; four at
 *                          least, so that each number replaces all of the one before
 *   <app>/from             a place of the form "@MS": that time
 *   <app>/until            until_ms; INT64_MAX: the shard is read to its end
 *
 * <app> is the offset's application (pn_processor_app_id()).
 */
#ifndef PN_PROCESSOR_MARKS_H
#define PN_PROCESSOR_MARKS_H

#include "base/arena.h"
#include "delta/delta.h"
#include "engine/embedded.h"
#include "processor/source.h"

/* What says in a commit that a shard is at `place`; in the arena, with room for one more. */
struct pn_append_mark *pn_processor_marks_of(const struct pn_processor_place *place,
                                             const char *app_id, struct pn_arena *arena,
                                             size_t *count);
/* The place that the table has of the shard. CORRUPT when no place can be like that. */
int pn_processor_marks_read(const struct pn_delta_snapshot *table, const char *app_id,
                            struct pn_processor_place *place, struct pn_err *e) PN_MUST_CHECK;
/* Is the text a sequence number of at most 129 digits? */
bool pn_processor_is_sequence(const char *text, size_t len);

#endif
