/* The server's own routes: what it is, how it is, its routes and its metrics. Those of other
 * modules (/api/v1/...) are added by pn_http_server_add_route(). */
#include <string.h>

#include "http/internal.h"
#include "kafka/rest/errors.h"
#include "kinesis/api/call.h"

enum { HEALTH_BYTES_MAX = 1024 * 1024 };

static enum pn_http_handled root(struct pn_http_request *req, void *arg)
{
    (void)arg;
    pn_buf_adds(&req->out, "{\"name\":\"pinion\",\"version\":\"" PINION_VERSION "\"}");
    req->status = 200;
    return PN_HTTP_HANDLED;
}

static void report_partitions(struct pn_http_server *server, struct pn_buf *out)
{
    pthread_mutex_lock(&server->failed_lock);
    for (size_t i = 0; i < server->failed_count; i++) {
        const struct pn_http_failed_partition *failed = &server->failed[i];
        pn_buf_adds(out, i > 0 ? ",{\"topic\":" : "{\"topic\":");
        pn_json_write_cstr(out, failed->topic);
        pn_buf_addf(out, ",\"partition\":%d,\"reason\":", failed->partition);
        pn_json_write_cstr(out, failed->reason);
        pn_buf_addc(out, '}');
    }
    pthread_mutex_unlock(&server->failed_lock);
}

/* The elements of all reports of this name; false when an earlier one had it, so they are out. */
static bool gather(struct pn_http_request *req, size_t at, struct pn_buf *elements)
{
    const struct pn_http_server *server = req->server;
    const char *name = server->health[at].name;
    for (size_t i = 0; i < server->health_count; i++) {
        const struct pn_http_health *health = &server->health[i];
        if (strcmp(health->name, name) == 0 && i < at) {
            return false;
        }
        if (strcmp(health->name, name) == 0) {
            health->report(health->arg, &req->arena, elements);
        }
    }
    return true;
}

static bool add_report(struct pn_http_request *req, struct pn_buf *out, const char *name,
                       struct pn_buf *report)
{
    bool well = report->len == 0;
    pn_buf_addf(out, ",\"%s\":[", name);
    pn_buf_adds(out, pn_http_request_public(req, pn_buf_text(report)));
    pn_buf_addc(out, ']');
    pn_buf_reset(report);
    return well;
}

/* "ok", or "degraded" with the partitions that take no more writes, and what else isn't well. */
static enum pn_http_handled health(struct pn_http_request *req, void *arg)
{
    (void)arg;
    struct pn_http_server *server = req->server;
    struct pn_buf reports;
    struct pn_buf one;
    pn_buf_init(&reports, HEALTH_BYTES_MAX);
    pn_buf_init(&one, HEALTH_BYTES_MAX);
    report_partitions(server, &one);
    bool well = add_report(req, &reports, "failed_partitions", &one);
    for (size_t i = 0; i < server->health_count; i++) {
        const struct pn_http_health *more = &server->health[i];
        if (gather(req, i, &one)) {
            well = (add_report(req, &reports, more->name, &one) || more->is_note) && well;
        }
    }
    pn_buf_addf(&req->out, "{\"status\":\"%s\",\"version\":\"%s\"%s}", well ? "ok" : "degraded",
                PINION_VERSION, pn_buf_text(&reports));
    pn_buf_deinit(&one);
    pn_buf_deinit(&reports);
    req->status = 200;
    return PN_HTTP_HANDLED;
}

static enum pn_http_handled metrics(struct pn_http_request *req, void *arg)
{
    (void)arg;
    req->content_type = "text/plain; version=0.0.4; charset=utf-8";
    if (req->server->env.metrics != NULL) {
        pn_metrics_render(req->server->env.metrics, &req->out);
    }
    req->status = 200;
    return PN_HTTP_HANDLED;
}

/* The rights table: what each route, and each operation of POST /, asks of an API key. */
static enum pn_http_handled list_routes(struct pn_http_request *req, void *arg)
{
    (void)arg;
    static const char *const scopes[] = {"", "topic", "stream", "topics", "streams", "server"};
    const struct pn_http_router *router = &req->server->router;
    struct pn_buf *out = &req->out;
    pn_buf_adds(out, "{\"routes\":[");
    for (size_t i = 0; i < router->count; i++) {
        const struct pn_http_route *route = router->rows[i].route;
        pn_buf_addf(out, "%s{\"method\":\"%s\",\"path\":\"/%s\",\"right\":\"%s\",\"of\":\"%s\"}",
                    i > 0 ? "," : "", pn_http_method_name(route->method), route->pattern,
                    pn_http_right_name(route->right), scopes[route->scope]);
    }
    pn_buf_adds(out, "],\"operations\":[");
    for (size_t i = 0; i < pn_operation_count; i++) {
        pn_buf_addf(out, "%s{\"name\":\"%s\",\"right\":\"%s\"}", i > 0 ? "," : "",
                    pn_operations[i].name,
                    pn_http_right_name(pn_aws_operation_right(&pn_operations[i])));
    }
    pn_buf_adds(out, "]}");
    req->status = 200;
    return PN_HTTP_HANDLED;
}

static const struct pn_http_route routes[] = {
    {PN_HTTP_GET, "", root, NULL, 0, PN_RIGHT_READ, PN_OF_NOTHING},
    {PN_HTTP_GET, "health", health, NULL, 0, PN_RIGHT_OPEN, PN_OF_NOTHING},
    {PN_HTTP_GET, "metrics", metrics, NULL, PN_HTTP_ROUTE_LOCAL, PN_RIGHT_READ, PN_OF_SERVER},
    {PN_HTTP_GET, "api/v1/routes", list_routes, NULL, 0, PN_RIGHT_READ, PN_OF_NOTHING},
    {.pattern = NULL},
};

const struct pn_http_front pn_api_front = {.name = "api", .routes = routes};
