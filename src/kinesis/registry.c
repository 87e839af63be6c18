/* The streams as readers find them: snapshots that never change; and what is counted of one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kinesis/internal.h"

static struct pn_snapshot *snapshot_of(const struct pn_stream *stream)
{
    return (struct pn_snapshot *)(uintptr_t)stream;
}

/* --- live state ------------------------------------------------------------------------------- */

static struct pn_live_stream *live_create(void)
{
    struct pn_live_stream *live = pn_xcalloc(1, sizeof *live);
    pthread_mutex_init(&live->lock, NULL);
    pthread_cond_init(&live->put_ended, NULL);
    atomic_init(&live->users, 0);
    atomic_init(&live->turn, 0);
    return live;
}

static void live_release(struct pn_live_stream *live)
{
    if (atomic_fetch_sub(&live->users, 1) > 1) {
        return;
    }
    for (size_t i = 0; i < live->shard_count; i++) {
        PN_ASSERT(live->shards[i]->puts == 0);
        pn_shard_limits_deinit(&live->shards[i]->limits);
        free(live->shards[i]);
    }
    pthread_cond_destroy(&live->put_ended);
    pthread_mutex_destroy(&live->lock);
    free(live);
}

static void live_grow(struct pn_live_stream *live, size_t count)
{
    PN_ASSERT(count <= PN_SHARDS_MAX);
    for (; live->shard_count < count; live->shard_count++) {
        struct pn_live_shard *shard = pn_xcalloc(1, sizeof *shard);
        pn_shard_limits_init(&shard->limits);
        live->shards[live->shard_count] = shard;
    }
}

struct pn_live_shard *pn_stream_live_shard(const struct pn_stream *stream, uint32_t index)
{
    PN_ASSERT(index < stream->shard_count);
    return snapshot_of(stream)->live->shards[index];
}

/* --- copies ----------------------------------------------------------------------------------- */

static const char *copy_text(struct pn_arena *arena, const char *text)
{
    return text != NULL ? pn_arena_strdup(arena, text) : NULL;
}

static int order_of_tags(const void *a, const void *b)
{
    return strcmp(((const struct pn_stream_tag *)a)->key, ((const struct pn_stream_tag *)b)->key);
}

static const struct pn_stream_tag *copy_tags(struct pn_arena *arena,
                                             const struct pn_stream_tag *tags, size_t count)
{
    struct pn_stream_tag *copy = pn_arena_calloc(arena, count, sizeof *copy);
    for (size_t i = 0; i < count; i++) {
        copy[i].key = copy_text(arena, tags[i].key);
        copy[i].value = pn_arena_strdup(arena, tags[i].value != NULL ? tags[i].value : "");
    }
    if (count > 0) {
        qsort(copy, count, sizeof *copy, order_of_tags);
    }
    return copy;
}

static int order_of_consumers(const void *a, const void *b)
{
    return strcmp(((const struct pn_stream_consumer *)a)->name,
                  ((const struct pn_stream_consumer *)b)->name);
}

static const struct pn_stream_consumer *copy_consumers(struct pn_arena *arena,
                                                       const struct pn_stream_consumer *consumers,
                                                       size_t count)
{
    struct pn_stream_consumer *copy = pn_arena_calloc(arena, count, sizeof *copy);
    for (size_t i = 0; i < count; i++) {
        copy[i] = consumers[i];
        copy[i].name = copy_text(arena, consumers[i].name);
        copy[i].arn = copy_text(arena, consumers[i].arn);
        copy[i].policy = copy_text(arena, consumers[i].policy);
        copy[i].tags = copy_tags(arena, consumers[i].tags, consumers[i].tag_count);
    }
    if (count > 0) {
        qsort(copy, count, sizeof *copy, order_of_consumers);
    }
    return copy;
}

static const char *const *copy_texts(struct pn_arena *arena, const char *const *texts, size_t count)
{
    const char **copy = pn_arena_calloc(arena, count, sizeof *copy);
    for (size_t i = 0; i < count; i++) {
        copy[i] = copy_text(arena, texts[i]);
    }
    return copy;
}

static int order_of_ranges(const void *a, const void *b)
{
    pn_u128 left = pn_hash_key_number((*(const struct pn_shard *const *)a)->hash_start);
    pn_u128 right = pn_hash_key_number((*(const struct pn_shard *const *)b)->hash_start);
    return (left > right) - (left < right);
}

const struct pn_shard **pn_stream_open_shards(const struct pn_stream *stream,
                                              struct pn_arena *arena, size_t *count)
{
    const struct pn_shard **open = pn_arena_calloc(arena, stream->shard_count, sizeof *open);
    *count = 0;
    for (size_t i = 0; i < stream->shard_count; i++) {
        if (stream->shards[i].open) {
            open[*count] = &stream->shards[i];
            (*count)++;
        }
    }
    if (*count > 0) {
        qsort(open, *count, sizeof *open, order_of_ranges);
    }
    return open;
}

