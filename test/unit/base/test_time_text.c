#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/time_text.h"

static const int64_t DAY_US = INT64_C(86400000000);
/* 2026-11-23T15:44:43Z */
static const int64_t SOME_US = INT64_C(1795448683000000);
static const int64_t SOME_MIDNIGHT_US = INT64_C(1795392000000000);

static void test_times(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t us; /* after 2026-11-23T15:44:43Z */
    } cases[] = {
        {"2026-11-23T15:44:43.123Z", 123000},
        {"2026-11-23T15:44:43Z", 0},
        {"2026-11-23T15:44:43", 0},
        {"2026-11-23 15:44:43", 0},
        {"2026-11-23t15:44:43z", 0},
        {"2026-11-23 15:44:43.5", 500000},
        {"2026-11-23 15:44:43,5", 500000},
        {"2026-11-23 15:44:43.1239999", 123999},
        {"2026-11-23T15:44:43.123456789Z", 123456},
        {"2026-11-23T17:44:43.123+02:00", 123000},
        {"2026-11-23T10:14:43.123-0530", 123000},
        {"2026-11-23T17:44:43+02", 0},
        {"2026-11-23T15:44:43-00:00", 0},
        /* What Java's and Python's own texts have, seconds left out where they are 0. */
        {"2026-11-23T15:44", -43000000},
        {"2026-11-23 15:44", -43000000},
        {"2026-11-23T15:44Z", -43000000},
        {"2026-11-23T16:44+01:00", -43000000},
        {"2026-11-23T16:44:43+01:00[Europe/Paris]", 0},
        {"2026-11-23T15:44:43Z[UTC]", 0},
        {"2026-11-23T15:44:43Z[Etc/GMT+1][u-ca=iso8601]", 0},
        {"2026-11-23 15:44:43.123456+00:00", 123456},
        /* ISO 8601's basic form. */
        {"20261123T154443Z", 0},
        {"20261123T154443", 0},
        {"20261123T1544Z", -43000000},
        {"20261123T154443.25Z", 250000},
        {"20261123T174443+0200", 0},
        {"20261123T174443+02", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t us = 0;
        if (!pn_time_parse(cases[i].text, strlen(cases[i].text), &us) ||
            us != SOME_US + cases[i].us) {
            fail_msg("\"%s\" is %lld", cases[i].text, (long long)us);
        }
    }
}

static void test_a_day_is_its_midnight(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t us;
    } cases[] = {
        {"2026-11-23", 0},       {"20261123", 0},
        {"2026-11-23T00:00", 0}, {"20261123T0000Z", 0},
        {"2026-11-22T24:00", 0}, {"2026-11-22T24:00:00.000Z", 0},
        {"20261122T240000", 0},  {"2026-11-22T24:00+01:00", -3600000000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t us = 0;
        if (!pn_time_parse(cases[i].text, strlen(cases[i].text), &us) ||
            us != SOME_MIDNIGHT_US + cases[i].us) {
            fail_msg("\"%s\" is %lld", cases[i].text, (long long)us);
        }
    }
}

static void test_limits(void **state)
{
    (void)state;
    static const char first[] = "0001-01-01";
    static const char last[] = "9999-12-31T23:59:59.999999Z";
    int64_t us = 0;
    assert_true(pn_time_parse(first, strlen(first), &us));
    assert_int_equal(us, INT64_C(-62135596800000000));
    assert_true(pn_time_parse(last, strlen(last), &us));
    assert_int_equal(us, INT64_C(253402300799999999));
    assert_true(pn_time_parse("1970-01-01", 10, &us));
    assert_int_equal(us, 0);
    int64_t ms = 0;
    assert_true(pn_time_parse_ms("1969-12-31T23:59:59.9999Z", &ms));
    assert_int_equal(ms, -1);
    assert_true(pn_time_parse_ms("1969-12-31T23:59:59Z", &ms));
    assert_int_equal(ms, -1000);
    /* Only the bytes of the text count. */
    assert_true(pn_time_parse("2026-11-23T15:44:43Zgarbage", 20, &us));
    assert_false(pn_time_parse("2026-11-23T15:44\0:43", 20, &us));
}

static void test_refuses(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "now",
        "yesterday!",
        "2026",
        "2026-11",
        "2026-11-2",
        "2026-1-23",
        "202611",
        "2026-11-23T",
        "2026-11-23Z",
        "2026-11-23T15",
        "2026-11-23T15:4",
        "2026-11-23T15:44:",
        "2026-11-23T15:44:43.",
        "2026-11-23T15:44.5",
        "2026-11-23T15:44:43.123Zx",
        "2026-11-23T15:44:43 +02:00",
        "2026-11-23T15:44:43+2",
        "2026-11-23T15:44:43+02:",
        "2026-11-23T15:44:43+020",
        "2026-11-23T15:44:43+24:00",
        "2026-11-23T15:44:43+02:60",
        "2026-11-23T15:44:43[Europe/Paris]",
        "2026-11-23T15:44:43Z[",
        "2026-11-23T15:44:43Z[]",
        "2026-11-23T15:44:43Z[a[b]",
        "2026-11-23X15:44:43",
        "2026-11-23T154443",
        "20261123T15:44:43",
        "20261123 154443",
        "2026-1123",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2025-02-29",
        "1900-02-29",
        "2026-04-31T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-01T24:00:01Z",
        "2026-01-01T24:01Z",
        "2026-01-01T25:00Z",
        "2026-01-01T00:60:00Z",
        "2016-12-31T23:59:60Z",
        " 2026-01-01T00:00:00Z",
        "2026-01-01 ",
        "-026-01-01T00:00:00Z",
        "+2026-01-01",
        "12026-01-01",
        "0000-01-01",
        "0001-01-01T00:00+00:01",
        "9999-12-31T24:00",
        "9999-12-31T23:59:59-00:01",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        int64_t us = 42;
        if (pn_time_parse(texts[i], strlen(texts[i]), &us)) {
            fail_msg("\"%s\" was taken for a time", texts[i]);
        }
        assert_int_equal(us, 42);
    }
}

