/* A letter on its way: to its topic, or to its stream. */
#include <stdio.h>
#include <string.h>

#include "letters/internal.h"

enum { SEARCH_RECORDS = 1000, SEARCH_BYTES = 4 << 20 };

/* The one place that a letter's record goes to. */
struct target {
    struct pn_log *log;
    const char *topic; /* in that log */
    struct pn_letter_intent intent;
};

static struct pn_record_header header_of(const struct pn_letter *letter)
{
    return (struct pn_record_header){
        .name = {.data = PN_LETTER_HEADER, .len = sizeof PN_LETTER_HEADER - 1},
        .value = {.data = letter->id, .len = strlen(letter->id)}};
}

/* --- was it sent? ----------------------------------------------------------------------------- */

static bool is_the_letter(const struct pn_record *record, const char *id)
{
    for (size_t i = 0; i < record->header_count; i++) {
        const struct pn_record_header *header = &record->headers[i];
        if (header->name.len == sizeof PN_LETTER_HEADER - 1 &&
            memcmp(header->name.data, PN_LETTER_HEADER, header->name.len) == 0 &&
            header->value.len == strlen(id) &&
            memcmp(header->value.data, id, header->value.len) == 0) {
            return true;
        }
    }
    return false;
}

/* Looks for the letter's record from its intent's offset to the end; *offset is -1 without it.
 * Damaged records are skipped. */
static int search(const struct target *target, const char *id, int64_t *offset, struct pn_err *e)
{
    struct pn_log_offsets ends = {0};
    struct pn_arena arena;
    struct pn_err failure = {0};
    int rc = pn_log_offsets(target->log, target->topic, target->intent.partition, &ends, e);
    int64_t at = target->intent.from > ends.begin ? target->intent.from : ends.begin;
    pn_arena_init(&arena, 0);
    *offset = -1;
    while (rc == 0 && *offset < 0 && at < ends.end) {
        struct pn_log_records records = {0};
        pn_arena_reset(&arena);
        rc = pn_log_read(target->log, target->topic, target->intent.partition, at, SEARCH_RECORDS,
                         SEARCH_BYTES, &arena, &records, &failure);
        for (size_t i = 0; rc == 0 && i < records.count && *offset < 0; i++) {
            if (is_the_letter(&records.records[i], id)) {
                *offset = records.records[i].offset;
            }
        }
        bool passes = rc != 0 && failure.class_ == PN_CLASS_CORRUPT && records.next_offset > at;
        if (rc != 0 && !passes) {
            pn_err_copy(e, &failure);
        }
        rc = passes ? 0 : rc;
        if (rc == 0 && records.next_offset <= at) {
            break;
        }
        at = records.next_offset;
    }
    pn_arena_deinit(&arena);
    return rc;
}

/* --- to a topic ------------------------------------------------------------------------------- */

/* A record with a key goes where its key belongs; one without, to where it was. */
static int aim_at_topic(struct pn_letters *letters, const struct pn_letter *letter,
                        struct target *target, struct pn_err *e)
{
    struct pn_log_topic_info info;
    int rc = pn_log_topic(letters->topics, letter->origin, &info, e);
    if (rc != 0) {
        return rc;
    }
    target->log = letters->topics;
    target->topic = letter->origin;
    target->intent.partition =
        letter->key.data != NULL
            ? pn_partition_of_key(letter->key.data, letter->key.len, info.partitions)
        : letter->partition >= 0 && letter->partition < info.partitions ? letter->partition
                                                                        : 0;
    return 0;
}

static int append_to_topic(const struct pn_letter *letter, const struct target *target,
                           int64_t *offset, struct pn_err *e)
{
    const struct pn_record_header header = header_of(letter);
    struct pn_log_entry entry = {.record = {.key = letter->key,
                                            .value = letter->value,
                                            .headers = &header,
                                            .header_count = 1,
                                            .timestamp_ms = -1},
                                 .partition = target->intent.partition};
    struct pn_log_request request = {.topic = target->topic, .entries = &entry, .count = 1};
    int rc = pn_log_append(target->log, &request, e);
    *offset = entry.offset;
    return rc;
}

/* --- to a stream ------------------------------------------------------------------------------ */

/* A stream's put chooses the shard; the record is appended by a request of its own, with the
 * letter's header beside what the put made. */
