/*
 * Where processors read streams: the embedded streams of this process (embedded.c, on kinesis.h),
 * those of a running server (api.c), because one process at a time owns the log, or those of a
 * Kinesis elsewhere (kinesis_reader.c). Positions are offsets of a shard.
 *
 * In a Kinesis elsewhere (`has_places`), a record is found by its sequence number, a text of up to
 * 129 digits whose inner form is not known. So a position is an offset and a place. The offset only
 * counts: each record that a table takes, and each other move, raises it by one or more, from 0 in
 * each table. All readers that continue at the same offset and place get the same records at the
 * same offsets. Where a shard ends is not known until it is read.
 */
#ifndef PN_PROCESSOR_SOURCE_H
#define PN_PROCESSOR_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "base/metrics.h"
#include "kinesis/kinesis.h"
#include "log/log.h"
#include "pipeline/pipeline.h"

enum { PN_PLACE_TEXT_SIZE = 136 };

/* Where to read on in a Kinesis elsewhere. Zeroed: with the oldest record. */
struct pn_processor_place {
    /* The sequence number of the record before; "@" and a time in ms: with the first record that
     * arrived then or later; "": with the oldest. */
    char text[PN_PLACE_TEXT_SIZE];
    int64_t until_ms; /* what arrived before this time was read; 0: not known */
    bool ended;       /* the shard is closed, and read to its end */
};

struct pn_processor_source_shard {
    uint32_t index;
    int32_t parent;          /* index, or -1 */
    int32_t adjacent_parent; /* index, or -1 */
    int64_t created_ms;
    struct pn_hash_key hash_start; /* inclusive */
    struct pn_hash_key hash_end;   /* inclusive */
    bool closed;                   /* no more records are put into it */
    bool complete;                 /* closed, and no record will ever be after `end` */
    int64_t begin;                 /* offset of the oldest record kept; 0 with places */
    int64_t end;                   /* offset the next record gets; INT64_MAX with places */
};

/* A stream as it is now; in the arena. */
struct pn_processor_source_stream {
    uint64_t id; /* another one when the stream was deleted and created again */
    struct pn_processor_source_shard *shards; /* by index; very old ones may be missing */
    size_t shard_count;
    const char *origin; /* which Kinesis it is in (origin.h); NULL: not known, or ours */
};

struct pn_processor_source_records {
    struct pn_record *records; /* key, value, timestamp_ms, offset */
    size_t count;
    int64_t next_offset; /* where to read on */
    int64_t lost_until;  /* see struct pn_log_records */
    /* With places: */
    const char **sequences;          /* of the records */
    struct pn_processor_place place; /* of next_offset */
    int64_t behind_ms;               /* how far that is from the shard's newest record; -1: the
                                        shard was not asked, since it was asked a moment ago */
    bool at_end;                     /* nothing more was there */
    const char *lost; /* not NULL: records are lost, nobody knows how many, and this is why */
};

struct pn_processor_source;

struct pn_processor_source_ops {
    void (*destroy)(struct pn_processor_source *source);
    int (*names)(struct pn_processor_source *source, struct pn_arena *arena, const char ***names,
                 size_t *count, struct pn_err *e);
    int (*describe)(struct pn_processor_source *source, const char *stream, struct pn_arena *arena,
                    struct pn_processor_source_stream *out, struct pn_err *e);
    int (*position)(struct pn_processor_source *source, const char *stream, uint64_t id,
                    uint32_t shard, enum pn_stream_start start, int64_t start_ms, int64_t *offset,
                    struct pn_processor_place *place, struct pn_err *e);
    int (*read)(struct pn_processor_source *source, const char *stream, uint64_t id, uint32_t shard,
                int64_t offset, const struct pn_processor_place *place, size_t max_records,
                size_t max_bytes, struct pn_arena *arena, struct pn_processor_source_records *out,
                struct pn_err *e);
    uint64_t (*wait)(struct pn_processor_source *source, uint64_t seen, int64_t ms);
    void (*wake)(struct pn_processor_source *source);
};

/* The first member of every source. Used by many threads at once. */
struct pn_processor_source {
    const struct pn_processor_source_ops *ops;
    bool has_places;
};

/* The names of all streams there are, sorted, in the arena. RETRY when the server can't be reached.
 * BLOCKS. */
