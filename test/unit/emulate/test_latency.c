#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "emulate/latency.h"

static void assert_near(double found, double wanted)
{
    if (found < wanted * 0.97 || found > wanted * 1.03) {
        fail_msg("%f is not near %f", found, wanted);
    }
}

static void test_nothing(void **state)
{
    (void)state;
    static const struct pn_latency latency;
    assert_true(pn_latency_quantile_ms(&latency, 0.5) == 0);
}

static void test_quantiles(void **state)
{
    (void)state;
    static struct pn_latency latency;
    for (int64_t i = 1; i <= 1000; i++) {
        pn_latency_add(&latency, i * 1000000);
    }
    assert_near(pn_latency_quantile_ms(&latency, 0.5), 500);
    assert_near(pn_latency_quantile_ms(&latency, 0.99), 990);
    assert_near(pn_latency_quantile_ms(&latency, 1), 1000);
}

static void test_extremes(void **state)
{
    (void)state;
    static struct pn_latency latency;
    pn_latency_add(&latency, -5); /* a clock that went back */
    pn_latency_add(&latency, 0);
    pn_latency_add(&latency, INT64_MAX);
    assert_true(pn_latency_quantile_ms(&latency, 0.5) == 0);
    assert_near(pn_latency_quantile_ms(&latency, 1), (double)INT64_MAX / 1e6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