struct pn_snapshot *pn_snapshot_create(struct pn_kinesis *kinesis, const struct pn_stream *from,
                                       const struct pn_snapshot *before, bool reroutes)
{
    const struct pn_kinesis_config *config = &kinesis->config;
    struct pn_snapshot *snapshot = pn_xcalloc(1, sizeof *snapshot);
    struct pn_arena *arena = &snapshot->arena;
    struct pn_stream *stream = &snapshot->stream;
    pn_arena_init(arena, 0);
    atomic_init(&snapshot->users, 1);

    *stream = *from;
    stream->name = copy_text(arena, from->name);
    stream->arn = pn_arena_printf(arena, "arn:aws:kinesis:%s:%s:stream/%s", config->region,
                                  config->account, from->name);
    stream->topic = pn_arena_printf(arena, "%s%s", PN_KINESIS_TOPIC_PREFIX, from->name);
    struct pn_shard *shards = pn_arena_calloc(arena, from->shard_count, sizeof *shards);
    memcpy(shards, from->shards, from->shard_count * sizeof *shards);
    stream->shards = shards;
    stream->tags = copy_tags(arena, from->tags, from->tag_count);
    stream->consumers = copy_consumers(arena, from->consumers, from->consumer_count);
    stream->kms_key = copy_text(arena, from->kms_key);
    stream->metrics = copy_texts(arena, from->metrics, from->metric_count);
    stream->policy = copy_text(arena, from->policy);
    snapshot->open = pn_stream_open_shards(stream, arena, &stream->open_shard_count);

    snapshot->live = before != NULL ? before->live : live_create();
    snapshot->generation = before != NULL ? before->generation + (reroutes ? 1 : 0) : 0;
    (void)atomic_fetch_add(&snapshot->live->users, 1);
    live_grow(snapshot->live, stream->shard_count);
    return snapshot;
}

void pn_stream_release(const struct pn_stream **stream)
{
    if (*stream == NULL) {
        return;
    }
    struct pn_snapshot *snapshot = snapshot_of(*stream);
    *stream = NULL;
    if (atomic_fetch_sub(&snapshot->users, 1) == 1) {
        live_release(snapshot->live);
        pn_arena_deinit(&snapshot->arena);
        free(snapshot);
    }
}

/* --- finding ---------------------------------------------------------------------------------- */

