/* What is dropped, by age and by size, when a segment is rolled, and what readers see of it. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "log/embedded/open_files.h"
#include "log/embedded/topics.h"
#include "support/fault_io.h"
#include "support/log_fixture.h"
#include "support/ram_io.h"

enum { HOUR_MS = 3600 * 1000, BATCH_BYTES = 72 };

/* A partition on its own, without a log's threads around it. */
struct alone {
    struct log_fixture *fixture;
    struct pn_log_env env;
    struct pn_partition *partition;
    struct pn_batch_writer writer;
};

static size_t retain(struct pn_partition *partition, int64_t retention_ms, int64_t retention_bytes)
{
    return pn_partition_retain(partition, pn_wall_ms(partition->env->clock), retention_ms,
                               retention_bytes);
}

static void alone_open(struct alone *alone, struct log_fixture *fixture, const struct pn_io *io)
{
    *alone = (struct alone){.fixture = fixture};
    alone->env.config = fixture->config;
    alone->env.io = io;
    alone->env.clock = &fixture->clock.clock;
    pn_open_files_init(&alone->env.open_files);
    alone->partition = pn_partition_create(&alone->env, "t", fixture->folder, 0);
    pn_batch_writer_init(&alone->writer, PN_COMPRESSION_NONE);
    pn_partition_recover(alone->partition);
}

static void alone_close(struct alone *alone)
{
    pn_partition_close(alone->partition);
    pn_partition_destroy(&alone->partition);
    pn_open_files_deinit(&alone->env.open_files);
    pn_batch_writer_deinit(&alone->writer);
}

/* Appends one record of a batch of BATCH_BYTES. */
static void put(struct alone *alone)
{
    struct pn_record record = {.value = {"1234", 4}};
    const uint8_t *bytes = NULL;
    int64_t offset = pn_partition_end_offset(alone->partition);
    pn_batch_begin(&alone->writer, offset);
    assert_int_equal(pn_batch_add(&alone->writer, &record, 0, NULL), 0);
    assert_int_equal(pn_batch_finish(&alone->writer, &bytes, NULL), 0);
    assert_int_equal(alone->writer.header.bytes, BATCH_BYTES);
    assert_int_equal(pn_partition_write(alone->partition, bytes, &alone->writer.header, NULL), 0);
    assert_int_equal(pn_partition_sync(alone->partition, NULL), 0);
    assert_int_equal(pn_partition_publish(alone->partition), offset + 1);
}

static void assert_offsets(struct alone *alone, int64_t begin, int64_t end)
{
    struct pn_log_offsets offsets = pn_partition_offsets(alone->partition);
    assert_int_equal(offsets.begin, begin);
    assert_int_equal(offsets.end, end);
}

static bool has_segment(struct alone *alone, int64_t base_offset)
{
    char path[PN_PATH_SIZE];
    return file_exists(pn_segment_path(path, alone->partition->folder, base_offset, "log"));
}

static void test_segments_roll_by_size(void **state)
{
    struct alone alone;
    struct log_fixture *fixture = *state;
    fixture->config.segment_bytes = (int64_t)3 * BATCH_BYTES + 1;
    alone_open(&alone, fixture, pn_io_system());
    for (int i = 0; i < 8; i++) {
        put(&alone);
    }
    assert_true(has_segment(&alone, 0) && has_segment(&alone, 3) && has_segment(&alone, 6));
    assert_false(has_segment(&alone, 4));
    assert_offsets(&alone, 0, 8);
    alone_close(&alone);
}

static void test_segments_roll_by_age(void **state)
{
    struct alone alone;
    struct log_fixture *fixture = *state;
    fixture->config.segment_ms = HOUR_MS;
    alone_open(&alone, fixture, pn_io_system());
    put(&alone);
    pn_fake_clock_advance(&fixture->clock, HOUR_MS);
    put(&alone);
    assert_false(has_segment(&alone, 1));
    pn_fake_clock_advance(&fixture->clock, 1);
    put(&alone);
    assert_true(has_segment(&alone, 2));
    alone_close(&alone);
    /* The age is remembered over a restart. */
    pn_fake_clock_advance(&fixture->clock, HOUR_MS + 1);
    alone_open(&alone, fixture, pn_io_system());
    put(&alone);
    assert_true(has_segment(&alone, 3));
    alone_close(&alone);
}

