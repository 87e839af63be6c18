/*
 * Checkpoint files: `<checkpoints>/<shard>.json` in the store says how far a table has come in each
 * shard. They are for people: a processor writes them after its commits and never reads them. The
 * positions that count are in the table itself.
 */
#ifndef PN_PROCESSOR_CHECKPOINTS_H
#define PN_PROCESSOR_CHECKPOINTS_H

#include "processor/processor.h"
#include "store/store.h"

/* What was written last, so that nothing is written twice. One for each worker, zeroed. */
struct pn_processor_checkpoints {
    int64_t version;    /* of the table */
    int64_t *positions; /* one a shard */
    size_t count;
    size_t capacity;
};
void pn_processor_checkpoints_deinit(struct pn_processor_checkpoints *notes);

/* Writes the notes of shards that have moved on. */
int pn_processor_checkpoints_write(struct pn_processor_checkpoints *notes, struct pn_store *store,
                                   const struct pn_processor_status *status,
                                   struct pn_err *e) PN_MUST_CHECK;

#endif
