#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/auth.h"
#include "http/listener.h"

static int init(struct pn_http_auth *auth, const char *mode, bool loopback, const char *keys,
                struct pn_err *e)
{
    return pn_http_auth_init(auth, mode, loopback, NULL, keys, pn_io_system(), e);
}

/* The grant of a key, or one without rights. */
static struct pn_http_grant find(struct pn_http_auth *auth, struct pn_arena *arena, const char *key)
{
    struct pn_http_grant grant = {0};
    bool found = pn_http_auth_find(auth, key, arena, &grant);
    assert_int_equal(found, grant.rights != 0);
    return grant;
}

static bool allows(struct pn_http_auth *auth, const char *key)
{
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    bool allowed = find(auth, &arena, key).rights != 0;
    pn_arena_deinit(&arena);
    return allowed;
}

static void test_who_may_listen(void **state)
{
    (void)state;
    struct pn_http_auth auth;
    struct pn_err e;
    assert_int_equal(init(&auth, "", true, NULL, &e), 0);
    assert_false(auth.required);
    pn_http_auth_deinit(&auth);
    assert_int_not_equal(init(&auth, "", false, NULL, &e), 0);
    assert_non_null(strstr(e.msg, "gateway.auth"));
    assert_int_equal(init(&auth, "none", false, NULL, &e), 0);
    assert_false(auth.required);
    pn_http_auth_deinit(&auth);
    assert_int_not_equal(init(&auth, "api-key", true, NULL, &e), 0);
    assert_int_not_equal(init(&auth, "api-key", true, "# only a comment\n\n", &e), 0);
    assert_int_not_equal(init(&auth, "api-key", true, "tooshort", &e), 0);
    assert_int_not_equal(init(&auth, "password", true, NULL, &e), 0);
}

static void test_keys(void **state)
{
    (void)state;
    struct pn_http_auth auth;
    struct pn_err e;
    assert_int_equal(
        init(&auth, "api-key", false, "# two keys\n  0123456789abcdef\r\n\nfedcba9876543210", &e),
        0);
    assert_int_equal(auth.keys.count, 2);
    assert_true(allows(&auth, "0123456789abcdef"));
    assert_true(allows(&auth, "fedcba9876543210"));
    assert_false(allows(&auth, ""));
    assert_false(allows(&auth, "0123456789abcde"));
    assert_false(allows(&auth, "0123456789abcdef "));
    assert_false(allows(&auth, "# two keys"));
    pn_http_auth_deinit(&auth);
}

static void test_keys_are_read_again(void **state)
{
    (void)state;
    struct pn_http_auth auth;
    struct pn_err e;
    size_t count = 0;
    assert_int_equal(init(&auth, "api-key", false, "0123456789abcdef", &e), 0);
    assert_int_not_equal(pn_http_auth_reload(&auth, NULL, "short", pn_io_system(), &count, &e), 0);
    assert_int_not_equal(pn_http_auth_reload(&auth, NULL, "", pn_io_system(), &count, &e), 0);
    assert_true(allows(&auth, "0123456789abcdef"));
    assert_int_equal(pn_http_auth_reload(&auth, NULL, "fedcba9876543210\nfedcba9876543211",
                                         pn_io_system(), &count, &e),
                     0);
    assert_int_equal(count, 2);
    assert_false(allows(&auth, "0123456789abcdef"));
    assert_true(allows(&auth, "fedcba9876543211"));
    pn_http_auth_deinit(&auth);
}

