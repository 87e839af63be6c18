#include "base/notifier.h"

#include <errno.h>
#include <time.h>

void pn_notifier_init(struct pn_notifier *notifier)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&notifier->lock, NULL);
    pthread_cond_init(&notifier->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    notifier->count = 1; /* so that the first wait, which has seen none, looks at once */
}

void pn_notifier_deinit(struct pn_notifier *notifier)
{
    pthread_cond_destroy(&notifier->changed);
    pthread_mutex_destroy(&notifier->lock);
}

void pn_notifier_notify(struct pn_notifier *notifier)
{
    pthread_mutex_lock(&notifier->lock);
    notifier->count++;
    pthread_cond_broadcast(&notifier->changed);
    pthread_mutex_unlock(&notifier->lock);
}

uint64_t pn_notifier_count(struct pn_notifier *notifier)
{
    pthread_mutex_lock(&notifier->lock);
    uint64_t count = notifier->count;
    pthread_mutex_unlock(&notifier->lock);
    return count;
}

uint64_t pn_notifier_wait_ns(struct pn_notifier *notifier, uint64_t seen, int64_t ns)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t nanos = until.tv_nsec + ns % 1000000000;
    until.tv_sec += (time_t)(ns / 1000000000 + nanos / 1000000000);
    until.tv_nsec = (long)(nanos % 1000000000);
    pthread_mutex_lock(&notifier->lock);
    int rc = 0;
    while (notifier->count == seen && rc != ETIMEDOUT) {
        rc = pthread_cond_timedwait(&notifier->changed, &notifier->lock, &until);
    }
    uint64_t count = notifier->count;
    pthread_mutex_unlock(&notifier->lock);
    return count;
}
