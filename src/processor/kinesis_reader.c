#include "processor/kinesis_reader.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "processor/kinesis_fanout.h"
#include "processor/origin.h"

/* With the lock: copies of the names that are remembered. */
static void copy_names(const struct pn_kinesis_reader *reader, struct pn_arena *arena,
                       const char ***names, size_t *count)
{
    *count = reader->name_count;
    *names = pn_arena_calloc(arena, reader->name_count + 1, sizeof **names);
    for (size_t i = 0; i < reader->name_count; i++) {
        (*names)[i] = pn_arena_strdup(arena, reader->names[i]);
    }
}

/* Kinesis allows few lists of streams a second, and who looks for new streams asks often. */
static int list_names(struct pn_processor_source *source, struct pn_arena *arena,
                      const char ***names, size_t *count, struct pn_err *e)
{
    struct pn_kinesis_reader *reader = (struct pn_kinesis_reader *)source;
    const char **listed = NULL;
    size_t listed_count = 0;
    struct pn_arena kept;
    pthread_mutex_lock(&reader->lock);
    bool is_known = reader->listed_ms != INT64_MIN &&
                    pn_mono_ms(reader->clock) - reader->listed_ms < PN_KINESIS_READER_LOOK_MS;
    if (is_known) {
        copy_names(reader, arena, names, count);
    }
    pthread_mutex_unlock(&reader->lock);
    if (is_known) {
        return 0;
    }
    pn_arena_init(&kept, 0);
    int rc = pn_kinesis_reader_names(reader, &kept, &listed, &listed_count, e);
    if (rc != 0) {
        pn_arena_deinit(&kept);
        return rc;
    }
    pthread_mutex_lock(&reader->lock);
    pn_arena_deinit(&reader->arena);
    reader->arena = kept;
    reader->names = listed;
    reader->name_count = listed_count;
    reader->listed_ms = pn_mono_ms(reader->clock);
    copy_names(reader, arena, names, count);
    pthread_mutex_unlock(&reader->lock);
    return 0;
}

static int describe(struct pn_processor_source *source, const char *name, struct pn_arena *arena,
                    struct pn_processor_source_stream *out, struct pn_err *e)
{
    struct pn_kinesis_reader *reader = (struct pn_kinesis_reader *)source;
    struct pn_kinesis_reader_stream *stream = NULL;
    int rc = pn_kinesis_reader_look(reader, name, &stream, e);
    if (rc != 0) {
        return rc;
    }
    pthread_mutex_lock(&reader->lock);
    *out = (struct pn_processor_source_stream){.id = stream->id,
                                               .shard_count = stream->described_count};
    out->origin = pn_processor_origin_of(stream->arn, arena);
    out->shards = pn_arena_calloc(arena, stream->described_count + 1, sizeof *out->shards);
    if (stream->described_count > 0) {
        memcpy(out->shards, stream->described, stream->described_count * sizeof *out->shards);
    }
    pthread_mutex_unlock(&reader->lock);
    return 0;
}

static int read_shard(struct pn_processor_source *source, const char *name, uint64_t id,
                      uint32_t shard, int64_t offset, const struct pn_processor_place *place,
                      size_t max_records, size_t max_bytes, struct pn_arena *arena,
                      struct pn_processor_source_records *out, struct pn_err *e)
{
    struct pn_kinesis_reader *reader = (struct pn_kinesis_reader *)source;
    struct pn_kinesis_reading reading = {
        .reader = reader, .id = id, .shard = shard, .offset = offset, .place = place};
    bool is_read = false;
    *out = (struct pn_processor_source_records){
        .next_offset = offset, .lost_until = offset, .place = *place, .behind_ms = -1};
    int rc = pn_kinesis_reader_look(reader, name, &reading.stream, e);
    if (rc == 0 && reader->fanout != NULL) {
        rc = pn_kinesis_fanout_read(reader->fanout, &reading, max_records, max_bytes, arena, out,
                                    &is_read, e);
    }
    return rc != 0 || is_read ? rc
                              : pn_kinesis_reader_get_some(&reading, max_records, arena, out, e);
}

static uint64_t wait(struct pn_processor_source *source, uint64_t seen, int64_t ms)
{
    struct pn_kinesis_reader *reader = (struct pn_kinesis_reader *)source;
    return pn_notifier_wait(&reader->notifier, seen, ms < reader->read_ms ? ms : reader->read_ms);
}

static void wake(struct pn_processor_source *source)
{
    pn_notifier_notify(&((struct pn_kinesis_reader *)source)->notifier);
}

static void destroy(struct pn_processor_source *source)
{
    struct pn_kinesis_reader *reader = (struct pn_kinesis_reader *)source;
    pn_remote_destroy(&reader->remote);
    pn_kinesis_fanout_destroy(&reader->fanout);
    while (reader->streams != NULL) {
        struct pn_kinesis_reader_stream *stream = reader->streams;
        reader->streams = stream->next;
        pn_kinesis_reader_forget(stream);
        free(stream->described);
        free(stream->name);
        free(stream);
    }
    pn_arena_deinit(&reader->arena);
    pn_notifier_deinit(&reader->notifier);
    pthread_mutex_destroy(&reader->looking);
    pthread_mutex_destroy(&reader->lock);
    free(reader);
}

int pn_processor_source_kinesis(const struct pn_processor_kinesis *config,
                                struct pn_processor_source **source, struct pn_err *e)
{
    static const struct pn_processor_source_ops ops = {.destroy = destroy,
                                                       .names = list_names,
                                                       .describe = describe,
                                                       .position = pn_kinesis_reader_position,
                                                       .read = read_shard,
                                                       .wait = wait,
                                                       .wake = wake};
    bool subscribes = config->consumer != NULL && config->consumer[0] != '\0';
    /* Kinesis takes subscriptions over HTTP/2 alone; each has a connection of its own. */
    const struct pn_remote_config remote_config = {
        .endpoint = config->endpoint,
        .region = config->region,
        .http2 = subscribes,
        .connections_max =
            PN_REMOTE_CONNECTIONS_MAX + (subscribes ? PN_KINESIS_SUBSCRIPTIONS_MAX : 0)};
    const struct pn_remote_env env = {
        .io = config->io, .clock = config->clock, .metrics = config->metrics};
    struct pn_remote *remote = NULL;
    int rc = pn_remote_create(&remote_config, &env, &remote, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_kinesis_reader *made = pn_xcalloc(1, sizeof *made);
    made->source = (struct pn_processor_source){.ops = &ops, .has_places = true};
    made->remote = remote;
    made->clock = config->clock;
    made->read_ms = config->read_ms;
    made->listed_ms = INT64_MIN;
    pn_arena_init(&made->arena, 0);
    made->throttled = pn_metrics_get(config->metrics, PN_METRIC_STREAM_THROTTLED_READS, NULL);
    pn_random_init(&made->random, pn_entropy_u64());
    pn_notifier_init(&made->notifier);
    pthread_mutex_init(&made->looking, NULL);
    pthread_mutex_init(&made->lock, NULL);
    if (subscribes) {
        rc = pn_kinesis_fanout_create(made, config->consumer, config->metrics, &made->fanout, e);
    }
    if (rc != 0) {
        destroy(&made->source);
        return rc;
    }
    *source = &made->source;
    return 0;
}
