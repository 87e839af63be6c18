/*
 * Reading shards of a Kinesis elsewhere: whose turn it is, what is lost by which clock, and what is
 * made of odd answers. Kinesis is a server that answers as a test says, since the real one gives no
 * odd answers when asked to.
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

#include "base/mem.h"
#include "processor/kinesis_reader.h"
#include "support/script.h"

#define SUMMARY(created)                                                           \
    {                                                                              \
        200, "{\"StreamDescriptionSummary\":{\"StreamCreationTimestamp\":" created \
             ",\"RetentionPeriodHours\":24}}"                                      \
    }
#define SHARD(id, ending)                                               \
    "{\"ShardId\":\"shardId-00000000000" id                             \
    "\",\"HashKeyRange\":{\"StartingHashKey\":\"0\",\"EndingHashKey\":" \
    "\"340282366920938463463374607431768211455\"},"                     \
    "\"SequenceNumberRange\":{\"StartingSequenceNumber\":\"1\"" ending "}}"
#define SHARDS(list)                   \
    {                                  \
        200, "{\"Shards\":[" list "]}" \
    }
#define OPEN   SHARDS(SHARD("0", ""))
#define CLOSED SHARDS(SHARD("0", ",\"EndingSequenceNumber\":\"9\""))
#define OTHERS SHARDS(SHARD("1", "") "," SHARD("2", ""))
#define ITERATOR                             \
    {                                        \
        200, "{\"ShardIterator\":\"first\"}" \
    }
#define NOTHING                                                                      \
    {                                                                                \
        200, "{\"Records\":[],\"NextShardIterator\":\"n\",\"MillisBehindLatest\":0}" \
    }
#define END_OF_SHARD                                               \
    {                                                              \
        200, "{\"Records\":[" RECORD "],\"MillisBehindLatest\":0}" \
    }
#define RECORD                                                            \
    "{\"SequenceNumber\":\"7\",\"PartitionKey\":\"k\",\"Data\":\"e30=\"," \
    "\"ApproximateArrivalTimestamp\":1700000000.5}"
#define REFUSED(type)                                                     \
    {                                                                     \
        400, "{\"__type\":\"" type "\",\"message\":\"as the test says\"}" \
    }

enum { READ_MS = 250, GONE_MS = 10 * 1000, HOUR_MS = 3600 * 1000 };
static const uint64_t ID = 1700000000000;

struct fixture {
    struct script script;
    struct pn_fake_clock clock;
    struct pn_arena arena;
    struct pn_processor_source *source;
    struct pn_processor_place place;
    struct pn_processor_source_records read;
    struct pn_err e;
};

static int64_t now_ms(void)
{
    return (int64_t)time(NULL) * 1000;
}

/* Our clock is `behind_ms` behind that of Kinesis, which is the machine's. */
static void begin(struct fixture *fixture, const struct answer *answers, size_t count,
                  int64_t behind_ms)
{
    *fixture = (struct fixture){0};
    script_start(&fixture->script, answers, count, "");
    fixture->script.url[strlen(fixture->script.url) - 1] = '\0'; /* without its slash */
    pn_fake_clock_init(&fixture->clock, now_ms() - behind_ms);
    pn_arena_init(&fixture->arena, 0);
    const struct pn_processor_kinesis config = {.endpoint = fixture->script.url,
                                                .region = "eu-west-2",
                                                .read_ms = READ_MS,
                                                .io = pn_io_system(),
                                                .clock = &fixture->clock.clock};
    assert_int_equal(pn_processor_source_kinesis(&config, &fixture->source, NULL), 0);
}

static void end(struct fixture *fixture)
{
    pn_processor_source_destroy(&fixture->source);
    pn_arena_deinit(&fixture->arena);
    script_stop(&fixture->script);
}

static int read_shard(struct fixture *fixture)
{
    fixture->e = (struct pn_err){0};
    return pn_processor_source_read(fixture->source, "s", ID, 0, 5, &fixture->place, 10, 1000,
                                    &fixture->arena, &fixture->read, &fixture->e);
}

static void assert_read(struct fixture *fixture, size_t records)
{
    if (read_shard(fixture) != 0) {
        fail_msg("%s", fixture->e.msg);
    }
    assert_int_equal(fixture->read.count, records);
}

static void assert_retry(struct fixture *fixture, const char *why)
{
    assert_int_not_equal(read_shard(fixture), 0);
    assert_int_equal(fixture->e.class_, PN_CLASS_RETRY);
    if (strstr(fixture->e.msg, why) == NULL) {
        fail_msg("%s", fixture->e.msg);
    }
    pn_fake_clock_advance(&fixture->clock, READ_MS);
}

