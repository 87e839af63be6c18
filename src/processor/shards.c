#include "processor/shards.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

char *pn_processor_app_id(const char *stream, uint64_t id, const char *shard)
{
    return pn_xasprintf("pinion/%s/%016" PRIx64 "/%s", stream, id, shard);
}

void pn_processor_shards_deinit(struct pn_processor_shards *shards)
{
    for (size_t i = 0; i < shards->count; i++) {
        free(shards->items[i].app_id);
    }
    free(shards->items);
    *shards = (struct pn_processor_shards){0};
}

struct pn_stream_shard *pn_processor_shards_find(const struct pn_processor_shards *shards,
                                                 int64_t index)
{
    for (size_t i = 0; i < shards->count; i++) {
        if ((int64_t)shards->items[i].info.index == index) {
            return &shards->items[i];
        }
    }
    return NULL;
}

static struct pn_stream_shard *add(struct pn_processor_shards *shards, const char *stream,
                                   const struct pn_processor_source_shard *info)
{
    pn_grow((void **)&shards->items, &shards->capacity, shards->count + 1, sizeof *shards->items);
    struct pn_stream_shard *shard = &shards->items[shards->count++];
    *shard = (struct pn_stream_shard){.info = *info,
                                      .committed = -1,
                                      .planned = -1,
                                      .goal = shards->aimed ? 0 : INT64_MAX,
                                      .last_offset = -1,
                                      .waiting_since_ms = -1};
    (void)pn_shard_id(info->index, shard->id);
    shard->app_id = pn_processor_app_id(stream, shards->stream_id, shard->id);
    return shard;
}

/* Has the table a txn whose application begins so? */
static bool has_txn_of(const struct pn_delta_snapshot *table, const char *start)
{
    for (size_t i = 0; table != NULL && i < table->txn_count; i++) {
        if (strncmp(table->txns[i].app_id, start, strlen(start)) == 0) {
            return true;
        }
    }
    return false;
}

/* Goals outlive a placement, unless the stream is another one. */
static void keep_goals(struct pn_processor_shards *shards, const struct pn_stream_shard *old,
                       size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct pn_stream_shard *shard = pn_processor_shards_find(shards, old[i].info.index);
        if (shard != NULL) {
            shard->goal = old[i].goal;
        }
    }
}

/* The arrival of the last record of from .. offset - 1; -1 when there is none, or it is damaged. */
static int last_arrival(struct pn_processor_source *source, const char *stream, uint64_t id,
                        uint32_t shard, int64_t from, int64_t offset, int64_t *arrival_ms,
                        struct pn_err *e)
{
    enum { BYTES = 1 << 20 };
    struct pn_err failure = {0};
    struct pn_arena arena;
    int rc = 0;
    *arrival_ms = -1;
    pn_arena_init(&arena, 0);
    while (rc == 0 && from < offset) {
        struct pn_processor_source_records read = {0};
        pn_arena_reset(&arena);
        rc = pn_processor_source_read(source, stream, id, shard, from, (size_t)(offset - from),
                                      BYTES, &arena, &read, &failure);
        for (size_t i = 0; rc == 0 && i < read.count && read.records[i].offset < offset; i++) {
            *arrival_ms = read.records[i].timestamp_ms;
        }
        from = rc == 0 && read.count > 0 ? read.next_offset : offset;
    }
    pn_arena_deinit(&arena);
    if (rc != 0 && failure.class_ == PN_CLASS_CORRUPT) {
        *arrival_ms = -1;
        return 0;
    }
    pn_err_copy(e, rc != 0 ? &failure : NULL);
    return rc;
}

/* The arrival of the record before an offset; 0 when it is no longer there, or damaged. It is
 * looked for further and further back, since the offsets right before may be no record's. */
static int arrival_before(struct pn_processor_source *source, const char *stream, uint64_t id,
                          uint32_t shard, int64_t offset, int64_t *arrival_ms, struct pn_err *e)
{
    enum { BACK_MAX = 4096, FACTOR = 16 };
    int64_t found_ms = -1;
    int rc = 0;
    for (int64_t back = 1; rc == 0 && found_ms < 0 && offset > 0 && back <= BACK_MAX;
         back *= FACTOR) {
        int64_t from = offset > back ? offset - back : 0;
        rc = last_arrival(source, stream, id, shard, from, offset, &found_ms, e);
    }
    *arrival_ms = found_ms > 0 ? found_ms : 0;
    return rc;
}

/* Where a shard begins that the table was never in. */
static int begin_shard(const struct pn_pipeline_stream *pipeline,
                       struct pn_processor_source *source, uint64_t id,
                       struct pn_stream_shard *shard, struct pn_err *e)
{
    uint32_t index = shard->info.index;
    int rc = pn_processor_source_position(source, pipeline->name, id, index, pipeline->start,
                                          pipeline->start_ms, &shard->taken, e);
    return rc != 0 ? rc
                   : arrival_before(source, pipeline->name, id, index, shard->taken,
                                    &shard->taken_ms, e);
}