static void test_rights(void **state)
{
    (void)state;
    static const char text[] = "# bare\n0123456789abcdef\na key with blanks\n"
                               "producer-key-0001 rights=produce topics=shop.*,orders\n"
                               "\treader-key-000001\trights=read,admin  streams=clicks\r\n"
                               "pipeline-key-0001 pipelines=shop,web-* rights=read\n";
    struct pn_http_auth auth;
    struct pn_arena arena;
    struct pn_err e;
    pn_arena_init(&arena, 0);
    assert_int_equal(init(&auth, "api-key", false, text, &e), 0);
    struct pn_http_grant all = find(&auth, &arena, "0123456789abcdef");
    assert_int_equal(all.rights, PN_RIGHTS_ALL);
    assert_true(pn_http_patterns_have(all.topics, "any") &&
                pn_http_patterns_have(all.streams, "any"));
    assert_int_equal(find(&auth, &arena, "a key with blanks").rights, PN_RIGHTS_ALL);
    struct pn_http_grant producer = find(&auth, &arena, "producer-key-0001");
    assert_int_equal(producer.rights, 1U << PN_RIGHT_PRODUCE);
    assert_true(pn_http_patterns_have(producer.topics, "shop.a"));
    assert_true(pn_http_patterns_have(producer.topics, "orders"));
    assert_false(pn_http_patterns_have(producer.topics, "orders2"));
    assert_false(pn_http_patterns_have(producer.topics, "xshop.a"));
    assert_false(pn_http_patterns_have(producer.streams, "shop.a"));
    struct pn_http_grant reader = find(&auth, &arena, "reader-key-000001");
    assert_int_equal(reader.rights, 1U << PN_RIGHT_READ | 1U << PN_RIGHT_ADMIN);
    assert_true(pn_http_patterns_have(reader.streams, "clicks"));
    assert_false(pn_http_patterns_have(reader.topics, "clicks"));
    assert_false(pn_http_patterns_have(reader.pipelines, "clicks"));
    struct pn_http_grant of_pipeline = find(&auth, &arena, "pipeline-key-0001");
    assert_int_equal(of_pipeline.rights, 1U << PN_RIGHT_READ);
    assert_true(pn_http_patterns_have(of_pipeline.pipelines, "shop"));
    assert_true(pn_http_patterns_have(of_pipeline.pipelines, "web-1"));
    assert_false(pn_http_patterns_have(of_pipeline.pipelines, ""));
    assert_false(pn_http_patterns_have(of_pipeline.topics, "shop"));
    assert_false(pn_http_patterns_have(of_pipeline.streams, "shop"));
    assert_true(pn_http_grant_is_whole(&all));
    assert_false(pn_http_grant_is_whole(&producer) || pn_http_grant_is_whole(&reader) ||
                 pn_http_grant_is_whole(&of_pipeline));
    pn_http_auth_deinit(&auth);
    pn_arena_deinit(&arena);
}

static void test_wrong_lines(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "0123456789abcdef right=read",        "0123456789abcdef rights=",
        "0123456789abcdef rights=write",      "0123456789abcdef rights=read,",
        "0123456789abcdef topics=",           "0123456789abcdef topics=a topics=b",
        "0123456789abcdef topics=a and more", "0123456789abcdef pipelines=",
        "0123456789abcdef pipeline=a"};
    struct pn_http_auth auth;
    struct pn_err e;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char text[128];
        (void)snprintf(text, sizeof text, "\n%s", lines[i]);
        assert_int_not_equal(init(&auth, "api-key", false, text, &e), 0);
        assert_int_equal(e.class_, PN_CLASS_INPUT);
        assert_non_null(strstr(e.msg, "line 2"));
        assert_null(strstr(e.msg, "0123456789abcdef"));
    }
    char large[PN_HTTP_KEY_LINE_BYTES_MAX + 1];
    memset(large, 'k', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    assert_int_not_equal(init(&auth, "api-key", false, large, &e), 0);
    assert_non_null(strstr(e.msg, "line 1"));
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
        assert_int_equal(pn_http_listener_is_loopback(cases[i].listen, &loopback, &e), 0);
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
        assert_int_not_equal(pn_http_listener_is_loopback(bad[i], &loopback, &e), 0);
        assert_int_equal(e.class_, PN_CLASS_INPUT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_may_listen),      cmocka_unit_test(test_keys),
        cmocka_unit_test(test_keys_are_read_again), cmocka_unit_test(test_rights),
        cmocka_unit_test(test_wrong_lines),         cmocka_unit_test(test_loopback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