/* --- whose turn it is ------------------------------------------------------------------------- */

/* A thread that reads when a test asks for it, as that of a table. */
struct table {
    struct fixture *fixture;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int asked;
    int answered;
    bool is_over;
    bool has_read;
};

static void *run_table(void *arg)
{
    struct table *table = arg;
    struct pn_processor_place place = {.text = ""};
    pthread_mutex_lock(&table->lock);
    for (;;) {
        while (table->answered == table->asked && !table->is_over) {
            pthread_cond_wait(&table->changed, &table->lock);
        }
        if (table->is_over) {
            break;
        }
        struct pn_processor_source_records read = {0};
        struct pn_arena arena;
        pn_arena_init(&arena, 0);
        int rc = pn_processor_source_read(table->fixture->source, "s", ID, 0, 5, &place, 10, 1000,
                                          &arena, &read, NULL);
        table->has_read = rc == 0 && read.behind_ms >= 0;
        pn_arena_deinit(&arena);
        table->answered++;
        pthread_cond_broadcast(&table->changed);
    }
    pthread_mutex_unlock(&table->lock);
    return NULL;
}

static void start_table(struct table *table, struct fixture *fixture)
{
    *table = (struct table){.fixture = fixture};
    pthread_mutex_init(&table->lock, NULL);
    pthread_cond_init(&table->changed, NULL);
    assert_int_equal(pthread_create(&table->thread, NULL, run_table, table), 0);
}

/* The table asks for records. Was the shard read? */
static bool ask(struct table *table)
{
    pthread_mutex_lock(&table->lock);
    table->asked++;
    pthread_cond_broadcast(&table->changed);
    while (table->answered < table->asked) {
        pthread_cond_wait(&table->changed, &table->lock);
    }
    bool has_read = table->has_read;
    pthread_mutex_unlock(&table->lock);
    return has_read;
}

static void end_table(struct table *table)
{
    pthread_mutex_lock(&table->lock);
    table->is_over = true;
    pthread_cond_broadcast(&table->changed);
    pthread_mutex_unlock(&table->lock);
    pthread_join(table->thread, NULL);
    pthread_mutex_destroy(&table->lock);
    pthread_cond_destroy(&table->changed);
}

static const struct answer QUIET[] = {SUMMARY("1700000000"), OPEN, ITERATOR, NOTHING};

/* Both ask as often as a shard may be read, one of them a moment before the other. */
static void test_tables_read_in_turn(void **state)
{
    (void)state;
    struct fixture fixture;
    struct table one;
    struct table two;
    int reads_of_one = 0;
    int reads_of_two = 0;
    begin(&fixture, QUIET, 4, 0);
    start_table(&one, &fixture);
    start_table(&two, &fixture);
    for (int round = 0; round < 9; round++) {
        reads_of_one += ask(&one);
        reads_of_two += ask(&two);
        pn_fake_clock_advance(&fixture.clock, READ_MS);
    }
    assert_in_range(reads_of_one, 4, 5);
    assert_in_range(reads_of_two, 3, 4);
    end_table(&one);
    end_table(&two);
    end(&fixture);
}

/* One that asks once, as for the lag, or that has ended, holds nobody up for long. */
static void test_a_table_that_stops_asking(void **state)
{
    (void)state;
    struct fixture fixture;
    struct table one;
    struct table two;
    begin(&fixture, QUIET, 4, 0);
    start_table(&one, &fixture);
    start_table(&two, &fixture);
    assert_true(ask(&one));
    assert_false(ask(&two));
    pn_fake_clock_advance(&fixture.clock, READ_MS);
    assert_true(ask(&one));
    assert_false(ask(&two));
    pn_fake_clock_advance(&fixture.clock, READ_MS);
    assert_false(ask(&one)); /* the other one waits for longer */
    int rounds = 0;
    do {
        pn_fake_clock_advance(&fixture.clock, READ_MS);
        rounds++;
    } while (!ask(&one));
    assert_in_range(rounds, 1, 10);
    end_table(&one);
    end_table(&two);
    end(&fixture);
}

/* --- shards that are gone, or not ------------------------------------------------------------- */

/* One list without the shard does not end it. */
static void test_an_odd_list_ends_no_shard(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct answer answers[] = {
        SUMMARY("1700000000"),
        OPEN,
        ITERATOR,
        REFUSED("ResourceNotFoundException"),
        SUMMARY("1700000000"),
        OTHERS,
        REFUSED("ResourceNotFoundException"),
        SUMMARY("1700000000"),
        SHARDS(""),
        SUMMARY("1700000000"),
        OPEN,
        NOTHING,
    };
    begin(&fixture, answers, sizeof answers / sizeof answers[0], 0);
    assert_retry(&fixture, "it counts as gone when that is still so");
    assert_retry(&fixture, "the stream s has no shards");
    assert_read(&fixture, 0);
    assert_false(fixture.read.place.ended);
    assert_int_equal(fixture.read.next_offset, 5);
    end(&fixture);
}

