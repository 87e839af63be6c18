#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "processor/kinesis_reader.h"

/* --- what a read means ------------------------------------------------------------------------ */

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
        out->lost = pn_kinesis_reader_lost(reading, arena);
    }
    int64_t first = reading->offset + (out->lost != NULL ? PN_KINESIS_READER_LOST_OFFSETS : 0);
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
        return pn_kinesis_reader_judge_missing(reading, arena, out, failure);
    }
    if (failure->code == PN_KINESIS_READER_INVALID_ARGUMENT) {
        pn_kinesis_reader_blame_place(reading, failure);
    }
    return failure->code;
}

int pn_kinesis_reader_get_some(struct pn_kinesis_reading *reading, size_t max_records,
                               struct pn_arena *arena, struct pn_processor_source_records *out,
                               struct pn_err *e)
{
    struct pn_kinesis_reader_records got = {.next = NULL};
    struct pn_err failure = {0};
    bool is_ours = false;
    int rc = pn_kinesis_reader_take_turn(reading, &is_ours, e);
    if (rc != 0 || !is_ours) {
        return rc;
    }
    /* An iterator for a number begins with the record that the table has. */
    rc = get(reading, max_records + 1, arena, &got, &failure);
    bool is_got = rc == 0;
    if (is_got && got.next == NULL) {
        rc = pn_kinesis_reader_check_end(reading, &failure);
    }
    if (rc == 0) {
        take(reading, &got, max_records, arena, out);
        pn_kinesis_reader_pace(reading, got.bytes, false);
    } else if (!is_got) {
        rc = judge(reading, arena, out, &failure);
    }
    pn_kinesis_reader_give_cursor(reading);
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
