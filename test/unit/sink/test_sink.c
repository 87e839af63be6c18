/*
 * What lands, when, and under which name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "support/sink_fixture.h"

#define T "topics/t/partition=0/t+0+00000000"
#define D "dead_letters/t/partition=0/t+0+00000000"

static int set_up(void **state)
{
    struct sink_fixture *fixture = pn_xcalloc(1, sizeof *fixture);
    sink_bed_init(fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    sink_bed_deinit(*state);
    free(*state);
    return 0;
}

static void run(struct sink_fixture *fixture)
{
    assert_int_equal(pn_sink_run(fixture->sink, NULL), 0);
}

static void flush(struct sink_fixture *fixture)
{
    assert_int_equal(pn_sink_flush(fixture->sink, NULL), 0);
}

/* --- when objects are cut ------------------------------------------------------------------ */

static void test_full_objects_land_at_once(void **state)
{
    struct sink_fixture *fixture = *state;
    sink_bed_open(fixture);
    sink_bed_append(fixture, "t", 0, 2);
    run(fixture);
    sink_bed_assert_landed(fixture, "");
    sink_bed_append(fixture, "t", 2, 8);
    run(fixture);
    sink_bed_assert_landed(fixture, T "00.json: 0 1 2\n" T "03.json: 3 4 5\n");
    struct pn_sink_status status = sink_bed_status(fixture, "t", 0);
    assert_int_equal(status.landed_offset, 6);
    assert_int_equal(status.end_offset, 8);
    assert_int_equal(status.lag, 2);
    assert_int_equal(status.objects, 2);
    assert_int_equal(status.records, 6);
}

static void test_a_quiet_topic_lands_by_age(void **state)
{
    struct sink_fixture *fixture = *state;
    sink_bed_open(fixture);
    sink_bed_append(fixture, "t", 0, 1);
    run(fixture);
    pn_fake_clock_advance(&fixture->clock, 600);
    sink_bed_append(fixture, "t", 1, 2);
    run(fixture);
    pn_fake_clock_advance(&fixture->clock, 399);
    run(fixture);
    sink_bed_assert_landed(fixture, "");
    pn_fake_clock_advance(&fixture->clock, 1);
    run(fixture);
    sink_bed_assert_landed(fixture, T "00.json: 0 1\n");

    sink_bed_append(fixture, "t", 2, 3);
    run(fixture);
    pn_fake_clock_advance(&fixture->clock, 999);
    run(fixture);
    sink_bed_assert_landed(fixture, T "00.json: 0 1\n");
    pn_fake_clock_advance(&fixture->clock, 1);
    run(fixture);
    sink_bed_assert_landed(fixture, T "00.json: 0 1\n" T "02.json: 2\n");
}

/* The rest after a full object waits for its own age, not for that of what landed. */
static void test_age_starts_again_behind_a_full_object(void **state)
{
    struct sink_fixture *fixture = *state;
    sink_bed_open(fixture);
    sink_bed_append(fixture, "t", 0, 1);
    run(fixture);
    pn_fake_clock_advance(&fixture->clock, 900);
    sink_bed_append(fixture, "t", 1, 4);
    run(fixture);
    sink_bed_assert_landed(fixture, T "00.json: 0 1 2\n");
    pn_fake_clock_advance(&fixture->clock, 999);
    run(fixture);
    sink_bed_assert_landed(fixture, T "00.json: 0 1 2\n");
    pn_fake_clock_advance(&fixture->clock, 1);
    run(fixture);
    sink_bed_assert_landed(fixture, T "00.json: 0 1 2\n" T "03.json: 3\n");
}

static void test_flush_lands_all_there_is(void **state)
{
    struct sink_fixture *fixture = *state;
    sink_bed_open(fixture);
    flush(fixture);
    sink_bed_append(fixture, "t", 0, 5);
    flush(fixture);
    sink_bed_assert_landed(fixture, T "00.json: 0 1 2\n" T "03.json: 3 4\n");
    flush(fixture);
    sink_bed_append(fixture, "t", 5, 6);
    flush(fixture);
    sink_bed_assert_landed(fixture, T "00.json: 0 1 2\n" T "03.json: 3 4\n" T "05.json: 5\n");
    assert_int_equal(sink_bed_status(fixture, "t", 0).lag, 0);
}

