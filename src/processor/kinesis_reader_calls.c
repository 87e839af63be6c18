/*
 * Calls of the Kinesis API, in JSON.
 *
 * Source: Amazon Kinesis Data Streams API Reference: DescribeStreamSummary, ListShards,
 * ListStreams, GetShardIterator, GetRecords.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/json.h"
#include "base/json_writer.h"
#include "base/mem.h"
#include "processor/kinesis_reader.h"
#include "processor/marks.h"

enum {
    PAGES_MAX = 10000, /* of a list: one without an end would be read forever */
    SHARDS_MAX = 1 << 20
};
static const int64_t HOUR_MS = 3600 * 1000;

/* Seconds with a fraction, in ms. */
static bool get_time(const struct pn_json *object, const char *key, int64_t *ms)
{
    const struct pn_json *node = pn_json_get(object, key);
    return node != NULL && node->type == PN_JSON_NUMBER && pn_json_units(node, 3, ms) && *ms > 0;
}

/* --- streams ---------------------------------------------------------------------------------- */

int pn_kinesis_reader_summary(struct pn_kinesis_reader *reader, const char *stream,
                              struct pn_kinesis_reader_summary *out, struct pn_err *e)
{
    enum { SKEW_MS_MIN = 2000 }; /* a header Date counts whole seconds */
    struct pn_reader_call call;
    int64_t created_ms = 0;
    pn_reader_call_begin(&call, "DescribeStreamSummary");
    pn_json_add_cstr(&call.json, "StreamName", stream);
    int rc = pn_reader_call_send(reader, &call, e);
    if (rc == 0) {
        const struct pn_json *summary = pn_json_get(call.root, "StreamDescriptionSummary");
        rc = get_time(summary, "StreamCreationTimestamp", &created_ms)
                 ? 0
                 : pn_reader_call_odd(call.call.operation,
                                      "a stream has no StreamCreationTimestamp", e);
        int64_t skew_ms =
            call.call.date_s > 0 ? call.call.date_s * 1000 - pn_wall_ms(reader->clock) : 0;
        bool is_far = skew_ms > SKEW_MS_MIN || skew_ms < -SKEW_MS_MIN;
        *out = (struct pn_kinesis_reader_summary){
            .id = (uint64_t)created_ms,
            .retention_ms = pn_json_get_i64(summary, "RetentionPeriodHours", 24) * HOUR_MS,
            .skew_ms = is_far ? skew_ms : 0};
        char *arn = pn_reader_call_dup(summary, "StreamARN", sizeof out->arn - 1);
        (void)snprintf(out->arn, sizeof out->arn, "%s", arn != NULL ? arn : "");
        free(arn);
    }
    pn_reader_call_end(&call);
    return rc;
}

/* "shardId-000000000012" */
static bool get_shard(const struct pn_json *object, const char *key, int32_t *index)
{
    char again[PN_SHARD_ID_SIZE];
    char *id = pn_reader_call_dup(object, key, PN_SHARD_ID_SIZE - 1);
    unsigned long number =
        id != NULL && strncmp(id, "shardId-", 8) == 0 ? strtoul(id + 8, NULL, 10) : UINT32_MAX;
    bool is_good = number < INT32_MAX && strcmp(id, pn_shard_id((uint32_t)number, again)) == 0;
    *index = is_good ? (int32_t)number : -1;
    free(id);
    return is_good;
}

static bool get_hash(const struct pn_json *range, const char *key, struct pn_hash_key *hash)
{
    const char *text = NULL;
    size_t len = 0;
    return pn_json_get_text(range, key, &text, &len) && pn_hash_key_parse(text, len, hash);
}

static bool read_shard(const struct pn_json *item, struct pn_processor_source_shard *out)
{
    const struct pn_json *hashes = pn_json_get(item, "HashKeyRange");
    const struct pn_json *numbers = pn_json_get(item, "SequenceNumberRange");
    const struct pn_json *last = pn_json_get(numbers, "EndingSequenceNumber");
    int32_t index = -1;
    *out = (struct pn_processor_source_shard){
        .end = INT64_MAX, .closed = last != NULL && last->type == PN_JSON_STRING};
    bool is_good = get_shard(item, "ShardId", &index);
    (void)get_shard(item, "ParentShardId", &out->parent);
    (void)get_shard(item, "AdjacentParentShardId", &out->adjacent_parent);
    out->index = (uint32_t)index;
    return is_good && get_hash(hashes, "StartingHashKey", &out->hash_start) &&
           get_hash(hashes, "EndingHashKey", &out->hash_end);
}

static int by_index(const void *a, const void *b)
{
    const struct pn_processor_source_shard *one = a;
    const struct pn_processor_source_shard *other = b;
    return one->index < other->index ? -1 : one->index > other->index;
}

