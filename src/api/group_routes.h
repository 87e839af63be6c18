/*
 * What consumer groups have read of a topic:
 *
 *   GET api/v1/topics/{topic}/groups
 *     {"groups":[{"group","partition","committed","end","lag","lost","instance","position"}]}
 *
 * Rows are as report/groups.h has them.
 */
#ifndef PN_API_GROUP_ROUTES_H
#define PN_API_GROUP_ROUTES_H

#include "api/api.h"
#include "kafka/rest/groups.h"
#include "log/log.h"

/* Owned by the caller, until the server is gone; the members are borrowed. */
struct pn_api_group_routes {
    struct pn_log *topics;                     /* the public one */
    struct pn_kafka_rest_consumers *consumers; /* NULL: a cluster has the groups */
};

/* Adds the route, before the server starts. */
void pn_api_group_routes_add(struct pn_api_group_routes *routes, struct pn_api *api);

#endif
