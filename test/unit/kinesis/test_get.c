/* Where positions are in a shard, and what is read from there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/kinesis_fixture.h"

enum { MIB = 1024 * 1024, HOUR_MS = 3600 * 1000, ALL = 10000 };

#define ACCOUNT "000000000000"

/* A stream as it is now, and its reads. */
struct view {
    struct kinesis_fixture *fixture;
    const struct pn_stream *stream;
};

static struct view look_at(struct kinesis_fixture *fixture, const char *stream)
{
    return (struct view){fixture, kinesis_stream(fixture, stream)};
}

static struct view made(void **state, int32_t shards)
{
    struct kinesis_fixture *fixture = *state;
    kinesis_fixture_open(fixture);
    kinesis_create(fixture, "orders", shards);
    return look_at(fixture, "orders");
}

static void look_again(struct view *view)
{
    pn_stream_release(&view->stream);
    *view = look_at(view->fixture, "orders");
}

static int try_position(struct view *view, uint32_t shard, enum pn_iterator_type type,
                        const char *sequence, int64_t timestamp_ms, int64_t *offset,
                        struct pn_err *e)
{
    return pn_shard_position(view->fixture->kinesis, view->stream, &view->stream->shards[shard],
                             type, sequence, timestamp_ms, offset, e);
}

static int64_t position(struct view *view, enum pn_iterator_type type, const char *sequence,
                        int64_t timestamp_ms)
{
    int64_t offset = -1;
    struct pn_err e;
    if (try_position(view, 0, type, sequence, timestamp_ms, &offset, &e) != 0) {
        fail_msg("%s", e.msg);
    }
    return offset;
}

static void assert_no_position(struct view *view, uint32_t shard, enum pn_iterator_type type,
                               const char *sequence, int64_t timestamp_ms, const char *message)
{
    int64_t offset = -1;
    struct pn_err e;
    assert_int_equal(try_position(view, shard, type, sequence, timestamp_ms, &offset, &e),
                     PN_KINESIS_INVALID_ARGUMENT);
    assert_int_equal(e.code, PN_KINESIS_INVALID_ARGUMENT);
    assert_string_equal(e.msg, message);
}

static int try_read(struct view *view, uint32_t shard, int64_t offset, size_t max_records,
                    size_t max_bytes, bool limited, struct pn_shard_records *out, struct pn_err *e)
{
    pn_arena_reset(&view->fixture->arena);
    return pn_shard_read(view->fixture->kinesis, view->stream, &view->stream->shards[shard], offset,
                         max_records, max_bytes, limited, &view->fixture->arena, out, e);
}

static struct pn_shard_records read_shard(struct view *view, uint32_t shard, int64_t offset)
{
    struct pn_shard_records out;
    struct pn_err e;
    if (try_read(view, shard, offset, ALL, MIB, false, &out, &e) != 0) {
        fail_msg("%s", e.msg);
    }
    return out;
}

/* One record a second from the fixture's first time on. */
static void put_each_second(struct view *view, int count)
{
    for (int i = 0; i < count; i++) {
        char data[24];
        (void)snprintf(data, sizeof data, "data-%d", i);
        struct pn_stream_record record = kinesis_put(view->fixture, "orders", "key", data);
        assert_int_equal(record.offset, i);
        pn_fake_clock_advance(&view->fixture->log->clock, 1000);
    }
}

static int64_t now_ms(const struct view *view)
{
    return pn_wall_ms(&view->fixture->log->clock.clock);
}

/* --- positions -------------------------------------------------------------------------------- */

static void test_both_ends(void **state)
{
    struct view view = made(state, 1);
    assert_int_equal(position(&view, PN_ITERATOR_TRIM_HORIZON, NULL, 0), 0);
    assert_int_equal(position(&view, PN_ITERATOR_LATEST, NULL, 0), 0);
    put_each_second(&view, 3);
    assert_int_equal(position(&view, PN_ITERATOR_TRIM_HORIZON, NULL, 0), 0);
    assert_int_equal(position(&view, PN_ITERATOR_LATEST, NULL, 0), 3);
    pn_stream_release(&view.stream);
}

