/* The origins of a batch's records (store/origins_key.h): a line for each record that lands. */
#ifndef PN_SINK_ORIGINS_H
#define PN_SINK_ORIGINS_H

#include "base/buf.h"
#include "sink/landing.h"

/* Puts the origins of the batch's objects from .. end - 1, but for those that are there (NULL: none
 * is), as far as the topic keeps them. To be called before the objects are put. */
int pn_sink_put_origins(struct pn_sink_landing *landing, size_t from, size_t end,
                        const bool *is_there, struct pn_err *e) PN_MUST_CHECK;

#endif
