/*
 * A request as the handlers of the front doors see it.
 *
 * A route names a method and a path pattern ("topics/{}/partitions/{}", "api/v1/sink/flush"); the
 * `{}` segments arrive in `params`, percent-decoded. A pattern that starts with `topics`,
 * `consumers`, `brokers` or `streams` is also found behind one other first segment, whatever it
 * is (the stage of an API Gateway); empty segments are skipped, so double and trailing slashes
 * don't count.
 *
 * A handler writes its reply into `out` and sets `status`; what it allocates lives in `arena`. It
 * returns what is to happen next. Handlers without PN_HTTP_ROUTE_BLOCKS run on the HTTP threads and
 * must neither block nor read the disk.
 */
#ifndef PN_HTTP_REQUEST_H
#define PN_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "http/rights.h"
#include "http/server.h"
#include "log/log.h"

enum pn_http_method {
    PN_HTTP_GET,
    PN_HTTP_POST,
    PN_HTTP_PUT,
    PN_HTTP_DELETE,
    PN_HTTP_PATCH,
    PN_HTTP_OPTIONS,
    PN_HTTP_METHOD_OTHER
}; /* HEAD arrives as PN_HTTP_GET: libmicrohttpd leaves the reply's body out */

enum { PN_HTTP_PARAMS_MAX = 6 };

enum pn_http_handled {
    PN_HTTP_HANDLED,         /* the reply is there */
    PN_HTTP_HANDLED_PRODUCE, /* submit `produce`, then call `finish` */
    PN_HTTP_HANDLED_BLOCKS,  /* call the handler again where it may block; not if `may_block` */
    PN_HTTP_HANDLED_WAIT,    /* call the handler again when `ready` says so or at `wait_until_ns` */
    PN_HTTP_HANDLED_STREAM   /* the reply begins; `stream` says its body, piece by piece */
};

/*
 * A reply that goes on for as long as there is more to say, in chunks. While it waits for its
 * client, or for something to say, it holds no thread.
 */
struct pn_http_reply_stream {
    /* Appends what there is to say, maybe nothing; false: that was all. Where it may block. */
    bool (*next)(void *arg, struct pn_buf *out);
    /* Would next() have something to say? Quick, on any thread, beside anything else. */
    bool (*ready)(void *arg);
    /* The reply is over, or its client is gone: called once. */
    void (*end)(void *arg);
    void *arg;
};

struct pn_http_reply_header {
    const char *name;
    const char *value;
};
enum { PN_HTTP_REPLY_HEADERS_MAX = 4 };

struct pn_http_request {
    /* The request. */
    struct pn_http_server *server;
    enum pn_http_method method;
    const char *params[PN_HTTP_PARAMS_MAX]; /* NUL-terminated, no NUL inside */
    size_t param_count;
    const char *body; /* body_capacity bytes are readable, for pn_json_parse() */
    size_t body_len;
    size_t body_capacity;
    struct pn_arena arena;         /* for this request */
    bool may_block;                /* this is a pool thread */
    struct pn_json_parser *parser; /* of the running thread; good until the handler returns */
    struct pn_http_grant grant;    /* of its API key; all where none is asked for */

    /* The reply. */
    int status;
    const char *content_type; /* static or in the arena */
    const char *allow;        /* value of an Allow header, or NULL */
    int retry_after_s;        /* 0: no such header */
    struct pn_http_reply_header
        headers[PN_HTTP_REPLY_HEADERS_MAX]; /* further ones, see pn_http_reply_header() */
    size_t header_count;
    struct pn_buf out; /* the body */

    /* How it goes on. */
    struct pn_log_request *produce; /* in the arena, or the handler's own */
    struct pn_log *produce_log;     /* the log that `produce` is for */
    struct pn_buf values;           /* room for what `produce` points to */
    /* Builds the reply when the records are durable or refused, on an HTTP thread (or, where the
     * log refused at once, where the handler ran). Then only, it may return
     * PN_HTTP_HANDLED_PRODUCE to submit again, what was wrong being mended. Called also when the
     * client is gone, and its header with it. */
    enum pn_http_handled (*finish)(struct pn_http_request *req);
    bool (*ready)(struct pn_http_request *req); /* quick; called on the waiting thread */
    int64_t wait_until_ns;                      /* monotonic */
    bool expired; /* a handler called again: time is up, or draining */
    void *state;  /* the handler's own, kept while it waits; in the arena */
    struct pn_http_reply_stream stream;
};

enum pn_http_route_flags {
    PN_HTTP_ROUTE_BLOCKS = 1, /* runs on a pool thread */
    PN_HTTP_ROUTE_LOCAL = 2,  /* needs no API key on a loopback address */
    PN_HTTP_ROUTE_SIGNED = 4, /* needs no API key where its handler checks signatures */
    PN_HTTP_ROUTE_AWS = 8,    /* errors and headers as AWS has them, see aws/reply.h */
    PN_HTTP_ROUTE_PRODUCE =
        16,                 /* only adds records: open to pages of every origin, see browser.h */
    PN_HTTP_ROUTE_ACTS = 32 /* changes something though its method is GET */
};

struct pn_http_route {
    enum pn_http_method method;
    const char *pattern; /* no leading slash */
    enum pn_http_handled (*handle)(struct pn_http_request *req, void *arg);
    void *arg;
    unsigned flags;
    enum pn_http_right right; /* what an API key must have for it, where one is asked for */
    enum pn_http_scope scope; /* and for what */
};

/* The value of a header (borrowed), or NULL. */
const char *pn_http_request_header(const struct pn_http_request *req, const char *name);
/* The decoded value of a query parameter (in the arena), or NULL when absent or badly encoded. */
const char *pn_http_request_query(struct pn_http_request *req, const char *name);
/* What people would call the way here, for links: "http://host:port/stage", no trailing slash. */
const char *pn_http_request_base_uri(struct pn_http_request *req);

/*
 * Parses the body. An empty body gives *root NULL (and success). On failure the reply is already
 * an error 400 with the position, or a 413, and -1 is returned.
 */
int pn_http_request_json(struct pn_http_request *req, struct pn_json **root) PN_MUST_CHECK;
/* That reply, after pn_json_parse() of a body returned `rc`, not 0, and *e. */
void pn_http_request_refuse_json(struct pn_http_request *req, int rc, const struct pn_err *e);

/* Takes from the server's memory budget what this request has grown to (bodies and replies), until
 * its reply is sent. On false the reply is a 503. */
bool pn_http_request_reserve(struct pn_http_request *req, size_t bytes) PN_MUST_CHECK;

/* A text of ours as clients may read it: without the path of the server's data folder, which errors
 * of the disk hold, so that "/srv/x/log/t/0/1.log" is "log/t/0/1.log". Itself, or in the arena.
 * Error replies do this by themselves; it is for texts in other replies. NULL gives NULL. */
const char *pn_http_request_public(struct pn_http_request *req, const char *text);

/* Ends the request with `status` and the body {"error_code":code,"message":"..."}. */
void pn_http_reply_error(struct pn_http_request *req, int status, int code, const char *fmt, ...)
    PN_PRINTF(4, 5);
/* The same from an error of the log or the disk, by its class; see errors.c for the numbers. */
void pn_kafka_rest_reply_log_error(struct pn_http_request *req, enum pn_class class_,
                                   const char *msg);
/* Adds a header to the reply; both texts are static or in the arena. */
void pn_http_reply_header(struct pn_http_request *req, const char *name, const char *value);
/* Ends with 204 and no body. */
void pn_http_reply_none(struct pn_http_request *req);

#endif
