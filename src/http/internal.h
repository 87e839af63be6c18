/*
 * The inside of the server: what its files share. Fronts see front.h, request.h, content.h and
 * server.h.
 *
 * A connection (struct pn_http_conn) belongs to one worker and is touched by that worker's thread
 * alone; while its request is with the log or the pool, those touch the request in it, and hand it
 * back by pn_http_worker_finish(). The states of a request:
 *
 *   IDLE ──begin──► RECEIVING ──body whole──► PENDING ──worker_finish──► FINISHED ──► REPLYING
 *    ▲                  └───────── handled at once ──────────────────────▲           │
 *    └──────────────────────────── reply sent, or connection lost ───────────────────┘
 *
 * A connection lost while PENDING is `gone`: it is freed when the request comes back.
 */
#ifndef PN_HTTP_INTERNAL_H
#define PN_HTTP_INTERNAL_H

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>

#include <microhttpd.h>

#include "base/random.h"
#include "http/auth.h"
#include "http/framing.h"
#include "http/listener.h"
#include "http/login_tries.h"
#include "http/pool.h"
#include "http/router.h"
#include "http/server.h"
#include "http/sessions.h"
#include "http/tls.h"

/* How long a request may wait for the log before its connection is suspended. */
enum { PARKED_MS = 25 };
/* What an idle connection may keep of its buffers. */
enum { KEPT_BYTES = 64 * 1024 };
enum { PN_HTTP_STATUS_CLASSES = 5 };

enum pn_http_conn_state {
    PN_HTTP_IDLE,
    PN_HTTP_RECEIVING,
    PN_HTTP_PENDING,
    PN_HTTP_FINISHED,
    PN_HTTP_REPLYING
};

struct pn_http_worker;

/* What shows who made a request. All zero: nothing was asked for. */
struct pn_http_credential {
    bool is_keyed;    /* a valid key came, by itself or by a session */
    bool has_session; /* by one */
    unsigned char key[PN_HTTP_KEY_SUM_BYTES];
    struct pn_http_session_id session;
    unsigned seen; /* the server's `credentials` before it was checked */
};

struct pn_http_conn {
    struct pn_http_request req; /* first: a request is a connection */
    struct pn_http_worker *worker;
    struct MHD_Connection *mhd;
    int fd;
    struct sockaddr_storage address;
    enum pn_http_conn_state state;
    bool suspended;
    bool gone;
    bool refused; /* the reply is an error already; what comes of the body is dropped */
    bool taken;   /* its job was taken, and pn_http_request_done() will be called, or was */
    /* Of a streamed reply, see stream_reply.c. */
    bool streaming;                       /* the handler gave a stream, to be ended */
    bool stream_begun;                    /* libmicrohttpd has its header; the worker's own */
    bool stream_last;                     /* the stream has said all it has to say */
    atomic_bool stream_cut;               /* the client is gone, or memory ran out: break it off */
    atomic_bool watched;                  /* a request that waits and wants to know of the first */
    size_t stream_sent;                   /* bytes of `out` that libmicrohttpd has */
    const struct pn_http_router_row *row; /* NULL when none was found */
    const struct pn_http_front *front;    /* whose errors it gets; NULL: there are none */
    const char *stage;
    struct pn_http_credential credential;
    const char *cors;                 /* Access-Control-Allow-Origin of the reply; NULL: none */
    const char *preflight;            /* the methods that a preflight allows; NULL: it is not one */
    struct pn_http_framing framing;   /* of the bytes that came so far */
    struct pn_http_conn *next_broken; /* worker's list of connections with a fault in `framing` */
    bool said_last;                   /* its reply is sent; nothing more is read */
    int64_t begin_ns;
    int64_t memory_bytes; /* reserved of the server's budget */
    struct pn_buf body;
    struct pn_http_conn *next_finished; /* worker's list of requests handed back */
    struct pn_http_conn *next_submit;
    struct pn_http_conn *prev; /* worker's list of connections */
    struct pn_http_conn *next;
    struct pn_http_conn *pool_next; /* the pool's queue, or its list of waiting requests */
    /* For the time limits, see sweep.c. */
    uint64_t requests;
    uint64_t swept_requests;
    uint64_t swept_bytes;
    uint64_t swept_acked;
    int64_t acked_ns;         /* when more of the reply was last seen to be acknowledged */
    int64_t partial_since_ns; /* since when part of a request header is there; 0: none is */
};

struct pn_http_worker {
    struct pn_http_server *server;
    pthread_t thread;
    struct MHD_Daemon *daemon;
    int epoll_fd;
    int wake_fd;
    _Atomic(struct pn_http_conn *) finished; /* a stack; pushed by any thread, taken whole */
    atomic_int finishing;                    /* threads inside pn_http_worker_finish() */
    struct pn_http_inbox inbox;              /* connections from the acceptor */
    atomic_int load;                         /* connections it has or will have */
    struct pn_http_conn *conns;
    struct pn_http_conn **by_fd; /* the same, by descriptor */
    size_t fd_capacity;
    struct pn_http_conn *broken;
    struct pn_http_conn *submits; /* to submit as one group, in order */
    struct pn_http_conn **submits_tail;
    int submit_count;  /* in `submits` */
    int submit_passes; /* how many passes they have gathered for */
    size_t parked;     /* PENDING and not suspended */
    bool more;         /* run again without waiting */
    int64_t now_ns;
    int64_t swept_ns;
    struct pn_json_parser *parser;
    struct pn_random random; /* for the ids of requests */
};

enum pn_http_stage { PN_HTTP_SERVING, PN_HTTP_DRAINING, PN_HTTP_STOPPING };

