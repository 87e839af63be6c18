/*
 * Our own front: what the server is, how it is, its routes and metrics, and below /api/v1 what its
 * stations have for people and programs. Whatever belongs to no other front is answered here, in
 * the words of errors.h.
 *
 *   GET /               the program and its version; a browser is sent to /ui/
 *   GET /health         is all well, and if not, what is not
 *   GET /metrics        in the text format of Prometheus
 *   GET /api/v1/routes  every route, with the right that it asks of an API key
 *   GET /api/v1/openapi.json  what this front has, as an OpenAPI document
 *
 * More routes come by file (sink_routes.h, stream_routes.h), each with an `add` that the server's
 * maker calls. A new one is a handler and a row there. The row describes the route (route.h): the
 * document is made of the rows, and requests are checked against them before the handler runs. A
 * handler gets its station by its `arg`, and includes http/request.h, errors.h, and list.h where
 * its reply is a list.
 */
#ifndef PN_API_API_H
#define PN_API_API_H

#include "api/route.h"
#include "base/json_writer.h"
#include "base/metrics.h"
#include "http/server.h"
#include "log/failures.h"

/* What it depends on; all borrowed for its life. metrics may be NULL. */
struct pn_api_env {
    struct pn_http_server *server;
    struct pn_log_failures *failures;
    struct pn_metrics *metrics;
};

/* One more array in the reply of /health, of what is not well: unless it's empty, the status is
 * "degraded". `report` puts its items, on a thread that mustn't wait. Lists of one name share the
 * array, and are notes all of them or none. */
struct pn_api_health {
    const char *name;
    void (*report)(void *arg, struct pn_arena *arena, struct pn_json_writer *json);
    void *arg;
    bool is_note; /* the list is for people: the status stays as it is */
    bool stops;   /* with an item in the list, another server should get the requests: this one is
                     not ready */
};
enum { PN_API_HEALTH_MAX = 16 };

struct pn_api;

/* Adds the front to the server, which has not started. */
struct pn_api *pn_api_create(const struct pn_api_env *env);
/* After the server. NULL ok. */
void pn_api_destroy(struct pn_api **api);

/* Before the server starts: adds a route, which is borrowed for the server's life as is its
 * handler's `arg`, or a list, which is copied but for its texts. A row that does not describe its
 * route asserts. */
void pn_api_add_route(struct pn_api *api, const struct pn_api_route *route, void *arg);
void pn_api_add_health(struct pn_api *api, const struct pn_api_health *health);

/* Before the server starts: `fn` is called about once a second while it runs, on a thread that must
 * not wait. At most PN_API_TICKS_MAX of them. */
enum { PN_API_TICKS_MAX = 4 };
void pn_api_add_tick(struct pn_api *api, void (*fn)(void *arg), void *arg);

/* The lists of /health that hold something, as objects {"severity", "list", "entries"} of an array
 * that is open; the severity is "error", or "note". */
void pn_api_put_problems(struct pn_api *api, struct pn_http_request *req,
                         struct pn_json_writer *json);
/* A number that is another one when the reply of /health is. Any thread, once the server has
 * started. */
uint32_t pn_api_health_mark(struct pn_api *api);

/* Ends a reply that may be large and is in req->out whole: 200, or 503 when the server has no
 * memory left for it. `type` is static. */
enum pn_http_handled pn_api_reply_large(struct pn_http_request *req, const char *type);

/* There is news for requests that wait in a handler of ours (http/request.h). Any thread; does not
 * block. */
void pn_api_wake(struct pn_api *api);

#endif
