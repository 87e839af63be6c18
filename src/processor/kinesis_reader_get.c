#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/time_text.h"
#include "processor/kinesis_reader.h"

enum { GONE_MS = 10000 }; /* so long Kinesis must not list a shard that counts as gone */
/* Where records are lost, offsets continue so much later: further than any batch reaches, so that
 * what a crash has left of a batch (its dead letters) is not taken for what follows. */
static const int64_t LOST_OFFSETS = INT64_C(1) << 32;

/* --- what a read means ------------------------------------------------------------------------ */

/*
 * The record before the place is gone, or there was none. A stream keeps records for a while only:
 * so those that followed may be gone, too, unless all that arrived until a time that is not so long
 * ago was read. All by the clock of Kinesis, so that processes whose clocks differ number what
 * follows alike. Why records may be lost, in the arena; NULL: none are.
 */
static const char *what_is_lost(const struct pn_kinesis_reading *reading, struct pn_arena *arena)
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

/* Passes the record that the table has already, with which an iterator made for its number begins.
 * False: it should have been met by now, and was not; or the place is not after a record. */
static bool pass_first(struct pn_kinesis_reading *reading, struct pn_kinesis_reader_records *got,
                       bool at_end)
{
    if (!reading->cursor.is_first) {
        return true;
    }
    bool has_number = reading->place->text[0] != '\0' && reading->place->text[0] != '@';
    if (has_number && got->count == 0 && !at_end) {
        return true; /* it may still come: a read can be empty before the records */
    }
    reading->cursor.is_first = false;
    bool is_met =
        has_number && got->count > 0 && strcmp(got->sequences[0], reading->place->text) == 0;
    if (is_met) {
        got->records++;
        got->sequences++;
        got->count--;
    }
    return is_met;
}

