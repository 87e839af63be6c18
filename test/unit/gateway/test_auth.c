#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/auth.h"
#include "gateway/listener.h"

static int init(struct pn_auth *auth, const char *mode, bool loopback, const char *keys,
                struct pn_err *e)
{
    return pn_auth_init(auth, mode, loopback, NULL, keys, pn_io_system(), e);
}

static void test_who_may_listen(void **state)
{
    (void)state;
    struct pn_auth auth;
    struct pn_err e;
    assert_int_equal(init(&auth, "", true, NULL, &e), 0);
    assert_true(pn_auth_allows(&auth, NULL));
    pn_auth_deinit(&auth);
    assert_int_not_equal(init(&auth, "", false, NULL, &e), 0);
    assert_non_null(strstr(e.msg, "gateway.auth"));
    assert_int_equal(init(&auth, "none", false, NULL, &e), 0);
    assert_true(pn_auth_allows(&auth, NULL));
    pn_auth_deinit(&auth);
    assert_int_not_equal(init(&auth, "api-key", true, NULL, &e), 0);
    assert_int_not_equal(init(&auth, "api-key", true, "# only a comment\n\n", &e), 0);
    assert_int_not_equal(init(&auth, "api-key", true, "tooshort", &e), 0);
    assert_int_not_equal(init(&auth, "password", true, NULL, &e), 0);
}

static void test_keys(void **state)
{
    (void)state;
    struct pn_auth auth;
    struct pn_err e;
    assert_int_equal(
        init(&auth, "api-key", false, "# two keys\n  0123456789abcdef\r\n\nfedcba9876543210", &e),
        0);
    assert_int_equal(auth.keys.count, 2);
    assert_true(pn_auth_allows(&auth, "0123456789abcdef"));
    assert_true(pn_auth_allows(&auth, "fedcba9876543210"));
    assert_false(pn_auth_allows(&auth, NULL));
    assert_false(pn_auth_allows(&auth, ""));
    assert_false(pn_auth_allows(&auth, "0123456789abcde"));
    assert_false(pn_auth_allows(&auth, "0123456789abcdef "));
    assert_false(pn_auth_allows(&auth, "# two keys"));
    pn_auth_deinit(&auth);
}

static void test_keys_are_read_again(void **state)
{
    (void)state;
    struct pn_auth auth;
    struct pn_err e;
    size_t count = 0;
    assert_int_equal(init(&auth, "api-key", false, "0123456789abcdef", &e), 0);
    assert_int_not_equal(pn_auth_reload(&auth, NULL, "short", pn_io_system(), &count, &e), 0);
    assert_int_not_equal(pn_auth_reload(&auth, NULL, "", pn_io_system(), &count, &e), 0);
    assert_true(pn_auth_allows(&auth, "0123456789abcdef"));
    assert_int_equal(pn_auth_reload(&auth, NULL, "fedcba9876543210\nfedcba9876543211",
                                    pn_io_system(), &count, &e),
                     0);
    assert_int_equal(count, 2);
    assert_false(pn_auth_allows(&auth, "0123456789abcdef"));
    assert_true(pn_auth_allows(&auth, "fedcba9876543211"));
    pn_auth_deinit(&auth);
}

static void test_loopback(void **state)
{
    (void)state;
    static const struct {
        const char *listen;
        bool loopback;
    } cases[] = {
        {"127.0.0.1:8082", true}, {"127.9.9.9:1", true}, {"[::1]:0", true},
        {"0.0.0.0:8082", false},  {"[::]:8082", false},  {"10.0.0.1:80", false},
        {"localhost:80", true},
    };
    struct pn_err e;
    bool loopback = false;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(pn_listener_is_loopback(cases[i].listen, &loopback, &e), 0);
        assert_int_equal(loopback, cases[i].loopback);
    }
    static const char *const bad[] = {"",
                                      "8082",
                                      ":8082",
                                      "127.0.0.1:",
                                      "127.0.0.1:99999",
                                      "127.0.0.1:-1",
                                      "127.0.0.1:80x",
                                      "no.such.host.invalid:1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_not_equal(pn_listener_is_loopback(bad[i], &loopback, &e), 0);
        assert_int_equal(e.class_, PN_CLASS_INPUT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_may_listen),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_keys_are_read_again),
        cmocka_unit_test(test_loopback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
