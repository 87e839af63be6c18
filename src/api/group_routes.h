/*
 * What consumer groups have read of a topic:
 *
 *   GET api/v1/topics/{topic}/groups
 *     {"groups":[{"group","partition","committed","end","lag","lost","instance","position"}],
 *      "unknown"}
 *
 * Rows are as report/groups.h has them. `unknown` says why the groups are not known here; null:
 * they are.
 */
#ifndef PN_API_GROUP_ROUTES_H
#define PN_API_GROUP_ROUTES_H

#include "api/api.h"
#include "kafka/rest/groups.h"
#include "log/log.h"

/* Owned by the caller, until the server is gone; the members are borrowed. */
struct pn_api_group_routes {
    struct pn_log *topics; /* the public one */
    struct pn_kafka_rest_consumers *consumers;
    const char *unknown; /* NULL: the groups are known */
};

/* Adds the route, before the server starts. */
void pn_api_group_routes_add(struct pn_api_group_routes *routes, struct pn_api *api);

#endif
