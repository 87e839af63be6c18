/* A counter that threads wait for: each ring wakes all of them, and none is missed. */
#ifndef PN_STREAM_BELL_H
#define PN_STREAM_BELL_H

#include <pthread.h>
#include <stdint.h>

struct pn_bell {
    pthread_mutex_t lock;
    pthread_cond_t rung;
    uint64_t rings;
};

void pn_bell_init(struct pn_bell *bell);
void pn_bell_deinit(struct pn_bell *bell);
void pn_bell_ring(struct pn_bell *bell);
/* The rings so far. */
uint64_t pn_bell_rings(struct pn_bell *bell);
/* Waits until there are other rings than `seen`, or `ms` have passed; returns the rings so far. */
uint64_t pn_bell_wait(struct pn_bell *bell, uint64_t seen, int64_t ms);

#endif
