/*
 * Shards that are subscribed to: what comes twice, what is lost, which ends are true, and what
 * becomes of subscriptions that fail, that are too fast, or that nobody asks for. Kinesis is a
 * server that answers as a test says; a subscription ends after the events that the test gives it.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "kinesis/api/eventstream.h"
#include "processor/kinesis_fanout.h"
#include "support/script.h"

#define STREAM_ARN   "arn:aws:kinesis:eu-west-2:1:stream/s"
#define CONSUMER_ARN STREAM_ARN "/consumer/c:1"
#define SHARD(id, ending)                                               \
    "{\"ShardId\":\"shardId-00000000000" id                             \
    "\",\"HashKeyRange\":{\"StartingHashKey\":\"0\",\"EndingHashKey\":" \
    "\"340282366920938463463374607431768211455\"},"                     \
    "\"SequenceNumberRange\":{\"StartingSequenceNumber\":\"1\"" ending "}}"
#define SHARDS(list) "{\"Shards\":[" list "]}"
static const char OPEN[] = SHARDS(SHARD("0", ""));
static const char TWO[] = SHARDS(SHARD("0", "") "," SHARD("1", ""));
static const char CLOSED[] = SHARDS(SHARD("0", ",\"EndingSequenceNumber\":\"9\""));
static const char OTHERS[] = SHARDS(SHARD("1", "") "," SHARD("2", ""));
static const char SUMMARY[] = "{\"StreamDescriptionSummary\":{\"StreamARN\":\"" STREAM_ARN "\","
                              "\"StreamCreationTimestamp\":1700000000,"
                              "\"RetentionPeriodHours\":24}}";
static const char CONSUMER[] = "{\"ConsumerDescription\":{\"ConsumerARN\":\"" CONSUMER_ARN "\","
                               "\"ConsumerStatus\":\"ACTIVE\"}}";
static const char REFUSED[] = "{\"__type\":\"ResourceNotFoundException\",\"message\":\"no\"}";

enum {
    READ_MS = 250,
    HOUR_MS = 3600 * 1000,
    CALLS_MAX = 4, /* further ones are answered as the last one */
    BODY_BYTES_MAX = 64 << 20,
    GOT_BYTES_MAX = 256,
    NO_MORE = -1 /* in place of a number after which a subscription continues */
};
static const uint64_t ID = 1700000000000;

/* What a subscription is answered. */
struct call {
    unsigned status;
    struct pn_buf body;
};

/* A table's place in a shard, and what it has read: the numbers of its records. */
struct table {
    uint32_t shard;
    int64_t offset;
    struct pn_processor_place place;
    char got[GOT_BYTES_MAX];
    size_t records;
    size_t losses;
    size_t failures;
    struct pn_err e; /* the last one */
};

struct fixture {
    struct script script;
    struct pn_fake_clock clock;
    struct pn_processor_source *source;
    struct pn_kinesis_fanout *fanout;
    uint64_t seen;
    struct table table;
    const char *shards; /* by the script's lock, as what follows */
    struct call calls[CALLS_MAX];
    size_t call_count;
    size_t begun;                                 /* subscriptions */
    char asked[CALLS_MAX][SCRIPT_BODY_BYTES_MAX]; /* by the first ones */
};

/* --- Kinesis ---------------------------------------------------------------------------------- */

static struct answer text(const char *body, size_t *len)
{
    *len = strlen(body);
    return (struct answer){200, body};
}

static struct answer choose(void *arg, const struct asked *asked, size_t *len)
{
    struct fixture *fixture = arg;
    const char *operation = strchr(asked->target, '.') + 1;
    if (strcmp(operation, "DescribeStreamSummary") == 0) {
        return text(SUMMARY, len);
    }
    if (strcmp(operation, "ListShards") == 0) {
        return text(fixture->shards, len);
    }
    if (strcmp(operation, "DescribeStreamConsumer") == 0) {
        return text(CONSUMER, len);
    }
    assert_string_equal(operation, "SubscribeToShard");
    size_t i = fixture->begun < fixture->call_count ? fixture->begun : fixture->call_count - 1;
    if (fixture->begun < CALLS_MAX) {
        memcpy(fixture->asked[fixture->begun], asked->body, sizeof fixture->asked[0]);
    }
    fixture->begun++;
    *len = fixture->calls[i].body.len;
    return (struct answer){fixture->calls[i].status, fixture->calls[i].body.data};
}