/* Fills what the caller gets, and the cursor of what follows. */
static void take(struct pn_kinesis_reading *reading, struct pn_kinesis_reader_records *got,
                 size_t max_records, struct pn_arena *arena,
                 struct pn_processor_source_records *out)
{
    bool ended = got->next == NULL;
    out->at_end = ended || (got->behind_ms == 0 && got->count < max_records);
    if (!pass_first(reading, got, out->at_end)) {
        out->lost = what_is_lost(reading, arena);
    }
    int64_t first = reading->offset + (out->lost != NULL ? LOST_OFFSETS : 0);
    for (size_t i = 0; i < got->count; i++) {
        got->records[i].offset = first + (int64_t)i;
    }
    out->records = got->records;
    out->sequences = got->sequences;
    out->count = got->count;
    out->next_offset = first + (int64_t)got->count + (ended ? 1 : 0);
    out->lost_until = reading->offset;
    out->behind_ms = got->behind_ms;
    out->place = *reading->place;
    out->place.ended = ended;
    int64_t until_ms = reading->now_ms - got->behind_ms;
    out->place.until_ms = until_ms > out->place.until_ms && !reading->cursor.is_first
                              ? until_ms
                              : out->place.until_ms;
    if (got->count > 0) {
        (void)snprintf(out->place.text, sizeof out->place.text, "%s",
                       got->sequences[got->count - 1]);
    }
    free(reading->cursor.iterator);
    reading->cursor.iterator = got->next;
    reading->cursor.made_ms = pn_mono_ms(reading->reader->clock);
    memcpy(reading->cursor.text, out->place.text, sizeof reading->cursor.text);
    got->next = NULL;
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

/* Kinesis does not have the shard, or the stream. A shard goes some time after its last record. */
static int judge_missing(struct pn_kinesis_reading *reading, struct pn_arena *arena,
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
    out->lost = what_is_lost(reading, arena);
    out->next_offset = reading->offset + (out->lost != NULL ? LOST_OFFSETS : 0) + 1;
    out->place = *reading->place;
    out->place.ended = true;
    out->behind_ms = 0;
    out->at_end = true;
    return 0;
}

/* A shard that was read to its end is never read again, so it is not enough that there is no
 * further iterator: the shard must be closed. The look is also for its children. */
static int check_end(struct pn_kinesis_reading *reading, struct pn_err *e)
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

/* --- reading ---------------------------------------------------------------------------------- */

/* Gets records with the cursor's iterator, or a new one. */
static int get(struct pn_kinesis_reading *reading, size_t max_records, struct pn_arena *arena,
               struct pn_kinesis_reader_records *got, struct pn_err *e)
{
    struct pn_kinesis_reader *reader = reading->reader;
    const char *name = reading->stream->name;
    struct pn_kinesis_reader_cursor *cursor = &reading->cursor;
    int rc = 0;
    for (int tries = 0; tries < 2; tries++) {
        struct pn_err failure = {0};
        rc = 0;
        if (cursor->iterator == NULL) {
            const char *text = reading->place->text;
            rc = pn_kinesis_reader_iterator(reader, name, reading->shard, text, &cursor->iterator,
                                            &failure);
            cursor->made_ms = pn_mono_ms(reader->clock);
            cursor->is_first = true;
            memcpy(cursor->text, text, sizeof cursor->text);
        }
        if (rc == 0) {
            rc = pn_kinesis_reader_get(reader, name, cursor->iterator, max_records, arena, got,
                                       &failure);
        }
        pn_err_copy(e, rc != 0 ? &failure : NULL);
        if (rc != PN_KINESIS_READER_EXPIRED) {
            break;
        }
        free(cursor->iterator);
        cursor->iterator = NULL;
    }
    return rc;
}

/* Kinesis does not take the place: what may be wrong with it. */
static void blame_place(const struct pn_kinesis_reading *reading, struct pn_err *failure)
{
    const char *text = reading->place->text;
    char from[PN_ISO8601_SIZE];
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

/* An error of the calls, as the caller's; 0: there is nothing to read now. */
static int judge(struct pn_kinesis_reading *reading, struct pn_arena *arena,
                 struct pn_processor_source_records *out, struct pn_err *failure)
{
    if (failure->code == PN_KINESIS_READER_THROTTLED) {
        pn_metric_add(reading->reader->throttled, 1);
        pn_kinesis_reader_pace(reading, 0, true);
        return 0;
    }
    if (failure->class_ == PN_CLASS_MISSING) {
        return judge_missing(reading, arena, out, failure);
    }
    if (failure->code == PN_KINESIS_READER_INVALID_ARGUMENT) {
        /* Another stream of the name may be there. */
        pn_kinesis_reader_look_again(reading->reader, reading->stream);
        failure->class_ = PN_CLASS_RETRY;
        blame_place(reading, failure);
    }
    return failure->code;
}

int pn_kinesis_reader_read(struct pn_processor_source *source, const char *name, uint64_t id,
                           uint32_t shard, int64_t offset, const struct pn_processor_place *place,
                           size_t max_records, size_t max_bytes, struct pn_arena *arena,
                           struct pn_processor_source_records *out, struct pn_err *e)
{
    struct pn_kinesis_reading reading = {.reader = (struct pn_kinesis_reader *)source,
                                         .id = id,
                                         .shard = shard,
                                         .offset = offset,
                                         .place = place};
    struct pn_kinesis_reader_records got = {.next = NULL};
    struct pn_err failure = {0};
    bool is_ours = false;
    (void)max_bytes; /* what came was paid for: it is at most 10 MiB */
    *out = (struct pn_processor_source_records){
        .next_offset = offset, .lost_until = offset, .place = *place, .behind_ms = -1};
    int rc = pn_kinesis_reader_look(reading.reader, name, &reading.stream, e);
    if (rc == 0) {
        rc = pn_kinesis_reader_take_turn(&reading, &is_ours, e);
    }
    if (rc != 0 || !is_ours) {
        return rc;
    }
    /* An iterator for a number begins with the record that the table has. */
    rc = get(&reading, max_records + 1, arena, &got, &failure);
    bool is_got = rc == 0;
    if (is_got && got.next == NULL) {
        rc = check_end(&reading, &failure);
    }
    if (rc == 0) {
        take(&reading, &got, max_records, arena, out);
        pn_kinesis_reader_pace(&reading, got.bytes, false);
    } else if (!is_got) {
        rc = judge(&reading, arena, out, &failure);
    }
    pn_kinesis_reader_give_cursor(&reading);
    pn_err_copy(e, rc != 0 ? &failure : NULL);
    return rc;
}

int pn_kinesis_reader_position(struct pn_processor_source *source, const char *name, uint64_t id,
                               uint32_t shard, enum pn_stream_start start, int64_t start_ms,
                               int64_t *offset, struct pn_processor_place *place, struct pn_err *e)
{
    struct pn_kinesis_reader *reader = (struct pn_kinesis_reader *)source;
    struct pn_kinesis_reader_stream *stream = NULL;
    int rc = pn_kinesis_reader_look(reader, name, &stream, e);
    (void)shard;
    if (rc != 0) {
        return rc;
    }
    pthread_mutex_lock(&reader->lock);
    bool is_same = stream->id == id;
    int64_t now_ms = pn_wall_ms(reader->clock) + reader->skew_ms;
    int64_t kept_from_ms = now_ms - stream->retention_ms;
    pthread_mutex_unlock(&reader->lock);
    if (!is_same) {
        return pn_err_missing(e, "the stream %s was deleted while it was read", name);
    }
    *offset = 0;
    *place = (struct pn_processor_place){.until_ms = now_ms}; /* it begins now with what there is */
    if (start == PN_START_LATEST || (start == PN_START_TIMESTAMP && start_ms > kept_from_ms)) {
        place->until_ms = start == PN_START_LATEST ? now_ms : start_ms;
        (void)snprintf(place->text, sizeof place->text, "@%" PRId64, place->until_ms);
    }
    return 0;
}
