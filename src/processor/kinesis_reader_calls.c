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
    BODY_BYTES_MAX = 64 << 10,
    REPLY_BYTES_MAX = 32 << 20, /* GetRecords answers up to 10 MiB, as base64 a third more */
    PAGES_MAX = 10000,          /* of a list: one without an end would be read forever */
    SHARDS_MAX = 1 << 20,
    TRIES = 3,     /* of a call that was answered with an error of the server's own */
    PAUSE_MS = 200 /* before the second one; doubled by each further one */
};
static const int64_t HOUR_MS = 3600 * 1000;

/* --- one call --------------------------------------------------------------------------------- */

struct call {
    struct pn_buf body;
    struct pn_json_writer json; /* writes the body */
    struct pn_remote_call call;
    struct pn_json_parser *parser;
    struct pn_json *root; /* of the reply */
};

static void begin(struct call *call, const char *operation)
{
    *call = (struct call){.call = {.operation = operation, .kind = PN_REMOTE_CALL},
                          .parser = pn_json_parser_create()};
    pn_buf_init(&call->body, BODY_BYTES_MAX);
    pn_buf_init(&call->call.reply, REPLY_BYTES_MAX);
    pn_json_writer_init(&call->json, &call->body);
    pn_json_put_object(&call->json);
}

static void end(struct call *call)
{
    pn_buf_deinit(&call->body);
    pn_buf_deinit(&call->call.reply);
    pn_json_parser_destroy(&call->parser);
}

static bool is_one_of(const char *type, const char *const *types)
{
    while (*types != NULL && strcmp(type, *types) != 0) {
        types++;
    }
    return *types != NULL;
}

/* What an error of Kinesis means for a reader. */
static int refuse(const struct call *call, struct pn_err *e)
{
    static const char *const throttled[] = {"ProvisionedThroughputExceededException",
                                            "LimitExceededException", "ThrottlingException",
                                            "KMSThrottlingException", NULL};
    static const char *const expired[] = {"ExpiredIteratorException", "ExpiredNextTokenException",
                                          NULL};
    static const char *const invalid[] = {"InvalidArgumentException", "ValidationException", NULL};
    struct pn_remote_reason reason;
    enum pn_class class_ = PN_CLASS_RETRY;
    int code = PN_FAIL;
    pn_remote_reason_of(&call->call, &reason);
    if (is_one_of(reason.type, throttled)) {
        code = PN_KINESIS_READER_THROTTLED;
    } else if (is_one_of(reason.type, expired)) {
        code = PN_KINESIS_READER_EXPIRED;
    } else if (is_one_of(reason.type, invalid)) {
        class_ = PN_CLASS_FATAL;
        code = PN_KINESIS_READER_INVALID_ARGUMENT;
    } else if (strcmp(reason.type, "ResourceNotFoundException") == 0) {
        class_ = PN_CLASS_MISSING;
    }
    return pn_err_set(e, class_, code, "Kinesis (kinesis.endpoint) answers %s with %ld %s%s%s",
                      call->call.operation, call->call.status,
                      reason.type[0] != '\0' ? reason.type : "and no reason",
                      reason.message[0] != '\0' ? ": " : "", reason.message);
}

static int parse(struct call *call, struct pn_err *e)
{
    struct pn_buf *reply = &call->call.reply;
    struct pn_err why = {0};
    (void)pn_buf_reserve(reply, PN_JSON_PADDING);
    int rc = pn_json_parse(call->parser, pn_buf_text(reply), reply->len, reply->capacity,
                           &call->root, &why);
    if (rc == 0 && call->root->type == PN_JSON_OBJECT) {
        return 0;
    }
    return pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                      "what answers %s at kinesis.endpoint is not Kinesis: %s",
                      call->call.operation, rc != 0 ? why.msg : "the answer is not an object");
}

/* Half of `ms` to one and a half; a source that is to end does not wait. */
static void pause_about(struct pn_kinesis_reader *reader, int64_t ms)
{
    uint64_t seen = pn_notifier_count(&reader->notifier);
    pthread_mutex_lock(&reader->lock);
    int64_t more_ms = (int64_t)pn_random_below(&reader->random, (uint64_t)ms);
    pthread_mutex_unlock(&reader->lock);
    (void)pn_notifier_wait(&reader->notifier, seen, ms / 2 + more_ms);
}

/* Sends the body that was written, and parses the reply. The calls here change nothing, so what a
 * server's own error has answered is sent again, a little later. */
