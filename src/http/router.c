#include "http/router.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/percent.h"

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
    free(router->rows);
    memset(router, 0, sizeof *router);
}

/* --- words ------------------------------------------------------------------------------------ */

/* Do the segments begin with the word, whose own segments have slashes between them? Gives how many
 * it has, 0 when they do not. */
static size_t leads(const char *word, const char *const *segments, size_t count)
{
    for (size_t i = 0; i < count && segments[i] != NULL; i++) {
        size_t len = strcspn(word, "/");
        if (strlen(segments[i]) != len || memcmp(segments[i], word, len) != 0) {
            return 0;
        }
        word += len;
        if (*word == '\0') {
            return i + 1;
        }
        word++;
    }
    return 0;
}

/* How many segments the longest of the front's words has that the path begins with; 0: none. */
static size_t has_word(const struct pn_http_front *front, const char *const *segments, size_t count)
{
    size_t longest = 0;
    for (const char *const *own = front->words; own != NULL && *own != NULL; own++) {
        size_t len = leads(*own, segments, count);
        longest = len > longest ? len : longest;
    }
    return longest;
}

/* The word that `word` stands for, or NULL. */
static const char *meaning(const struct pn_http_front *front, const char *word)
{
    for (const char *const *pair = front->aliases; pair != NULL && *pair != NULL; pair += 2) {
        if (strcmp(pair[0], word) == 0) {
            return pair[1];
        }
    }
    return NULL;
}

/* The front whose word the path begins with, the longest word where several do; or NULL. */
static const struct pn_http_front *owner(const struct pn_http_router *router,
                                         const char *const *segments, size_t count)
{
    const struct pn_http_front *front = NULL;
    size_t longest = 0;
    for (size_t i = 0; i < router->front_count; i++) {
        size_t len = has_word(router->fronts[i].front, segments, count);
        if (len > longest) {
            longest = len;
            front = router->fronts[i].front;
        }
    }
    return front;
}

/* The same for words, or one that stands for a word. */
static const struct pn_http_front *owner_or_alias(const struct pn_http_router *router,
                                                  const char *const *segments, size_t count)
{
    const struct pn_http_front *front = owner(router, segments, count);
    for (size_t i = 0; i < router->front_count && front == NULL; i++) {
        front =
            meaning(router->fronts[i].front, segments[0]) != NULL ? router->fronts[i].front : NULL;
    }
    return front;
}

/* Is the first segment the stage of an API Gateway, as far as the words go? */
static bool is_staged(const struct pn_http_router *router, const char *const *segments,
                      size_t count)
{
    if (count < 2) {
        return false;
    }
    const struct pn_http_front *first = owner(router, segments, count);
    const struct pn_http_front *second = owner(router, segments + 1, count - 1);
    return (first == NULL || first->is_staged) && second != NULL && second->is_staged;
}

/* The front that a path without a route belongs to. */
static const struct pn_http_front *front_of(const struct pn_http_router *router,
                                            const char *const *segments, size_t count)
{
    const struct pn_http_front *front = count > 0 ? owner_or_alias(router, segments, count) : NULL;
    if (front == NULL && count > 1) {
        front = owner_or_alias(router, segments + 1, count - 1);
        front = front != NULL && front->is_staged ? front : NULL;
    }
    return front != NULL ? front : router->fallback;
}

/* --- adding ----------------------------------------------------------------------------------- */

static void add_segment(struct pn_http_router_row *row, const char *text, size_t len,
                        size_t *params)
{
    bool is_param = len == 2 && memcmp(text, "{}", 2) == 0;
    bool is_tail = len == 2 && memcmp(text, "**", 2) == 0;
    PN_ASSERT(len > 0 && row->count < PN_HTTP_SEGMENTS_MAX && !row->has_tail);
    *params += is_param || is_tail;
    if (is_tail) {
        row->has_tail = true;
    } else {
        row->segments[row->count++] = is_param ? NULL : pn_xstrndup(text, len);
    }
}

void pn_http_router_add(struct pn_http_router *router, const struct pn_http_front *front,
                        const struct pn_http_route *route, void *arg, struct pn_metrics *metrics)
{
    PN_ASSERT(route->right != PN_RIGHT_UNSET);
    pn_grow((void **)&router->rows, &router->capacity, router->count + 1, sizeof *router->rows);
    struct pn_http_router_row *row = &router->rows[router->count++];
    *row = (struct pn_http_router_row){.route = route, .arg = arg, .front = front};
    row->name = pn_xasprintf("%s /%s", pn_http_method_name(route->method), route->pattern);
    row->requests = pn_metrics_get(metrics, PN_METRIC_GATEWAY_REQUESTS, row->name);
    size_t params = 0;
    for (const char *p = route->pattern; *p != '\0';) {
        size_t len = strcspn(p, "/");
        add_segment(row, p, len, &params);
        p += len;
        p += *p == '/';
    }
    PN_ASSERT(params <= PN_HTTP_PARAMS_MAX);
    PN_ASSERT(row->count == 0 || has_word(front, row->segments, row->count) > 0);
}

