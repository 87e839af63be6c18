/*
 * Queries that a handler asks by itself: for dead letters, for a table's rows or their summary.
 * Each runs as any query does (query/executor.h): it holds no thread, has the executor's limits,
 * and ends when its client leaves. It is forgotten when its rows have been read.
 *
 *     struct pn_api_own_query *own = req->state;
 *     if (own == NULL) {
 *         return pn_api_own_query_begin(req, executor, &request, NULL);
 *     }
 *     if (!pn_api_own_query_rows(req, own, take_row, &page)) {
 *         return PN_HTTP_HANDLED;   the reply is an error already
 *     }
 */
#ifndef PN_API_OWN_QUERY_H
#define PN_API_OWN_QUERY_H

#include "http/request.h"
#include "query/executor.h"

struct pn_api_own_query {
    struct pn_executor *executor;
    char id[PN_QUERY_ID_SIZE];
    void *arg;                     /* the handler's own, in the request's arena */
    struct pn_query_status status; /* once it has ended */
};

/* Asks, and has the handler called again when there is an answer: `req->state` is the query then.
 * Where too many wait, the reply is an error. */
enum pn_http_handled pn_api_own_query_begin(struct pn_http_request *req,
                                            struct pn_executor *executor,
                                            const struct pn_query_request *request, void *arg);
/* Reads the rows of a query that has ended: `row` gets the cells of each, as JSON. Non-zero from it
 * ends the reading, and is an error. False: the query, or the reading, failed, or no one waits for
 * it; the reply says so. */
bool pn_api_own_query_rows(struct pn_http_request *req, struct pn_api_own_query *own,
                           int (*row)(void *arg, const char *const *cells, size_t count),
                           void *arg);

/* A cell's text, decoded, in the request's arena; NULL for null. `len` may be NULL. */
const char *pn_api_cell_text(struct pn_http_request *req, const char *cell, size_t *len);

#endif
