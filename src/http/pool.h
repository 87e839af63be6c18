/*
 * The pool runs the handlers that may block; its timer thread keeps the requests that wait for
 * something (records for a consumer) and puts them back into the queue when there may be some, or
 * when their time is up. A waiting request holds no thread.
 */
#ifndef PN_HTTP_POOL_H
#define PN_HTTP_POOL_H

#include "base/clock.h"
#include "base/err.h"

struct pn_http_conn;
struct pn_json_parser;
struct pn_http_pool;

struct pn_http_pool_config {
    int threads;
    size_t values_max; /* of the threads' parsers, see json.h */
    const struct pn_clock *clock;
    /* Runs a request on a pool thread; it decides what becomes of it then. */
    void (*run)(struct pn_http_conn *conn, struct pn_json_parser *parser);
    /* Called about once a second by the timer thread, for housekeeping. */
    void (*tick)(void *arg);
    void *arg;
};

/* Without threads yet; pn_http_pool_signal() may be called from now on. */
struct pn_http_pool *pn_http_pool_create(const struct pn_http_pool_config *config);
int pn_http_pool_start(struct pn_http_pool *pool, struct pn_err *e) PN_MUST_CHECK;
/* Finishes what is queued, then ends the threads; nothing may be waiting. It may be started again.
 * Not started is fine. */
void pn_http_pool_stop(struct pn_http_pool *pool);
void pn_http_pool_destroy(struct pn_http_pool **pool); /* NULL ok; stops it first */
void pn_http_pool_run(struct pn_http_pool *pool, struct pn_http_conn *conn);
/* Keeps the request until its `ready` says true or its `wait_until_ns` came, then runs it again. */
void pn_http_pool_wait(struct pn_http_pool *pool, struct pn_http_conn *conn);
/* Something may be ready: look at the waiting requests. Any thread; does not block. */
void pn_http_pool_signal(struct pn_http_pool *pool);
/* From now on nothing waits: waiting requests are run again at once, with `expired` set. */
void pn_http_pool_drain(struct pn_http_pool *pool);

#endif
