#include "server/sink_routes.h"

#include "base/json.h"

static enum pn_http_handled handle_flush(struct pn_http_request *req, void *arg)
{
    struct pn_sink_routes *routes = arg;
    struct pn_err failure = {0};
    if (routes->sink == NULL) {
        pn_http_reply_error(req, 409, 409,
                            "this server lands nothing: it was started without the role"
                            " sink");
        return PN_HTTP_HANDLED;
    }
    if (pn_sink_flush(routes->sink, &failure) != 0) {
        pn_kafka_rest_reply_log_error(req, failure.class_, failure.msg);
        return PN_HTTP_HANDLED;
    }
    req->status = 200;
    req->content_type = "application/json";
    pn_buf_adds(&req->out, "{\"landed\":true}");
    return PN_HTTP_HANDLED;
}

static void write_status(struct pn_http_request *req, const struct pn_sink_status *status)
{
    struct pn_buf *out = &req->out;
    pn_buf_addc(out, '{');
    pn_json_write_key(out, "topic");
    pn_json_write_cstr(out, status->topic);
    pn_buf_addf(out,
                ",\"partition\":%d,\"landed_offset\":%lld,\"end_offset\":%lld,\"lag\":%lld,"
                "\"objects\":%lld,\"records\":%lld,\"dead_letters\":%lld,\"lost\":%lld,"
                "\"errors\":%lld,\"error\":",
                (int)status->partition, (long long)status->landed_offset,
                (long long)status->end_offset, (long long)status->lag, (long long)status->objects,
                (long long)status->records, (long long)status->dead_letters,
                (long long)status->lost, (long long)status->errors);
    pn_json_write_cstr(out, pn_http_request_public(req, status->error));
    pn_buf_addc(out, '}');
}

static enum pn_http_handled handle_status(struct pn_http_request *req, void *arg)
{
    struct pn_sink_routes *routes = arg;
    struct pn_sink_status *statuses = NULL;
    size_t count = 0;
    if (routes->sink != NULL) {
        pn_sink_status(routes->sink, &req->arena, &statuses, &count);
    }
    req->status = 200;
    req->content_type = "application/json";
    pn_buf_adds(&req->out, "{\"partitions\":[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            pn_buf_addc(&req->out, ',');
        }
        write_status(req, &statuses[i]);
    }
    pn_buf_adds(&req->out, "]}");
    return PN_HTTP_HANDLED;
}

/* For /health: the partitions that don't land now, and why. */
static void report_stalled(void *arg, struct pn_arena *arena, struct pn_buf *out)
{
    struct pn_sink_routes *routes = arg;
    struct pn_sink_status *statuses = NULL;
    size_t count = 0;
    if (routes->sink != NULL) {
        pn_sink_status(routes->sink, arena, &statuses, &count);
    }
    for (size_t i = 0; i < count; i++) {
        if (statuses[i].error == NULL) {
            continue;
        }
        pn_buf_adds(out, out->len > 0 ? ",{\"topic\":" : "{\"topic\":");
        pn_json_write_cstr(out, statuses[i].topic);
        pn_buf_addf(out, ",\"partition\":%d,\"reason\":", (int)statuses[i].partition);
        pn_json_write_cstr(out, statuses[i].error);
        pn_buf_addc(out, '}');
    }
}

void pn_sink_routes_add(struct pn_sink_routes *routes, struct pn_http_server *http)
{
    const struct pn_http_health health = {
        .name = "stalled_landings", .report = report_stalled, .arg = routes};
    routes->routes[0] = (struct pn_http_route){.method = PN_HTTP_POST,
                                               .pattern = "api/v1/sink/flush",
                                               .handle = handle_flush,
                                               .arg = routes,
                                               .flags = PN_HTTP_ROUTE_BLOCKS,
                                               .right = PN_RIGHT_ADMIN,
                                               .scope = PN_OF_SERVER};
    routes->routes[1] = (struct pn_http_route){.method = PN_HTTP_GET,
                                               .pattern = "api/v1/sink",
                                               .handle = handle_status,
                                               .arg = routes,
                                               .flags = PN_HTTP_ROUTE_BLOCKS,
                                               .right = PN_RIGHT_READ,
                                               .scope = PN_OF_SERVER};
    for (size_t i = 0; i < PN_SINK_ROUTES; i++) {
        pn_http_server_add_route(http, &routes->routes[i]);
    }
    pn_http_server_add_health(http, &health);
}
