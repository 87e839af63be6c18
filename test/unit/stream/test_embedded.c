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
#include "stream/source.h"
#include "support/defaults.h"
#include "support/log_fixture.h"

struct bed {
    struct log_fixture *log;
    char *folder;
    struct pn_kinesis *kinesis;
    struct pn_stream_source *source;
    struct pn_arena arena;
    uint64_t id;
};

static void create_stream(struct bed *bed)
{
    const struct pn_stream_create create = {.name = "s", .shards = 2};
    const struct pn_stream *stream = NULL;
    assert_int_equal(pn_kinesis_create_stream(bed->kinesis, &create, NULL), 0);
    assert_int_equal(pn_kinesis_stream(bed->kinesis, "s", &stream, NULL), 0);
    bed->id = stream->id;
    pn_stream_release(&stream);
}

static int set_up(void **state)
{
    struct bed *bed = pn_xcalloc(1, sizeof *bed);
    void *log = NULL;
    assert_int_equal(log_fixture_set_up(&log), 0);
    bed->log = log;
    log_fixture_open(bed->log);
    bed->folder = pn_xasprintf("%s/kinesis", bed->log->folder);
    struct pn_kinesis_config config;
    pn_settings_to_kinesis(default_settings(), &config);
    config.folder = bed->folder;
    assert_int_equal(pn_kinesis_create(&config, bed->log->log, pn_io_system(),
                                       &bed->log->clock.clock, NULL, NULL, &bed->kinesis, NULL),
                     0);
    assert_int_equal(pn_stream_source_embedded(bed->kinesis, &bed->source, NULL), 0);
    pn_arena_init(&bed->arena, 0);
    create_stream(bed);
    *state = bed;
    return 0;
}

static int tear_down(void **state)
{
    struct bed *bed = *state;
    void *log = bed->log;
    pn_stream_source_destroy(&bed->source);
    pn_kinesis_destroy(&bed->kinesis);
    pn_arena_deinit(&bed->arena);
    assert_int_equal(log_fixture_tear_down(&log), 0);
    free(bed->folder);
    free(bed);
    return 0;
}

static void put(struct bed *bed, int32_t shard, const char *value)
{
    log_put(bed->log, PN_KINESIS_TOPIC_PREFIX "s", shard, "key", value);
}

static void test_shards_are_described(void **state)
{
    struct bed *bed = *state;
    struct pn_stream_source_stream stream = {0};
    put(bed, 1, "{}");
    put(bed, 1, "{}");
    assert_int_equal(pn_stream_source_describe(bed->source, "s", &bed->arena, &stream, NULL), 0);
    assert_int_equal(stream.id, bed->id);
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
    struct bed *bed = *state;
    struct pn_stream_source_stream stream = {0};
    put(bed, 0, "{}");
    assert_int_equal(
        pn_kinesis_merge(bed->kinesis, "s", "shardId-000000000000", "shardId-000000000001", NULL),
        0);
    assert_int_equal(pn_stream_source_describe(bed->source, "s", &bed->arena, &stream, NULL), 0);
    assert_int_equal(stream.shard_count, 3);
    assert_true(stream.shards[0].complete);
    assert_int_equal(stream.shards[0].end, 1);
    assert_true(stream.shards[1].complete);
    assert_false(stream.shards[2].complete);
    assert_int_equal(stream.shards[2].parent, 0);
    assert_int_equal(stream.shards[2].adjacent_parent, 1);
}

static int64_t position(struct bed *bed, enum pn_stream_start start, int64_t start_ms)
{
    int64_t offset = -1;
    assert_int_equal(
        pn_stream_source_position(bed->source, "s", bed->id, 0, start, start_ms, &offset, NULL), 0);
    return offset;
}

static void test_positions(void **state)
{
    struct bed *bed = *state;
    put(bed, 0, "{\"n\":0}");
    pn_fake_clock_advance(&bed->log->clock, 5000);
    put(bed, 0, "{\"n\":1}");
    put(bed, 0, "{\"n\":2}");
    int64_t first_ms = LOG_FIXTURE_NOW * INT64_C(1000);
    assert_int_equal(position(bed, PN_START_TRIM_HORIZON, 0), 0);
    assert_int_equal(position(bed, PN_START_LATEST, 0), 3);
    assert_int_equal(position(bed, PN_START_TIMESTAMP, first_ms), 0);
    assert_int_equal(position(bed, PN_START_TIMESTAMP, first_ms + 1), 1);
}