/* The next subscription. */
static struct pn_buf *add_call(struct fixture *fixture, unsigned status)
{
    assert_true(fixture->call_count < CALLS_MAX);
    struct call *call = &fixture->calls[fixture->call_count++];
    call->status = status;
    pn_buf_init(&call->body, BODY_BYTES_MAX);
    return &call->body;
}

static void refuse(struct fixture *fixture)
{
    pn_buf_adds(add_call(fixture, 400), REFUSED);
}

/* An event with records of those numbers, each with so many bytes; `to` less than `from`: none. */
static void add_event(struct pn_buf *out, int from, int to, size_t bytes, int64_t behind_ms,
                      int after)
{
    struct pn_event_message message;
    pn_event_begin(&message, out, "SubscribeToShardEvent", "application/x-amz-json-1.1");
    pn_buf_adds(out, "{\"Records\":[");
    for (int i = from; i <= to; i++) {
        pn_buf_addf(out, "%s{\"SequenceNumber\":\"%d\",\"PartitionKey\":\"k\",\"Data\":\"",
                    i > from ? "," : "", i);
        for (size_t n = 0; n < bytes; n += 3) {
            pn_buf_adds(out, "e30g");
        }
        pn_buf_adds(out, "\",\"ApproximateArrivalTimestamp\":1700000000.5}");
    }
    pn_buf_addf(out, "],\"MillisBehindLatest\":%lld", (long long)behind_ms);
    if (after != NO_MORE) {
        pn_buf_addf(out, ",\"ContinuationSequenceNumber\":\"%d\"", after);
    }
    pn_buf_adds(out, "}");
    pn_event_message_end(&message);
    assert_false(pn_buf_failed(out));
}

/* --- tables ----------------------------------------------------------------------------------- */

static int64_t now_ms(void)
{
    return (int64_t)time(NULL) * 1000;
}

static void begin(struct fixture *fixture, const char *shards)
{
    *fixture = (struct fixture){.shards = shards};
    script_start(&fixture->script, NULL, 0, "");
    fixture->script.choose = choose;
    fixture->script.arg = fixture;
    fixture->script.url[strlen(fixture->script.url) - 1] = '\0'; /* without its slash */
    pn_fake_clock_init(&fixture->clock, now_ms());
    const struct pn_processor_kinesis config = {.endpoint = fixture->script.url,
                                                .region = "eu-west-2",
                                                .read_ms = READ_MS,
                                                .consumer = "c",
                                                .io = pn_io_system(),
                                                .clock = &fixture->clock.clock};
    assert_int_equal(pn_processor_source_kinesis(&config, &fixture->source, NULL), 0);
    fixture->fanout = ((struct pn_kinesis_reader *)fixture->source)->fanout;
    fixture->table.place.until_ms = now_ms();
}

static void end(struct fixture *fixture)
{
    pn_processor_source_destroy(&fixture->source);
    script_stop(&fixture->script);
    for (size_t i = 0; i < fixture->call_count; i++) {
        pn_buf_deinit(&fixture->calls[i].body);
    }
}

static void read_shard(struct fixture *fixture, struct table *table)
{
    struct pn_processor_source_records read = {0};
    struct pn_err e = {0};
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    int rc = pn_processor_source_read(fixture->source, "s", ID, table->shard, table->offset,
                                      &table->place, 1000, SIZE_MAX / 2, &arena, &read, &e);
    if (rc != 0) {
        assert_int_equal(e.class_, PN_CLASS_RETRY);
        table->failures++;
        table->e = e;
    } else if (read.behind_ms >= 0) {
        table->place = read.place;
        table->offset = read.next_offset;
        table->losses += read.lost != NULL ? 1 : 0;
        for (size_t i = 0; i < read.count; i++) {
            size_t len = strlen(table->got);
            (void)snprintf(table->got + len, sizeof table->got - len, "%s ", read.sequences[i]);
        }
        table->records += read.count;
    }
    pn_arena_deinit(&arena);
}