static void test_rotate_interval_zero_lands_at_once(void **state)
{
    struct sink_fixture *fixture = *state;
    fixture->config.rotate_interval_ms = 0;
    sink_bed_open(fixture);
    sink_bed_append(fixture, "t", 0, 1);
    run(fixture);
    sink_bed_assert_landed(fixture, T "00.json: 0\n");
}

static void test_bytes_cut_too(void **state)
{
    struct sink_fixture *fixture = *state;
    fixture->config.flush_size = 100;
    fixture->config.flush_bytes = 10;
    sink_bed_open(fixture);
    (void)fake_log_append(fixture->log, "t", 0, "1234"); /* 5 bytes with its LF */
    (void)fake_log_append(fixture->log, "t", 0, "5678");
    (void)fake_log_append(fixture->log, "t", 0, "9");
    (void)fake_log_append(fixture->log, "t", 0, "\"larger than an object\"");
    (void)fake_log_append(fixture->log, "t", 0, "1");
    flush(fixture);
    sink_bed_assert_landed(fixture, T "00.json: 1234 5678\n" T "02.json: 9\n" T
                                      "03.json: \"larger than an object\"\n" T "04.json: 1\n");
}

static void test_flush_size_one(void **state)
{
    struct sink_fixture *fixture = *state;
    fixture->config.flush_size = 1;
    sink_bed_open(fixture);
    sink_bed_append(fixture, "t", 0, 3);
    run(fixture);
    sink_bed_assert_landed(fixture, T "00.json: 0\n" T "01.json: 1\n" T "02.json: 2\n");
    assert_int_equal(sink_bed_status(fixture, "t", 0).objects, 3);
}

/* More than one batch holds, by objects and by bytes. */
static void test_many_objects(void **state)
{
    struct sink_fixture *fixture = *state;
    enum { COUNT = 9001 };
    fixture->config.flush_size = 2;
    sink_bed_open(fixture);
    sink_bed_append(fixture, "t", 0, COUNT);
    flush(fixture);
    struct pn_sink_status status = sink_bed_status(fixture, "t", 0);
    assert_int_equal(status.objects, COUNT / 2 + 1);
    assert_int_equal(status.records, COUNT);

    static char large[512 * 1024];
    memset(large, 'x', sizeof large);
    large[0] = '"';
    large[sizeof large - 2] = '"';
    large[sizeof large - 1] = '\0';
    for (int i = 0; i < 40; i++) {
        (void)fake_log_append(fixture->log, "t", 0, large);
    }
    flush(fixture);
    status = sink_bed_status(fixture, "t", 0);
    assert_int_equal(status.objects, COUNT / 2 + 1 + 20);
    assert_int_equal(status.landed_offset, COUNT + 40);
}

/* --- what lands ---------------------------------------------------------------------------- */

static void test_values_are_rewritten_compact(void **state)
{
    struct sink_fixture *fixture = *state;
    sink_bed_open(fixture);
    (void)fake_log_append(fixture->log, "t", 0, "{\n  \"b\" : 1.50,\n  \"a\" : [ 1 , null ]\n}\n");
    (void)fake_log_append(fixture->log, "t", 0, "\"\\u00e9\\/\\n\"");
    (void)fake_log_append(fixture->log, "t", 0, " null ");
    flush(fixture);
    sink_bed_assert_landed(fixture,
                           T "00.json: {\"b\":1.50,\"a\":[1,null]} \"\xc3\xa9/\\n\" null\n");
}

