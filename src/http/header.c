/* What a request's header alone decides: its route, and the answers that need no handler. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http/browser.h"
#include "http/internal.h"
#include "http/rights.h"

/* The path of a request's target, which may be a whole URL: RFC 9112, section 3.2.2. */
static const char *path_of(const char *target)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t len = strlen(schemes[i]);
        if (strncasecmp(target, schemes[i], len) == 0) {
            const char *path = strchr(target + len, '/');
            return path != NULL ? path : "/";
        }
    }
    return target;
}

static const struct pn_http_router_row *row_for(struct pn_http_conn *conn,
                                                enum pn_http_method method, const char *path)
{
    struct pn_http_match match;
    return pn_http_router_find(&conn->req.server->router, method, path, &conn->req.arena, &match) ==
                   PN_HTTP_ROUTE_FOUND
               ? match.row
               : NULL;
}

static bool is_produce(const struct pn_http_router_row *row)
{
    return row != NULL && (row->route->flags & PN_HTTP_ROUTE_PRODUCE) != 0;
}

/* The methods by which every page may produce to the path; NULL when there are none. */
static const char *produce_methods(struct pn_http_conn *conn, const char *path)
{
    bool post = is_produce(row_for(conn, PN_HTTP_POST, path));
    bool put = is_produce(row_for(conn, PN_HTTP_PUT, path));
    if (post && put) {
        return "POST,PUT,OPTIONS";
    }
    return post ? "POST,OPTIONS" : put ? "PUT,OPTIONS" : NULL;
}

/* A browser asks before it sends what is not simple. It asks without the key. */
static void answer_options(struct pn_http_conn *conn, const char *path,
                           const struct pn_http_match *match)
{
    struct pn_http_request *req = &conn->req;
    const char *asked = pn_http_request_header(req, "Access-Control-Request-Method");
    enum pn_http_method method = asked != NULL ? pn_http_method_parse(asked) : PN_HTTP_METHOD_OTHER;
    const struct pn_http_router_row *row = row_for(conn, method, path);
    const char *open = produce_methods(conn, path);
    if (is_produce(row) || (asked == NULL && open != NULL)) {
        conn->cors = "*";
        conn->preflight = open;
    } else if (asked != NULL && conn->cors != NULL) {
        conn->preflight = pn_http_method_name(method);
    } else if (asked != NULL) {
        pn_http_reply_error(
            req, 403,
            "Pages of other origins may not do this; gateway.cors_origin names those "
            "that may");
        return;
    }
    req->allow = match->allow;
    req->status = 200;
    pn_buf_adds(&req->out, "{}");
}

/* The answers that need no handler; also to requests that a browser must not make here. */
static bool is_refused(struct pn_http_conn *conn, const char *target)
{
    struct pn_http_request *req = &conn->req;
    if (!pn_http_browser_allows_host(req, target)) {
        const char *host = pn_http_request_header(req, "Host");
        pn_http_reply_error(
            req, 421,
            "This server is not called \"%.100s\": use localhost or an IP address, or "
            "add the name to gateway.allowed_hosts",
            *target == '/' && host != NULL ? host : target);
    } else if (req->method == PN_HTTP_OPTIONS) {
        return false;
    } else if (pn_http_rights_check(req, conn->row, &conn->credential) && conn->row != NULL &&
               !pn_http_browser_allows_act(req, conn->row, conn->credential.is_keyed)) {
        const char *origin = pn_http_request_header(req, "Origin");
        pn_http_reply_error(
            req, 403,
            "A page of another origin (%.100s) may not do this; gateway.cors_origin "
            "names those that may",
            origin != NULL ? origin : "Sec-Fetch-Site");
    }
    return req->status != 0;
}

void pn_http_conn_route(struct pn_http_conn *conn, const char *target, const char *method)
{
    struct pn_http_request *req = &conn->req;
    const char *path = path_of(target);
    struct pn_http_match match;
    req->method = pn_http_method_parse(method);
    enum pn_http_found found =
        pn_http_router_find(&req->server->router, req->method, path, &req->arena, &match);
    conn->row = found == PN_HTTP_ROUTE_FOUND ? match.row : NULL;
    memcpy(req->params, match.params, sizeof req->params);
    req->param_count = match.param_count;
    conn->stage = match.stage;
    conn->cors = pn_http_browser_cors(req, conn->row);
    conn->front = match.front;
    if (match.front != NULL && match.front->begin != NULL) {
        match.front->begin(req);
    }
    if (is_refused(conn, target)) {
        return;
    }
    if (req->method == PN_HTTP_OPTIONS && found != PN_HTTP_ROUTE_BAD_PATH) {
        answer_options(conn, path, &match);
        return;
    }
    switch (found) {
    case PN_HTTP_ROUTE_FOUND:
        break;
    case PN_HTTP_ROUTE_NONE:
        pn_http_reply_error(req, 404, "There is nothing at %.200s", path);
        break;
    case PN_HTTP_ROUTE_METHOD:
        req->allow = match.allow;
        pn_http_reply_error(req, 405, "%.20s is not possible at %.200s, but these are: %s", method,
                            path, match.allow);
        break;
    case PN_HTTP_ROUTE_BAD_PATH:
        pn_http_reply_error(req, 400,
                            "The path has a broken percent-encoding or a control character");
        break;
    }
}

void pn_http_request_refuse_length(struct pn_http_request *req)
{
    pn_http_reply_error(req, 413,
                        "The request body is larger than %lld bytes (gateway.body_bytes_max)",
                        (long long)req->server->config.body_bytes_max);
}

/* Faults that the header alone shows. */
void pn_http_conn_check_header(struct pn_http_conn *conn)
{
    struct pn_http_request *req = &conn->req;
    const struct pn_http_config *config = &req->server->config;
    size_t header_bytes =
        MHD_get_connection_info(conn->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)->header_size;
    const char *length = pn_http_request_header(req, "Content-Length");
    const char *transfer = pn_http_request_header(req, "Transfer-Encoding");
    const char *encoding = pn_http_request_header(req, "Content-Encoding");
    int64_t body_bytes = length != NULL ? strtoll(length, NULL, 10) : 0;
    if (header_bytes > (size_t)config->header_bytes_max) {
        pn_http_reply_error(req, 431,
                            "The request header has %zu bytes; %lld are allowed "
                            "(gateway.header_bytes_max)",
                            header_bytes, (long long)config->header_bytes_max);
    } else if (transfer != NULL && strcasecmp(transfer, "chunked") != 0) {
        /* With a blank at its end; libmicrohttpd does not read it as chunked. */
        pn_http_reply_error(req, 501, "The only Transfer-Encoding supported is chunked");
    } else if (encoding != NULL && *encoding != '\0' && strcasecmp(encoding, "identity") != 0) {
        pn_http_reply_error(req, 415,
                            "Request bodies must not be compressed: send no Content-Encoding");
    } else if (body_bytes > config->body_bytes_max) {
        pn_http_request_refuse_length(req);
    }
}
