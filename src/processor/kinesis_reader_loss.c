/* What is lost, and which shards are gone or at their end. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/time_text.h"
#include "processor/kinesis_reader.h"

enum { GONE_MS = 10000 }; /* so long Kinesis must not list a shard that counts as gone */

const char *pn_kinesis_reader_lost(const struct pn_kinesis_reading *reading, struct pn_arena *arena)
{
    const struct pn_processor_place *place = reading->place;
    int64_t kept_from_ms = reading->now_ms - reading->retention_ms;
    char until[PN_ISO8601_SIZE];
    char kept[PN_ISO8601_SIZE];
    if (place->until_ms == 0 || place->until_ms >= kept_from_ms) {
        return NULL;
    }
    return pn_arena_printf(
        arena,
        "records may be lost: the table has what arrived before %s, and the stream %s keeps "
        "records "
        "since %s only. What arrived in between, an unknown number, never comes to the table. Give "
        "the stream a longer retention, or start its processor sooner",
        pn_iso8601(place->until_ms, until), reading->stream->name, pn_iso8601(kept_from_ms, kept));
}

/* Kinesis does not list the shard. One such answer may be odd, and a shard that counts as gone is
 * never read again: so that is believed when it stays so. */
static int believe_gone(struct pn_kinesis_reading *reading, bool described, struct pn_err *e)
{
    struct pn_kinesis_reader *reader = reading->reader;
    int64_t now_ms = pn_mono_ms(reader->clock);
    pthread_mutex_lock(&reader->lock);
    struct pn_kinesis_reader_shard *shard =
        pn_kinesis_reader_shard_of(reading->stream, reading->shard);
    if (!described && !shard->is_gone) {
        shard->gone_ms = now_ms;
    }
    shard->is_gone = !described;
    bool is_sure = described || now_ms - shard->gone_ms >= GONE_MS;
    pthread_mutex_unlock(&reader->lock);
    return is_sure ? 0
                   : pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                                "Kinesis does not list shard %" PRIu32
                                " of the stream %s: it counts as gone when that is still so after "
                                "10 seconds",
                                reading->shard, reading->stream->name);
}

/* Looks again, and finds the shard. *described is false when Kinesis does not list it any more,
 * and has not for a while. */
static int look_for_shard(struct pn_kinesis_reading *reading, bool *described, bool *closed,
                          struct pn_err *e)
{
    struct pn_kinesis_reader *reader = reading->reader;
    struct pn_kinesis_reader_stream *stream = NULL;
    *described = false;
    *closed = false;
    pn_kinesis_reader_look_again(reader, reading->stream);
    int rc = pn_kinesis_reader_look(reader, reading->stream->name, &stream, e);
    if (rc != 0) {
        return rc;
    }
    pthread_mutex_lock(&reader->lock);
    bool is_same = stream->id == reading->id;
    for (size_t i = 0; i < stream->described_count; i++) {
        if (stream->described[i].index == reading->shard) {
            *described = true;
            *closed = stream->described[i].closed;
        }
    }
    pthread_mutex_unlock(&reader->lock);
    return is_same ? believe_gone(reading, *described, e)
                   : pn_err_missing(e, "the stream %s was deleted while it was read", stream->name);
}

int pn_kinesis_reader_judge_missing(struct pn_kinesis_reading *reading, struct pn_arena *arena,
                                    struct pn_processor_source_records *out, struct pn_err *e)
{
    bool described = false;
    bool closed = false;
    int rc = look_for_shard(reading, &described, &closed, e);
    if (rc != 0) {
        return rc;
    }
    if (described) {
        return pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                          "Kinesis lists shard %" PRIu32 " of the stream %s, but does not read it",
                          reading->shard, reading->stream->name);
    }
    out->lost = pn_kinesis_reader_lost(reading, arena);
    out->next_offset =
        reading->offset + (out->lost != NULL ? PN_KINESIS_READER_LOST_OFFSETS : 0) + 1;
    out->place = *reading->place;
    out->place.ended = true;
    out->behind_ms = 0;
    out->at_end = true;
    return 0;
}

int pn_kinesis_reader_check_end(struct pn_kinesis_reading *reading, struct pn_err *e)
{
    bool described = false;
    bool closed = false;
    int rc = look_for_shard(reading, &described, &closed, e);
    if (rc == 0 && described && !closed) {
        rc = pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                        "Kinesis says that shard %" PRIu32 " of the stream %s is read to its end, "
                        "and lists it as open",
                        reading->shard, reading->stream->name);
    }
    return rc;
}

void pn_kinesis_reader_blame_place(const struct pn_kinesis_reading *reading, struct pn_err *failure)
{
    const char *text = reading->place->text;
    char from[PN_ISO8601_SIZE];
    pn_kinesis_reader_look_again(reading->reader, reading->stream);
    failure->class_ = PN_CLASS_RETRY;
    if (text[0] == '@') {
        pn_err_add(failure,
                   ": the table is to have what arrives in shard %" PRIu32
                   " from %s on. If that is in the future, it begins then; is the clock of this "
                   "machine right, and `start` in pipeline.yml?",
                   reading->shard, pn_iso8601(strtoll(text + 1, NULL, 10), from));
    } else if (text[0] != '\0') {
        pn_err_add(failure,
                   ": the table is in shard %" PRIu32 " at \"%s\". If the table was filled from "
                   "another Kinesis, change kinesis.endpoint back, or fill another table",
                   reading->shard, text);
    }
}
