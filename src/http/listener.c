#include "http/listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/json_writer.h"
#include "base/mem.h"
#include "http/ip_counts.h"

enum { BACKLOG = 1024, HOST_BYTES_MAX = 256 };
/* When the process is out of descriptors: how long until the next try. */
enum { ACCEPT_PAUSE_MS = 100 };

void pn_http_inbox_init(struct pn_http_inbox *inbox)
{
    memset(inbox, 0, sizeof *inbox);
    int rc = pthread_mutex_init(&inbox->lock, NULL);
    PN_ASSERT(rc == 0);
}

void pn_http_inbox_deinit(struct pn_http_inbox *inbox)
{
    for (size_t i = 0; i < inbox->count; i++) {
        close(inbox->items[i].fd);
    }
    free(inbox->items);
    pthread_mutex_destroy(&inbox->lock);
}

void pn_http_inbox_put(struct pn_http_inbox *inbox, const struct pn_http_incoming *incoming)
{
    pthread_mutex_lock(&inbox->lock);
    void *items = inbox->items;
    pn_grow(&items, &inbox->capacity, inbox->count + 1, sizeof *inbox->items);
    inbox->items = items;
    inbox->items[inbox->count++] = *incoming;
    pthread_mutex_unlock(&inbox->lock);
}

size_t pn_http_inbox_take(struct pn_http_inbox *inbox, struct pn_http_incoming **items)
{
    pthread_mutex_lock(&inbox->lock);
    size_t count = inbox->count;
    *items = inbox->items;
    inbox->items = NULL;
    inbox->count = 0;
    inbox->capacity = 0;
    pthread_mutex_unlock(&inbox->lock);
    return count;
}

/* "host:port" or "[v6]:port" into its parts. */
static int split_address(const char *listen, char host[HOST_BYTES_MAX], char port[8],
                         struct pn_err *e)
{
    const char *colon = strrchr(listen, ':');
    size_t host_len = colon != NULL ? (size_t)(colon - listen) : 0;
    const char *from = listen;
    if (host_len >= 2 && from[0] == '[' && from[host_len - 1] == ']') {
        from++;
        host_len -= 2;
    }
    char *end = NULL;
    long number = colon != NULL ? strtol(colon + 1, &end, 10) : -1;
    if (colon == NULL || host_len == 0 || host_len >= HOST_BYTES_MAX || end == colon + 1 ||
        *end != '\0' || number < 0 || number > 65535) {
        return pn_err_input(e,
                            "cannot listen on \"%s\": it must be HOST:PORT, such as "
                            "127.0.0.1:8082 or [::1]:8082",
                            listen);
    }
    memcpy(host, from, host_len);
    host[host_len] = '\0';
    (void)snprintf(port, 8, "%ld", number);
    return 0;
}

int pn_http_check_address(const char *listen, struct pn_err *e)
{
    char host[HOST_BYTES_MAX];
    char port[8];
    return split_address(listen, host, port, e);
}

static int resolve(const char *listen, struct addrinfo **addresses, struct pn_err *e)
{
    char host[HOST_BYTES_MAX];
    char port[8];
    int rc = split_address(listen, host, port, e);
    if (rc != 0) {
        return rc;
    }
    struct addrinfo hints = {
        .ai_flags = AI_PASSIVE, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    rc = getaddrinfo(host, port, &hints, addresses);
    if (rc != 0) {
        return pn_err_input(e, "cannot listen on \"%s\": %s", listen, gai_strerror(rc));
    }
    return 0;
}

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;
        return ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    }
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)address;
    return address->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

int pn_http_listener_is_loopback(const char *listen, bool *loopback, struct pn_err *e)
{
    struct addrinfo *addresses = NULL;
    int rc = resolve(listen, &addresses, e);
    if (rc != 0) {
        return rc;
    }
    *loopback = true;
    for (const struct addrinfo *a = addresses; a != NULL; a = a->ai_next) {
        *loopback = *loopback && is_loopback(a->ai_addr);
    }
    freeaddrinfo(addresses);
    return 0;
}

static int open_address(const struct addrinfo *address, const char *listen_on, int *fd,
                        struct pn_err *e)
{
    int opened = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (opened < 0) {
        return pn_err_errno(e, errno, "cannot open a socket for %s", listen_on);
    }
    int on = 1;
    (void)setsockopt(opened, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(opened, address->ai_addr, address->ai_addrlen) != 0 || listen(opened, BACKLOG) != 0) {
        int errno_value = errno;
        close(opened);
        if (errno_value == EADDRINUSE) {
            return pn_err_set(e, PN_CLASS_CONFLICT, EADDRINUSE,
                              "cannot listen on %s: the port is in use; stop the other program or "
                              "choose another address with --listen",
                              listen_on);
        }
        return pn_err_errno(e, errno_value, "cannot listen on %s", listen_on);
    }
    *fd = opened;
    return 0;
}

