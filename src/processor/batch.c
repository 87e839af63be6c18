#include "processor/batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kinesis/aggregate.h"
#include "processor/marks.h"
#include "processor/origin.h"

enum { ARENA_BLOCK_BYTES = 256 * 1024 };

void pn_processor_batch_init(struct pn_processor_batch *batch)
{
    memset(batch, 0, sizeof *batch);
    pn_arena_init(&batch->arena, ARENA_BLOCK_BYTES);
}

void pn_processor_batch_deinit(struct pn_processor_batch *batch)
{
    pn_arena_deinit(&batch->arena);
    free(batch->rows);
    free(batch->positions);
    free(batch->parts);
}

void pn_processor_batch_reset(struct pn_processor_batch *batch)
{
    pn_processor_batch_deinit(batch);
    pn_processor_batch_init(batch);
}

/* The index of the shard's position. */
static size_t position_of(struct pn_processor_batch *batch, const struct pn_stream_shard *shard)
{
    for (size_t i = 0; i < batch->position_count; i++) {
        if (batch->parts[i].shard == shard->info.index) {
            return i;
        }
    }
    PN_ASSERT(shard->planned <= shard->taken); /* what is planned has been taken */
    size_t i = batch->position_count++;
    pn_grow((void **)&batch->positions, &batch->position_capacity, i + 1, sizeof *batch->positions);
    pn_grow((void **)&batch->parts, &batch->part_capacity, i + 1, sizeof *batch->parts);
    batch->positions[i] =
        (struct pn_append_position){.app_id = pn_arena_strdup(&batch->arena, shard->app_id),
                                    .shard = pn_arena_strdup(&batch->arena, shard->id),
                                    .from = shard->planned,
                                    .to = shard->taken,
                                    .newest_ms = shard->taken_ms};
    batch->parts[i] = (struct pn_processor_batch_part){.shard = shard->info.index,
                                                       .created_ms = shard->info.created_ms,
                                                       .first_arrival_ms = -1,
                                                       .last_offset = -1,
                                                       .place = shard->place};
    if (shard->origin != NULL) {
        batch->parts[i].origin = pn_arena_strdup(&batch->arena, shard->origin);
    }
    return i;
}

void pn_processor_batch_mark(struct pn_processor_batch *batch)
{
    for (size_t i = 0; i < batch->position_count; i++) {
        struct pn_append_position *position = &batch->positions[i];
        const char *origin = batch->parts[i].origin;
        struct pn_append_mark *marks = pn_processor_marks_of(
            &batch->parts[i].place, position->app_id, &batch->arena, &position->mark_count);
        if (origin != NULL) {
            marks[position->mark_count++] =
                pn_processor_origin_mark(position->app_id, origin, &batch->arena);
        }
        position->marks = marks;
    }
}

void pn_processor_batch_add_position(struct pn_processor_batch *batch,
                                     const struct pn_stream_shard *shard)
{
    (void)position_of(batch, shard);
}

static bool takes(const struct pn_flow *flow, struct pn_bytes key)
{
    const char *wanted = flow->partition_key;
    return wanted == NULL || (strlen(wanted) == key.len && memcmp(wanted, key.data, key.len) == 0);
}

static bool is_wanted(const struct pn_processor_batch_flow *flow, struct pn_bytes key)
{
    for (size_t i = 0; i < flow->flow_count; i++) {
        if (takes(flow->flows[i], key)) {
            return true;
        }
    }
    return false;
}

/* Counts a record that isn't this table's, and whether it belongs to no other table either. */
static void pass_over(struct pn_processor_batch *batch, const struct pn_processor_batch_flow *flow,
                      struct pn_bytes key, uint32_t shard, int64_t offset)
{
    batch->skipped++;
    for (size_t i = 0; flow->strays != NULL && i < flow->whole->flow_count; i++) {
        if (takes(&flow->whole->flows[i], key)) {
            return;
        }
    }
    if (flow->strays != NULL) {
        pn_strays_add(flow->strays, key, shard, offset);
    }
}

/* A record on its way into the batch. */
struct taking {
    struct pn_processor_batch *batch;
    struct pn_append_row row; /* all but value and reason */
};

static void add_row(void *arg, struct pn_bytes value, const char *reason)
{
    struct taking *taking = arg;
    struct pn_processor_batch *batch = taking->batch;
    PN_ASSERT(taking->row.position < batch->position_count);
    pn_grow((void **)&batch->rows, &batch->capacity, batch->count + 1, sizeof *batch->rows);
    struct pn_append_row *row = &batch->rows[batch->count++];
    *row = taking->row;
    row->value = value;
    row->reason = reason;
}

/* Takes `taking->row.data` apart into rows. */
static void take_data(struct taking *taking, const struct pn_processor_batch_flow *flow)
{
    const struct pn_bytes data = taking->row.data;
    if (pn_record_is_row(data, flow->keeps_value)) {
        add_row(taking, data, NULL);
        return;
    }
    const struct pn_decoded out = {.row = add_row, .arg = taking};
    pn_record_decode(flow->parser, data, flow->keeps_value, &taking->batch->arena, &out);
}

/*
 * A user record whose hash key is another shard's was put by a producer that did not know of a
 * reshard. KPL sees that and puts it again, and KCL drops the aggregate; here it is a dead letter,
 * so that nothing vanishes if the producer is one that does not put it again.
 */