static void test_what_is_no_json_becomes_a_dead_letter(void **state)
{
    struct sink_fixture *fixture = *state;
    struct pn_bytes binary = {.data = "\xff\x00\x01", .len = 3};
    struct pn_bytes key = {.data = "k\n", .len = 2};
    struct pn_bytes no_value = {0};
    fixture->config.flush_size = 100;
    sink_bed_open(fixture);
    (void)fake_log_append(fixture->log, "t", 0, "1");
    (void)fake_log_append_bytes(fixture->log, "t", 0, key, no_value, 1500000000123);
    (void)fake_log_append(fixture->log, "t", 0, "");
    (void)fake_log_append_bytes(fixture->log, "t", 0, binary, binary, 0);
    (void)fake_log_append(fixture->log, "t", 0, "{\"a\":\"\xc3\xa9\"");
    (void)fake_log_append(fixture->log, "t", 0, "2");
    flush(fixture);
    char *landed = sink_bed_landed(fixture);
    assert_non_null(strstr(landed, T "00.json: 1 2\n"));
    assert_non_null(strstr(landed,
                           D "00.json: {\"topic\":\"t\",\"partition\":0,\"offset\":1,"
                             "\"timestamp\":\"2017-07-14T02:40:00.123Z\","
                             "\"reason\":\"tombstone: no value\",\"value\":null,"
                             "\"encoding\":null,\"key\":\"k\\n\",\"key_encoding\":\"text\"}"));
    assert_non_null(strstr(landed,
                           "\"offset\":2,\"timestamp\":\"1970-01-01T00:00:00.000Z\","
                           "\"reason\":\"empty value\",\"value\":\"\",\"encoding\":\"text\","
                           "\"key\":null,\"key_encoding\":null}"));
    assert_non_null(strstr(landed, "\"value\":\"/wAB\",\"encoding\":\"base64\",\"key\":\"/wAB\","
                                   "\"key_encoding\":\"base64\"}"));
    assert_non_null(strstr(landed, "\"reason\":\"invalid JSON at byte "));
    assert_non_null(
        strstr(landed, "\"value\":\"{\\\"a\\\":\\\"\xc3\xa9\\\"\",\"encoding\":\"text\""));
    free(landed);
    struct pn_sink_status status = sink_bed_status(fixture, "t", 0);
    assert_int_equal(status.records, 2);
    assert_int_equal(status.dead_letters, 4);
    assert_int_equal(status.objects, 1);
}

static void test_nothing_but_dead_letters(void **state)
{
    struct sink_fixture *fixture = *state;
    sink_bed_open(fixture);
    for (int i = 0; i < 4; i++) {
        (void)fake_log_append(fixture->log, "t", 0, "no");
    }
    sink_bed_append(fixture, "t", 4, 5);
    flush(fixture);
    char *landed = sink_bed_landed(fixture);
    assert_null(strstr(landed, T "00.json"));
    assert_non_null(strstr(landed, D "00.json"));
    assert_non_null(strstr(landed, D "03.json"));
    assert_non_null(strstr(landed, T "03.json: 4\n"));
    free(landed);
}

static void test_topics_by_name_and_by_regex(void **state)
{
    struct sink_fixture *fixture = *state;
    fixture->config.topics_regex = "u\\.(a|b)|v";
    fixture->config.topics_dir = "raw/in";
    fake_log_add_topic(fixture->log, "u.a", 2);
    fake_log_add_topic(fixture->log, "u.abc", 1);
    fake_log_add_topic(fixture->log, "vv", 1);
    sink_bed_open(fixture);
    (void)fake_log_append(fixture->log, "t", 0, "1");
    (void)fake_log_append(fixture->log, "u.a", 1, "2");
    (void)fake_log_append(fixture->log, "u.abc", 0, "3");
    (void)fake_log_append(fixture->log, "vv", 0, "4");
    flush(fixture);
    fake_log_add_topic(fixture->log, "v", 1);
    (void)fake_log_append(fixture->log, "v", 0, "5");
    flush(fixture);
    sink_bed_assert_landed(fixture, "raw/in/t/partition=0/t+0+0000000000.json: 1\n"
                                    "raw/in/u.a/partition=1/u.a+1+0000000000.json: 2\n"
                                    "raw/in/v/partition=0/v+0+0000000000.json: 5\n");
}

