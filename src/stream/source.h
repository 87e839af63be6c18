/*
 * Where processors read streams: the embedded streams of this process (embedded.c, on kinesis.h),
 * or those of a running server by its Kinesis API (api.c). The same positions in both: offsets of
 * a shard, which sequence numbers hold.
 */
#ifndef PN_STREAM_SOURCE_H
#define PN_STREAM_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "kinesis/kinesis.h"
#include "log/log.h"
#include "pipeline/pipeline.h"

struct pn_source_shard {
    uint32_t index;
    int32_t parent; /* index, or -1 */
    int32_t adjacent_parent;
    int64_t created_ms;
    bool open;
};

/* A stream as it is now; in the arena. */
struct pn_source_stream {
    uint64_t id; /* another one when the stream was deleted and created again */
    struct pn_source_shard *shards;
    size_t shard_count;
};

struct pn_source_records {
    struct pn_record *records; /* key, value, timestamp_ms, offset */
    size_t count;
    int64_t next_offset;
    int64_t behind_ms;
    bool drained; /* the shard is closed and was read to its end */
};

struct pn_source;

struct pn_source_ops {
    void (*destroy)(struct pn_source *source);
    int (*describe)(struct pn_source *source, const char *stream, struct pn_arena *arena,
                    struct pn_source_stream *out, struct pn_err *e);
    int (*position)(struct pn_source *source, const char *stream, uint32_t shard,
                    enum pn_stream_start start, int64_t start_ms, int64_t *offset,
                    struct pn_err *e);
    int (*read)(struct pn_source *source, const char *stream, uint32_t shard, int64_t offset,
                size_t max_records, size_t max_bytes, struct pn_arena *arena,
                struct pn_source_records *out, struct pn_err *e);
    /* Returns when records may have come, after `ms`, or after pn_source_wake(). */
    void (*wait)(struct pn_source *source, int64_t ms);
    void (*wake)(struct pn_source *source);
};

/* The first member of every source. Used by many threads at once. */
struct pn_source {
    const struct pn_source_ops *ops;
};

#endif