static void test_old_segments_are_dropped(void **state)
{
    struct alone alone;
    struct log_fixture *fixture = *state;
    fixture->config.segment_bytes = (int64_t)2 * BATCH_BYTES;
    alone_open(&alone, fixture, pn_io_system());
    for (int i = 0; i < 6; i++) { /* segments 0, 2, 4; an hour between records */
        put(&alone);
        pn_fake_clock_advance(&fixture->clock, HOUR_MS);
    }
    assert_int_equal(retain(alone.partition, -1, -1), 0);
    assert_int_equal(retain(alone.partition, (int64_t)5 * HOUR_MS, -1), 0);
    assert_int_equal(retain(alone.partition, (int64_t)5 * HOUR_MS - 1, -1), 1);
    assert_offsets(&alone, 2, 6);
    assert_false(has_segment(&alone, 0));
    struct pn_log_records records;
    assert_int_equal(
        pn_partition_read(alone.partition, 0, 10, SIZE_MAX, &fixture->arena, &records, NULL), 0);
    assert_int_equal(records.count, 4);
    assert_int_equal(records.records[0].offset, 2);
    /* Two hours later nothing is left but the offsets: the active segment was rolled. */
    pn_fake_clock_advance(&fixture->clock, (int64_t)2 * HOUR_MS);
    assert_int_equal(retain(alone.partition, HOUR_MS, -1), 2);
    assert_offsets(&alone, 6, 6);
    alone_close(&alone);
    alone_open(&alone, fixture, pn_io_system());
    assert_offsets(&alone, 6, 6);
    put(&alone);
    assert_offsets(&alone, 6, 7);
    alone_close(&alone);
}

static void test_segments_beyond_the_size_are_dropped(void **state)
{
    struct alone alone;
    struct log_fixture *fixture = *state;
    fixture->config.segment_bytes = (int64_t)2 * BATCH_BYTES;
    alone_open(&alone, fixture, pn_io_system());
    for (int i = 0; i < 7; i++) { /* segments 0, 2, 4 of two, 6 of one */
        put(&alone);
    }
    assert_int_equal(retain(alone.partition, -1, (int64_t)5 * BATCH_BYTES + 1), 0);
    assert_int_equal(retain(alone.partition, -1, (int64_t)5 * BATCH_BYTES), 1);
    assert_offsets(&alone, 2, 7);
    assert_int_equal(retain(alone.partition, -1, 0), 2);
    assert_offsets(&alone, 6, 7); /* never the active one */
    alone_close(&alone);
}

static void test_a_file_that_cannot_be_removed_stays_in_view(void **state)
{
    static struct alone alone;
    struct log_fixture *fixture = *state;
    static struct fault_io fault;
    fault_io_init(&fault, pn_io_system());
    fixture->config.segment_bytes = BATCH_BYTES;
    alone_open(&alone, fixture, &fault.io);
    for (int i = 0; i < 4; i++) {
        put(&alone);
    }
    fault_io_fail(&fault, FAULT_UNLINK, 3, EIO, FAULT_FOREVER); /* two a segment */
    assert_int_equal(retain(alone.partition, -1, 0), 1);
    assert_offsets(&alone, 1, 4);
    assert_true(has_segment(&alone, 1));
    fault_io_fail(&fault, FAULT_ANY, 0, 0, FAULT_ONCE);
    assert_int_equal(retain(alone.partition, -1, 0), 2);
    assert_offsets(&alone, 3, 4);
    alone_close(&alone);
}

static void *retain_again_and_again(void *arg)
{
    struct alone *alone = arg;
    for (size_t dropped = 0; dropped < 500;) {
        dropped += retain(alone->partition, -1, 0);
    }
    return NULL;
}

