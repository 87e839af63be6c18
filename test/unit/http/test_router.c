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

static const struct pn_http_route kafka_routes[] = {
    {PN_HTTP_POST, "topics/{}", nothing, 0, PN_RIGHT_READ, PN_OF_NOTHING},
    {PN_HTTP_GET, "topics/{}", nothing, 0, PN_RIGHT_READ, PN_OF_NOTHING},
    {PN_HTTP_GET, "topics", nothing, 0, PN_RIGHT_READ, PN_OF_NOTHING},
    {PN_HTTP_GET, "topics/{}/partitions/{}", nothing, 0, PN_RIGHT_READ, PN_OF_NOTHING},
    {PN_HTTP_GET, "consumers/{}/instances/{}/records", nothing, 0, PN_RIGHT_READ, PN_OF_NOTHING},
    {.pattern = NULL},
};
static const char *const kafka_words[] = {"topics", "consumers", NULL};
static const struct pn_http_front kafka = {
    .name = "kafka", .routes = kafka_routes, .words = kafka_words, .is_staged = true};

static const struct pn_http_route stream_routes[] = {
    {PN_HTTP_PUT, "streams/{}/record", nothing, 0, PN_RIGHT_READ, PN_OF_NOTHING},
    {.pattern = NULL},
};
static const char *const stream_words[] = {"streams", NULL};
static const char *const stream_aliases[] = {"stream", "streams", NULL};
static const struct pn_http_front streams = {.name = "streams",
                                             .routes = stream_routes,
                                             .words = stream_words,
                                             .aliases = stream_aliases,
                                             .is_staged = true};

/* Without words: its only path is "/". */
static const struct pn_http_route rootless_routes[] = {
    {PN_HTTP_POST, "", nothing, 0, PN_RIGHT_READ, PN_OF_NOTHING},
    {.pattern = NULL},
};
static const struct pn_http_front rootless = {.name = "rootless", .routes = rootless_routes};

static const struct pn_http_route api_routes[] = {
    {PN_HTTP_GET, "health", nothing, 0, PN_RIGHT_READ, PN_OF_NOTHING},
    {PN_HTTP_POST, "api/v1/sink/flush", nothing, 0, PN_RIGHT_READ, PN_OF_NOTHING},
    {PN_HTTP_GET, "", nothing, 0, PN_RIGHT_READ, PN_OF_NOTHING},
    {PN_HTTP_GET, "api/v2/dags/{}/runs/{}/tasks/{}/logs/{}/of/{}", nothing, 0, PN_RIGHT_READ,
     PN_OF_NOTHING},
    {PN_HTTP_GET, "ui/about", nothing, 0, PN_RIGHT_READ, PN_OF_NOTHING},
    {PN_HTTP_GET, "ui/{}/files/**", nothing, 0, PN_RIGHT_READ, PN_OF_NOTHING},
    {PN_HTTP_GET, "ui/**", nothing, 0, PN_RIGHT_READ, PN_OF_NOTHING},
    {.pattern = NULL},
};
static const char *const api_words[] = {"api", "ui", "health", NULL};
static const struct pn_http_front api = {
    .name = "api", .routes = api_routes, .words = api_words, .is_fallback = true};

/* Its word begins with a word of another front. */
static const struct pn_http_route second_routes[] = {
    {PN_HTTP_GET, "api/v3/dags", nothing, 0, PN_RIGHT_READ, PN_OF_NOTHING},
    {.pattern = NULL},
};
static const char *const second_words[] = {"api/v3", NULL};
static const struct pn_http_front second = {
    .name = "second", .routes = second_routes, .words = second_words};

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
    pn_http_router_add_front(&fixture.router, &kafka, NULL, NULL);
    pn_http_router_add_front(&fixture.router, &rootless, NULL, NULL);
    pn_http_router_add_front(&fixture.router, &streams, NULL, NULL);
    pn_http_router_add_front(&fixture.router, &api, NULL, NULL);
    pn_http_router_add_front(&fixture.router, &second, NULL, NULL);
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
                                         "apis", "Production", "kinesis", "0a1b-stage"};
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

/* The longest path of Airflow's API has ten segments. */
static void test_long_paths(void **state)
{
    struct fixture *f = *state;
    finds(f, PN_HTTP_GET, "/api/v2/dags/d/runs/r/tasks/t/logs/3/of/4",
          "api/v2/dags/{}/runs/{}/tasks/{}/logs/{}/of/{}", NULL, "d");
    assert_int_equal(f->match.param_count, 5);
    assert_string_equal(f->match.params[4], "4");
}

