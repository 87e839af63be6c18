#include "log/embedded/maintenance.h"

#include <errno.h>
#include <time.h>

static void *run(void *arg)
{
    struct pn_maintenance *maintenance = arg;
    pthread_mutex_lock(&maintenance->lock);
    while (!maintenance->stopping) {
        struct timespec until;
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += PN_MAINTENANCE_INTERVAL_S;
        int rc = 0;
        while (!maintenance->stopping && rc != ETIMEDOUT) {
            rc = pthread_cond_timedwait(&maintenance->wake, &maintenance->lock, &until);
        }
        if (!maintenance->stopping) {
            pthread_mutex_unlock(&maintenance->lock);
            pn_topics_retain(maintenance->topics);
            pthread_mutex_lock(&maintenance->lock);
        }
    }
    pthread_mutex_unlock(&maintenance->lock);
    return NULL;
}

void pn_maintenance_start(struct pn_maintenance *maintenance, struct pn_topics *topics)
{
    *maintenance = (struct pn_maintenance){.topics = topics};
    pthread_mutex_init(&maintenance->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&maintenance->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    int rc = pthread_create(&maintenance->thread, NULL, run, maintenance);
    PN_ASSERT(rc == 0);
}

void pn_maintenance_stop(struct pn_maintenance *maintenance)
{
    pthread_mutex_lock(&maintenance->lock);
    maintenance->stopping = true;
    pthread_cond_signal(&maintenance->wake);
    pthread_mutex_unlock(&maintenance->lock);
    pthread_join(maintenance->thread, NULL);
    pthread_cond_destroy(&maintenance->wake);
    pthread_mutex_destroy(&maintenance->lock);
}
