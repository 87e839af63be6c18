#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "http/router.h"

static enum pn_http_handled nothing(struct pn_http_request *req, void *arg)
{
    (void)req;
    (void)arg;
    return PN_HTTP_HANDLED;
}

static const struct pn_http_route routes[] = {
    {PN_HTTP_POST, "topics/{}", nothing, NULL, 0, PN_RIGHT_READ, PN_OF_NOTHING},
    {PN_HTTP_GET, "topics/{}", nothing, NULL, 0, PN_RIGHT_READ, PN_OF_NOTHING},
    {PN_HTTP_GET, "topics", nothing, NULL, 0, PN_RIGHT_READ, PN_OF_NOTHING},
    {PN_HTTP_GET, "topics/{}/partitions/{}", nothing, NULL, 0, PN_RIGHT_READ, PN_OF_NOTHING},
    {PN_HTTP_GET, "consumers/{}/instances/{}/records", nothing, NULL, 0, PN_RIGHT_READ,
     PN_OF_NOTHING},
    {PN_HTTP_PUT, "streams/{}/record", nothing, NULL, 0, PN_RIGHT_READ, PN_OF_NOTHING},
    {PN_HTTP_GET, "health", nothing, NULL, 0, PN_RIGHT_READ, PN_OF_NOTHING},
    {PN_HTTP_POST, "api/v1/sink/flush", nothing, NULL, 0, PN_RIGHT_READ, PN_OF_NOTHING},
    {PN_HTTP_GET, "", nothing, NULL, 0, PN_RIGHT_READ, PN_OF_NOTHING},
};

struct fixture {
    struct pn_http_router router;
    struct pn_arena arena;
    struct pn_http_match match;
};

static int setup(void **state)
{
    static struct fixture fixture;
    pn_http_router_init(&fixture.router);
    pn_arena_init(&fixture.arena, 0);
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        pn_http_router_add(&fixture.router, &routes[i], NULL);
    }
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    pn_http_router_deinit(&f->router);
    pn_arena_deinit(&f->arena);
    return 0;
}

static enum pn_http_found find(struct fixture *f, enum pn_http_method method, const char *path)
{
    return pn_http_router_find(&f->router, method, path, &f->arena, &f->match);
}

static void finds(struct fixture *f, enum pn_http_method method, const char *path,
                  const char *pattern, const char *stage, const char *param)
{
    assert_int_equal(find(f, method, path), PN_HTTP_ROUTE_FOUND);
    assert_string_equal(f->match.row->route->pattern, pattern);
    if (stage == NULL) {
        assert_null(f->match.stage);
    } else {
        assert_string_equal(f->match.stage, stage);
    }
    if (param != NULL) {
        assert_string_equal(f->match.params[0], param);
    }
}

static void test_plain_paths(void **state)
{
    struct fixture *f = *state;
    finds(f, PN_HTTP_POST, "/topics/a.pin", "topics/{}", NULL, "a.pin");
    finds(f, PN_HTTP_GET, "/topics", "topics", NULL, NULL);
    finds(f, PN_HTTP_GET, "/", "", NULL, NULL);
    finds(f, PN_HTTP_GET, "/health", "health", NULL, NULL);
    finds(f, PN_HTTP_POST, "/api/v1/sink/flush", "api/v1/sink/flush", NULL, NULL);
    finds(f, PN_HTTP_GET, "/topics/t/partitions/3", "topics/{}/partitions/{}", NULL, "t");
    assert_string_equal(f->match.params[1], "3");
    assert_int_equal(f->match.param_count, 2);
}

static void test_any_stage(void **state)
{
    struct fixture *f = *state;
    static const char *const stages[] = {"test", "prod",       "Dev",     "milestone5", "v1",
                                         "api",  "Production", "kinesis", "0a1b-stage"};
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "/%s/topics/x", stages[i]);
        finds(f, PN_HTTP_POST, path, "topics/{}", stages[i], "x");
    }
    finds(f, PN_HTTP_PUT, "/dev/streams/s/record", "streams/{}/record", "dev", "s");
    finds(f, PN_HTTP_GET, "/topics/topics/x", "topics/{}", "topics", "x");
    /* The server's own routes have no stage, and a stage is one segment. */
    assert_int_equal(find(f, PN_HTTP_GET, "/prod/health"), PN_HTTP_ROUTE_NONE);
    assert_int_equal(find(f, PN_HTTP_POST, "/a/b/topics/x"), PN_HTTP_ROUTE_NONE);
}

