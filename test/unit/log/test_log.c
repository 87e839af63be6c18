/* What is the same for every log: names of topics, and the partition of a key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "log/lag.h"
#include "log/log.h"

static void test_topic_names_that_kafka_takes(void **state)
{
    (void)state;
    char longest[PN_TOPIC_NAME_MAX];
    memset(longest, 'x', sizeof longest);
    assert_true(pn_topic_name_valid(longest, sizeof longest, NULL));
    const char *good[] = {"a", "A.b_c-9", "...", ".lock", "-", "0"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(pn_topic_name_valid(good[i], strlen(good[i]), NULL));
    }
}

static void test_topic_names_that_are_refused(void **state)
{
    (void)state;
    char too_long[PN_TOPIC_NAME_MAX + 1];
    memset(too_long, 'x', sizeof too_long);
    const struct {
        const char *name;
        size_t len;
    } bad[] = {{"", 0},     {".", 1},        {"..", 2},     {"a/b", 3},
               {"../x", 4}, {"a\0b", 3},     {"tab\tx", 5}, {"sp ace", 6},
               {"~new", 4}, {"\xc3\xa9", 2}, {"a:b", 3},    {too_long, sizeof too_long}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct pn_err e = {0};
        assert_false(pn_topic_name_valid(bad[i].name, bad[i].len, &e));
        assert_int_equal(e.class_, PN_CLASS_INPUT);
        assert_true(strlen(e.msg) > 0);
    }
}

/* The vectors of Kafka's own test of its murmur2 (UtilsTest). */
static void test_partition_of_a_key_is_kafkas(void **state)
{
    (void)state;
    const struct {
        const char *key;
        int32_t murmur2;
    } vectors[] = {{"21", -973932308},
                   {"foobar", -790332482},
                   {"a-little-bit-long-string", -985981536},
                   {"a-little-bit-longer-string", -1486304829},
                   {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
                   {"abc", 479470107}};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        int32_t positive = vectors[i].murmur2 & 0x7fffffff;
        const int32_t counts[] = {1, 2, 3, 7, 1024, INT32_MAX};
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            assert_int_equal(pn_partition_of_key(vectors[i].key, strlen(vectors[i].key), counts[c]),
                             positive % counts[c]);
        }
    }
}

/* What is still to be read exists; what retention took is said by itself. */
static void test_lag_is_of_what_exists(void **state)
{
    (void)state;
    const struct {
        int64_t position;
        int64_t begin;
        int64_t end;
        struct pn_lag lag;
    } cases[] = {
        {0, 0, 0, {.from = 0, .records = 0, .lost = 0}},
        {3, 0, 10, {.from = 3, .records = 7, .lost = 0}},
        {10, 0, 10, {.from = 10, .records = 0, .lost = 0}},
        {3, 3, 10, {.from = 3, .records = 7, .lost = 0}},
        {3, 5, 10, {.from = 5, .records = 5, .lost = 2}},
        {3, 10, 10, {.from = 10, .records = 0, .lost = 7}},
        {-1, 0, 10, {.from = 0, .records = 10, .lost = 0}},
        {-1, 4, 10, {.from = 4, .records = 6, .lost = 0}},
        {12, 0, 10, {.from = 12, .records = 0, .lost = 0}},
        /* A closed shard ends before what its partition begins with. */
        {3, 12, 10, {.from = 12, .records = 0, .lost = 7}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct pn_lag lag = pn_lag(cases[i].position, cases[i].begin, cases[i].end);
        assert_int_equal(lag.from, cases[i].lag.from);
        assert_int_equal(lag.records, cases[i].lag.records);
        assert_int_equal(lag.lost, cases[i].lag.lost);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_topic_names_that_kafka_takes),
        cmocka_unit_test(test_topic_names_that_are_refused),
        cmocka_unit_test(test_partition_of_a_key_is_kafkas),
        cmocka_unit_test(test_lag_is_of_what_exists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