static uint16_t bound_port(int fd)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
        return 0;
    }
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}

int pn_http_listener_open(struct pn_http_listener *listener, const char *listen, struct pn_err *e)
{
    struct addrinfo *addresses = NULL;
    int rc = resolve(listen, &addresses, e);
    if (rc != 0) {
        return rc;
    }
    /* localhost may name ::1 and 127.0.0.1, and a machine may lack one: the first that works. */
    for (const struct addrinfo *a = addresses; a != NULL; a = a->ai_next) {
        rc = open_address(a, listen, &listener->fd, e);
        if (rc == 0) {
            break;
        }
    }
    freeaddrinfo(addresses);
    if (rc == 0) {
        listener->port = bound_port(listener->fd);
        listener->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        PN_ASSERT(listener->stop_fd >= 0);
        listener->ips =
            listener->per_ip_max > 0 ? pn_http_ip_counts_create(listener->connections_max) : NULL;
    }
    return rc;
}

/* Sends a client the reply that there is no room, without ever waiting for it. */
static void refuse(struct pn_http_listener *listener, const struct pn_http_incoming *incoming,
                   const char *why)
{
    char reply[512];
    struct pn_buf body;
    struct pn_json_writer json;
    pn_buf_init(&body, sizeof reply / 2);
    pn_json_writer_init(&json, &body);
    pn_json_put_object(&json);
    pn_json_add_i64(&json, "error_code", 503);
    pn_json_add_textf(&json, "message", "Too many connections%s", why);
    pn_json_end(&json);
    int len = snprintf(reply, sizeof reply,
                       "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
                       "Retry-After: 1\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
                       body.len, pn_buf_text(&body));
    pn_buf_deinit(&body);
    if (!listener->tls) {
        (void)send(incoming->fd, reply, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT);
        (void)shutdown(incoming->fd, SHUT_WR);
    }
    close(incoming->fd);
    pn_metric_add(listener->refused, 1);
}

static void take_in(struct pn_http_listener *listener, const struct pn_http_incoming *incoming)
{
    if (atomic_load(&listener->connections) >= listener->connections_max) {
        refuse(listener, incoming, "");
        return;
    }
    if (listener->ips != NULL &&
        !pn_http_ip_counts_add(listener->ips, &incoming->address, listener->per_ip_max)) {
        refuse(listener, incoming, " from this address");
        return;
    }
    atomic_fetch_add(&listener->connections, 1);
    listener->deliver(listener->arg, incoming);
}

static void *accept_connections(void *arg)
{
    struct pn_http_listener *listener = arg;
    struct pollfd fds[2] = {{.fd = listener->stop_fd, .events = POLLIN},
                            {.fd = listener->fd, .events = POLLIN}};
    for (;;) {
        (void)poll(fds, 2, -1);
        if (fds[0].revents != 0) {
            return NULL;
        }
        struct pn_http_incoming incoming = {.address_len = sizeof incoming.address};
        incoming.fd = accept4(listener->fd, (struct sockaddr *)&incoming.address,
                              &incoming.address_len, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (incoming.fd >= 0) {
            take_in(listener, &incoming);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            pn_logger_warn(listener->logger, "gateway", "cannot accept a connection: %s",
                           strerror(errno));
            (void)poll(fds, 1, ACCEPT_PAUSE_MS);
        }
    }
}

int pn_http_listener_start(struct pn_http_listener *listener, struct pn_err *e)
{
    int rc = pthread_create(&listener->thread, NULL, accept_connections, listener);
    if (rc != 0) {
        return pn_err_errno(e, rc, "cannot start the server's accepting thread");
    }
    listener->running = true;
    return 0;
}

void pn_http_listener_stop(struct pn_http_listener *listener)
{
    if (listener->running) {
        (void)eventfd_write(listener->stop_fd, 1);
        (void)pthread_join(listener->thread, NULL);
        listener->running = false;
    }
    if (listener->fd >= 0) {
        close(listener->fd);
        listener->fd = -1;
    }
}

void pn_http_listener_deinit(struct pn_http_listener *listener)
{
    pn_http_listener_stop(listener);
    if (listener->stop_fd >= 0) {
        close(listener->stop_fd);
        listener->stop_fd = -1;
    }
    pn_http_ip_counts_destroy(&listener->ips);
}

void pn_http_listener_closed(struct pn_http_listener *listener,
                             const struct sockaddr_storage *address)
{
    atomic_fetch_sub(&listener->connections, 1);
    if (listener->ips != NULL) {
        pn_http_ip_counts_remove(listener->ips, address);
    }
}
