#include "stream/bell.h"

#include <errno.h>
#include <time.h>

void pn_bell_init(struct pn_bell *bell)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&bell->lock, NULL);
    pthread_cond_init(&bell->rung, &monotonic);
    pthread_condattr_destroy(&monotonic);
    bell->rings = 1; /* so that the first wait, which has seen none, looks at once */
}

void pn_bell_deinit(struct pn_bell *bell)
{
    pthread_cond_destroy(&bell->rung);
    pthread_mutex_destroy(&bell->lock);
}

void pn_bell_ring(struct pn_bell *bell)
{
    pthread_mutex_lock(&bell->lock);
    bell->rings++;
    pthread_cond_broadcast(&bell->rung);
    pthread_mutex_unlock(&bell->lock);
}

uint64_t pn_bell_rings(struct pn_bell *bell)
{
    pthread_mutex_lock(&bell->lock);
    uint64_t rings = bell->rings;
    pthread_mutex_unlock(&bell->lock);
    return rings;
}

uint64_t pn_bell_wait(struct pn_bell *bell, uint64_t seen, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t nanos = until.tv_nsec + ms % 1000 * 1000000;
    until.tv_sec += (time_t)(ms / 1000 + nanos / 1000000000);
    until.tv_nsec = (long)(nanos % 1000000000);
    pthread_mutex_lock(&bell->lock);
    int rc = 0;
    while (bell->rings == seen && rc != ETIMEDOUT) {
        rc = pthread_cond_timedwait(&bell->rung, &bell->lock, &until);
    }
    uint64_t rings = bell->rings;
    pthread_mutex_unlock(&bell->lock);
    return rings;
}
