/* What libmicrohttpd calls for a request: its way from its header to its reply. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "http/internal.h"

enum { LARGE_BYTES = 4 * 1024 * 1024 };

/* --- the header ------------------------------------------------------------------------------- */

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
    atomic_store_explicit(&conn->watched, false, memory_order_relaxed);
    conn->stream_sent = 0;
    req->status = 0;
    req->content_type = PN_HTTP_TYPE_JSON;
    req->allow = NULL;
    req->retry_after_s = 0;
    req->header_count = 0;
    req->param_count = 0;
    req->submit = NULL;
    req->finish = NULL;
    req->ready = NULL;
    req->expired = false;
    req->state = NULL;
    conn->row = NULL;
    conn->front = server->router.fallback;
    conn->stage = NULL;
    conn->cors = NULL;
    conn->preflight = NULL;
    pn_http_conn_route(conn, path, method);
    if (req->status == 0) {
        pn_http_conn_check_header(conn);
    }
    conn->refused = req->status != 0;
    if (conn->refused && req->status >= 400 &&
        (req->status == 501 || pn_http_request_header(req, "Expect") != NULL)) {
        return pn_http_conn_reply(conn); /* now; libmicrohttpd then closes the connection */
    }
    return MHD_YES;
}

/* --- the body --------------------------------------------------------------------------------- */

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
        pn_http_request_refuse_length(req);
    } else if (pn_http_request_reserve(req, conn->body.len + len)) {
        pn_buf_add(&conn->body, bytes, len);
        if (pn_buf_failed(&conn->body)) {
            (void)pn_http_request_refuse_memory(req);
        }
    }
    conn->refused = req->status != 0;
}

/* --- handling --------------------------------------------------------------------------------- */

void pn_http_request_done(struct pn_http_request *req)
{
    pn_http_worker_finish(pn_http_conn_of(req));
}

bool pn_http_serve_submit(struct pn_http_conn *conn, bool more)
{
    struct pn_http_request *req = &conn->req;
    for (;;) {
        conn->taken = true;
        if (req->submit(req, more)) {
            return false; /* and it may be done already */
        }
        conn->taken = false;
        if (req->finish(req, false) == PN_HTTP_HANDLED) {
            return true;
        }
    }
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
                                        const struct pn_http_router_row *row)
{
    struct pn_http_server *server = req->server;
    bool alone = req->may_block && req->body_len > LARGE_BYTES;
    if (alone) {
        pthread_mutex_lock(&server->large_lock);
    }
    enum pn_http_handled handled = PN_HTTP_HANDLED;
    if (req->body_len > KEPT_BYTES && !is_room_for(req->body_len)) {
        (void)pn_http_request_refuse_memory(req);
    } else {
        handled = row->route->handle(req, row->arg);
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
    if (conn->streaming) {
        return pn_http_stream_step(conn);
    }
    req->parser = parser;
    req->may_block = parser != worker->parser;
    switch (run_handler(req, conn->row)) {
    case PN_HTTP_HANDLED_SUBMIT:
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
        pn_http_conn_on_pool(conn);
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
        (void)pn_http_request_refuse_memory(req);
        conn->state = PN_HTTP_FINISHED;
        return;
    }
    req->body = pn_buf_text(&conn->body);
    req->body_len = conn->body.len;
    req->body_capacity = conn->body.len > 0 ? conn->body.capacity : 0;
    conn->state = PN_HTTP_PENDING;
    if ((conn->row->route->flags & PN_HTTP_ROUTE_BLOCKS) != 0) {
        pn_http_conn_on_pool(conn);
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
        enum pn_http_handled handled = conn->req.finish(&conn->req, true);
        PN_ASSERT(handled == PN_HTTP_HANDLED);
    }
    if (conn->gone) {
        pn_http_conn_end_request(conn);
        pn_http_conn_destroy(conn);
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
        return pn_http_conn_reply(conn);
    }
    if (conn->state == PN_HTTP_PENDING && !conn->suspended &&
        worker->now_ns - conn->begin_ns > PARKED_MS * INT64_C(1000000)) {
        worker->parked--;
        pn_http_conn_suspend(conn);
    }
    return MHD_YES;
}

void pn_http_serve_completed(void *cls, struct MHD_Connection *mhd, void **request,
                             enum MHD_RequestTerminationCode how)
{
    (void)cls;
    (void)mhd;
    (void)how;
    struct pn_http_conn *conn = *request;
    if (conn != NULL && conn->state != PN_HTTP_IDLE && conn->state != PN_HTTP_PENDING) {
        pn_http_conn_end_request(conn);
    }
    *request = NULL;
}
