/*
 * Which keys are keys.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "store/store.h"

static void test_good_keys(void **state)
{
    (void)state;
    static const char *const keys[] = {"a",
                                       "topics/a/partition=0/a+0+0000000000.json",
                                       "a.b/..c/d..",
                                       "a b/%2e/\\",
                                       "h\xc3\xa9/\xf0\x9f\x98\x80",
                                       "..."};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        assert_int_equal(pn_store_key_check(keys[i], NULL), 0);
    }
    char longest[PN_KEY_MAX + 2];
    memset(longest, 'x', sizeof longest);
    longest[PN_KEY_MAX] = '\0';
    assert_int_equal(pn_store_key_check(longest, NULL), 0);
}

static void test_bad_keys(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        const char *what;
    } cases[] = {
        {"", "empty"},
        {"/", "empty part"},
        {"/etc/passwd", "empty part"},
        {"a/", "empty part"},
        {"a//b", "empty part"},
        {".", "part '.'"},
        {"..", "part '..'"},
        {"../a", "part '..'"},
        {"a/../b", "part '..'"},
        {"a/..", "part '..'"},
        {"a/./b", "part '.'"},
        {"a\nb", "0x0a at byte 1"},
        {"a\x7f", "0x7f at byte 1"},
        {"a\x1b[2J", "0x1b"},
        {"a\xff", "not UTF-8"},
        {"\xed\xa0\x80", "not UTF-8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pn_err e = {0};
        assert_int_not_equal(pn_store_key_check(cases[i].key, &e), 0);
        assert_int_equal(e.class_, PN_CLASS_INPUT);
        assert_non_null(strstr(e.msg, cases[i].what));
    }
    char too_long[PN_KEY_MAX + 2];
    memset(too_long, 'x', sizeof too_long);
    too_long[PN_KEY_MAX + 1] = '\0';
    struct pn_err e = {0};
    assert_int_not_equal(pn_store_key_check(too_long, &e), 0);
    assert_non_null(strstr(e.msg, "1025 bytes"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_keys),
        cmocka_unit_test(test_bad_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
