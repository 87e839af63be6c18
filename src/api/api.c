#include "api/api.h"

#include <stdlib.h>
#include <string.h>

#include "api/errors.h"
#include "api/openapi.h"
#include "aws/rights.h"
#include "base/crc32c.h"
#include "base/mem.h"
#include "http/content.h"

enum { HEALTH_BYTES_MAX = 1024 * 1024 };

/* A route that was added: to the server it is one with a handler of ours. */
struct added {
    struct pn_http_route http;
    const struct pn_api_route *route;
    void *arg; /* of the route's own handler */
};

/* Constant once the server has started. */
struct pn_api {
    struct pn_api_env env;
    const struct pn_api_route **routes; /* in their order; each has its `added` */
    struct added **added;
    size_t route_count;
    size_t route_capacity;
    size_t added_capacity;
    struct pn_api_health health[PN_API_HEALTH_MAX];
    size_t health_count;
    struct {
        void (*fn)(void *arg);
        void *arg;
    } ticks[PN_API_TICKS_MAX];
    size_t tick_count;
};

/* What a browser asks for here are the pages. */
static enum pn_http_handled root(struct pn_http_request *req, void *arg)
{
    (void)arg;
    const char *accept = pn_http_request_header(req, "Accept");
    pn_http_reply_header(req, "Vary", "Accept");
    if (accept != NULL && strstr(accept, "text/html") != NULL) {
        pn_http_reply_header(req, "Location", "/ui/");
        req->status = 302;
        return PN_HTTP_HANDLED;
    }
    struct pn_json_writer json;
    pn_json_writer_init(&json, &req->out);
    pn_json_put_object(&json);
    pn_json_add_cstr(&json, "name", "pinion");
    pn_json_add_cstr(&json, "version", PINION_VERSION);
    pn_json_end(&json);
    req->status = 200;
    return PN_HTTP_HANDLED;
}

/* --- health ----------------------------------------------------------------------------------- */

static void put_failures(struct pn_http_request *req, const struct pn_log_failure *failures,
                         size_t count, struct pn_json_writer *json)
{
    for (size_t i = 0; i < count; i++) {
        pn_json_put_object(json);
        pn_json_add_cstr(json, "topic", failures[i].topic);
        pn_json_add_i64(json, "partition", failures[i].partition);
        pn_json_add_cstr(json, "reason", pn_http_request_public(req, failures[i].reason));
        pn_json_end(json);
    }
}

/* The array of this name as JSON, in the arena: the items of all lists that have it. NULL when an
 * earlier list than `at` has it. */
static const char *write_list(const struct pn_api *api, size_t at, struct pn_http_request *req,
                              bool *is_empty)
{
    struct pn_buf list;
    struct pn_json_writer json;
    const char *text = "[]";
    for (size_t i = 0; i < at; i++) {
        if (strcmp(api->health[i].name, api->health[at].name) == 0) {
            return NULL;
        }
    }
    pn_buf_init(&list, HEALTH_BYTES_MAX);
    pn_json_writer_init(&json, &list);
    pn_json_put_array(&json);
    for (size_t i = at; i < api->health_count; i++) {
        if (strcmp(api->health[i].name, api->health[at].name) == 0) {
            api->health[i].report(api->health[i].arg, &req->arena, &json);
        }
    }
    pn_json_end(&json);
    *is_empty = list.len == strlen(text);
    if (!pn_buf_failed(&list)) {
        text = pn_arena_strdup(&req->arena, pn_http_request_public(req, pn_buf_text(&list)));
    }
    pn_buf_deinit(&list);
    return text;
}

/* "ok", or "degraded" with the partitions that take no more writes, and what else isn't well. */
static enum pn_http_handled health(struct pn_http_request *req, void *arg)
{
    const struct pn_api *api = arg;
    struct pn_log_failure *failures = NULL;
    const char *lists[PN_API_HEALTH_MAX];
    size_t failure_count = pn_log_failures_list(api->env.failures, &req->arena, &failures);
    bool well = failure_count == 0;
    for (size_t i = 0; i < api->health_count; i++) {
        bool is_empty = true;
        lists[i] = write_list(api, i, req, &is_empty);
        well = (is_empty || api->health[i].is_note) && well;
    }
    struct pn_json_writer json;
    pn_json_writer_init(&json, &req->out);
    pn_json_put_object(&json);
    pn_json_add_cstr(&json, "status", well ? "ok" : "degraded");
    pn_json_add_cstr(&json, "version", PINION_VERSION);
    pn_json_add_array(&json, "failed_partitions");
    put_failures(req, failures, failure_count, &json);
    pn_json_end(&json);
    for (size_t i = 0; i < api->health_count; i++) {
        if (lists[i] != NULL) {
            pn_json_add_raw(&json, api->health[i].name, lists[i], strlen(lists[i]));
        }
    }
    pn_json_end(&json);
    req->status = 200;
    return PN_HTTP_HANDLED;
}

