#include <inttypes.h>
#include <string.h>

#include "log/kafka/private.h"

enum { RECORDS_MAX = 4096, UNSETTLED_MS = 1000, SLICE_MS = 100 };

/* What a read is about. */
struct reading {
    struct pn_kafka *kafka;
    const char *topic;
    int32_t partition;
    struct pn_kafka_part *part;
    int64_t from;
    int64_t end; /* as known when the read began */
    size_t max_records;
    size_t max_bytes;
    struct pn_arena *arena;
    struct pn_log_records *records;
};

/* --- copying ---------------------------------------------------------------------------------- */

static struct pn_bytes copy(struct pn_arena *arena, const void *data, size_t len)
{
    if (data == NULL) {
        return (struct pn_bytes){0};
    }
    char *bytes = pn_arena_alloc(arena, len + 1); /* so that empty is not NULL */
    memcpy(bytes, data, len);
    return (struct pn_bytes){bytes, len};
}

static void copy_headers(struct pn_arena *arena, const rd_kafka_headers_t *headers,
                         struct pn_record *record)
{
    size_t count = rd_kafka_header_cnt(headers);
    struct pn_record_header *copies = pn_arena_calloc(arena, count, sizeof *copies);
    const char *name = NULL;
    const void *value = NULL;
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        if (rd_kafka_header_get_all(headers, i, &name, &value, &len) ==
            RD_KAFKA_RESP_ERR_NO_ERROR) {
            copies[i].name = copy(arena, name, strlen(name));
            copies[i].value = copy(arena, value, len);
        }
    }
    record->headers = copies;
    record->header_count = count;
}

static void add_record(struct reading *reading, const rd_kafka_message_t *message)
{
    struct pn_record *record = &reading->records->records[reading->records->count++];
    rd_kafka_headers_t *headers = NULL;
    rd_kafka_timestamp_type_t type;
    record->key = copy(reading->arena, message->key, message->key_len);
    record->value = copy(reading->arena, message->payload, message->len);
    record->timestamp_ms = rd_kafka_message_timestamp(message, &type);
    record->offset = message->offset;
    if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        copy_headers(reading->arena, headers, record);
    }
}

/* --- reading ---------------------------------------------------------------------------------- */

static int wait_of(const struct reading *reading, int64_t until_ms)
{
    int64_t left_ms = until_ms - pn_mono_ms(reading->kafka->clock);
    if (reading->records->count > 0 || left_ms <= 0) {
        return 0;
    }
    return (int)(left_ms < SLICE_MS ? left_ms : SLICE_MS);
}

static int no_leader(const struct reading *reading, struct pn_err *e)
{
    return pn_kafka_fail(reading->kafka, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, e,
                         "cannot read topic %s, partition %" PRId32 ": it has no leader",
                         reading->topic, reading->partition);
}

/* Nothing came in time. What is after the last stable offset belongs to a transaction that is still
 * open: for now the partition ends before it. */
static int nothing_came(const struct reading *reading, int64_t position, struct pn_err *e)
{
    struct pn_kafka_part *part = reading->part;
    if (!atomic_load(&part->is_led)) {
        return no_leader(reading, e);
    }
    if (position >= atomic_load(&part->end)) {
        atomic_store(&part->delivered, 0);
        return 0;
    }
    return pn_kafka_fail(reading->kafka, RD_KAFKA_RESP_ERR__TIMED_OUT, e,
                         "no record of topic %s, partition %" PRId32 " came from offset %" PRId64
                         " on",
                         reading->topic, reading->partition, position);
}

/* Takes what there is, and waits for the first. */
static int collect(struct reading *reading, struct pn_kafka_reader *reader, struct pn_err *e)
{
    struct pn_log_records *records = reading->records;
    bool is_settled = reading->from < atomic_load(&reading->part->end);
    int64_t wait_ms = is_settled ? reading->kafka->config.timeout_ms : UNSETTLED_MS;
    int64_t until_ms = pn_mono_ms(reading->kafka->clock) + wait_ms;
    size_t bytes = 0;
    while (records->count < reading->max_records) {
        int slice_ms = wait_of(reading, until_ms);
        const rd_kafka_message_t *message = pn_kafka_reader_peek(reader, slice_ms);
        if (message == NULL) {
            if (records->count > 0) {
                return 0;
            }
            if (slice_ms == 0 || !atomic_load(&reading->part->is_led)) {
                return nothing_came(reading, reader->position, e);
            }
            continue;
        }
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            reader->position =
                message->offset > reader->position ? message->offset : reader->position;
            pn_kafka_reader_next(reader);
            if (reader->position >= reading->end) {
                return 0;
            }
            continue; /* an end of before the last append */
        }
        if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            rd_kafka_resp_err_t err = message->err;
            atomic_fetch_add(&reading->part->doubts, 1); /* such as an offset out of range */
            return records->count > 0
                       ? 0
                       : pn_kafka_fail(reading->kafka, err, e,
                                       "cannot read topic %s, partition %" PRId32
                                       " from offset %" PRId64,
                                       reading->topic, reading->partition, reading->from);
        }
        size_t len = message->len + message->key_len;
        if (records->count > 0 && bytes + len > reading->max_bytes) {
            return 0;
        }
        if (message->offset >= reader->position) {
            bytes += len;
            add_record(reading, message);
            reader->position = message->offset + 1;
        }
        pn_kafka_reader_next(reader);
    }
    return 0;
}

