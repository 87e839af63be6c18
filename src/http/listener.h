/*
 * The listening socket, and the thread that accepts from it: it keeps the limits on connections
 * (one over the limit gets a 503 before it is closed) and puts each new connection
 * into the inbox of the worker with the fewest.
 */
#ifndef PN_HTTP_LISTENER_H
#define PN_HTTP_LISTENER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/logger.h"
#include "base/metrics.h"

struct pn_http_incoming {
    int fd;
    struct sockaddr_storage address;
    socklen_t address_len;
};

/* Connections on their way to a worker. */
struct pn_http_inbox {
    pthread_mutex_t lock;
    struct pn_http_incoming *items;
    size_t count;
    size_t capacity;
};
void pn_http_inbox_init(struct pn_http_inbox *inbox);
void pn_http_inbox_deinit(struct pn_http_inbox *inbox); /* closes what is still in it */
void pn_http_inbox_put(struct pn_http_inbox *inbox, const struct pn_http_incoming *incoming);
/* Moves everything to *items (the caller frees it). Returns how many. */
size_t pn_http_inbox_take(struct pn_http_inbox *inbox, struct pn_http_incoming **items);

/* INPUT unless the text is HOST:PORT or [IPv6]:PORT. The name is not looked up. */
int pn_http_check_address(const char *listen, struct pn_err *e) PN_MUST_CHECK;

struct pn_http_ip_counts;

struct pn_http_listener {
    int fd;
    int stop_fd;
    uint16_t port;
    bool tls; /* a refusal cannot be said: there is no handshake */
    int64_t connections_max;
    int64_t per_ip_max; /* 0: unlimited */
    atomic_int_fast64_t connections;
    struct pn_http_ip_counts *ips;
    void (*deliver)(void *arg, const struct pn_http_incoming *incoming);
    void *arg;
    struct pn_logger *logger;
    struct pn_metric *refused;
    pthread_t thread;
    bool running;
};

/* Is every address that `listen` ("host:port") names a loopback one? INPUT for a bad address. */
int pn_http_listener_is_loopback(const char *listen, bool *loopback,
                                 struct pn_err *e) PN_MUST_CHECK;
/* Binds and listens. CONFLICT when the port is taken. Fill in the limits and callbacks first. */
int pn_http_listener_open(struct pn_http_listener *listener, const char *listen,
                          struct pn_err *e) PN_MUST_CHECK;
/* Starts accepting. */
int pn_http_listener_start(struct pn_http_listener *listener, struct pn_err *e) PN_MUST_CHECK;
/* Stops accepting and closes the socket; connections stay. */
void pn_http_listener_stop(struct pn_http_listener *listener);
void pn_http_listener_deinit(struct pn_http_listener *listener);
/* A connection that was delivered is closed. Any thread. */
void pn_http_listener_closed(struct pn_http_listener *listener,
                             const struct sockaddr_storage *address);

#endif
