#include "processor/shards.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "processor/marks.h"
#include "processor/origin.h"

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
    free(shards->origin);
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
                                      .behind_ms = -1,
                                      .last_offset = -1,
                                      .waiting_since_ms = -1};
    (void)pn_shard_id(info->index, shard->id);
    shard->app_id = pn_processor_app_id(stream, shards->stream_id, shard->id);
    shard->origin = shards->origin;
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
        rc = pn_processor_source_read(source, stream, id, shard, from, NULL,
                                      (size_t)(offset - from), BYTES, &arena, &read, &failure);
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
                                          pipeline->start_ms, &shard->taken, &shard->place, e);
    return rc != 0 || source->has_places ? rc
                                         : arrival_before(source, pipeline->name, id, index,
                                                          shard->taken, &shard->taken_ms, e);
}

/* Continues a shard where the table is in it. */
static int continue_shard(struct pn_stream_shard *shard, const struct pn_delta_snapshot *table,
                          bool has_places, struct pn_err *e)
{
    int rc = has_places ? pn_processor_marks_read(table, shard->app_id, &shard->place, e) : 0;
    if (shard->origin != NULL &&
        pn_processor_origin_is_known(table, shard->app_id, shard->origin)) {
        shard->origin = NULL;
    }
    shard->taken = shard->committed;
    shard->saved_until_ms = shard->place.until_ms;
    if (rc == 0 && shard->place.text[0] != '@') {
        (void)snprintf(shard->last_sequence, sizeof shard->last_sequence, "%s", shard->place.text);
    }
    return rc;
}

/* A shard that the table has not begun comes after its parents: what arrived before they were at
 * their end, as the table has it, is not in it. */
static int follow_parent(struct pn_stream_shard *shard, const char *app_start,
                         const struct pn_delta_snapshot *table, struct pn_err *e)
{
    char id[PN_SHARD_ID_SIZE];
    struct pn_processor_place parent = {.ended = false};
    if (table == NULL || shard->info.parent < 0) {
        return 0;
    }
    char *app_id = pn_xasprintf("%s%s", app_start, pn_shard_id((uint32_t)shard->info.parent, id));
    const struct pn_delta_txn *txn = pn_delta_txn_of(table, app_id);
    int rc = txn != NULL ? pn_processor_marks_read(table, app_id, &parent, e) : 0;
    if (rc == 0 && txn != NULL) {
        shard->place.until_ms = parent.ended ? txn->updated_ms : parent.until_ms;
    }
    free(app_id);
    return rc;
}

/* The number in a shard's id; false when it is not one. */
static bool read_shard_id(const char *id, uint32_t *index)
{
    char again[PN_SHARD_ID_SIZE];
    static const char start[] = "shardId-";
    if (strncmp(id, start, sizeof start - 1) != 0) {
        return false;
    }
    *index = (uint32_t)strtoul(id + sizeof start - 1, NULL, 10);
    return strcmp(id, pn_shard_id(*index, again)) == 0;
}

/* Adds the shards that the table has begun, and that the stream does not have any more. */
static int add_vanished(struct pn_processor_shards *shards, const char *stream,
                        const char *app_start, const struct pn_delta_snapshot *table,
                        struct pn_err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && table != NULL && i < table->txn_count; i++) {
        const struct pn_delta_txn *txn = &table->txns[i];
        uint32_t index = 0;
        if (strncmp(txn->app_id, app_start, strlen(app_start)) != 0 ||
            !read_shard_id(txn->app_id + strlen(app_start), &index) ||
            pn_processor_shards_find(shards, index) != NULL) {
            continue;
        }
        const struct pn_processor_source_shard info = {.index = index,
                                                       .parent = -1,
                                                       .adjacent_parent = -1,
                                                       .hash_end = {UINT64_MAX, UINT64_MAX},
                                                       .closed = true,
                                                       .end = INT64_MAX};
        struct pn_processor_place place;
        rc = pn_processor_marks_read(table, txn->app_id, &place, e);
        if (rc == 0 && !place.ended) {
            struct pn_stream_shard *shard = add(shards, stream, &info);
            shard->committed = txn->version;
            shard->planned = txn->version;
            shard->is_gone = true;
            rc = continue_shard(shard, table, true, e);
        }
    }
    return rc;
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
                                           .has_places = source->has_places,
                                           .aimed = old.aimed && old.stream_id == described->id};
    char *this_stream = pn_processor_app_id(pipeline->name, described->id, "");
    char *this_name = pn_xasprintf("pinion/%s/", pipeline->name);
    *fresh = !has_txn_of(table, this_stream);
    bool from_the_oldest = !*fresh || again || has_txn_of(table, this_name);
    int rc = pn_processor_origin_check(table, pipeline->name, described->origin, e);
    shards->origin = described->origin != NULL ? pn_xstrdup(described->origin) : NULL;
    for (size_t i = 0; rc == 0 && i < described->shard_count; i++) {
        struct pn_stream_shard *shard = add(shards, pipeline->name, &described->shards[i]);
        if (table != NULL) {
            shard->committed = pn_delta_txn_version(table, shard->app_id);
        }
        shard->planned = shard->committed;
        if (shard->committed >= 0) {
            rc = continue_shard(shard, table, source->has_places, e);
        } else if (!from_the_oldest) {
            rc = begin_shard(pipeline, source, described->id, shard, e);
        } else if (source->has_places) {
            rc = follow_parent(shard, this_stream, table, e);
        }
    }
    if (rc == 0 && source->has_places) {
        rc = add_vanished(shards, pipeline->name, this_stream, table, e);
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
                                      shard->committed, NULL, 1, 1, &arena, &read, &failure);
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
    for (size_t i = 0; rc == 0 && !shards->has_places && i < shards->count; i++) {
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
        shards->items[i].at_end = false;
    }
    shards->aimed = true;
}

/* With places the goal is the end, wherever that is; that of a shard that came later is 0. */
static bool is_reached(const struct pn_processor_shards *shards,
                       const struct pn_stream_shard *shard)
{
    if (shards->has_places) {
        return shard->goal == 0 || shard->at_end || shard->place.ended;
    }
    return shard->taken >= shard->goal;
}

bool pn_processor_shards_reached(const struct pn_processor_shards *shards)
{
    for (size_t i = 0; i < shards->count; i++) {
        if (!is_reached(shards, &shards->items[i])) {
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

bool pn_processor_shards_ended(const struct pn_processor_shards *shards)
{
    for (size_t i = 0; i < shards->count; i++) {
        const struct pn_stream_shard *shard = &shards->items[i];
        if (shard->place.ended && shard->taken != shard->planned) {
            return true;
        }
    }
    return false;
}

static bool is_read(const struct pn_stream_shard *shard)
{
    return shard->place.ended || (shard->info.complete && shard->taken >= shard->info.end);
}

const struct pn_stream_shard *pn_processor_shard_unread_parent(
    const struct pn_processor_shards *shards, const struct pn_stream_shard *shard)
{
    const int32_t parents[] = {shard->info.parent, shard->info.adjacent_parent};
    for (size_t i = 0; i < sizeof parents / sizeof *parents; i++) {
        const struct pn_stream_shard *parent =
            parents[i] >= 0 ? pn_processor_shards_find(shards, parents[i]) : NULL;
        if (parent != NULL && !is_read(parent)) {
            return parent;
        }
    }
    return NULL;
}

bool pn_processor_shard_readable(const struct pn_processor_shards *shards,
                                 const struct pn_stream_shard *shard)
{
    return shard->taken < shard->info.end && !shard->place.ended &&
           pn_processor_shard_unread_parent(shards, shard) == NULL;
}
