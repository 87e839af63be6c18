/*
 * A request as the handlers of the fronts see it.
 *
 * A route names a method and a path pattern ("topics/{}/partitions/{}", "api/v1/sink/flush"). The
 * `{}` segments arrive in `params`, percent-decoded. A pattern may end with `**`, which is whatever
 * is left of the path, nothing included: it is one parameter, its segments decoded and joined with
 * slashes, without regard to "." and "..". Empty segments are skipped, so double and trailing
 * slashes do not count. Of two routes that match, the one added first is taken.
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
#include "base/err.h"
#include "base/json_writer.h"
#include "http/grant.h"

enum pn_http_method {
    PN_HTTP_GET,
    PN_HTTP_POST,
    PN_HTTP_PUT,
    PN_HTTP_DELETE,
    PN_HTTP_PATCH,
    PN_HTTP_OPTIONS,
    PN_HTTP_METHOD_OTHER
}; /* HEAD arrives as PN_HTTP_GET: libmicrohttpd leaves the reply's body out */

const char *pn_http_method_name(enum pn_http_method method);

enum { PN_HTTP_PARAMS_MAX = 6 };
enum { PN_HTTP_ERROR_TEXT_MAX = 1200 };

#define PN_HTTP_TYPE_JSON "application/json"

enum pn_http_handled {
    PN_HTTP_HANDLED,        /* the reply is there */
    PN_HTTP_HANDLED_SUBMIT, /* call `submit`, and when it is done `finish` */
    PN_HTTP_HANDLED_BLOCKS, /* call the handler again where it may block; not if `may_block` */
    PN_HTTP_HANDLED_WAIT,   /* call the handler again when `ready` says so or at `wait_until_ns` */
    PN_HTTP_HANDLED_STREAM  /* the reply begins; `stream` says its body, piece by piece */
};

/*
 * A reply that continues for as long as there is more to say, in chunks. While it waits for its
 * client, or for something to say, it holds no thread. pn_http_server_wake() has it asked at once.
 */
struct pn_http_reply_stream {
    /* Appends what there is to say, maybe nothing; false: that was all. Where it may block. */
    bool (*next)(void *arg, struct pn_buf *out);
    /* Would next() have something to say? Quick, on any thread, beside anything else. */
    bool (*ready)(void *arg);
    /* The client's key or session has ended: appends a last word. NULL: there is none. Either way
     * the reply ends, unless it is a document. */
    void (*expire)(void *arg, struct pn_buf *out);
    /* The reply is over, or its client is gone: called once. */
    void (*end)(void *arg);
    void *arg;
    /* next() is called after this time at the latest, whatever ready() says; 0: only then. */
    int64_t look_ms;
    /* The body is one document: when the server stops before its end, it is broken off, so that
     * the client does not take it for whole. */
    bool is_document;
};

struct pn_http_reply_header {
    const char *name;
    const char *value;
};
enum { PN_HTTP_REPLY_HEADERS_MAX = 16 };

struct pn_http_server;
struct pn_random;

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
    /* Further ones, see pn_http_reply_header(). */
    struct pn_http_reply_header headers[PN_HTTP_REPLY_HEADERS_MAX];
    size_t header_count;
    struct pn_buf out; /* the body */

    /* How it continues. */
    struct pn_buf values; /* the handler's own, kept from request to request: what it submits */
    /* Gives the request's job away, to the log; `more`: another request is submitted right after.
     * True: pn_http_request_done() will be called for it, once, on any thread, or was called
     * already. False: the job is refused. */
    bool (*submit)(struct pn_http_request *req, bool more);
    /* Builds the reply when the job is done, on an HTTP thread, or when it was refused (`taken` is
     * false), where it was submitted. When refused it may return PN_HTTP_HANDLED_SUBMIT to submit
     * again, what was wrong being mended. Called also when the client is gone, and its header with
     * it. */
    enum pn_http_handled (*finish)(struct pn_http_request *req, bool taken);
    bool (*ready)(struct pn_http_request *req); /* quick; called on the waiting thread */
    int64_t wait_until_ns;                      /* monotonic */
    bool expired;                               /* called again: time is up, or draining */
    void *state; /* the handler's own, kept while it waits; in the arena */
    struct pn_http_reply_stream stream;
};