/* What other parts keep in the log for themselves never lands, not even if a pattern fits. */
static void test_internal_topics_do_not_land(void **state)
{
    struct sink_fixture *fixture = *state;
    fixture->config.topics_regex = ".*";
    fake_log_add_topic(fixture->log, "__kinesis.s", 1);
    sink_bed_open(fixture);
    (void)fake_log_append(fixture->log, "__kinesis.s", 0, "1");
    (void)fake_log_append(fixture->log, "t", 0, "2");
    flush(fixture);
    sink_bed_assert_landed(fixture, "topics/t/partition=0/t+0+0000000000.json: 2\n");
}

static void test_bad_settings_are_refused(void **state)
{
    struct sink_fixture *fixture = *state;
    struct pn_sink_config bad[8];
    for (size_t i = 0; i < 8; i++) {
        bad[i] = fixture->config;
    }
    const char *names[] = {"../x"};
    bad[0].flush_size = 0;
    bad[1].flush_bytes = 0;
    bad[2].flush_bytes = (int64_t)1 << 40;
    bad[3].rotate_interval_ms = -1;
    bad[4].topics_regex = "a(";
    bad[5].topics_dir = "../up";
    bad[6].dead_letters_dir = bad[6].topics_dir;
    bad[7].topics = names;
    for (size_t i = 0; i < 8; i++) {
        struct pn_err e = {0};
        assert_int_not_equal(pn_sink_create(&bad[i], &fixture->sink, &e), 0);
        assert_int_equal(e.class_, PN_CLASS_INPUT);
        assert_string_not_equal(e.msg, "");
    }
}

/* --- over restarts ------------------------------------------------------------------------- */

static void test_settings_may_change_between_lives(void **state)
{
    struct sink_fixture *fixture = *state;
    sink_bed_open(fixture);
    sink_bed_append(fixture, "t", 0, 4);
    run(fixture);
    sink_bed_close(fixture);
    fixture->config.flush_size = 2;
    sink_bed_open(fixture);
    sink_bed_append(fixture, "t", 4, 6);
    run(fixture);
    sink_bed_close(fixture);
    fixture->config.flush_size = 1000;
    sink_bed_open(fixture);
    sink_bed_append(fixture, "t", 6, 9);
    flush(fixture);
    sink_bed_assert_landed(fixture, T "00.json: 0 1 2\n" T "03.json: 3 4\n" T "05.json: 5 6 7 8\n");
}

static void test_a_topic_left_out_for_a_while_goes_on(void **state)
{
    struct sink_fixture *fixture = *state;
    sink_bed_open(fixture);
    sink_bed_append(fixture, "t", 0, 1);
    flush(fixture);
    sink_bed_close(fixture);
    fixture->config.topic_count = 0;
    sink_bed_open(fixture);
    sink_bed_append(fixture, "t", 1, 2);
    flush(fixture);
    sink_bed_assert_landed(fixture, T "00.json: 0\n");
    sink_bed_close(fixture);
    fixture->config.topic_count = 1;
    sink_bed_open(fixture);
    flush(fixture);
    sink_bed_assert_landed(fixture, T "00.json: 0\n" T "01.json: 1\n");
}

static void test_topic_created_again_while_running(void **state)
{
    struct sink_fixture *fixture = *state;
    sink_bed_open(fixture);
    sink_bed_append(fixture, "t", 0, 5);
    flush(fixture);
    assert_int_equal(pn_log_delete_topic(fixture->config.log, "t", NULL), 0);
    fake_log_add_topic(fixture->log, "t", 1);
    sink_bed_append(fixture, "t", 100, 107);
    flush(fixture);
    sink_bed_assert_landed(fixture,
                           T "00.json: 0 1 2\n" T "03.json: 3 4\n" T "05.json: 100 101 102\n" T
                             "08.json: 103 104 105\n" T "11.json: 106\n");
    assert_int_equal(sink_bed_status(fixture, "t", 0).landed_offset, 7);
}