static void test_at_a_time(void **state)
{
    struct view view = made(state, 1);
    int64_t first_ms = now_ms(&view);
    put_each_second(&view, 4);
    assert_int_equal(position(&view, PN_ITERATOR_AT_TIMESTAMP, NULL, 0), 0);
    assert_int_equal(position(&view, PN_ITERATOR_AT_TIMESTAMP, NULL, first_ms), 0);
    assert_int_equal(position(&view, PN_ITERATOR_AT_TIMESTAMP, NULL, first_ms + 1), 1);
    assert_int_equal(position(&view, PN_ITERATOR_AT_TIMESTAMP, NULL, first_ms + 2000), 2);
    assert_int_equal(position(&view, PN_ITERATOR_AT_TIMESTAMP, NULL, first_ms + 3001), 4);
    assert_no_position(&view, 0, PN_ITERATOR_AT_TIMESTAMP, NULL, first_ms + 4001,
                       "The timestampInMillis parameter cannot be greater than the "
                       "currentTimestampInMillis. timestampInMillis: 1000004001, "
                       "currentTimestampInMillis: 1000004000");
    pn_stream_release(&view.stream);
}

static void test_at_and_after_a_record(void **state)
{
    struct view view = made(state, 1);
    put_each_second(&view, 3);
    const struct pn_shard *shard = &view.stream->shards[0];
    char text[PN_SEQUENCE_SIZE];
    for (int64_t offset = 0; offset < 3; offset++) {
        /* A number that somebody built is as good, whatever its time. */
        for (int64_t arrival_ms = 0; arrival_ms <= now_ms(&view); arrival_ms += now_ms(&view)) {
            pn_sequence_text(shard->created_ms, 0, offset, arrival_ms, text);
            assert_int_equal(position(&view, PN_ITERATOR_AT_SEQUENCE_NUMBER, text, 0), offset);
            assert_int_equal(position(&view, PN_ITERATOR_AFTER_SEQUENCE_NUMBER, text, 0),
                             offset + 1);
        }
    }
    /* The next one to come. */
    pn_sequence_text(shard->created_ms, 0, 3, 0, text);
    assert_int_equal(position(&view, PN_ITERATOR_AT_SEQUENCE_NUMBER, text, 0), 3);
    pn_stream_release(&view.stream);
}

static void test_at_and_after_the_first_number_of_a_shard(void **state)
{
    struct view view = made(state, 1);
    put_each_second(&view, 2);
    char text[PN_SEQUENCE_SIZE];
    pn_sequence_start(&view.stream->shards[0], text);
    assert_int_equal(position(&view, PN_ITERATOR_AT_SEQUENCE_NUMBER, text, 0), 0);
    assert_int_equal(position(&view, PN_ITERATOR_AFTER_SEQUENCE_NUMBER, text, 0), 0);
    pn_stream_release(&view.stream);
}

static void test_numbers_of_elsewhere(void **state)
{
    struct view view = made(state, 2);
    const struct pn_shard *shard = &view.stream->shards[0];
    char text[PN_SEQUENCE_SIZE];
    char message[512];
    assert_no_position(&view, 1, PN_ITERATOR_AFTER_SEQUENCE_NUMBER, "5", 0,
                       "StartingSequenceNumber 5 used in GetShardIterator on shard "
                       "shardId-000000000001 in stream orders under account " ACCOUNT
                       " is invalid.");
    pn_sequence_text(shard->created_ms, 0, 0, now_ms(&view), text);
    assert_no_position(&view, 1, PN_ITERATOR_AT_SEQUENCE_NUMBER, text, 0,
                       "Invalid StartingSequenceNumber. It encodes shardId-000000000000, while it "
                       "was used in a call to a shard with shardId-000000000001");
    pn_sequence_text(shard->created_ms - 1000, 0, 0, now_ms(&view), text);
    (void)snprintf(message, sizeof message,
                   "StartingSequenceNumber %s used in GetShardIterator on shard "
                   "shardId-000000000000 in stream orders under account " ACCOUNT
                   " is invalid because it did not come from this stream.",
                   text);
    assert_no_position(&view, 0, PN_ITERATOR_AT_SEQUENCE_NUMBER, text, 0, message);
    pn_stream_release(&view.stream);
}

/* --- reads ------------------------------------------------------------------------------------ */

