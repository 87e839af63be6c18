#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

static void test_appends(void **state)
{
    (void)state;
    struct pn_buf buf;
    pn_buf_init(&buf, 1000);
    assert_string_equal(pn_buf_text(&buf), "");
    assert_null(buf.data);
    pn_buf_adds(&buf, "a");
    pn_buf_addc(&buf, 'b');
    pn_buf_add(&buf, "c\0d", 3);
    pn_buf_add(&buf, NULL, 0);
    pn_buf_addf(&buf, "%d|%s", 7, "x");
    assert_int_equal(buf.len, 8);
    assert_memory_equal(buf.data, "abc\0d7|x", 9);
    pn_buf_reset(&buf);
    assert_string_equal(pn_buf_text(&buf), "");
    pn_buf_deinit(&buf);
    pn_buf_adds(&buf, "again");
    assert_string_equal(pn_buf_text(&buf), "again");
    pn_buf_deinit(&buf);
}

static void test_integers(void **state)
{
    (void)state;
    static const struct {
        int64_t value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {7, "7"},
        {-10, "-10"},
        {INT64_MAX, "9223372036854775807"},
        {INT64_MIN, "-9223372036854775808"},
    };
    struct pn_buf buf;
    pn_buf_init(&buf, 100);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pn_buf_reset(&buf);
        pn_buf_add_i64(&buf, cases[i].value);
        assert_string_equal(pn_buf_text(&buf), cases[i].text);
    }
    pn_buf_deinit(&buf);
}

static void test_the_maximum_is_exact_and_failure_sticks(void **state)
{
    (void)state;
    struct pn_buf buf;
    struct pn_err e;
    pn_buf_init(&buf, 10);
    pn_buf_adds(&buf, "0123456789");
    assert_int_equal(pn_buf_check(&buf, "the reply", &e), 0);
    pn_buf_addc(&buf, 'x');
    assert_true(pn_buf_failed(&buf));
    assert_string_equal(pn_buf_text(&buf), "0123456789");
    assert_int_equal(pn_buf_check(&buf, "the reply", &e), PN_FAIL);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
    assert_string_equal(e.msg, "the reply is larger than 10 bytes");
    pn_buf_reset(&buf);
    assert_false(pn_buf_failed(&buf));
    pn_buf_addf(&buf, "%s", "01234567890");
    pn_buf_addc(&buf, 'y');
    assert_string_equal(pn_buf_text(&buf), "");
    assert_false(pn_buf_reserve(&buf, 1));
    pn_buf_reset(&buf);
    assert_false(pn_buf_reserve(&buf, SIZE_MAX));
    pn_buf_deinit(&buf);
}

static void test_grows_without_losing_bytes(void **state)
{
    (void)state;
    enum { COUNT = 100 * 1000 };
    struct pn_buf buf;
    pn_buf_init(&buf, COUNT);
    for (int i = 0; i < COUNT; i++) {
        pn_buf_addc(&buf, (char)('a' + i % 26));
    }
    assert_false(pn_buf_failed(&buf));
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(buf.data[i], 'a' + i % 26);
    }
    assert_int_equal(buf.data[COUNT], '\0');
    pn_buf_deinit(&buf);
}

static void test_take_hands_the_bytes_over(void **state)
{
    (void)state;
    struct pn_buf buf;
    pn_buf_init(&buf, 100);
    char *nothing = pn_buf_take(&buf);
    assert_string_equal(nothing, "");
    pn_buf_adds(&buf, "mine");
    char *taken = pn_buf_take(&buf);
    assert_string_equal(taken, "mine");
    assert_int_equal(buf.len, 0);
    assert_null(buf.data);
    free(taken);
    free(nothing);
    pn_buf_deinit(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_appends),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_the_maximum_is_exact_and_failure_sticks),
        cmocka_unit_test(test_grows_without_losing_bytes),
        cmocka_unit_test(test_take_hands_the_bytes_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
