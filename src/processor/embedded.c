/* The source that reads the streams of this process. */
#include <stdlib.h>

#include "base/mem.h"
#include "base/notifier.h"
#include "processor/source.h"

/* How long a reader rests after it was woken, so that a busy log, whose every commit rings, does
 * not wake each reader for each commit. */
enum { REST_MS = 5 };

struct embedded {
    struct pn_processor_source source;
    struct pn_kinesis *kinesis;
    struct pn_log *log;
    struct pn_notifier notifier;
    int listen_id;
};

static void on_append(void *arg)
{
    struct embedded *embedded = arg;
    pn_notifier_notify(&embedded->notifier);
}

static void destroy(struct pn_processor_source *source)
{
    struct embedded *embedded = (struct embedded *)source;
    pn_log_unlisten(embedded->log, embedded->listen_id);
    pn_notifier_deinit(&embedded->notifier);
    free(embedded);
}

static int list_names(struct pn_processor_source *source, struct pn_arena *arena,
                      const char ***names, size_t *count, struct pn_err *e)
{
    (void)e;
    pn_kinesis_names(((struct embedded *)source)->kinesis, arena, names, count);
    return 0;
}

/* Streams speak of themselves by Kinesis' codes; a caller here goes by the class. */
static int fail(const struct pn_err *failure, struct pn_err *e)
{
    pn_err_copy(e, failure);
    if (e != NULL && failure->code == PN_KINESIS_NOT_FOUND) {
        e->class_ = PN_CLASS_MISSING;
    }
    return failure->code != 0 ? failure->code : PN_FAIL;
}

static int find(struct embedded *embedded, const char *name, uint64_t id, uint32_t shard,
                const struct pn_stream **stream, struct pn_err *e)
{
    struct pn_err failure = {0};
    int rc = pn_kinesis_stream(embedded->kinesis, name, stream, &failure);
    if (rc != 0) {
        return fail(&failure, e);
    }
    if ((*stream)->id != id || shard >= (*stream)->shard_count) {
        pn_stream_release(stream);
        return pn_err_missing(e, "the stream %s was deleted while it was read", name);
    }
    return 0;
}

static int describe_shard(struct embedded *embedded, const struct pn_stream *stream,
                          const struct pn_shard *shard, struct pn_processor_source_shard *out,
                          struct pn_err *e)
{
    struct pn_log_offsets offsets;
    int rc = pn_log_offsets(embedded->log, stream->topic, (int32_t)shard->index, &offsets, e);
    if (rc != 0) {
        return rc;
    }
    bool complete = !shard->open && shard->end_offset >= 0;
    *out = (struct pn_processor_source_shard){.index = shard->index,
                                              .parent = shard->parent,
                                              .adjacent_parent = shard->adjacent_parent,
                                              .created_ms = shard->created_ms,
                                              .hash_start = shard->hash_start,
                                              .hash_end = shard->hash_end,
                                              .closed = complete,
                                              .complete = complete,
                                              .begin = offsets.begin,
                                              .end = complete ? shard->end_offset : offsets.end};
    return 0;
}

static int describe(struct pn_processor_source *source, const char *name, struct pn_arena *arena,
                    struct pn_processor_source_stream *out, struct pn_err *e)
{
    struct embedded *embedded = (struct embedded *)source;
    const struct pn_stream *stream = NULL;
    struct pn_err failure = {0};
    int rc = pn_kinesis_stream(embedded->kinesis, name, &stream, &failure);
    if (rc != 0) {
        return fail(&failure, e);
    }
    *out =
        (struct pn_processor_source_stream){.id = stream->id, .shard_count = stream->shard_count};
    out->shards = pn_arena_calloc(arena, stream->shard_count, sizeof *out->shards);
    for (size_t i = 0; rc == 0 && i < stream->shard_count; i++) {
        rc = describe_shard(embedded, stream, &stream->shards[i], &out->shards[i], e);
    }
    /* The topic goes by the stream's name: another stream of that name may have it by now, and its
     * ends would look as if the log had lost records. */
    const struct pn_stream *present = NULL;
    if (rc == 0 && stream->shard_count > 0) {
        rc = find(embedded, name, stream->id, 0, &present, e);
        pn_stream_release(&present);
    }
    pn_stream_release(&stream);
    return rc;
}

