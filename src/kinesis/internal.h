/*
 * What the files of the core share (registry.c, admin.c, reshard.c, metadata.c, put.c, get.c,
 * iterator.c, subscribe.c); nobody else includes it.
 *
 * Three things stand for a stream. Its snapshots (struct pn_stream, in front of its
 * struct pn_snapshot) never change and are counted. Its live state (struct pn_live_stream) is one
 * for all of its snapshots: what is counted and waited for. Its metadata file is what lasts.
 *
 * Locks, in this order: admin_lock (one change at a time; held while the disk is written), then
 * streams_lock (the list and which snapshot is the present one; never held while anything waits),
 * then a live stream's lock (the puts under way).
 */
#ifndef PN_KINESIS_INTERNAL_H
#define PN_KINESIS_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/random.h"
#include "kinesis/kinesis.h"
#include "kinesis/limits.h"

enum {
    PN_SHARDS_MAX = PN_PARTITIONS_MAX, /* of a stream, closed ones too */
    PN_ITERATOR_KEY_BYTES = 32
};

/* What is counted of a shard; lives as long as any snapshot of its stream. */
struct pn_live_shard {
    struct pn_shard_limits limits;
    int64_t puts; /* records under way to it; the live stream's lock guards it */
};

/* One for each stream that is or was; a stream created again has another. */
struct pn_live_stream {
    atomic_int users; /* its snapshots, and the list */
    pthread_mutex_t lock;
    pthread_cond_t put_ended;
    /* Counts what changes where records may go. A put that was routed by a snapshot of an older
     * generation must route again. Guarded by `lock`. */
    uint64_t generation;
    /* Made before a snapshot that has the shard is. */
    struct pn_live_shard *shards[PN_SHARDS_MAX];
    uint32_t shard_count; /* made so far; the change's own */
};

struct pn_snapshot {
    struct pn_stream stream; /* first: a pn_stream is cast to its snapshot */
    atomic_int users;
    uint64_t generation;
    struct pn_live_stream *live;
    struct pn_arena arena; /* everything of `stream` */
};

struct pn_kinesis {
    struct pn_kinesis_config config; /* the strings are the caller's */
    struct pn_log *log;
    const struct pn_io *io;
    const struct pn_clock *clock;
    struct pn_logger *logger;
    unsigned char iterator_key[PN_ITERATOR_KEY_BYTES]; /* of the data folder's own, for ever */

    pthread_mutex_t admin_lock;
    pthread_rwlock_t streams_lock;
    struct pn_snapshot **streams; /* the present ones, by name */
    size_t stream_count;
    size_t stream_capacity;

    pthread_mutex_t random_lock;
    struct pn_random random; /* for injected failures */

    pthread_mutex_t subscriptions_lock;    /* held for moments; no other lock is taken under it */
    struct pn_subscription *subscriptions; /* those under way, each the last of its kind */
};

/* The live state of a shard of this snapshot, good as long as the snapshot is. Any thread. */
struct pn_live_shard *pn_stream_live_shard(const struct pn_stream *stream, uint32_t index);

#endif