static int put_to_stream(struct pn_letters *letters, const struct pn_letter *letter,
                         struct target *target, struct pn_arena *arena, int64_t *offset,
                         struct pn_err *e)
{
    struct pn_stream_record record = {
        .data = letter->value,
        .partition_key =
            letter->key.data != NULL ? letter->key : (struct pn_bytes){.data = "-", .len = 1}};
    struct pn_stream_put put = {.records = &record, .count = 1, .arena = arena};
    const struct pn_record_header header = header_of(letter);
    struct pn_err failure = {0};
    struct pn_log_offsets ends = {0};
    int rc = pn_stream_put_begin(letters->kinesis, letter->origin, &put, e);
    if (rc != 0) {
        return rc;
    }
    if (put.request.count == 1) {
        struct pn_log_entry *entry = &put.request.entries[0];
        entry->record.headers = &header;
        entry->record.header_count = 1;
        target->log = pn_kinesis_log(letters->kinesis);
        target->topic = put.request.topic;
        target->intent.partition = entry->partition;
        rc = pn_log_offsets(target->log, target->topic, entry->partition, &ends, &failure);
        target->intent.from = ends.end;
        if (rc == 0) {
            rc = pn_letters_intend(letters, letter, &target->intent, &failure);
        }
        if (rc == 0) {
            rc = pn_log_append(target->log, &put.request, &failure);
        }
    }
    pn_stream_put_end(&put, rc, &failure);
    if (rc == 0 && record.code != 0) {
        rc = pn_err_set(e, PN_CLASS_RETRY, record.code, "%s", record.msg);
    } else if (rc != 0) {
        pn_err_copy(e, &failure);
    }
    *offset = record.offset;
    return rc;
}

/* The stream's topic, where an earlier attempt may have left the record. */
static int aim_at_stream(struct pn_letters *letters, const struct pn_letter *letter,
                         struct target *target, struct pn_arena *arena, struct pn_err *e)
{
    const struct pn_stream *stream = NULL;
    if (letters->kinesis == NULL) {
        return pn_err_missing(e, "this server has no streams");
    }
    int rc = pn_kinesis_stream(letters->kinesis, letter->origin, &stream, e);
    if (rc != 0) {
        return pn_err_missing(e, "the stream %s is not there any more", letter->origin);
    }
    target->log = pn_kinesis_log(letters->kinesis);
    target->topic = pn_arena_strdup(arena, stream->topic);
    pn_stream_release(&stream);
    return 0;
}

/* --- both ------------------------------------------------------------------------------------- */

static int send_new(struct pn_letters *letters, const struct pn_letter *letter,
                    struct target *target, struct pn_arena *arena, int64_t *offset,
                    struct pn_err *e)
{
    struct pn_log_offsets ends = {0};
    if (letter->is_stream) {
        return put_to_stream(letters, letter, target, arena, offset, e);
    }
    int rc = aim_at_topic(letters, letter, target, e);
    if (rc == 0) {
        rc = pn_log_offsets(target->log, target->topic, target->intent.partition, &ends, e);
    }
    target->intent.from = ends.end;
    if (rc == 0) {
        rc = pn_letters_intend(letters, letter, &target->intent, e);
    }
    return rc != 0 ? rc : append_to_topic(letter, target, offset, e);
}

/* Under which id the letter is known; its own where it is not known. */
static int look_up(struct pn_letters *letters, const struct pn_letter *letter, const char **id,
                   bool *is_known, struct pn_letter_sent *sent, int64_t *from, struct pn_err *e)
{
    *id = letter->id;
    int rc = pn_letters_read(letters, letter->id, is_known, sent, from, e);
    if (rc == 0 && !*is_known && letter->old_id != NULL) {
        rc = pn_letters_read(letters, letter->old_id, is_known, sent, from, e);
        *id = *is_known ? letter->old_id : letter->id;
    }
    return rc;
}

static int send_locked(struct pn_letters *letters, const struct pn_letter *asked,
                       struct pn_arena *arena, enum pn_letter_outcome *outcome,
                       struct pn_letter_sent *sent, struct pn_err *e)
{
    struct target target = {.log = letters->topics, .topic = asked->origin};
    struct pn_letter known_as = *asked;
    const struct pn_letter *letter = &known_as;
    bool is_known = false;
    int64_t offset = -1;
    int rc = look_up(letters, asked, &known_as.id, &is_known, sent, &target.intent.from, e);
    *outcome = PN_LETTER_WAS_SENT;
    if (rc != 0 || (is_known && sent->offset >= 0)) {
        return rc;
    }
    if (letter->is_stream) {
        rc = aim_at_stream(letters, letter, &target, arena, e);
    }
    if (rc == 0 && is_known) {
        target.intent.partition = sent->partition;
        rc = search(&target, letter->id, &offset, e);
    }
    if (rc == 0 && offset < 0) {
        *outcome = PN_LETTER_SENT;
        rc = send_new(letters, letter, &target, arena, &offset, e);
        (void)snprintf(sent->origin, sizeof sent->origin, "%s", letter->origin);
        sent->partition = target.intent.partition;
        sent->is_edited = letter->is_edited;
        sent->sent_ms = pn_wall_ms(letters->clock);
    }
    sent->offset = offset;
    return rc != 0 ? rc : pn_letters_note_sent(letters, letter->id, offset, e);
}

int pn_letters_send(struct pn_letters *letters, const struct pn_letter *letter,
                    enum pn_letter_outcome *outcome, struct pn_letter_sent *sent, struct pn_err *e)
{
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    pthread_mutex_lock(&letters->lock);
    int rc = send_locked(letters, letter, &arena, outcome, sent, e);
    pthread_mutex_unlock(&letters->lock);
    pn_arena_deinit(&arena);
    return rc;
}
