/*
 * AWS's limits on one shard, exact: in, 1,000 records and 1 MiB a second; out, 5 reads and 2 MiB a
 * second. A second begins with the first use after the one before it.
 *
 * What is larger than a second's bytes (a read of up to 10 MiB; a record of a stream that takes
 * those above 1 MiB) goes through when nothing was counted in this second, and is paid off by the
 * seconds that follow: after a read of 10 MiB the next one waits for five seconds. One of these a
 * shard, used by many threads.
 */
#ifndef PN_KINESIS_LIMITS_H
#define PN_KINESIS_LIMITS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    PN_SHARD_IN_RECORDS = 1000, /* all: a second */
    PN_SHARD_IN_BYTES = 1024 * 1024,
    PN_SHARD_OUT_READS = 5,
    PN_SHARD_OUT_BYTES = 2 * 1024 * 1024
};

/* What was counted in the second that began at since_ns. */
struct pn_shard_second {
    int64_t since_ns;
    int64_t count;
    int64_t bytes; /* with what earlier seconds had too much */
};

struct pn_shard_limits {
    pthread_mutex_t lock;
    struct pn_shard_second in;
    struct pn_shard_second out;
};

void pn_shard_limits_init(struct pn_shard_limits *limits);
void pn_shard_limits_deinit(struct pn_shard_limits *limits);
/* May this record (data and partition key) go in now? Counts it if so. `now_ns` is monotonic. */
bool pn_shard_limits_put(struct pn_shard_limits *limits, int64_t now_ns, int64_t bytes);
/* May a read begin now? Counts it if so; pn_shard_limits_took() then reports its bytes. */
bool pn_shard_limits_read(struct pn_shard_limits *limits, int64_t now_ns);
void pn_shard_limits_took(struct pn_shard_limits *limits, int64_t now_ns, int64_t bytes);
/* Are there bytes left to go out now? Counts nothing: for a subscription, which has no reads but
 * bytes of its own. */
bool pn_shard_limits_out(struct pn_shard_limits *limits, int64_t now_ns);

#endif
