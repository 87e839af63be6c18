/* The list "closed" of /health: topics and streams whose metadata is damaged. */
#ifndef PN_SERVER_CLOSED_HEALTH_H
#define PN_SERVER_CLOSED_HEALTH_H

#include "http/server.h"
#include "kinesis/kinesis.h"
#include "log/log.h"

/* Owned by the caller, until the gateway is gone. */
struct pn_closed_health {
    struct pn_log *log; /* both borrowed */
    struct pn_kinesis *kinesis;
};

/* Before the gateway starts. */
void pn_closed_health_add(struct pn_closed_health *health, struct pn_http_server *http);

#endif
