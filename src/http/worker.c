/*
 * A worker's loop: libmicrohttpd by its external event loop.
 *
 * libmicrohttpd's own polling thread is not used, for two reasons. It calls epoll_wait() again,
 * with its full time-out, whenever a call filled its array of 128 events: with exactly 128 or 256
 * busy connections that all wait for their reply, it sleeps while their requests sit unread. And
 * each MHD_resume_connection() is a write to its wake-up descriptor. Here MHD_run() never waits,
 * and the worker is woken once for as many finished requests as there are.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "http/internal.h"
#include "http/receive.h"

/* How often the time limits are looked at, and the longest wait. */
enum { SWEEP_MS = 250 };
/* While connections are parked, libmicrohttpd can't say whether anything else is pending. */
enum { PARKED_WAIT_MS = 4 };
/* What libmicrohttpd needs of a connection's memory beside the request's header. It zeroes all of
 * it after each request, so more than is needed costs time. */
enum { POOL_MARGIN_BYTES = 2 * 1024 };
/* Passes that what is produced may gather for at most: it waits behind other requests then. */
enum { GROUP_PASSES_MAX = 8 };

static void take_finished(struct pn_http_worker *worker)
{
    struct pn_http_conn *conn =
        atomic_exchange_explicit(&worker->finished, NULL, memory_order_acquire);
    while (conn != NULL) {
        struct pn_http_conn *next = conn->next_finished;
        pn_http_serve_finished(conn);
        conn = next;
    }
}

static void take_incoming(struct pn_http_worker *worker)
{
    struct pn_http_incoming *items = NULL;
    size_t count = pn_http_inbox_take(&worker->inbox, &items);
    for (size_t i = 0; i < count; i++) {
        struct pn_http_incoming *in = &items[i];
        if (MHD_add_connection(worker->daemon, in->fd, (struct sockaddr *)&in->address,
                               in->address_len) == MHD_NO) {
            /* It closed the socket, and did not call pn_http_conn_changed(). */
            pn_logger_warn(worker->server->env.logger, "gateway", "cannot serve a connection: %s",
                           strerror(errno));
            atomic_fetch_sub(&worker->load, 1);
            pn_http_listener_closed(&worker->server->listener, &in->address);
        }
    }
    free(items);
}

/* Submits what was gathered at once, so that the log's committer finds all of it for its group. */
static void submit_all(struct pn_http_worker *worker)
{
    struct pn_http_conn *conn = worker->submits;
    worker->submits = NULL;
    worker->submits_tail = &worker->submits;
    worker->submit_count = 0;
    worker->submit_passes = 0;
    while (conn != NULL) {
        struct pn_http_conn *next = conn->next_submit;
        if (pn_http_serve_submit(conn, next != NULL)) {
            pn_http_serve_finished(conn);
            worker->more = true;
        }
        conn = next;
    }
}

/* Is the group to be submitted? `idle`: nothing was there to be read in this pass. */
static bool group_is_due(struct pn_http_worker *worker, bool idle)
{
    if (worker->submits == NULL) {
        return false;
    }
    worker->submit_passes++;
    return idle || worker->submit_count >= worker->server->config.group_requests_max ||
           worker->submit_passes >= GROUP_PASSES_MAX;
}

static int wait_ms(struct pn_http_worker *worker)
{
    if (worker->more || worker->submits != NULL) {
        return 0;
    }
    if (worker->parked > 0) {
        return PARKED_WAIT_MS;
    }
    MHD_UNSIGNED_LONG_LONG timeout = 0;
    if (MHD_get_timeout(worker->daemon, &timeout) == MHD_YES && timeout < SWEEP_MS) {
        return (int)timeout;
    }
    if (atomic_load(&worker->server->stage) == PN_HTTP_STOPPING) {
        return PARKED_WAIT_MS;
    }
    return worker->conns != NULL ? SWEEP_MS : -1;
}

static bool may_end(const struct pn_http_worker *worker)
{
    return atomic_load(&worker->server->stage) == PN_HTTP_STOPPING && worker->conns == NULL &&
           atomic_load(&worker->load) == 0 &&
           atomic_load_explicit(&worker->finishing, memory_order_acquire) == 0;
}

