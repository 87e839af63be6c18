/* Subscriptions to a shard: what their frames say, when there is one, and how they end. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kinesis/api/subscribe.h"
#include "support/kinesis_fixture.h"

enum { MIB = 1024 * 1024, EVENTS_MAX = 8, PRELUDE_BYTES = 12, CRC_BYTES = 4 };

/* --- reading frames --------------------------------------------------------------------------- */

/* The CRC-32 of gzip, bit by bit: other code than what is tested. */
static uint32_t crc32_of(const unsigned char *bytes, size_t len)
{
    uint32_t crc = 0xFFFFFFFFU;
    for (size_t i = 0; i < len; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0);
        }
    }
    return ~crc;
}

static uint32_t u32_at(const unsigned char *bytes)
{
    return ((uint32_t)bytes[0] << 24) | ((uint32_t)bytes[1] << 16) | ((uint32_t)bytes[2] << 8) |
           bytes[3];
}

struct event {
    char kind[16];         /* ":message-type" */
    char type[64];         /* ":event-type" or ":exception-type" */
    char content_type[64]; /* ":content-type" */
    const char *payload;
    size_t payload_len;
    const struct pn_json *json;
};

static void take_header(struct event *event, const unsigned char **at)
{
    size_t name_len = **at;
    const char *name = (const char *)*at + 1;
    *at += 1 + name_len;
    assert_int_equal(**at, 7);
    size_t len = ((size_t)(*at)[1] << 8) | (*at)[2];
    const char *value = (const char *)*at + 3;
    *at += 3 + len;
    char *to = event->content_type;
    size_t size = sizeof event->content_type;
    if (name_len == 13 && memcmp(name, ":message-type", 13) == 0) {
        to = event->kind;
        size = sizeof event->kind;
    } else if (name_len != 13 || memcmp(name, ":content-type", 13) != 0) {
        assert_true((name_len == 11 && memcmp(name, ":event-type", 11) == 0) ||
                    (name_len == 15 && memcmp(name, ":exception-type", 15) == 0));
        to = event->type;
        size = sizeof event->type;
    }
    assert_true(len < size);
    memcpy(to, value, len);
    to[len] = '\0';
}

/* Takes the message at the beginning of the bytes; returns its length. */
static size_t take_event(const unsigned char *bytes, size_t len, struct event *event)
{
    *event = (struct event){0};
    assert_true(len > PRELUDE_BYTES + CRC_BYTES);
    size_t whole = u32_at(bytes);
    size_t headers = u32_at(bytes + 4);
    assert_true(whole <= len && PRELUDE_BYTES + headers + CRC_BYTES <= whole);
    assert_int_equal(u32_at(bytes + 8), crc32_of(bytes, 8));
    assert_int_equal(u32_at(bytes + whole - CRC_BYTES), crc32_of(bytes, whole - CRC_BYTES));
    const unsigned char *at = bytes + PRELUDE_BYTES;
    while (at < bytes + PRELUDE_BYTES + headers) {
        take_header(event, &at);
    }
    assert_ptr_equal(at, bytes + PRELUDE_BYTES + headers);
    event->payload = (const char *)at;
    event->payload_len = whole - PRELUDE_BYTES - headers - CRC_BYTES;
    return whole;
}

/* --- a subscriber ----------------------------------------------------------------------------- */

/* What a subscription says, one pn_subscription_next() after the other. */
struct subscriber {
    struct kinesis_fixture *fixture;
    struct pn_buf out;
    struct event events[EVENTS_MAX];
    size_t count;
    bool more;
    struct pn_json_parser *parsers[EVENTS_MAX];
    bool cbor;
};

static void subscriber_init(struct subscriber *subscriber, void **state, int32_t shards)
{
    *subscriber = (struct subscriber){.fixture = *state};
    kinesis_fixture_open(subscriber->fixture);
    kinesis_create(subscriber->fixture, "orders", shards);
    kinesis_register(subscriber->fixture, "orders", "one");
    kinesis_register(subscriber->fixture, "orders", "two");
    pn_buf_init(&subscriber->out, PN_SUBSCRIPTION_BYTES_MAX);
    for (size_t i = 0; i < EVENTS_MAX; i++) {
        subscriber->parsers[i] = pn_json_parser_create();
    }
}

