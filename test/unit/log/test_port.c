/*
 * What the log port promises of offsets, tried on the embedded log, whose offsets are dense, and on
 * a log whose offsets have gaps. A new implementation is a row of BACKENDS.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "support/fake_log.h"
#include "support/gap_log.h"
#include "support/log_fixture.h"

static struct pn_log *as_it_is(struct pn_log *log)
{
    return log;
}

static const struct backend {
    const char *name;
    struct pn_log *(*wrap)(struct pn_log *log);
} BACKENDS[] = {{"embedded", as_it_is}, {"gaps", gap_log_create}};

static const struct backend *backend; /* of the group in progress */

enum { RECORDS = 40 };

static int set_up(void **state)
{
    (void)log_fixture_set_up(state);
    struct log_fixture *fixture = *state;
    fixture->config.segment_bytes = 4096; /* several segments */
    log_fixture_open(fixture);
    fixture->log = backend->wrap(fixture->log);
    return 0;
}

/* Appends RECORDS records "0", "1", ... of 200 bytes; their offsets into `offsets`. */
static void fill(struct log_fixture *fixture, int64_t offsets[RECORDS])
{
    for (int i = 0; i < RECORDS; i++) {
        char value[200];
        (void)snprintf(value, sizeof value, "%-199d", i);
        pn_fake_clock_advance(&fixture->clock, 10);
        offsets[i] = log_put(fixture, "t", 0, NULL, value);
    }
}

static int number_of(const struct pn_record *record)
{
    return (int)strtol(record->value.data, NULL, 10);
}

static void test_offsets_grow(void **state)
{
    struct log_fixture *fixture = *state;
    int64_t offsets[RECORDS];
    fill(fixture, offsets);
    for (int i = 1; i < RECORDS; i++) {
        assert_true(offsets[i] > offsets[i - 1]);
    }
    struct pn_log_offsets ends = log_offsets(fixture, "t", 0);
    assert_true(ends.begin <= offsets[0]);
    assert_true(ends.end > offsets[RECORDS - 1]);
}

/* Reading on from next_offset gives every record once, in order, ends at the end, and finds
 * nothing lost. */
static void test_reading_on(void **state)
{
    struct log_fixture *fixture = *state;
    int64_t offsets[RECORDS];
    fill(fixture, offsets);
    struct pn_log_offsets ends = log_offsets(fixture, "t", 0);
    for (size_t step = 1; step <= RECORDS + 1; step += 3) {
        int next = 0;
        int64_t at = ends.begin;
        while (at < ends.end) {
            struct pn_log_records records = log_get(fixture, "t", 0, at, step);
            assert_true(records.lost_until <= at);
            for (size_t i = 0; i < records.count; i++) {
                assert_int_equal(records.records[i].offset, offsets[next]);
                assert_int_equal(number_of(&records.records[i]), next);
                next++;
            }
            assert_true(records.next_offset > at); /* also without records */
            at = records.next_offset;
        }
        assert_int_equal(next, RECORDS);
        assert_int_equal(at, ends.end);
    }
}

