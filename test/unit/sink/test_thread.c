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
#include "support/sink_fixture.h"

static int set_up(void **state)
{
    struct sink_fixture *fixture = pn_xcalloc(1, sizeof *fixture);
    sink_bed_init(fixture);
    fixture->config.clock = pn_clock_system();
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    sink_bed_deinit(*state);
    free(*state);
    return 0;
}

static void wait_until_landed(struct sink_fixture *fixture, int64_t offset)
{
    while (sink_bed_status(fixture, "t", 0).landed_offset < offset) {
        sched_yield();
    }
}

static void test_appends_wake_the_thread(void **state)
{
    struct sink_fixture *fixture = *state;
    fixture->config.rotate_interval_ms = 3600 * 1000;
    sink_bed_open(fixture);
    assert_int_equal(pn_sink_start(fixture->sink, NULL), 0);
    for (int i = 0; i < 5; i++) {
        sink_bed_append(fixture, "t", 3 * i, 3 * i + 3);
        wait_until_landed(fixture, 3 * i + 3);
    }
    pn_sink_stop(fixture->sink);
    pn_sink_stop(fixture->sink);
    sink_bed_append(fixture, "t", 15, 18);
    assert_int_equal(sink_bed_status(fixture, "t", 0).landed_offset, 15);
    assert_int_equal(pn_sink_start(fixture->sink, NULL), 0); /* what came meanwhile is found */
    wait_until_landed(fixture, 18);
}

static void test_age_wakes_the_thread(void **state)
{
    struct sink_fixture *fixture = *state;
    fixture->config.flush_size = 1000;
    fixture->config.rotate_interval_ms = 50;
    sink_bed_open(fixture);
    assert_int_equal(pn_sink_start(fixture->sink, NULL), 0);
    sink_bed_append(fixture, "t", 0, 2);
    wait_until_landed(fixture, 2);
}

static void test_failures_are_tried_again(void **state)
{
    struct sink_fixture *fixture = *state;
    sink_bed_open(fixture);
    fake_log_fail_reads(fixture->log, "t", 1);
    assert_int_equal(pn_sink_start(fixture->sink, NULL), 0);
    sink_bed_append(fixture, "t", 0, 3);
    wait_until_landed(fixture, 3);
    assert_int_equal(sink_bed_status(fixture, "t", 0).errors, 1);
}

enum { RECORDS = 3000, FLUSHES = 20 };

static void *produce(void *arg)
{
    sink_bed_append(arg, "t", 0, RECORDS);
    return NULL;
}

static void *look(void *arg)
{
    struct sink_fixture *fixture = arg;
    int64_t last = 0;
    while (last < RECORDS) {
        struct pn_sink_status status = sink_bed_status(fixture, "t", 0);
        if (status.landed_offset < last) {
            return fixture; /* it went back: a mistake */
        }
        last = status.landed_offset;
    }
    return NULL;
}

static void test_all_at_once(void **state)
{
    struct sink_fixture *fixture = *state;
    pthread_t producer;
    pthread_t onlooker;
    fixture->config.flush_size = 100;
    sink_bed_open(fixture);
    assert_int_equal(pn_sink_start(fixture->sink, NULL), 0);
    assert_int_equal(pthread_create(&onlooker, NULL, look, fixture), 0);
    assert_int_equal(pthread_create(&producer, NULL, produce, fixture), 0);
    for (int i = 0; i < FLUSHES; i++) {
        struct pn_log_offsets offsets;
        assert_int_equal(pn_log_offsets(fixture->config.log, "t", 0, &offsets, NULL), 0);
        assert_int_equal(pn_sink_flush(fixture->sink, NULL), 0);
        assert_true(sink_bed_status(fixture, "t", 0).landed_offset >= offsets.end);
    }
    pthread_join(producer, NULL);
    assert_int_equal(pn_sink_flush(fixture->sink, NULL), 0);
    void *mistake = NULL;
    pthread_join(onlooker, &mistake);
    assert_null(mistake);
    pn_sink_stop(fixture->sink);

    char *landed = sink_bed_landed(fixture);
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