static void *worker_thread(void *arg)
{
    struct pn_http_worker *worker = arg;
    const struct pn_clock *clock = worker->server->env.clock;
    pn_http_receive_begin(worker);
    while (!may_end(worker)) {
        struct epoll_event events[2];
        int ready = epoll_wait(worker->epoll_fd, events, 2, wait_ms(worker));
        worker->more = false;
        worker->now_ns = pn_mono_ns(clock);
        take_incoming(worker);
        take_finished(worker);
        (void)MHD_run(worker->daemon);
        if (worker->broken != NULL) {
            pn_http_sweep_broken(worker);
        }
        if (group_is_due(worker, ready <= 0 && !worker->more)) {
            submit_all(worker);
        }
        if (worker->now_ns - worker->swept_ns >= SWEEP_MS * INT64_C(1000000) ||
            atomic_load(&worker->server->stage) != PN_HTTP_SERVING) {
            worker->swept_ns = worker->now_ns;
            pn_http_sweep(worker);
        }
    }
    return NULL;
}

/* The request's path and query come as they were sent: the router decodes them, segment by
 * segment, so that an encoded slash or NUL isn't taken for one. */
static size_t keep_escapes(void *cls, struct MHD_Connection *mhd, char *text)
{
    (void)cls;
    (void)mhd;
    return strlen(text);
}

static int watch(int epoll_fd, int fd, uint32_t events, struct pn_err *e)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        return pn_err_errno(e, errno, "cannot watch a descriptor");
    }
    return 0;
}

static int open_daemon(struct pn_http_worker *worker, struct pn_err *e)
{
    const struct pn_http_config *config = &worker->server->config;
    /* Without TLS the list ends at once. */
    const struct MHD_OptionItem tls[] = {
        {worker->server->tls != NULL ? MHD_OPTION_HTTPS_CERT_CALLBACK2 : MHD_OPTION_END, 0,
         (void *)(uintptr_t)pn_http_tls_retrieve},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (char *)PN_HTTP_TLS_PRIORITIES},
        {MHD_OPTION_END, 0, NULL}};
    worker->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME |
            (worker->server->tls != NULL ? MHD_USE_TLS : 0),
        0, NULL, NULL, pn_http_serve_request, worker, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)config->connections_max + 1, MHD_OPTION_CONNECTION_TIMEOUT, 0u,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)config->header_bytes_max + POOL_MARGIN_BYTES,
        MHD_OPTION_NOTIFY_COMPLETED, pn_http_serve_completed, worker, MHD_OPTION_NOTIFY_CONNECTION,
        pn_http_conn_changed, worker, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
    if (worker->daemon == NULL) {
        return pn_err_errno(e, errno != 0 ? errno : ENOMEM, "cannot start libmicrohttpd");
    }
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(worker->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    PN_ASSERT(info != NULL);
    return watch(worker->epoll_fd, info->epoll_fd, EPOLLIN, e);
}

static void worker_deinit(struct pn_http_worker *worker)
{
    if (worker->daemon != NULL) {
        MHD_stop_daemon(worker->daemon);
    }
    close(worker->epoll_fd);
    close(worker->wake_fd);
    free(worker->by_fd);
    pn_http_inbox_deinit(&worker->inbox);
    pn_json_parser_destroy(&worker->parser);
}

int pn_http_worker_start(struct pn_http_worker *worker, struct pn_http_server *server,
                         struct pn_err *e)
{
    memset(worker, 0, sizeof *worker);
    worker->server = server;
    worker->submits_tail = &worker->submits;
    pn_http_inbox_init(&worker->inbox);
    worker->parser = pn_json_parser_create();
    pn_json_parser_limit(worker->parser, (size_t)server->config.values_max);
    pn_random_init(&worker->random, pn_entropy_u64());
    worker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    worker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    PN_ASSERT(worker->epoll_fd >= 0 && worker->wake_fd >= 0);
    /* Edge-triggered: each wake-up counts, and nobody needs to read it. */
    int rc = watch(worker->epoll_fd, worker->wake_fd, EPOLLIN | EPOLLET, e);
    if (rc == 0) {
        rc = open_daemon(worker, e);
    }
    if (rc == 0) {
        rc = pthread_create(&worker->thread, NULL, worker_thread, worker);
        if (rc != 0) {
            (void)pn_err_errno(e, rc, "cannot start a thread of the server");
        }
    }
    if (rc != 0) {
        worker_deinit(worker);
    }
    return rc;
}

void pn_http_worker_stop(struct pn_http_worker *worker)
{
    pn_http_worker_wake(worker);
    (void)pthread_join(worker->thread, NULL);
    worker_deinit(worker);
}