static void subscriber_deinit(struct subscriber *subscriber)
{
    pn_buf_deinit(&subscriber->out);
    for (size_t i = 0; i < EVENTS_MAX; i++) {
        pn_json_parser_destroy(&subscriber->parsers[i]);
    }
}

static int try_subscribe(struct subscriber *subscriber, size_t consumer, uint32_t shard,
                         int64_t offset, struct pn_subscription **out, struct pn_err *e)
{
    const struct pn_stream *stream = kinesis_stream(subscriber->fixture, "orders");
    int rc =
        pn_subscription_create(subscriber->fixture->kinesis, stream, &stream->consumers[consumer],
                               &stream->shards[shard], offset, subscriber->cbor, out, e);
    pn_stream_release(&stream);
    return rc;
}

static struct pn_subscription *subscribe(struct subscriber *subscriber, size_t consumer,
                                         uint32_t shard, int64_t offset)
{
    struct pn_err e;
    struct pn_subscription *subscription = NULL;
    if (try_subscribe(subscriber, consumer, shard, offset, &subscription, &e) != 0) {
        fail_msg("%s", e.msg);
    }
    return subscription;
}

static void parse_payload(struct subscriber *subscriber, size_t i)
{
    struct event *event = &subscriber->events[i];
    struct pn_json *root = NULL;
    struct pn_err e;
    int rc = subscriber->cbor ? pn_cbor_parse(event->payload, event->payload_len,
                                              &subscriber->fixture->arena, &root, &e)
                              : pn_json_parse(subscriber->parsers[i], event->payload,
                                              event->payload_len, event->payload_len, &root, &e);
    if (rc != 0) {
        fail_msg("%s", e.msg);
    }
    event->json = root;
}

static void listen(struct subscriber *subscriber, struct pn_subscription *subscription)
{
    pn_buf_reset(&subscriber->out);
    subscriber->count = 0;
    subscriber->more = pn_subscription_next(subscription, &subscriber->out);
    assert_false(pn_buf_failed(&subscriber->out));
    for (size_t at = 0; at < subscriber->out.len; subscriber->count++) {
        assert_true(subscriber->count < EVENTS_MAX);
        at += take_event((const unsigned char *)subscriber->out.data + at, subscriber->out.len - at,
                         &subscriber->events[subscriber->count]);
        parse_payload(subscriber, subscriber->count);
    }
}

/* The beginning of each: its initial response and a first event. */
static struct pn_subscription *begin(struct subscriber *subscriber, size_t consumer, uint32_t shard,
                                     int64_t offset)
{
    struct pn_subscription *subscription = subscribe(subscriber, consumer, shard, offset);
    assert_true(pn_subscription_ready(subscription));
    listen(subscriber, subscription);
    assert_int_equal(subscriber->count, 2);
    return subscription;
}

static void advance(struct subscriber *subscriber, int64_t ms)
{
    pn_fake_clock_advance(&subscriber->fixture->log->clock, ms);
}

static const struct pn_json *member(const struct subscriber *subscriber, size_t i, const char *name)
{
    return pn_json_get(subscriber->events[i].json, name);
}

static size_t records_of(const struct subscriber *subscriber, size_t i)
{
    const struct pn_json *records = member(subscriber, i, "Records");
    assert_non_null(records);
    assert_int_equal(records->type, PN_JSON_ARRAY);
    return records->count;
}

static char *text_of(const struct pn_json *object, const char *name, char *out, size_t size)
{
    const char *text = NULL;
    size_t len = 0;
    assert_true(pn_json_get_text(object, name, &text, &len));
    assert_true(len < size);
    memcpy(out, text, len);
    out[len] = '\0';
    return out;
}

static int64_t continuation(struct subscriber *subscriber, size_t i)
{
    char text[PN_SEQUENCE_SIZE];
    int64_t created_s = 0;
    uint32_t shard = 0;
    int64_t offset = 0;
    (void)text_of(subscriber->events[i].json, "ContinuationSequenceNumber", text, sizeof text);
    assert_true(pn_sequence_parse(text, strlen(text), &created_s, &shard, &offset));
    return offset;
}

static void assert_exception(const struct subscriber *subscriber, const char *type,
                             const char *message)
{
    char text[512];
    assert_int_equal(subscriber->count, 1);
    assert_false(subscriber->more);
    assert_string_equal(subscriber->events[0].kind, "exception");
    assert_string_equal(subscriber->events[0].type, type);
    if (message != NULL) {
        assert_string_equal(text_of(subscriber->events[0].json, "message", text, sizeof text),
                            message);
    }
}

