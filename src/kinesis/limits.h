/*
 * AWS's limits on one shard, exact: 1,000 records/s and 1 MiB/s in; 5 reads/s, and out 2 MiB/s,
 * where one read may take more (up to 10 MiB) and then holds up the ones after it. Counted over
 * a second that begins with the first use. One bucket a shard, used by many threads.
 */
#ifndef PN_KINESIS_LIMITS_H
#define PN_KINESIS_LIMITS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct pn_shard_limits {
    pthread_mutex_t lock;
    int64_t in_since_ns;
    int64_t in_records;
    int64_t in_bytes;
    int64_t out_since_ns;
    int64_t out_reads;
    int64_t out_free_ns; /* no bytes go out before this */
};

void pn_shard_limits_init(struct pn_shard_limits *limits);
void pn_shard_limits_deinit(struct pn_shard_limits *limits);
/* May this record (data and partition key) go in now? Counts it if so. */
bool pn_shard_limits_put(struct pn_shard_limits *limits, int64_t now_ns, int64_t bytes);
/* May a read begin now? Counts it if so; pn_shard_limits_took() then tells its bytes. */
bool pn_shard_limits_read(struct pn_shard_limits *limits, int64_t now_ns);
void pn_shard_limits_took(struct pn_shard_limits *limits, int64_t now_ns, int64_t bytes);

#endif