/* What a load balancer asks: /health is 200 while the program runs, since a restart would not help,
 * and this is 503 while requests cannot be served. */
static enum pn_http_handled ready(struct pn_http_request *req, void *arg)
{
    const struct pn_api *api = arg;
    struct pn_json_writer json;
    req->status = 200;
    pn_json_writer_init(&json, &req->out);
    pn_json_put_object(&json);
    for (size_t i = 0; i < api->health_count; i++) {
        bool is_empty = true;
        const char *list = api->health[i].stops ? write_list(api, i, req, &is_empty) : NULL;
        if (list != NULL && !is_empty) {
            req->status = 503;
            pn_json_add_raw(&json, api->health[i].name, list, strlen(list));
        }
    }
    pn_json_add_bool(&json, "ready", req->status == 200);
    pn_json_end(&json);
    return PN_HTTP_HANDLED;
}

static void put_problem(const char *severity, const char *list, const char *entries,
                        struct pn_json_writer *json)
{
    pn_json_put_object(json);
    pn_json_add_cstr(json, "severity", severity);
    pn_json_add_cstr(json, "list", list);
    pn_json_add_raw(json, "entries", entries, strlen(entries));
    pn_json_end(json);
}

void pn_api_put_problems(struct pn_api *api, struct pn_http_request *req,
                         struct pn_json_writer *json)
{
    struct pn_log_failure *failures = NULL;
    size_t count = pn_log_failures_list(api->env.failures, &req->arena, &failures);
    if (count > 0) {
        struct pn_buf list;
        struct pn_json_writer entries;
        pn_buf_init(&list, HEALTH_BYTES_MAX);
        pn_json_writer_init(&entries, &list);
        pn_json_put_array(&entries);
        put_failures(req, failures, count, &entries);
        pn_json_end(&entries);
        put_problem("error", "failed_partitions", pn_buf_text(&list), json);
        pn_buf_deinit(&list);
    }
    for (size_t i = 0; i < api->health_count; i++) {
        bool is_empty = true;
        const char *list = write_list(api, i, req, &is_empty);
        if (list != NULL && !is_empty) {
            put_problem(api->health[i].is_note ? "note" : "error", api->health[i].name, list, json);
        }
    }
}

uint32_t pn_api_health_mark(struct pn_api *api)
{
    struct pn_arena arena;
    struct pn_buf lists;
    struct pn_json_writer json;
    struct pn_log_failure *failures = NULL;
    pn_arena_init(&arena, 0);
    pn_buf_init(&lists, HEALTH_BYTES_MAX);
    pn_json_writer_init(&json, &lists);
    pn_json_put_array(&json);
    size_t count = pn_log_failures_list(api->env.failures, &arena, &failures);
    for (size_t i = 0; i < count; i++) {
        pn_json_put_textf(&json, "%s/%d", failures[i].topic, (int)failures[i].partition);
    }
    for (size_t i = 0; i < api->health_count; i++) {
        pn_json_put_cstr(&json, api->health[i].name);
        api->health[i].report(api->health[i].arg, &arena, &json);
    }
    pn_json_end(&json);
    uint32_t mark = pn_crc32c(lists.data, lists.len);
    pn_buf_deinit(&lists);
    pn_arena_deinit(&arena);
    return mark;
}

/* --- metrics and routes ----------------------------------------------------------------------- */

static enum pn_http_handled metrics(struct pn_http_request *req, void *arg)
{
    struct pn_api *api = arg;
    req->content_type = "text/plain; version=0.0.4; charset=utf-8";
    if (api->env.metrics != NULL) {
        pn_metrics_render(api->env.metrics, &req->out);
    }
    req->status = 200;
    pn_http_reply_compress(req);
    return PN_HTTP_HANDLED;
}

/* The rights table: what each route, and each operation of POST /, asks of an API key. It is the
 * same for as long as the server runs, so a client may keep it. */
