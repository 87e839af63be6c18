#include "kinesis/limits.h"

enum { SECOND_NS = 1000 * 1000 * 1000 };

void pn_shard_limits_init(struct pn_shard_limits *limits)
{
    *limits = (struct pn_shard_limits){0};
    pthread_mutex_init(&limits->lock, NULL);
}

void pn_shard_limits_deinit(struct pn_shard_limits *limits)
{
    pthread_mutex_destroy(&limits->lock);
}

/* Continues to the second that holds `now_ns`: each one passed pays off `rate` bytes. Times of
 * different threads may come a little out of order; an earlier one counts as the present second. */
static void move_on(struct pn_shard_second *second, int64_t now_ns, int64_t rate)
{
    int64_t passed = (now_ns - second->since_ns) / SECOND_NS;
    if (passed <= 0) {
        return;
    }
    second->count = 0;
    if (second->bytes / rate < passed) {
        second->bytes = 0;
        second->since_ns = now_ns;
    } else {
        second->bytes -= passed * rate;
        second->since_ns += passed * SECOND_NS;
    }
}

/* The second begins with its first use. */
static void begin(struct pn_shard_second *second, int64_t now_ns)
{
    if (second->count == 0 && second->bytes == 0) {
        second->since_ns = now_ns;
    }
}

bool pn_shard_limits_put(struct pn_shard_limits *limits, int64_t now_ns, int64_t bytes)
{
    struct pn_shard_second *in = &limits->in;
    pthread_mutex_lock(&limits->lock);
    move_on(in, now_ns, PN_SHARD_IN_BYTES);
    bool may = in->count < PN_SHARD_IN_RECORDS &&
               (in->bytes == 0 || in->bytes + bytes <= PN_SHARD_IN_BYTES);
    if (may) {
        begin(in, now_ns);
        in->count++;
        in->bytes += bytes;
        if (in->bytes > PN_SHARD_IN_BYTES) {
            in->since_ns = now_ns; /* it is paid off from now on */
        }
    }
    pthread_mutex_unlock(&limits->lock);
    return may;
}

bool pn_shard_limits_read(struct pn_shard_limits *limits, int64_t now_ns)
{
    struct pn_shard_second *out = &limits->out;
    pthread_mutex_lock(&limits->lock);
    move_on(out, now_ns, PN_SHARD_OUT_BYTES);
    bool may = out->count < PN_SHARD_OUT_READS && out->bytes < PN_SHARD_OUT_BYTES;
    if (may) {
        begin(out, now_ns);
        out->count++;
    }
    pthread_mutex_unlock(&limits->lock);
    return may;
}

void pn_shard_limits_took(struct pn_shard_limits *limits, int64_t now_ns, int64_t bytes)
{
    struct pn_shard_second *out = &limits->out;
    pthread_mutex_lock(&limits->lock);
    move_on(out, now_ns, PN_SHARD_OUT_BYTES);
    begin(out, now_ns);
    out->bytes += bytes;
    if (out->bytes >= PN_SHARD_OUT_BYTES) {
        out->since_ns = now_ns; /* it is paid off from now on */
    }
    pthread_mutex_unlock(&limits->lock);
}

bool pn_shard_limits_out(struct pn_shard_limits *limits, int64_t now_ns)
{
    struct pn_shard_second *out = &limits->out;
    pthread_mutex_lock(&limits->lock);
    move_on(out, now_ns, PN_SHARD_OUT_BYTES);
    bool may = out->bytes < PN_SHARD_OUT_BYTES;
    pthread_mutex_unlock(&limits->lock);
    return may;
}