/* Where `name` is, or would be. For a holder of streams_lock, or a change. */
static size_t place_of(const struct pn_kinesis *kinesis, const char *name, bool *found)
{
    size_t low = 0;
    size_t high = kinesis->stream_count;
    *found = false;
    while (low < high && !*found) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, kinesis->streams[middle]->stream.name);
        if (order == 0) {
            *found = true;
            low = middle;
        } else if (order > 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct pn_snapshot *pn_registry_find(struct pn_kinesis *kinesis, const char *name)
{
    bool found = false;
    struct pn_snapshot *snapshot = NULL;
    pthread_rwlock_rdlock(&kinesis->streams_lock);
    size_t place = place_of(kinesis, name, &found);
    if (found) {
        snapshot = kinesis->streams[place];
        (void)atomic_fetch_add(&snapshot->users, 1);
    }
    pthread_rwlock_unlock(&kinesis->streams_lock);
    return snapshot;
}

int pn_kinesis_stream(struct pn_kinesis *kinesis, const char *name, const struct pn_stream **stream,
                      struct pn_err *e)
{
    struct pn_snapshot *snapshot = pn_registry_find(kinesis, name);
    if (snapshot == NULL) {
        *stream = NULL;
        if (pn_kinesis_check_closed(kinesis, name, e) != 0) {
            return PN_KINESIS_INTERNAL;
        }
        return pn_err_set(e, PN_CLASS_MISSING, PN_KINESIS_NOT_FOUND,
                          "Stream %.*s under account %s not found.", PN_STREAM_NAME_MAX, name,
                          kinesis->config.account);
    }
    *stream = &snapshot->stream;
    return 0;
}

void pn_kinesis_names(struct pn_kinesis *kinesis, struct pn_arena *arena, const char ***names,
                      size_t *count)
{
    pthread_rwlock_rdlock(&kinesis->streams_lock);
    *count = kinesis->stream_count;
    *names = pn_arena_calloc(arena, *count, sizeof **names);
    for (size_t i = 0; i < *count; i++) {
        (*names)[i] = pn_arena_strdup(arena, kinesis->streams[i]->stream.name);
    }
    pthread_rwlock_unlock(&kinesis->streams_lock);
}

const struct pn_shard *pn_stream_shard_of(const struct pn_stream *stream, struct pn_hash_key key)
{
    const struct pn_snapshot *snapshot = snapshot_of(stream);
    pn_u128 number = pn_hash_key_number(key);
    size_t low = 0; /* the last one that begins at or before the key is from here on */
    size_t high = stream->open_shard_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (pn_hash_key_number(snapshot->open[middle]->hash_start) <= number) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return snapshot->open[low];
}

const struct pn_shard *pn_stream_shard(const struct pn_stream *stream, const char *shard_id,
                                       size_t len)
{
    static const char prefix[] = "shardId-";
    enum { PREFIX_LEN = sizeof prefix - 1, DIGITS = 12 };
    if (len != PREFIX_LEN + DIGITS || memcmp(shard_id, prefix, PREFIX_LEN) != 0) {
        return NULL;
    }
    uint64_t index = 0;
    for (size_t i = PREFIX_LEN; i < len; i++) {
        if (shard_id[i] < '0' || shard_id[i] > '9') {
            return NULL;
        }
        index = index * 10 + (uint64_t)(shard_id[i] - '0');
    }
    return index < stream->shard_count ? &stream->shards[index] : NULL;
}

/* --- changing --------------------------------------------------------------------------------- */

void pn_registry_install(struct pn_kinesis *kinesis, struct pn_snapshot *snapshot)
{
    struct pn_snapshot *old = NULL;
    bool found = false;
    pthread_rwlock_wrlock(&kinesis->streams_lock);
    size_t place = place_of(kinesis, snapshot->stream.name, &found);
    if (found) {
        old = kinesis->streams[place];
        kinesis->streams[place] = snapshot;
    } else {
        pn_grow((void **)&kinesis->streams, &kinesis->stream_capacity, kinesis->stream_count + 1,
                sizeof *kinesis->streams);
        memmove(kinesis->streams + place + 1, kinesis->streams + place,
                (kinesis->stream_count - place) * sizeof(struct pn_snapshot *));
        kinesis->streams[place] = snapshot;
        kinesis->stream_count++;
    }
    pthread_rwlock_unlock(&kinesis->streams_lock);

    /* After the swap: a caller whose snapshot turns out to be old finds this one. */
    pthread_mutex_lock(&snapshot->live->lock);
    snapshot->live->generation = snapshot->generation;
    pthread_mutex_unlock(&snapshot->live->lock);
    if (old != NULL) {
        const struct pn_stream *gone = &old->stream;
        pn_stream_release(&gone);
    }
}

void pn_registry_remove(struct pn_kinesis *kinesis, const char *name)
{
    const struct pn_stream *gone = NULL;
    bool found = false;
    pthread_rwlock_wrlock(&kinesis->streams_lock);
    size_t place = place_of(kinesis, name, &found);
    if (found) {
        gone = &kinesis->streams[place]->stream;
        kinesis->stream_count--;
        memmove(kinesis->streams + place, kinesis->streams + place + 1,
                (kinesis->stream_count - place) * sizeof(struct pn_snapshot *));
    }
    pthread_rwlock_unlock(&kinesis->streams_lock);
    pn_stream_release(&gone);
}

int64_t pn_registry_open_shards(struct pn_kinesis *kinesis)
{
    int64_t sum = 0;
    pthread_rwlock_rdlock(&kinesis->streams_lock);
    for (size_t i = 0; i < kinesis->stream_count; i++) {
        sum += (int64_t)kinesis->streams[i]->stream.open_shard_count;
    }
    pthread_rwlock_unlock(&kinesis->streams_lock);
    return sum;
}

void pn_registry_deinit(struct pn_kinesis *kinesis)
{
    for (size_t i = 0; i < kinesis->stream_count; i++) {
        const struct pn_stream *stream = &kinesis->streams[i]->stream;
        pn_stream_release(&stream);
    }
    free(kinesis->streams);
}

/* --- puts in progress ------------------------------------------------------------------------- */

bool pn_stream_hold_shards(const struct pn_stream *stream, const struct pn_stream_record *records,
                           size_t count)
{
    const struct pn_snapshot *snapshot = snapshot_of(stream);
    struct pn_live_stream *live = snapshot->live;
    pthread_mutex_lock(&live->lock);
    bool fresh = live->generation <= snapshot->generation;
    for (size_t i = 0; i < count && fresh; i++) {
        live->shards[records[i].shard]->puts++;
    }
    pthread_mutex_unlock(&live->lock);
    return fresh;
}

void pn_stream_let_go(const struct pn_stream *stream, const struct pn_stream_record *records,
                      size_t count)
{
    struct pn_live_stream *live = snapshot_of(stream)->live;
    pthread_mutex_lock(&live->lock);
    for (size_t i = 0; i < count; i++) {
        live->shards[records[i].shard]->puts--;
    }
    pthread_cond_broadcast(&live->put_ended);
    pthread_mutex_unlock(&live->lock);
}

static bool is_quiet(const struct pn_snapshot *snapshot)
{
    const struct pn_stream *stream = &snapshot->stream;
    for (size_t i = 0; i < stream->shard_count; i++) {
        bool closed = !stream->shards[i].open || stream->status == PN_STREAM_DELETING;
        if (closed && snapshot->live->shards[i]->puts > 0) {
            return false;
        }
    }
    return true;
}

void pn_stream_drain(const struct pn_snapshot *snapshot)
{
    struct pn_live_stream *live = snapshot->live;
    pthread_mutex_lock(&live->lock);
    while (!is_quiet(snapshot)) {
        pthread_cond_wait(&live->put_ended, &live->lock);
    }
    pthread_mutex_unlock(&live->lock);
}
