/* When a shard is read, by which of the threads, and with which iterator. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "processor/kinesis_reader.h"

enum {
    ITERATOR_MS_MAX = 4 * 60 * 1000, /* an iterator is good for 5 minutes */
    BYTES_PER_SECOND = 2 << 20,      /* that a shard gives; a larger read uses up later seconds */
    PAUSE_FIRST_MS = 500,            /* after a refusal, doubled by each further one */
    PAUSE_MAX_MS = 1000, /* limits are of a second, and who waits longer gets none of its reads */
    SILENT_MS = 2000     /* a thread that has not asked since then has no turn any more */
};

struct pn_kinesis_reader_shard *pn_kinesis_reader_shard_of(struct pn_kinesis_reader_stream *stream,
                                                           uint32_t index)
{
    for (size_t i = 0; i < stream->shard_count; i++) {
        if (stream->shards[i].index == index) {
            return &stream->shards[i];
        }
    }
    stream->shards =
        pn_xrealloc(stream->shards, (stream->shard_count + 1) * sizeof *stream->shards);
    stream->shards[stream->shard_count] = (struct pn_kinesis_reader_shard){.index = index};
    return &stream->shards[stream->shard_count++];
}

/* What is known of this thread as one that reads the shard. Those that have stopped asking are left
 * out. With the lock. */
static struct pn_kinesis_reader_thread *note_asking(struct pn_kinesis_reader_shard *shard,
                                                    int64_t now_ms, int64_t silent_ms)
{
    struct pn_kinesis_reader_thread *own = NULL;
    size_t count = 0;
    for (size_t i = 0; i < shard->thread_count; i++) {
        bool is_own = pthread_equal(shard->threads[i].thread, pthread_self());
        if (is_own || now_ms - shard->threads[i].asked_ms <= silent_ms) {
            shard->threads[count] = shard->threads[i];
            own = is_own ? &shard->threads[count] : own;
            count++;
        }
    }
    shard->thread_count = count;
    if (own != NULL) {
        own->is_regular = true;
        own->asked_ms = now_ms;
    } else {
        pn_grow((void **)&shard->threads, &shard->thread_capacity, count + 1,
                sizeof *shard->threads);
        own = &shard->threads[shard->thread_count++];
        *own = (struct pn_kinesis_reader_thread){
            .thread = pthread_self(), .asked_ms = now_ms, .read_ms = now_ms};
    }
    return own;
}

/* Is it this thread's turn to read the shard? Of those that wait, the one whose last read is the
 * oldest has it: else the thread that happens to ask first after each read would have all reads.
 * With the lock. */
static bool is_turn(const struct pn_kinesis_reader *reader, struct pn_kinesis_reader_shard *shard,
                    int64_t now_ms)
{
    int64_t silent_ms = SILENT_MS > 4 * reader->read_ms ? SILENT_MS : 4 * reader->read_ms;
    struct pn_kinesis_reader_thread *own = note_asking(shard, now_ms, silent_ms);
    if (now_ms < shard->next_ms) {
        return false;
    }
    for (size_t i = 0; i < shard->thread_count; i++) {
        const struct pn_kinesis_reader_thread *other = &shard->threads[i];
        bool waits = other->is_regular && other->asked_ms > other->read_ms;
        if (other != own && waits && other->read_ms < own->read_ms) {
            return false;
        }
    }
    own->read_ms = now_ms;
    return true;
}

/* Is the stream still that one? With the lock. */
static bool note_stream(struct pn_kinesis_reading *reading)
{
    reading->retention_ms = reading->stream->retention_ms;
    reading->now_ms = pn_wall_ms(reading->reader->clock) + reading->reader->skew_ms;
    return reading->stream->id == reading->id;
}

static int other_stream(const struct pn_kinesis_reading *reading, struct pn_err *e)
{
    return pn_err_missing(e, "the stream %s was deleted while it was read", reading->stream->name);
}

int pn_kinesis_reader_check_stream(struct pn_kinesis_reading *reading, struct pn_err *e)
{
    pthread_mutex_lock(&reading->reader->lock);
    bool is_same = note_stream(reading);
    pthread_mutex_unlock(&reading->reader->lock);
    return is_same ? 0 : other_stream(reading, e);
}

static bool is_fresh(const struct pn_kinesis_reader_cursor *cursor, int64_t now_ms)
{
    return now_ms - cursor->made_ms <= ITERATOR_MS_MAX;
}

