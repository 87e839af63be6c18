/* How long many things took, to within 3 %: buckets that grow with the value. */
#ifndef PN_EMULATE_LATENCY_H
#define PN_EMULATE_LATENCY_H

#include <stdint.h>

enum {
    PN_LATENCY_SUB_BITS = 5, /* 32 buckets for each doubling */
    PN_LATENCY_BUCKETS = (64 - PN_LATENCY_SUB_BITS + 1) << PN_LATENCY_SUB_BITS
};

/* Starts as zeros. */
struct pn_latency {
    uint64_t buckets[PN_LATENCY_BUCKETS];
    uint64_t count;
};

void pn_latency_add(struct pn_latency *latency, int64_t elapsed_ns);
/* The time that `share` (0 to 1) of them stayed within, in milliseconds; 0 when there are none. */
double pn_latency_quantile_ms(const struct pn_latency *latency, double share);

#endif
