#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/random.h"

static void test_strings_are_escaped_where_json_asks(void **state)
{
    (void)state;
    struct pn_buf out;
    pn_buf_init(&out, 1000);
    static const char text[] = "a\"b\\c/d\b\f\n\r\t\x01\x1f\x7f\xC3\xA9\0z";
    pn_json_write_string(&out, text, sizeof text - 1);
    assert_string_equal(pn_buf_text(&out),
                        "\"a\\\"b\\\\c/d\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\xC3\xA9\\u0000z\"");
    pn_buf_reset(&out);
    pn_json_write_string(&out, NULL, 0);
    pn_json_write_cstr(&out, "x");
    pn_json_write_cstr(&out, NULL);
    assert_string_equal(pn_buf_text(&out), "\"\"\"x\"null");
    pn_buf_deinit(&out);
}

static void test_doubles_are_shortest_and_come_back(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-0.0, "-0"},
        {1, "1"},
        {0.1, "0.1"},
        {-2.5, "-2.5"},
        {1e22, "1e+22"},
        {5e-324, "5e-324"},
        {0.1 + 0.2, "0.30000000000000004"},
        {NAN, "null"},
        {INFINITY, "null"},
        {-INFINITY, "null"},
    };
    struct pn_buf out;
    pn_buf_init(&out, 1000);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pn_buf_reset(&out);
        pn_json_write_double(&out, cases[i].value);
        assert_string_equal(pn_buf_text(&out), cases[i].text);
    }
    struct pn_random random;
    pn_random_init(&random, 1);
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = pn_random_u64(&random);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (isfinite(value)) {
            pn_buf_reset(&out);
            pn_json_write_double(&out, value);
            double back = strtod(pn_buf_text(&out), NULL);
            assert_memory_equal(&back, &value, sizeof value);
        }
    }
    pn_buf_deinit(&out);
}

static void test_a_full_buffer_fails_once_for_all(void **state)
{
    (void)state;
    struct pn_buf out;
    pn_buf_init(&out, 8);
    pn_json_write_cstr(&out, "0123456789");
    assert_true(pn_buf_failed(&out));
    pn_json_write_double(&out, 1);
    assert_int_equal(pn_buf_check(&out, "it", NULL), PN_FAIL);
    pn_buf_deinit(&out);
}

static void test_utf8(void **state)
{
    (void)state;
    assert_true(pn_utf8_valid("", 0));
    assert_true(pn_utf8_valid(NULL, 0));
    assert_true(pn_utf8_valid("a\0\xC3\xA9\xF0\x9F\x98\x80", 8));
    assert_false(pn_utf8_valid("\xC3", 1));
    assert_false(pn_utf8_valid("\xED\xA0\x80", 3));     /* a surrogate */
    assert_false(pn_utf8_valid("\xC0\x80", 2));         /* longer than needed */
    assert_false(pn_utf8_valid("\xF4\x90\x80\x80", 4)); /* after U+10FFFF */

    struct pn_buf out;
    pn_buf_init(&out, 100);
    pn_utf8_add_clean(&out, "ok \xC3\xA9", 5);
    pn_utf8_add_clean(&out, "|\xFF\xC3\xA9\xE2\x82|\xF0\x9F\x98\x80\x80", 12);
    assert_string_equal(pn_buf_text(&out),
                        "ok \xC3\xA9|\xEF\xBF\xBD\xC3\xA9\xEF\xBF\xBD\xEF\xBF\xBD|"
                        "\xF0\x9F\x98\x80\xEF\xBF\xBD");
    pn_buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings_are_escaped_where_json_asks),
        cmocka_unit_test(test_doubles_are_shortest_and_come_back),
        cmocka_unit_test(test_a_full_buffer_fails_once_for_all),
        cmocka_unit_test(test_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
