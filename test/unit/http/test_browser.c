#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/browser.h"

static void test_local_hosts(void **state)
{
    (void)state;
    static const char *const local[] = {
        "localhost",      "LOCALHOST:80", "localhost.", "a.b.localhost", "127.0.0.1",
        "127.0.0.1:8082", "192.168.1.9",  "[::1]",      "[::1]:80",      "[fe80::1]:1"};
    static const char *const other[] = {"",          ":80",        "evil.example", "localhost.evil",
                                        "localhos",  "xlocalhost", "127.0.0.1.x",  "127.1",
                                        "0x7f.1",    "2130706433", "[::1",         "::1",
                                        "[::1].x:80"};
    for (size_t i = 0; i < sizeof local / sizeof local[0]; i++) {
        assert_true(pn_http_browser_is_local_host(local[i]));
    }
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++) {
        assert_false(pn_http_browser_is_local_host(other[i]));
    }
}

static void test_lists_of_hosts(void **state)
{
    (void)state;
    static const char list[] = " a.example,, *.b.example ,C.example";
    assert_true(pn_http_browser_list_has_host(list, "a.example:80"));
    assert_true(pn_http_browser_list_has_host(list, "x.B.example"));
    assert_true(pn_http_browser_list_has_host(list, "c.example."));
    assert_false(pn_http_browser_list_has_host(list, "b.example"));
    assert_false(pn_http_browser_list_has_host(list, "xb.example"));
    assert_false(pn_http_browser_list_has_host(list, "example"));
    assert_false(pn_http_browser_list_has_host(list, ""));
    assert_false(pn_http_browser_list_has_host("", "a.example"));
    assert_true(pn_http_browser_list_has_host("*", "a.example"));
}

static void test_lists_are_checked(void **state)
{
    (void)state;
    struct pn_err e;
    assert_int_equal(pn_http_browser_check_lists("", "", &e), 0);
    assert_int_equal(pn_http_browser_check_lists("*", "*", &e), 0);
    assert_int_equal(pn_http_browser_check_lists(
                         "a.b, *.c ,d-e_f", "http://a:80,https://b , chrome-extension://x", &e),
                     0);
    static const char *const hosts[] = {"a:80", "http://a", "a*", "*a", "a b", "a,b/c"};
    static const char *const origins[] = {
        "a", "http://", "://a", "http://a/", "http://*.a", "null", "http://a http://b"};
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        assert_int_not_equal(pn_http_browser_check_lists(hosts[i], "", &e), 0);
    }
    for (size_t i = 0; i < sizeof origins / sizeof origins[0]; i++) {
        assert_int_not_equal(pn_http_browser_check_lists("", origins[i], &e), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_local_hosts),
        cmocka_unit_test(test_lists_of_hosts),
        cmocka_unit_test(test_lists_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
