/*
 * The sink's thread beside producers, flushes and people who look at the status.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "support/sink_bed.h"

static int set_up(void **state)
{
    struct sink_bed *bed = pn_xcalloc(1, sizeof *bed);
    sink_bed_init(bed);
    bed->config.clock = pn_clock_system();
    *state = bed;
    return 0;
}

static int tear_down(void **state)
{
    sink_bed_deinit(*state);
    free(*state);
    return 0;
}

static void wait_until_landed(struct sink_bed *bed, int64_t offset)
{
    while (sink_bed_status(bed, "t", 0).landed_offset < offset) {
        sched_yield();
    }
}

static void test_appends_wake_the_thread(void **state)
{
    struct sink_bed *bed = *state;
    bed->config.rotate_interval_ms = 3600 * 1000;
    sink_bed_open(bed);
    assert_int_equal(pn_sink_start(bed->sink, NULL), 0);
    for (int i = 0; i < 5; i++) {
        sink_bed_append(bed, "t", 3 * i, 3 * i + 3);
        wait_until_landed(bed, 3 * i + 3);
    }
    pn_sink_stop(bed->sink);
    pn_sink_stop(bed->sink);
    sink_bed_append(bed, "t", 15, 18);
    assert_int_equal(sink_bed_status(bed, "t", 0).landed_offset, 15);
    assert_int_equal(pn_sink_start(bed->sink, NULL), 0); /* what came meanwhile is found */
    wait_until_landed(bed, 18);
}

static void test_age_wakes_the_thread(void **state)
{
    struct sink_bed *bed = *state;
    bed->config.flush_size = 1000;
    bed->config.rotate_interval_ms = 50;
    sink_bed_open(bed);
    assert_int_equal(pn_sink_start(bed->sink, NULL), 0);
    sink_bed_append(bed, "t", 0, 2);
    wait_until_landed(bed, 2);
}

static void test_failures_are_tried_again(void **state)
{
    struct sink_bed *bed = *state;
    sink_bed_open(bed);
    fake_log_fail_reads(bed->log, "t", 1);
    assert_int_equal(pn_sink_start(bed->sink, NULL), 0);
    sink_bed_append(bed, "t", 0, 3);
    wait_until_landed(bed, 3);
    assert_int_equal(sink_bed_status(bed, "t", 0).errors, 1);
}

enum { RECORDS = 3000, FLUSHES = 20 };

static void *produce(void *arg)
{
    sink_bed_append(arg, "t", 0, RECORDS);
    return NULL;
}

static void *look(void *arg)
{
    struct sink_bed *bed = arg;
    int64_t last = 0;
    while (last < RECORDS) {
        struct pn_sink_status status = sink_bed_status(bed, "t", 0);
        if (status.landed_offset < last) {
            return bed; /* it went back: a mistake */
        }
        last = status.landed_offset;
    }
    return NULL;
}

static void test_all_at_once(void **state)
{
    struct sink_bed *bed = *state;
    pthread_t producer;
    pthread_t onlooker;
    bed->config.flush_size = 100;
    sink_bed_open(bed);
    assert_int_equal(pn_sink_start(bed->sink, NULL), 0);
    assert_int_equal(pthread_create(&onlooker, NULL, look, bed), 0);
    assert_int_equal(pthread_create(&producer, NULL, produce, bed), 0);
    for (int i = 0; i < FLUSHES; i++) {
        struct pn_log_offsets offsets;
        assert_int_equal(pn_log_offsets(bed->config.log, "t", 0, &offsets, NULL), 0);
        assert_int_equal(pn_sink_flush(bed->sink, NULL), 0);
        assert_true(sink_bed_status(bed, "t", 0).landed_offset >= offsets.end);
    }
    pthread_join(producer, NULL);
    assert_int_equal(pn_sink_flush(bed->sink, NULL), 0);
    void *mistake = NULL;
    pthread_join(onlooker, &mistake);
    assert_null(mistake);
    pn_sink_stop(bed->sink);

    char *landed = sink_bed_landed(bed);
    int next = 0;
    for (const char *at = strstr(landed, ": "); at != NULL; at = strstr(at, ": ")) {
        at += 2;
        while (*at != '\0' && at[-1] != '\n') {
            char *end;
            assert_int_equal(strtol(at, &end, 10), next++);
            at = end + 1;
        }
    }
    assert_int_equal(next, RECORDS);
    free(landed);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_appends_wake_the_thread),
        TEST(test_age_wakes_the_thread),
        TEST(test_failures_are_tried_again),
        TEST(test_all_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
