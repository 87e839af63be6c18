#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/units.h"

static struct pn_err err;

static void test_numbers(void **state)
{
    (void)state;
    int64_t value = 7;
    assert_int_equal(pn_parse_i64("0", &value, &err), 0);
    assert_int_equal(value, 0);
    assert_int_equal(pn_parse_i64("-12", &value, &err), 0);
    assert_int_equal(value, -12);
    assert_int_equal(pn_parse_i64("9223372036854775807", &value, &err), 0);
    assert_true(value == INT64_MAX);
    const char *const wrong[] = {"",  "-",   "+",   " 1",  "1 ",
                                 "a", "0x1", "1.0", "--1", "9223372036854775808"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        value = 7;
        assert_int_not_equal(pn_parse_i64(wrong[i], &value, &err), 0);
        assert_int_equal(err.class_, PN_CLASS_INPUT);
        assert_int_equal(value, 7);
    }
}

static void check_size(const char *text, int64_t expected)
{
    int64_t value = -1;
    assert_int_equal(pn_parse_size(text, &value, &err), 0);
    assert_true(value == expected);
}

static void test_sizes(void **state)
{
    (void)state;
    check_size("0", 0);
    check_size("512", 512);
    check_size("512B", 512);
    check_size("64KiB", 65536);
    check_size("64kib", 65536);
    check_size("1MB", 1000000);
    check_size("1.5GiB", INT64_C(3) << 29);
    check_size("0.5KB", 500);
    check_size("2TiB", INT64_C(2) << 40);
    check_size("9223372036854775807", INT64_MAX);
    const char *const wrong[] = {"",      "B",          "-1",
                                 "1 KiB", "1K",         "1.B",
                                 ".5KB",  "1.5",        "1e3",
                                 "KiB1",  "1KiBx",      "9223372036854775808",
                                 "inf",   "8388608TiB", "1.0000000001GiB"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        int64_t value = 7;
        assert_int_not_equal(pn_parse_size(wrong[i], &value, &err), 0);
        assert_int_equal(value, 7);
    }
}

static void check_duration(const char *text, int64_t expected_ms)
{
    int64_t value = -1;
    assert_int_equal(pn_parse_duration(text, &value, &err), 0);
    assert_true(value == expected_ms);
}

static void test_durations(void **state)
{
    (void)state;
    check_duration("0", 0);
    check_duration("0s", 0);
    check_duration("100ms", 100);
    check_duration("10s", 10000);
    check_duration("1.5s", 1500);
    check_duration("5m", 300000);
    check_duration("24h", 86400000);
    check_duration("7d", 604800000);
    const char *const wrong[] = {"", "10", "s", "-1s", "1 s", "1w", "1s1ms", "106751991168d"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        int64_t value = 7;
        assert_int_not_equal(pn_parse_duration(wrong[i], &value, &err), 0);
        assert_int_equal(value, 7);
    }
}

static void test_what_is_written_reads_back(void **state)
{
    (void)state;
    const struct {
        int64_t value;
        const char *size;
        const char *duration;
    } cases[] = {
        {0, "0", "0"},
        {1, "1", "1ms"},
        {1000, "1KB", "1s"},
        {1024, "1KiB", "1024ms"},
        {90000, "90KB", "90s"},
        {86400000, "84375KiB", "1d"},
        {65536, "64KiB", "65536ms"},
        {INT64_MAX, "9223372036854775807", "9223372036854775807ms"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[PN_UNITS_SIZE];
        assert_string_equal(pn_format_size(cases[i].value, text), cases[i].size);
        check_size(text, cases[i].value);
        assert_string_equal(pn_format_duration(cases[i].value, text), cases[i].duration);
        check_duration(text, cases[i].value);
    }
}

static void test_nearest(void **state)
{
    (void)state;
    const char *const words[] = {"serve", "settings", "query", "dag", "table"};
    assert_string_equal(pn_nearest("serv", words, 5), "serve");
    assert_string_equal(pn_nearest("sevre", words, 5), "serve");
    assert_string_equal(pn_nearest("SETTING", words, 5), "settings");
    assert_string_equal(pn_nearest("dags", words, 5), "dag");
    assert_string_equal(pn_nearest("da", words, 5), "dag");
    assert_null(pn_nearest("frobnicate", words, 5));
    assert_null(pn_nearest("", words, 5));
    assert_null(pn_nearest("x", words, 0));
    char large[200];
    memset(large, 's', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    assert_null(pn_nearest(large, words, 5));
    const char *const long_words[] = {large};
    assert_null(pn_nearest("s", long_words, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),   cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_durations), cmocka_unit_test(test_what_is_written_reads_back),
        cmocka_unit_test(test_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