static void test_a_shard_that_stays_away_is_gone(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct answer answers[] = {
        SUMMARY("1700000000"),
        OPEN,
        ITERATOR,
        REFUSED("ResourceNotFoundException"),
        SUMMARY("1700000000"),
        OTHERS,
        REFUSED("ResourceNotFoundException"),
        SUMMARY("1700000000"),
        OTHERS,
        REFUSED("ResourceNotFoundException"),
        SUMMARY("1700000000"),
        OTHERS,
    };
    begin(&fixture, answers, sizeof answers / sizeof answers[0], 0);
    assert_retry(&fixture, "it counts as gone when that is still so");
    pn_fake_clock_advance(&fixture.clock, GONE_MS - 2 * READ_MS);
    assert_retry(&fixture, "it counts as gone when that is still so");
    assert_read(&fixture, 0);
    assert_true(fixture.read.place.ended);
    assert_int_equal(fixture.read.next_offset, 6);
    end(&fixture);
}

/* A shard at its end has to be listed as closed, or not at all for a while. */
static void test_the_end_of_a_shard(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct answer answers[] = {
        SUMMARY("1700000000"),
        OPEN,
        ITERATOR,
        END_OF_SHARD,
        SUMMARY("1700000000"),
        OTHERS,
        END_OF_SHARD,
        SUMMARY("1700000000"),
        OPEN,
        END_OF_SHARD,
        SUMMARY("1700000000"),
        CLOSED,
    };
    begin(&fixture, answers, sizeof answers / sizeof answers[0], 0);
    assert_retry(&fixture, "it counts as gone when that is still so");
    assert_retry(&fixture, "and lists it as open");
    assert_read(&fixture, 1);
    assert_true(fixture.read.place.ended);
    assert_string_equal(fixture.read.place.text, "7");
    assert_int_equal(fixture.read.next_offset, 7);
    end(&fixture);
}

/* --- clocks ----------------------------------------------------------------------------------- */

/* What is lost is a matter of the clock of Kinesis, so all processes see the same. */
static void test_losses_are_by_the_clock_of_kinesis(void **state)
{
    (void)state;
    static const int64_t behind[] = {0, 3 * HOUR_MS, -3 * HOUR_MS};
    for (size_t i = 0; i < 3; i++) {
        struct fixture fixture;
        begin(&fixture, QUIET, 4, behind[i]);
        fixture.place.until_ms = now_ms() - 25 * HOUR_MS;
        assert_read(&fixture, 0);
        assert_non_null(fixture.read.lost);
        assert_true(fixture.read.next_offset > 1000);
        end(&fixture);
        begin(&fixture, QUIET, 4, behind[i]);
        fixture.place.until_ms = now_ms() - 23 * HOUR_MS;
        assert_read(&fixture, 0);
        assert_null(fixture.read.lost);
        assert_int_equal(fixture.read.next_offset, 5);
        assert_true(llabs(fixture.read.place.until_ms - now_ms()) < HOUR_MS);
        end(&fixture);
    }
}

/* --- places that Kinesis does not take -------------------------------------------------------- */

static void test_what_is_blamed(void **state)
{
    (void)state;
    static const struct {
        const char *place, *blamed, *spared;
    } cases[] = {
        {"12345", "change kinesis.endpoint back", "`start`"},
        {"@1700000000000", "from 2023-11-14T22:13:20.000Z on", "kinesis.endpoint back"},
        {"", "as the test says", "kinesis.endpoint back"},
    };
    const struct answer answers[] = {SUMMARY("1700000000"), OPEN,
                                     REFUSED("InvalidArgumentException")};
    for (size_t i = 0; i < 3; i++) {
        struct fixture fixture;
        begin(&fixture, answers, 3, 0);
        memcpy(fixture.place.text, cases[i].place, strlen(cases[i].place) + 1);
        assert_retry(&fixture, cases[i].blamed);
        assert_null(strstr(fixture.e.msg, cases[i].spared));
        end(&fixture);
    }
}

/* --- streams that are gone -------------------------------------------------------------------- */

static const struct pn_kinesis_reader_stream *only_stream(const struct fixture *fixture)
{
    const struct pn_kinesis_reader *reader = (struct pn_kinesis_reader *)fixture->source;
    assert_non_null(reader->streams);
    assert_null(reader->streams->next);
    return reader->streams;
}