/* --- events ----------------------------------------------------------------------------------- */

static void test_it_begins_with_a_response_and_an_event(void **state)
{
    struct subscriber subscriber;
    subscriber_init(&subscriber, state, 1);
    struct pn_subscription *subscription = begin(&subscriber, 0, 0, 0);
    assert_true(subscriber.more);
    assert_string_equal(subscriber.events[0].kind, "event");
    assert_string_equal(subscriber.events[0].type, "initial-response");
    assert_string_equal(subscriber.events[0].content_type, "application/x-amz-json-1.1");
    assert_int_equal(subscriber.events[0].payload_len, 2);
    assert_memory_equal(subscriber.events[0].payload, "{}", 2);
    assert_string_equal(subscriber.events[1].kind, "event");
    assert_string_equal(subscriber.events[1].type, "SubscribeToShardEvent");
    assert_int_equal(records_of(&subscriber, 1), 0);
    assert_int_equal(pn_json_get_i64(subscriber.events[1].json, "MillisBehindLatest", -1), 0);
    /* AFTER this one is the shard's first record. */
    assert_int_equal(continuation(&subscriber, 1), -1);
    assert_null(member(&subscriber, 1, "ChildShards"));
    pn_subscription_end(&subscription);
    assert_null(subscription);
    pn_subscription_end(&subscription);
    subscriber_deinit(&subscriber);
}

static void test_records_are_told_when_they_come(void **state)
{
    struct subscriber subscriber;
    char text[PN_SEQUENCE_SIZE];
    char expected[PN_SEQUENCE_SIZE];
    subscriber_init(&subscriber, state, 1);
    struct pn_subscription *subscription = begin(&subscriber, 0, 0, 0);
    assert_false(pn_subscription_ready(subscription));
    listen(&subscriber, subscription);
    assert_int_equal(subscriber.count, 0);
    assert_true(subscriber.more);

    kinesis_put(subscriber.fixture, "orders", "key", "hello");
    struct pn_stream_record last = kinesis_put(subscriber.fixture, "orders", "kej", "there");
    assert_true(pn_subscription_ready(subscription));
    listen(&subscriber, subscription);
    assert_int_equal(subscriber.count, 1);
    assert_int_equal(records_of(&subscriber, 0), 2);
    const struct pn_json *record = member(&subscriber, 0, "Records")->first;
    assert_string_equal(text_of(record, "Data", text, sizeof text), "aGVsbG8=");
    assert_string_equal(text_of(record, "PartitionKey", text, sizeof text), "key");
    assert_true(pn_json_get(record, "ApproximateArrivalTimestamp")->number ==
                (double)LOG_FIXTURE_NOW);
    assert_null(pn_json_get(record, "EncryptionType"));
    pn_sequence_text(last.created_ms, last.shard, last.offset, last.arrival_ms, expected);
    assert_string_equal(text_of(record->next, "SequenceNumber", text, sizeof text), expected);
    assert_string_equal(
        text_of(subscriber.events[0].json, "ContinuationSequenceNumber", text, sizeof text),
        expected);
    assert_false(pn_subscription_ready(subscription));
    pn_subscription_end(&subscription);
    subscriber_deinit(&subscriber);
}

static void test_it_goes_on_where_another_ended(void **state)
{
    struct subscriber subscriber;
    subscriber_init(&subscriber, state, 1);
    for (int i = 0; i < 5; i++) {
        kinesis_put(subscriber.fixture, "orders", "key", "data");
    }
    struct pn_subscription *subscription = begin(&subscriber, 0, 0, 2);
    assert_int_equal(records_of(&subscriber, 1), 3);
    assert_int_equal(continuation(&subscriber, 1), 4);
    pn_subscription_end(&subscription);
    /* One that has sent nothing names the record in front of its place. */
    subscription = begin(&subscriber, 0, 0, 5);
    assert_int_equal(records_of(&subscriber, 1), 0);
    assert_int_equal(continuation(&subscriber, 1), 4);
    pn_subscription_end(&subscription);
    subscriber_deinit(&subscriber);
}

