/*
 * Live updates on our own API:
 *
 *   GET api/v1/events?topics=dags,run/D/R   what changes, as server-sent events; see live/hub.h
 *
 * A client that comes again sends the id of its last event, as the header Last-Event-ID or as
 * ?last_event_id=: a browser's EventSource sends the header only when it connects again by itself.
 * The reply lasts until the client leaves, its key or session ends (then the last event is
 * `expired`), or the server stops. It holds no thread.
 */
#ifndef PN_API_EVENT_ROUTES_H
#define PN_API_EVENT_ROUTES_H

#include "api/api.h"
#include "live/hub.h"

/* Owned by the caller, until the HTTP server is gone. */
struct pn_api_event_routes {
    struct pn_live *live;
    int64_t heartbeat_ms;
};

/* Adds the route to the server, which isn't started yet. */
void pn_api_event_routes_add(struct pn_api_event_routes *routes, struct pn_api *api);

#endif
