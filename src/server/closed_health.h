/* Lists of /health: "closed", the topics and streams whose metadata is damaged, and
 * "unreachable_log", with one item while no broker of the log answers. */
#ifndef PN_SERVER_CLOSED_HEALTH_H
#define PN_SERVER_CLOSED_HEALTH_H

#include "api/api.h"
#include "kinesis/kinesis.h"
#include "log/log.h"

/* Owned by the caller, until the server is gone. */
struct pn_closed_health {
    struct pn_log *log; /* both borrowed */
    struct pn_kinesis *kinesis;
};

/* Before the server starts. */
void pn_closed_health_add(struct pn_closed_health *health, struct pn_api *api);

#endif