/* Waits for something to happen; no subscription has to wait for its time. */
static void wait_a_little(struct fixture *fixture)
{
    fixture->seen = pn_processor_source_wait(fixture->source, fixture->seen, 20);
    pthread_mutex_lock(&fixture->fanout->lock);
    int64_t due_ms = 0;
    for (struct pn_kinesis_subscription *one = fixture->fanout->subscriptions; one != NULL;
         one = one->next) {
        due_ms = !one->is_live && one->next_ms > due_ms ? one->next_ms : due_ms;
    }
    pthread_mutex_unlock(&fixture->fanout->lock);
    int64_t left_ms = due_ms - pn_mono_ms(&fixture->clock.clock);
    if (left_ms > 0) {
        pn_fake_clock_advance(&fixture->clock, left_ms);
    }
}

static size_t begun(struct fixture *fixture)
{
    pthread_mutex_lock(&fixture->script.lock);
    size_t count = fixture->begun;
    pthread_mutex_unlock(&fixture->script.lock);
    return count;
}

static void read_once(struct fixture *fixture)
{
    assert_true(begun(fixture) < 20);
    read_shard(fixture, &fixture->table);
    wait_a_little(fixture);
}

#define READ_UNTIL(fixture, condition) \
    while (!(condition)) {             \
        read_once(fixture);            \
    }

static bool has_got(const struct fixture *fixture, const char *numbers)
{
    return strlen(fixture->table.got) >= strlen(numbers);
}

/* --- records ---------------------------------------------------------------------------------- */

static void assert_counted(struct fixture *fixture)
{
    size_t bytes = 0;
    pthread_mutex_lock(&fixture->fanout->lock);
    for (struct pn_kinesis_subscription *one = fixture->fanout->subscriptions; one != NULL;
         one = one->next) {
        size_t taken = 0;
        for (struct pn_kinesis_part *part = one->window.first; part != NULL; part = part->next) {
            taken += part->arena.total_bytes;
        }
        assert_true(one->window.bytes >= taken);
        bytes += one->window.bytes;
    }
    assert_int_equal(fixture->fanout->bytes, bytes);
    pthread_mutex_unlock(&fixture->fanout->lock);
}

static void test_what_comes_twice_is_taken_once(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, OPEN);
    add_event(add_call(&fixture, 200), 1, 3, 3, 0, 3);
    add_event(add_call(&fixture, 200), 2, 5, 3, 0, 5);
    READ_UNTIL(&fixture, has_got(&fixture, "1 2 3 "));
    READ_UNTIL(&fixture, begun(&fixture) >= 2);
    assert_non_null(strstr(fixture.asked[1], "\"AFTER_SEQUENCE_NUMBER\",\"SequenceNumber\":\"3\""));
    READ_UNTIL(&fixture, begun(&fixture) >= 4);
    assert_string_equal(fixture.table.got, "1 2 3 4 5 ");
    assert_int_equal(fixture.table.offset, 5);
    assert_int_equal(fixture.table.losses, 0);
    assert_counted(&fixture);
    end(&fixture);
}

/* A table that does not read makes Kinesis wait. */
static void test_a_full_window_pauses_the_subscription(void **state)
{
    (void)state;
    enum { EVENTS = 200, BYTES = 48 * 1024, UNREAD = PN_KINESIS_WINDOW_UNREAD_BYTES };
    struct fixture fixture;
    begin(&fixture, OPEN);
    struct pn_buf *body = add_call(&fixture, 200);
    for (int i = 1; i <= EVENTS; i++) {
        add_event(body, i, i, BYTES, 0, i);
    }
    bool is_paused = false;
    READ_UNTIL(&fixture, begun(&fixture) == 1);
    while (!is_paused) {
        fixture.seen = pn_processor_source_wait(fixture.source, fixture.seen, 20);
        pthread_mutex_lock(&fixture.fanout->lock);
        const struct pn_kinesis_subscription *one = fixture.fanout->subscriptions;
        is_paused = one->is_paused;
        if (is_paused) {
            assert_in_range(one->window.unread_bytes, UNREAD, UNREAD + 2 * BYTES);
        }
        pthread_mutex_unlock(&fixture.fanout->lock);
    }
    assert_int_equal(begun(&fixture), 1);
    READ_UNTIL(&fixture, fixture.table.records >= EVENTS);
    assert_int_equal(fixture.table.records, EVENTS);
    assert_string_equal(fixture.table.place.text, "200");
    end(&fixture);
}

