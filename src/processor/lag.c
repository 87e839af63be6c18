#include "processor/lag.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "log/lag.h"
#include "processor/marks.h"
#include "processor/private.h"

struct list {
    struct pn_processor_lag *items; /* malloc'ed until the end */
    size_t count;
    size_t capacity;
};

static struct pn_processor_lag *add(struct list *list)
{
    pn_grow((void **)&list->items, &list->capacity, list->count + 1, sizeof *list->items);
    struct pn_processor_lag *lag = &list->items[list->count++];
    *lag = (struct pn_processor_lag){
        .position = -1, .records = -1, .lost = -1, .ms = -1, .version = -1};
    return lag;
}

/* The age of the record at `offset`, or of the next one; -1: not known. *any is false when there is
 * none, since the offsets up to the end are not records'. */
static int64_t age_of(const struct pn_processor_env *env, const char *stream, uint64_t id,
                      uint32_t shard, int64_t offset, bool *any)
{
    struct pn_arena arena;
    struct pn_processor_source_records read = {0};
    int64_t age_ms = -1;
    pn_arena_init(&arena, 0);
    int rc = pn_processor_source_read(env->source, stream, id, shard, offset, NULL, 1, 1, &arena,
                                      &read, NULL);
    *any = rc != 0 || read.count > 0;
    if (rc == 0 && read.count > 0) {
        age_ms = pn_wall_ms(env->clock) - read.records[0].timestamp_ms;
        age_ms = age_ms > 0 ? age_ms : 0;
    }
    pn_arena_deinit(&arena);
    return age_ms;
}

/*
 * With places, a read says how far it is behind. Two records, since the first may be the table's
 * last: that there is another one is seen by all kinds of Kinesis, of which some do not say how far
 * behind a read is.
 */
static void look_behind(const struct pn_processor_env *env, const char *stream, uint64_t id,
                        uint32_t shard, const struct pn_delta_snapshot *snapshot,
                        const char *app_id, struct pn_processor_lag *lag)
{
    struct pn_arena arena;
    struct pn_processor_source_records read = {0};
    struct pn_processor_place place = {.ended = false};
    int rc = snapshot != NULL ? pn_processor_marks_read(snapshot, app_id, &place, NULL) : 0;
    pn_arena_init(&arena, 0);
    if (rc == 0 && !place.ended) {
        rc = pn_processor_source_read(env->source, stream, id, shard, 0, &place, 2, 1, &arena,
                                      &read, NULL);
    }
    if (place.ended || (rc == 0 && read.count == 0 && read.behind_ms == 0)) {
        lag->records = 0;
        lag->ms = 0;
    } else if (rc == 0 && read.count > 0) {
        int64_t age_ms = pn_wall_ms(env->clock) - read.records[0].timestamp_ms;
        lag->ms = age_ms > 0 ? age_ms : 0;
    } else if (rc == 0) {
        lag->ms = read.behind_ms;
    }
    if (rc == 0 && lag->position >= 0) {
        lag->lost = read.lost != NULL ? 1 : 0;
    }
    lag->closed = lag->closed || place.ended;
    pn_arena_deinit(&arena);
}

static void add_shard(const struct pn_processor_env *env, const char *stream, const char *table,
                      uint64_t id, const struct pn_processor_source_shard *shard,
                      const struct pn_delta_snapshot *snapshot, bool is_filled,
                      struct pn_arena *arena, struct list *list)
{
    struct pn_processor_lag *lag = add(list);
    char name[PN_SHARD_ID_SIZE];
    lag->stream = stream;
    lag->table = table;
    lag->shard = pn_arena_strdup(arena, pn_shard_id(shard->index, name));
    lag->closed = shard->closed;
    lag->end = env->source->has_places ? -1 : shard->end;
    char *app_id = pn_processor_app_id(stream, id, lag->shard);
    if (snapshot != NULL) {
        lag->position = pn_delta_txn_version(snapshot, app_id);
        lag->version = snapshot->version;
        lag->version_ms = snapshot->timestamp_ms;
    }
    if (is_filled && env->source->has_places) {
        look_behind(env, stream, id, shard->index, snapshot, app_id, lag);
    }
    free(app_id);
    if (!is_filled || env->source->has_places) {
        return;
    }
    const struct pn_lag left = pn_lag(lag->position, shard->begin, shard->end);
    lag->records = left.records;
    lag->lost = left.lost;
    bool any = left.records > 0;
    int64_t age_ms = any ? age_of(env, stream, id, shard->index, left.from, &any) : 0;
    lag->records = any ? left.records : 0;
    lag->ms = any ? age_ms : 0;
}