PN_MUST_CHECK static inline int pn_processor_source_names(struct pn_processor_source *source,
                                                          struct pn_arena *arena,
                                                          const char ***names, size_t *count,
                                                          struct pn_err *e)
{
    return source->ops->names(source, arena, names, count, e);
}
/* MISSING when there is no such stream; RETRY when the server can't be reached. BLOCKS. */
PN_MUST_CHECK static inline int pn_processor_source_describe(struct pn_processor_source *source,
                                                             const char *stream,
                                                             struct pn_arena *arena,
                                                             struct pn_processor_source_stream *out,
                                                             struct pn_err *e)
{
    return source->ops->describe(source, stream, arena, out, e);
}
/* The offset a reader begins with, and its place where the source has these. MISSING when the
 * stream of that id is gone. BLOCKS. */
PN_MUST_CHECK static inline int pn_processor_source_position(
    struct pn_processor_source *source, const char *stream, uint64_t id, uint32_t shard,
    enum pn_stream_start start, int64_t start_ms, int64_t *offset, struct pn_processor_place *place,
    struct pn_err *e)
{
    return source->ops->position(source, stream, id, shard, start, start_ms, offset, place, e);
}
/*
 * Records from `offset` on, at least one when there is one; what retention has removed is skipped,
 * as out->lost_until says. INPUT: the offset is above the end. MISSING: the stream of that id is
 * gone. Damage in the log is CORRUPT, and out->next_offset is the offset after it. BLOCKS.
 * `place` is that of the offset; sources without places do not look at it (NULL ok). With places
 * there may be no record though there are some: Kinesis allows few reads a second.
 */
PN_MUST_CHECK static inline int pn_processor_source_read(
    struct pn_processor_source *source, const char *stream, uint64_t id, uint32_t shard,
    int64_t offset, const struct pn_processor_place *place, size_t max_records, size_t max_bytes,
    struct pn_arena *arena, struct pn_processor_source_records *out, struct pn_err *e)
{
    return source->ops->read(source, stream, id, shard, offset, place, max_records, max_bytes,
                             arena, out, e);
}
/* Returns when something may have come since the wait that returned `seen` (0 at first), after
 * `ms`, or after pn_processor_source_wake(). What it returns is the next wait's `seen`. */
static inline uint64_t pn_processor_source_wait(struct pn_processor_source *source, uint64_t seen,
                                                int64_t ms)
{
    return source->ops->wait(source, seen, ms);
}
/* Ends all waits. */
static inline void pn_processor_source_wake(struct pn_processor_source *source)
{
    source->ops->wake(source);
}
void pn_processor_source_destroy(struct pn_processor_source **source); /* NULL ok */

/* The streams of this process; borrows `kinesis` and its log. */
int pn_processor_source_embedded(struct pn_kinesis *kinesis, struct pn_processor_source **source,
                                 struct pn_err *e) PN_MUST_CHECK;
/* Where the server is that api.c reads from. */
struct pn_processor_server {
    const char *url; /* "http://127.0.0.1:8082"; copied */
    int64_t poll_ms; /* how often it is asked for new records */
    /* When the server does not answer: where is it now? The caller frees the answer; NULL: nobody
     * knows. Called by one thread at a time. NULL: it is always there. */
    char *(*find)(void *arg);
    void *arg;
};
/* The streams of a server, by our own API (cli/stream_routes.h). Nothing is asked yet. */
struct pn_processor_source *pn_processor_source_api(const struct pn_processor_server *server);

/* A Kinesis elsewhere. All but the texts is borrowed; metrics may be NULL. */
struct pn_processor_kinesis {
    const char *endpoint; /* as in aws/remote/remote.h */
    const char *region;
    int64_t read_ms; /* no shard is read more often */
    /* The name or the ARN of the consumer as which shards are subscribed to (kinesis_fanout.h);
     * NULL or "": they are read by GetRecords. */
    const char *consumer;
    const struct pn_io *io;
    const struct pn_clock *clock;
    struct pn_metrics *metrics;
};
/* Its streams. Nothing is asked yet; INPUT when the endpoint is not a URL, or the consumer is not
 * one. */
int pn_processor_source_kinesis(const struct pn_processor_kinesis *config,
                                struct pn_processor_source **source,
                                struct pn_err *e) PN_MUST_CHECK;

#endif