static void test_without_records_it_speaks_every_five_seconds(void **state)
{
    struct subscriber subscriber;
    subscriber_init(&subscriber, state, 1);
    struct pn_subscription *subscription = begin(&subscriber, 0, 0, 0);
    for (int i = 0; i < 3; i++) {
        advance(&subscriber, PN_SUBSCRIPTION_IDLE_MS - 1);
        assert_false(pn_subscription_ready(subscription));
        listen(&subscriber, subscription);
        assert_int_equal(subscriber.count, 0);
        advance(&subscriber, 1);
        assert_true(pn_subscription_ready(subscription));
        listen(&subscriber, subscription);
        assert_int_equal(subscriber.count, 1);
        assert_int_equal(records_of(&subscriber, 0), 0);
    }
    pn_subscription_end(&subscription);
    subscriber_deinit(&subscriber);
}

static void test_an_event_has_at_most_two_mebibytes(void **state)
{
    struct subscriber subscriber;
    static char data[MIB / 2 - 16]; /* with its key, four of them are 2 MiB */
    subscriber_init(&subscriber, state, 1);
    memset(data, 'x', sizeof data - 1);
    for (int i = 0; i < 7; i++) {
        kinesis_put(subscriber.fixture, "orders", "key", data);
        advance(&subscriber, 100);
    }
    struct pn_subscription *subscription = begin(&subscriber, 0, 0, 0);
    assert_int_equal(records_of(&subscriber, 1), 4);
    /* The fourth came 400 ms ago. */
    assert_int_equal(pn_json_get_i64(subscriber.events[1].json, "MillisBehindLatest", -1), 400);
    assert_true(pn_subscription_ready(subscription));
    listen(&subscriber, subscription);
    assert_int_equal(records_of(&subscriber, 0), 3);
    assert_int_equal(pn_json_get_i64(subscriber.events[0].json, "MillisBehindLatest", -1), 0);
    assert_false(pn_subscription_ready(subscription));
    pn_subscription_end(&subscription);
    subscriber_deinit(&subscriber);
}

static void test_in_cbor(void **state)
{
    struct subscriber subscriber;
    subscriber_init(&subscriber, state, 1);
    subscriber.cbor = true;
    kinesis_put(subscriber.fixture, "orders", "key", "hello");
    struct pn_subscription *subscription = begin(&subscriber, 0, 0, 0);
    assert_string_equal(subscriber.events[0].content_type, "application/x-amz-cbor-1.1");
    assert_string_equal(subscriber.events[1].content_type, "application/x-amz-cbor-1.1");
    const struct pn_json *record = member(&subscriber, 1, "Records")->first;
    const struct pn_json *data = pn_json_get(record, "Data");
    assert_null(data->raw); /* bytes, no base64 */
    assert_int_equal(data->text_len, 5);
    assert_memory_equal(data->text, "hello", 5);
    assert_true(pn_wire_timestamp_ms(pn_json_get(record, "ApproximateArrivalTimestamp")) ==
                (int64_t)LOG_FIXTURE_NOW * 1000);
    pn_subscription_end(&subscription);
    subscriber_deinit(&subscriber);
}

/* --- ends ------------------------------------------------------------------------------------- */

static void test_it_ends_after_five_minutes(void **state)
{
    struct subscriber subscriber;
    subscriber_init(&subscriber, state, 1);
    struct pn_subscription *subscription = begin(&subscriber, 0, 0, 0);
    advance(&subscriber, PN_SUBSCRIPTION_MS - 1);
    listen(&subscriber, subscription);
    assert_true(subscriber.more);
    kinesis_put(subscriber.fixture, "orders", "key", "data");
    advance(&subscriber, 1);
    assert_true(pn_subscription_ready(subscription));
    listen(&subscriber, subscription);
    assert_int_equal(subscriber.count, 0);
    assert_false(subscriber.more);
    pn_subscription_end(&subscription);
    subscriber_deinit(&subscriber);
}

static void split(struct subscriber *subscriber)
{
    const struct pn_stream *stream = kinesis_stream(subscriber->fixture, "orders");
    assert_int_equal(pn_kinesis_split(subscriber->fixture->kinesis, "orders",
                                      "shardId-000000000000", kinesis_middle(&stream->shards[0]),
                                      NULL),
                     0);
    pn_stream_release(&stream);
}