struct pn_http_metrics {
    struct pn_metric *status[PN_HTTP_STATUS_CLASSES]; /* 1xx .. 5xx */
    struct pn_metric *seconds;
    struct pn_metric *in_flight;
    struct pn_metric *connections;
    struct pn_metric *refused;
    struct pn_metric *bytes_in;
    struct pn_metric *bytes_out;
    struct pn_metric *unrouted;
};

struct pn_http_server {
    struct pn_http_config config; /* owns its strings */
    struct pn_http_env env;
    struct pn_http_auth auth;
    struct pn_http_sessions *sessions;       /* NULL: no keys are asked for */
    struct pn_http_login_tries *login_tries; /* likewise */
    atomic_uint credentials;                 /* counts when keys or sessions may have ended */
    struct pn_http_tls *tls;                 /* NULL: plain HTTP */
    struct pn_http_router router;
    struct pn_http_listener listener;
    struct pn_http_worker *workers;
    size_t worker_count;
    size_t workers_running;
    struct pn_http_pool *pool;
    struct pn_http_metrics metrics;
    atomic_int stage; /* enum pn_http_stage */
    atomic_int_fast64_t memory_bytes;
    atomic_int_fast64_t in_flight;
    pthread_mutex_t large_lock; /* held while a large body is handled */
    atomic_bool http2_logged;
    bool bound;
    bool started;
};

/* --- conn.c ----------------------------------------------------------------------------------- */

/* For libmicrohttpd: a connection has begun or ended. */
void pn_http_conn_changed(void *cls, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode what);
void pn_http_conn_destroy(struct pn_http_conn *conn);
/* The request is over: gives back what it had, and is ready for the next. */
void pn_http_conn_end_request(struct pn_http_conn *conn);
/* Gives back what its buffers hold beyond a little, and all of the server's memory budget. */
void pn_http_conn_shrink(struct pn_http_conn *conn);
void pn_http_conn_suspend(struct pn_http_conn *conn);
/* Suspends the connection and has its handler, or its stream's next step, run on the pool. */
void pn_http_conn_on_pool(struct pn_http_conn *conn);
/* The reply is a 503 for want of memory; false, for the caller to return. */
bool pn_http_request_refuse_memory(struct pn_http_request *req);
void pn_http_worker_wake(struct pn_http_worker *worker);
/* Gives a request back to its worker, from any thread. */
void pn_http_worker_finish(struct pn_http_conn *conn);

/* --- header.c --------------------------------------------------------------------------------- */

/* Finds the route, and makes the reply where none or none without more is needed: then req->status
 * is set. */
void pn_http_conn_route(struct pn_http_conn *conn, const char *target, const char *method);
/* The reply is an error when the header alone shows that something is wrong. */
void pn_http_conn_check_header(struct pn_http_conn *conn);
/* The reply is a 413 for the body. */
void pn_http_request_refuse_length(struct pn_http_request *req);

/* --- reply.c ---------------------------------------------------------------------------------- */

/* Hands the reply to libmicrohttpd. */
enum MHD_Result pn_http_conn_reply(struct pn_http_conn *conn);

/* --- serve.c ---------------------------------------------------------------------------------- */

/* For libmicrohttpd: a request's header, its body and its end. */
enum MHD_Result pn_http_serve_request(void *cls, struct MHD_Connection *mhd, const char *url,
                                      const char *method, const char *version, const char *upload,
                                      size_t *upload_len, void **request);
void pn_http_serve_completed(void *cls, struct MHD_Connection *mhd, void **request,
                             enum MHD_RequestTerminationCode how);
/* Runs the route's handler on this thread with this parser; true when the reply is there. */
bool pn_http_serve_handle(struct pn_http_conn *conn, struct pn_json_parser *parser);
/* Submits the request's job; when that is refused, the reply is there and true is returned. `more`:
 * another one is submitted right after. */
bool pn_http_serve_submit(struct pn_http_conn *conn, bool more);
/* The request came back to its worker. */
void pn_http_serve_finished(struct pn_http_conn *conn);

/* --- server.c --------------------------------------------------------------------------------- */

/* Keys or sessions may have ended: streams look whether theirs has. Any thread. */
void pn_http_server_credentials_changed(struct pn_http_server *server);

/* --- stream_reply.c --------------------------------------------------------------------------- */

/* Asks the stream for its next piece, on a pool thread. True: give the connection back to its
 * worker; false: the pool keeps it until there is more. */
bool pn_http_stream_step(struct pn_http_conn *conn);
/* What libmicrohttpd is to send; NULL without memory. */
struct MHD_Response *pn_http_stream_response(struct pn_http_conn *conn);
/* The client of a PENDING stream is gone. */
void pn_http_stream_cut(struct pn_http_conn *conn);

/* --- sweep.c ---------------------------------------------------------------------------------- */

/* Closes connections of the worker whose time is up. */
void pn_http_sweep(struct pn_http_worker *worker);
/* Answers and closes connections that broke the framing, once all that came before is answered. */
void pn_http_sweep_broken(struct pn_http_worker *worker);

/* --- worker.c --------------------------------------------------------------------------------- */

int pn_http_worker_start(struct pn_http_worker *worker, struct pn_http_server *server,
                         struct pn_err *e) PN_MUST_CHECK;
/* Waits for the thread and frees everything; the server must be STOPPING. */
void pn_http_worker_stop(struct pn_http_worker *worker);

/* ---------------------------------------------------------------------------------------------- */

static inline struct pn_http_conn *pn_http_conn_of(struct pn_http_request *req)
{
    return (struct pn_http_conn *)req;
}

static inline const struct pn_http_conn *pn_http_conn_of_const(const struct pn_http_request *req)
{
    return (const struct pn_http_conn *)req;
}

#endif
