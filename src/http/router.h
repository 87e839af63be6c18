/* From a method and a path to a route; request.h says what patterns look like. */
#ifndef PN_HTTP_ROUTER_H
#define PN_HTTP_ROUTER_H

#include <stddef.h>

#include "base/arena.h"
#include "base/metrics.h"
#include "http/request.h"

enum { PN_HTTP_SEGMENTS_MAX = 8, PN_HTTP_ROUTES_MAX = 128 };

struct pn_http_router_row {
    const struct pn_http_route *route;
    const char *segments[PN_HTTP_SEGMENTS_MAX]; /* NULL for a `{}` */
    size_t count;
    char *name;                 /* "POST topics/{}", for metrics */
    struct pn_metric *requests; /* or NULL */
};

struct pn_http_router {
    struct pn_http_router_row rows[PN_HTTP_ROUTES_MAX];
    size_t count;
};

enum pn_http_found {
    PN_HTTP_ROUTE_FOUND,
    PN_HTTP_ROUTE_NONE,    /* no such path */
    PN_HTTP_ROUTE_METHOD,  /* the path is there, the method isn't: match.allow has those that are */
    PN_HTTP_ROUTE_BAD_PATH /* broken percent-encoding, or an encoded control character */
};

struct pn_http_match {
    const struct pn_http_router_row *row;
    const char *params[PN_HTTP_PARAMS_MAX]; /* in the arena */
    size_t param_count;
    const char *stage; /* the first segment, when it was a stage; else NULL; in the arena */
    const char *allow; /* "GET, HEAD, POST", in the arena */
};

void pn_http_router_init(struct pn_http_router *router);
void pn_http_router_deinit(struct pn_http_router *router);
/* Adds a route; the pattern must be well-formed, its right named, and there must be room (all
 * asserted). */
void pn_http_router_add(struct pn_http_router *router, const struct pn_http_route *route,
                        struct pn_metrics *metrics);
/* `path` is raw, from its leading slash to before any '?'. */
enum pn_http_found pn_http_router_find(const struct pn_http_router *router,
                                       enum pn_http_method method, const char *path,
                                       struct pn_arena *arena, struct pn_http_match *match);

/* The method of a request line; PN_HTTP_METHOD_OTHER for unknown ones. HEAD gives PN_HTTP_GET. */
enum pn_http_method pn_http_method_parse(const char *word);
const char *pn_http_method_name(enum pn_http_method method);

#endif
