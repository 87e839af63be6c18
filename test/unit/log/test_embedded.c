/* The embedded log as its users see it: topics, appends, reads, times, limits, listeners. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "support/log_fixture.h"

static int set_up_open(void **state)
{
    (void)log_fixture_set_up(state);
    log_fixture_open(*state);
    return 0;
}

/* --- records --------------------------------------------------------------------------------- */

static void test_what_is_appended_is_read(void **state)
{
    struct log_fixture *fixture = *state;
    struct pn_record_header headers[] = {{{"h", 1}, {NULL, 0}}, {{"", 0}, {"", 0}}};
    struct pn_log_entry entries[] = {
        {.record = {.key = {"k", 1}, .value = {"v\0w", 3}, .timestamp_ms = 5}},
        {.record = {.value = {"", 0}, .timestamp_ms = -1}},
        {.record = {.key = {"", 0}, .headers = headers, .header_count = 2, .timestamp_ms = 4}},
    };
    struct pn_log_request request = {.topic = "t", .entries = entries, .count = 3};
    assert_int_equal(pn_log_append(fixture->log, &request, NULL), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(entries[i].rc, 0);
        assert_int_equal(entries[i].partition, 0);
        assert_int_equal(entries[i].offset, i);
    }
    for (int round = 0; round < 2; round++) {
        struct pn_log_records records = log_get(fixture, "t", 0, 0, 100);
        assert_int_equal(records.count, 3);
        assert_int_equal(records.next_offset, 3);
        assert_int_equal(records.end_offset, 3);
        const struct pn_record *r = records.records;
        assert_int_equal(r[0].value.len, 3);
        assert_memory_equal(r[0].value.data, "v\0w", 3);
        assert_memory_equal(r[0].key.data, "k", 1);
        assert_int_equal(r[0].timestamp_ms, 5);
        assert_null(r[1].key.data);
        assert_value(&r[1], "");
        assert_int_equal(r[1].timestamp_ms, fixture->clock.wall_ms);
        assert_non_null(r[2].key.data);
        assert_value(&r[2], NULL);
        assert_int_equal(r[2].header_count, 2);
        assert_memory_equal(r[2].headers[0].name.data, "h", 1);
        assert_null(r[2].headers[0].value.data);
        assert_non_null(r[2].headers[1].value.data);
        assert_int_equal(r[2].offset, 2);
        log_fixture_reopen(fixture);
    }
}

static void test_keys_and_round_robin_choose_the_partition(void **state)
{
    struct log_fixture *fixture = *state;
    const struct pn_log_topic_config three = {.partitions = 3};
    assert_int_equal(pn_log_create_topic(fixture->log, "t", &three, NULL), 0);
    for (int i = 0; i < 30; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "key-%d", i % 10);
        struct pn_log_entry entry = {.record = {.key = {key, strlen(key)}, .timestamp_ms = -1},
                                     .partition = PN_PARTITION_ANY};
        struct pn_log_request request = {.topic = "t", .entries = &entry, .count = 1};
        assert_int_equal(pn_log_append(fixture->log, &request, NULL), 0);
        assert_int_equal(entry.partition, pn_partition_of_key(key, strlen(key), 3));
    }
    struct pn_log_entry entries[9];
    for (int i = 0; i < 9; i++) {
        entries[i] = (struct pn_log_entry){.partition = PN_PARTITION_ANY};
    }
    struct pn_log_request request = {.topic = "t", .entries = entries, .count = 9};
    assert_int_equal(pn_log_append(fixture->log, &request, NULL), 0);
    int in_partition[3] = {0};
    for (int i = 0; i < 9; i++) {
        in_partition[entries[i].partition]++;
    }
    assert_int_equal(in_partition[0], 3);
    assert_int_equal(in_partition[1], 3);
    assert_int_equal(in_partition[2], 3);
}

/* Appends `count` records of about 1,000 bytes, each alone in its batch. */
static void put_many(struct log_fixture *fixture, const char *topic, int count)
{
    for (int i = 0; i < count; i++) {
        char value[1000];
        (void)snprintf(value, sizeof value, "%d ", i);
        size_t len = strlen(value);
        memset(value + len, 'a' + i % 26, sizeof value - len - 1);
        value[sizeof value - 1] = '\0';
        pn_fake_clock_advance(&fixture->clock, 10);
        assert_int_equal(log_put(fixture, topic, 0, NULL, value), i);
    }
}

