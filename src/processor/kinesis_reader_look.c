/* Which streams and shards there are, remembered for a while. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "processor/kinesis_reader.h"

enum { STALE_MS = 60000 }; /* what is known is good, while Kinesis refuses to be asked */

/* --- what is remembered ----------------------------------------------------------------------- */

/* With the lock. */
static struct pn_kinesis_reader_stream *find(struct pn_kinesis_reader *reader, const char *name)
{
    struct pn_kinesis_reader_stream *stream = reader->streams;
    while (stream != NULL && strcmp(stream->name, name) != 0) {
        stream = stream->next;
    }
    if (stream == NULL) {
        stream = pn_xcalloc(1, sizeof *stream);
        stream->name = pn_xstrdup(name);
        stream->looked_ms = INT64_MIN;
        stream->next = reader->streams;
        reader->streams = stream;
    }
    return stream;
}

void pn_kinesis_reader_forget(struct pn_kinesis_reader_stream *stream)
{
    for (size_t i = 0; i < stream->shard_count; i++) {
        for (size_t j = 0; j < stream->shards[i].cursor_count; j++) {
            free(stream->shards[i].cursors[j].iterator);
        }
        free(stream->shards[i].cursors);
        free(stream->shards[i].threads);
    }
    free(stream->shards);
    stream->shards = NULL;
    stream->shard_count = 0;
}

/* Takes over what a look has found. */
static void remember(struct pn_kinesis_reader *reader, struct pn_kinesis_reader_stream *stream,
                     const struct pn_kinesis_reader_summary *summary,
                     struct pn_processor_source_shard *shards, size_t count)
{
    pthread_mutex_lock(&reader->lock);
    if (stream->id != summary->id) {
        pn_kinesis_reader_forget(stream);
    }
    free(stream->described);
    stream->described = shards;
    stream->described_count = count;
    stream->id = summary->id;
    memcpy(stream->arn, summary->arn, sizeof stream->arn);
    stream->retention_ms = summary->retention_ms;
    stream->looked_ms = pn_mono_ms(reader->clock);
    reader->skew_ms = summary->skew_ms;
    pthread_mutex_unlock(&reader->lock);
}

static bool is_good_for(struct pn_kinesis_reader *reader,
                        const struct pn_kinesis_reader_stream *stream, int64_t ms)
{
    pthread_mutex_lock(&reader->lock);
    bool is_good = stream->looked_ms != INT64_MIN && stream->id != 0 &&
                   pn_mono_ms(reader->clock) - stream->looked_ms < ms;
    pthread_mutex_unlock(&reader->lock);
    return is_good;
}

/* With `looking` held. */
static int ask(struct pn_kinesis_reader *reader, struct pn_kinesis_reader_stream *stream,
               struct pn_err *e)
{
    struct pn_kinesis_reader_summary summary = {0};
    struct pn_processor_source_shard *shards = NULL;
    size_t count = 0;
    struct pn_err failure = {0};
    int rc = pn_kinesis_reader_summary(reader, stream->name, &summary, &failure);
    if (rc == 0) {
        rc = pn_kinesis_reader_shards(reader, stream->name, &shards, &count, &failure);
    }
    if (rc == 0) {
        remember(reader, stream, &summary, shards, count);
        return 0;
    }
    if (failure.code == PN_KINESIS_READER_THROTTLED && is_good_for(reader, stream, STALE_MS)) {
        return 0; /* others ask, too: what is known is good enough */
    }
    if (failure.class_ == PN_CLASS_MISSING) {
        pthread_mutex_lock(&reader->lock);
        stream->looked_ms = INT64_MIN;
        stream->id = 0;
        pn_kinesis_reader_forget(stream);
        pthread_mutex_unlock(&reader->lock);
        (void)pn_err_missing(&failure, "the stream %s is not in the Kinesis of kinesis.endpoint",
                             stream->name);
    }
    pn_err_copy(e, &failure);
    return rc;
}

int pn_kinesis_reader_look(struct pn_kinesis_reader *reader, const char *name,
                           struct pn_kinesis_reader_stream **stream, struct pn_err *e)
{
    int rc = 0;
    pthread_mutex_lock(&reader->lock);
    *stream = find(reader, name);
    pthread_mutex_unlock(&reader->lock);
    if (!is_good_for(reader, *stream, PN_KINESIS_READER_LOOK_MS)) {
        pthread_mutex_lock(&reader->looking);
        if (!is_good_for(reader, *stream,
                         PN_KINESIS_READER_LOOK_MS)) { /* nobody else has meanwhile */
            rc = ask(reader, *stream, e);
        }
        pthread_mutex_unlock(&reader->looking);
    }
    return rc;
}

void pn_kinesis_reader_look_again(struct pn_kinesis_reader *reader,
                                  struct pn_kinesis_reader_stream *stream)
{
    pthread_mutex_lock(&reader->lock);
    stream->looked_ms = INT64_MIN;
    pthread_mutex_unlock(&reader->lock);
}
