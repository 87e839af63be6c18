/*
 * The sink on our own API:
 *
 *   POST api/v1/sink/flush    lands all that the log holds, and replies when it has
 *   GET  api/v1/sink          what has landed, by partition
 *
 * and the list "stalled_landings" of /health.
 *
 * A flush may take long. A thread of its own makes it, for all who asked before it begins; their
 * requests wait without a thread, and are woken when it is done.
 */
#ifndef PN_API_SINK_ROUTES_H
#define PN_API_SINK_ROUTES_H

#include "api/api.h"
#include "sink/sink.h"

struct pn_api_sink_routes;

/* Adds the routes, before the server starts, and starts the thread. `sink` is borrowed; NULL:
 * nothing lands here. */
int pn_api_sink_routes_start(struct pn_sink *sink, struct pn_api *api,
                             struct pn_api_sink_routes **routes, struct pn_err *e) PN_MUST_CHECK;
/* Ends the thread after the flush in progress: once the server has stopped, before it is destroyed.
 * NULL ok. */
void pn_api_sink_routes_stop(struct pn_api_sink_routes **routes);

#endif