/* Every offset up to the end can be asked for, whether a record has it or not. */
static void test_any_offset_may_be_asked_for(void **state)
{
    struct log_fixture *fixture = *state;
    int64_t offsets[RECORDS];
    fill(fixture, offsets);
    struct pn_log_offsets ends = log_offsets(fixture, "t", 0);
    int next = 0;
    for (int64_t at = ends.begin; at <= ends.end; at++) {
        while (next < RECORDS && offsets[next] < at) {
            next++;
        }
        struct pn_log_records records = log_get(fixture, "t", 0, at, 1);
        assert_int_equal(records.count, next < RECORDS ? 1 : 0);
        assert_true(records.lost_until <= at);
        if (next < RECORDS) {
            assert_int_equal(records.records[0].offset, offsets[next]);
        } else {
            assert_int_equal(records.next_offset, ends.end);
        }
    }
    struct pn_log_records records = {0};
    struct pn_err e = {0};
    assert_int_not_equal(
        pn_log_read(fixture->log, "t", 0, ends.end + 1, 1, 1, &fixture->arena, &records, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
}

static void test_by_time(void **state)
{
    struct log_fixture *fixture = *state;
    int64_t offsets[RECORDS];
    int64_t start_ms = fixture->clock.wall_ms;
    fill(fixture, offsets);
    for (int i = 0; i < RECORDS; i++) {
        int64_t offset = -1;
        assert_int_equal(
            pn_log_offset_at(fixture->log, "t", 0, start_ms + 10 * i + 1, &offset, NULL), 0);
        struct pn_log_records records = log_get(fixture, "t", 0, offset, 1);
        assert_int_equal(records.count, 1);
        assert_int_equal(records.records[0].offset, offsets[i]);
    }
    int64_t offset = -1;
    int64_t later_ms = fixture->clock.wall_ms + 1;
    assert_int_equal(pn_log_offset_at(fixture->log, "t", 0, later_ms, &offset, NULL), 0);
    assert_int_equal(offset, log_offsets(fixture, "t", 0).end);
}

/* What a damaged batch held is lost, and the read after it says so. */
static void test_damage_is_a_loss(void **state)
{
    struct log_fixture *fixture = *state;
    int64_t offsets[RECORDS];
    fill(fixture, offsets);
    log_damage(fixture, "t", 0, 2);
    struct pn_log_records records = log_get(fixture, "t", 0, offsets[0], RECORDS);
    assert_int_equal(records.count, 2);
    assert_int_equal(number_of(&records.records[1]), 1);

    struct pn_err e = {0};
    int64_t at = records.next_offset;
    assert_int_not_equal(
        pn_log_read(fixture->log, "t", 0, at, RECORDS, 1 << 20, &fixture->arena, &records, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_CORRUPT);
    assert_true(records.next_offset > offsets[2] && records.next_offset <= offsets[3]);
    assert_int_equal(records.lost_until, records.next_offset);
    records = log_get(fixture, "t", 0, records.next_offset, 1);
    assert_int_equal(number_of(&records.records[0]), 3);
}

/* --- a log that lost its beginning ------------------------------------------------------------ */

static void test_retention_is_a_loss(void **state)
{
    (void)state;
    struct fake_log *fake = fake_log_create();
    struct pn_log *log = backend->wrap(fake_log_port(fake));
    struct pn_arena arena;
    struct pn_log_records records = {0};
    struct pn_log_offsets ends = {0};
    pn_arena_init(&arena, 0);
    fake_log_add_topic(fake, "t", 1);
    for (int i = 0; i < 10; i++) {
        (void)fake_log_append(fake, "t", 0, "1");
    }
    fake_log_set_begin(fake, "t", 0, 4);
    assert_int_equal(pn_log_offsets(log, "t", 0, &ends, NULL), 0);
    assert_true(ends.begin > 0);
    assert_int_equal(pn_log_read(log, "t", 0, 0, 100, 1 << 20, &arena, &records, NULL), 0);
    assert_int_equal(records.count, 6);
    assert_true(records.lost_until > 0 && records.lost_until <= records.records[0].offset);
    assert_true(records.lost_until >= ends.begin);
    assert_int_equal(records.next_offset, ends.end);

    assert_int_equal(pn_log_read(log, "t", 0, ends.begin, 1, 1, &arena, &records, NULL), 0);
    assert_true(records.lost_until <= ends.begin);

    fake_log_set_begin(fake, "t", 0, 10); /* all is gone */
    assert_int_equal(pn_log_read(log, "t", 0, 0, 100, 1 << 20, &arena, &records, NULL), 0);
    assert_int_equal(records.count, 0);
    assert_int_equal(records.lost_until, ends.end);
    assert_int_equal(records.next_offset, ends.end);
    pn_arena_deinit(&arena);
    if (log != fake_log_port(fake)) {
        free(log);
    }
    fake_log_destroy(&fake);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, log_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_offsets_grow),
        TEST(test_reading_on),
        TEST(test_any_offset_may_be_asked_for),
        TEST(test_by_time),
        TEST(test_damage_is_a_loss),
        cmocka_unit_test(test_retention_is_a_loss),
    };
    int failed = 0;
    for (size_t i = 0; i < sizeof BACKENDS / sizeof BACKENDS[0]; i++) {
        backend = &BACKENDS[i];
        failed += cmocka_run_group_tests_name(backend->name, tests, NULL, NULL);
    }
    return failed;
}
