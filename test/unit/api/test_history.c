/* The history of flows: rates between samples, what is not known, and what is remembered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "api/history.h"

static const int64_t start_ms = 1764374400000;

struct fixture {
    struct pn_history *history;
    struct pn_arena arena;
    struct pn_flow_point *points;
    size_t count;
};

static int setup(void **state)
{
    static struct fixture fixture;
    fixture.history = pn_history_create();
    pn_arena_init(&fixture.arena, 0);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    pn_history_destroy(&f->history);
    pn_arena_deinit(&f->arena);
    return 0;
}

/* So many records of 100 bytes, of which 7 were not taken out. */
static struct pn_flow_counts counts_of(int64_t records)
{
    return (struct pn_flow_counts){.in_records = records,
                                   .kept_bytes = records * 100,
                                   .out_records = records - 7,
                                   .out_bytes = -1};
}

static void note(struct fixture *f, const char *name, struct pn_flow_counts counts, int64_t at_ms)
{
    pn_history_note(f->history, name, &counts, start_ms + at_ms);
}

static void look(struct fixture *f, const char *name, enum pn_history_span span,
                 struct pn_flow_counts counts, int64_t at_ms)
{
    pn_history_points(f->history, name, span, &counts, start_ms + at_ms, &f->arena, &f->points,
                      &f->count);
}

static void test_rates_of_ten_seconds(void **state)
{
    struct fixture *f = *state;
    look(f, "t", PN_HISTORY_HALF_HOUR, counts_of(7), 0);
    assert_int_equal(f->count, 0);
    note(f, "t", counts_of(7), 0);
    note(f, "t", counts_of(9), 4000); /* too soon */
    note(f, "t", counts_of(57), 10000);
    note(f, "t", counts_of(57), 20300);
    look(f, "t", PN_HISTORY_HALF_HOUR, counts_of(157), 25300);
    assert_int_equal(f->count, 3);
    assert_int_equal(f->points[0].from_ms, start_ms);
    assert_int_equal(f->points[0].until_ms, start_ms + 10000);
    assert_float_equal(f->points[0].in_records, 5, 0.001);
    assert_float_equal(f->points[0].in_bytes, 500, 0.001);
    assert_float_equal(f->points[0].out_records, 5, 0.001);
    assert_float_equal(f->points[0].out_bytes, -1, 0);
    assert_float_equal(f->points[1].in_records, 0, 0.001);
    assert_int_equal(f->points[2].until_ms, start_ms + 25300);
    assert_float_equal(f->points[2].in_records, 20, 0.001); /* up to now */
    look(f, "t", PN_HISTORY_HALF_HOUR, counts_of(58), 20800);
    assert_int_equal(f->count, 2); /* a moment has no rate */
    look(f, "other", PN_HISTORY_HALF_HOUR, counts_of(157), 25300);
    assert_int_equal(f->count, 0);
}

static void test_what_is_not_known(void **state)
{
    struct fixture *f = *state;
    struct pn_flow_counts removed = counts_of(200);
    removed.removed = 50;
    removed.kept_bytes = 15000;
    note(f, "t", counts_of(100), 0);
    note(f, "t", removed, 10000);       /* retention has removed some */
    note(f, "t", counts_of(10), 20000); /* another topic of the name */
    look(f, "t", PN_HISTORY_HALF_HOUR, counts_of(10), 20000);
    assert_int_equal(f->count, 2);
    assert_float_equal(f->points[0].in_records, 10, 0.001);
    assert_float_equal(f->points[0].in_bytes, -1, 0);
    assert_float_equal(f->points[1].in_records, -1, 0);
    assert_float_equal(f->points[1].out_records, -1, 0);
    note(f, "t", counts_of(20), -60000); /* the clock was set back */
    look(f, "t", PN_HISTORY_HALF_HOUR, counts_of(30), -50000);
    assert_int_equal(f->count, 1);
    assert_float_equal(f->points[0].in_records, 1, 0.001);
}

static void test_spans_are_bounded(void **state)
{
    struct fixture *f = *state;
    enum { SECONDS = 2 * 86400 };
    for (int64_t second = 0; second <= SECONDS; second += 10) {
        note(f, "t", counts_of(second), second * 1000);
    }
    look(f, "t", PN_HISTORY_HALF_HOUR, counts_of(SECONDS), (int64_t)SECONDS * 1000);
    assert_int_equal(f->count, 180);
    look(f, "t", PN_HISTORY_DAY, counts_of(SECONDS), (int64_t)SECONDS * 1000);
    assert_int_equal(f->count, 288);
    for (size_t i = 0; i < f->count; i++) {
        assert_float_equal(f->points[i].in_records, 1, 0.001);
        assert_int_equal(f->points[i].until_ms - f->points[i].from_ms, 300000);
    }
}

static void test_names_are_bounded(void **state)
{
    struct fixture *f = *state;
    char name[16];
    for (int i = 0; i <= PN_HISTORY_NAMES_MAX; i++) {
        (void)snprintf(name, sizeof name, "%d", (i * 7) % (PN_HISTORY_NAMES_MAX + 1));
        note(f, name, counts_of(0), i);
    }
    look(f, name, PN_HISTORY_HALF_HOUR, counts_of(9), 9000);
    assert_int_equal(f->count, 1);
    look(f, "0", PN_HISTORY_HALF_HOUR, counts_of(9), 9000); /* noted longest ago */
    assert_int_equal(f->count, 0);
    look(f, "7", PN_HISTORY_HALF_HOUR, counts_of(9), 9000);
    assert_int_equal(f->count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rates_of_ten_seconds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_not_known, setup, teardown),
        cmocka_unit_test_setup_teardown(test_spans_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names_are_bounded, setup, teardown)};
    return cmocka_run_group_tests_name("api/history", tests, NULL, NULL);
}
