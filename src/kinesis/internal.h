/*
 * What the files of the core share (registry.c, admin.c, change.c, reshard.c, metadata.c, put.c,
 * get.c, iterators.c, shared.c, rules.c, account.c). Nobody else includes it but api/subscribe.c:
 * the subscriptions in progress are listed here.
 *
 * Three things stand for a stream. Its snapshots (struct pn_stream, in front of its
 * struct pn_snapshot) never change and are counted. Its live state (struct pn_live_stream) is one
 * for all of its snapshots: what is counted and waited for. Its metadata is what lasts: a file, or
 * an entry of the ledger. Then the ledger's changes make the snapshots (shared.c).
 *
 * Locks, in this order: admin_lock (one change at a time; held while the disk is written), then the
 * ledger's own, then streams_lock (the list and which snapshot is the present one; never held while
 * anything waits), then a live stream's lock (the puts in progress).
 */
#ifndef PN_KINESIS_INTERNAL_H
#define PN_KINESIS_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/random.h"
#include "kinesis/kinesis.h"
#include "kinesis/ledger.h"
#include "kinesis/limits.h"

enum {
    PN_SHARDS_MAX = PN_PARTITIONS_MAX, /* of a stream, closed ones too */
    PN_ITERATOR_KEY_BYTES = 32
};

/* A hash key as a number. */
__extension__ typedef unsigned __int128 pn_u128;
#define PN_RING_END (~(pn_u128)0) /* the last one */

static inline pn_u128 pn_hash_key_number(struct pn_hash_key key)
{
    return ((pn_u128)key.high << 64) | key.low;
}
static inline struct pn_hash_key pn_hash_key_from(pn_u128 number)
{
    return (struct pn_hash_key){.high = (uint64_t)(number >> 64), .low = (uint64_t)number};
}

/* What is counted of a shard; lives as long as any snapshot of its stream. */
struct pn_live_shard {
    struct pn_shard_limits limits;
    int64_t puts; /* records in progress to it; the live stream's lock guards it */
};

/* One for each stream that is or was; a stream created again has another. */
struct pn_live_stream {
    atomic_int users; /* its snapshots */
    pthread_mutex_t lock;
    pthread_cond_t put_ended;
    /* Counts what changes where records may go. A put that was routed by a snapshot of an older
     * generation must route again. Guarded by `lock`. */
    uint64_t generation;
    /* Made before a snapshot that has the shard is. */
    struct pn_live_shard *shards[PN_SHARDS_MAX];
    size_t shard_count; /* made so far; the change's own */
    atomic_uint turn;   /* records that were spread so far: whose turn it is */
};

struct pn_snapshot {
    struct pn_stream stream; /* first: a pn_stream is cast to its snapshot */
    atomic_int users;
    uint64_t generation;
    struct pn_live_stream *live;
    const struct pn_shard **open; /* the open shards, by hash key */
    struct pn_arena arena;        /* everything of `stream`, and `open` */
};

struct pn_closed_stream {
    char *name;
    struct pn_err why;
};

struct pn_kinesis {
    struct pn_kinesis_config config; /* the strings are the caller's */
    struct pn_log *log;
    const struct pn_io *io;
    const struct pn_clock *clock;
    struct pn_logger *logger;
    struct pn_metrics *metrics;
    /* The data folder's own, or that of all who share the streams; forever. */
    unsigned char iterator_key[PN_ITERATOR_KEY_BYTES];
    struct pn_ledger *ledger; /* NULL: streams are not shared */

    pthread_mutex_t admin_lock;
    _Atomic int64_t gone_s; /* no shard of a deleted stream was made later; in seconds */
    pthread_rwlock_t streams_lock;
    struct pn_snapshot **streams; /* the present ones, by name */
    size_t stream_count;
    size_t stream_capacity;

    struct pn_closed_stream *closed; /* found by the start, and as they are from then on */
    size_t closed_count;
    size_t closed_capacity;

    pthread_mutex_t random_lock;
    struct pn_random random; /* for injected failures of puts */

    pthread_mutex_t subscriptions_lock;    /* held for moments; no other lock is taken under it */
    struct pn_subscription *subscriptions; /* those in progress, each the last of its kind */
};

/* --- registry.c ------------------------------------------------------------------------------- */

/* The live state of a shard of this snapshot, good as long as the snapshot is. Any thread. */
struct pn_live_shard *pn_stream_live_shard(const struct pn_stream *stream, uint32_t index);

/* The open shards by hash key, in the arena. */
const struct pn_shard **pn_stream_open_shards(const struct pn_stream *stream,
                                              struct pn_arena *arena, size_t *count);

/*
 * A copy of `from`, held once; its arn, topic and counts of shards are made here, its tags and
 * consumers sorted. `before` is the stream's present snapshot, or NULL for a new stream; with
 * `reroutes` the new one decides again where records go.
 */