/* Who drops the first segments does not hinder who appends to the last one. */
static void test_retention_beside_appends(void **state)
{
    struct alone alone;
    struct log_fixture *fixture = *state;
    pthread_t thread;
    fixture->config.segment_bytes = BATCH_BYTES;
    alone_open(&alone, fixture, ram_io());
    assert_int_equal(pthread_create(&thread, NULL, retain_again_and_again, &alone), 0);
    for (int i = 0; i < 501; i++) {
        put(&alone);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_offsets(&alone, 500, 501);
    alone_close(&alone);
}

/* Topics have a retention of their own, and the log's where they have none. */
static void test_the_topics_setting_counts(void **state)
{
    struct log_fixture *fixture = *state;
    struct pn_log_env env = {.io = pn_io_system(), .clock = &fixture->clock.clock};
    env.config = fixture->config;
    env.config.retention_ms = HOUR_MS;
    assert_int_equal(pn_log_env_note_folder(&env, NULL), 0);
    struct pn_topics topics;
    pn_open_files_init(&env.open_files);
    pn_topics_init(&topics, &env);
    const struct pn_log_topic_config own = {.retention_ms = -1};
    assert_int_equal(pn_topics_create(&topics, "kept", &own, NULL), 0);
    assert_int_equal(pn_topics_create(&topics, "dropped", NULL, NULL), 0);
    const char *names[] = {"kept", "dropped"};
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 2; i++) {
            struct pn_topic *topic = pn_topics_hold(&topics, names[i]);
            struct alone alone = {.partition = topic->partitions[0]};
            pn_batch_writer_init(&alone.writer, PN_COMPRESSION_NONE);
            if (round == 0) {
                put(&alone);
            } else {
                assert_offsets(&alone, i, 1);
            }
            pn_batch_writer_deinit(&alone.writer);
            pn_topic_release(&topics, topic);
        }
        pn_fake_clock_advance(&fixture->clock, (int64_t)2 * HOUR_MS);
        pn_topics_retain(&topics);
    }
    pn_topics_deinit(&topics);
    pn_open_files_deinit(&env.open_files);
}

/* A clock that is set years ahead removes nothing by the next look. */
static void test_a_clock_set_ahead_removes_nothing(void **state)
{
    struct log_fixture *fixture = *state;
    struct pn_log_env env = {.io = pn_io_system(), .clock = &fixture->clock.clock};
    env.config = fixture->config;
    env.config.retention_ms = (int64_t)24 * HOUR_MS;
    assert_int_equal(pn_log_env_note_folder(&env, NULL), 0);
    struct pn_topics topics;
    pn_open_files_init(&env.open_files);
    pn_topics_init(&topics, &env);
    assert_int_equal(pn_topics_create(&topics, "t", NULL, NULL), 0);
    struct pn_topic *topic = pn_topics_hold(&topics, "t");
    struct alone alone = {.partition = topic->partitions[0]};
    pn_batch_writer_init(&alone.writer, PN_COMPRESSION_NONE);
    put(&alone);
    fixture->clock.wall_ms += (int64_t)1000 * 24 * HOUR_MS;
    pn_topics_retain(&topics);
    pn_fake_clock_advance(&fixture->clock, HOUR_MS);
    pn_topics_retain(&topics);
    assert_offsets(&alone, 0, 1);
    pn_fake_clock_advance(&fixture->clock, PN_AGE_HOLD_MS); /* it is not set right again */
    pn_topics_retain(&topics);
    assert_offsets(&alone, 1, 1);
    pn_batch_writer_deinit(&alone.writer);
    pn_topic_release(&topics, topic);
    pn_topics_deinit(&topics);
    pn_open_files_deinit(&env.open_files);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, log_fixture_set_up, log_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_segments_roll_by_size),
        TEST(test_segments_roll_by_age),
        TEST(test_old_segments_are_dropped),
        TEST(test_segments_beyond_the_size_are_dropped),
        TEST(test_a_file_that_cannot_be_removed_stays_in_view),
        TEST(test_retention_beside_appends),
        TEST(test_the_topics_setting_counts),
        TEST(test_a_clock_set_ahead_removes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
