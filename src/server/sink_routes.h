/*
 * The sink on our own API:
 *
 *   POST api/v1/sink/flush    lands all that the log holds, and replies when it has
 *   GET  api/v1/sink          what has landed, by partition
 *
 * and the list "stalled_landings" of /health.
 */
#ifndef PN_SERVER_SINK_ROUTES_H
#define PN_SERVER_SINK_ROUTES_H

#include "http/request.h"
#include "sink/sink.h"

enum { PN_SINK_ROUTES = 2 };

/* Owned by the caller, until the gateway is gone. */
struct pn_sink_routes {
    struct pn_sink *sink; /* borrowed; NULL: nothing lands here */
    struct pn_http_route routes[PN_SINK_ROUTES];
};

/* Adds all to the http, which has not started yet. */
void pn_sink_routes_add(struct pn_sink_routes *routes, struct pn_http_server *http);

#endif