static int send(struct pn_kinesis_reader *reader, struct call *call, struct pn_err *e)
{
    pn_json_end(&call->json);
    int rc = pn_json_writer_check(&call->json, "a call of Kinesis", e);
    if (rc != 0) {
        return rc;
    }
    call->call.body = pn_buf_text(&call->body);
    call->call.body_len = call->body.len;
    for (int tries = 1; tries <= TRIES; tries++) {
        pn_remote_call(reader->remote, &call->call);
        if (call->call.rc != 0 || call->call.status < 500) {
            break;
        }
        if (tries < TRIES) {
            pause_about(reader, (int64_t)PAUSE_MS << (tries - 1));
        }
    }
    if (call->call.rc != 0) {
        pn_err_copy(e, &call->call.failure);
        if (e != NULL) {
            e->class_ = PN_CLASS_RETRY; /* credentials, too, may be good later */
        }
        return call->call.rc;
    }
    return call->call.status == 200 ? parse(call, e) : refuse(call, e);
}

static int odd(const struct call *call, const char *what, struct pn_err *e)
{
    return pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                      "what answers %s at kinesis.endpoint is not Kinesis: %s",
                      call->call.operation, what);
}

/* A copy, malloc'ed; NULL when it is not there, or is longer than `max` bytes. */
static char *dup_text(const struct pn_json *object, const char *key, size_t max)
{
    char *text = pn_json_dup(pn_json_get(object, key));
    if (text != NULL && (text[0] == '\0' || strlen(text) > max)) {
        free(text);
        text = NULL;
    }
    return text;
}

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
    struct call call;
    int64_t created_ms = 0;
    begin(&call, "DescribeStreamSummary");
    pn_json_add_cstr(&call.json, "StreamName", stream);
    int rc = send(reader, &call, e);
    if (rc == 0) {
        const struct pn_json *summary = pn_json_get(call.root, "StreamDescriptionSummary");
        rc = get_time(summary, "StreamCreationTimestamp", &created_ms)
                 ? 0
                 : odd(&call, "a stream has no StreamCreationTimestamp", e);
        int64_t skew_ms =
            call.call.date_s > 0 ? call.call.date_s * 1000 - pn_wall_ms(reader->clock) : 0;
        bool is_far = skew_ms > SKEW_MS_MIN || skew_ms < -SKEW_MS_MIN;
        *out = (struct pn_kinesis_reader_summary){
            .id = (uint64_t)created_ms,
            .retention_ms = pn_json_get_i64(summary, "RetentionPeriodHours", 24) * HOUR_MS,
            .skew_ms = is_far ? skew_ms : 0};
        char *arn = dup_text(summary, "StreamARN", sizeof out->arn - 1);
        (void)snprintf(out->arn, sizeof out->arn, "%s", arn != NULL ? arn : "");
        free(arn);
    }
    end(&call);
    return rc;
}

/* "shardId-000000000012" */
static bool get_shard(const struct pn_json *object, const char *key, int32_t *index)
{
    char again[PN_SHARD_ID_SIZE];
    char *id = dup_text(object, key, PN_SHARD_ID_SIZE - 1);
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
    struct call call;
    begin(&call, "ListShards");
    if (*token != NULL) {
        pn_json_add_cstr(&call.json, "NextToken", *token);
    } else {
        pn_json_add_cstr(&call.json, "StreamName", stream);
    }
    int rc = send(reader, &call, e);
    const struct pn_json *list = rc == 0 ? pn_json_get(call.root, "Shards") : NULL;
    if (rc == 0 && (list == NULL || list->type != PN_JSON_ARRAY || list->count > SHARDS_MAX ||
                    *count + list->count > SHARDS_MAX)) {
        rc = odd(&call, "there is no list of shards, or it is too long", e);
    }
    for (const struct pn_json *item = rc == 0 ? list->first : NULL; rc == 0 && item != NULL;
         item = item->next) {
        pn_grow((void **)shards, capacity, *count + 1, sizeof **shards);
        rc = read_shard(item, &(*shards)[*count]) ? 0 : odd(&call, "a shard is not one", e);
        *count += rc == 0;
    }
    free(*token);
    *token =
        rc == 0 ? dup_text(call.root, "NextToken", PN_KINESIS_READER_ITERATOR_BYTES_MAX) : NULL;
    end(&call);
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
        struct call call;
        begin(&call, "ListStreams");
        if (*count > 0) {
            pn_json_add_cstr(&call.json, "ExclusiveStartStreamName", found[*count - 1]);
        }
        rc = send(reader, &call, e);
        const struct pn_json *list = rc == 0 ? pn_json_get(call.root, "StreamNames") : NULL;
        if (rc == 0 && (list == NULL || list->type != PN_JSON_ARRAY)) {
            rc = odd(&call, "there is no list of streams", e);
        }
        more = rc == 0 && list->count > 0 && pn_json_get_bool(call.root, "HasMoreStreams", false);
        for (const struct pn_json *item = rc == 0 ? list->first : NULL; item != NULL;
             item = item->next) {
            if (item->type == PN_JSON_STRING && pn_stream_name_valid(item->text, item->text_len)) {
                pn_grow((void **)&found, &capacity, *count + 1, sizeof *found);
                found[(*count)++] = pn_arena_strndup(arena, item->text, item->text_len);
            }
        }
        end(&call);
    }
    *names = pn_arena_calloc(arena, *count + 1, sizeof **names);
    if (*count > 0) {
        memcpy(*names, found, *count * sizeof **names);
    }
    free(found);
    return rc;
}

