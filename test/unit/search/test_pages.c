/* Pages of records: each record is on one page, in one order, whichever way the reader goes. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "search/pages.h"

enum { PARTITIONS = 4, RECORDS = 90, LIMIT = 20, ALL_MAX = 1000, GAP = 30000, LARGE = 10000 };

/* Partition 1 is gone. Partition 2 has a wide gap, and records that cannot be read. Of partition 3
 * the times go back and forth. */
static const int64_t begins[PARTITIONS] = {7, 0, 100, 0};

static int64_t offset_of(int32_t partition, int64_t number)
{
    return begins[partition] + number + (partition == 2 && number >= RECORDS / 2 ? GAP : 0);
}

static int64_t time_of(int32_t partition, int64_t number)
{
    return partition == 3 ? 1000 + number * 10 - (number % 3) * 25 : 1000 + number * 10;
}

static int64_t end_of(int32_t partition)
{
    return offset_of(partition, RECORDS - 1) + 1;
}

static int ends(void *arg, int32_t partition, int64_t *begin, int64_t *end, struct pn_err *e)
{
    (void)arg;
    if (partition == 1 || partition >= PARTITIONS) {
        return pn_err_missing(e, "gone");
    }
    *begin = begins[partition];
    *end = end_of(partition);
    return 0;
}

static int read(void *arg, int32_t partition, int64_t offset, size_t max_records, size_t max_bytes,
                struct pn_arena *arena, struct pn_record **records, size_t *count, int64_t *next,
                struct pn_err *e)
{
    (void)arg;
    (void)max_bytes;
    enum { DAMAGED = 20, READABLE = 25, AT_ONCE = 9 };
    int64_t number = 0;
    while (number < RECORDS && offset_of(partition, number) < offset) {
        number++;
    }
    if (partition == 2 && number >= DAMAGED && number < READABLE) {
        *next = offset_of(partition, READABLE);
        return pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL, "damaged");
    }
    *records = pn_arena_calloc(arena, AT_ONCE, sizeof **records);
    for (*count = 0; number < RECORDS && *count < AT_ONCE && *count < max_records; number++) {
        if (partition == 2 && number == DAMAGED) {
            break;
        }
        char *text = pn_arena_printf(arena, "%*s", number == 0 ? LARGE : 3, "v");
        (*records)[(*count)++] = (struct pn_record){.value = {.data = text, .len = strlen(text)},
                                                    .offset = offset_of(partition, number),
                                                    .timestamp_ms = time_of(partition, number),
                                                    .header_count = (size_t)number % 2};
    }
    *next = *count > 0 ? (*records)[*count - 1].offset + 1 : end_of(partition);
    return 0;
}

static int at(void *arg, int32_t partition, int64_t time_ms, int64_t *offset, struct pn_err *e)
{
    (void)arg;
    (void)e;
    for (int64_t number = 0; number < RECORDS; number++) {
        if (time_of(partition, number) >= time_ms) {
            *offset = offset_of(partition, number);
            return 0;
        }
    }
    *offset = end_of(partition);
    return 0;
}

static const struct pn_scan_source source = {
    .partitions = PARTITIONS, .ends = ends, .read = read, .at = at};

/* The places of records, the newest first. */
struct walk {
    struct pn_page_cut items[ALL_MAX];
    size_t count;
    size_t pages;
};

static void note(struct walk *walk, const struct pn_page *page)
{
    for (size_t i = 0; i < page->count; i++) {
        assert_true(walk->count < ALL_MAX);
        walk->items[walk->count++] = (struct pn_page_cut){.partition = page->records[i].partition,
                                                          .offset = page->records[i].record.offset};
    }
    walk->pages++;
}

