/* From a method and a path to a route; request.h says what patterns look like. */
#ifndef PN_GATEWAY_ROUTER_H
#define PN_GATEWAY_ROUTER_H

#include <stddef.h>

#include "base/arena.h"
#include "base/metrics.h"
#include "gateway/request.h"

enum { PN_SEGMENTS_MAX = 8, PN_ROUTES_MAX = 128 };

struct pn_router_row {
    const struct pn_route *route;
    const char *segments[PN_SEGMENTS_MAX]; /* NULL for a `{}` */
    size_t count;
    char *name;                 /* "POST topics/{}", for metrics */
    struct pn_metric *requests; /* or NULL */
};

struct pn_router {
    struct pn_router_row rows[PN_ROUTES_MAX];
    size_t count;
};

enum pn_found {
    PN_ROUTE_FOUND,
    PN_ROUTE_NONE,    /* no such path */
    PN_ROUTE_METHOD,  /* the path is there, the method isn't: match.allow has those that are */
    PN_ROUTE_BAD_PATH /* broken percent-encoding, or an encoded control character */
};

struct pn_match {
    const struct pn_router_row *row;
    const char *params[PN_PARAMS_MAX]; /* in the arena */
    size_t param_count;
    const char *stage; /* the first segment, when it was a stage; else NULL; in the arena */
    const char *allow; /* "GET, HEAD, POST", in the arena */
};

void pn_router_init(struct pn_router *router);
void pn_router_deinit(struct pn_router *router);
/* Adds a route; the pattern must be well-formed, its right named, and there must be room (all
 * asserted). */
void pn_router_add(struct pn_router *router, const struct pn_route *route,
                   struct pn_metrics *metrics);
/* `path` is raw, from its leading slash to before any '?'. */
enum pn_found pn_router_find(const struct pn_router *router, enum pn_method method,
                             const char *path, struct pn_arena *arena, struct pn_match *match);

/* The method of a request line; PN_METHOD_OTHER for unknown ones. HEAD gives PN_GET. */
enum pn_method pn_method_parse(const char *word);
const char *pn_method_name(enum pn_method method);

#endif
