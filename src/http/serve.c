/* What libmicrohttpd calls: a request's way from its header to its reply. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "aws/reply.h"
#include "base/mem.h"
#include "http/browser.h"
#include "http/internal.h"
#include "kafka/rest/errors.h"
#include "kafka/rest/negotiate.h"

/* Steps in which a body takes from the server's memory budget. */
enum { MEMORY_STEP_BYTES = 4 * 1024 };
enum { ARENA_BLOCK_BYTES = 4096, OUT_BYTES_MAX = 256 * 1024 * 1024 };
enum { LARGE_BYTES = 4 * 1024 * 1024 };

/* What a preflight answers when it asks for no headers. */
static const char cors_headers[] =
    "Content-Type,X-Amz-Date,Authorization,X-Api-Key,X-Amz-Security-Token,X-Amz-Target,"
    "Shard-Iterator";

/* --- connections ------------------------------------------------------------------------------ */

static struct pn_http_conn *conn_create(struct pn_http_worker *worker, struct MHD_Connection *mhd)
{
    const struct pn_http_config *config = &worker->server->config;
    struct pn_http_conn *conn = pn_xcalloc(1, sizeof *conn);
    conn->worker = worker;
    conn->mhd = mhd;
    conn->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    const struct sockaddr *address =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
    memcpy(&conn->address, address,
           address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                          : sizeof(struct sockaddr_in));
    pn_http_framing_init(&conn->framing);
    size_t capacity = worker->fd_capacity;
    pn_grow((void **)&worker->by_fd, &worker->fd_capacity, (size_t)conn->fd + 1,
            sizeof(struct pn_http_conn *));
    for (; capacity < worker->fd_capacity; capacity++) {
        worker->by_fd[capacity] = NULL;
    }
    worker->by_fd[conn->fd] = conn;
    conn->req.server = worker->server;
    pn_arena_init(&conn->req.arena, ARENA_BLOCK_BYTES);
    pn_buf_init(&conn->body, (size_t)config->body_bytes_max + PN_JSON_PADDING);
    pn_buf_init(&conn->req.values, (size_t)config->body_bytes_max * 2 + PN_JSON_PADDING);
    pn_buf_init(&conn->req.out, OUT_BYTES_MAX);
    conn->next = worker->conns;
    if (conn->next != NULL) {
        conn->next->prev = conn;
    }
    worker->conns = conn;
    return conn;
}

static void destroy_conn(struct pn_http_conn *conn)
{
    struct pn_http_worker *worker = conn->worker;
    *(conn->prev != NULL ? &conn->prev->next : &worker->conns) = conn->next;
    if (conn->next != NULL) {
        conn->next->prev = conn->prev;
    }
    pn_arena_deinit(&conn->req.arena);
    pn_buf_deinit(&conn->body);
    pn_buf_deinit(&conn->req.values);
    pn_buf_deinit(&conn->req.out);
    free(conn);
}

/* The connection is closed; its descriptor may be another's soon. */
static void forget_socket(struct pn_http_conn *conn)
{
    struct pn_http_worker *worker = conn->worker;
    worker->by_fd[conn->fd] = NULL;
    for (struct pn_http_conn **at = &worker->broken; *at != NULL; at = &(*at)->next_broken) {
        if (*at == conn) {
            *at = conn->next_broken;
            return;
        }
    }
}

void pn_http_serve_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
                              enum MHD_ConnectionNotificationCode what)
{
    struct pn_http_worker *worker = cls;
    struct pn_http_server *server = worker->server;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *socket_context = conn_create(worker, mhd);
        pn_metric_add(server->metrics.connections, 1);
        return;
    }
    struct pn_http_conn *conn = *socket_context;
    forget_socket(conn);
    pn_metric_add(server->metrics.connections, -1);
    pn_http_listener_closed(&server->listener, &conn->address);
    atomic_fetch_sub(&worker->load, 1);
    if (conn->state == PN_HTTP_PENDING) {
        conn->gone = true; /* the log still has it */
    } else {
        destroy_conn(conn);
    }
}

