/* A search finds each record once, whatever it is interrupted by, and looks at each once. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "search/scan.h"

enum { PARTITIONS = 3, RECORDS = 1234, BEGIN = 7, DAMAGED = 600 };

/* Partition 1 is not there any more; in partition 2 some records cannot be read. */
static int ends(void *arg, int32_t partition, int64_t *begin, int64_t *end, struct pn_err *e)
{
    (void)arg;
    if (partition == 1) {
        return pn_err_missing(e, "gone");
    }
    *begin = BEGIN;
    *end = BEGIN + RECORDS;
    return 0;
}

static int read(void *arg, int32_t partition, int64_t offset, size_t max_records, size_t max_bytes,
                struct pn_arena *arena, struct pn_record **records, size_t *count, int64_t *next,
                struct pn_err *e)
{
    (void)arg;
    (void)max_bytes;
    if (partition == 2 && offset == DAMAGED) {
        *next = offset + 10;
        return pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL, "damaged");
    }
    size_t read = max_records < 100 ? max_records : 100; /* fewer than what was asked for */
    if (partition == 2 && offset < DAMAGED && offset + (int64_t)read > DAMAGED) {
        read = (size_t)(DAMAGED - offset);
    }
    *records = pn_arena_calloc(arena, read, sizeof **records);
    for (size_t i = 0; i < read; i++) {
        char *text = pn_arena_printf(arena, "{\"n\":%" PRId64 "}", offset + (int64_t)i);
        (*records)[i] = (struct pn_record){.value = {.data = text, .len = strlen(text)},
                                           .offset = offset + (int64_t)i,
                                           .timestamp_ms = offset};
    }
    *count = read;
    *next = offset + (int64_t)read;
    return 0;
}

static const struct pn_scan_source source = {.partitions = PARTITIONS, .ends = ends, .read = read};

/* Scans to the end by calls with these limits; checks that hits come once, the newest first. */
static size_t scan_all(const char *text, const struct pn_scan_limits *limits, size_t *calls)
{
    struct pn_scan_place place = {.below = -1};
    struct pn_scan_result result = {0};
    struct pn_arena arena;
    struct pn_search *search = NULL;
    struct pn_fake_clock clock;
    int64_t looked_at = 0;
    int64_t damaged = 0;
    size_t hits = 0;
    int64_t last = INT64_MAX;
    int32_t last_partition = 0;
    pn_fake_clock_init(&clock, 0);
    pn_arena_init(&arena, 0);
    assert_int_equal(pn_search_parse(text, strlen(text), &arena, &search, NULL), 0);
    for (*calls = 0; !result.is_done; (*calls)++) {
        assert_int_equal(
            pn_scan(search, &source, limits, &clock.clock, &place, &arena, &result, NULL), 0);
        for (size_t i = 0; i < result.count; i++) {
            const struct pn_scan_hit *hit = &result.hits[i];
            last = hit->partition != last_partition ? INT64_MAX : last;
            assert_true(hit->record.offset < last);
            last = hit->record.offset;
            last_partition = hit->partition;
        }
        hits += result.count;
        looked_at += result.records;
        damaged += result.damaged;
        assert_int_equal(result.is_done, result.records_left == 0);
    }
    assert_int_equal(looked_at, 2 * RECORDS - 10);
    assert_int_equal(damaged, 1);
    pn_arena_deinit(&arena);
    return hits;
}

static void test_each_record_once(void **state)
{
    const struct pn_scan_limits all = {
        .ms_max = 1000, .bytes_max = INT64_MAX, .hits_max = SIZE_MAX};
    const struct pn_scan_limits few_hits = {.ms_max = 1000, .bytes_max = INT64_MAX, .hits_max = 1};
    const struct pn_scan_limits few_bytes = {.ms_max = 1000, .bytes_max = 1, .hits_max = SIZE_MAX};
    size_t calls = 0;
    (void)state;
    assert_int_equal(scan_all("", &all, &calls), 2 * RECORDS - 10);
    assert_int_equal(calls, 1);
    assert_int_equal(scan_all("n=7", &few_hits, &calls), 2);
    assert_int_equal(scan_all("n>=1000", &few_hits, &calls), 2 * (BEGIN + RECORDS - 1000));
    assert_true(calls > 2);
    assert_int_equal(scan_all("partition=2 n<17", &few_bytes, &calls), 10);
    assert_true(calls >= 6);
}

static void test_a_place_past_the_end(void **state)
{
    (void)state;
    struct pn_scan_place place = {.partition = PARTITIONS, .below = -1};
    struct pn_scan_result result = {0};
    struct pn_arena arena;
    struct pn_search *search = NULL;
    struct pn_fake_clock clock;
    const struct pn_scan_limits limits = {.ms_max = 1, .bytes_max = 1, .hits_max = 1};
    pn_fake_clock_init(&clock, 0);
    pn_arena_init(&arena, 0);
    assert_int_equal(pn_search_parse("", 0, &arena, &search, NULL), 0);
    assert_int_equal(pn_scan(search, &source, &limits, &clock.clock, &place, &arena, &result, NULL),
                     0);
    assert_true(result.is_done); /* past the last partition, as after topics lost some */
    assert_int_equal(result.count, 0);
    pn_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_record_once),
                                       cmocka_unit_test(test_a_place_past_the_end)};
    return cmocka_run_group_tests_name("search/scan", tests, NULL, NULL);
}
