/* Connections: their life, what they take of the server's memory, and which thread has them. */
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/mem.h"
#include "http/internal.h"

/* Steps in which a body takes from the server's memory budget. */
enum { MEMORY_STEP_BYTES = 4 * 1024 };
enum { ARENA_BLOCK_BYTES = 4096, OUT_BYTES_MAX = 256 * 1024 * 1024 };

/* --- life ------------------------------------------------------------------------------------- */

static struct pn_http_conn *create(struct pn_http_worker *worker, struct MHD_Connection *mhd)
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

void pn_http_conn_destroy(struct pn_http_conn *conn)
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

void pn_http_conn_changed(void *cls, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct pn_http_worker *worker = cls;
    struct pn_http_server *server = worker->server;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *socket_context = create(worker, mhd);
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
        pn_http_conn_destroy(conn);
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

void pn_http_conn_end_request(struct pn_http_conn *conn)
{
    struct pn_http_server *server = conn->worker->server;
    if (conn->streaming) {
        conn->req.stream.end(conn->req.stream.arg);
        conn->streaming = false;
    }
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

/* --- memory ----------------------------------------------------------------------------------- */

bool pn_http_request_refuse_memory(struct pn_http_request *req)
{
    req->retry_after_s = 1;
    pn_http_reply_error(req, 503, "Out of memory; try again");
    return false;
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
        return pn_http_request_refuse_memory(req);
    }
    need = (need + MEMORY_STEP_BYTES - 1) / MEMORY_STEP_BYTES * MEMORY_STEP_BYTES;
    int64_t used = atomic_fetch_add(&server->memory_bytes, need);
    conn->memory_bytes += need;
    if (used + need > server->config.memory_bytes_max) {
        req->retry_after_s = 1;
        pn_http_reply_error(
            req, 503, "Too much data is on its way through (gateway.memory_bytes_max); try again");
        return false;
    }
    return true;
}

/* --- threads ---------------------------------------------------------------------------------- */

void pn_http_worker_wake(struct pn_http_worker *worker)
{
    (void)eventfd_write(worker->wake_fd, 1);
}

void pn_http_worker_finish(struct pn_http_conn *conn)
{
    struct pn_http_worker *worker = conn->worker;
    /* Once the request is on the list the worker may answer it and end: not before we are done. */
    atomic_fetch_add_explicit(&worker->finishing, 1, memory_order_relaxed);
    struct pn_http_conn *head = atomic_load_explicit(&worker->finished, memory_order_relaxed);
    do {
        conn->next_finished = head;
    } while (!atomic_compare_exchange_weak_explicit(&worker->finished, &head, conn,
                                                    memory_order_release, memory_order_relaxed));
    if (head == NULL) {
        /* The thread that made the list non-empty wakes the worker, which takes the whole list. */
        pn_http_worker_wake(worker);
    }
    atomic_fetch_sub_explicit(&worker->finishing, 1, memory_order_release);
}

void pn_http_conn_suspend(struct pn_http_conn *conn)
{
    conn->suspended = true;
    MHD_suspend_connection(conn->mhd);
}

void pn_http_conn_on_pool(struct pn_http_conn *conn)
{
    /* First: from then on libmicrohttpd leaves the connection alone. */
    pn_http_conn_suspend(conn);
    pn_http_pool_run(conn->worker->server->pool, conn);
}