/* --- the end of a request --------------------------------------------------------------------- */

static void shrink(struct pn_buf *buf)
{
    if (buf->capacity > KEPT_BYTES) {
        pn_buf_deinit(buf);
    } else {
        pn_buf_reset(buf);
    }
}

void pn_http_conn_shrink(struct pn_http_conn *conn)
{
    if (conn->memory_bytes > 0) {
        atomic_fetch_sub(&conn->worker->server->memory_bytes, conn->memory_bytes);
        conn->memory_bytes = 0;
    }
    shrink(&conn->body);
    shrink(&conn->req.values);
    shrink(&conn->req.out);
}

static void end_request(struct pn_http_conn *conn)
{
    struct pn_http_server *server = conn->worker->server;
    pn_http_stream_end(conn);
    pn_http_conn_shrink(conn);
    if (conn->req.arena.total_bytes > KEPT_BYTES) {
        pn_arena_deinit(&conn->req.arena);
        pn_arena_init(&conn->req.arena, ARENA_BLOCK_BYTES);
    } else {
        pn_arena_reset(&conn->req.arena);
    }
    conn->state = PN_HTTP_IDLE;
    conn->requests++;
    atomic_fetch_sub(&server->in_flight, 1);
    pn_metric_add(server->metrics.in_flight, -1);
}

void pn_http_serve_completed(void *cls, struct MHD_Connection *mhd, void **request,
                             enum MHD_RequestTerminationCode how)
{
    (void)cls;
    (void)mhd;
    (void)how;
    struct pn_http_conn *conn = *request;
    if (conn != NULL && conn->state != PN_HTTP_IDLE && conn->state != PN_HTTP_PENDING) {
        end_request(conn);
    }
    *request = NULL;
}

/* --- the reply -------------------------------------------------------------------------------- */

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
    if (req->status != 204) {
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

static enum MHD_Result queue_reply(struct pn_http_conn *conn)
{
    struct pn_http_request *req = &conn->req;
    if (pn_buf_failed(&req->out)) {
        pn_http_reply_error(req, 500, 500, "The reply would be too large; ask for less at once");
    }
    /* The buffer stays as it is until pn_http_serve_completed(). */
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

/* --- the header ------------------------------------------------------------------------------- */

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
            req, 403, 403,
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
    bool keyed = false;
    if (!pn_http_browser_allows_host(req, target)) {
        const char *host = pn_http_request_header(req, "Host");
        pn_http_reply_error(
            req, 421, 421,
            "This server is not called \"%.100s\": use localhost or an IP address, or "
            "add the name to gateway.allowed_hosts",
            *target == '/' && host != NULL ? host : target);
    } else if (req->method == PN_HTTP_OPTIONS) {
        return false;
    } else if (pn_http_rights_check(req, conn->row, &keyed) && conn->row != NULL &&
               !pn_http_browser_allows_act(req, conn->row, keyed)) {
        const char *origin = pn_http_request_header(req, "Origin");
        pn_http_reply_error(
            req, 403, 403,
            "A page of another origin (%.100s) may not do this; gateway.cors_origin "
            "names those that may",
            origin != NULL ? origin : "Sec-Fetch-Site");
    }
    return req->status != 0;
}

static void route(struct pn_http_conn *conn, const char *target, const char *method)
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
    if (conn->row != NULL && (conn->row->route->flags & PN_HTTP_ROUTE_AWS) != 0) {
        pn_aws_begin(req, (conn->row->route->flags & PN_HTTP_ROUTE_SIGNED) != 0);
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
        pn_http_reply_error(req, 404, 404, "HTTP 404 Not Found");
        break;
    case PN_HTTP_ROUTE_METHOD:
        req->allow = match.allow;
        pn_http_reply_error(req, 405, 405, "HTTP 405 Method Not Allowed");
        break;
    case PN_HTTP_ROUTE_BAD_PATH:
        pn_http_reply_error(req, 400, 400,
                            "The path has a broken percent-encoding or a control character");
        break;
    }
}