static void test_topic_created_again_after_its_deletion_was_seen(void **state)
{
    struct sink_fixture *fixture = *state;
    sink_bed_open(fixture);
    sink_bed_append(fixture, "t", 0, 2);
    (void)fake_log_append(fixture->log, "t", 0, "poison");
    flush(fixture);
    assert_int_equal(pn_log_delete_topic(fixture->config.log, "t", NULL), 0);
    flush(fixture);
    fake_log_add_topic(fixture->log, "t", 1);
    sink_bed_append(fixture, "t", 100, 102);
    flush(fixture);
    sink_bed_close(fixture);
    sink_bed_open(fixture);
    sink_bed_append(fixture, "t", 102, 103);
    flush(fixture);
    char *landed = sink_bed_landed(fixture);
    char *values = strstr(landed, T);
    assert_non_null(values);
    assert_string_equal(values, T "00.json: 0 1\n" T "03.json: 100 101\n" T "05.json: 102\n");
    free(landed);
}

static void test_topic_created_again_between_lives(void **state)
{
    struct sink_fixture *fixture = *state;
    sink_bed_open(fixture);
    sink_bed_append(fixture, "t", 0, 2);
    flush(fixture);
    sink_bed_close(fixture);
    assert_int_equal(pn_log_delete_topic(fixture->config.log, "t", NULL), 0);
    fake_log_add_topic(fixture->log, "t", 1);
    sink_bed_append(fixture, "t", 100, 101);
    sink_bed_open(fixture);
    flush(fixture);
    sink_bed_assert_landed(fixture, T "00.json: 0 1\n" T "02.json: 100\n");
}

/* Nothing is replaced or skipped: what the log still has lands again, under new names. */
static void test_memory_removed_by_hand(void **state)
{
    struct sink_fixture *fixture = *state;
    sink_bed_open(fixture);
    sink_bed_append(fixture, "t", 0, 4);
    flush(fixture);
    sink_bed_close(fixture);
    assert_int_equal(pn_io_remove_tree(pn_io_system(), fixture->state_folder, NULL), 0);
    fake_log_set_begin(fixture->log, "t", 0, 2);
    sink_bed_open(fixture);
    sink_bed_append(fixture, "t", 4, 5);
    flush(fixture);
    sink_bed_assert_landed(fixture, T "00.json: 0 1 2\n" T "03.json: 3\n" T "06.json: 2 3 4\n");
    assert_int_equal(sink_bed_status(fixture, "t", 0).lost, 0);
}

/* With `durability: os` a power cut takes records off the log's end that have landed. */
static void test_log_that_stepped_back(void **state)
{
    struct sink_fixture *fixture = *state;
    sink_bed_open(fixture);
    sink_bed_append(fixture, "t", 0, 5);
    flush(fixture);
    sink_bed_close(fixture);
    fake_log_set_end(fixture->log, "t", 0, 4);
    sink_bed_open(fixture);
    sink_bed_append(fixture, "t", 100, 103);
    flush(fixture);
    sink_bed_assert_landed(fixture,
                           T "00.json: 0 1 2\n" T "03.json: 3 4\n" T "05.json: 100 101 102\n");
}

/* In one life the log cannot read all of the partition: that is not an end that stepped back. */
static void test_log_that_is_unsure(void **state)
{
    struct pn_err e;
    struct sink_fixture *fixture = *state;
    sink_bed_open(fixture);
    sink_bed_append(fixture, "t", 0, 5);
    flush(fixture);
    sink_bed_close(fixture);
    for (int end = 2; end <= 5; end += 3) {
        fake_log_set_unsure(fixture->log, "t", 0, true);
        fake_log_set_end(fixture->log, "t", 0, end);
        sink_bed_open(fixture);
        flush(fixture);
        sink_bed_close(fixture);
        fake_log_set_end(fixture->log, "t", 0, 5);
    }
    sink_bed_append(fixture, "t", 5, 8);
    sink_bed_open(fixture);
    assert_int_not_equal(pn_sink_flush(fixture->sink, &e), 0);
    assert_non_null(strstr(e.msg, "could not read all of it"));
    sink_bed_close(fixture);
    fake_log_set_unsure(fixture->log, "t", 0, false);
    sink_bed_open(fixture);
    flush(fixture);
    sink_bed_assert_landed(fixture, T "00.json: 0 1 2\n" T "03.json: 3 4\n" T "05.json: 5 6 7\n");
}