struct pn_snapshot *pn_snapshot_create(struct pn_kinesis *kinesis, const struct pn_stream *from,
                                       const struct pn_snapshot *before, bool reroutes);

/* The present snapshot, held; NULL when there is none. */
struct pn_snapshot *pn_registry_find(struct pn_kinesis *kinesis, const char *name);
/* Makes a snapshot the stream's present one, taking over its hold. A change's own. */
void pn_registry_install(struct pn_kinesis *kinesis, struct pn_snapshot *snapshot);
void pn_registry_remove(struct pn_kinesis *kinesis, const char *name);
/* Open shards of all streams. */
int64_t pn_registry_open_shards(struct pn_kinesis *kinesis);
/* Lets go of all streams: at the end. */
void pn_registry_deinit(struct pn_kinesis *kinesis);

/* Holds the shards of `count` records (their indexes in `shards`) open for a put. False when the
 * stream's snapshot is too old for that: find the present one and route again. */
bool pn_stream_hold_shards(const struct pn_stream *stream, const struct pn_stream_record *records,
                           size_t count);
void pn_stream_let_go(const struct pn_stream *stream, const struct pn_stream_record *records,
                      size_t count);
/* Waits until no put is in progress to a closed shard, or to any when the stream is deleted. The
 * snapshot is the present one. */
void pn_stream_drain(const struct pn_snapshot *snapshot);

/* --- closed.c --------------------------------------------------------------------------------- */

/* Notes, at the start, that a stream is there but cannot be used. */
void pn_kinesis_close_stream(struct pn_kinesis *kinesis, const char *name,
                             const struct pn_err *why);
/* 0, or CORRUPT with why the stream is closed. Any thread. */
int pn_kinesis_check_closed(const struct pn_kinesis *kinesis, const char *name,
                            struct pn_err *e) PN_MUST_CHECK;
void pn_kinesis_closed_deinit(struct pn_kinesis *kinesis);

/* --- metadata.c ------------------------------------------------------------------------------- */

/* Replaces the stream's file. When that fails the file may hold either, see pn_io_replace_file().
 */
int pn_metadata_store(struct pn_kinesis *kinesis, const struct pn_stream *stream,
                      struct pn_err *e) PN_MUST_CHECK;
/* Reads the stream of a name; everything is in the arena. CORRUPT names the file, what is wrong
 * with it and what to do. end_offset is not kept: it is -1. A file without a checksum, of an older
 * pinion, gets one. */
int pn_metadata_load(struct pn_kinesis *kinesis, const char *name, struct pn_arena *arena,
                     struct pn_stream *stream, struct pn_err *e) PN_MUST_CHECK;
int pn_metadata_remove(struct pn_kinesis *kinesis, const char *name,
                       struct pn_err *e) PN_MUST_CHECK;
/* The same text for the ledger: adds it to `out`, checked to be readable; and reads it into the
 * arena. `place` is where it is, for messages. */
int pn_metadata_write(struct pn_buf *out, const struct pn_stream *stream, const char *place,
                      struct pn_err *e) PN_MUST_CHECK;
int pn_metadata_parse(const struct pn_buf *text, const char *place, const char *name,
                      struct pn_arena *arena, struct pn_stream *stream,
                      struct pn_err *e) PN_MUST_CHECK;
/*
 * A stream that is deleted and made again gives other sequence numbers: its shards count as made
 * later than any that was deleted, by the second that their numbers begin with. What that second is
 * outlives the streams in `<folder>/gone`, {"checked":1,"gone_s":1700000000,"crc32c":"..."}; load
 * it at the start, keep it before a stream goes. A damaged one is replaced by the present second:
 * no deleted stream is younger.
 */
int pn_metadata_load_gone(struct pn_kinesis *kinesis, struct pn_err *e) PN_MUST_CHECK;
int pn_metadata_keep_gone(struct pn_kinesis *kinesis, const struct pn_stream *stream,
                          struct pn_err *e) PN_MUST_CHECK;
char *pn_metadata_path(const struct pn_kinesis *kinesis, const char *name); /* caller frees */
/* Gives an error of the disk or the log the code PN_KINESIS_INTERNAL, which it returns. */
int pn_kinesis_internal(struct pn_err *e, const struct pn_err *from);

/* --- change.c: a change's own ----------------------------------------------------------------- */

/* What the stream asks of its topic. */
struct pn_log_topic_config pn_kinesis_topic_config(const struct pn_stream *stream);
/* Gives the topic what the stream asks: only what is more than it has, or all. The topic may have
 * more partitions than the stream has shards, from a change that came no further. */
