/* The log's thread for what need not be done at once: retention, every half minute. */
#ifndef PN_LOG_MAINTENANCE_H
#define PN_LOG_MAINTENANCE_H

#include "log/embedded/topics.h"

enum { PN_MAINTENANCE_INTERVAL_S = 30 };

struct pn_maintenance {
    struct pn_topics *topics;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stopping;
};

/* Caller's storage. */
void pn_maintenance_start(struct pn_maintenance *maintenance, struct pn_topics *topics);
void pn_maintenance_stop(struct pn_maintenance *maintenance);

#endif