enum pn_http_route_flags {
    PN_HTTP_ROUTE_BLOCKS = 1,  /* runs on a pool thread */
    PN_HTTP_ROUTE_LOCAL = 2,   /* needs no API key on a loopback address */
    PN_HTTP_ROUTE_CHECKED = 4, /* needs no API key: its handler checks who asks */
    PN_HTTP_ROUTE_PRODUCE = 8, /* only adds records: open to pages of every origin, see browser.h */
    PN_HTTP_ROUTE_ACTS = 16    /* changes something though its method is GET */
};

/* A handler's `arg` is what the route was added with. */
struct pn_http_route {
    enum pn_http_method method;
    const char *pattern; /* no leading slash */
    enum pn_http_handled (*handle)(struct pn_http_request *req, void *arg);
    unsigned flags;
    enum pn_http_right right; /* what an API key must have for it, where one is asked for */
    enum pn_http_scope scope; /* and for what */
};

/* --- the request ------------------------------------------------------------------------------ */

/* The value of a header (borrowed), or NULL. */
const char *pn_http_request_header(const struct pn_http_request *req, const char *name);
/* Does its Content-Type name this media type ("application/json"), with parameters or without?
 * False where it has no Content-Type. */
bool pn_http_request_is_of_type(const struct pn_http_request *req, const char *type);
/* The decoded value of a query parameter (in the arena), or NULL when absent or badly encoded. */
const char *pn_http_request_query(struct pn_http_request *req, const char *name);
/* What people would call the way here, for links: "http://host:port/stage", no trailing slash. */
const char *pn_http_request_base_uri(struct pn_http_request *req);

struct pn_http_pair {
    const char *name;
    const char *value; /* NULL: a query parameter without "=" */
};
struct pn_http_pairs {
    struct pn_http_pair *items; /* in the arena; their texts are borrowed */
    size_t count;
};
/* All headers, or all query parameters, as they were sent and in their order, nothing decoded. */
struct pn_http_pairs pn_http_request_headers(struct pn_http_request *req);
struct pn_http_pairs pn_http_request_queries(struct pn_http_request *req);

/* Does its reply go to a page of another origin, which may read it? */
bool pn_http_request_is_for_page(const struct pn_http_request *req);
/* Random numbers, not for secrets. On an HTTP thread only. */
struct pn_random *pn_http_request_random(struct pn_http_request *req);

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
 * The fronts' error replies do this by themselves; it is for texts in other replies. NULL gives
 * NULL. */
const char *pn_http_request_public(struct pn_http_request *req, const char *text);

/* While the request waits (PN_HTTP_HANDLED_WAIT), its client is looked after: when it has hung up,
 * `ready` is asked, which says so by pn_http_request_client_is_gone(). */
void pn_http_request_watch_client(struct pn_http_request *req);
/* Has the client of a request that is watched hung up? Any thread. */
bool pn_http_request_client_is_gone(struct pn_http_request *req);

/* The job that `submit` gave away is done. Any thread. */
void pn_http_request_done(struct pn_http_request *req);

/* --- rights ----------------------------------------------------------------------------------- */

/* May the request do what asks for this right? False: the reply is a 403. For handlers of
 * PN_RIGHT_OPERATION. */
bool pn_http_may(struct pn_http_request *req, enum pn_http_right right);
/* For handlers of PN_OF_TOPICS: may the request use this topic? False: the reply is a 403. */
bool pn_http_may_topic(struct pn_http_request *req, const char *topic);

/* --- the reply -------------------------------------------------------------------------------- */

/* Ends the request with an error in the words of its front. For what is wrong with the request as
 * HTTP; a front has its own functions for what its station says. */
void pn_http_reply_error(struct pn_http_request *req, int status, const char *fmt, ...)
    PN_PRINTF(3, 4);
/* The status that an error of this class usually has. */
int pn_http_status_of(enum pn_class class_);
/* Adds a header to the reply; both texts are static or in the arena. */
void pn_http_reply_header(struct pn_http_request *req, const char *name, const char *value);
/* No page of another origin may embed the reply, and a browser takes it for nothing but what its
 * content type says. Two headers, once a request; of a front's `begin`. */
void pn_http_reply_no_embedding(struct pn_http_request *req);
/* Ends with 204 and no body. */
void pn_http_reply_none(struct pn_http_request *req);

#endif
