/*
 * The HTTP server: every interface, on one port. It knows connections, requests and keys, and no
 * API: those are its fronts (front.h).
 *
 * Threads:
 *   - an acceptor takes connections, keeps the limits on their number, and deals them out;
 *   - each worker runs one libmicrohttpd daemon by its external event loop: it parses requests,
 *     runs the handlers that cannot block, submits what they give away and sends replies;
 *   - a few pool threads run the handlers that may block (reading the log, committing offsets);
 *   - one thread wakes requests that wait (a consumer's long poll) when somebody says that there is
 *     something new (pn_http_server_wake()) or time is up.
 *
 * A request that gives a job away, such as records to the log, costs its worker no waiting. The job
 * is submitted when the worker's round over its connections is done; meanwhile its connection is
 * parked: left as it is, asked again at each round (an epoll_ctl less than libmicrohttpd's suspend
 * and resume, which is what a connection gets that waits for longer than PARKED_MS). The thread
 * that did the job puts the request on the worker's list and wakes it once for all that are there.
 */
#ifndef PN_HTTP_SERVER_H
#define PN_HTTP_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "base/logger.h"
#include "base/metrics.h"
#include "http/front.h"

enum { PN_HTTP_THREADS_MAX = 256 };

/* Strings are borrowed until pn_http_server_create() returned. */
struct pn_http_config {
    const char *listen;          /* "127.0.0.1:8082", "[::1]:8082", "localhost:0" (any free port) */
    const char *auth;            /* "" (not set), "none" or "api-key" */
    const char *api_key_file;    /* keys and their rights, see auth.h; NULL or "" when none */
    const char *api_keys;        /* further keys, one a line; NULL or "" when none */
    const char *tls_certificate; /* PEM file, see tls.h; with the next; NULL or "": plain HTTP */
    const char *tls_key;
    const char *cors_origin;   /* origins whose pages may read and act, see browser.h */
    const char *allowed_hosts; /* names, beside localhost and addresses, to be called by */
    /* Absolute; replies name what is below it by the rest of its path, since where a server keeps
     * its data is not its clients' business. NULL or "": nothing is hidden. */
    const char *data_folder;
    /* The name of the pipeline that is served, which keys may be for; NULL: "". */
    const char *pipeline;
    int64_t threads; /* workers; 0: one a core but one, at least one */
    int64_t connections_max;
    int64_t connections_per_ip_max; /* 0: unlimited */
    int64_t header_bytes_max;
    int64_t body_bytes_max;
    int64_t values_max; /* in a body of JSON */
    /* How many requests to gather before they are submitted, while there is more to read; 1: none.
     * To wake the log's thread takes as long as to answer a request, so a log that only writes gets
     * them in groups; one that waits for the disk had better begin at once. */
    int64_t group_requests_max;
    int64_t idle_ms;          /* a connection that is silent for this long is closed */
    int64_t request_ms;       /* a request must have arrived whole after this time */
    int64_t drain_ms;         /* pn_http_server_stop(): how long replies may take to be fetched */
    int64_t memory_bytes_max; /* bodies in flight; above: 503 */
};

/* What the server stands on; all borrowed for its life. logger and metrics may be NULL. */
struct pn_http_env {
    const struct pn_io *io;
    const struct pn_clock *clock;
    struct pn_logger *logger;
    struct pn_metrics *metrics;
};

struct pn_http_server;

/*
 * Checks the settings and reads the keys; nothing listens yet. INPUT when a setting is wrong, and
 * when the address is not a loopback one and `auth` isn't set.
 */
int pn_http_server_create(const struct pn_http_config *config, const struct pn_http_env *env,
                          struct pn_http_server **server, struct pn_err *e) PN_MUST_CHECK;
/* Adds a front, and what it depends on: its handlers and its tick() and stop() get that as `arg`.
 * Both are borrowed for the server's life. Only before pn_http_server_start(). */
void pn_http_server_add_front(struct pn_http_server *server, const struct pn_http_front *front,
                              void *arg);
/* Adds a route to a front that was added. It is borrowed for the server's life, and so is `arg`,
 * which its handler gets. Only before pn_http_server_start(). */
void pn_http_server_add_route(struct pn_http_server *server, const struct pn_http_front *front,
                              const struct pn_http_route *route, void *arg);
/* All routes in the order in which they were added; NULL from the end on. */
const struct pn_http_route *pn_http_server_route(const struct pn_http_server *server, size_t i);
/* Does it ask for API keys? */
bool pn_http_server_asks_keys(const struct pn_http_server *server);
/* Takes the port, so that a port in use (CONFLICT) is known before anything else begins. Clients
 * are served from pn_http_server_start() on. */
int pn_http_server_listen(struct pn_http_server *server, struct pn_err *e) PN_MUST_CHECK;
/* Serves; takes the port first if pn_http_server_listen() has not. A failed start leaves nothing
 * but the server to destroy. */
int pn_http_server_start(struct pn_http_server *server, struct pn_err *e) PN_MUST_CHECK;
/*
 * Reads the API keys again, where the server requires one: from the file and `keys`, as in
 * pn_http_config. On an error the former keys stay. `count` is how many there are, 0 where none
 * is required. Sessions and streams whose key is gone end. Any thread.
 */
int pn_http_server_reload_keys(struct pn_http_server *server, const char *key_file,
                               const char *keys, size_t *count, struct pn_err *e) PN_MUST_CHECK;
/* Loads the certificate and its key again, for the handshakes to come, where the server speaks
 * TLS: then *loaded. On an error the former ones stay. Any thread. */
int pn_http_server_reload_tls(struct pn_http_server *server, const char *certificate,
                              const char *key, bool *loaded, struct pn_err *e) PN_MUST_CHECK;
/* The port it listens on, after pn_http_server_listen(). */
uint16_t pn_http_server_port(const struct pn_http_server *server);
/* There may be news for requests and streams that wait: their `ready` is asked at once. Any thread,
 * from pn_http_server_create() on; does not block. */
void pn_http_server_wake(struct pn_http_server *server);
/* Stops taking connections, finishes what was accepted, and stops, the fronts last. What they stand
 * on must still be there. Not started or already stopped is fine. */
void pn_http_server_stop(struct pn_http_server *server);
void pn_http_server_destroy(struct pn_http_server **server); /* NULL ok; stops it first */

#endif