static enum pn_http_handled list_routes(struct pn_http_request *req, void *arg)
{
    const struct pn_api *api = arg;
    const struct pn_http_route *route = NULL;
    struct pn_json_writer json;
    pn_json_writer_init(&json, &req->out);
    pn_json_put_object(&json);
    pn_json_add_array(&json, "routes");
    for (size_t i = 0; (route = pn_http_server_route(api->env.server, i)) != NULL; i++) {
        pn_json_put_object(&json);
        pn_json_add_cstr(&json, "method", pn_http_method_name(route->method));
        pn_json_add_textf(&json, "path", "/%s", route->pattern);
        pn_json_add_cstr(&json, "right", pn_http_right_name(route->right));
        pn_json_add_cstr(&json, "of", pn_http_scope_name(route->scope));
        pn_json_end(&json);
    }
    pn_json_end(&json);
    pn_json_add_array(&json, "operations");
    for (size_t i = 0; i < pn_operation_count; i++) {
        pn_json_put_object(&json);
        pn_json_add_cstr(&json, "name", pn_operations[i].name);
        pn_json_add_cstr(&json, "right",
                         pn_http_right_name(pn_aws_operation_right(&pn_operations[i])));
        pn_json_end(&json);
    }
    pn_json_end(&json);
    pn_json_end(&json);
    req->status = 200;
    return PN_HTTP_HANDLED;
}

static enum pn_http_handled document(struct pn_http_request *req, void *arg)
{
    const struct pn_api *api = arg;
    struct pn_json_writer json;
    pn_json_writer_init(&json, &req->out);
    pn_api_put_document(&json, api->routes, api->route_count,
                        pn_http_server_asks_keys(api->env.server));
    req->status = 200;
    return PN_HTTP_HANDLED;
}

/* --- the front -------------------------------------------------------------------------------- */

static const struct pn_api_field root_reply[] = {{.name = "name", .type = PN_API_TEXT},
                                                 {.name = "version", .type = PN_API_TEXT},
                                                 {.name = NULL}};
static const struct pn_api_field failed_partition[] = {{.name = "topic", .type = PN_API_TEXT},
                                                       {.name = "partition", .type = PN_API_INT},
                                                       {.name = "reason", .type = PN_API_TEXT},
                                                       {.name = NULL}};
static const struct pn_api_field health_reply[] = {
    {.name = "status", .type = PN_API_TEXT, .words = "ok|degraded"},
    {.name = "version", .type = PN_API_TEXT},
    {.name = "failed_partitions", .type = PN_API_OBJECTS, .fields = failed_partition},
    {.name = PN_API_OTHERS,
     .type = PN_API_ARRAY,
     .help = "what else is not well, a list for each kind"},
    {.name = NULL},
};
static const struct pn_api_field ready_reply[] = {
    {.name = "ready", .type = PN_API_BOOL},
    {.name = PN_API_OTHERS,
     .type = PN_API_ARRAY,
     .help = "those lists of /health that say why not"},
    {.name = NULL},
};
static const struct pn_api_field route_fields[] = {{.name = "method", .type = PN_API_TEXT},
                                                   {.name = "path", .type = PN_API_TEXT},
                                                   {.name = "right", .type = PN_API_TEXT},
                                                   {.name = "of", .type = PN_API_TEXT},
                                                   {.name = NULL}};
static const struct pn_api_field operation_fields[] = {
    {.name = "name", .type = PN_API_TEXT}, {.name = "right", .type = PN_API_TEXT}, {.name = NULL}};
static const struct pn_api_field routes_reply[] = {
    {.name = "routes", .type = PN_API_OBJECTS, .fields = route_fields},
    {.name = "operations",
     .type = PN_API_OBJECTS,
     .fields = operation_fields,
     .help = "of the Kinesis API"},
    {.name = NULL}};
static const struct pn_api_field document_reply[] = {
    {.name = "openapi", .type = PN_API_TEXT},      {.name = "info", .type = PN_API_OBJECT},
    {.name = "servers", .type = PN_API_ARRAY},     {.name = "paths", .type = PN_API_OBJECT},
    {.name = "components", .type = PN_API_OBJECT}, {.name = NULL}};

static const struct pn_api_route table[] = {
    {.http = {PN_HTTP_GET, "", root, 0, PN_RIGHT_READ, PN_OF_NOTHING},
     .id = "get_version",
     .summary = "The program and its version; a browser is sent to the pages",
     .reply = root_reply,
     .is_feed = true},
    {.http = {PN_HTTP_GET, "health", health, 0, PN_RIGHT_OPEN, PN_OF_NOTHING},
     .id = "get_health",
     .summary = "Whether all is well, and if not, what is not",
     .reply = health_reply,
     .is_feed = true},
    {.http = {PN_HTTP_GET, "health/ready", ready, 0, PN_RIGHT_OPEN, PN_OF_NOTHING},
     .id = "get_ready",
     .summary = "Whether requests can be served; 503 while the log cannot be reached",
     .reply = ready_reply,
     .is_feed = true},
    {.http = {PN_HTTP_GET, "metrics", metrics, PN_HTTP_ROUTE_LOCAL, PN_RIGHT_READ, PN_OF_SERVER},
     .id = "get_metrics",
     .summary = "Metrics in the text format of Prometheus",
     .media = "text/plain"},
    {.http = {PN_HTTP_GET, "api/v1/routes", list_routes, 0, PN_RIGHT_READ, PN_OF_NOTHING},
     .id = "list_routes",
     .summary = "Every route of the server, with the right that it asks of an API key",
     .reply = routes_reply},
    {.http = {PN_HTTP_GET, "api/v1/openapi.json", document, 0, PN_RIGHT_READ, PN_OF_NOTHING},
     .id = "get_document",
     .summary = "This document",
     .reply = document_reply},
};

