/* What subscriptions have delivered, and tables at several places read: nothing is left out, and
 * nothing comes twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "processor/kinesis_window.h"

enum { BYTES = 100 };

/* A part with the records `from` to `to`, whose values are their numbers. */
static struct pn_kinesis_part *part_of(int from, int to)
{
    struct pn_kinesis_part *part = pn_xcalloc(1, sizeof *part);
    pn_arena_init(&part->arena, 0);
    part->count = (size_t)(to - from + 1);
    part->records = pn_arena_calloc(&part->arena, part->count, sizeof *part->records);
    part->sequences = pn_arena_calloc(&part->arena, part->count, sizeof *part->sequences);
    for (int i = from; i <= to; i++) {
        const char *text = pn_arena_printf(&part->arena, "%d", i);
        part->sequences[i - from] = text;
        part->records[i - from] =
            (struct pn_record){.key = {"k", 1}, .value = {text, strlen(text)}, .timestamp_ms = i};
    }
    part->bytes = part->count * BYTES;
    part->until_ms = to;
    return part;
}

static void add(struct pn_kinesis_window *window, int from, int to)
{
    pn_kinesis_window_add(window, part_of(from, to));
}

/* Reads at `text`, and checks that it is from `from` to `to`; `to` is less when there is none. */
static void assert_reads(struct pn_kinesis_window *window, const char *text, size_t max, int from,
                         int to)
{
    struct pn_kinesis_spot spot;
    struct pn_processor_source_records out = {.behind_ms = -1};
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    assert_true(pn_kinesis_window_find(window, text, &spot));
    (void)snprintf(out.place.text, sizeof out.place.text, "%s", text);
    pn_kinesis_window_read(window, &spot, max, SIZE_MAX, &arena, &out);
    assert_int_equal(out.count, to - from + 1);
    for (size_t i = 0; i < out.count; i++) {
        char wanted[16];
        (void)snprintf(wanted, sizeof wanted, "%d", from + (int)i);
        assert_string_equal(out.sequences[i], wanted);
        assert_string_equal(out.records[i].value.data, wanted);
        assert_int_equal(out.records[i].timestamp_ms, from + (int)i);
    }
    if (out.count > 0) {
        assert_string_equal(out.place.text, out.sequences[out.count - 1]);
        assert_int_equal(out.behind_ms, 0);
    } else {
        assert_string_equal(out.place.text, text);
    }
    pn_arena_deinit(&arena);
}

static void assert_is_elsewhere(const struct pn_kinesis_window *window, const char *text)
{
    struct pn_kinesis_spot spot;
    assert_false(pn_kinesis_window_find(window, text, &spot));
}

static void test_tables_read_at_their_places(void **state)
{
    (void)state;
    struct pn_kinesis_window window = {.behind_ms = -1};
    pn_kinesis_window_begin(&window, "@1700000000000");
    assert_reads(&window, "@1700000000000", 10, 1, 0);
    assert_null(pn_kinesis_window_last(&window));
    add(&window, 8, 11); /* numbers of other lengths are not compared as texts */
    add(&window, 99, 101);
    assert_string_equal(pn_kinesis_window_last(&window), "101");
    assert_reads(&window, "@1700000000000", 3, 8, 10);
    assert_reads(&window, "10", 1, 11, 11);
    assert_reads(&window, "11", 10, 99, 101);
    assert_reads(&window, "99", 10, 100, 101);
    assert_reads(&window, "101", 10, 1, 0);
    static const char *const elsewhere[] = {"", "7", "12", "98", "102", "@1700000000001"};
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++) {
        assert_is_elsewhere(&window, elsewhere[i]);
    }
    pn_kinesis_window_deinit(&window);
}

/* A read passes from part to part, within its limits; one record always comes. */
static void test_limits_of_a_read(void **state)
{
    (void)state;
    struct pn_kinesis_window window = {.behind_ms = -1};
    pn_kinesis_window_begin(&window, "9");
    add(&window, 10, 12);
    add(&window, 13, 15);
    static const struct {
        size_t bytes;
        size_t count;
    } cases[] = {{0, 1}, {3, 1}, {6, 2}, {11, 3}, {12, 4}, {1000, 6}}; /* a record has 3 bytes */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pn_kinesis_spot spot;
        struct pn_processor_source_records out = {.behind_ms = -1};
        struct pn_arena arena;
        pn_arena_init(&arena, 0);
        assert_true(pn_kinesis_window_find(&window, "9", &spot));
        pn_kinesis_window_read(&window, &spot, 100, cases[i].bytes, &arena, &out);
        assert_int_equal(out.count, cases[i].count);
        assert_int_equal(out.place.until_ms, cases[i].count == 6   ? 15
                                             : cases[i].count >= 3 ? 12
                                                                   : 0);
        pn_arena_deinit(&arena);
    }
    pn_kinesis_window_deinit(&window);
}

/* Only what was read is let go, the oldest first. */
static void test_what_is_let_go(void **state)
{
    (void)state;
    struct pn_kinesis_window window = {.behind_ms = -1};
    pn_kinesis_window_begin(&window, "");
    add(&window, 10, 12);
    add(&window, 13, 15);
    add(&window, 16, 18);
    pn_kinesis_window_trim(&window, 0);
    assert_int_equal(window.bytes, 9 * BYTES);
    assert_int_equal(window.unread_bytes, 9 * BYTES);
    assert_reads(&window, "", 2, 10, 11); /* not yet to the end of a part */
    assert_int_equal(window.unread_bytes, 9 * BYTES);
    assert_reads(&window, "", 6, 10, 15);
    assert_int_equal(window.unread_bytes, 3 * BYTES);
    assert_reads(&window, "", 6, 10, 15); /* another table */
    assert_int_equal(window.unread_bytes, 3 * BYTES);
    pn_kinesis_window_trim(&window, 6 * BYTES);
    assert_int_equal(window.bytes, 6 * BYTES);
    assert_is_elsewhere(&window, "");
    assert_is_elsewhere(&window, "11");
    assert_reads(&window, "12", 100, 13, 18);
    pn_kinesis_window_trim(&window, 0);
    assert_int_equal(window.bytes + window.unread_bytes, 0);
    assert_reads(&window, "18", 100, 1, 0);
    assert_string_equal(pn_kinesis_window_last(&window), "18");
    pn_kinesis_window_begin(&window, "5");
    assert_is_elsewhere(&window, "18");
    assert_string_equal(pn_kinesis_window_last(&window), "5");
    pn_kinesis_window_deinit(&window);
}

/* A read ends before a gap, so that the next one begins with it and says what is lost. */
static void test_a_read_does_not_pass_a_gap(void **state)
{
    (void)state;
    struct pn_kinesis_window window = {.behind_ms = -1};
    struct pn_kinesis_spot spot;
    pn_kinesis_window_begin(&window, "9");
    add(&window, 10, 12);
    window.has_gap = true;
    add(&window, 13, 15);
    assert_false(window.has_gap);
    assert_reads(&window, "9", 100, 10, 12);
    assert_true(pn_kinesis_window_find(&window, "12", &spot));
    assert_true(spot.index == 0 && spot.part->follows_gap);
    assert_reads(&window, "12", 100, 13, 15);
    pn_kinesis_window_deinit(&window);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables_read_at_their_places),
        cmocka_unit_test(test_limits_of_a_read),
        cmocka_unit_test(test_what_is_let_go),
        cmocka_unit_test(test_a_read_does_not_pass_a_gap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