/* --- what is lost ----------------------------------------------------------------------------- */

/* An empty event that comes before the records says nothing of them. */
static void test_a_loss_is_told_once(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, OPEN);
    add_event(add_call(&fixture, 200), 1, 0, 0, INT64_C(25) * HOUR_MS, 1);
    add_event(add_call(&fixture, 200), 2, 3, 3, 0, 3);
    fixture.table.place.until_ms = now_ms() - INT64_C(25) * HOUR_MS;
    while (begun(&fixture) < 2) {
        assert_int_equal(fixture.table.losses, 0);
        read_once(&fixture);
    }
    READ_UNTIL(&fixture, has_got(&fixture, "2 3 "));
    assert_int_equal(fixture.table.losses, 1);
    assert_int_equal(fixture.table.offset, 2 + PN_KINESIS_READER_LOST_OFFSETS);
    READ_UNTIL(&fixture, begun(&fixture) >= 4);
    assert_int_equal(fixture.table.losses, 1);
    end(&fixture);
}

/* The record before the table's place is there, if only among others: nothing is missing. */
static void test_nothing_is_lost_after_a_record_that_is_there(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, OPEN);
    add_event(add_call(&fixture, 200), 4, 7, 3, 0, 7);
    fixture.table.place.until_ms = now_ms() - INT64_C(25) * HOUR_MS;
    (void)snprintf(fixture.table.place.text, sizeof fixture.table.place.text, "5");
    READ_UNTIL(&fixture, has_got(&fixture, "6 7 "));
    assert_string_equal(fixture.table.got, "6 7 ");
    assert_int_equal(fixture.table.losses, 0);
    end(&fixture);
}

/* --- ends and shards that are gone ------------------------------------------------------------ */

static void test_the_end_of_a_shard(void **state)
{
    (void)state;
    static const struct {
        int64_t age_ms;
        size_t losses;
    } cases[] = {{HOUR_MS, 0}, {INT64_C(25) * HOUR_MS, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture fixture;
        begin(&fixture, CLOSED);
        add_event(add_call(&fixture, 200), 1, 0, 0, 0, NO_MORE);
        fixture.table.place.until_ms = now_ms() - cases[i].age_ms;
        (void)snprintf(fixture.table.place.text, sizeof fixture.table.place.text, "5");
        READ_UNTIL(&fixture, fixture.table.place.ended);
        assert_int_equal(fixture.table.losses, cases[i].losses);
        assert_int_equal(fixture.table.offset,
                         1 + (int64_t)cases[i].losses * PN_KINESIS_READER_LOST_OFFSETS);
        end(&fixture);
    }
}

static void test_a_false_end_ends_nothing(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, OPEN);
    add_event(add_call(&fixture, 200), 1, 2, 3, 0, NO_MORE);
    add_event(add_call(&fixture, 200), 1, 4, 3, 0, 4);
    READ_UNTIL(&fixture, fixture.table.failures == 1);
    assert_non_null(strstr(fixture.table.e.msg, "and lists it as open"));
    READ_UNTIL(&fixture, has_got(&fixture, "1 2 3 4 "));
    assert_string_equal(fixture.table.got, "1 2 3 4 ");
    assert_false(fixture.table.place.ended);
    end(&fixture);
}

/* Two odd answers, with events in between: the second one counts from its own time. */
static void test_odd_answers_end_no_shard_that_gives_events(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, OTHERS);
    refuse(&fixture);
    add_event(add_call(&fixture, 200), 1, 2, 3, 0, 2);
    refuse(&fixture);
    add_event(add_call(&fixture, 200), 3, 4, 3, 0, 4);
    READ_UNTIL(&fixture, fixture.table.failures == 1);
    assert_non_null(strstr(fixture.table.e.msg, "it counts as gone when that is still so"));
    READ_UNTIL(&fixture, has_got(&fixture, "1 2 "));
    pn_fake_clock_advance(&fixture.clock, 20 * 1000);
    READ_UNTIL(&fixture, fixture.table.failures == 2 || fixture.table.place.ended);
    assert_false(fixture.table.place.ended);
    READ_UNTIL(&fixture, has_got(&fixture, "1 2 3 4 "));
    assert_int_equal(fixture.table.losses, 0);
    end(&fixture);
}

