/*
 * Time limits. libmicrohttpd knows one limit, of silence, and closes without a word; a client that
 * sends a byte now and then it would keep forever. So the limits are kept here: now and then every
 * connection of a worker is looked at.
 *
 *   no request in progress, silent for idle_ms                     closed
 *   part of a request header for request_ms (or silent idle_ms)  408
 *   part of a body for request_ms                                408, or why it was refused
 *   the client has hung up, and no reply is due                  closed
 *   a reply of which nothing more is fetched for idle_ms          closed
 *   the client of a streamed reply has hung up                broken off
 *   the client of a watched request has hung up                   its handler is called
 *   bytes that are not HTTP/1.1 as framing.h has it              400, or what the fault says
 *
 * (libmicrohttpd overlooks the end of a stream that came together with the last bytes before it: it
 * waits for an edge of epoll's that was there already.)
 *
 * Whether part of a header came, only the kernel can tell: bytes were received since the last look,
 * and no request came of them. While a request is read nothing is being sent, so the 408 can be
 * written to the socket past libmicrohttpd, and so can the reply to a refused body.
 */
#include <string.h>

#include <linux/tcp.h>
#include <sys/ioctl.h>

#include "http/internal.h"

/* tcpi_state, as the kernel numbers it; the header with its name clashes with linux/tcp.h. */
enum { TCP_CLOSED = 7, TCP_CLOSE_WAIT = 8 };

static void hang_up(struct pn_http_conn *conn)
{
    (void)shutdown(conn->fd, SHUT_RDWR);
}