static const char ANOTHER_SHARDS[] =
    "its hash key is another shard's: KPL puts such a user record again";

static void take_user_records(struct taking *taking, const struct pn_processor_batch_flow *flow,
                              const struct pn_stream_shard *shard,
                              const struct pn_user_record *records, size_t count)
{
    taking->row.is_user_record = true;
    for (size_t i = 0; i < count; i++) {
        if (!is_wanted(flow, records[i].partition_key)) {
            pass_over(taking->batch, flow, records[i].partition_key, shard->info.index,
                      taking->row.offset);
            continue;
        }
        taking->row.data = records[i].data;
        taking->row.partition_key = records[i].partition_key;
        taking->row.sub_sequence = (int64_t)i;
        if (pn_hash_key_within(records[i].hash_key, shard->info.hash_start, shard->info.hash_end)) {
            take_data(taking, flow);
        } else {
            add_row(taking, (struct pn_bytes){0}, ANOTHER_SHARDS);
        }
    }
}

static void take(struct pn_processor_batch *batch, const struct pn_processor_batch_flow *flow,
                 const struct pn_stream_shard *shard, size_t position,
                 const struct pn_record *record, const char *sequence)
{
    struct pn_processor_batch_part *part = &batch->parts[position];
    PN_ASSERT(part->shard == shard->info.index);
    if (part->first_arrival_ms < 0) {
        part->first_arrival_ms = record->timestamp_ms;
    }
    part->last_offset = record->offset;
    part->last_arrival_ms = record->timestamp_ms;
    batch->records++;
    batch->bytes += (int64_t)(record->key.len + record->value.len);
    struct taking taking = {.batch = batch,
                            .row = {.data = record->value,
                                    .partition_key = record->key,
                                    .position = position,
                                    .offset = record->offset,
                                    .sequence = sequence,
                                    .arrival_ms = record->timestamp_ms}};
    struct pn_user_record *records = NULL;
    size_t count = 0;
    if (pn_aggregate_read(record->value, &batch->arena, &records, &count)) {
        take_user_records(&taking, flow, shard, records, count);
    } else if (is_wanted(flow, record->key)) {
        take_data(&taking, flow);
    } else {
        pass_over(batch, flow, record->key, part->shard, record->offset);
    }
}

/* Where the read has come to. */
static void move(struct pn_processor_batch *batch, size_t position, struct pn_stream_shard *shard,
                 const struct pn_processor_source_records *read)
{
    if (read->count > 0 && shard->waiting_since_ms < 0) {
        shard->waiting_since_ms = read->records[0].timestamp_ms;
    }
    shard->taken = read->next_offset > shard->taken ? read->next_offset : shard->taken;
    if (read->count > 0) {
        shard->taken_ms = read->records[read->count - 1].timestamp_ms;
    }
    PN_ASSERT(batch->positions[position].to <= shard->taken); /* positions only grow */
    batch->positions[position].to = shard->taken;
    batch->positions[position].newest_ms = shard->taken_ms;
    batch->parts[position].place = shard->place;
}

/* What only sources with places say. */
static void look_at_place(struct pn_processor_batch *batch, struct pn_stream_shard *shard,
                          const struct pn_processor_source_records *read, struct pn_err *gap)
{
    if (read->behind_ms < 0) {
        return; /* the shard was not asked */
    }
    shard->place = read->place;
    shard->behind_ms = read->behind_ms;
    shard->at_end = shard->at_end || read->at_end;
    if (read->lost != NULL) {
        batch->lost++;
        (void)pn_err_set(gap, PN_CLASS_CORRUPT, PN_FAIL, "%s", read->lost);
    }
}

int pn_processor_batch_read(struct pn_processor_batch *batch,
                            const struct pn_processor_batch_flow *flow,
                            struct pn_processor_source *source, struct pn_stream_shard *shard,
                            size_t max_records, size_t max_bytes, struct pn_err *gap,
                            struct pn_err *e)
{
    struct pn_processor_source_records read = {0};
    struct pn_err failure = {0};
    PN_ASSERT(max_records > 0 && max_bytes > 0);
    int rc = pn_processor_source_read(source, flow->stream, flow->stream_id, shard->info.index,
                                      shard->taken, &shard->place, max_records, max_bytes,
                                      &batch->arena, &read, &failure);
    if (rc != 0 && failure.class_ == PN_CLASS_CORRUPT) {
        *gap = failure;
        read.count = 0;
        if (read.next_offset <= shard->taken) {
            read.next_offset = shard->taken + 1;
        }
        read.lost_until = read.next_offset;
        read.behind_ms = -1;
        rc = 0;
    }
    if (rc != 0) {
        pn_err_copy(e, &failure);
        return rc;
    }
    size_t position = position_of(batch, shard);
    if (read.lost_until > shard->taken) {
        batch->lost += read.lost_until - shard->taken;
    }
    if (source->has_places) {
        look_at_place(batch, shard, &read, gap);
    }
    for (size_t i = 0; i < read.count; i++) {
        take(batch, flow, shard, position, &read.records[i],
             read.sequences != NULL ? read.sequences[i] : NULL);
    }
    move(batch, position, shard, &read);
    return 0;
}