static int position(struct pn_processor_source *source, const char *name, uint64_t id,
                    uint32_t shard, enum pn_stream_start start, int64_t start_ms, int64_t *offset,
                    struct pn_processor_place *place, struct pn_err *e)
{
    *place = (struct pn_processor_place){.ended = false};
    static const enum pn_iterator_type types[] = {
        [PN_START_LATEST] = PN_ITERATOR_LATEST,
        [PN_START_TRIM_HORIZON] = PN_ITERATOR_TRIM_HORIZON,
        [PN_START_TIMESTAMP] = PN_ITERATOR_AT_TIMESTAMP,
    };
    struct embedded *embedded = (struct embedded *)source;
    const struct pn_stream *stream = NULL;
    int rc = find(embedded, name, id, shard, &stream, e);
    if (rc == 0) {
        struct pn_err failure = {0};
        rc = pn_shard_position(embedded->kinesis, stream, &stream->shards[shard], types[start],
                               NULL, start_ms, offset, &failure);
        rc = rc != 0 ? fail(&failure, e) : 0;
        pn_stream_release(&stream);
    }
    return rc;
}

static int read_shard(struct pn_processor_source *source, const char *name, uint64_t id,
                      uint32_t shard, int64_t offset, const struct pn_processor_place *place,
                      size_t max_records, size_t max_bytes, struct pn_arena *arena,
                      struct pn_processor_source_records *out, struct pn_err *e)
{
    (void)place;
    struct embedded *embedded = (struct embedded *)source;
    const struct pn_stream *stream = NULL;
    *out = (struct pn_processor_source_records){.next_offset = offset, .lost_until = offset};
    int rc = find(embedded, name, id, shard, &stream, e);
    if (rc == 0) {
        struct pn_err failure = {0};
        struct pn_shard_records read = {.next_offset = offset};
        rc = pn_shard_read(embedded->kinesis, stream, &stream->shards[shard], offset, max_records,
                           max_bytes, false, arena, &read, &failure);
        rc = rc != 0 ? fail(&failure, e) : 0;
        *out = (struct pn_processor_source_records){.records = read.records,
                                                    .count = read.count,
                                                    .next_offset = read.next_offset,
                                                    .lost_until = read.lost_until};
        pn_stream_release(&stream);
    }
    return rc;
}

static uint64_t wait(struct pn_processor_source *source, uint64_t seen, int64_t ms)
{
    struct pn_notifier *notifier = &((struct embedded *)source)->notifier;
    if (pn_notifier_wait(notifier, seen, ms) == seen) {
        return seen;
    }
    pn_sleep_ms(REST_MS);
    return pn_notifier_count(notifier);
}

static void wake(struct pn_processor_source *source)
{
    pn_notifier_notify(&((struct embedded *)source)->notifier);
}

int pn_processor_source_embedded(struct pn_kinesis *kinesis, struct pn_processor_source **source,
                                 struct pn_err *e)
{
    static const struct pn_processor_source_ops ops = {.destroy = destroy,
                                                       .names = list_names,
                                                       .describe = describe,
                                                       .position = position,
                                                       .read = read_shard,
                                                       .wait = wait,
                                                       .wake = wake};
    struct embedded *embedded = pn_xcalloc(1, sizeof *embedded);
    embedded->source.ops = &ops;
    embedded->kinesis = kinesis;
    embedded->log = pn_kinesis_log(kinesis);
    pn_notifier_init(&embedded->notifier);
    int rc = pn_log_listen(embedded->log, on_append, embedded, &embedded->listen_id, e);
    if (rc != 0) {
        pn_notifier_deinit(&embedded->notifier);
        free(embedded);
        return rc;
    }
    *source = &embedded->source;
    return 0;
}

void pn_processor_source_destroy(struct pn_processor_source **source)
{
    if (*source != NULL) {
        (*source)->ops->destroy(*source);
        *source = NULL;
    }
}
