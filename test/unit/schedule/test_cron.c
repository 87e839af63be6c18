/* When cron lines fire: fields, days, daylight saving both ways, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/time_text.h"
#include "schedule/cron.h"
#include "schedule/schedule.h"

enum { TIMES_MAX = 6 };

struct fires {
    const char *zone;
    const char *line;
    const char *after;
    const char *at[TIMES_MAX]; /* in UTC, ended by NULL */
};

static const struct fires table[] = {
    {"UTC",
     "*/20 8-9 * * *",
     "2026-01-01T09:15Z",
     {"2026-01-01T09:20Z", "2026-01-01T09:40Z", "2026-01-02T08:00Z"}},
    {"UTC", "5 0 * * mon-FRI", "2026-11-27T12:00Z", {"2026-11-30T00:05Z", "2026-12-01T00:05Z"}},
    {"UTC", "0 0 29 2 *", "2026-01-01", {"2028-02-29", "2032-02-29"}},
    {"UTC", "0 0 29 2 *", "2096-02-29", {"2104-02-29"}}, /* 2100 has none */
    {"UTC", "@weekly", "2026-11-28", {"2026-11-29", "2026-12-06"}},
    {"UTC", "@yearly", "2026-11-28", {"2027-01-01"}},
    {"UTC", "0 0 * * 7", "2026-11-28", {"2026-11-29"}},
    {"UTC", "0 0 * * fri-sun", "2026-11-27", {"2026-11-28", "2026-11-29", "2026-12-04"}},
    {"UTC", "50/4 0 1 1 *", "2026-01-01", {"2026-01-01T00:50Z", "2026-01-01T00:54Z"}},
    /* Either day, or both where one begins with a star. */
    {"UTC", "0 0 13 * fri", "2026-11-01", {"2026-11-06", "2026-11-13", "2026-11-20"}},
    {"UTC", "0 0 13 * */5", "2026-11-01", {"2026-11-13", "2026-12-13"}},
    /* Clocks go forward, 2026-03-29 02:00 -> 03:00. */
    {"Europe/Berlin",
     "30 2 * * *",
     "2026-03-28T12:00Z",
     {"2026-03-29T01:00Z", "2026-03-30T00:30Z"}},
    {"Europe/Berlin",
     "0,15,45 2,3 * * *",
     "2026-03-29T00:00Z",
     {"2026-03-29T01:00Z", "2026-03-29T01:15Z", "2026-03-29T01:45Z", "2026-03-30T00:00Z"}},
    {"Europe/Berlin", "*/30 2 * * *", "2026-03-28T12:00Z", {"2026-03-30T00:00Z"}},
    {"Europe/Berlin",
     "30 * * * *",
     "2026-03-29T00:00Z",
     {"2026-03-29T00:30Z", "2026-03-29T01:30Z"}},
    /* Clocks go back, 2026-10-25 03:00 -> 02:00. */
    {"Europe/Berlin",
     "30 2 * * *",
     "2026-10-24T12:00Z",
     {"2026-10-25T00:30Z", "2026-10-26T01:30Z"}},
    {"Europe/Berlin", "30 2 * * *", "2026-10-25T01:10Z", {"2026-10-26T01:30Z"}},
    {"Europe/Berlin",
     "*/30 2 * * *",
     "2026-10-24T12:00Z",
     {"2026-10-25T00:00Z", "2026-10-25T00:30Z", "2026-10-25T01:00Z", "2026-10-25T01:30Z",
      "2026-10-26T01:00Z"}},
    /* Midnight is left out; half an hour of daylight saving; a day is left out. */
    {"America/Sao_Paulo",
     "0 0 * * *",
     "2018-11-03T12:00Z",
     {"2018-11-04T03:00Z", "2018-11-05T02:00Z"}},
    {"Australia/Lord_Howe", "0 2 * * *", "2026-10-03T00:00Z", {"2026-10-03T15:30Z"}},
    {"Pacific/Apia", "0 12 * * *", "2011-12-29T23:00Z", {"2011-12-30T10:00Z", "2011-12-30T22:00Z"}},
    /* By the rule at the end of the zone's file. */
    {"America/New_York", "30 2 * * *", "2150-03-07T12:00Z", {"2150-03-08T07:00Z"}},
};

static int64_t seconds(const char *text)
{
    int64_t ms = 0;
    assert_true(pn_time_parse_ms(text, &ms));
    return ms / 1000;
}