/* From an end of all partitions to the other. */
static void walk_all(enum pn_page_way way, struct walk *walk, struct pn_arena *arena)
{
    struct pn_page page;
    struct pn_page_cuts cuts;
    bool is_newer = way == PN_PAGE_NEWER;
    *walk = (struct walk){0};
    assert_int_equal(pn_page_ends(&source, -1, is_newer, &cuts, NULL), 0);
    do {
        assert_int_equal(pn_page_read(&source, way, &cuts, LIMIT, arena, &page, NULL), 0);
        assert_int_equal(is_newer ? page.has_older : page.has_newer, walk->pages > 0);
        for (size_t i = 0; is_newer && i < page.count / 2; i++) {
            struct pn_scan_hit hit = page.records[i];
            page.records[i] = page.records[page.count - 1 - i];
            page.records[page.count - 1 - i] = hit;
        }
        note(walk, &page);
        cuts = is_newer ? page.upper : page.lower;
    } while (is_newer ? page.has_newer : page.has_older);
}

/* Every record that can be read once, of each partition in the order of its offsets. */
static void is_whole(const struct walk *walk, bool is_newer)
{
    enum { UNREADABLE = 5, READABLE_PARTITIONS = 3 };
    int64_t last[PARTITIONS] = {-1, -1, -1, -1};
    assert_int_equal(walk->count, READABLE_PARTITIONS * RECORDS - UNREADABLE);
    for (size_t i = 0; i < walk->count; i++) {
        const struct pn_page_cut *one = &walk->items[is_newer ? i : walk->count - 1 - i];
        assert_true(one->offset > last[one->partition]);
        last[one->partition] = one->offset;
    }
}

static void test_each_record_is_on_one_page(void **state)
{
    (void)state;
    struct pn_arena arena;
    struct walk older;
    struct walk newer;
    pn_arena_init(&arena, 0);
    walk_all(PN_PAGE_OLDER, &older, &arena);
    is_whole(&older, false);
    walk_all(PN_PAGE_NEWER, &newer, &arena);
    is_whole(&newer, true);
    pn_arena_deinit(&arena);
}

static void test_the_way_back(void **state)
{
    (void)state;
    struct pn_arena arena;
    struct pn_page_cuts cuts;
    struct pn_page first;
    struct pn_page second;
    struct pn_page again;
    pn_arena_init(&arena, 0);
    assert_int_equal(pn_page_ends(&source, 0, false, &cuts, NULL), 0);
    assert_int_equal(cuts.count, 1);
    assert_int_equal(pn_page_read(&source, PN_PAGE_OLDER, &cuts, LIMIT, &arena, &first, NULL), 0);
    assert_int_equal(
        pn_page_read(&source, PN_PAGE_OLDER, &first.lower, LIMIT, &arena, &second, NULL), 0);
    assert_int_equal(second.count, LIMIT);
    assert_int_equal(second.records[0].record.offset, first.records[LIMIT - 1].record.offset - 1);
    assert_int_equal(
        pn_page_read(&source, PN_PAGE_NEWER, &second.upper, LIMIT, &arena, &again, NULL), 0);
    assert_int_equal(again.count, LIMIT);
    for (size_t i = 0; i < LIMIT; i++) {
        assert_int_equal(again.records[i].record.offset, first.records[i].record.offset);
    }
    assert_false(again.has_newer);
    assert_true(again.has_older);
    pn_arena_deinit(&arena);
}

/* Of equal times, the record of the lower partition comes first. */
static void test_by_time_over_all_partitions(void **state)
{
    (void)state;
    static const int32_t partitions[] = {0, 2, 0, 2};
    struct pn_arena arena;
    struct pn_page_cuts cuts;
    struct pn_page page;
    pn_arena_init(&arena, 0);
    assert_int_equal(pn_page_at(&source, -1, time_of(0, 10), &cuts, NULL), 0);
    assert_int_equal(cuts.count, 3);
    assert_int_equal(pn_page_read(&source, PN_PAGE_OLDER, &cuts, LIMIT, &arena, &page, NULL), 0);
    assert_true(page.has_newer);
    assert_true(page.has_older);
    size_t at_equal = 0;
    for (size_t i = 0; i < page.count && at_equal < 4; i++) {
        const struct pn_scan_hit *hit = &page.records[i];
        assert_true(hit->record.timestamp_ms <= time_of(0, 10));
        if (hit->partition != 3) {
            assert_int_equal(hit->partition, partitions[at_equal++]);
        }
    }
    assert_int_equal(at_equal, 4);
    assert_int_equal(pn_page_at(&source, -1, 1, &cuts, NULL), 0); /* before all records */
    assert_int_equal(pn_page_read(&source, PN_PAGE_OLDER, &cuts, LIMIT, &arena, &page, NULL), 0);
    assert_int_equal(page.count, 0);
    assert_true(page.has_newer);
    assert_false(page.has_older);
    pn_arena_deinit(&arena);
}