static bool is_taken(const struct pn_http_router *router, const char *word)
{
    for (size_t i = 0; i < router->front_count; i++) {
        const char *const *own = router->fronts[i].front->words;
        for (; own != NULL && *own != NULL; own++) {
            if (strcmp(*own, word) == 0) {
                return true;
            }
        }
    }
    return false;
}

void pn_http_router_add_front(struct pn_http_router *router, const struct pn_http_front *front,
                              void *arg, struct pn_metrics *metrics)
{
    PN_ASSERT(router->front_count < PN_HTTP_FRONTS_MAX);
    PN_ASSERT(!front->is_fallback || router->fallback == NULL);
    for (const char *const *word = front->words; word != NULL && *word != NULL; word++) {
        PN_ASSERT(!is_taken(router, *word));
    }
    router->fronts[router->front_count++] =
        (struct pn_http_router_front){.front = front, .arg = arg};
    if (front->is_fallback) {
        router->fallback = front;
    }
    for (const struct pn_http_route *route = front->routes; route != NULL && route->pattern != NULL;
         route++) {
        pn_http_router_add(router, front, route, arg, metrics);
    }
}

/* --- finding ---------------------------------------------------------------------------------- */

/* Splits into decoded, non-empty segments, as many as there is room for. False when one can't be
 * decoded: those before it are there. */
static bool split(const char *path, struct pn_arena *arena, const char **segments, size_t *count,
                  bool *is_whole)
{
    *count = 0;
    for (const char *p = path; *p != '\0';) {
        size_t len = strcspn(p, "/");
        if (len > 0) {
            if (*count == PN_HTTP_SEGMENTS_MAX) {
                *is_whole = false;
                return true;
            }
            const char *segment = pn_percent_decode(arena, p, len);
            if (segment == NULL) {
                return false;
            }
            segments[(*count)++] = segment;
        }
        p += len;
        p += *p == '/';
    }
    *is_whole = true;
    return true;
}

static bool row_matches(const struct pn_http_router_row *row, const char *const *segments,
                        size_t count)
{
    if (row->has_tail ? row->count > count : row->count != count) {
        return false;
    }
    for (size_t i = 0; i < row->count; i++) {
        if (row->segments[i] != NULL && strcmp(row->segments[i], segments[i]) != 0) {
            return false;
        }
    }
    return true;
}

static const char *join(const char *const *segments, size_t count, struct pn_arena *arena)
{
    const char *joined = count > 0 ? segments[0] : "";
    for (size_t i = 1; i < count; i++) {
        joined = pn_arena_printf(arena, "%s/%s", joined, segments[i]);
    }
    return joined;
}

static void take_params(const struct pn_http_router_row *row, const char *const *segments,
                        size_t count, struct pn_arena *arena, struct pn_http_match *match)
{
    match->row = row;
    match->front = row->front;
    match->param_count = 0;
    for (size_t i = 0; i < row->count; i++) {
        if (row->segments[i] == NULL) {
            match->params[match->param_count++] = segments[i];
        }
    }
    if (row->has_tail) {
        match->params[match->param_count++] =
            join(segments + row->count, count - row->count, arena);
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
            take_params(row, segments, count, arena, match);
            return PN_HTTP_ROUTE_FOUND;
        }
    }
    match->allow = allowed(router, segments, count, arena);
    return match->allow != NULL ? PN_HTTP_ROUTE_METHOD : PN_HTTP_ROUTE_NONE;
}

static enum pn_http_found find_staged(const struct pn_http_router *router,
                                      enum pn_http_method method, const char *const *segments,
                                      size_t count, struct pn_arena *arena,
                                      struct pn_http_match *match)
{
    match->stage = NULL;
    enum pn_http_found found = find_at(router, method, segments, count, arena, match);
    if (found == PN_HTTP_ROUTE_NONE && is_staged(router, segments, count)) {
        found = find_at(router, method, segments + 1, count - 1, arena, match);
        match->stage = segments[0];
    }
    return found;
}

/* Puts the first of the first two segments that stands for another word in that one's place. */
static bool use_meaning(const struct pn_http_router *router, const char **segments, size_t count)
{
    for (size_t i = 0; i < count && i < 2; i++) {
        for (size_t f = 0; f < router->front_count; f++) {
            const char *word = meaning(router->fronts[f].front, segments[i]);
            if (word != NULL) {
                segments[i] = word;
                return true;
            }
        }
    }
    return false;
}

enum pn_http_found pn_http_router_find(const struct pn_http_router *router,
                                       enum pn_http_method method, const char *path,
                                       struct pn_arena *arena, struct pn_http_match *match)
{
    const char *segments[PN_HTTP_SEGMENTS_MAX] = {NULL};
    size_t count = 0;
    bool is_whole = false;
    memset(match, 0, sizeof *match);
    enum pn_http_found found = PN_HTTP_ROUTE_NONE;
    if (!split(path, arena, segments, &count, &is_whole)) {
        found = PN_HTTP_ROUTE_BAD_PATH;
    } else if (is_whole) {
        found = find_staged(router, method, segments, count, arena, match);
        if (found == PN_HTTP_ROUTE_NONE && use_meaning(router, segments, count)) {
            found = find_staged(router, method, segments, count, arena, match);
        }
    }
    if (found != PN_HTTP_ROUTE_FOUND) {
        match->front = front_of(router, segments, count);
    }
    return found;
}
