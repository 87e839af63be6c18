#include "http/router.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "http/percent.h"

/* What an API Gateway's stage may stand before. */
static const char *const staged[] = {"topics", "consumers", "brokers", "streams"};

static const char *const method_names[] = {"GET",   "POST",    "PUT",  "DELETE",
                                           "PATCH", "OPTIONS", "other"};

enum pn_http_method pn_http_method_parse(const char *word)
{
    if (strcmp(word, "HEAD") == 0) {
        return PN_HTTP_GET;
    }
    for (int method = PN_HTTP_GET; method < PN_HTTP_METHOD_OTHER; method++) {
        if (strcmp(word, method_names[method]) == 0) {
            return (enum pn_http_method)method;
        }
    }
    return PN_HTTP_METHOD_OTHER;
}

const char *pn_http_method_name(enum pn_http_method method)
{
    return method_names[method];
}

void pn_http_router_init(struct pn_http_router *router)
{
    memset(router, 0, sizeof *router);
}

void pn_http_router_deinit(struct pn_http_router *router)
{
    for (size_t i = 0; i < router->count; i++) {
        struct pn_http_router_row *row = &router->rows[i];
        for (size_t s = 0; s < row->count; s++) {
            free((char *)row->segments[s]);
        }
        free(row->name);
    }
    router->count = 0;
}

void pn_http_router_add(struct pn_http_router *router, const struct pn_http_route *route,
                        struct pn_metrics *metrics)
{
    PN_ASSERT(router->count < PN_HTTP_ROUTES_MAX && route->right != PN_RIGHT_UNSET);
    struct pn_http_router_row *row = &router->rows[router->count++];
    row->route = route;
    row->name = pn_xasprintf("%s /%s", pn_http_method_name(route->method), route->pattern);
    row->requests = pn_metrics_get(metrics, PN_METRIC_GATEWAY_REQUESTS, row->name);
    size_t params = 0;
    for (const char *p = route->pattern; *p != '\0';) {
        size_t len = strcspn(p, "/");
        PN_ASSERT(len > 0 && row->count < PN_HTTP_SEGMENTS_MAX);
        bool is_param = len == 2 && memcmp(p, "{}", 2) == 0;
        params += is_param;
        row->segments[row->count++] = is_param ? NULL : pn_xstrndup(p, len);
        p += len;
        p += *p == '/';
    }
    PN_ASSERT(params <= PN_HTTP_PARAMS_MAX);
}

/* Splits into decoded, non-empty segments. Returns their number, PN_HTTP_SEGMENTS_MAX + 1 for too
 * many, -1 when one can't be decoded. */
static int split(const char *path, struct pn_arena *arena, const char **segments)
{
    int count = 0;
    for (const char *p = path; *p != '\0';) {
        size_t len = strcspn(p, "/");
        if (len > 0) {
            if (count == PN_HTTP_SEGMENTS_MAX) {
                return PN_HTTP_SEGMENTS_MAX + 1;
            }
            segments[count] = pn_http_percent_decode(arena, p, len);
            if (segments[count] == NULL) {
                return -1;
            }
            count++;
        }
        p += len;
        p += *p == '/';
    }
    return count;
}

static bool row_matches(const struct pn_http_router_row *row, const char *const *segments,
                        size_t count)
{
    if (row->count != count) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (row->segments[i] != NULL && strcmp(row->segments[i], segments[i]) != 0) {
            return false;
        }
    }
    return true;
}

static void take_params(const struct pn_http_router_row *row, const char *const *segments,
                        struct pn_http_match *match)
{
    match->row = row;
    match->param_count = 0;
    for (size_t i = 0; i < row->count; i++) {
        if (row->segments[i] == NULL) {
            match->params[match->param_count++] = segments[i];
        }
    }
}

/* "GET, HEAD, POST, OPTIONS": the methods of every row of this path. */
static const char *allowed(const struct pn_http_router *router, const char *const *segments,
                           size_t count, struct pn_arena *arena)
{
    bool has[PN_HTTP_METHOD_OTHER] = {false};
    for (size_t i = 0; i < router->count; i++) {
        if (row_matches(&router->rows[i], segments, count)) {
            has[router->rows[i].route->method] = true;
        }
    }
    const char *list = NULL;
    for (int method = PN_HTTP_GET; method < PN_HTTP_METHOD_OTHER; method++) {
        if (has[method]) {
            const char *name = method == PN_HTTP_GET ? "GET, HEAD" : method_names[method];
            list = list == NULL ? name : pn_arena_printf(arena, "%s, %s", list, name);
        }
    }
    return list == NULL ? NULL : pn_arena_printf(arena, "%s, OPTIONS", list);
}

static enum pn_http_found find_at(const struct pn_http_router *router, enum pn_http_method method,
                                  const char *const *segments, size_t count, struct pn_arena *arena,
                                  struct pn_http_match *match)
{
    for (size_t i = 0; i < router->count; i++) {
        const struct pn_http_router_row *row = &router->rows[i];
        if (row->route->method == method && row_matches(row, segments, count)) {
            take_params(row, segments, match);
            return PN_HTTP_ROUTE_FOUND;
        }
    }
    match->allow = allowed(router, segments, count, arena);
    return match->allow != NULL ? PN_HTTP_ROUTE_METHOD : PN_HTTP_ROUTE_NONE;
}

static bool is_staged(const char *segment)
{
    for (size_t i = 0; i < sizeof staged / sizeof staged[0]; i++) {
        if (strcmp(segment, staged[i]) == 0) {
            return true;
        }
    }
    return false;
}

static enum pn_http_found find_staged(const struct pn_http_router *router,
                                      enum pn_http_method method, const char *const *segments,
                                      size_t count, struct pn_arena *arena,
                                      struct pn_http_match *match)
{
    enum pn_http_found found = find_at(router, method, segments, count, arena, match);
    if (found == PN_HTTP_ROUTE_NONE && count >= 2 && is_staged(segments[1])) {
        found = find_at(router, method, segments + 1, count - 1, arena, match);
        match->stage = segments[0];
    }
    return found;
}

/* Whoever builds an API names its resources: some say "stream". */
static bool use_plural(const char **segments, size_t count)
{
    for (size_t i = 0; i < count && i < 2; i++) {
        if (strcmp(segments[i], "stream") == 0) {
            segments[i] = "streams";
            return true;
        }
    }
    return false;
}

enum pn_http_found pn_http_router_find(const struct pn_http_router *router,
                                       enum pn_http_method method, const char *path,
                                       struct pn_arena *arena, struct pn_http_match *match)
{
    const char *segments[PN_HTTP_SEGMENTS_MAX] = {NULL};
    memset(match, 0, sizeof *match);
    int count = split(path, arena, segments);
    if (count < 0) {
        return PN_HTTP_ROUTE_BAD_PATH;
    }
    if (count > PN_HTTP_SEGMENTS_MAX) {
        return PN_HTTP_ROUTE_NONE;
    }
    enum pn_http_found found = find_staged(router, method, segments, (size_t)count, arena, match);
    if (found == PN_HTTP_ROUTE_NONE && use_plural(segments, (size_t)count)) {
        match->stage = NULL;
        found = find_staged(router, method, segments, (size_t)count, arena, match);
    }
    return found;
}