/* A tail is what is left of the path, nothing included. */
static void test_tails(void **state)
{
    struct fixture *f = *state;
    finds(f, PN_HTTP_GET, "/ui", "ui/**", NULL, "");
    finds(f, PN_HTTP_GET, "/ui/", "ui/**", NULL, "");
    finds(f, PN_HTTP_GET, "/ui/dags", "ui/**", NULL, "dags");
    finds(f, PN_HTTP_GET, "/ui/dags//a%20b/runs/", "ui/**", NULL, "dags/a b/runs");
    finds(f, PN_HTTP_GET, "/ui/about", "ui/about", NULL, NULL);
    finds(f, PN_HTTP_GET, "/ui/1/files/x/y", "ui/{}/files/**", NULL, "1");
    assert_int_equal(f->match.param_count, 2);
    assert_string_equal(f->match.params[1], "x/y");
    assert_int_equal(find(f, PN_HTTP_POST, "/ui/dags"), PN_HTTP_ROUTE_METHOD);
    assert_int_equal(find(f, PN_HTTP_GET, "/uix"), PN_HTTP_ROUTE_NONE);
    assert_int_equal(find(f, PN_HTTP_GET, "/ui/%zz"), PN_HTTP_ROUTE_BAD_PATH);
}

/* A word of a front without stages is never the stage of another's path. */
static void test_no_stage(void **state)
{
    struct fixture *f = *state;
    static const char *const paths[] = {"/api/topics/x", "/health/topics/x",
                                        "/api/streams/s/record"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        assert_int_equal(find(f, PN_HTTP_POST, paths[i]), PN_HTTP_ROUTE_NONE);
        assert_ptr_equal(f->match.front, &api);
    }
    finds(f, PN_HTTP_GET, "/ui/topics/x", "ui/**", NULL, "topics/x");
    finds(f, PN_HTTP_GET, "/api/v3/dags", "api/v3/dags", NULL, NULL);
}

static void belongs(struct fixture *f, enum pn_http_method method, const char *path,
                    const struct pn_http_front *front)
{
    (void)find(f, method, path);
    if (f->match.front != front) {
        fail_msg("%s belongs to the front %s, not %s", path, f->match.front->name, front->name);
    }
}

/* Which front's words an error is in. */
static void test_fronts_of_paths(void **state)
{
    struct fixture *f = *state;
    belongs(f, PN_HTTP_POST, "/topics/x", &kafka);
    belongs(f, PN_HTTP_DELETE, "/topics/x", &kafka);
    belongs(f, PN_HTTP_GET, "/topics/x/y", &kafka);
    belongs(f, PN_HTTP_GET, "/prod/consumers/a/b", &kafka);
    belongs(f, PN_HTTP_GET, "/topics/%zz", &kafka);
    belongs(f, PN_HTTP_GET, "/topics/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17", &kafka);
    belongs(f, PN_HTTP_GET, "/streams/x", &streams);
    belongs(f, PN_HTTP_GET, "/dev/stream/x/y/z", &streams);
    belongs(f, PN_HTTP_POST, "/", &rootless);
    belongs(f, PN_HTTP_GET, "/", &api);
    belongs(f, PN_HTTP_DELETE, "/", &api);
    belongs(f, PN_HTTP_GET, "/nothing", &api);
    belongs(f, PN_HTTP_GET, "/%zz/topics", &api);
    belongs(f, PN_HTTP_GET, "/a/b/topics/x", &api);
    belongs(f, PN_HTTP_GET, "/api/v9", &api);
    belongs(f, PN_HTTP_GET, "/api/v3/none", &second);
    belongs(f, PN_HTTP_DELETE, "/api/v3/dags", &second);
    belongs(f, PN_HTTP_GET, "/api/v3", &second);
    belongs(f, PN_HTTP_GET, "/api", &api);
    belongs(f, PN_HTTP_GET, "/x/api/v3/dags", &api);
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
        cmocka_unit_test_setup_teardown(test_long_paths, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tails, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_stage, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fronts_of_paths, setup, teardown),
        cmocka_unit_test_setup_teardown(test_methods, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
