#include "api/event_routes.h"

#include "api/errors.h"

enum { RETRY_AFTER_S = 5 };

static bool next(void *arg, struct pn_buf *out)
{
    pn_live_read(arg, out);
    return true;
}

static bool ready(void *arg)
{
    return pn_live_is_ready(arg);
}

/* The page logs in again, and does not just open another stream. */
static void expire(void *arg, struct pn_buf *out)
{
    (void)arg;
    pn_buf_adds(out, "event: expired\ndata: {}\n\n");
}

static void end(void *arg)
{
    struct pn_live_subscriber *subscriber = arg;
    pn_live_unsubscribe(&subscriber);
}

static enum pn_http_handled handle_events(struct pn_http_request *req, void *arg)
{
    struct pn_api_event_routes *routes = arg;
    struct pn_live_subscriber *subscriber = NULL;
    struct pn_err failure = {0};
    const char *topics = pn_http_request_query(req, "topics");
    const char *last = pn_http_request_header(req, "Last-Event-ID");
    last = last != NULL ? last : pn_http_request_query(req, "last_event_id");
    int rc =
        pn_live_subscribe(routes->live, topics, last, routes->heartbeat_ms, &subscriber, &failure);
    if (rc == PN_LIVE_FULL) {
        req->retry_after_s = RETRY_AFTER_S;
        pn_api_reply_error(req, 429, "close other pages, or ask for the data now and then", "%s",
                           failure.msg);
        return PN_HTTP_HANDLED;
    }
    if (rc != 0) {
        pn_api_reply_failure(req, &failure);
        return PN_HTTP_HANDLED;
    }
    req->status = 200;
    req->content_type = "text/event-stream";
    pn_http_reply_header(req, "Cache-Control", "no-store");
    pn_http_reply_header(req, "X-Accel-Buffering", "no"); /* for a proxy such as nginx */
    req->stream = (struct pn_http_reply_stream){.next = next,
                                                .ready = ready,
                                                .expire = expire,
                                                .end = end,
                                                .arg = subscriber,
                                                .look_ms = routes->heartbeat_ms};
    return PN_HTTP_HANDLED_STREAM;
}

static const struct pn_api_field events_query[] = {
    {.name = "topics", .type = PN_API_TEXT, .help = "what to hear of: dags,run/D/R,topic/T"},
    {.name = "last_event_id",
     .type = PN_API_TEXT,
     .flags = PN_API_OPTIONAL,
     .help = "the id of the last event that came, where the header Last-Event-ID cannot be sent"},
    {.name = NULL}};

static const struct pn_api_route table[] = {
    {.http = {PN_HTTP_GET, "api/v1/events", handle_events, 0, PN_RIGHT_READ, PN_OF_SERVER},
     .id = "follow_events",
     .summary = "What changes, as server-sent events, until the client leaves",
     .query = events_query,
     .media = "text/event-stream",
     .errors = {429}},
};

void pn_api_event_routes_add(struct pn_api_event_routes *routes, struct pn_api *api)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        pn_api_add_route(api, &table[i], routes);
    }
}
