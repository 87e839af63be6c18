#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/time_text.h"

static void test_formats(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1, "1970-01-01T00:00:00.001Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {-1000, "1969-12-31T23:59:59.000Z"},
        {1795448683123, "2026-11-23T15:44:43.123Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
        {-62135596800000, "0001-01-01T00:00:00.000Z"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[PN_ISO8601_SIZE];
        int64_t back = 42;
        assert_string_equal(pn_iso8601(cases[i].ms, text), cases[i].text);
        assert_true(pn_time_parse_ms(text, &back));
        assert_int_equal(back, cases[i].ms);
    }
    /* Any number a client sends can be printed. */
    char text[PN_ISO8601_SIZE];
    assert_string_equal(pn_iso8601(INT64_MAX, text), "292278994-08-17T07:12:55.807Z");
    assert_string_equal(pn_iso8601(INT64_MIN, text), "-292275055-05-16T16:47:04.192Z");
}

static void test_fake_clock_stands_still(void **state)
{
    (void)state;
    struct pn_fake_clock fake;
    pn_fake_clock_init(&fake, 1000);
    assert_int_equal(pn_wall_ms(&fake.clock), 1000);
    int64_t start = pn_mono_ns(&fake.clock);
    pn_fake_clock_advance(&fake, 250);
    assert_int_equal(pn_wall_ms(&fake.clock), 1250);
    assert_int_equal(pn_mono_ns(&fake.clock) - start, 250 * 1000000);
    assert_int_equal(pn_mono_ms(&fake.clock), pn_mono_ns(&fake.clock) / 1000000);
}

static void test_system_clock_does_not_go_back(void **state)
{
    (void)state;
    const struct pn_clock *clock = pn_clock_system();
    assert_true(pn_wall_ms(clock) > 1700000000000);
    int64_t before = pn_mono_ns(clock);
    assert_true(pn_mono_ns(clock) >= before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_fake_clock_stands_still),
        cmocka_unit_test(test_system_clock_does_not_go_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
