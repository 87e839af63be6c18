/* The source that reads a server's streams: what it asks, and what it makes of odd answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "processor/source.h"
#include "support/script.h"

#define SHARDS                                                                                    \
    "{\"id\":\"00000000000000ff\",\"shards\":[{\"index\":0,\"parent\":-1,\"adjacent_parent\":-1," \
    "\"created_ms\":5,\"hash_start\":\"17\",\"hash_end\":\"18446744073709551616\","               \
    "\"complete\":true,\"begin\":1,\"end\":7},{\"index\":3,\"parent\":0,"                         \
    "\"adjacent_parent\":2,\"created_ms\":6,\"complete\":false,\"begin\":0,\"end\":9}]}"

struct fixture {
    struct script script;
    struct pn_arena arena;
    struct pn_processor_source *source;
    struct pn_err e;
};

static void begin(struct fixture *fixture, const struct answer *answers, size_t count)
{
    *fixture = (struct fixture){0};
    script_start(&fixture->script, answers, count, "");
    fixture->script.url[strlen(fixture->script.url) - 1] = '\0'; /* without its slash */
    pn_arena_init(&fixture->arena, 0);
    const struct pn_processor_server server = {.url = fixture->script.url, .poll_ms = 1};
    fixture->source = pn_processor_source_api(&server);
}

static void end(struct fixture *fixture)
{
    pn_processor_source_destroy(&fixture->source);
    pn_arena_deinit(&fixture->arena);
    script_stop(&fixture->script);
}

static int describe(struct fixture *fixture, struct pn_processor_source_stream *out)
{
    return pn_processor_source_describe(fixture->source, "s", &fixture->arena, out, &fixture->e);
}

static int read_shard(struct fixture *fixture, struct pn_processor_source_records *out)
{
    return pn_processor_source_read(fixture->source, "s", 255, 3, 4, NULL, 10, 1000,
                                    &fixture->arena, out, &fixture->e);
}

static void test_a_stream_is_described(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct answer answer = {200, SHARDS};
    struct pn_processor_source_stream stream = {0};
    begin(&fixture, &answer, 1);
    assert_int_equal(describe(&fixture, &stream), 0);
    assert_string_equal(script_asked(&fixture.script, 0)->url, "/api/v1/streams/s/shards");
    assert_int_equal(stream.id, 255);
    assert_int_equal(stream.shard_count, 2);
    assert_true(stream.shards[0].complete);
    assert_int_equal(stream.shards[0].begin, 1);
    assert_int_equal(stream.shards[0].end, 7);
    assert_int_equal(stream.shards[1].index, 3);
    assert_int_equal(stream.shards[1].parent, 0);
    assert_int_equal(stream.shards[1].adjacent_parent, 2);
    assert_int_equal(stream.shards[1].created_ms, 6);
    assert_int_equal(stream.shards[0].hash_start.low, 17);
    assert_int_equal(stream.shards[0].hash_end.high, 1);
    assert_int_equal(stream.shards[0].hash_end.low, 0);
    /* A server that does not tell the range. */
    assert_true(stream.shards[1].hash_end.high == UINT64_MAX);
    end(&fixture);
}

static void test_records_are_decoded(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct answer answer = {
        200, "{\"next_offset\":6,\"damage\":null,\"records\":[{\"offset\":4,\"arrival_ms\":17,"
             "\"key\":\"aw==\",\"data\":\"e30=\"},{\"offset\":5,\"arrival_ms\":18,\"key\":\"\","
             "\"data\":\"\"}]}"};
    struct pn_processor_source_records read = {0};
    begin(&fixture, &answer, 1);
    assert_int_equal(read_shard(&fixture, &read), 0);
    assert_string_equal(script_asked(&fixture.script, 0)->url,
                        "/api/v1/streams/s/shards/3/records");
    assert_int_equal(read.next_offset, 6);
    assert_int_equal(read.count, 2);
    assert_int_equal(read.records[0].offset, 4);
    assert_int_equal(read.records[0].timestamp_ms, 17);
    assert_int_equal(read.records[0].key.len, 1);
    assert_memory_equal(read.records[0].key.data, "k", 1);
    assert_memory_equal(read.records[0].value.data, "{}", 2);
    assert_int_equal(read.records[1].value.len, 0);
    end(&fixture);
}

static void test_damage_comes_through(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct answer answer = {200,
                                  "{\"next_offset\":9,\"damage\":\"a torn batch\",\"records\":[]}"};
    struct pn_processor_source_records read = {0};
    begin(&fixture, &answer, 1);
    assert_int_not_equal(read_shard(&fixture, &read), 0);
    assert_int_equal(fixture.e.class_, PN_CLASS_CORRUPT);
    assert_string_equal(fixture.e.msg, "a torn batch");
    assert_int_equal(read.next_offset, 9);
    end(&fixture);
}