/* --- subscriptions that fail ------------------------------------------------------------------ */

/* Events come, but no records, and each subscription breaks: people are to know. */
static void test_a_stand_still_is_told(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, OPEN);
    struct pn_buf *body = add_call(&fixture, 200);
    add_event(body, 1, 0, 0, 5000, 1);
    size_t whole = body->len;
    add_event(body, 1, 2, 3, 0, 2);
    body->data[whole + 40] ^= 4;
    READ_UNTIL(&fixture, fixture.table.failures > 0);
    assert_non_null(strstr(fixture.table.e.msg, "it changed on its way"));
    assert_int_equal(fixture.table.records, 0);
    end(&fixture);
}

static void test_takeovers_are_told(void **state)
{
    (void)state;
    struct fixture fixture;
    struct pn_event_message message;
    begin(&fixture, OPEN);
    struct pn_buf *body = add_call(&fixture, 200);
    add_event(body, 1, 2, 3, 0, 2);
    pn_event_exception_begin(&message, body, "ResourceInUseException",
                             "application/x-amz-json-1.1");
    pn_buf_adds(body, "{\"message\":\"another one\"}");
    pn_event_message_end(&message);
    READ_UNTIL(&fixture, fixture.table.failures > 0);
    assert_non_null(strstr(fixture.table.e.msg, "does another program"));
    assert_string_equal(fixture.table.got, "1 2 ");
    assert_in_range(begun(&fixture), 3, 4); /* the next one may have begun */
    end(&fixture);
}

/* --- subscriptions that nobody asks for ------------------------------------------------------- */

static size_t subscriptions(struct fixture *fixture)
{
    size_t count = 0;
    pthread_mutex_lock(&fixture->fanout->lock);
    for (struct pn_kinesis_subscription *one = fixture->fanout->subscriptions; one != NULL;
         one = one->next) {
        count++;
    }
    pthread_mutex_unlock(&fixture->fanout->lock);
    return count;
}

static void test_what_nobody_asks_for_is_let_go(void **state)
{
    (void)state;
    struct fixture fixture;
    struct table other = {.shard = 1};
    begin(&fixture, TWO);
    add_event(add_call(&fixture, 200), 1, 2, 3, 0, 2);
    other.place.until_ms = now_ms();
    while (other.records == 0) {
        read_shard(&fixture, &other);
        wait_a_little(&fixture);
    }
    READ_UNTIL(&fixture, has_got(&fixture, "1 2 "));
    assert_int_equal(subscriptions(&fixture), 2);
    while (subscriptions(&fixture) == 2) {
        pn_fake_clock_advance(&fixture.clock, PN_KINESIS_FANOUT_SWEEP_MS);
        read_shard(&fixture, &fixture.table);
        assert_true(begun(&fixture) < 50);
    }
    assert_counted(&fixture);
    end(&fixture);
}

int main(void)
{
    (void)setenv("AWS_ACCESS_KEY_ID", "test", 1);
    (void)setenv("AWS_SECRET_ACCESS_KEY", "test", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_comes_twice_is_taken_once),
        cmocka_unit_test(test_a_full_window_pauses_the_subscription),
        cmocka_unit_test(test_a_loss_is_told_once),
        cmocka_unit_test(test_nothing_is_lost_after_a_record_that_is_there),
        cmocka_unit_test(test_the_end_of_a_shard),
        cmocka_unit_test(test_a_false_end_ends_nothing),
        cmocka_unit_test(test_odd_answers_end_no_shard_that_gives_events),
        cmocka_unit_test(test_a_stand_still_is_told),
        cmocka_unit_test(test_takeovers_are_told),
        cmocka_unit_test(test_what_nobody_asks_for_is_let_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
