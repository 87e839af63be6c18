/* One batch of a partition on its way from the log to the store. */
#ifndef PN_SINK_LANDING_H
#define PN_SINK_LANDING_H

#include "sink/batch.h"
#include "sink/private.h"
#include "sink/reader.h"

/* One call of pn_sink_land(). */
struct pn_sink_landing {
    struct pn_sink *sink;
    struct pn_sink_part *part;
    struct pn_sink_batch batch;
    struct pn_sink_reader reader;
    bool is_again; /* the cuts were remembered before: some of their objects may be there */
    bool has_lost; /* the reader met a loss since this was last false */
    int64_t next;  /* where the partition continues when the batch is in the store */
};

/* --- cut.c ------------------------------------------------------------------------------------ */

/* It begins where the partition has landed. */
void pn_sink_landing_init(struct pn_sink_landing *landing, struct pn_sink *sink,
                          struct pn_sink_part *part);
void pn_sink_landing_deinit(struct pn_sink_landing *landing);

/* Reads on from what has landed and cuts objects as the settings say. */
int pn_sink_cut_new(struct pn_sink_landing *landing, bool all, struct pn_err *e) PN_MUST_CHECK;
/* Builds the object of the offsets first .. end - 1 as it was meant to be, however few of its
 * records the log still has. */
int pn_sink_cut_again(struct pn_sink_landing *landing, int64_t first, int64_t end,
                      struct pn_err *e) PN_MUST_CHECK;
/* An error when the batch has become too large. */
int pn_sink_check_batch(const struct pn_sink_batch *batch, struct pn_err *e) PN_MUST_CHECK;
/* Adds what one object has to the counts. */
void pn_sink_count_object(struct pn_sink_landing *landing, const struct pn_sink_object *object);

/* --- chain_land.c ----------------------------------------------------------------------------- */

/* Lands one batch, in a store with notes, at a place that is known. */
int pn_sink_chain_land(struct pn_sink_landing *landing, bool all, struct pn_err *e) PN_MUST_CHECK;

#endif