static int read_from(struct reading *reading, struct pn_err *e)
{
    struct pn_kafka_reader *reader = NULL;
    struct pn_log_records *records = reading->records;
    int rc = pn_kafka_reader_take(reading->kafka, reading->topic, reading->partition, reading->from,
                                  &reader, e);
    if (rc != 0) {
        return rc;
    }
    records->records =
        pn_arena_calloc(reading->arena, reading->max_records, sizeof *records->records);
    rc = collect(reading, reader, e);
    records->next_offset = reader->position;
    if (rc == 0) {
        pn_kafka_part_read(reading->part, reader->position);
    }
    pn_kafka_reader_give(reading->kafka, reader, rc == 0);
    return rc;
}

/* Asks where the partition begins and ends. */
static int look(struct reading *reading, struct pn_kafka_topic *topic, struct pn_err *e)
{
    return pn_kafka_refresh_end(reading->kafka, topic, reading->partition, e);
}

static int read_part(struct reading *reading, struct pn_kafka_topic *topic, int64_t offset,
                     struct pn_err *e)
{
    struct pn_log_records *records = reading->records;
    int rc = 0;
    if (offset > pn_kafka_part_end(reading->part) || !atomic_load(&reading->part->is_known)) {
        rc = look(reading, topic, e);
    }
    if (rc != 0) {
        return rc;
    }
    int64_t begin = atomic_load(&reading->part->begin);
    reading->end = pn_kafka_part_end(reading->part);
    if (offset > reading->end) {
        return pn_err_input(e,
                            "offset %" PRId64 " is above the end of topic %s, partition %" PRId32
                            ", which is %" PRId64,
                            offset, reading->topic, reading->partition, reading->end);
    }
    reading->from = offset > begin ? offset : begin;
    *records = (struct pn_log_records){.next_offset = reading->from,
                                       .end_offset = reading->end,
                                       .lost_until = offset < begin ? begin : 0};
    if (reading->from < reading->end && reading->max_records > 0) {
        rc = atomic_load(&reading->part->is_led) ? read_from(reading, e) : no_leader(reading, e);
    }
    int64_t end = pn_kafka_part_end(reading->part);
    records->end_offset = end > records->next_offset ? end : records->next_offset;
    return rc;
}

int pn_kafka_read(struct pn_log *log, const char *name, int32_t partition, int64_t offset,
                  size_t max_records, size_t max_bytes, struct pn_arena *arena,
                  struct pn_log_records *records, struct pn_err *e)
{
    struct pn_kafka *kafka = pn_kafka_of(log);
    struct pn_kafka_topic *topic = NULL;
    struct reading reading = {.kafka = kafka,
                              .topic = name,
                              .partition = partition,
                              .max_records = max_records < RECORDS_MAX ? max_records : RECORDS_MAX,
                              .max_bytes = max_bytes,
                              .arena = arena,
                              .records = records};
    *records = (struct pn_log_records){0};
    int rc = pn_kafka_catalog_part(&kafka->catalog, name, partition, &topic, &reading.part, e);
    if (rc != 0) {
        return rc;
    }
    rc = offset >= 0 ? read_part(&reading, topic, offset, e)
                     : pn_err_input(e, "offset %" PRId64 " is below 0", offset);
    if (rc != 0) {
        /* Retention may have been faster than what we know. */
        int64_t begin = atomic_load(&reading.part->begin);
        if (offset >= 0 && look(&reading, topic, NULL) == 0 &&
            atomic_load(&reading.part->begin) > begin && reading.from == offset) {
            rc = read_part(&reading, topic, offset, e);
        }
    }
    pn_kafka_topic_release(topic);
    return rc;
}

int pn_kafka_offset_at(struct pn_log *log, const char *name, int32_t partition,
                       int64_t timestamp_ms, int64_t *offset, struct pn_err *e)
{
    struct pn_kafka *kafka = pn_kafka_of(log);
    struct pn_kafka_topic *topic = NULL;
    struct pn_kafka_part *part = NULL;
    int rc = pn_kafka_catalog_part(&kafka->catalog, name, partition, &topic, &part, e);
    if (rc != 0) {
        return rc;
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, name, partition)->offset =
        timestamp_ms > 0 ? timestamp_ms : 0;
    rd_kafka_resp_err_t err =
        rd_kafka_offsets_for_times(kafka->asker, list, (int)kafka->config.timeout_ms);
    err = err == RD_KAFKA_RESP_ERR_NO_ERROR ? list->elems[0].err : err;
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rc = pn_kafka_fail(kafka, err, e, "cannot look for a time in topic %s, partition %" PRId32,
                           name, partition);
    } else {
        *offset = list->elems[0].offset >= 0 ? list->elems[0].offset : pn_kafka_part_end(part);
    }
    rd_kafka_topic_partition_list_destroy(list);
    pn_kafka_topic_release(topic);
    return rc;
}