static void refuse_large_body(struct pn_http_request *req)
{
    pn_http_reply_error(req, 413, 413,
                        "The request body is larger than %lld bytes (gateway.body_bytes_max)",
                        (long long)req->server->config.body_bytes_max);
}

/* What the header alone tells is wrong. */
static void check_header(struct pn_http_conn *conn)
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
        pn_http_reply_error(req, 431, 431,
                            "The request header has %zu bytes; %lld are allowed "
                            "(gateway.header_bytes_max)",
                            header_bytes, (long long)config->header_bytes_max);
    } else if (transfer != NULL && strcasecmp(transfer, "chunked") != 0) {
        /* With a blank at its end; libmicrohttpd does not read it as chunked. */
        pn_http_reply_error(req, 501, 501, "The only Transfer-Encoding supported is chunked");
    } else if (encoding != NULL && *encoding != '\0' && strcasecmp(encoding, "identity") != 0) {
        pn_http_reply_error(req, 415, 415,
                            "Request bodies must not be compressed: send no Content-Encoding");
    } else if (body_bytes > config->body_bytes_max) {
        refuse_large_body(req);
    }
}

static enum MHD_Result begin(struct pn_http_conn *conn, const char *path, const char *method)
{
    struct pn_http_server *server = conn->worker->server;
    struct pn_http_request *req = &conn->req;
    if (conn->framing.headers <= conn->requests) {
        pn_logger_error(server->env.logger, "gateway",
                        "libmicrohttpd found a request where the framing has none: closed");
        return MHD_NO;
    }
    atomic_fetch_add(&server->in_flight, 1);
    pn_metric_add(server->metrics.in_flight, 1);
    conn->state = PN_HTTP_RECEIVING;
    conn->begin_ns = pn_mono_ns(server->env.clock);
    conn->taken = false;
    conn->stream_begun = false;
    conn->stream_last = false;
    atomic_store_explicit(&conn->stream_cut, false, memory_order_relaxed);
    conn->stream_sent = 0;
    req->status = 0;
    req->content_type = PN_HTTP_TYPE_JSON;
    req->allow = NULL;
    req->retry_after_s = 0;
    req->header_count = 0;
    req->param_count = 0;
    req->produce = NULL;
    req->finish = NULL;
    req->ready = NULL;
    req->expired = false;
    req->state = NULL;
    conn->row = NULL;
    conn->stage = NULL;
    conn->cors = NULL;
    conn->preflight = NULL;
    route(conn, path, method);
    if (req->status == 0) {
        check_header(conn);
    }
    conn->refused = req->status != 0;
    if (conn->refused && req->status >= 400 &&
        (req->status == 501 || pn_http_request_header(req, "Expect") != NULL)) {
        return queue_reply(conn); /* now; libmicrohttpd then closes the connection */
    }
    return MHD_YES;
}

/* --- the body --------------------------------------------------------------------------------- */

static void reply_no_memory(struct pn_http_request *req)
{
    req->retry_after_s = 1;
    pn_http_reply_error(req, 503, PN_KAFKA_REST_CODE_RETRIABLE, "Out of memory; try again");
}

