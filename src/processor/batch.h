/*
 * A micro-batch in the making: rows of one table, and how far it takes the table in each shard. It
 * owns the records' bytes. For one thread at a time.
 */
#ifndef PN_PROCESSOR_BATCH_H
#define PN_PROCESSOR_BATCH_H

#include "engine/embedded.h"
#include "engine/record.h"
#include "processor/shards.h"
#include "processor/strays.h"

/* What there is to know of a shard's part of a batch, beside its pn_append_position. */
struct pn_processor_batch_part {
    uint32_t shard;           /* its index */
    int64_t created_ms;       /* of the shard, for sequence numbers */
    int64_t first_arrival_ms; /* of its first record; -1: there was none */
    int64_t last_offset;      /* of its last record; -1: there was none */
    int64_t last_arrival_ms;
    struct pn_processor_place place; /* of the position's `to` */
    const char *origin;              /* as in struct pn_stream_shard; in the arena */
};

struct pn_processor_batch {
    struct pn_arena arena;
    struct pn_append_row *rows;
    size_t count;
    size_t capacity;
    struct pn_append_position *positions;
    struct pn_processor_batch_part *parts; /* one for each position */
    size_t position_count;
    size_t position_capacity;
    size_t part_capacity;
    int64_t records; /* read */
    int64_t bytes;   /* of these */
    int64_t skipped; /* of these, that belong to no flow */
    int64_t lost;    /* offsets of records that the log no longer had; with places, the times that
                        an unknown number of records was lost */
};

/* Which records are the table's, and how they are read. */
struct pn_processor_batch_flow {
    const char *stream;
    uint64_t stream_id;
    const struct pn_flow *const *flows; /* of one table */
    size_t flow_count;
    /* All flows of the stream, and who counts the records that are none of these's; NULL: another
     * table's worker does. */
    const struct pn_pipeline_stream *whole;
    struct pn_strays *strays;
    bool keeps_value; /* see engine/record.h */
    struct pn_json_parser *parser;
};

/* Before the batch is appended: what the positions' commit says beside them. */
void pn_processor_batch_mark(struct pn_processor_batch *batch);

void pn_processor_batch_init(struct pn_processor_batch *batch);
void pn_processor_batch_deinit(struct pn_processor_batch *batch);
/* Empties it and gives the memory back. */
void pn_processor_batch_reset(struct pn_processor_batch *batch);

/* Takes a shard's position into the batch as it is, though nothing was read. */
void pn_processor_batch_add_position(struct pn_processor_batch *batch,
                                     const struct pn_stream_shard *shard);
/*
 * Reads on in a shard, at most so much more, and takes in what is the flow's; shard->taken moves
 * on. The errors are those of pn_processor_source_read(), but damage is skipped: *gap then
 * describes it, or why an unknown number of records is lost; it is otherwise left alone.
 */
int pn_processor_batch_read(struct pn_processor_batch *batch,
                            const struct pn_processor_batch_flow *flow,
                            struct pn_processor_source *source, struct pn_stream_shard *shard,
                            size_t max_records, size_t max_bytes, struct pn_err *gap,
                            struct pn_err *e) PN_MUST_CHECK;

#endif