static void test_the_end_of_a_shard_names_its_children(void **state)
{
    struct subscriber subscriber;
    char text[64];
    subscriber_init(&subscriber, state, 1);
    struct pn_subscription *subscription = begin(&subscriber, 0, 0, 0);
    kinesis_put(subscriber.fixture, "orders", "key", "data");
    split(&subscriber);
    assert_true(pn_subscription_ready(subscription));
    listen(&subscriber, subscription);
    assert_int_equal(subscriber.count, 1);
    assert_false(subscriber.more);
    assert_int_equal(records_of(&subscriber, 0), 1);
    assert_null(member(&subscriber, 0, "ContinuationSequenceNumber"));
    const struct pn_json *children = member(&subscriber, 0, "ChildShards");
    assert_int_equal(children->count, 2);
    assert_string_equal(text_of(children->first, "ShardId", text, sizeof text),
                        "shardId-000000000001");
    assert_true(pn_json_text_is(pn_json_get(children->first, "ParentShards")->first,
                                "shardId-000000000000"));
    assert_string_equal(
        text_of(pn_json_get(children->first, "HashKeyRange"), "StartingHashKey", text, sizeof text),
        "0");
    pn_subscription_end(&subscription);
    subscriber_deinit(&subscriber);
}

/* Without a record to send, the end of its shard is reason enough to speak. */
static void test_the_end_of_a_shard_that_was_read(void **state)
{
    struct subscriber subscriber;
    subscriber_init(&subscriber, state, 1);
    kinesis_put(subscriber.fixture, "orders", "key", "data");
    struct pn_subscription *subscription = begin(&subscriber, 0, 0, 0);
    split(&subscriber);
    assert_true(pn_subscription_ready(subscription));
    listen(&subscriber, subscription);
    assert_int_equal(records_of(&subscriber, 0), 0);
    assert_int_equal(member(&subscriber, 0, "ChildShards")->count, 2);
    assert_false(subscriber.more);
    pn_subscription_end(&subscription);
    subscriber_deinit(&subscriber);
}

static void test_a_later_one_takes_over(void **state)
{
    static const char in_use[] = "Another active subscription exists for this consumer: "
                                 "000000000000:orders:shardId-000000000000:one:1700000000";
    struct subscriber subscriber;
    struct pn_err e;
    struct pn_subscription *none = NULL;
    subscriber_init(&subscriber, state, 2);
    struct pn_subscription *first = begin(&subscriber, 0, 0, 0);
    assert_int_equal(try_subscribe(&subscriber, 0, 0, 0, &none, &e), PN_KINESIS_IN_USE);
    assert_int_equal(e.code, PN_KINESIS_IN_USE);
    assert_string_equal(e.msg, in_use);
    /* Another consumer, another shard: none of its business. */
    struct pn_subscription *other = begin(&subscriber, 1, 0, 0);
    struct pn_subscription *beside = begin(&subscriber, 0, 1, 0);
    advance(&subscriber, PN_SUBSCRIPTION_TAKEOVER_MS - 1);
    assert_int_equal(try_subscribe(&subscriber, 0, 0, 0, &none, &e), PN_KINESIS_IN_USE);
    advance(&subscriber, 1);
    struct pn_subscription *second = begin(&subscriber, 0, 0, 0);
    assert_true(pn_subscription_ready(first));
    listen(&subscriber, first);
    assert_exception(&subscriber, "ResourceInUseException", in_use);
    pn_subscription_end(&first);
    /* The end of the first one has not let the second one's place go. */
    assert_int_equal(try_subscribe(&subscriber, 0, 0, 0, &none, &e), PN_KINESIS_IN_USE);
    listen(&subscriber, second);
    assert_true(subscriber.more);
    listen(&subscriber, other);
    assert_true(subscriber.more);
    listen(&subscriber, beside);
    assert_true(subscriber.more);
    pn_subscription_end(&beside);
    pn_subscription_end(&other);
    pn_subscription_end(&second);
    subscriber_deinit(&subscriber);
}

static void test_the_next_may_come_at_once_when_one_has_ended(void **state)
{
    struct subscriber subscriber;
    subscriber_init(&subscriber, state, 1);
    struct pn_subscription *subscription = begin(&subscriber, 0, 0, 0);
    pn_subscription_end(&subscription);
    subscription = begin(&subscriber, 0, 0, 0);
    pn_subscription_end(&subscription);
    subscriber_deinit(&subscriber);
}

