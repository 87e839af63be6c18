/*
 * Replies that continue (struct pn_http_reply_stream of request.h), in chunks.
 *
 *   REPLYING  libmicrohttpd asks for bytes; what is in `out` goes to the client at its pace
 *   PENDING   all of it is sent: the connection is suspended, and a pool thread asks the handler
 *             for more; when there is none yet, the pool keeps the connection like any request
 *             that waits
 *
 * So a slow client costs the memory of one piece and no thread. That a client hung up is seen by
 * its socket's state, now and then (sweep.c), since libmicrohttpd doesn't watch what is suspended.
 */
#include <string.h>

#include "http/internal.h"
#include "http/rights.h"

static bool is_ready(struct pn_http_request *req)
{
    struct pn_http_conn *conn = pn_http_conn_of(req);
    return atomic_load(&conn->stream_cut) || req->stream.ready(req->stream.arg) ||
           atomic_load(&req->server->credentials) != conn->credential.seen;
}

bool pn_http_stream_step(struct pn_http_conn *conn)
{
    struct pn_http_request *req = &conn->req;
    bool stops = atomic_load(&req->server->stage) != PN_HTTP_SERVING;
    if (stops && req->stream.is_document) {
        atomic_store(&conn->stream_cut, true);
    }
    if (atomic_load(&conn->stream_cut) || stops) {
        conn->stream_last = true;
        return true;
    }
    if (!req->stream.is_document && !pn_http_rights_last(req->server, &conn->credential)) {
        if (req->stream.expire != NULL) {
            req->stream.expire(req->stream.arg, &req->out);
        }
        conn->stream_last = true;
        return true;
    }
    conn->stream_last = !req->stream.next(req->stream.arg, &req->out);
    if (pn_buf_failed(&req->out) || !pn_http_request_reserve(req, req->out.len)) {
        pn_buf_reset(&req->out);
        atomic_store(&conn->stream_cut, true);
        return true;
    }
    if (req->out.len > 0 || conn->stream_last) {
        return true;
    }
    req->ready = is_ready;
    req->wait_until_ns = req->stream.look_ms > 0 ? pn_mono_ns(req->server->env.clock) +
                                                       req->stream.look_ms * INT64_C(1000000)
                                                 : INT64_MAX;
    pn_http_pool_wait(req->server->pool, conn);
    return false;
}

/* libmicrohttpd has room for up to `max` bytes. */
static ssize_t read_piece(void *cls, uint64_t position, char *out, size_t max)
{
    (void)position;
    struct pn_http_conn *conn = cls;
    struct pn_buf *piece = &conn->req.out;
    size_t left = piece->len - conn->stream_sent;
    if (left > 0) {
        size_t len = left < max ? left : max;
        memcpy(out, piece->data + conn->stream_sent, len);
        conn->stream_sent += len;
        pn_metric_add(conn->worker->server->metrics.bytes_out, (int64_t)len);
        return (ssize_t)len;
    }
    if (atomic_load(&conn->stream_cut)) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    if (conn->stream_last) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    pn_http_conn_shrink(conn);
    conn->stream_sent = 0;
    conn->state = PN_HTTP_PENDING;
    pn_http_conn_on_pool(conn);
    return 0;
}

struct MHD_Response *pn_http_stream_response(struct pn_http_conn *conn)
{
    enum { BLOCK_BYTES = 16 * 1024 };
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_piece, conn, NULL);
}

void pn_http_stream_cut(struct pn_http_conn *conn)
{
    atomic_store(&conn->stream_cut, true);
    pn_http_pool_signal(conn->worker->server->pool);
}

void pn_http_request_watch_client(struct pn_http_request *req)
{
    atomic_store(&pn_http_conn_of(req)->watched, true);
}

bool pn_http_request_client_is_gone(struct pn_http_request *req)
{
    return atomic_load(&pn_http_conn_of(req)->stream_cut);
}
