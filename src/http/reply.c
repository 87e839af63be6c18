/* The reply as libmicrohttpd gets it. */
#include <stdio.h>

#include "http/browser.h"
#include "http/internal.h"

/* What a preflight answers when it asks for no headers. */
static const char cors_headers[] =
    "Content-Type,X-Amz-Date,Authorization,X-Api-Key,X-Amz-Security-Token,X-Amz-Target,"
    "Shard-Iterator";

/* Whatever headers the browser wants to send, it may: those of the AWS SDKs change from version to
 * version. */
static void add_preflight(const struct pn_http_conn *conn, struct MHD_Response *response)
{
    const char *headers = pn_http_request_header(&conn->req, "Access-Control-Request-Headers");
    (void)MHD_add_response_header(response, "Access-Control-Allow-Methods", conn->preflight);
    (void)MHD_add_response_header(response, "Access-Control-Allow-Headers",
                                  headers != NULL && *headers != '\0' ? headers : cors_headers);
    (void)MHD_add_response_header(response, "Access-Control-Max-Age", "172800");
}

static void add_cors(const struct pn_http_conn *conn, struct MHD_Response *response)
{
    if (conn->cors != NULL) {
        (void)MHD_add_response_header(response, "Access-Control-Allow-Origin", conn->cors);
    }
    if (*conn->req.server->config.cors_origin != '\0' && pn_http_browser_varies(&conn->req)) {
        (void)MHD_add_response_header(response, "Vary", "Origin");
    }
    if (conn->preflight != NULL) {
        add_preflight(conn, response);
    }
}

static void add_headers(struct pn_http_conn *conn, struct MHD_Response *response)
{
    struct pn_http_request *req = &conn->req;
    if (req->status != 204 && req->status != 304) {
        (void)MHD_add_response_header(response, "Content-Type", req->content_type);
    }
    add_cors(conn, response);
    if (req->allow != NULL) {
        (void)MHD_add_response_header(response, "Allow", req->allow);
    }
    for (size_t i = 0; i < req->header_count; i++) {
        (void)MHD_add_response_header(response, req->headers[i].name, req->headers[i].value);
    }
    if (req->retry_after_s > 0) {
        char seconds[16];
        (void)snprintf(seconds, sizeof seconds, "%d", req->retry_after_s);
        (void)MHD_add_response_header(response, "Retry-After", seconds);
    }
    if (atomic_load_explicit(&req->server->stage, memory_order_relaxed) != PN_HTTP_SERVING) {
        (void)MHD_add_response_header(response, "Connection", "close");
    }
}

static void count_reply(struct pn_http_conn *conn)
{
    struct pn_http_server *server = conn->worker->server;
    int class_ = conn->req.status / 100 - 1;
    if (class_ >= 0 && class_ < PN_HTTP_STATUS_CLASSES) {
        pn_metric_add(server->metrics.status[class_], 1);
    }
    pn_metric_add(conn->row != NULL ? conn->row->requests : server->metrics.unrouted, 1);
    pn_metric_add(server->metrics.bytes_out, (int64_t)conn->req.out.len);
    pn_metric_observe_ns(server->metrics.seconds, pn_mono_ns(server->env.clock) - conn->begin_ns);
}

enum MHD_Result pn_http_conn_reply(struct pn_http_conn *conn)
{
    struct pn_http_request *req = &conn->req;
    if (pn_buf_failed(&req->out)) {
        pn_http_reply_error(req, 500, "The reply would be too large; ask for less at once");
    }
    /* The buffer stays as it is until the request has ended. */
    struct MHD_Response *response =
        conn->streaming
            ? pn_http_stream_response(conn)
            : MHD_create_response_from_buffer(req->out.len, req->out.data, MHD_RESPMEM_PERSISTENT);
    if (response == NULL) {
        return MHD_NO;
    }
    add_headers(conn, response);
    conn->state = PN_HTTP_REPLYING;
    conn->stream_begun = conn->streaming;
    count_reply(conn);
    enum MHD_Result result = MHD_queue_response(conn->mhd, (unsigned)req->status, response);
    MHD_destroy_response(response);
    return result;
}