static void test_its_consumer_goes(void **state)
{
    struct subscriber subscriber;
    subscriber_init(&subscriber, state, 1);
    struct pn_subscription *subscription = begin(&subscriber, 0, 0, 0);
    kinesis_deregister(subscriber.fixture, "orders");
    assert_true(pn_subscription_ready(subscription));
    listen(&subscriber, subscription);
    assert_exception(&subscriber, "ResourceNotFoundException", NULL);
    pn_subscription_end(&subscription);
    subscriber_deinit(&subscriber);
}

static void test_its_stream_goes(void **state)
{
    struct subscriber subscriber;
    subscriber_init(&subscriber, state, 1);
    struct pn_subscription *gone = begin(&subscriber, 0, 0, 0);
    struct pn_subscription *replaced = begin(&subscriber, 1, 0, 0);
    assert_int_equal(pn_kinesis_delete_stream(subscriber.fixture->kinesis, "orders", true, NULL),
                     0);
    assert_true(pn_subscription_ready(gone));
    listen(&subscriber, gone);
    assert_exception(&subscriber, "ResourceNotFoundException",
                     "Stream orders under account 000000000000 not found.");
    kinesis_create(subscriber.fixture, "orders", 1);
    kinesis_register(subscriber.fixture, "orders", "one");
    kinesis_register(subscriber.fixture, "orders", "two");
    assert_true(pn_subscription_ready(replaced));
    listen(&subscriber, replaced);
    assert_exception(&subscriber, "ResourceNotFoundException", NULL);
    pn_subscription_end(&gone);
    pn_subscription_end(&replaced);
    subscriber_deinit(&subscriber);
}

static void test_damage_is_passed_over(void **state)
{
    struct subscriber subscriber;
    subscriber_init(&subscriber, state, 1);
    struct pn_subscription *subscription = begin(&subscriber, 0, 0, 0);
    (void)kinesis_put(subscriber.fixture, "orders", "key", "lost");
    log_damage(subscriber.fixture->log, "__kinesis.orders", 0, 0);
    (void)kinesis_put(subscriber.fixture, "orders", "key", "data");
    listen(&subscriber, subscription);
    assert_true(subscriber.more);
    assert_int_equal(subscriber.count, 0);
    assert_true(pn_subscription_ready(subscription));
    listen(&subscriber, subscription);
    assert_true(subscriber.more);
    assert_int_equal(subscriber.count, 1);
    assert_int_equal(records_of(&subscriber, 0), 1);
    assert_int_equal(continuation(&subscriber, 0), 1);
    pn_subscription_end(&subscription);
    subscriber_deinit(&subscriber);
}

static void test_the_limits_hold_it_back(void **state)
{
    struct kinesis_fixture *fixture = *state;
    struct subscriber subscriber;
    static char data[MIB - 2];
    fixture->config.shard_limits = true;
    subscriber_init(&subscriber, state, 1);
    memset(data, 'x', sizeof data - 1);
    for (int i = 0; i < 5; i++) {
        kinesis_put(subscriber.fixture, "orders", "k", data);
        advance(&subscriber, 1000);
    }
    struct pn_subscription *subscription = begin(&subscriber, 0, 0, 0);
    size_t sent = records_of(&subscriber, 1);
    while (sent < 5 && pn_subscription_ready(subscription)) {
        listen(&subscriber, subscription);
        sent += records_of(&subscriber, 0);
    }
    /* Two records are just not 2 MiB, so one more event goes out, and is paid off afterwards. */
    assert_int_equal(sent, 4);
    listen(&subscriber, subscription);
    assert_int_equal(subscriber.count, 0);
    advance(&subscriber, 2000);
    assert_true(pn_subscription_ready(subscription));
    pn_subscription_end(&subscription);
    subscriber_deinit(&subscriber);
}

/* --- threads ---------------------------------------------------------------------------------- */

enum { THREADS = 3, RECORDS = 300 };

struct reader {
    struct subscriber *subscriber;
    struct pn_subscription *subscription;
    int64_t seen;
    bool in_order;
};

