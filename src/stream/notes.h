/*
 * Notes for people: `<checkpoints>/<shard>.json` in the store says how far a table has come in each
 * shard. They are written behind the commits and never read: what counts is in the table itself.
 */
#ifndef PN_STREAM_NOTES_H
#define PN_STREAM_NOTES_H

#include "store/store.h"
#include "stream/stream.h"

/* What was written last, so that nothing is written twice. One for each worker, zeroed. */
struct pn_stream_notes {
    int64_t version;    /* of the table */
    int64_t *positions; /* one a shard */
    size_t count;
    size_t capacity;
};
void pn_stream_notes_deinit(struct pn_stream_notes *notes);

/* Writes the notes of shards that have moved on. */
int pn_stream_notes_write(struct pn_stream_notes *notes, struct pn_store *store,
                          const struct pn_streams_status *status, struct pn_err *e) PN_MUST_CHECK;

#endif