static void assert_reads_all(struct log_fixture *fixture, const char *topic, int count,
                             size_t max_records, size_t max_bytes)
{
    int64_t offset = 0;
    while (offset < count) {
        struct pn_log_records records;
        pn_arena_reset(&fixture->arena);
        assert_int_equal(pn_log_read(fixture->log, topic, 0, offset, max_records, max_bytes,
                                     &fixture->arena, &records, NULL),
                         0);
        assert_true(records.count > 0 && records.count <= max_records);
        assert_int_equal(records.end_offset, count);
        size_t bytes = 0;
        for (size_t i = 0; i < records.count; i++) {
            assert_int_equal(records.records[i].offset, offset + (int64_t)i);
            assert_int_equal(atoll(records.records[i].value.data), offset + (int64_t)i);
            assert_int_equal(records.records[i].value.len, 999);
            bytes += records.records[i].value.len;
        }
        assert_true(bytes <= max_bytes || records.count == 1);
        offset += (int64_t)records.count;
        assert_int_equal(records.next_offset, offset);
    }
    struct pn_log_records end = log_get(fixture, topic, 0, count, max_records);
    assert_int_equal(end.count, 0);
    assert_int_equal(end.next_offset, count);
}

static void test_reads_across_segments_of_every_compression(void **state)
{
    struct log_fixture *fixture = *state;
    log_fixture_close(fixture);
    fixture->config.segment_bytes = 20000;
    fixture->config.index_interval_bytes = 3000;
    const char *topics[] = {"none", "lz4", "zstd"};
    for (int kind = PN_COMPRESSION_NONE; kind <= PN_COMPRESSION_ZSTD; kind++) {
        fixture->config.compression = (enum pn_log_compression)kind;
        log_fixture_open(fixture);
        put_many(fixture, topics[kind], 150);
        log_fixture_close(fixture);
    }
    log_fixture_open(fixture);
    assert_true(file_exists(log_file(fixture, "none", 0, 0, "log")));
    for (int kind = PN_COMPRESSION_NONE; kind <= PN_COMPRESSION_ZSTD; kind++) {
        assert_reads_all(fixture, topics[kind], 150, 1000, SIZE_MAX);
        assert_reads_all(fixture, topics[kind], 150, 7, SIZE_MAX);
        assert_reads_all(fixture, topics[kind], 150, 1, 0);
        assert_reads_all(fixture, topics[kind], 150, 1000, 5000);
    }
    /* Each segment but the last is as large as it may be: 19 batches of the plain ones. */
    assert_true(file_exists(log_file(fixture, "none", 0, 0, "index")));
    int64_t second = 0;
    for (int64_t offset = 1; offset < 150 && second == 0; offset++) {
        if (file_exists(log_file(fixture, "none", 0, offset, "log"))) {
            second = offset;
        }
    }
    assert_in_range(second, 17, 19);
}

static void test_a_large_request_becomes_several_batches(void **state)
{
    struct log_fixture *fixture = *state;
    enum { COUNT = 5000 };
    struct pn_log_entry *entries = pn_xcalloc(COUNT, sizeof *entries);
    char value[1000];
    memset(value, 'v', sizeof value);
    for (int i = 0; i < COUNT; i++) {
        entries[i].record.value = (struct pn_bytes){value, sizeof value};
    }
    struct pn_log_request request = {.topic = "t", .entries = entries, .count = COUNT};
    assert_int_equal(pn_log_append(fixture->log, &request, NULL), 0);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(entries[i].offset, i);
    }
    free(entries);
    assert_int_equal(log_get(fixture, "t", 0, 0, SIZE_MAX).count, COUNT);
    assert_int_equal(log_get(fixture, "t", 0, COUNT - 1, SIZE_MAX).count, 1);
}