static void test_stream_for_streams(void **state)
{
    struct fixture *f = *state;
    finds(f, PN_HTTP_PUT, "/stream/s/record", "streams/{}/record", NULL, "s");
    finds(f, PN_HTTP_PUT, "/dev/stream/s/record", "streams/{}/record", "dev", "s");
    finds(f, PN_HTTP_PUT, "/dev/stream/stream/record", "streams/{}/record", "dev", "stream");
    /* A stage and a topic may be called so. */
    finds(f, PN_HTTP_PUT, "/stream/streams/s/record", "streams/{}/record", "stream", "s");
    finds(f, PN_HTTP_POST, "/stream/topics/x", "topics/{}", "stream", "x");
    finds(f, PN_HTTP_POST, "/topics/stream", "topics/{}", NULL, "stream");
    assert_int_equal(find(f, PN_HTTP_GET, "/dev/stream/s/record"), PN_HTTP_ROUTE_METHOD);
    assert_int_equal(find(f, PN_HTTP_PUT, "/a/b/stream/s/record"), PN_HTTP_ROUTE_NONE);
}

static void test_slashes(void **state)
{
    struct fixture *f = *state;
    finds(f, PN_HTTP_POST, "//topics//x//", "topics/{}", NULL, "x");
    finds(f, PN_HTTP_POST, "/test//topics/x/", "topics/{}", "test", "x");
    finds(f, PN_HTTP_PUT, "/dev//streams/s/record/", "streams/{}/record", "dev", "s");
}

static void test_decoding(void **state)
{
    struct fixture *f = *state;
    finds(f, PN_HTTP_POST, "/topics/a%20b%2Fc", "topics/{}", NULL, "a b/c");
    finds(f, PN_HTTP_POST, "/topics/%E2%82%ac", "topics/{}", NULL, "\xe2\x82\xac");
    finds(f, PN_HTTP_POST, "/topics/%2e%2e", "topics/{}", NULL, "..");
    static const char *const bad[] = {"/topics/%00", "/topics/a%",  "/topics/%4",   "/topics/%zz",
                                      "/topics/%0a", "/topics/%ff", "/topics/%c3%", "/topics/%7f"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(find(f, PN_HTTP_POST, bad[i]), PN_HTTP_ROUTE_BAD_PATH);
    }
}

static void test_unknown(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(find(f, PN_HTTP_GET, "/nothing"), PN_HTTP_ROUTE_NONE);
    assert_int_equal(find(f, PN_HTTP_GET, "/topics/a/b"), PN_HTTP_ROUTE_NONE);
    assert_int_equal(find(f, PN_HTTP_GET, "/1/2/3/4/5/6/7/8/9/10"), PN_HTTP_ROUTE_NONE);
}

static void test_methods(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(find(f, PN_HTTP_DELETE, "/prod/topics/x"), PN_HTTP_ROUTE_METHOD);
    assert_string_equal(f->match.allow, "GET, HEAD, POST, OPTIONS");
    assert_int_equal(find(f, PN_HTTP_METHOD_OTHER, "/health"), PN_HTTP_ROUTE_METHOD);
    assert_string_equal(f->match.allow, "GET, HEAD, OPTIONS");
    assert_int_equal(pn_http_method_parse("HEAD"), PN_HTTP_GET);
    assert_int_equal(pn_http_method_parse("DELETE"), PN_HTTP_DELETE);
    assert_int_equal(pn_http_method_parse("BREW"), PN_HTTP_METHOD_OTHER);
    assert_int_equal(pn_http_method_parse("get"), PN_HTTP_METHOD_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_plain_paths, setup, teardown),
        cmocka_unit_test_setup_teardown(test_any_stage, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stream_for_streams, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slashes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_decoding, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unknown, setup, teardown),
        cmocka_unit_test_setup_teardown(test_methods, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