static void test_records_come_as_they_were_put(void **state)
{
    struct view view = made(state, 1);
    int64_t first_ms = now_ms(&view);
    put_each_second(&view, 3);
    struct pn_shard_records read = read_shard(&view, 0, 1);
    assert_int_equal(read.count, 2);
    assert_int_equal(read.records[0].offset, 1);
    assert_int_equal(read.records[0].timestamp_ms, first_ms + 1000);
    assert_value(&read.records[0], "data-1");
    assert_int_equal(read.records[0].key.len, 3);
    assert_memory_equal(read.records[0].key.data, "key", 3);
    assert_value(&read.records[1], "data-2");
    assert_int_equal(read.next_offset, 3);
    assert_int_equal(read.behind_ms, 0);
    assert_false(read.drained);
    assert_int_equal(read.child_count, 0);
    read = read_shard(&view, 0, 3);
    assert_int_equal(read.count, 0);
    assert_int_equal(read.next_offset, 3);
    assert_int_equal(read.behind_ms, 0);
    pn_stream_release(&view.stream);
}

static void test_a_read_keeps_to_its_sizes_and_says_how_far_behind(void **state)
{
    struct view view = made(state, 1);
    struct pn_shard_records read;
    put_each_second(&view, 4);
    assert_int_equal(try_read(&view, 0, 0, 2, MIB, false, &read, NULL), 0);
    assert_int_equal(read.count, 2);
    assert_int_equal(read.next_offset, 2);
    /* Four seconds have gone by; the second record came in the second one. */
    assert_int_equal(read.behind_ms, 3000);
    assert_int_equal(try_read(&view, 0, 2, 10, 1, false, &read, NULL), 0);
    assert_int_equal(read.count, 1);
    assert_int_equal(read.behind_ms, 2000);
    /* In the millisecond that it came in, it still is not at the tip. */
    kinesis_put(view.fixture, "orders", "key", "a");
    kinesis_put(view.fixture, "orders", "key", "b");
    assert_int_equal(try_read(&view, 0, 4, 1, MIB, false, &read, NULL), 0);
    assert_int_equal(read.behind_ms, 1);
    pn_stream_release(&view.stream);
}

static void test_a_split_shard_is_drained(void **state)
{
    struct view view = made(state, 1);
    struct pn_shard_records read;
    char text[PN_SEQUENCE_SIZE];
    put_each_second(&view, 3);
    assert_int_equal(pn_kinesis_split(view.fixture->kinesis, "orders", "shardId-000000000000",
                                      kinesis_middle(&view.stream->shards[0]), NULL),
                     0);
    look_again(&view);
    assert_int_equal(try_read(&view, 0, 0, 2, MIB, false, &read, NULL), 0);
    assert_false(read.drained);
    assert_int_equal(read.child_count, 0);
    read = read_shard(&view, 0, 2);
    assert_int_equal(read.count, 1);
    assert_true(read.drained);
    assert_int_equal(read.child_count, 2);
    assert_int_equal(read.children[0]->index, 1);
    assert_int_equal(read.children[1]->index, 2);
    read = read_shard(&view, 0, 3);
    assert_int_equal(read.count, 0);
    assert_true(read.drained);
    assert_int_equal(read.behind_ms, 0);
    assert_false(read_shard(&view, 1, 0).drained);

    /* Its last number is after all its records, and where it ends for each type. */
    pn_sequence_end(&view.stream->shards[0], text);
    assert_int_equal(position(&view, PN_ITERATOR_AT_SEQUENCE_NUMBER, text, 0), 3);
    assert_int_equal(position(&view, PN_ITERATOR_AFTER_SEQUENCE_NUMBER, text, 0), 3);
    assert_int_equal(position(&view, PN_ITERATOR_LATEST, NULL, 0), 3);
    pn_stream_release(&view.stream);
}