static void test_reads_outside_of_what_is_there(void **state)
{
    struct log_fixture *fixture = *state;
    struct pn_log_records records;
    struct pn_err e;
    assert_int_not_equal(pn_log_read(fixture->log, "t", 0, 0, 1, 1, &fixture->arena, &records, &e),
                         0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
    (void)log_put(fixture, "t", 0, NULL, "a");
    assert_int_not_equal(pn_log_read(fixture->log, "t", 1, 0, 1, 1, &fixture->arena, &records, &e),
                         0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
    assert_int_not_equal(pn_log_read(fixture->log, "t", -1, 0, 1, 1, &fixture->arena, &records, &e),
                         0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
    assert_int_not_equal(pn_log_read(fixture->log, "t", 0, 2, 1, 1, &fixture->arena, &records, &e),
                         0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
    assert_int_equal(log_get(fixture, "t", 0, -5, 10).count, 1);
    assert_int_equal(log_get(fixture, "t", 0, 0, 0).count, 0);
    assert_int_equal(log_get(fixture, "t", 0, 0, 0).next_offset, 0);
}

static void test_offset_at_a_time(void **state)
{
    struct log_fixture *fixture = *state;
    log_fixture_close(fixture);
    fixture->config.segment_bytes = 20000;
    fixture->config.index_interval_bytes = 3000;
    log_fixture_open(fixture);
    int64_t began_ms = fixture->clock.wall_ms;
    put_many(fixture, "t", 100); /* one every 10 ms, the first 10 ms from now */
    for (int round = 0; round < 2; round++) {
        for (int64_t i = -3; i <= 105; i++) {
            int64_t expected = i < 0 ? 0 : i > 100 ? 100 : i;
            int64_t offset = -1;
            assert_int_equal(
                pn_log_offset_at(fixture->log, "t", 0, began_ms + i * 10 + 1, &offset, NULL), 0);
            assert_int_equal(offset, expected);
            assert_int_equal(
                pn_log_offset_at(fixture->log, "t", 0, began_ms + (i + 1) * 10, &offset, NULL), 0);
            assert_int_equal(offset, expected);
        }
        log_fixture_reopen(fixture);
    }
    int64_t offset = -1;
    struct pn_err e;
    assert_int_not_equal(pn_log_offset_at(fixture->log, "none", 0, 0, &offset, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
}

/* --- limits ---------------------------------------------------------------------------------- */

static void test_bad_requests_are_refused_whole(void **state)
{
    struct log_fixture *fixture = *state;
    struct pn_err e;
    int64_t offset = 0;
    assert_int_not_equal(log_try_put(fixture, "no/slash", 0, NULL, "v", &offset, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
    assert_int_not_equal(log_try_put(fixture, "..", 0, NULL, "v", &offset, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
    assert_int_not_equal(log_try_put(fixture, ".lock", 0, NULL, "v", &offset, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
    (void)log_put(fixture, "t", 0, NULL, "v");

    struct pn_log_entry entries[] = {{.partition = 0}, {.partition = 1}};
    struct pn_log_request request = {.topic = "t", .entries = entries, .count = 2};
    assert_int_not_equal(pn_log_append(fixture->log, &request, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
    assert_int_equal(entries[0].rc, 0);
    assert_int_not_equal(entries[1].rc, 0);
    assert_int_equal(entries[1].class_, PN_CLASS_INPUT);

    size_t len = (size_t)fixture->config.record_bytes_max + 1;
    char *large = pn_xcalloc(len, 1);
    entries[0] = (struct pn_log_entry){.record = {.value = {large, len}}};
    request.count = 1;
    assert_int_not_equal(pn_log_append(fixture->log, &request, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
    entries[0].record.value.len--;
    assert_int_equal(pn_log_append(fixture->log, &request, &e), 0);
    free(large);

    struct pn_record_header headers[PN_RECORD_HEADERS_MAX + 1];
    for (int i = 0; i <= PN_RECORD_HEADERS_MAX; i++) {
        headers[i] = (struct pn_record_header){.name = {"n", 1}};
    }
    entries[0] = (struct pn_log_entry){
        .record = {.headers = headers, .header_count = PN_RECORD_HEADERS_MAX + 1}};
    assert_int_not_equal(pn_log_append(fixture->log, &request, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
    entries[0].record.header_count--;
    assert_int_equal(pn_log_append(fixture->log, &request, &e), 0);
    headers[3].name.data = NULL;
    assert_int_not_equal(pn_log_append(fixture->log, &request, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
    assert_int_equal(log_offsets(fixture, "t", 0).end, 3);
}

/* A topic may take larger or smaller records than the log's others, now and after a start. */
static void test_a_topic_has_its_own_limit(void **state)
{
    struct log_fixture *fixture = *state;
    struct pn_err e;
    struct pn_log_topic_info info;
    struct pn_log_topic_config config = {.record_bytes_max = 3 * 1024 * 1024};
    char *large = pn_xcalloc(1, (size_t)config.record_bytes_max + 1);
    assert_int_equal(pn_log_create_topic(fixture->log, "large", &config, &e), 0);
    for (int opened = 0; opened < 2; opened++) {
        struct pn_log_entry entry = {
            .record = {.value = {large, (size_t)config.record_bytes_max + 1}}};
        struct pn_log_request request = {.topic = "large", .entries = &entry, .count = 1};
        assert_int_not_equal(pn_log_append(fixture->log, &request, &e), 0);
        assert_int_equal(e.class_, PN_CLASS_INPUT);
        entry.record.value.len--;
        assert_int_equal(pn_log_append(fixture->log, &request, &e), 0);
        request.topic = "usual";
        assert_int_not_equal(pn_log_append(fixture->log, &request, &e), 0);
        log_fixture_reopen(fixture);
    }
    config.record_bytes_max = 100;
    assert_int_equal(pn_log_configure_topic(fixture->log, "large", &config, &e), 0);
    assert_int_equal(pn_log_topic(fixture->log, "large", &info, &e), 0);
    assert_int_equal(info.record_bytes_max, 100);
    struct pn_log_entry entry = {.record = {.value = {large, 101}}};
    struct pn_log_request request = {.topic = "large", .entries = &entry, .count = 1};
    assert_int_not_equal(pn_log_append(fixture->log, &request, &e), 0);
    config.record_bytes_max = PN_RECORD_BYTES_MAX + 1;
    assert_int_not_equal(pn_log_configure_topic(fixture->log, "large", &config, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
    free(large);
}

static void test_an_empty_request_is_answered(void **state)
{
    struct log_fixture *fixture = *state;
    struct pn_log_request request = {.topic = "t"};
    assert_int_equal(pn_log_append(fixture->log, &request, NULL), 0);
    assert_int_equal(log_offsets(fixture, "t", 0).end, 0);
}

static void test_a_request_larger_than_the_queue_is_refused(void **state)
{
    struct log_fixture *fixture = *state;
    log_fixture_close(fixture);
    fixture->config.record_bytes_max = 1000;
    fixture->config.queue_bytes_max = 2000;
    log_fixture_open(fixture);
    struct pn_err e;
    char value[1000] = {0};
    struct pn_log_entry entries[] = {{.record = {.value = {value, sizeof value}}},
                                     {.record = {.value = {value, sizeof value}}}};
    struct pn_log_request request = {.topic = "t", .entries = entries, .count = 2};
    assert_int_not_equal(pn_log_append(fixture->log, &request, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
    request.count = 1;
    assert_int_equal(pn_log_append(fixture->log, &request, &e), 0);
}

static void test_settings_out_of_range_are_refused(void **state)
{
    struct log_fixture *fixture = *state;
    log_fixture_close(fixture);
    struct pn_embedded_config good = fixture->config;
    struct pn_embedded_config bad[8];
    for (int i = 0; i < 8; i++) {
        bad[i] = good;
    }
    bad[0].segment_bytes = 0;
    bad[1].segment_bytes = (int64_t)4 << 30;
    bad[2].record_bytes_max = PN_RECORD_BYTES_MAX + 1;
    bad[3].queue_bytes_max = bad[3].record_bytes_max;
    bad[4].partitions_default = 0;
    bad[5].retention_ms = -2;
    bad[6].segment_ms = 0;
    bad[7].partitions_default = PN_PARTITIONS_MAX + 1;
    for (int i = 0; i < 8; i++) {
        struct pn_err e;
        fixture->config = bad[i];
        assert_int_not_equal(log_fixture_try_open(fixture, pn_io_system(), &e), 0);
        assert_int_equal(e.class_, PN_CLASS_INPUT);
    }
    fixture->config = good;
    log_fixture_open(fixture);
}

/* --- topics ---------------------------------------------------------------------------------- */

static void test_topics_are_made_listed_and_deleted(void **state)
{
    struct log_fixture *fixture = *state;
    struct pn_err e;
    struct pn_log_topic_info *infos = NULL;
    size_t count = 9;
    assert_int_equal(pn_log_topics(fixture->log, &fixture->arena, &infos, &count, NULL), 0);
    assert_int_equal(count, 0);
    const struct pn_log_topic_config four = {.partitions = 4};
    assert_int_equal(pn_log_create_topic(fixture->log, "b", &four, NULL), 0);
    assert_int_equal(pn_log_create_topic(fixture->log, "a", NULL, NULL), 0);
    assert_int_equal(pn_log_create_topic(fixture->log, "C.c", NULL, NULL), 0);
    assert_int_not_equal(pn_log_create_topic(fixture->log, "a", NULL, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_CONFLICT);
    const struct pn_log_topic_config too_many = {.partitions = PN_PARTITIONS_MAX + 1};
    assert_int_not_equal(pn_log_create_topic(fixture->log, "d", &too_many, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
    uint64_t id = 0;
    for (int round = 0; round < 2; round++) {
        assert_int_equal(pn_log_topics(fixture->log, &fixture->arena, &infos, &count, NULL), 0);
        assert_int_equal(count, 3);
        assert_string_equal(infos[0].name, "C.c");
        assert_string_equal(infos[1].name, "a");
        assert_string_equal(infos[2].name, "b");
        assert_int_equal(infos[1].partitions, fixture->config.partitions_default);
        assert_int_equal(infos[2].partitions, 4);
        assert_true(infos[2].id != 0 && (round == 0 || infos[2].id == id));
        id = infos[2].id;
        log_fixture_reopen(fixture);
    }
    assert_int_equal(log_put(fixture, "b", 3, NULL, "v"), 0);
    assert_int_equal(pn_log_delete_topic(fixture->log, "b", NULL), 0);
    assert_int_not_equal(pn_log_delete_topic(fixture->log, "b", &e), 0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
    struct pn_log_topic_info info;
    assert_int_not_equal(pn_log_topic(fixture->log, "b", &info, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
    /* Made again, it is another topic, from offset 0 on. */
    assert_int_equal(pn_log_create_topic(fixture->log, "b", &four, NULL), 0);
    assert_int_equal(pn_log_topic(fixture->log, "b", &info, NULL), 0);
    assert_true(info.id != id);
    assert_int_equal(log_put(fixture, "b", 3, NULL, "v"), 0);
}

static void test_topics_get_more_partitions_but_not_fewer(void **state)
{
    struct log_fixture *fixture = *state;
    struct pn_err e;
    const struct pn_log_topic_config two = {.partitions = 2};
    const struct pn_log_topic_config five = {.partitions = 5};
    assert_int_not_equal(pn_log_configure_topic(fixture->log, "t", &two, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
    assert_int_equal(pn_log_create_topic(fixture->log, "t", &two, NULL), 0);
    assert_int_equal(pn_log_configure_topic(fixture->log, "t", &five, NULL), 0);
    assert_int_not_equal(pn_log_configure_topic(fixture->log, "t", &two, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
    assert_int_equal(log_put(fixture, "t", 4, NULL, "v"), 0);
    log_fixture_reopen(fixture);
    struct pn_log_topic_info info;
    assert_int_equal(pn_log_topic(fixture->log, "t", &info, NULL), 0);
    assert_int_equal(info.partitions, 5);
    assert_int_equal(log_offsets(fixture, "t", 4).end, 1);
}

static void test_topics_are_made_on_first_use_only_when_wanted(void **state)
{
    struct log_fixture *fixture = *state;
    log_fixture_close(fixture);
    fixture->config.auto_create_topics = false;
    log_fixture_open(fixture);
    struct pn_err e;
    int64_t offset = 0;
    assert_int_not_equal(log_try_put(fixture, "t", 0, NULL, "v", &offset, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
    assert_int_equal(pn_log_create_topic(fixture->log, "t", NULL, NULL), 0);
    assert_int_equal(log_put(fixture, "t", 0, NULL, "v"), 0);
}

static void test_what_a_crash_left_of_topics_is_removed(void **state)
{
    struct log_fixture *fixture = *state;
    (void)log_put(fixture, "t", 0, NULL, "v");
    log_fixture_close(fixture);
    const char *left[] = {"~new.0123", "~deleted.4567/0"};
    for (int i = 0; i < 2; i++) {
        char *path = pn_arena_printf(&fixture->arena, "%s/%s", fixture->folder, left[i]);
        assert_int_equal(pn_io_mkdirs(pn_io_system(), path, NULL), 0);
    }
    log_fixture_open(fixture);
    assert_false(file_exists(pn_arena_printf(&fixture->arena, "%s/~new.0123", fixture->folder)));
    assert_false(
        file_exists(pn_arena_printf(&fixture->arena, "%s/~deleted.4567", fixture->folder)));
    assert_int_equal(log_offsets(fixture, "t", 0).end, 1);
}

static void test_a_topic_without_a_readable_file_is_closed(void **state)
{
    struct log_fixture *fixture = *state;
    (void)log_put(fixture, "good", 0, NULL, "v");
    (void)log_put(fixture, "bad", 0, NULL, "v");
    log_fixture_close(fixture);
    file_write(pn_arena_printf(&fixture->arena, "%s/bad/topic.json", fixture->folder),
               (const uint8_t *)"{}", 2);
    log_fixture_open(fixture);
    assert_int_equal(log_offsets(fixture, "good", 0).end, 1);
    struct pn_err e;
    int64_t offset = 0;
    assert_int_not_equal(log_try_put(fixture, "bad", 0, NULL, "v", &offset, &e), 0);
    assert_true(file_exists(log_file(fixture, "bad", 0, 0, "log")));
}

/* What is written to a file that nobody finds again is not acknowledged. */
static void test_a_folder_that_goes_away_takes_no_records(void **state)
{
    struct log_fixture *fixture = *state;
    struct pn_err e;
    int64_t offset = 0;
    char *folder = pn_xasprintf("%s/t", fixture->folder);
    char *away = pn_xasprintf("%s.away", fixture->folder);
    char *other = pn_xasprintf("%s/u", fixture->folder);
    (void)log_put(fixture, "t", 0, NULL, "v");
    (void)log_put(fixture, "u", 0, NULL, "v");
    assert_int_equal(rename(folder, away), 0);
    assert_int_not_equal(log_try_put(fixture, "t", 0, NULL, "w", &offset, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_FATAL);
    assert_non_null(strstr(e.msg, folder));
    assert_non_null(strstr(e.msg, "put it back"));
    assert_int_equal(log_put(fixture, "u", 0, NULL, "w"), 1);
    assert_int_equal(pn_io_remove_tree(pn_io_system(), other, NULL), 0);
    assert_int_not_equal(log_try_put(fixture, "u", 0, NULL, "x", &offset, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_FATAL);
    /* Put back, it continues where it was. */
    log_fixture_close(fixture);
    assert_int_equal(rename(away, folder), 0);
    log_fixture_open(fixture);
    assert_int_equal(log_offsets(fixture, "t", 0).end, 1);
    assert_int_equal(log_put(fixture, "t", 0, NULL, "w"), 1);
    free(folder);
    free(away);
    free(other);
}

/* Nor is a new topic, or the first record of an old one, put into a folder that was not there. */
static void test_a_folder_that_goes_away_is_not_made_anew(void **state)
{
    struct log_fixture *fixture = *state;
    struct pn_err e;
    int64_t offset = 0;
    const struct pn_log_topic_config one = {.partitions = 1};
    char *away = pn_xasprintf("%s.away", fixture->folder);
    char *fresh = pn_xasprintf("%s/fresh", fixture->folder);
    assert_int_equal(pn_log_create_topic(fixture->log, "old", &one, NULL), 0);
    assert_int_equal(rename(fixture->folder, away), 0);
    assert_int_not_equal(log_try_put(fixture, "old", 0, NULL, "v", &offset, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_FATAL);
    assert_non_null(strstr(e.msg, "put it back"));
    assert_int_not_equal(pn_log_create_topic(fixture->log, "new", &one, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_FATAL);
    assert_non_null(strstr(e.msg, "put it back"));
    assert_false(file_exists(fixture->folder));
    /* Nor into another folder of its name. */
    assert_int_equal(pn_io_mkdirs(pn_io_system(), fixture->folder, NULL), 0);
    assert_int_not_equal(pn_log_create_topic(fixture->log, "fresh", &one, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_FATAL);
    assert_false(file_exists(fresh));
    assert_int_equal(rmdir(fixture->folder), 0);
    log_fixture_close(fixture);
    assert_int_equal(rename(away, fixture->folder), 0);
    log_fixture_open(fixture);
    assert_int_equal(log_put(fixture, "old", 0, NULL, "v"), 0);
    free(away);
    free(fresh);
}

/* --- the folder ------------------------------------------------------------------------------ */

static void test_a_second_log_is_kept_off_the_folder(void **state)
{
    struct log_fixture *fixture = *state;
    struct pn_log *second = NULL;
    struct pn_err e;
    assert_int_not_equal(pn_embedded_open(&fixture->config, pn_io_system(), &fixture->clock.clock,
                                          NULL, NULL, &second, &e),
                         0);
    assert_int_equal(e.class_, PN_CLASS_CONFLICT);
    assert_null(second);
    log_fixture_reopen(fixture);
}

/* Of a killed process: what it had forked, which holds its descriptors until it runs a program. */
static pid_t left = -1;

/* The disk's own, but what was left ends as soon as its lock was met. */
static int flock_and_let_go(const struct pn_io *io, int fd, int operation)
{
    int rc = pn_io_system()->ops->flock(io, fd, operation);
    if (rc != 0 && left > 0) {
        assert_int_equal(kill(left, SIGKILL), 0);
        assert_int_equal(waitpid(left, NULL, 0), left);
        left = -1;
    }
    return rc;
}

static void test_a_lock_that_a_killed_process_left_is_waited_for(void **state)
{
    struct log_fixture *fixture = *state;
    struct pn_io_ops ops = *pn_io_system()->ops;
    ops.flock = flock_and_let_go;
    const struct pn_io disk = {.ops = &ops};
    struct pn_err e = {0};
    left = fork();
    assert_true(left >= 0);
    if (left == 0) {
        (void)pause();
        _exit(0);
    }
    log_fixture_close(fixture); /* our descriptor of the lock, as if we were killed */
    assert_int_equal(log_fixture_try_open(fixture, &disk, &e), 0);
    assert_int_equal(left, -1);
    log_fixture_close(fixture);
}

static void count_call(void *arg)
{
    (void)__atomic_add_fetch((int *)arg, 1, __ATOMIC_SEQ_CST);
}

static void test_listeners_hear_of_new_records(void **state)
{
    struct log_fixture *fixture = *state;
    int heard[2] = {0, 0};
    int ids[2];
    assert_int_equal(pn_log_listen(fixture->log, count_call, &heard[0], &ids[0], NULL), 0);
    assert_int_equal(pn_log_listen(fixture->log, count_call, &heard[1], &ids[1], NULL), 0);
    (void)log_put(fixture, "t", 0, NULL, "v"); /* listeners hear before the answer */
    pn_log_unlisten(fixture->log, ids[0]);
    (void)log_put(fixture, "t", 0, NULL, "v");
    pn_log_unlisten(fixture->log, ids[1]);
    assert_int_equal(heard[0], 1);
    assert_int_equal(heard[1], 2);
}

static void test_metrics_count_what_was_appended(void **state)
{
    struct log_fixture *fixture = *state;
    (void)log_put(fixture, "t", 0, NULL, "v");
    (void)log_put(fixture, "t", 0, NULL, "v");
    assert_int_equal(
        pn_metric_value(pn_metrics_get(fixture->metrics, PN_METRIC_LOG_APPENDED_RECORDS, "t")), 2);
    assert_int_equal(
        pn_metric_value(pn_metrics_get(fixture->metrics, PN_METRIC_LOG_APPENDED_BYTES, "t")),
        2 * 69);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_open, log_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_appended_is_read),
        TEST(test_keys_and_round_robin_choose_the_partition),
        TEST(test_reads_across_segments_of_every_compression),
        TEST(test_a_large_request_becomes_several_batches),
        TEST(test_reads_outside_of_what_is_there),
        TEST(test_offset_at_a_time),
        TEST(test_bad_requests_are_refused_whole),
        TEST(test_a_topic_has_its_own_limit),
        TEST(test_an_empty_request_is_answered),
        TEST(test_a_request_larger_than_the_queue_is_refused),
        TEST(test_settings_out_of_range_are_refused),
        TEST(test_topics_are_made_listed_and_deleted),
        TEST(test_topics_get_more_partitions_but_not_fewer),
        TEST(test_topics_are_made_on_first_use_only_when_wanted),
        TEST(test_what_a_crash_left_of_topics_is_removed),
        TEST(test_a_topic_without_a_readable_file_is_closed),
        TEST(test_a_folder_that_goes_away_takes_no_records),
        TEST(test_a_folder_that_goes_away_is_not_made_anew),
        TEST(test_a_second_log_is_kept_off_the_folder),
        TEST(test_a_lock_that_a_killed_process_left_is_waited_for),
        TEST(test_listeners_hear_of_new_records),
        TEST(test_metrics_count_what_was_appended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