int pn_processor_shards_place(struct pn_processor_shards *shards,
                              const struct pn_pipeline_stream *pipeline,
                              struct pn_processor_source *source,
                              const struct pn_processor_source_stream *described,
                              const struct pn_delta_snapshot *table, bool again, bool *fresh,
                              struct pn_err *e)
{
    struct pn_processor_shards old = *shards;
    *shards = (struct pn_processor_shards){.stream_id = described->id,
                                           .aimed = old.aimed && old.stream_id == described->id};
    char *this_stream = pn_processor_app_id(pipeline->name, described->id, "");
    char *this_name = pn_xasprintf("pinion/%s/", pipeline->name);
    *fresh = !has_txn_of(table, this_stream);
    bool from_the_oldest = !*fresh || again || has_txn_of(table, this_name);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < described->shard_count; i++) {
        struct pn_stream_shard *shard = add(shards, pipeline->name, &described->shards[i]);
        if (table != NULL) {
            shard->committed = pn_delta_txn_version(table, shard->app_id);
        }
        shard->planned = shard->committed;
        if (shard->committed >= 0) {
            shard->taken = shard->committed;
        } else if (!from_the_oldest) {
            rc = begin_shard(pipeline, source, described->id, shard, e);
        }
    }
    if (shards->aimed) {
        keep_goals(shards, old.items, old.count);
    }
    pn_processor_shards_deinit(&old);
    free(this_stream);
    free(this_name);
    return rc;
}

static int lost_end(const struct pn_stream_shard *shard, const char *how, struct pn_err *e)
{
    return pn_err_fatal(e,
                        "the table has the records of %s before %lld, but %s: the log lost some (a "
                        "power cut, with log.durability os?). Delete the stream and create it "
                        "again; the table then continues with the new one",
                        shard->id, (long long)shard->committed, how);
}

/* A txn is never older than the record before its position: see pn_append_position. */
static int check_last(const struct pn_processor_shards *shards, const char *stream,
                      struct pn_processor_source *source, const struct pn_stream_shard *shard,
                      const struct pn_delta_txn *txn, struct pn_err *e)
{
    int64_t arrival_ms = 0;
    int rc = arrival_before(source, stream, shards->stream_id, shard->info.index, txn->version,
                            &arrival_ms, e);
    if (rc != 0 || txn->updated_ms == 0 || arrival_ms <= txn->updated_ms) {
        return rc;
    }
    return lost_end(shard, "the last of these is newer than the table's copy", e);
}

/* Is there a place at the position? A read asks the log itself; what it says of the end without
 * asking may be older. */
static int reaches(const struct pn_processor_shards *shards, const char *stream,
                   struct pn_processor_source *source, const struct pn_stream_shard *shard,
                   bool *does, struct pn_err *e)
{
    struct pn_processor_source_records read = {0};
    struct pn_err failure = {0};
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    int rc = pn_processor_source_read(source, stream, shards->stream_id, shard->info.index,
                                      shard->committed, 1, 1, &arena, &read, &failure);
    *does = rc == 0 && read.next_offset >= shard->committed;
    if (rc != 0 && failure.class_ == PN_CLASS_INPUT) {
        rc = 0; /* it is above the end */
    }
    pn_err_copy(e, rc != 0 ? &failure : NULL);
    pn_arena_deinit(&arena);
    return rc;
}

int pn_processor_shards_check(struct pn_processor_shards *shards, const char *stream,
                              struct pn_processor_source *source,
                              const struct pn_delta_snapshot *table, struct pn_err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < shards->count; i++) {
        struct pn_stream_shard *shard = &shards->items[i];
        const struct pn_delta_txn *txn =
            table != NULL ? pn_delta_txn_of(table, shard->app_id) : NULL;
        bool is_there = shard->committed <= shard->info.end;
        if (!is_there) {
            rc = reaches(shards, stream, source, shard, &is_there, e);
        }
        if (rc == 0 && !is_there) {
            char how[64];
            (void)snprintf(how, sizeof how, "the log ends at %lld", (long long)shard->info.end);
            rc = lost_end(shard, how, e);
        } else if (rc == 0 && shard->committed > shard->info.end) {
            shard->info.end = shard->committed;
        }
        if (rc == 0 && txn != NULL) {
            rc = check_last(shards, stream, source, shard, txn, e);
        }
    }
    return rc;
}

void pn_processor_shards_update(struct pn_processor_shards *shards, const char *stream,
                                const struct pn_processor_source_stream *described)
{
    PN_ASSERT(described->id == shards->stream_id); /* of another stream, offsets mean nothing */
    for (size_t i = 0; i < described->shard_count; i++) {
        struct pn_stream_shard *shard =
            pn_processor_shards_find(shards, described->shards[i].index);
        if (shard != NULL) {
            shard->info = described->shards[i];
        } else {
            (void)add(shards, stream, &described->shards[i]);
        }
    }
}

void pn_processor_shards_aim(struct pn_processor_shards *shards)
{
    for (size_t i = 0; i < shards->count; i++) {
        shards->items[i].goal = shards->items[i].info.end;
    }
    shards->aimed = true;
}

bool pn_processor_shards_reached(const struct pn_processor_shards *shards)
{
    for (size_t i = 0; i < shards->count; i++) {
        if (shards->items[i].taken < shards->items[i].goal) {
            return false;
        }
    }
    return true;
}

bool pn_processor_shards_moved(const struct pn_processor_shards *shards)
{
    for (size_t i = 0; i < shards->count; i++) {
        if (shards->items[i].taken != shards->items[i].planned && shards->items[i].taken > 0) {
            return true;
        }
    }
    return false;
}

static bool is_read(const struct pn_processor_shards *shards, int32_t parent)
{
    const struct pn_stream_shard *shard =
        parent >= 0 ? pn_processor_shards_find(shards, parent) : NULL;
    return shard == NULL || (shard->info.complete && shard->taken >= shard->info.end);
}

bool pn_processor_shard_readable(const struct pn_processor_shards *shards,
                                 const struct pn_stream_shard *shard)
{
    return shard->taken < shard->info.end && is_read(shards, shard->info.parent) &&
           is_read(shards, shard->info.adjacent_parent);
}