static void test_nothing_is_kept_of_a_stream_that_is_gone(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct answer answers[] = {SUMMARY("1700000000"), OPEN, ITERATOR, NOTHING,
                                     REFUSED("ResourceNotFoundException")};
    begin(&fixture, answers, 5, 0);
    assert_read(&fixture, 0);
    assert_int_equal(only_stream(&fixture)->shard_count, 1);
    assert_int_equal(only_stream(&fixture)->shards[0].cursor_count, 1);
    pn_fake_clock_advance(&fixture.clock, PN_KINESIS_READER_LOOK_MS);
    assert_int_not_equal(read_shard(&fixture), 0);
    assert_int_equal(fixture.e.class_, PN_CLASS_MISSING);
    assert_int_equal(only_stream(&fixture)->shard_count, 0);
    end(&fixture);
}

static size_t requests(struct fixture *fixture)
{
    pthread_mutex_lock(&fixture->script.lock);
    size_t count = fixture->script.request_count;
    pthread_mutex_unlock(&fixture->script.lock);
    return count;
}

/* --- iterators -------------------------------------------------------------------------------- */

/* Reads at the place of a table. */
static void read_at(struct fixture *fixture, int table)
{
    (void)snprintf(fixture->place.text, sizeof fixture->place.text, "%d", 100 + table);
    assert_read(fixture, 0);
    assert_int_equal(fixture->read.behind_ms, 0);
    pn_fake_clock_advance(&fixture->clock, READ_MS);
}

/* A dozen tables, each somewhere else in the shard: each asks for an iterator once. */
static void test_each_table_keeps_its_iterator(void **state)
{
    (void)state;
    enum { TABLES = 12 };
    struct fixture fixture;
    struct answer answers[2 + 2 * TABLES] = {SUMMARY("1700000000"), OPEN};
    for (size_t i = 2; i < sizeof answers / sizeof answers[0]; i += 2) {
        answers[i] = (struct answer)ITERATOR;
        answers[i + 1] = (struct answer)NOTHING;
    }
    begin(&fixture, answers, sizeof answers / sizeof answers[0], 0);
    for (int table = 0; table < TABLES; table++) {
        read_at(&fixture, table);
    }
    size_t before = requests(&fixture);
    for (int table = 0; table < TABLES; table++) {
        read_at(&fixture, table);
    }
    assert_int_equal(requests(&fixture), before + TABLES);
    assert_int_equal(only_stream(&fixture)->shards[0].cursor_count, TABLES);
    end(&fixture);
}

/* Kinesis takes an iterator for five minutes. */
static void test_old_iterators_are_let_go(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct answer answers[] = {SUMMARY("1700000000"), OPEN, ITERATOR, NOTHING,
                                     SUMMARY("1700000000"), OPEN, ITERATOR, NOTHING};
    begin(&fixture, answers, 8, 0);
    read_at(&fixture, 0);
    pn_fake_clock_advance(&fixture.clock, INT64_C(5) * 60 * 1000);
    read_at(&fixture, 1);
    assert_int_equal(only_stream(&fixture)->shards[0].cursor_count, 1);
    end(&fixture);
}

/* --- errors of the server's own --------------------------------------------------------------- */

static void test_a_servers_own_error_is_tried_again(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct answer answers[] = {{500, "{}"}, {503, ""},  SUMMARY("1700000000"), OPEN, ITERATOR,
                                     NOTHING,     {500, "{}"}};
    begin(&fixture, answers, 7, 0);
    assert_read(&fixture, 0);
    assert_int_equal(requests(&fixture), 6);
    pn_fake_clock_advance(&fixture.clock, READ_MS);
    assert_retry(&fixture, "answers GetRecords with 500");
    assert_int_equal(requests(&fixture), 9);
    end(&fixture);
}

int main(void)
{
    (void)setenv("AWS_ACCESS_KEY_ID", "test", 1);
    (void)setenv("AWS_SECRET_ACCESS_KEY", "test", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables_read_in_turn),
        cmocka_unit_test(test_a_table_that_stops_asking),
        cmocka_unit_test(test_an_odd_list_ends_no_shard),
        cmocka_unit_test(test_a_shard_that_stays_away_is_gone),
        cmocka_unit_test(test_the_end_of_a_shard),
        cmocka_unit_test(test_losses_are_by_the_clock_of_kinesis),
        cmocka_unit_test(test_what_is_blamed),
        cmocka_unit_test(test_nothing_is_kept_of_a_stream_that_is_gone),
        cmocka_unit_test(test_each_table_keeps_its_iterator),
        cmocka_unit_test(test_old_iterators_are_let_go),
        cmocka_unit_test(test_a_servers_own_error_is_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