static void test_what_is_shown_of_a_record(void **state)
{
    (void)state;
    struct pn_arena arena;
    struct pn_page_cuts cuts;
    struct pn_page page;
    pn_arena_init(&arena, 0);
    assert_int_equal(pn_page_ends(&source, 2, true, &cuts, NULL), 0);
    assert_int_equal(pn_page_read(&source, PN_PAGE_NEWER, &cuts, 40, &arena, &page, NULL), 0);
    const struct pn_scan_hit *oldest = &page.records[page.count - 1];
    assert_int_equal(oldest->value_bytes, LARGE);
    assert_int_equal(oldest->record.value.len, PN_SCAN_SHOWN_BYTES);
    assert_true(oldest->is_cut);
    assert_int_equal(oldest->headers, 0);
    assert_int_equal(page.records[page.count - 2].headers, 1);
    assert_int_equal(page.damaged, 1);
    assert_string_equal(page.damage, "damaged");
    pn_arena_deinit(&arena);
}

/* Cuts of another time: what retention removed, or a topic that was made again. */
static void test_cuts_that_are_not_there(void **state)
{
    (void)state;
    static const struct pn_page_cuts cuts = {
        .items = {{0, 1}, {1, 5}, {3, INT64_MAX}, {PARTITIONS + 9, 4}}, .count = 4};
    struct pn_arena arena;
    struct pn_page page;
    pn_arena_init(&arena, 0);
    assert_int_equal(pn_page_read(&source, PN_PAGE_OLDER, &cuts, LIMIT, &arena, &page, NULL), 0);
    assert_int_equal(page.count, LIMIT);
    assert_int_equal(page.lower.count, 2);
    for (size_t i = 0; i < LIMIT; i++) {
        assert_int_equal(page.records[i].partition, 3);
    }
    pn_arena_deinit(&arena);
}

/* --- too many partitions ---------------------------------------------------------------------- */

static int one_record(void *arg, int32_t partition, int64_t *begin, int64_t *end, struct pn_err *e)
{
    (void)partition;
    (void)e;
    *begin = 0;
    *end = partition < *(int32_t *)arg;
    return 0;
}

static void test_more_partitions_than_a_page_has(void **state)
{
    (void)state;
    int32_t filled = PN_PAGE_PARTITIONS_MAX;
    const struct pn_scan_source many = {.partitions = 1000, .ends = one_record, .arg = &filled};
    struct pn_page_cuts cuts;
    struct pn_err e = {0};
    assert_int_equal(pn_page_ends(&many, -1, false, &cuts, NULL), 0);
    assert_int_equal(cuts.count, PN_PAGE_PARTITIONS_MAX);
    filled++;
    assert_int_not_equal(pn_page_ends(&many, -1, false, &cuts, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
    assert_int_equal(pn_page_ends(&many, 5, false, &cuts, NULL), 0);
    assert_int_equal(cuts.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_record_is_on_one_page),
                                       cmocka_unit_test(test_the_way_back),
                                       cmocka_unit_test(test_by_time_over_all_partitions),
                                       cmocka_unit_test(test_what_is_shown_of_a_record),
                                       cmocka_unit_test(test_cuts_that_are_not_there),
                                       cmocka_unit_test(test_more_partitions_than_a_page_has)};
    return cmocka_run_group_tests_name("search/pages", tests, NULL, NULL);
}