/* Reads until it has all, each in its own thread with its own subscription. */
static void *read_all(void *arg)
{
    struct reader *reader = arg;
    struct pn_buf out;
    pn_buf_init(&out, PN_SUBSCRIPTION_BYTES_MAX);
    bool more = true;
    reader->in_order = true;
    while (more && reader->seen < RECORDS) {
        if (!pn_subscription_ready(reader->subscription)) {
            sched_yield();
            continue;
        }
        pn_buf_reset(&out);
        more = pn_subscription_next(reader->subscription, &out);
        for (size_t at = 0; at < out.len;) {
            struct event event;
            at += take_event((const unsigned char *)out.data + at, out.len - at, &event);
            struct pn_json_parser *parser = pn_json_parser_create();
            struct pn_json *root = NULL;
            int rc = pn_json_parse(parser, event.payload, event.payload_len, event.payload_len,
                                   &root, NULL);
            const struct pn_json *records = rc == 0 ? pn_json_get(root, "Records") : NULL;
            for (const struct pn_json *one = records != NULL ? records->first : NULL; one != NULL;
                 one = one->next) {
                char key[16];
                (void)snprintf(key, sizeof key, "%lld", (long long)reader->seen);
                reader->in_order =
                    reader->in_order && pn_json_text_is(pn_json_get(one, "PartitionKey"), key);
                reader->seen++;
            }
            pn_json_parser_destroy(&parser);
        }
    }
    pn_buf_deinit(&out);
    return NULL;
}

static void test_many_threads(void **state)
{
    struct subscriber subscriber;
    struct reader readers[THREADS];
    pthread_t threads[THREADS];
    subscriber_init(&subscriber, state, 1);
    kinesis_register(subscriber.fixture, "orders", "zed");
    for (size_t i = 0; i < THREADS; i++) {
        readers[i] = (struct reader){.subscriber = &subscriber,
                                     .subscription = subscribe(&subscriber, i, 0, 0)};
        assert_int_equal(pthread_create(&threads[i], NULL, read_all, &readers[i]), 0);
    }
    for (int i = 0; i < RECORDS; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "%d", i);
        kinesis_put(subscriber.fixture, "orders", key, "data");
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(readers[i].seen, RECORDS);
        assert_true(readers[i].in_order);
        pn_subscription_end(&readers[i].subscription);
    }
    subscriber_deinit(&subscriber);
}

/* Takes a place over and over; each time the one before finds out, or had it for itself. */
static void *take_place(void *arg)
{
    struct reader *reader = arg;
    for (int i = 0; i < 50; i++) {
        struct pn_subscription *subscription = NULL;
        struct pn_buf out;
        pn_fake_clock_advance(&reader->subscriber->fixture->log->clock,
                              PN_SUBSCRIPTION_TAKEOVER_MS);
        if (try_subscribe(reader->subscriber, 0, 0, 0, &subscription, NULL) != 0) {
            continue;
        }
        pn_buf_init(&out, PN_SUBSCRIPTION_BYTES_MAX);
        (void)pn_subscription_ready(subscription);
        reader->seen += pn_subscription_next(subscription, &out) ? 1 : 0;
        pn_buf_deinit(&out);
        pn_subscription_end(&subscription);
    }
    return NULL;
}

static void test_threads_that_take_over(void **state)
{
    struct subscriber subscriber;
    struct reader readers[THREADS];
    pthread_t threads[THREADS];
    int64_t seen = 0;
    subscriber_init(&subscriber, state, 1);
    for (size_t i = 0; i < THREADS; i++) {
        readers[i] = (struct reader){.subscriber = &subscriber};
        assert_int_equal(pthread_create(&threads[i], NULL, take_place, &readers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        seen += readers[i].seen;
    }
    assert_true(seen > 0);
    /* None has stayed in the list: the place is free at once. */
    struct pn_subscription *subscription = begin(&subscriber, 0, 0, 0);
    pn_subscription_end(&subscription);
    subscriber_deinit(&subscriber);
}

#define test(name) \
    cmocka_unit_test_setup_teardown(name, kinesis_fixture_set_up, kinesis_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(test_it_begins_with_a_response_and_an_event),
        test(test_records_are_told_when_they_come),
        test(test_it_goes_on_where_another_ended),
        test(test_without_records_it_speaks_every_five_seconds),
        test(test_an_event_has_at_most_two_mebibytes),
        test(test_in_cbor),
        test(test_it_ends_after_five_minutes),
        test(test_the_end_of_a_shard_names_its_children),
        test(test_the_end_of_a_shard_that_was_read),
        test(test_a_later_one_takes_over),
        test(test_the_next_may_come_at_once_when_one_has_ended),
        test(test_its_consumer_goes),
        test(test_its_stream_goes),
        test(test_damage_is_passed_over),
        test(test_the_limits_hold_it_back),
        test(test_many_threads),
        test(test_threads_that_take_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