static void test_days(void **state)
{
    (void)state;
    static const char *const good[] = {
        "2026-11-23",
        "20261123",
        "2026-11-23T00:00",
        "2026-11-23T00:00:00.000Z",
        "2026-11-23T00:00:00+02:00",
        "20261123T000000Z",
    };
    static const char *const bad[] = {
        "",
        "2026-11-23T00:00:01",
        "2026-11-23T00:00:00.000001",
        "2026-11-23T24:00",
        "0000-01-01",
        "2026-02-29",
        "2026-11-23 ",
    };
    int32_t days = 0;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        days = 0;
        if (!pn_day_parse(good[i], strlen(good[i]), &days) || days != SOME_MIDNIGHT_US / DAY_US) {
            fail_msg("\"%s\" is day %d", good[i], (int)days);
        }
    }
    days = 42;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (pn_day_parse(bad[i], strlen(bad[i]), &days)) {
            fail_msg("\"%s\" was taken for a day", bad[i]);
        }
        assert_int_equal(days, 42);
    }
}

/* Every day that there is, beside the C library's. */
static void test_iso_in_full(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t us; /* after 2020-01-31 UTC */
    } cases[] = {
        {"2020-031", 0},
        {"2020031T0712", INT64_C(25920000000)},
        {"2020-W05-5", 0},
        {"2020w055t07", INT64_C(25200000000)},
        {"2020-01-31T07.5Z", INT64_C(27000000000)},
        {"20200131T0730,25+01", INT64_C(23415000000)},
        {"2020-01-31T07:12:45.5", INT64_C(25965500000)},
        {"2020-01-30T23:59:60", 0},
        {"2020-01-30T23:59:60.5Z", 500000},
        {"2020-01-30T24", 0},
        {"2020-01-31T00:00:00.0000019", 1},
        {"2020-01-31T00.000000000277777777777", 0},
    };
    static const char *const refused[] = {
        "2019-366",        "2020-367",
        "2020-000",        "2019-W53-1",
        "2020-W54-1",      "2020-W00-1",
        "2020-W05-8",      "2020-W05-0",
        "2020-W05",        "9999-W52-6",
        "2020-01",         "2020",
        "2020-1-31",       "2020-W051",
        "2020W05-1",       "2020-01-31T24.1",
        "2020-01-31T24:1", "2020-01-31T23:58:60",
        "2020-01-31T7",    "2020-01-31T07.",
        "0000-W01-1",      "",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static const int64_t start_us = INT64_C(1580428800000000);
        int64_t us = 0;
        int32_t day = 0;
        size_t len = strlen(cases[i].text);
        if (!pn_time_parse_full(cases[i].text, len, &us) || us != start_us + cases[i].us ||
            !pn_day_parse_full(cases[i].text, len, &day) || day != 18292) {
            fail_msg("\"%s\" is %lld, day %d", cases[i].text, (long long)us, day);
        }
    }
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        int64_t us = 0;
        int32_t day = 0;
        size_t len = strlen(refused[i]);
        if (pn_time_parse_full(refused[i], len, &us) || pn_day_parse_full(refused[i], len, &day)) {
            fail_msg("\"%s\" is taken", refused[i]);
        }
    }
    int32_t day = 0;
    assert_true(pn_day_parse_full("2020-01-31T12:00-11:00", 22, &day));
    assert_int_equal(day, 18292); /* as it is written */
    assert_false(pn_day_parse_full("9999-12-31T24:00", 16, &day));
}

static void test_all_days(void **state)
{
    (void)state;
    int32_t expected = -719162;
    for (int year = 1; year <= 9999; year++) {
        for (int month = 1; month <= 12; month++) {
            for (int day = 1; day <= 31; day++) {
                struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
                char text[16];
                int32_t days = 0;
                (void)strftime(text, sizeof text, "%m-%d", &tm);
                char full[16] = {(char)('0' + year / 1000), (char)('0' + year / 100 % 10),
                                 (char)('0' + year / 10 % 10), (char)('0' + year % 10), '-'};
                memcpy(full + 5, text, 5);
                bool taken = pn_day_parse(full, 10, &days);
                if (timegm(&tm) / 86400 != expected || tm.tm_mon != month - 1) {
                    assert_false(taken);
                } else {
                    assert_true(taken);
                    assert_int_equal(days, expected++);
                }
            }
        }
    }
    assert_int_equal(expected, 2932897);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times),       cmocka_unit_test(test_a_day_is_its_midnight),
        cmocka_unit_test(test_limits),      cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_days),        cmocka_unit_test(test_all_days),
        cmocka_unit_test(test_iso_in_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
