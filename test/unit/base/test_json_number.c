/* Numbers as decimals and as floats, by their digits. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

static struct pn_json_parser *parser;

static const struct pn_json *parsed(const char *text)
{
    struct pn_json *root = NULL;
    struct pn_err e;
    assert_int_equal(pn_json_parse(parser, text, strlen(text), strlen(text), &root, &e), 0);
    return root;
}

static int set_up(void **state)
{
    (void)state;
    parser = pn_json_parser_create();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pn_json_parser_destroy(&parser);
    return 0;
}

static void test_floats_are_not_those_of_doubles(void **state)
{
    (void)state;
    /* As doubles, both are halfway between two floats. */
    assert_true(pn_json_float(parsed("1.00000005960464477540")) > 1);
    assert_true(pn_json_float(parsed("1.00000005960464477539")) == 1);
    assert_true(isinf(pn_json_float(parsed("340282356779733661637539395458142568448"))));
    assert_true(pn_json_float(parsed("340282356779733661637539395458142568447")) == FLT_MAX);
    assert_true(isinf(pn_json_float(parsed("-1e400"))));
    assert_true(pn_json_float(parsed("-1e-60")) == 0);
    assert_true(signbit(pn_json_float(parsed("-1e-60"))) != 0);
}

static void test_decimals(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int precision;
        int scale;
        enum pn_json_fit fit;
        int64_t units; /* of those that fit: in 10^6 of them, and the rest */
        int64_t rest;
    } cases[] = {
        {"0", 1, 0, PN_JSON_FITS, 0, 0},
        {"-0.000", 1, 1, PN_JSON_FITS, 0, 0},
        {"0e99999999999999999999", 1, 0, PN_JSON_FITS, 0, 0},
        {"12.5", 10, 2, PN_JSON_FITS, 0, 1250},
        {"-12.50000", 10, 2, PN_JSON_FITS, 0, -1250},
        {"12.505", 10, 2, PN_JSON_TOO_FINE, 0, 0},
        {"12505e-3", 10, 3, PN_JSON_FITS, 0, 12505},
        {"0.0125e3", 4, 2, PN_JSON_FITS, 0, 1250},
        {"99.99", 4, 2, PN_JSON_FITS, 0, 9999},
        {"-99.99", 4, 2, PN_JSON_FITS, 0, -9999},
        {"100", 4, 2, PN_JSON_TOO_LARGE, 0, 0},
        {"99.995", 4, 2, PN_JSON_TOO_FINE, 0, 0},
        {"0.01", 2, 2, PN_JSON_FITS, 0, 1},
        {"1", 2, 2, PN_JSON_TOO_LARGE, 0, 0},
        {"1e400", 38, 0, PN_JSON_TOO_LARGE, 0, 0},
        {"1e-400", 38, 38, PN_JSON_TOO_FINE, 0, 0},
        {"1e99999999999999999999", 38, 38, PN_JSON_TOO_LARGE, 0, 0},
        {"1e-99999999999999999999", 38, 38, PN_JSON_TOO_FINE, 0, 0},
        {"9223372036854775807123456", 38, 0, PN_JSON_FITS, INT64_MAX, 123456},
        {"-9223372036854775.807123456", 25, 9, PN_JSON_FITS, -INT64_MAX, -123456},
    };
    enum { MILLION = 1000000 };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pn_int128 units = 0;
        assert_int_equal(
            pn_json_decimal(parsed(cases[i].text), cases[i].precision, cases[i].scale, &units),
            cases[i].fit);
        if (units != (pn_int128)cases[i].units * MILLION + cases[i].rest) {
            fail_msg("%s: %lld millions and %lld", cases[i].text, (long long)(units / MILLION),
                     (long long)(units % MILLION));
        }
    }
    pn_int128 largest = 0;
    assert_int_equal(
        pn_json_decimal(parsed("99999999999999999999999999999999999999"), 38, 0, &largest),
        PN_JSON_FITS);
    pn_int128 more = largest + 1;
    for (int digits = 0; digits < 38; digits++) {
        assert_true(more % 10 == 0);
        more /= 10;
    }
    assert_true(more == 1);
    assert_int_equal(
        pn_json_decimal(parsed("100000000000000000000000000000000000000"), 38, 0, &largest),
        PN_JSON_TOO_LARGE);
}

static void test_units_drop_what_is_finer(void **state)
{
    static const struct {
        const char *text;
        int scale;
        int64_t units;
    } cases[] = {
        {"1.5", 0, 1},
        {"-1.5", 0, -1},
        {"1600000000.1234567", 6, 1600000000123456},
        {"1e-400", 6, 0},
        {"0.0000009", 6, 0},
        {"12e3", 3, 12000000},
        {"9223372036854775807", 0, INT64_MAX},
        {"-9223372036854775808", 0, INT64_MIN},
        {"0e99999999999999", 6, 0},
        {"123456e-3", 0, 123},
        {"0.1e1", 6, 1000000},
    };
    static const char *const large[] = {"9223372036854775808", "1e19", "1e400",
                                        "99999999999999999999.5"};
    int64_t units = 0;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(pn_json_units(parsed(cases[i].text), cases[i].scale, &units));
        assert_int_equal(units, cases[i].units);
    }
    for (size_t i = 0; i < sizeof large / sizeof large[0]; i++) {
        assert_false(pn_json_units(parsed(large[i]), 0, &units));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_floats_are_not_those_of_doubles),
        cmocka_unit_test(test_decimals),
        cmocka_unit_test(test_units_drop_what_is_finer),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
