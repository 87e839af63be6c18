/* The time that ages are counted by: it follows the wall clock, but not where it jumps ahead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "log/embedded/age_clock.h"

enum { MINUTE_MS = 60 * 1000, HOUR_MS = 60 * MINUTE_MS };
static const int64_t START_MS = 1700000000000;
static const int64_t YEAR_MS = (int64_t)365 * 24 * HOUR_MS;

static struct pn_fake_clock fake;
static struct pn_age_clock age;

static int set_up(void **state)
{
    (void)state;
    pn_fake_clock_init(&fake, START_MS);
    pn_age_clock_init(&age, &fake.clock, NULL, START_MS);
    return 0;
}

static void assert_now(int64_t expected_ms)
{
    assert_true(pn_age_clock_now_ms(&age) == expected_ms);
}

static void test_it_follows_the_clock(void **state)
{
    (void)state;
    for (int i = 1; i <= 100; i++) {
        pn_fake_clock_advance(&fake, HOUR_MS);
        assert_now(START_MS + (int64_t)i * HOUR_MS);
    }
    fake.wall_ms += PN_AGE_SLACK_MS; /* adjusted */
    assert_now(fake.wall_ms);
    fake.wall_ms -= YEAR_MS; /* set back */
    assert_now(fake.wall_ms);
}

static void test_a_jump_is_not_followed_at_once(void **state)
{
    (void)state;
    fake.wall_ms += YEAR_MS;
    assert_now(START_MS);
    pn_fake_clock_advance(&fake, PN_AGE_HOLD_MS - 1);
    assert_now(START_MS + PN_AGE_HOLD_MS - 1);
    pn_fake_clock_advance(&fake, 1);
    assert_now(START_MS + YEAR_MS + PN_AGE_HOLD_MS);
}

static void test_a_jump_that_is_taken_back_had_no_effect(void **state)
{
    (void)state;
    fake.wall_ms += YEAR_MS;
    assert_now(START_MS);
    pn_fake_clock_advance(&fake, HOUR_MS);
    fake.wall_ms -= YEAR_MS;
    assert_now(START_MS + HOUR_MS);
    /* The next one is held for as long again. */
    fake.wall_ms += YEAR_MS;
    assert_now(START_MS + HOUR_MS);
    pn_fake_clock_advance(&fake, PN_AGE_HOLD_MS - 1);
    assert_now(START_MS + HOUR_MS + PN_AGE_HOLD_MS - 1);
}

static void test_the_first_look_counts_from_the_newest_record(void **state)
{
    (void)state;
    pn_age_clock_init(&age, &fake.clock, NULL, START_MS - YEAR_MS);
    assert_now(START_MS - YEAR_MS);
    pn_fake_clock_advance(&fake, PN_AGE_HOLD_MS);
    assert_now(START_MS + PN_AGE_HOLD_MS);
    /* A record from the future, or none: the clock is what there is. */
    pn_age_clock_init(&age, &fake.clock, NULL, INT64_MAX);
    assert_now(START_MS + PN_AGE_HOLD_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_it_follows_the_clock, set_up),
        cmocka_unit_test_setup(test_a_jump_is_not_followed_at_once, set_up),
        cmocka_unit_test_setup(test_a_jump_that_is_taken_back_had_no_effect, set_up),
        cmocka_unit_test_setup(test_the_first_look_counts_from_the_newest_record, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
