/* Requests that wait for a query. The executor wakes them. */
#include "api/query_internal.h"

static bool is_due(struct pn_http_request *req)
{
    const struct pn_api_query_wait *wait = req->state; /* the first member of it */
    return pn_http_request_client_is_gone(req) || pn_executor_ended(wait->executor, wait->wait) ||
           (wait->streams && pn_executor_readable(wait->executor, wait->wait)) ||
           (wait->pages && pn_executor_has_rows(wait->executor, wait->id, wait->offset));
}

enum pn_http_handled pn_api_wait_for_query(struct pn_http_request *req,
                                           struct pn_api_query_wait *wait)
{
    PN_ASSERT(req->state == wait);
    pn_http_request_watch_client(req);
    req->ready = is_due;
    req->wait_until_ns = INT64_MAX;
    return PN_HTTP_HANDLED_WAIT;
}