bool pn_http_request_reserve(struct pn_http_request *req, size_t bytes)
{
    struct pn_http_conn *conn = pn_http_conn_of(req);
    struct pn_http_server *server = req->server;
    int64_t need = (int64_t)bytes - conn->memory_bytes;
    if (need <= 0) {
        return true;
    }
    if (pn_mem_is_short()) {
        reply_no_memory(req);
        return false;
    }
    need = (need + MEMORY_STEP_BYTES - 1) / MEMORY_STEP_BYTES * MEMORY_STEP_BYTES;
    int64_t used = atomic_fetch_add(&server->memory_bytes, need);
    conn->memory_bytes += need;
    if (used + need > server->config.memory_bytes_max) {
        req->retry_after_s = 1;
        pn_http_reply_error(
            req, 503, PN_KAFKA_REST_CODE_RETRIABLE,
            "Too much data is on its way through (gateway.memory_bytes_max); try again");
        return false;
    }
    return true;
}

static void take_body(struct pn_http_conn *conn, const char *bytes, size_t len)
{
    struct pn_http_request *req = &conn->req;
    pn_metric_add(req->server->metrics.bytes_in, (int64_t)len);
    if (conn->refused) {
        /* Read to its end, or for request_ms: most clients send all of it before they read why it
         * is refused, and those of Java never do when they couldn't. */
        return;
    }
    if (conn->body.len + len > (size_t)req->server->config.body_bytes_max) {
        refuse_large_body(req);
    } else if (pn_http_request_reserve(req, conn->body.len + len)) {
        pn_buf_add(&conn->body, bytes, len);
        if (pn_buf_failed(&conn->body)) {
            reply_no_memory(req);
        }
    }
    conn->refused = req->status != 0;
}

/* --- handling --------------------------------------------------------------------------------- */

static void produced(struct pn_log_request *produce)
{
    pn_http_worker_finish(produce->arg);
}

bool pn_http_serve_submit(struct pn_http_conn *conn, bool more)
{
    struct pn_http_request *req = &conn->req;
    for (;;) {
        struct pn_err e = {0};
        req->produce->more = more;
        req->produce->done = produced;
        req->produce->arg = conn;
        conn->taken = true;
        int rc = pn_log_submit(req->produce_log, req->produce, &e);
        if (rc == 0) {
            return false; /* and it may be finished already */
        }
        conn->taken = false;
        req->produce->rc = rc;
        req->produce->err = e;
        if (req->finish(req) == PN_HTTP_HANDLED) {
            return true;
        }
    }
}

static void suspend(struct pn_http_conn *conn)
{
    conn->suspended = true;
    MHD_suspend_connection(conn->mhd);
}

void pn_http_serve_on_pool(struct pn_http_conn *conn)
{
    /* First: from then on libmicrohttpd leaves the connection alone. */
    suspend(conn);
    pn_http_pool_run(conn->worker->server->pool, conn);
}

/* What a handler copies of a body into its arena, such as decoded records, is less than twice the
 * body. An arena cannot fail, so that much must be there before; the reserve is for what others
 * take meanwhile. */
static bool is_room_for(size_t body_len)
{
    void *probe = pn_try_alloc(2 * body_len);
    free(probe);
    return probe != NULL;
}

/* A large body's tree is many times its size: they are handled one at a time. */
static enum pn_http_handled run_handler(struct pn_http_request *req,
                                        const struct pn_http_route *route)
{
    struct pn_http_server *server = req->server;
    bool alone = req->may_block && req->body_len > LARGE_BYTES;
    if (alone) {
        pthread_mutex_lock(&server->large_lock);
    }
    enum pn_http_handled handled = PN_HTTP_HANDLED;
    if (req->body_len > KEPT_BYTES && !is_room_for(req->body_len)) {
        reply_no_memory(req);
    } else {
        handled = route->handle(req, route->arg);
    }
    pn_json_parser_trim(req->parser);
    if (alone) {
        pthread_mutex_unlock(&server->large_lock);
    }
    return handled;
}

