/* From a method and a path to a route and a front; request.h says what patterns look like, front.h
 * which front has a path. */
#ifndef PN_HTTP_ROUTER_H
#define PN_HTTP_ROUTER_H

#include <stddef.h>

#include "base/arena.h"
#include "base/metrics.h"
#include "http/front.h"

enum { PN_HTTP_SEGMENTS_MAX = 16, PN_HTTP_FRONTS_MAX = 8 };

struct pn_http_router_row {
    const struct pn_http_route *route;
    void *arg; /* of the handler */
    const struct pn_http_front *front;
    const char *segments[PN_HTTP_SEGMENTS_MAX]; /* NULL for a `{}` */
    size_t count;                               /* of segments, without a `**` */
    bool has_tail;
    char *name;                 /* "POST /topics/{}", for metrics */
    struct pn_metric *requests; /* or NULL */
};

struct pn_http_router_front {
    const struct pn_http_front *front;
    void *arg;
};

struct pn_http_router {
    struct pn_http_router_front fronts[PN_HTTP_FRONTS_MAX];
    size_t front_count;
    const struct pn_http_front *fallback; /* or NULL */
    struct pn_http_router_row *rows;
    size_t count;
    size_t capacity;
};

enum pn_http_found {
    PN_HTTP_ROUTE_FOUND,
    PN_HTTP_ROUTE_NONE,    /* no such path */
    PN_HTTP_ROUTE_METHOD,  /* the path is there, the method isn't: match.allow has those that are */
    PN_HTTP_ROUTE_BAD_PATH /* broken percent-encoding, or an encoded control character */
};

struct pn_http_match {
    const struct pn_http_router_row *row;
    const struct pn_http_front *front;      /* that the path belongs to; NULL: there are none */
    const char *params[PN_HTTP_PARAMS_MAX]; /* in the arena */
    size_t param_count;
    const char *stage; /* the first segment, when it was a stage; else NULL; in the arena */
    const char *allow; /* "GET, HEAD, POST", in the arena */
};

void pn_http_router_init(struct pn_http_router *router);
void pn_http_router_deinit(struct pn_http_router *router);
/* Adds a front with its routes, each with this `arg`, as pn_http_router_add() does. There must be
 * room, and its words be nobody else's (asserted). */
void pn_http_router_add_front(struct pn_http_router *router, const struct pn_http_front *front,
                              void *arg, struct pn_metrics *metrics);
/* Adds a route to a front that was added. The pattern must be well-formed and begin with a word of
 * the front, and its right be named (all asserted). Earlier rows may move. */
void pn_http_router_add(struct pn_http_router *router, const struct pn_http_front *front,
                        const struct pn_http_route *route, void *arg, struct pn_metrics *metrics);
/* `path` is raw, from its leading slash to before any '?'. */
enum pn_http_found pn_http_router_find(const struct pn_http_router *router,
                                       enum pn_http_method method, const char *path,
                                       struct pn_arena *arena, struct pn_http_match *match);

/* The method of a request line; PN_HTTP_METHOD_OTHER for unknown ones. HEAD gives PN_HTTP_GET. */
enum pn_http_method pn_http_method_parse(const char *word);

#endif
