/* The source that reads the streams of this process: what it says of shards, positions, records,
 * and of streams that are gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "processor/source.h"
#include "support/defaults.h"
#include "support/log_fixture.h"

struct fixture {
    struct log_fixture *log;
    char *folder;
    struct pn_kinesis *kinesis;
    struct pn_processor_source *source;
    struct pn_arena arena;
    uint64_t id;
};

static void create_stream(struct fixture *fixture)
{
    const struct pn_stream_create create = {.name = "s", .shards = 2};
    const struct pn_stream *stream = NULL;
    assert_int_equal(pn_kinesis_create_stream(fixture->kinesis, &create, NULL), 0);
    assert_int_equal(pn_kinesis_stream(fixture->kinesis, "s", &stream, NULL), 0);
    fixture->id = stream->id;
    pn_stream_release(&stream);
}

static int set_up(void **state)
{
    struct fixture *fixture = pn_xcalloc(1, sizeof *fixture);
    void *log = NULL;
    assert_int_equal(log_fixture_set_up(&log), 0);
    fixture->log = log;
    log_fixture_open(fixture->log);
    fixture->folder = pn_xasprintf("%s/kinesis", fixture->log->folder);
    struct pn_kinesis_config config;
    pn_settings_to_kinesis(default_settings(), &config);
    config.folder = fixture->folder;
    assert_int_equal(pn_kinesis_create(&config, fixture->log->log, pn_io_system(),
                                       &fixture->log->clock.clock, NULL, NULL, &fixture->kinesis,
                                       NULL),
                     0);
    assert_int_equal(pn_processor_source_embedded(fixture->kinesis, &fixture->source, NULL), 0);
    pn_arena_init(&fixture->arena, 0);
    create_stream(fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    void *log = fixture->log;
    pn_processor_source_destroy(&fixture->source);
    pn_kinesis_destroy(&fixture->kinesis);
    pn_arena_deinit(&fixture->arena);
    assert_int_equal(log_fixture_tear_down(&log), 0);
    free(fixture->folder);
    free(fixture);
    return 0;
}

static void put(struct fixture *fixture, int32_t shard, const char *value)
{
    log_put(fixture->log, PN_KINESIS_TOPIC_PREFIX "s", shard, "key", value);
}

static void test_shards_are_described(void **state)
{
    struct fixture *fixture = *state;
    struct pn_processor_source_stream stream = {0};
    put(fixture, 1, "{}");
    put(fixture, 1, "{}");
    assert_int_equal(
        pn_processor_source_describe(fixture->source, "s", &fixture->arena, &stream, NULL), 0);
    assert_int_equal(stream.id, fixture->id);
    assert_int_equal(stream.shard_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(stream.shards[i].index, i);
        assert_int_equal(stream.shards[i].parent, -1);
        assert_int_equal(stream.shards[i].adjacent_parent, -1);
        assert_int_equal(stream.shards[i].created_ms, LOG_FIXTURE_NOW * INT64_C(1000));
        assert_false(stream.shards[i].complete);
        assert_int_equal(stream.shards[i].begin, 0);
        assert_int_equal(stream.shards[i].end, i == 1 ? 2 : 0);
    }
}

static void test_closed_shards_are_complete(void **state)
{
    struct fixture *fixture = *state;
    struct pn_processor_source_stream stream = {0};
    put(fixture, 0, "{}");
    assert_int_equal(pn_kinesis_merge(fixture->kinesis, "s", "shardId-000000000000",
                                      "shardId-000000000001", NULL),
                     0);
    assert_int_equal(
        pn_processor_source_describe(fixture->source, "s", &fixture->arena, &stream, NULL), 0);
    assert_int_equal(stream.shard_count, 3);
    assert_true(stream.shards[0].complete);
    assert_int_equal(stream.shards[0].end, 1);
    assert_true(stream.shards[1].complete);
    assert_false(stream.shards[2].complete);
    assert_int_equal(stream.shards[2].parent, 0);
    assert_int_equal(stream.shards[2].adjacent_parent, 1);
}

static int64_t position(struct fixture *fixture, enum pn_stream_start start, int64_t start_ms)
{
    int64_t offset = -1;
    struct pn_processor_place place;
    assert_int_equal(pn_processor_source_position(fixture->source, "s", fixture->id, 0, start,
                                                  start_ms, &offset, &place, NULL),
                     0);
    return offset;
}

static void test_positions(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, 0, "{\"n\":0}");
    pn_fake_clock_advance(&fixture->log->clock, 5000);
    put(fixture, 0, "{\"n\":1}");
    put(fixture, 0, "{\"n\":2}");
    int64_t first_ms = LOG_FIXTURE_NOW * INT64_C(1000);
    assert_int_equal(position(fixture, PN_START_TRIM_HORIZON, 0), 0);
    assert_int_equal(position(fixture, PN_START_LATEST, 0), 3);
    assert_int_equal(position(fixture, PN_START_TIMESTAMP, first_ms), 0);
    assert_int_equal(position(fixture, PN_START_TIMESTAMP, first_ms + 1), 1);
}

static void test_records_are_read_on(void **state)
{
    struct fixture *fixture = *state;
    struct pn_processor_source_records read = {0};
    for (int i = 0; i < 5; i++) {
        char value[32];
        (void)snprintf(value, sizeof value, "{\"n\":%d}", i);
        put(fixture, 0, value);
    }
    int64_t next = 1;
    for (int i = 1; i < 5; i++) {
        assert_int_equal(pn_processor_source_read(fixture->source, "s", fixture->id, 0, next, NULL,
                                                  1, 1 << 20, &fixture->arena, &read, NULL),
                         0);
        char value[32];
        (void)snprintf(value, sizeof value, "{\"n\":%d}", i);
        assert_int_equal(read.count, 1);
        assert_int_equal(read.records[0].offset, i);
        assert_int_equal(read.records[0].timestamp_ms, LOG_FIXTURE_NOW * INT64_C(1000));
        assert_value(&read.records[0], value);
        next = read.next_offset;
        assert_int_equal(next, i + 1);
    }
    assert_int_equal(pn_processor_source_read(fixture->source, "s", fixture->id, 0, next, NULL, 1,
                                              1 << 20, &fixture->arena, &read, NULL),
                     0);
    assert_int_equal(read.count, 0);
    assert_int_equal(read.next_offset, 5);
}

static void test_streams_that_are_gone(void **state)
{
    struct fixture *fixture = *state;
    struct pn_processor_source_stream stream = {0};
    struct pn_processor_source_records read = {0};
    int64_t offset = 0;
    struct pn_processor_place place;
    struct pn_err e = {0};
    assert_int_not_equal(
        pn_processor_source_describe(fixture->source, "other", &fixture->arena, &stream, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
    uint64_t old = fixture->id;
    put(fixture, 0, "{}");
    assert_int_equal(pn_kinesis_delete_stream(fixture->kinesis, "s", false, NULL), 0);
    create_stream(fixture);
    assert_int_not_equal(fixture->id, old);
    /* Another stream has the name: its records are not the old one's. */
    assert_int_not_equal(pn_processor_source_read(fixture->source, "s", old, 0, 0, NULL, 1, 1,
                                                  &fixture->arena, &read, &e),
                         0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
    assert_int_not_equal(pn_processor_source_position(fixture->source, "s", old, 0, PN_START_LATEST,
                                                      0, &offset, &place, &e),
                         0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
    assert_int_not_equal(pn_processor_source_read(fixture->source, "s", fixture->id, 2, 0, NULL, 1,
                                                  1, &fixture->arena, &read, &e),
                         0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
}

/* The log's operations, but the first look at an offset finds the stream gone and made again. */
static struct {
    struct pn_log_ops ops;
    const struct pn_log_ops *plain;
    struct fixture *fixture;
} replacing;

static int replace_then_offsets(struct pn_log *log, const char *topic, int32_t partition,
                                struct pn_log_offsets *offsets, struct pn_err *e)
{
    log->ops = replacing.plain;
    assert_int_equal(pn_kinesis_delete_stream(replacing.fixture->kinesis, "s", false, NULL), 0);
    create_stream(replacing.fixture);
    return pn_log_offsets(log, topic, partition, offsets, e);
}

static void test_a_description_is_of_one_stream(void **state)
{
    struct fixture *fixture = *state;
    struct pn_processor_source_stream stream = {0};
    struct pn_err e = {0};
    put(fixture, 0, "{}");
    replacing.plain = fixture->log->log->ops;
    replacing.ops = *replacing.plain;
    replacing.ops.offsets = replace_then_offsets;
    replacing.fixture = fixture;
    fixture->log->log->ops = &replacing.ops;
    /* Not the old stream, with ends that are the new one's. */
    assert_int_not_equal(
        pn_processor_source_describe(fixture->source, "s", &fixture->arena, &stream, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
    assert_int_equal(
        pn_processor_source_describe(fixture->source, "s", &fixture->arena, &stream, &e), 0);
    assert_int_equal(stream.id, fixture->id);
}

/* Would wait for an hour, if it could miss something. */
static void test_waits_end(void **state)
{
    struct fixture *fixture = *state;
    const int64_t long_ms = 3600000;
    uint64_t seen = pn_processor_source_wait(fixture->source, 0, long_ms);
    put(fixture, 0, "{}");
    seen = pn_processor_source_wait(fixture->source, seen, long_ms);
    pn_processor_source_wake(fixture->source);
    seen = pn_processor_source_wait(fixture->source, seen, long_ms);
    assert_int_equal(pn_processor_source_wait(fixture->source, seen, 1), seen);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_shards_are_described),
        TEST(test_closed_shards_are_complete),
        TEST(test_positions),
        TEST(test_records_are_read_on),
        TEST(test_streams_that_are_gone),
        TEST(test_a_description_is_of_one_stream),
        TEST(test_waits_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