/* What a cluster has not said yet is not where the partition begins, and nothing was lost. */
static void test_log_that_is_unsure_for_now(void **state)
{
    struct pn_err e;
    struct sink_fixture *fixture = *state;
    sink_bed_append(fixture, "t", 0, 5);
    fake_log_set_passing(fixture->log, "t", 0, "it waits for a leader");
    sink_bed_open(fixture);
    assert_int_not_equal(pn_sink_flush(fixture->sink, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_RETRY);
    assert_non_null(strstr(e.msg, "it waits for a leader"));
    fake_log_set_begin(fixture->log, "t", 0, 2);
    fake_log_set_passing(fixture->log, "t", 0, NULL);
    flush(fixture);
    sink_bed_assert_landed(fixture, T "02.json: 2 3 4\n");
    assert_int_equal(sink_bed_status(fixture, "t", 0).lost, 0);
}

/* A topic that is not listed for a moment was not deleted. */
static void test_a_topic_that_is_not_listed(void **state)
{
    struct sink_fixture *fixture = *state;
    sink_bed_open(fixture);
    sink_bed_append(fixture, "t", 0, 2);
    flush(fixture);
    for (int life = 0; life < 2; life++) {
        fake_log_hide(fixture->log, "t", true);
        flush(fixture);
        fake_log_hide(fixture->log, "t", false);
        sink_bed_append(fixture, "t", 2 + life, 3 + life);
        flush(fixture);
        sink_bed_close(fixture);
        fake_log_hide(fixture->log, "t", true);
        sink_bed_open(fixture);
    }
    sink_bed_assert_landed(fixture, T "00.json: 0 1\n" T "02.json: 2\n" T "03.json: 3\n");
}

/* A log of a cluster has no id for a topic until its name was deleted. */
static void test_topic_created_again_that_had_no_id(void **state)
{
    struct sink_fixture *fixture = *state;
    fake_log_set_id(fixture->log, "t", 0);
    sink_bed_open(fixture);
    sink_bed_append(fixture, "t", 0, 4);
    flush(fixture);
    assert_int_equal(pn_log_delete_topic(fixture->config.log, "t", NULL), 0);
    fake_log_add_topic(fixture->log, "t", 1);
    sink_bed_append(fixture, "t", 100, 102);
    flush(fixture);
    sink_bed_assert_landed(fixture, T "00.json: 0 1 2\n" T "03.json: 3\n" T "04.json: 100 101\n");
}

/* --- what the log lost --------------------------------------------------------------------- */

static void test_retention_faster_than_landing(void **state)
{
    struct sink_fixture *fixture = *state;
    sink_bed_open(fixture);
    sink_bed_append(fixture, "t", 0, 10);
    fake_log_set_begin(fixture->log, "t", 0, 5);
    assert_int_equal(sink_bed_status(fixture, "t", 0).lag, 5); /* those that are there */
    flush(fixture);
    flush(fixture);
    sink_bed_assert_landed(fixture, T "05.json: 5 6 7\n" T "08.json: 8 9\n");
    assert_int_equal(sink_bed_status(fixture, "t", 0).lost, 5);

    sink_bed_append(fixture, "t", 10, 20);
    fake_log_set_begin(fixture->log, "t", 0, 20);
    flush(fixture);
    struct pn_sink_status status = sink_bed_status(fixture, "t", 0);
    assert_int_equal(status.lost, 15);
    assert_int_equal(status.lag, 0);
}

/* The gauge counts what exists, as the status does. */
static void test_the_gauge_goes_by_what_exists(void **state)
{
    struct sink_fixture *fixture = *state;
    sink_bed_open(fixture);
    sink_bed_append(fixture, "t", 0, 2);
    run(fixture);
    fake_log_set_begin(fixture->log, "t", 0, 1);
    run(fixture);
    assert_int_equal(sink_bed_status(fixture, "t", 0).lag, 1);
    struct pn_buf text;
    pn_buf_init(&text, 1024 * 1024);
    pn_metrics_render(fixture->metrics, &text);
    assert_non_null(strstr(pn_buf_text(&text), "pinion_sink_lag_records{topic=\"t\"} 1\n"));
    pn_buf_deinit(&text);
}

static void test_damage_is_skipped_and_counted(void **state)
{
    struct sink_fixture *fixture = *state;
    sink_bed_open(fixture);
    sink_bed_append(fixture, "t", 0, 10);
    fake_log_damage(fixture->log, "t", 0, 4, 6);
    run(fixture);
    run(fixture);
    sink_bed_assert_landed(fixture, T "00.json: 0 1 2\n" T "03.json: 3\n" T "06.json: 6 7 8\n");
    assert_int_equal(sink_bed_status(fixture, "t", 0).lost, 2);
    flush(fixture);
    assert_int_equal(sink_bed_status(fixture, "t", 0).lost, 2);
    assert_int_equal(sink_bed_status(fixture, "t", 0).landed_offset, 10);

    fake_log_damage(fixture->log, "t", 0, 11, 14);
    sink_bed_append(fixture, "t", 10, 14);
    flush(fixture);
    assert_int_equal(sink_bed_status(fixture, "t", 0).lost, 5);
    char *landed = sink_bed_landed(fixture);
    assert_non_null(strstr(landed, T "09.json: 9\n" T "10.json: 10\n"));
    free(landed);
}

/* --- errors -------------------------------------------------------------------------------- */

static void test_a_failing_partition_does_not_hold_up_others(void **state)
{
    struct sink_fixture *fixture = *state;
    fixture->topics[1] = "u";
    fixture->config.topic_count = 2;
    fake_log_add_topic(fixture->log, "u", 1);
    sink_bed_open(fixture);
    sink_bed_append(fixture, "t", 0, 3);
    sink_bed_append(fixture, "u", 0, 3);
    fake_log_fail_reads(fixture->log, "t", 2);
    struct pn_err e = {0};
    assert_int_not_equal(pn_sink_run(fixture->sink, &e), 0);
    assert_string_not_equal(e.msg, "");
    sink_bed_assert_landed(fixture, "topics/u/partition=0/u+0+0000000000.json: 0 1 2\n");
    struct pn_sink_status status = sink_bed_status(fixture, "t", 0);
    assert_int_equal(status.errors, 1);
    assert_non_null(status.error);
    assert_int_equal(status.lag, 3);

    int64_t reads = fake_log_reads(fixture->log); /* the delay: no try yet */
    pn_fake_clock_advance(&fixture->clock, 199);
    run(fixture);
    assert_int_equal(fake_log_reads(fixture->log), reads);
    pn_fake_clock_advance(&fixture->clock, 1);
    assert_int_not_equal(pn_sink_run(fixture->sink, NULL), 0);
    pn_fake_clock_advance(&fixture->clock, 399); /* ... and a longer one */
    run(fixture);
    assert_int_equal(fake_log_reads(fixture->log), reads + 1);
    pn_fake_clock_advance(&fixture->clock, 1);
    run(fixture);
    status = sink_bed_status(fixture, "t", 0);
    assert_int_equal(status.lag, 0);
    assert_int_equal(status.errors, 2);
    assert_null(status.error);
}

static void test_flush_does_not_wait_for_the_delay(void **state)
{
    struct sink_fixture *fixture = *state;
    sink_bed_open(fixture);
    sink_bed_append(fixture, "t", 0, 1);
    fake_log_fail_reads(fixture->log, "t", 1);
    assert_int_not_equal(pn_sink_flush(fixture->sink, NULL), 0);
    flush(fixture);
    sink_bed_assert_landed(fixture, T "00.json: 0\n");
}

static void test_a_name_too_long_for_the_store_is_told(void **state)
{
    struct sink_fixture *fixture = *state;
    char name[PN_TOPIC_NAME_MAX + 1];
    memset(name, 'n', PN_TOPIC_NAME_MAX);
    name[PN_TOPIC_NAME_MAX] = '\0';
    fake_log_add_topic(fixture->log, name, 1);
    fixture->config.topics_regex = ".*";
    sink_bed_open(fixture);
    sink_bed_append(fixture, "t", 0, 1);
    sink_bed_append(fixture, name, 0, 1);
    struct pn_err e = {0};
    assert_int_not_equal(pn_sink_flush(fixture->sink, &e), 0);
    assert_non_null(strstr(e.msg, "at most 255"));
    sink_bed_assert_landed(fixture, T "00.json: 0\n");
}

static void test_metrics(void **state)
{
    struct sink_fixture *fixture = *state;
    sink_bed_open(fixture);
    sink_bed_append(fixture, "t", 0, 4);
    (void)fake_log_append(fixture->log, "t", 0, "poison");
    run(fixture);
    struct pn_buf text;
    pn_buf_init(&text, 1024 * 1024);
    pn_metrics_render(fixture->metrics, &text);
    const char *page = pn_buf_text(&text);
    assert_non_null(strstr(page, "pinion_sink_landed_records_total{topic=\"t\"} 3\n"));
    assert_non_null(strstr(page, "pinion_sink_objects_total{topic=\"t\"} 1\n"));
    assert_non_null(strstr(page, "pinion_sink_lag_records{topic=\"t\"} 2\n"));
    assert_non_null(strstr(page, "pinion_sink_dead_letters_total{topic=\"t\"} 0\n"));
    pn_buf_reset(&text);
    flush(fixture);
    pn_metrics_render(fixture->metrics, &text);
    page = pn_buf_text(&text);
    assert_non_null(strstr(page, "pinion_sink_landed_records_total{topic=\"t\"} 4\n"));
    assert_non_null(strstr(page, "pinion_sink_dead_letters_total{topic=\"t\"} 1\n"));
    assert_non_null(strstr(page, "pinion_sink_lag_records{topic=\"t\"} 0\n"));
    assert_non_null(strstr(page, "pinion_sink_errors_total{topic=\"t\"} 0\n"));
    assert_non_null(strstr(page, "pinion_sink_lost_records_total{topic=\"t\"} 0\n"));
    pn_buf_deinit(&text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_full_objects_land_at_once),
        TEST(test_a_quiet_topic_lands_by_age),
        TEST(test_age_starts_again_behind_a_full_object),
        TEST(test_flush_lands_all_there_is),
        TEST(test_rotate_interval_zero_lands_at_once),
        TEST(test_bytes_cut_too),
        TEST(test_flush_size_one),
        TEST(test_many_objects),
        TEST(test_values_are_rewritten_compact),
        TEST(test_what_is_no_json_becomes_a_dead_letter),
        TEST(test_nothing_but_dead_letters),
        TEST(test_topics_by_name_and_by_regex),
        TEST(test_internal_topics_do_not_land),
        TEST(test_bad_settings_are_refused),
        TEST(test_settings_may_change_between_lives),
        TEST(test_a_topic_left_out_for_a_while_goes_on),
        TEST(test_topic_created_again_while_running),
        TEST(test_topic_created_again_after_its_deletion_was_seen),
        TEST(test_topic_created_again_between_lives),
        TEST(test_memory_removed_by_hand),
        TEST(test_log_that_stepped_back),
        TEST(test_log_that_is_unsure),
        TEST(test_log_that_is_unsure_for_now),
        TEST(test_a_topic_that_is_not_listed),
        TEST(test_topic_created_again_that_had_no_id),
        TEST(test_retention_faster_than_landing),
        TEST(test_the_gauge_goes_by_what_exists),
        TEST(test_damage_is_skipped_and_counted),
        TEST(test_a_failing_partition_does_not_hold_up_others),
        TEST(test_flush_does_not_wait_for_the_delay),
        TEST(test_a_name_too_long_for_the_store_is_told),
        TEST(test_metrics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
