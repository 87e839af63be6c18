/* A counter that threads wait for: each notification wakes all of them, and none is missed. */
#ifndef PN_BASE_NOTIFIER_H
#define PN_BASE_NOTIFIER_H

#include <pthread.h>
#include <stdint.h>

struct pn_notifier {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t count;
};

/* All functions but these two may be called on any thread. */
void pn_notifier_init(struct pn_notifier *notifier);
void pn_notifier_deinit(struct pn_notifier *notifier);
void pn_notifier_notify(struct pn_notifier *notifier);
/* The notifications so far. */
uint64_t pn_notifier_count(struct pn_notifier *notifier);
/* Waits until the count is no longer `seen`, or `ns` have passed; returns the count. */
uint64_t pn_notifier_wait_ns(struct pn_notifier *notifier, uint64_t seen, int64_t ns);
static inline uint64_t pn_notifier_wait(struct pn_notifier *notifier, uint64_t seen, int64_t ms)
{
    return pn_notifier_wait_ns(notifier, seen, ms * 1000000);
}

#endif