/* One page; *token is replaced by the next one's, NULL after the last. */
static int list_page(struct pn_kinesis_reader *reader, const char *stream, char **token,
                     struct pn_processor_source_shard **shards, size_t *count, size_t *capacity,
                     struct pn_err *e)
{
    struct pn_reader_call call;
    pn_reader_call_begin(&call, "ListShards");
    if (*token != NULL) {
        pn_json_add_cstr(&call.json, "NextToken", *token);
    } else {
        pn_json_add_cstr(&call.json, "StreamName", stream);
    }
    int rc = pn_reader_call_send(reader, &call, e);
    const struct pn_json *list = rc == 0 ? pn_json_get(call.root, "Shards") : NULL;
    if (rc == 0 && (list == NULL || list->type != PN_JSON_ARRAY || list->count > SHARDS_MAX ||
                    *count + list->count > SHARDS_MAX)) {
        rc = pn_reader_call_odd(call.call.operation,
                                "there is no list of shards, or it is too long", e);
    }
    for (const struct pn_json *item = rc == 0 ? list->first : NULL; rc == 0 && item != NULL;
         item = item->next) {
        pn_grow((void **)shards, capacity, *count + 1, sizeof **shards);
        rc = read_shard(item, &(*shards)[*count])
                 ? 0
                 : pn_reader_call_odd(call.call.operation, "a shard is not one", e);
        *count += rc == 0;
    }
    free(*token);
    *token = rc == 0
                 ? pn_reader_call_dup(call.root, "NextToken", PN_KINESIS_READER_ITERATOR_BYTES_MAX)
                 : NULL;
    pn_reader_call_end(&call);
    return rc;
}

int pn_kinesis_reader_shards(struct pn_kinesis_reader *reader, const char *stream,
                             struct pn_processor_source_shard **shards, size_t *count,
                             struct pn_err *e)
{
    struct pn_processor_source_shard *found = NULL;
    size_t capacity = 0;
    char *token = NULL;
    *count = 0;
    int pages = 0;
    int rc = 0;
    do {
        rc = list_page(reader, stream, &token, &found, count, &capacity, e);
    } while (rc == 0 && token != NULL && ++pages < PAGES_MAX);
    free(token);
    if (rc == 0 && *count == 0) {
        rc = pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                        "what answers ListShards at kinesis.endpoint is not Kinesis: the stream %s "
                        "has no shards",
                        stream);
    }
    if (rc != 0) {
        free(found);
        return rc;
    }
    qsort(found, *count, sizeof *found, by_index);
    *shards = found;
    return 0;
}

int pn_kinesis_reader_names(struct pn_kinesis_reader *reader, struct pn_arena *arena,
                            const char ***names, size_t *count, struct pn_err *e)
{
    const char **found = NULL;
    size_t capacity = 0;
    bool more = true;
    int rc = 0;
    *count = 0;
    for (int page = 0; rc == 0 && more && page < PAGES_MAX; page++) {
        struct pn_reader_call call;
        pn_reader_call_begin(&call, "ListStreams");
        if (*count > 0) {
            pn_json_add_cstr(&call.json, "ExclusiveStartStreamName", found[*count - 1]);
        }
        rc = pn_reader_call_send(reader, &call, e);
        const struct pn_json *list = rc == 0 ? pn_json_get(call.root, "StreamNames") : NULL;
        if (rc == 0 && (list == NULL || list->type != PN_JSON_ARRAY)) {
            rc = pn_reader_call_odd(call.call.operation, "there is no list of streams", e);
        }
        more = rc == 0 && list->count > 0 && pn_json_get_bool(call.root, "HasMoreStreams", false);
        for (const struct pn_json *item = rc == 0 ? list->first : NULL; item != NULL;
             item = item->next) {
            if (item->type == PN_JSON_STRING && pn_stream_name_valid(item->text, item->text_len)) {
                pn_grow((void **)&found, &capacity, *count + 1, sizeof *found);
                found[(*count)++] = pn_arena_strndup(arena, item->text, item->text_len);
            }
        }
        pn_reader_call_end(&call);
    }
    *names = pn_arena_calloc(arena, *count + 1, sizeof **names);
    if (*count > 0) {
        memcpy(*names, found, *count * sizeof **names);
    }
    free(found);
    return rc;
}

/* --- records ---------------------------------------------------------------------------------- */

void pn_kinesis_reader_write_place(struct pn_json_writer *json, const char *text,
                                   const char *type_key, const char *number_key)
{
    if (text[0] == '\0') {
        pn_json_add_cstr(json, type_key, "TRIM_HORIZON");
    } else if (text[0] == '@') {
        char seconds[32];
        int64_t ms = strtoll(text + 1, NULL, 10);
        int len = snprintf(seconds, sizeof seconds, "%lld.%03d", (long long)(ms / 1000),
                           (int)(ms % 1000));
        pn_json_add_cstr(json, type_key, "AT_TIMESTAMP");
        pn_json_add_raw(json, "Timestamp", seconds, (size_t)len);
    } else {
        pn_json_add_cstr(json, type_key, "AT_SEQUENCE_NUMBER");
        pn_json_add_cstr(json, number_key, text);
    }
}

