/* What is kept of a topic besides its records: a damaged file closes the topic, and that alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "support/log_fixture.h"

/* The log is closed; is the topic "bad" closed in the next one, and all of "good" there? */
static void assert_closed(struct log_fixture *fixture)
{
    struct pn_err e;
    int64_t offset = 0;
    struct pn_log_topic_info info;
    struct pn_log_closed_topic *closed = NULL;
    size_t count = 0;
    log_fixture_open(fixture);
    assert_int_equal(log_offsets(fixture, "good", 0).end, 1);
    assert_int_not_equal(log_try_put(fixture, "bad", 0, NULL, "v", &offset, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_CORRUPT);
    assert_non_null(strstr(e.msg, "topic.json"));
    assert_int_not_equal(pn_log_create_topic(fixture->log, "bad", NULL, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_CORRUPT);
    assert_int_not_equal(pn_log_topic(fixture->log, "bad", &info, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_CORRUPT);
    pn_log_closed_topics(fixture->log, &fixture->arena, &closed, &count);
    assert_int_equal(count, 1);
    assert_string_equal(closed[0].name, "bad");
    log_fixture_close(fixture);
}

static void test_a_flipped_bit_in_a_topics_file_closes_the_topic(void **state)
{
    struct log_fixture *fixture = *state;
    const struct pn_log_topic_config config = {.partitions = 3};
    struct pn_log_topic_info before;
    struct pn_log_topic_info after;
    log_fixture_open(fixture);
    assert_int_equal(pn_log_create_topic(fixture->log, "bad", &config, NULL), 0);
    (void)log_put(fixture, "good", 0, NULL, "v");
    (void)log_put(fixture, "bad", 2, NULL, "v");
    assert_int_equal(pn_log_topic(fixture->log, "bad", &before, NULL), 0);
    log_fixture_close(fixture);
    char *path = pn_xasprintf("%s/bad/topic.json", fixture->folder);
    size_t len = 0;
    uint8_t *bytes = file_read(path, &len);
    for (size_t i = 0; i < len; i++) {
        uint8_t bit = (uint8_t)(1u << (i % 8));
        bytes[i] ^= bit;
        file_write(path, bytes, len);
        assert_closed(fixture);
        bytes[i] ^= bit;
    }
    file_write(path, bytes, len / 2);
    assert_closed(fixture);
    assert_int_equal(unlink(path), 0);
    assert_closed(fixture);
    file_write(path, bytes, len);
    log_fixture_open(fixture);
    assert_int_equal(log_offsets(fixture, "bad", 2).end, 1);
    assert_int_equal(pn_log_topic(fixture->log, "bad", &after, NULL), 0);
    assert_true(after.id == before.id);
    free(bytes);
    free(path);
}

/* As it was written before there were checksums; here it has lost two of its three partitions. */
static void test_an_old_topics_file_gets_a_checksum_and_no_partition_is_lost(void **state)
{
    static const char old[] = "{\"version\":1,\"name\":\"t\",\"id\":\"9f86d081884c7d65\","
                              "\"partitions\":1,\"created_ms\":1700000000000,\"retention_ms\":0,"
                              "\"retention_bytes\":0,\"record_bytes_max\":0}\n";
    struct log_fixture *fixture = *state;
    const struct pn_log_topic_config config = {.partitions = 3};
    struct pn_log_topic_info info;
    log_fixture_open(fixture);
    assert_int_equal(pn_log_create_topic(fixture->log, "t", &config, NULL), 0);
    (void)log_put(fixture, "t", 2, NULL, "v");
    log_fixture_close(fixture);
    char *path = pn_xasprintf("%s/t/topic.json", fixture->folder);
    file_write(path, (const uint8_t *)old, sizeof old - 1);
    log_fixture_open(fixture);
    assert_int_equal(pn_log_topic(fixture->log, "t", &info, NULL), 0);
    assert_int_equal(info.partitions, 3);
    assert_true(info.id == 0x9f86d081884c7d65u);
    assert_int_equal(log_offsets(fixture, "t", 2).end, 1);
    size_t len = 0;
    uint8_t *bytes = file_read(path, &len);
    assert_memory_equal(bytes, "{\"checked\":1,\"version\":1,", 25);
    free(bytes);
    free(path);
}

/* A folder that appears while the log is open: growing finds what is in it. */
static void test_growing_finds_the_records_of_a_partition(void **state)
{
    struct log_fixture *fixture = *state;
    struct pn_log_topic_config config = {.partitions = 2};
    log_fixture_open(fixture);
    assert_int_equal(pn_log_create_topic(fixture->log, "t", NULL, NULL), 0);
    assert_int_equal(pn_log_create_topic(fixture->log, "u", &config, NULL), 0);
    (void)log_put(fixture, "u", 1, NULL, "v");
    char *from = pn_xasprintf("%s/u/1", fixture->folder);
    char *to = pn_xasprintf("%s/t/1", fixture->folder);
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(pn_log_configure_topic(fixture->log, "t", &config, NULL), 0);
    assert_int_equal(log_offsets(fixture, "t", 1).end, 1);
    assert_int_equal(log_put(fixture, "t", 1, NULL, "w"), 1);
    free(from);
    free(to);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, log_fixture_set_up, log_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_flipped_bit_in_a_topics_file_closes_the_topic),
        TEST(test_an_old_topics_file_gets_a_checksum_and_no_partition_is_lost),
        TEST(test_growing_finds_the_records_of_a_partition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