static void test_merged_shards_share_a_child(void **state)
{
    struct view view = made(state, 2);
    kinesis_put_to(view.fixture, "orders", 1, "key", "data");
    assert_int_equal(pn_kinesis_merge(view.fixture->kinesis, "orders", "shardId-000000000000",
                                      "shardId-000000000001", NULL),
                     0);
    look_again(&view);
    for (uint32_t shard = 0; shard < 2; shard++) {
        struct pn_shard_records read = read_shard(&view, shard, 0);
        assert_int_equal(read.count, shard);
        assert_true(read.drained);
        assert_int_equal(read.child_count, 1);
        assert_int_equal(read.children[0]->index, 2);
    }
    pn_stream_release(&view.stream);
}

static void test_what_retention_removed_is_read_over(void **state)
{
    struct kinesis_fixture *fixture = *state;
    fixture->log->config.segment_bytes = 256;
    struct view view = made(state, 1);
    put_each_second(&view, 20);
    pn_fake_clock_advance(&fixture->log->clock, (int64_t)25 * HOUR_MS);
    for (int i = 0; i < 10; i++) {
        kinesis_put(fixture, "orders", "key", "new");
    }
    /* What the log's maintenance does with an old segment. */
    assert_int_equal(remove(log_file(fixture->log, view.stream->topic, 0, 0, "log")), 0);
    pn_stream_release(&view.stream);
    kinesis_fixture_reopen(fixture);
    view = look_at(fixture, "orders");
    int64_t oldest = position(&view, PN_ITERATOR_TRIM_HORIZON, NULL, 0);
    assert_in_range(oldest, 1, 20);
    struct pn_shard_records read = read_shard(&view, 0, 0);
    assert_int_equal(read.records[0].offset, oldest);
    assert_int_equal(read.next_offset, 30);
    /* A number that was given once stays good. */
    char text[PN_SEQUENCE_SIZE];
    pn_sequence_text(view.stream->shards[0].created_ms, 0, 0, 0, text);
    assert_int_equal(position(&view, PN_ITERATOR_AFTER_SEQUENCE_NUMBER, text, 0), 1);
    pn_stream_release(&view.stream);
}

static void test_damage_is_told_and_can_be_read_over(void **state)
{
    struct view view = made(state, 1);
    struct pn_shard_records read;
    struct pn_err e;
    put_each_second(&view, 3);
    log_damage(view.fixture->log, view.stream->topic, 0, 1);
    /* What is in front of it comes first, on its own or before the damage is reported. */
    assert_int_equal(try_read(&view, 0, 0, 1, MIB, false, &read, &e), 0);
    assert_int_equal(read.count, 1);
    assert_int_equal(try_read(&view, 0, 1, ALL, MIB, false, &read, &e), PN_KINESIS_INTERNAL);
    assert_int_equal(e.code, PN_KINESIS_INTERNAL);
    assert_int_equal(e.class_, PN_CLASS_CORRUPT);
    assert_int_equal(read.next_offset, 2);
    assert_int_equal(read.count, 0);
    read = read_shard(&view, 0, read.next_offset);
    assert_int_equal(read.count, 1);
    assert_value(&read.records[0], "data-2");
    pn_stream_release(&view.stream);
}

static void test_a_deleted_stream_is_not_found(void **state)
{
    struct view view = made(state, 1);
    struct pn_shard_records read;
    struct pn_err e;
    int64_t offset = 0;
    assert_int_equal(pn_kinesis_delete_stream(view.fixture->kinesis, "orders", false, NULL), 0);
    assert_int_equal(try_read(&view, 0, 0, ALL, MIB, false, &read, &e), PN_KINESIS_NOT_FOUND);
    assert_string_equal(e.msg, "Stream orders under account " ACCOUNT " not found.");
    assert_int_equal(try_position(&view, 0, PN_ITERATOR_LATEST, NULL, 0, &offset, &e),
                     PN_KINESIS_NOT_FOUND);
    assert_int_equal(try_position(&view, 0, PN_ITERATOR_AT_TIMESTAMP, NULL, 0, &offset, NULL),
                     PN_KINESIS_NOT_FOUND);
    pn_stream_release(&view.stream);
}