static const char *const words[] = {"api", "health", "metrics", NULL};

static void tick(void *arg)
{
    const struct pn_api *api = arg;
    for (size_t i = 0; i < api->tick_count; i++) {
        api->ticks[i].fn(api->ticks[i].arg);
    }
}

static const struct pn_http_front front = {.name = "api",
                                           .words = words,
                                           .is_fallback = true,
                                           .begin = pn_http_reply_no_embedding,
                                           .error = pn_api_error,
                                           .tick = tick};

/* Requests below api/v1 are held to their routes' rows. Others, which balancers and scrapers know,
 * take any parameter. */
static bool may_go_on(struct pn_http_request *req, const struct added *added)
{
    bool is_first = req->state == NULL && !req->expired;
    bool is_held = strncmp(added->http.pattern, "api/", 4) == 0;
    return !is_first || !is_held ||
           (pn_api_check_type(req, added->route) && pn_api_check_parameters(req, added->route));
}

static enum pn_http_handled handle(struct pn_http_request *req, void *arg)
{
    const struct added *added = arg;
    if (!may_go_on(req, added)) {
        return PN_HTTP_HANDLED;
    }
    enum pn_http_handled handled = added->route->http.handle(req, added->arg);
    if (handled == PN_HTTP_HANDLED && req->status == 200 && pn_api_route_has_tag(added->route) &&
        !pn_buf_failed(&req->out) && !pn_http_reply_is_known_body(req)) {
        pn_http_reply_compress(req);
    }
    return handled;
}

struct pn_api *pn_api_create(const struct pn_api_env *env)
{
    struct pn_api *api = pn_xcalloc(1, sizeof *api);
    api->env = *env;
    pn_http_server_add_front(env->server, &front, api);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        pn_api_add_route(api, &table[i], api);
    }
    return api;
}

void pn_api_destroy(struct pn_api **api)
{
    struct pn_api *gone = *api;
    for (size_t i = 0; gone != NULL && i < gone->route_count; i++) {
        free(gone->added[i]);
    }
    if (gone != NULL) {
        free(gone->added);
        free(gone->routes);
    }
    free(gone);
    *api = NULL;
}

void pn_api_add_route(struct pn_api *api, const struct pn_api_route *route, void *arg)
{
    struct added *added = pn_xcalloc(1, sizeof *added);
    pn_api_route_check(route);
    *added = (struct added){.http = route->http, .route = route, .arg = arg};
    added->http.handle = handle;
    pn_grow((void **)&api->routes, &api->route_capacity, api->route_count + 1,
            sizeof(const struct pn_api_route *));
    pn_grow((void **)&api->added, &api->added_capacity, api->route_count + 1,
            sizeof(struct added *));
    api->routes[api->route_count] = route;
    api->added[api->route_count] = added;
    api->route_count++;
    pn_http_server_add_route(api->env.server, &front, &added->http, added);
}

void pn_api_add_health(struct pn_api *api, const struct pn_api_health *health)
{
    PN_ASSERT(api->health_count < PN_API_HEALTH_MAX);
    api->health[api->health_count++] = *health;
}

void pn_api_add_tick(struct pn_api *api, void (*fn)(void *arg), void *arg)
{
    PN_ASSERT(api->tick_count < PN_API_TICKS_MAX);
    api->ticks[api->tick_count].fn = fn;
    api->ticks[api->tick_count++].arg = arg;
}

void pn_api_wake(struct pn_api *api)
{
    pn_http_server_wake(api->env.server);
}

enum pn_http_handled pn_api_reply_large(struct pn_http_request *req, const char *type)
{
    if (pn_http_request_reserve(req, req->out.len)) { /* else the reply is a 503 */
        req->status = 200;
        req->content_type = type;
    }
    return PN_HTTP_HANDLED;
}
