/*
 * Many HTTP requests at once, by libcurl's multi interface over one epoll: a fixed number of slots,
 * each with one request at a time, connections kept alive. An attempt that failed in a way that may
 * pass (no connection, a time-out, 429, 5xx) is made again after a pause that doubles from 100 ms
 * to 5 s, or that the server named in Retry-After. The slot keeps its request meanwhile, so one
 * slot keeps the order of the requests.
 *
 * The owner decides what an answer means. For one thread.
 */
#ifndef PN_EMULATE_SENDER_H
#define PN_EMULATE_SENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/http_client.h"
#include "emulate/latency.h"

enum { PN_SENDER_HEADERS_MAX = 8, PN_SENDER_ANSWER_BYTES_MAX = 16 << 20 };

/* Where requests go. */
struct pn_post_route {
    const char *url;
    size_t header_bytes_min; /* the sender's own; starts as 0 */
};

/* A request, in its slot's memory. */
struct pn_post {
    struct pn_post_route *route;
    struct pn_buf body;
    struct pn_buf notes; /* the owner's */
};

enum pn_post_next {
    PN_POST_DONE,
    PN_POST_RETRY, /* the body, which on_answer() may have changed, is sent again */
    PN_POST_ABORT  /* nothing more is sent: on_answer() has set an error */
};

struct pn_sender_config {
    size_t slots;
    struct pn_http_client_config client; /* how each attempt is made; routes have the URLs */
    int64_t retries_max;
    const char *method;                         /* "POST", "PUT" */
    const char *headers[PN_SENDER_HEADERS_MAX]; /* "Name: value"; the last is NULL */
    size_t body_bytes_max;
    const struct pn_clock *clock;
    /* An answer with a status below 500 that isn't 429. */
    enum pn_post_next (*on_answer)(void *arg, struct pn_post *post, long status, const char *answer,
                                   size_t len, struct pn_err *e);
    /* The request will not be tried again. */
    void (*on_failed)(void *arg, struct pn_post *post, const struct pn_err *why);
    bool (*stopped)(void *arg); /* asked while waiting; true: no more retries */
    void *arg;
};

struct pn_sender_counts {
    int64_t retried;     /* attempts beyond a request's first */
    int64_t maybe_twice; /* requests sent again though they may have been taken */
    bool answered;       /* has the server ever answered? */
    struct pn_latency latency;
};

struct pn_sender;

int pn_sender_create(const struct pn_sender_config *config, struct pn_sender **sender,
                     struct pn_err *e) PN_MUST_CHECK;
void pn_sender_destroy(struct pn_sender **sender); /* NULL ok; drops what is in progress */

/* Works until a slot is free and gives its empty request. An error (the sender is broken then, and
 * each call returns it) when the server refuses or doesn't answer. */
int pn_sender_take(struct pn_sender *sender, struct pn_post **post, struct pn_err *e) PN_MUST_CHECK;
/* Sends the request that was taken last. */
void pn_sender_send(struct pn_sender *sender, struct pn_post *post);
/* Works until that monotonic time. */
int pn_sender_work(struct pn_sender *sender, int64_t until_ns, struct pn_err *e) PN_MUST_CHECK;
/* Works until nothing is in progress. */
int pn_sender_drain(struct pn_sender *sender, struct pn_err *e) PN_MUST_CHECK;

const struct pn_sender_counts *pn_sender_counts(const struct pn_sender *sender);

#endif