static void test_a_position(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct answer answers[] = {{200, "{\"offset\":12}"}, {200, "{}"}};
    int64_t offset = 0;
    struct pn_processor_place place;
    begin(&fixture, answers, 2);
    assert_int_equal(pn_processor_source_position(fixture.source, "s", 255, 3, PN_START_TIMESTAMP,
                                                  1000, &offset, &place, &fixture.e),
                     0);
    assert_int_equal(offset, 12);
    assert_string_equal(script_asked(&fixture.script, 0)->url,
                        "/api/v1/streams/s/shards/3/position");
    assert_int_not_equal(pn_processor_source_position(fixture.source, "s", 255, 3, PN_START_LATEST,
                                                      0, &offset, &place, &fixture.e),
                         0);
    assert_int_equal(fixture.e.class_, PN_CLASS_FATAL);
    end(&fixture);
}

static void test_refusals_have_their_class(void **state)
{
    (void)state;
    static const struct {
        struct answer answer;
        enum pn_class class_;
    } cases[] = {
        {{404, "{\"error_code\":404,\"message\":\"Stream s not found.\"}"}, PN_CLASS_MISSING},
        {{500, "{\"message\":\"the disk is full\"}"}, PN_CLASS_RETRY},
        {{503, ""}, PN_CLASS_RETRY},
        {{401, "{\"message\":\"no key\"}"}, PN_CLASS_INPUT},
        {{200, "<html>"}, PN_CLASS_RETRY},
        {{200, "{\"id\":7,\"shards\":[]}"}, PN_CLASS_FATAL},
        {{200, "{\"id\":\"7\"}"}, PN_CLASS_FATAL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture fixture;
        struct pn_processor_source_stream stream = {0};
        begin(&fixture, &cases[i].answer, 1);
        assert_int_not_equal(describe(&fixture, &stream), 0);
        assert_int_equal(fixture.e.class_, cases[i].class_);
        assert_non_null(strstr(fixture.e.msg, fixture.script.url));
        end(&fixture);
    }
}

static void test_odd_records_are_refused(void **state)
{
    (void)state;
    const struct answer answers[] = {
        {200, "{\"next_offset\":5,\"records\":[{\"offset\":4,\"key\":\"?\",\"data\":\"e30=\"}]}"},
        {200, "{\"next_offset\":5,\"records\":[{\"key\":\"aw==\",\"data\":\"e30=\"}]}"},
        {200, "{\"next_offset\":5,\"records\":[7]}"},
        {200, "{\"next_offset\":5,\"records\":{}}"},
    };
    struct fixture fixture;
    begin(&fixture, answers, sizeof answers / sizeof *answers);
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct pn_processor_source_records read = {0};
        assert_int_not_equal(read_shard(&fixture, &read), 0);
        assert_int_equal(fixture.e.class_, PN_CLASS_FATAL);
    }
    end(&fixture);
}

/* --- a server that moves ---------------------------------------------------------------------- */

static char *give_url(void *arg)
{
    const char *url = arg;
    return url != NULL ? pn_xstrdup(url) : NULL;
}

static void test_a_server_is_found_again(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct answer answer = {200, SHARDS};
    struct pn_processor_source_stream stream = {0};
    begin(&fixture, &answer, 1);
    /* Nobody listens at port 1. */
    struct pn_processor_server server = {
        .url = "http://127.0.0.1:1", .poll_ms = 1, .find = give_url, .arg = fixture.script.url};
    struct pn_processor_source *moved = pn_processor_source_api(&server);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            pn_processor_source_describe(moved, "s", &fixture.arena, &stream, &fixture.e), 0);
    }
    pn_processor_source_destroy(&moved);
    server.arg = NULL;
    struct pn_processor_source *lost = pn_processor_source_api(&server);
    assert_int_not_equal(
        pn_processor_source_describe(lost, "s", &fixture.arena, &stream, &fixture.e), 0);
    assert_int_equal(fixture.e.class_, PN_CLASS_RETRY);
    pn_processor_source_destroy(&lost);
    end(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_stream_is_described),
        cmocka_unit_test(test_records_are_decoded),
        cmocka_unit_test(test_damage_comes_through),
        cmocka_unit_test(test_a_position),
        cmocka_unit_test(test_refusals_have_their_class),
        cmocka_unit_test(test_odd_records_are_refused),
        cmocka_unit_test(test_a_server_is_found_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