int pn_kinesis_reader_iterator(struct pn_kinesis_reader *reader, const char *stream, uint32_t shard,
                               const char *text, char **iterator, struct pn_err *e)
{
    char id[PN_SHARD_ID_SIZE];
    struct pn_reader_call call;
    pn_reader_call_begin(&call, "GetShardIterator");
    pn_json_add_cstr(&call.json, "StreamName", stream);
    pn_json_add_cstr(&call.json, "ShardId", pn_shard_id(shard, id));
    pn_kinesis_reader_write_place(&call.json, text, "ShardIteratorType", "StartingSequenceNumber");
    int rc = pn_reader_call_send(reader, &call, e);
    if (rc == 0) {
        *iterator =
            pn_reader_call_dup(call.root, "ShardIterator", PN_KINESIS_READER_ITERATOR_BYTES_MAX);
        rc = *iterator != NULL
                 ? 0
                 : pn_reader_call_odd(call.call.operation, "there is no ShardIterator", e);
    }
    pn_reader_call_end(&call);
    return rc;
}

static bool read_record(const struct pn_json *item, struct pn_arena *arena,
                        struct pn_record *record, const char **sequence)
{
    const char *data = NULL;
    const char *key = NULL;
    const char *number = NULL;
    size_t data_len = 0;
    size_t key_len = 0;
    size_t number_len = 0;
    if (!pn_json_get_text(item, "SequenceNumber", &number, &number_len) ||
        !pn_processor_is_sequence(number, number_len) ||
        !pn_json_get_text(item, "PartitionKey", &key, &key_len) ||
        !pn_json_get_text(item, "Data", &data, &data_len)) {
        return false;
    }
    *record = (struct pn_record){.key = {pn_arena_strndup(arena, key, key_len), key_len}};
    *sequence = pn_arena_strndup(arena, number, number_len);
    (void)get_time(item, "ApproximateArrivalTimestamp", &record->timestamp_ms);
    return pn_base64_decode_exact(arena, data, data_len, &record->value.data, &record->value.len);
}

const char *pn_kinesis_reader_take_records(const struct pn_json *root, struct pn_arena *arena,
                                           struct pn_kinesis_reader_records *out)
{
    const struct pn_json *list = pn_json_get(root, "Records");
    if (list == NULL || list->type != PN_JSON_ARRAY) {
        return "there is no list of records";
    }
    out->records = pn_arena_calloc(arena, list->count + 1, sizeof *out->records);
    out->sequences = pn_arena_calloc(arena, list->count + 1, sizeof *out->sequences);
    for (const struct pn_json *item = list->first; item != NULL; item = item->next) {
        struct pn_record *record = &out->records[out->count];
        if (!read_record(item, arena, record, &out->sequences[out->count])) {
            return "a record is not one";
        }
        out->bytes += (int64_t)(record->key.len + record->value.len);
        out->count++;
    }
    out->behind_ms = pn_json_get_i64(root, "MillisBehindLatest", 0);
    out->behind_ms = out->behind_ms > 0 ? out->behind_ms : 0;
    return NULL;
}

static int take_reply(const struct pn_reader_call *call, struct pn_arena *arena,
                      struct pn_kinesis_reader_records *out, struct pn_err *e)
{
    const char *odd = pn_kinesis_reader_take_records(call->root, arena, out);
    if (odd != NULL) {
        return pn_reader_call_odd(call->call.operation, odd, e);
    }
    const struct pn_json *next = pn_json_get(call->root, "NextShardIterator");
    out->next =
        pn_reader_call_dup(call->root, "NextShardIterator", PN_KINESIS_READER_ITERATOR_BYTES_MAX);
    bool is_end = next == NULL || next->type == PN_JSON_NULL;
    return is_end || out->next != NULL
               ? 0
               : pn_reader_call_odd(call->call.operation, "NextShardIterator is not one", e);
}

int pn_kinesis_reader_get(struct pn_kinesis_reader *reader, const char *stream,
                          const char *iterator, size_t max_records, struct pn_arena *arena,
                          struct pn_kinesis_reader_records *out, struct pn_err *e)
{
    enum { LIMIT_MAX = 10000 };
    struct pn_reader_call call;
    *out = (struct pn_kinesis_reader_records){.next = NULL};
    pn_reader_call_begin(&call, "GetRecords");
    pn_json_add_cstr(&call.json, "ShardIterator", iterator);
    pn_json_add_i64(&call.json, "Limit",
                    max_records < LIMIT_MAX ? (int64_t)max_records : LIMIT_MAX);
    int rc = pn_reader_call_send(reader, &call, e);
    if (rc == 0) {
        rc = take_reply(&call, arena, out, e);
    }
    if (rc != 0) {
        pn_err_prefix(e, "the stream %s", stream);
    }
    pn_reader_call_end(&call);
    return rc;
}
