/* Rates: the mean of ten seconds, and what is not known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "api/rates.h"

static void test_the_mean_of_ten_seconds(void **state)
{
    (void)state;
    struct pn_rates *rates = pn_rates_create();
    assert_float_equal(pn_rates_of(rates, "a", 5, 1000), -1, 0);
    pn_rates_note(rates, "a", 0, 1000);
    assert_float_equal(pn_rates_of(rates, "a", 0, 1000), -1, 0); /* a moment has no length */
    for (int64_t second = 1; second <= 32; second++) {
        pn_rates_note(rates, "a", second <= 20 ? second * 7 : 140, 1000 + second * 1000);
    }
    assert_float_equal(pn_rates_of(rates, "a", 140, 33000), 0, 0);
    assert_float_equal(pn_rates_of(rates, "b", 140, 33000), -1, 0);
    for (int64_t second = 33; second <= 52; second++) {
        pn_rates_note(rates, "a", 140 + (second - 32) * 3, 1000 + second * 1000);
    }
    assert_float_equal(pn_rates_of(rates, "a", 200, 53000), 3, 0.001);
    assert_float_equal(pn_rates_of(rates, "a", 200, 90000), -1, 0); /* nobody looked for long */
    pn_rates_destroy(&rates);
}

/* What is asked for often is not sampled more often than the window has room for. */
static void test_many_looks_a_second(void **state)
{
    (void)state;
    struct pn_rates *rates = pn_rates_create();
    for (int64_t ms = 0; ms <= 9000; ms += 50) {
        pn_rates_note(rates, "a", ms / 10, ms);
    }
    assert_float_equal(pn_rates_of(rates, "a", 900, 9000), 100, 0.001);
    pn_rates_note(rates, "a", 3, 9050); /* a topic that was made again */
    pn_rates_note(rates, "a", 13, 10050);
    assert_float_equal(pn_rates_of(rates, "a", 13, 10050), 10, 0.001);
    pn_rates_destroy(&rates);
}

static void test_the_number_of_counters_is_bounded(void **state)
{
    (void)state;
    struct pn_rates *rates = pn_rates_create();
    for (int i = 0; i <= PN_RATES_NAMES_MAX; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%d", i);
        pn_rates_note(rates, name, 0, 0);
    }
    char last[16];
    (void)snprintf(last, sizeof last, "%d", PN_RATES_NAMES_MAX);
    assert_float_equal(pn_rates_of(rates, "1", 1, 1000), 1, 0.001);
    assert_float_equal(pn_rates_of(rates, last, 1, 1000), -1, 0);
    pn_rates_destroy(&rates);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_mean_of_ten_seconds),
        cmocka_unit_test(test_many_looks_a_second),
        cmocka_unit_test(test_the_number_of_counters_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