/* --- records ---------------------------------------------------------------------------------- */

int pn_kinesis_reader_iterator(struct pn_kinesis_reader *reader, const char *stream, uint32_t shard,
                               const char *text, char **iterator, struct pn_err *e)
{
    char id[PN_SHARD_ID_SIZE];
    struct call call;
    begin(&call, "GetShardIterator");
    pn_json_add_cstr(&call.json, "StreamName", stream);
    pn_json_add_cstr(&call.json, "ShardId", pn_shard_id(shard, id));
    if (text[0] == '\0') {
        pn_json_add_cstr(&call.json, "ShardIteratorType", "TRIM_HORIZON");
    } else if (text[0] == '@') {
        char seconds[32];
        int64_t ms = strtoll(text + 1, NULL, 10);
        int len = snprintf(seconds, sizeof seconds, "%lld.%03d", (long long)(ms / 1000),
                           (int)(ms % 1000));
        pn_json_add_cstr(&call.json, "ShardIteratorType", "AT_TIMESTAMP");
        pn_json_add_raw(&call.json, "Timestamp", seconds, (size_t)len);
    } else {
        pn_json_add_cstr(&call.json, "ShardIteratorType", "AT_SEQUENCE_NUMBER");
        pn_json_add_cstr(&call.json, "StartingSequenceNumber", text);
    }
    int rc = send(reader, &call, e);
    if (rc == 0) {
        *iterator = dup_text(call.root, "ShardIterator", PN_KINESIS_READER_ITERATOR_BYTES_MAX);
        rc = *iterator != NULL ? 0 : odd(&call, "there is no ShardIterator", e);
    }
    end(&call);
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

static int take_records(const struct call *call, struct pn_arena *arena,
                        struct pn_kinesis_reader_records *out, struct pn_err *e)
{
    const struct pn_json *list = pn_json_get(call->root, "Records");
    if (list == NULL || list->type != PN_JSON_ARRAY) {
        return odd(call, "there is no list of records", e);
    }
    out->records = pn_arena_calloc(arena, list->count + 1, sizeof *out->records);
    out->sequences = pn_arena_calloc(arena, list->count + 1, sizeof *out->sequences);
    for (const struct pn_json *item = list->first; item != NULL; item = item->next) {
        struct pn_record *record = &out->records[out->count];
        if (!read_record(item, arena, record, &out->sequences[out->count])) {
            return odd(call, "a record is not one", e);
        }
        out->bytes += (int64_t)(record->key.len + record->value.len);
        out->count++;
    }
    out->behind_ms = pn_json_get_i64(call->root, "MillisBehindLatest", 0);
    out->behind_ms = out->behind_ms > 0 ? out->behind_ms : 0;
    const struct pn_json *next = pn_json_get(call->root, "NextShardIterator");
    out->next = dup_text(call->root, "NextShardIterator", PN_KINESIS_READER_ITERATOR_BYTES_MAX);
    bool is_end = next == NULL || next->type == PN_JSON_NULL;
    return is_end || out->next != NULL ? 0 : odd(call, "NextShardIterator is not one", e);
}

int pn_kinesis_reader_get(struct pn_kinesis_reader *reader, const char *stream,
                          const char *iterator, size_t max_records, struct pn_arena *arena,
                          struct pn_kinesis_reader_records *out, struct pn_err *e)
{
    enum { LIMIT_MAX = 10000 };
    struct call call;
    *out = (struct pn_kinesis_reader_records){.next = NULL};
    begin(&call, "GetRecords");
    pn_json_add_cstr(&call.json, "ShardIterator", iterator);
    pn_json_add_i64(&call.json, "Limit",
                    max_records < LIMIT_MAX ? (int64_t)max_records : LIMIT_MAX);
    int rc = send(reader, &call, e);
    if (rc == 0) {
        rc = take_records(&call, arena, out, e);
    }
    if (rc != 0) {
        pn_err_prefix(e, "the stream %s", stream);
    }
    end(&call);
    return rc;
}