bool pn_http_serve_handle(struct pn_http_conn *conn, struct pn_json_parser *parser)
{
    struct pn_http_worker *worker = conn->worker;
    struct pn_http_request *req = &conn->req;
    const struct pn_http_route *route = conn->row->route;
    if (conn->streaming) {
        return pn_http_stream_step(conn);
    }
    req->parser = parser;
    req->may_block = parser != worker->parser;
    switch (run_handler(req, route)) {
    case PN_HTTP_HANDLED_PRODUCE:
        if (req->may_block) {
            return pn_http_serve_submit(conn, false);
        }
        conn->next_submit = NULL;
        *worker->submits_tail = conn;
        worker->submits_tail = &conn->next_submit;
        worker->submit_count++;
        return false;
    case PN_HTTP_HANDLED_BLOCKS:
        PN_ASSERT(!req->may_block);
        pn_http_serve_on_pool(conn);
        return false;
    case PN_HTTP_HANDLED_WAIT:
        pn_http_pool_wait(worker->server->pool, conn);
        return false;
    case PN_HTTP_HANDLED_STREAM:
        conn->streaming = true;
        break;
    case PN_HTTP_HANDLED:
        break;
    }
    return true;
}

static void dispatch(struct pn_http_conn *conn)
{
    struct pn_http_worker *worker = conn->worker;
    struct pn_http_request *req = &conn->req;
    if (conn->refused) {
        conn->state = PN_HTTP_FINISHED;
        return;
    }
    if (conn->body.len > 0 && !pn_buf_reserve(&conn->body, PN_JSON_PADDING)) {
        pn_buf_reset(&conn->body);
        reply_no_memory(req);
        conn->state = PN_HTTP_FINISHED;
        return;
    }
    req->body = pn_buf_text(&conn->body);
    req->body_len = conn->body.len;
    req->body_capacity = conn->body.len > 0 ? conn->body.capacity : 0;
    conn->state = PN_HTTP_PENDING;
    if ((conn->row->route->flags & PN_HTTP_ROUTE_BLOCKS) != 0) {
        pn_http_serve_on_pool(conn);
    } else if (pn_http_serve_handle(conn, worker->parser)) {
        conn->state = PN_HTTP_FINISHED;
    } else if (!conn->suspended) {
        worker->parked++;
    }
}

void pn_http_serve_finished(struct pn_http_conn *conn)
{
    struct pn_http_worker *worker = conn->worker;
    if (!conn->suspended) {
        PN_ASSERT(worker->parked > 0);
        worker->parked--;
    }
    if (conn->taken) {
        enum pn_http_handled handled = conn->req.finish(&conn->req);
        PN_ASSERT(handled == PN_HTTP_HANDLED);
    }
    if (conn->gone) {
        end_request(conn);
        destroy_conn(conn);
        return;
    }
    conn->state = conn->stream_begun ? PN_HTTP_REPLYING : PN_HTTP_FINISHED;
    if (conn->suspended) {
        conn->suspended = false;
        MHD_resume_connection(conn->mhd);
    }
}

enum MHD_Result pn_http_serve_request(void *cls, struct MHD_Connection *mhd, const char *url,
                                      const char *method, const char *version, const char *upload,
                                      size_t *upload_len, void **request)
{
    (void)version; /* checked by framing.c */
    struct pn_http_worker *worker = cls;
    struct pn_http_conn *conn = *request;
    if (conn == NULL) {
        conn = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
        *request = conn;
        return begin(conn, url, method);
    }
    if (conn->state == PN_HTTP_RECEIVING) {
        if (*upload_len > 0) {
            size_t len = *upload_len;
            *upload_len = 0;
            worker->more = true; /* libmicrohttpd may have more of it, read or in the socket */
            take_body(conn, upload, len);
            return MHD_YES;
        }
        dispatch(conn);
    }
    if (conn->state == PN_HTTP_FINISHED) {
        return queue_reply(conn);
    }
    if (conn->state == PN_HTTP_PENDING && !conn->suspended &&
        worker->now_ns - conn->begin_ns > PARKED_MS * INT64_C(1000000)) {
        worker->parked--;
        suspend(conn);
    }
    return MHD_YES;
}