static void test_records_are_read_on(void **state)
{
    struct bed *bed = *state;
    struct pn_stream_source_records read = {0};
    for (int i = 0; i < 5; i++) {
        char value[32];
        (void)snprintf(value, sizeof value, "{\"n\":%d}", i);
        put(bed, 0, value);
    }
    int64_t next = 1;
    for (int i = 1; i < 5; i++) {
        assert_int_equal(pn_stream_source_read(bed->source, "s", bed->id, 0, next, 1, 1 << 20,
                                               &bed->arena, &read, NULL),
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
    assert_int_equal(pn_stream_source_read(bed->source, "s", bed->id, 0, next, 1, 1 << 20,
                                           &bed->arena, &read, NULL),
                     0);
    assert_int_equal(read.count, 0);
    assert_int_equal(read.next_offset, 5);
}

static void test_streams_that_are_gone(void **state)
{
    struct bed *bed = *state;
    struct pn_stream_source_stream stream = {0};
    struct pn_stream_source_records read = {0};
    int64_t offset = 0;
    struct pn_err e = {0};
    assert_int_not_equal(pn_stream_source_describe(bed->source, "other", &bed->arena, &stream, &e),
                         0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
    uint64_t old = bed->id;
    put(bed, 0, "{}");
    assert_int_equal(pn_kinesis_delete_stream(bed->kinesis, "s", false, NULL), 0);
    create_stream(bed);
    assert_int_not_equal(bed->id, old);
    /* Another stream has the name: its records are not the old one's. */
    assert_int_not_equal(
        pn_stream_source_read(bed->source, "s", old, 0, 0, 1, 1, &bed->arena, &read, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
    assert_int_not_equal(
        pn_stream_source_position(bed->source, "s", old, 0, PN_START_LATEST, 0, &offset, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
    assert_int_not_equal(
        pn_stream_source_read(bed->source, "s", bed->id, 2, 0, 1, 1, &bed->arena, &read, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
}

/* The log's operations, but the first look at an offset finds the stream gone and made anew. */
static struct {
    struct pn_log_ops ops;
    const struct pn_log_ops *plain;
    struct bed *bed;
} replacing;

static int replace_then_offsets(struct pn_log *log, const char *topic, int32_t partition,
                                struct pn_log_offsets *offsets, struct pn_err *e)
{
    log->ops = replacing.plain;
    assert_int_equal(pn_kinesis_delete_stream(replacing.bed->kinesis, "s", false, NULL), 0);
    create_stream(replacing.bed);
    return pn_log_offsets(log, topic, partition, offsets, e);
}

static void test_a_description_is_of_one_stream(void **state)
{
    struct bed *bed = *state;
    struct pn_stream_source_stream stream = {0};
    struct pn_err e = {0};
    put(bed, 0, "{}");
    replacing.plain = bed->log->log->ops;
    replacing.ops = *replacing.plain;
    replacing.ops.offsets = replace_then_offsets;
    replacing.bed = bed;
    bed->log->log->ops = &replacing.ops;
    /* Not the old stream, with ends that are the new one's. */
    assert_int_not_equal(pn_stream_source_describe(bed->source, "s", &bed->arena, &stream, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
    assert_int_equal(pn_stream_source_describe(bed->source, "s", &bed->arena, &stream, &e), 0);
    assert_int_equal(stream.id, bed->id);
}

/* Would wait for an hour, if it could miss something. */
static void test_waits_end(void **state)
{
    struct bed *bed = *state;
    const int64_t long_ms = 3600000;
    uint64_t seen = pn_stream_source_wait(bed->source, 0, long_ms);
    put(bed, 0, "{}");
    seen = pn_stream_source_wait(bed->source, seen, long_ms);
    pn_stream_source_wake(bed->source);
    seen = pn_stream_source_wait(bed->source, seen, long_ms);
    assert_int_equal(pn_stream_source_wait(bed->source, seen, 1), seen);
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