int pn_kinesis_fit_topic(struct pn_kinesis *kinesis, const struct pn_stream *stream,
                         const char *topic, bool only_more, struct pn_err *e) PN_MUST_CHECK;
/* Sets end_offset of closed shards: nobody writes to one, so it ends where its partition does. It
 * stays -1 where the log could not read all of the partition: no reader is at its end then. */
int pn_kinesis_find_ends(struct pn_kinesis *kinesis, const struct pn_stream *stream,
                         const char *topic, struct pn_shard *shards,
                         struct pn_err *e) PN_MUST_CHECK;
/* Puts the old contents back over a replace that failed. False when they may not be there. */
bool pn_kinesis_restore(struct pn_kinesis *kinesis, const struct pn_stream *old);
/* Installs a snapshot that reroutes, and waits for the puts in progress by the old ones. The caller
 * releases it. */
struct pn_snapshot *pn_kinesis_reroute(struct pn_kinesis *kinesis, const struct pn_snapshot *before,
                                       const struct pn_stream *edit);
/* Makes `edit` what the stream is: in the log, on the disk, then for all to see. With `reroutes`
 * it returns when no put goes to a closed shard any more and every end_offset is known. */
int pn_kinesis_change(struct pn_kinesis *kinesis, struct pn_snapshot *before,
                      const struct pn_stream *edit, bool reroutes, struct pn_err *e) PN_MUST_CHECK;

/* --- rules.c ---------------------------------------------------------------------------------- */

/* VALIDATION, LIMIT_EXCEEDED: a name or a number that no stream has. */
int pn_kinesis_check_create(const struct pn_stream_create *create, struct pn_err *e) PN_MUST_CHECK;
/* The limit of the account: would `more` open shards be too many? Then LIMIT_EXCEEDED. */
int pn_kinesis_check_limit(struct pn_kinesis *kinesis, int64_t more,
                           struct pn_err *e) PN_MUST_CHECK;
/* The stream for a change: held; NOT_FOUND, or IN_USE when it is not ACTIVE. */
int pn_kinesis_hold_active(struct pn_kinesis *kinesis, const char *name,
                           struct pn_snapshot **snapshot, struct pn_err *e) PN_MUST_CHECK;
/* What a stream is when it is made: CREATING, its shards in the arena. */
struct pn_stream pn_kinesis_new_stream(const struct pn_kinesis *kinesis,
                                       const struct pn_stream_create *create,
                                       struct pn_arena *arena);
/* IN_USE, as for a stream of that name that is there. */
int pn_kinesis_exists(const struct pn_kinesis *kinesis, const char *name, struct pn_err *e);
/* IN_USE when the stream has consumers and they are not to go with it. */
int pn_kinesis_check_deletable(const struct pn_kinesis *kinesis, const struct pn_stream *stream,
                               bool with_consumers, struct pn_err *e) PN_MUST_CHECK;

/* --- admin.c ---------------------------------------------------------------------------------- */

/* A stream as its file has it, at the start: finishes what was begun with it. */
int pn_kinesis_recover_stream(struct pn_kinesis *kinesis, const char *name,
                              struct pn_err *e) PN_MUST_CHECK;

/* --- shared.c: the same changes where the streams are shared; by holders of admin_lock -------- */

/* Opens the ledger: streams and the iterators' key come from it. */
int pn_shared_open(struct pn_kinesis *kinesis, struct pn_err *e) PN_MUST_CHECK;
int pn_shared_create(struct pn_kinesis *kinesis, const struct pn_stream_create *create,
                     struct pn_err *e) PN_MUST_CHECK;
int pn_shared_update(struct pn_kinesis *kinesis, const char *name,
                     int (*fn)(void *arg, struct pn_stream *edit, struct pn_arena *arena,
                               struct pn_err *e),
                     void *arg, struct pn_err *e) PN_MUST_CHECK;
int pn_shared_delete(struct pn_kinesis *kinesis, const char *name, bool with_consumers,
                     struct pn_err *e) PN_MUST_CHECK;
/* The account's settings; `out` stays empty when there are none. */
int pn_shared_account(struct pn_kinesis *kinesis, struct pn_buf *out,
                      struct pn_err *e) PN_MUST_CHECK;
int pn_shared_account_set(struct pn_kinesis *kinesis, const char *json, size_t len,
                          struct pn_err *e) PN_MUST_CHECK;
/* INVALID_ARGUMENT where the streams are shared: their shards stay as they are. */
int pn_shared_check_reshard(const struct pn_kinesis *kinesis, const char *name,
                            struct pn_err *e) PN_MUST_CHECK;

/* --- ring.c ----------------------------------------------------------------------------------- */

/* Fills the shards of a new stream: `count` even parts of the ring. */
void pn_shards_uniform(struct pn_shard *shards, size_t count, int64_t created_ms);

#endif
