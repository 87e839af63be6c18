#include "emulate/latency.h"

#include <math.h>
#include <stddef.h>

enum { SUB_COUNT = 1 << PN_LATENCY_SUB_BITS };

void pn_latency_add(struct pn_latency *latency, int64_t elapsed_ns)
{
    uint64_t value = elapsed_ns > 0 ? (uint64_t)elapsed_ns : 0;
    size_t bucket = (size_t)value;
    if (value >= SUB_COUNT) {
        int shift = 63 - __builtin_clzll(value) - PN_LATENCY_SUB_BITS;
        bucket =
            ((size_t)(shift + 1) << PN_LATENCY_SUB_BITS) + (size_t)(value >> shift) - SUB_COUNT;
    }
    latency->buckets[bucket]++;
    latency->count++;
}

/* The middle of a bucket, in nanoseconds. */
static double middle(size_t bucket)
{
    if (bucket < SUB_COUNT) {
        return (double)bucket;
    }
    int shift = (int)(bucket >> PN_LATENCY_SUB_BITS) - 1;
    double low = (double)((bucket & (SUB_COUNT - 1)) + SUB_COUNT);
    return ldexp(low + 0.5, shift);
}

double pn_latency_quantile_ms(const struct pn_latency *latency, double share)
{
    if (latency->count == 0) {
        return 0;
    }
    uint64_t wanted = (uint64_t)ceil(share * (double)latency->count);
    uint64_t seen = 0;
    size_t bucket = 0;
    for (; bucket + 1 < PN_LATENCY_BUCKETS; bucket++) {
        seen += latency->buckets[bucket];
        if (seen >= wanted && seen > 0) {
            break;
        }
    }
    return middle(bucket) / 1e6;
}