/* Who still holds the old one must not be given the new one's records. */
static void test_a_stream_that_was_created_again_is_another(void **state)
{
    struct view view = made(state, 1);
    struct pn_shard_records read;
    struct pn_err e;
    kinesis_put(view.fixture, "orders", "key", "old");
    assert_int_equal(pn_kinesis_delete_stream(view.fixture->kinesis, "orders", false, NULL), 0);
    kinesis_create(view.fixture, "orders", 1);
    kinesis_put(view.fixture, "orders", "key", "new");
    assert_int_equal(try_read(&view, 0, 0, ALL, MIB, false, &read, &e), PN_KINESIS_NOT_FOUND);
    assert_string_equal(e.msg, "Stream orders under account " ACCOUNT " not found.");
    assert_int_equal(read.count, 0);
    assert_int_equal(read.next_offset, 0);
    look_again(&view);
    read = read_shard(&view, 0, 0);
    assert_int_equal(read.count, 1);
    assert_value(&read.records[0], "new");
    pn_stream_release(&view.stream);
}

/* --- limits ----------------------------------------------------------------------------------- */

static void test_five_reads_a_second_of_a_shard(void **state)
{
    struct kinesis_fixture *fixture = *state;
    fixture->config.shard_limits = true;
    struct view view = made(state, 2);
    struct pn_shard_records read;
    struct pn_err e;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(try_read(&view, 0, 0, ALL, MIB, true, &read, &e), 0);
    }
    assert_int_equal(try_read(&view, 0, 0, ALL, MIB, true, &read, &e),
                     PN_KINESIS_THROUGHPUT_EXCEEDED);
    assert_string_equal(e.msg,
                        "Rate exceeded for shard shardId-000000000000 in stream orders under "
                        "account " ACCOUNT ".");
    assert_int_equal(read.next_offset, 0);
    /* Each shard on its own; and reads of this process's own are not counted. */
    assert_int_equal(try_read(&view, 1, 0, ALL, MIB, true, &read, &e), 0);
    assert_int_equal(try_read(&view, 0, 0, ALL, MIB, false, &read, &e), 0);
    pn_fake_clock_advance(&fixture->log->clock, 1000);
    assert_int_equal(try_read(&view, 0, 0, ALL, MIB, true, &read, &e), 0);
    pn_stream_release(&view.stream);
}

static void test_bytes_read_are_counted(void **state)
{
    struct kinesis_fixture *fixture = *state;
    fixture->config.shard_limits = true;
    struct view view = made(state, 1);
    struct pn_shard_records read;
    static char data[MIB - 2];
    memset(data, 'x', sizeof data - 1);
    for (int i = 0; i < 3; i++) {
        kinesis_put(fixture, "orders", "k", data);
        pn_fake_clock_advance(&fixture->log->clock, 1000);
    }
    assert_int_equal(try_read(&view, 0, 0, ALL, (size_t)10 * MIB, true, &read, NULL), 0);
    assert_int_equal(read.count, 3);
    assert_int_equal(try_read(&view, 0, 0, ALL, (size_t)10 * MIB, true, &read, NULL),
                     PN_KINESIS_THROUGHPUT_EXCEEDED);
    pn_fake_clock_advance(&fixture->log->clock, 1000);
    assert_int_equal(try_read(&view, 0, 0, ALL, (size_t)10 * MIB, true, &read, NULL), 0);
    pn_stream_release(&view.stream);
}

static void test_without_limits_nothing_is_counted(void **state)
{
    struct view view = made(state, 1);
    struct pn_shard_records read;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(try_read(&view, 0, 0, ALL, MIB, true, &read, NULL), 0);
    }
    pn_stream_release(&view.stream);
}

#define test(name) \
    cmocka_unit_test_setup_teardown(name, kinesis_fixture_set_up, kinesis_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(test_both_ends),
        test(test_at_a_time),
        test(test_at_and_after_a_record),
        test(test_at_and_after_the_first_number_of_a_shard),
        test(test_numbers_of_elsewhere),
        test(test_records_come_as_they_were_put),
        test(test_a_read_keeps_to_its_sizes_and_says_how_far_behind),
        test(test_a_split_shard_is_drained),
        test(test_merged_shards_share_a_child),
        test(test_what_retention_removed_is_read_over),
        test(test_damage_is_told_and_can_be_read_over),
        test(test_a_deleted_stream_is_not_found),
        test(test_a_stream_that_was_created_again_is_another),
        test(test_five_reads_a_second_of_a_shard),
        test(test_bytes_read_are_counted),
        test(test_without_limits_nothing_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
