/*
 * The server as a process, on our own API:
 *
 *   GET api/v1/status
 *     {"version", "pid", "started_ms", "uptime_ms", "roles": ["gateway", ...], "memory_bytes",
 *      "disk": {"free_bytes", "all_bytes"}, "log_commit": {"p50_ms", "p99_ms"}}
 *
 * What cannot be known is null, such as the commits of a log that is not the server's own.
 */
#ifndef PN_API_STATUS_ROUTES_H
#define PN_API_STATUS_ROUTES_H

#include "api/api.h"
#include "base/clock.h"
#include "base/io.h"

enum { PN_API_STATUS_ROLES_MAX = 8 };

/* All borrowed for the server's life. */
struct pn_api_status_routes {
    const struct pn_io *io;
    const struct pn_clock *clock;
    struct pn_metrics *metrics;
    const char *data; /* the folder whose disk is shown */
    const char *roles[PN_API_STATUS_ROLES_MAX];
    size_t role_count;
    int64_t started_ms; /* by the wall clock */
    int64_t started_mono_ns;
};

/* Adds the route to a server that has not started. */
void pn_api_status_routes_add(struct pn_api_status_routes *routes, struct pn_api *api);

#endif