int pn_kinesis_reader_take_turn(struct pn_kinesis_reading *reading, bool *is_ours, struct pn_err *e)
{
    struct pn_kinesis_reader *reader = reading->reader;
    int64_t now_ms = pn_mono_ms(reader->clock);
    pthread_mutex_lock(&reader->lock);
    bool is_same = note_stream(reading);
    struct pn_kinesis_reader_shard *shard =
        pn_kinesis_reader_shard_of(reading->stream, reading->shard);
    *is_ours = is_same && is_turn(reader, shard, now_ms);
    if (*is_ours) {
        shard->next_ms = now_ms + reader->read_ms;
        for (size_t i = 0; i < shard->cursor_count; i++) {
            if (strcmp(shard->cursors[i].text, reading->place->text) == 0) {
                reading->cursor = shard->cursors[i];
                shard->cursors[i] = shard->cursors[--shard->cursor_count];
                break;
            }
        }
    }
    pthread_mutex_unlock(&reader->lock);
    if (reading->cursor.iterator != NULL && !is_fresh(&reading->cursor, now_ms)) {
        free(reading->cursor.iterator);
        reading->cursor.iterator = NULL;
    }
    return is_same ? 0 : other_stream(reading, e);
}

/* A free place among the shard's cursors. With the lock. */
static size_t room_for_cursor(struct pn_kinesis_reader_shard *shard, int64_t now_ms)
{
    size_t kept = 0;
    size_t oldest = 0;
    for (size_t i = 0; i < shard->cursor_count; i++) {
        if (!is_fresh(&shard->cursors[i], now_ms)) {
            free(shard->cursors[i].iterator);
            continue;
        }
        shard->cursors[kept] = shard->cursors[i];
        oldest = shard->cursors[kept].made_ms < shard->cursors[oldest].made_ms ? kept : oldest;
        kept++;
    }
    if (kept == PN_KINESIS_READER_CURSORS_MAX) {
        free(shard->cursors[oldest].iterator);
        shard->cursor_count = kept;
        return oldest;
    }
    pn_grow((void **)&shard->cursors, &shard->cursor_capacity, kept + 1, sizeof *shard->cursors);
    shard->cursor_count = kept + 1;
    return kept;
}

void pn_kinesis_reader_give_cursor(struct pn_kinesis_reading *reading)
{
    struct pn_kinesis_reader *reader = reading->reader;
    if (reading->cursor.iterator == NULL) {
        return;
    }
    pthread_mutex_lock(&reader->lock);
    if (reading->stream->id != reading->id) {
        pthread_mutex_unlock(&reader->lock);
        free(reading->cursor.iterator);
        reading->cursor.iterator = NULL;
        return;
    }
    struct pn_kinesis_reader_shard *shard =
        pn_kinesis_reader_shard_of(reading->stream, reading->shard);
    size_t at = room_for_cursor(shard, pn_mono_ms(reader->clock));
    shard->cursors[at] = reading->cursor;
    pthread_mutex_unlock(&reader->lock);
    reading->cursor.iterator = NULL;
}

void pn_kinesis_reader_pace(struct pn_kinesis_reading *reading, int64_t bytes, bool is_refused)
{
    struct pn_kinesis_reader *reader = reading->reader;
    pthread_mutex_lock(&reader->lock);
    struct pn_kinesis_reader_shard *shard =
        pn_kinesis_reader_shard_of(reading->stream, reading->shard);
    int64_t pause_ms = bytes * 1000 / BYTES_PER_SECOND;
    if (is_refused) {
        int64_t doubled_ms = shard->pause_ms > 0 ? 2 * shard->pause_ms : PAUSE_FIRST_MS;
        shard->pause_ms = doubled_ms < PAUSE_MAX_MS ? doubled_ms : PAUSE_MAX_MS;
        pause_ms = shard->pause_ms / 2 +
                   (int64_t)pn_random_below(&reader->random, (uint64_t)shard->pause_ms);
    } else {
        shard->pause_ms = 0;
        shard->is_gone = false;
    }
    int64_t next_ms = pn_mono_ms(reader->clock) + pause_ms;
    shard->next_ms = next_ms > shard->next_ms ? next_ms : shard->next_ms;
    pthread_mutex_unlock(&reader->lock);
}
