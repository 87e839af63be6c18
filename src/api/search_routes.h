/*
 * Searching records on our own API (search/search.h):
 *
 *   GET api/v1/topics/{topic}/search?q=&cursor=
 *   GET api/v1/streams/{stream}/search?q=&cursor=
 *
 *   {"records":[{"partition","offset","time_ms","key","key_encoding","encoding","value",
 *                "value_bytes","cut","headers"}],
 *    "scanned_records","scanned_bytes","left_records","damaged","through_ms","next"?}
 *
 * A call looks at records for a quarter of a second, or at 64 MiB, or until there are 100 that fit.
 * `next` is there until all were looked at.
 */
#ifndef PN_API_SEARCH_ROUTES_H
#define PN_API_SEARCH_ROUTES_H

#include "api/api.h"
#include "log/log.h"
#include "processor/source.h"

/* Owned by the caller, until the server is gone; the members are borrowed. */
struct pn_api_search_routes {
    struct pn_log *topics; /* the public one */
    struct pn_processor_source *streams;
    const struct pn_clock *clock;
};

/* Adds the routes, before the server starts. */
void pn_api_search_routes_add(struct pn_api_search_routes *routes, struct pn_api *api);

#endif