static void say_last(struct pn_http_conn *conn, int status, const char *content_type,
                     const char *body, size_t body_len)
{
    struct pn_buf reply;
    pn_buf_init(&reply, body_len + 512);
    pn_buf_addf(&reply,
                "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nConnection: close\r\n"
                "Content-Length: %zu\r\n\r\n",
                status, MHD_get_reason_phrase_for((unsigned)status), content_type, body_len);
    pn_buf_add(&reply, body, body_len);
    if (conn->worker->server->tls != NULL) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(conn->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
        (void)gnutls_record_send(info->tls_session, reply.data, reply.len);
    } else {
        (void)send(conn->fd, reply.data, reply.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    pn_buf_deinit(&reply);
    hang_up(conn);
}

static void say_reply(struct pn_http_conn *conn)
{
    const struct pn_http_request *req = &conn->req;
    say_last(conn, req->status, req->content_type, pn_buf_text(&conn->req.out), req->out.len);
}

static void time_out(struct pn_http_conn *conn)
{
    if (conn->state == PN_HTTP_IDLE) {
        conn->front = conn->worker->server->router.fallback; /* it has no route yet */
    }
    if (conn->state != PN_HTTP_RECEIVING || !conn->refused) {
        pn_http_reply_error(&conn->req, 408,
                            "The request did not arrive in time (gateway.request_ms, "
                            "gateway.idle_ms)");
    }
    say_reply(conn);
}

static void sweep_idle(struct pn_http_conn *conn, const struct tcp_info *tcp, bool ending)
{
    const struct pn_http_worker *worker = conn->worker;
    const struct pn_http_config *config = &worker->server->config;
    bool silent = tcp->tcpi_last_data_recv >= config->idle_ms;
    if (conn->requests != conn->swept_requests) {
        conn->partial_since_ns = 0;
    } else if (tcp->tcpi_bytes_received != conn->swept_bytes && conn->partial_since_ns == 0) {
        conn->partial_since_ns = worker->now_ns;
    }
    if (conn->partial_since_ns != 0) {
        int64_t since_ms = (worker->now_ns - conn->partial_since_ns) / 1000000;
        bool late = silent || since_ms >= config->request_ms;
        if (late && worker->server->tls != NULL && pn_http_framing_is_idle(&conn->framing)) {
            hang_up(conn); /* what came was the handshake */
        } else if (late) {
            time_out(conn);
        }
    } else if (silent || ending) {
        hang_up(conn);
    }
}

/* Has the client closed its side, and is everything it sent before read? */
static bool has_hung_up(const struct pn_http_conn *conn, const struct tcp_info *tcp)
{
    int unread = 0;
    return tcp->tcpi_state == TCP_CLOSE_WAIT && ioctl(conn->fd, FIONREAD, &unread) == 0 &&
           unread == 0;
}

static void sweep_one(struct pn_http_conn *conn, enum pn_http_stage stage)
{
    const struct pn_http_worker *worker = conn->worker;
    const struct pn_http_config *config = &worker->server->config;
    struct tcp_info tcp;
    socklen_t len = sizeof tcp;
    memset(&tcp, 0, sizeof tcp);
    if (getsockopt(conn->fd, IPPROTO_TCP, TCP_INFO, &tcp, &len) != 0) {
        return;
    }
    if (conn->state != PN_HTTP_REPLYING && has_hung_up(conn, &tcp)) {
        hang_up(conn);
    } else if (conn->state == PN_HTTP_IDLE) {
        sweep_idle(conn, &tcp, stage != PN_HTTP_SERVING);
    } else if (stage == PN_HTTP_STOPPING) {
        hang_up(conn);
    } else if (conn->state == PN_HTTP_RECEIVING &&
               (worker->now_ns - conn->begin_ns) / 1000000 >= config->request_ms) {
        time_out(conn);
    } else if (conn->state == PN_HTTP_REPLYING) {
        if (conn->swept_acked != tcp.tcpi_bytes_acked || conn->acked_ns < conn->begin_ns) {
            conn->swept_acked = tcp.tcpi_bytes_acked;
            conn->acked_ns = worker->now_ns;
        } else if ((worker->now_ns - conn->acked_ns) / 1000000 >= config->idle_ms) {
            hang_up(conn);
        }
    }
    conn->swept_requests = conn->requests;
    conn->swept_bytes = tcp.tcpi_bytes_received;
}

/* A reply that waits for something to say: is there still somebody to say it to? */
static void sweep_waiting(struct pn_http_conn *conn)
{
    struct tcp_info tcp;
    socklen_t len = sizeof tcp;
    memset(&tcp, 0, sizeof tcp);
    if (getsockopt(conn->fd, IPPROTO_TCP, TCP_INFO, &tcp, &len) != 0 ||
        tcp.tcpi_state == TCP_CLOSED || tcp.tcpi_state == TCP_CLOSE_WAIT) {
        pn_http_stream_cut(conn);
    }
}

void pn_http_sweep(struct pn_http_worker *worker)
{
    enum pn_http_stage stage = (enum pn_http_stage)atomic_load(&worker->server->stage);
    for (struct pn_http_conn *conn = worker->conns; conn != NULL; conn = conn->next) {
        if (conn->gone) {
            continue;
        }
        if (conn->state != PN_HTTP_PENDING) {
            sweep_one(conn, stage);
        } else if (conn->stream_begun || atomic_load(&conn->watched)) {
            sweep_waiting(conn);
        }
    }
}

/* libmicrohttpd waits for the rest of the request that is broken: either for its header, or for its
 * body. */
static bool is_due(const struct pn_http_conn *conn)
{
    const struct pn_http_framing *framing = &conn->framing;
    enum pn_http_conn_state waiting =
        framing->headers == framing->requests ? PN_HTTP_IDLE : PN_HTTP_RECEIVING;
    return conn->state == waiting && conn->requests == framing->requests;
}

static void answer_broken(struct pn_http_conn *conn)
{
    struct pn_http_server *server = conn->worker->server;
    struct pn_http_request *req = &conn->req;
    if (conn->state == PN_HTTP_IDLE) {
        conn->front = server->router.fallback; /* it has no route yet */
    }
    pn_http_reply_error(req, conn->framing.status, "%s", conn->framing.fault);
    pn_metric_add(server->metrics.status[req->status / 100 - 1], 1);
    if (conn->framing.http2 && !atomic_exchange(&server->http2_logged, true)) {
        pn_logger_warn(server->env.logger, "gateway", "a client was refused: %s",
                       conn->framing.fault);
    }
    conn->said_last = true;
    say_reply(conn);
    pn_buf_reset(&req->out);
}

void pn_http_sweep_broken(struct pn_http_worker *worker)
{
    struct pn_http_conn **at = &worker->broken;
    while (*at != NULL) {
        struct pn_http_conn *conn = *at;
        if (is_due(conn)) {
            *at = conn->next_broken;
            answer_broken(conn);
        } else {
            at = &conn->next_broken;
        }
    }
}