static void test_lines_fire_when_they_should(void **state)
{
    (void)state;
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const struct pn_zone *zone = NULL;
        struct pn_cron cron;
        struct pn_err failure = {0};
        assert_int_equal(pn_zone_load(table[i].zone, pn_io_system(), &arena, &zone, &failure), 0);
        assert_int_equal(pn_cron_parse(table[i].line, &cron, &failure), 0);
        int64_t before_s = seconds(table[i].after);
        for (size_t j = 0; j < TIMES_MAX && table[i].at[j] != NULL; j++) {
            int64_t at_s = pn_cron_next(&cron, zone, before_s);
            if (at_s != seconds(table[i].at[j])) {
                char text[PN_ISO8601_SIZE];
                fail_msg("%s \"%s\" after %s, time %zu: %s and not %s", table[i].zone,
                         table[i].line, table[i].after, j, pn_iso8601(at_s * 1000, text),
                         table[i].at[j]);
            }
            if (j > 0) {
                assert_int_equal(pn_cron_previous(&cron, zone, at_s), before_s);
            }
            before_s = at_s;
        }
    }
    pn_arena_deinit(&arena);
}

static void test_bad_lines_are_refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"", "0 fields"},
        {"* * * *", "4 fields"},
        {"* * * * * *", "6 fields"},
        {"@reboot", "1 fields"},
        {"60 * * * *", "minute \"60\""},
        {"* 24 * * *", "hour \"24\""},
        {"* * 0 * *", "day of month \"0\""},
        {"* * 32 * *", "day of month \"32\""},
        {"* * * 13 *", "month \"13\""},
        {"* * * * 8", "day of week \"8\""},
        {"5-3 * * * *", "minute \"5-3\""},
        {"*/0 * * * *", "minute \"*/0\""},
        {"*/90 * * * *", "minute \"*/90\""},
        {"1, * * * *", "minute \"1,\""},
        {",1 * * * *", "minute"},
        {"1-2-3 * * * *", "minute"},
        {"* * * janu *", "month \"janu\""},
        {"* * * * mond", "day of week"},
        {"* * L * *", "day of month \"L\""},
        {"99999999999999999999 * * * *", "minute"},
        {"0 0 30 2 *", "never fires"},
        {"0 0 31 4,6,9,11 *", "never fires"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct pn_cron cron;
        struct pn_err failure = {0};
        assert_int_not_equal(pn_cron_parse(bad[i][0], &cron, &failure), 0);
        assert_int_equal(failure.class_, PN_CLASS_INPUT);
        if (strstr(failure.msg, bad[i][1]) == NULL) {
            fail_msg("\"%s\": %s", bad[i][0], failure.msg);
        }
    }
}

static void test_zones_are_known_or_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "Europe/Berlim", "../../etc/passwd", "/etc/passwd", "Europe", "Europe/../UTC", "UTC "};
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    const struct pn_zone *zone = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct pn_err failure = {0};
        assert_int_not_equal(pn_zone_load(bad[i], pn_io_system(), &arena, &zone, &failure), 0);
        assert_true(failure.msg[0] != '\0');
    }
    assert_int_equal(pn_zone_load("Asia/Kathmandu", pn_io_system(), &arena, &zone, NULL), 0);
    assert_int_equal(pn_zone_offset(zone, seconds("2026-01-01")), 20700);
    assert_int_equal(pn_zone_load("Europe/Dublin", pn_io_system(), &arena, &zone, NULL), 0);
    assert_int_equal(pn_zone_offset(zone, seconds("2026-01-01")), 0);
    assert_int_equal(pn_zone_offset(zone, seconds("2026-07-01")), 3600);
    assert_int_equal(pn_zone_offset(zone, seconds("2190-07-01")), 3600);
    pn_arena_deinit(&arena);
}

static void test_a_schedule_is_its_lines_within_its_time(void **state)
{
    (void)state;
    static const struct pn_zone utc = {.name = "UTC"};
    struct pn_cron lines[2];
    assert_int_equal(pn_cron_parse("0 8 * * *", &lines[0], NULL), 0);
    assert_int_equal(pn_cron_parse("0 20 * * *", &lines[1], NULL), 0);
    const struct pn_schedule schedule = {
        .lines = lines,
        .line_count = 2,
        .zone = &utc,
        .start_ms = seconds("2026-01-02") * 1000,
        .end_ms = seconds("2026-01-02T20:00Z") * 1000,
    };
    int64_t first_ms = pn_schedule_next(&schedule, seconds("2025-06-01") * 1000);
    assert_int_equal(first_ms, seconds("2026-01-02T08:00Z") * 1000);
    int64_t second_ms = pn_schedule_next(&schedule, first_ms);
    assert_int_equal(second_ms, seconds("2026-01-02T20:00Z") * 1000);
    assert_true(pn_schedule_next(&schedule, second_ms) == PN_CRON_NEVER);
    assert_int_equal(pn_schedule_previous(&schedule, first_ms),
                     seconds("2026-01-01T20:00Z") * 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_fire_when_they_should),
        cmocka_unit_test(test_bad_lines_are_refused),
        cmocka_unit_test(test_zones_are_known_or_refused),
        cmocka_unit_test(test_a_schedule_is_its_lines_within_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