static int add_table(const struct pn_processor_config *config, const struct pn_processor_env *env,
                     const char *stream, const struct pn_table *table, struct pn_arena *arena,
                     struct list *list, struct pn_err *e)
{
    struct pn_processor_source_stream described = {0};
    struct pn_err failure = {0};
    int rc = pn_processor_source_describe(env->source, stream, arena, &described, &failure);
    if (rc != 0 && failure.class_ == PN_CLASS_MISSING) {
        struct pn_processor_lag *lag = add(list);
        lag->stream = stream;
        lag->table = table->name;
        return 0;
    }
    struct pn_delta_snapshot *snapshot = NULL;
    if (rc == 0) {
        rc = pn_processor_read_table(env, &config->delta, table->path, &snapshot, &failure);
    }
    if (rc != 0) {
        pn_err_copy(e, &failure);
        return rc;
    }
    char *of_stream = pn_processor_app_id(stream, described.id, "");
    bool is_filled = false;
    for (size_t i = 0; snapshot != NULL && i < snapshot->txn_count; i++) {
        is_filled =
            is_filled || strncmp(snapshot->txns[i].app_id, of_stream, strlen(of_stream)) == 0;
    }
    for (size_t i = 0; i < described.shard_count; i++) {
        add_shard(env, stream, table->name, described.id, &described.shards[i], snapshot, is_filled,
                  arena, list);
    }
    free(of_stream);
    pn_delta_snapshot_destroy(&snapshot);
    return 0;
}

static int add_stream(const struct pn_processor_config *config, const struct pn_processor_env *env,
                      const struct pn_pipeline_stream *stream, struct pn_arena *arena,
                      struct list *list, struct pn_err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < stream->flow_count; i++) {
        if (pn_processor_is_asked_for(config, stream->name) && pn_processor_is_first(stream, i)) {
            rc = add_table(config, env, stream->name, stream->flows[i].table, arena, list, e);
        }
    }
    return rc;
}

/* A stream that is there and that no table reads. */
static int add_unread(const struct pn_processor_env *env, const char *stream,
                      struct pn_arena *arena, struct list *list, struct pn_err *e)
{
    struct pn_processor_source_stream described = {0};
    struct pn_err failure = {0};
    int rc = pn_processor_source_describe(env->source, stream, arena, &described, &failure);
    if (rc != 0 && failure.class_ == PN_CLASS_MISSING) {
        return 0; /* deleted meanwhile */
    }
    if (rc != 0) {
        pn_err_copy(e, &failure);
    }
    for (size_t i = 0; rc == 0 && i < described.shard_count; i++) {
        add_shard(env, stream, NULL, described.id, &described.shards[i], NULL, true, arena, list);
    }
    return rc;
}

/* A stream that is there: one that matches a pattern has its tables, one that nobody reads has
 * none. Those that pipeline.yml names have been added. */
static int add_other(const struct pn_processor_config *config, const struct pn_processor_env *env,
                     const char *name, struct pn_arena *arena, struct list *list, struct pn_err *e)
{
    const struct pn_pipeline_stream *pattern = pn_pipeline_stream_pattern(env->pipeline, name);
    const struct pn_pipeline_stream *stream = NULL;
    if (!pn_processor_is_asked_for(config, name)) {
        return 0;
    }
    if (!pn_pipeline_reads_stream(env->pipeline, name)) {
        return add_unread(env, name, arena, list, e);
    }
    if (pattern != NULL &&
        pn_pipeline_make_stream(env->pipeline, pattern, name, arena, &stream, NULL) == 0) {
        return add_stream(config, env, stream, arena, list, e);
    }
    return 0;
}

/* Of the names that are asked for, those of no stream there must be the pipeline's. */
static int check_names(const struct pn_processor_config *config, const struct pn_processor_env *env,
                       const char *const *there, size_t there_count, struct pn_err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && config->names != NULL && i < config->name_count; i++) {
        bool is_there = false;
        for (size_t k = 0; k < there_count && !is_there; k++) {
            is_there = strcmp(config->names[i], there[k]) == 0;
        }
        const struct pn_processor_config one = {.names = &config->names[i], .name_count = 1};
        rc = is_there ? 0 : pn_processor_check_names(&one, env->pipeline, e);
    }
    return rc;
}

int pn_processor_lags(const struct pn_processor_config *config, const struct pn_processor_env *env,
                      struct pn_arena *arena, struct pn_processor_lag **lags, size_t *count,
                      struct pn_err *e)
{
    struct list list = {0};
    const char **there = NULL;
    size_t there_count = 0;
    int rc = pn_processor_source_names(env->source, arena, &there, &there_count, e);
    if (rc == 0) {
        rc = check_names(config, env, there, there_count, e);
    }
    for (size_t i = 0; rc == 0 && i < env->pipeline->stream_count; i++) {
        rc = add_stream(config, env, &env->pipeline->streams[i], arena, &list, e);
    }
    for (size_t i = 0; rc == 0 && i < there_count; i++) {
        rc = add_other(config, env, there[i], arena, &list, e);
    }
    *count = list.count;
    *lags = pn_arena_calloc(arena, list.count + 1, sizeof **lags);
    if (list.count > 0) {
        memcpy(*lags, list.items, list.count * sizeof **lags);
    }
    free(list.items);
    return rc;
}
