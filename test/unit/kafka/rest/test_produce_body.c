#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kafka/rest/produce_body.h"

struct fixture {
    struct pn_json_parser *parser;
    struct pn_arena arena;
    struct pn_buf values;
    struct pn_log_entry *entries;
    size_t count;
    struct pn_kafka_rest_refusal refusal;
};

static int setup(void **state)
{
    static struct fixture fixture;
    memset(&fixture, 0, sizeof fixture);
    fixture.parser = pn_json_parser_create();
    pn_arena_init(&fixture.arena, 0);
    pn_buf_init(&fixture.values, 1 << 20);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    pn_json_parser_destroy(&f->parser);
    pn_arena_deinit(&f->arena);
    pn_buf_deinit(&f->values);
    return 0;
}

static int parse(struct fixture *f, enum pn_kafka_rest_format_kind format, const char *body)
{
    struct pn_json *root = NULL;
    size_t len = strlen(body);
    if (len > 0) {
        struct pn_err e;
        assert_int_equal(pn_json_parse(f->parser, body, len, len, &root, &e), 0);
    }
    pn_buf_reset(&f->values);
    const struct pn_kafka_rest_produce_input input = {.root = root,
                                                      .format = format,
                                                      .partition = PN_PARTITION_ANY,
                                                      .records_max = 3,
                                                      .record_bytes_max = 64};
    return pn_kafka_rest_produce_parse(&input, &f->arena, &f->values, &f->entries, &f->count,
                                       &f->refusal);
}

static void bytes_are(struct pn_bytes bytes, const char *text)
{
    if (text == NULL) {
        assert_null(bytes.data);
        return;
    }
    assert_non_null(bytes.data);
    assert_int_equal(bytes.len, strlen(text));
    assert_memory_equal(bytes.data, text, bytes.len);
}

/* Every JSON value keeps its own: no falsy value becomes an empty one, and null is a tombstone. */
static void test_json_values(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *json;
        const char *stored;
    } cases[] = {
        {"0", "0"},
        {"-0.0", "-0.0"},
        {"1e3", "1e3"},
        {"12345678901234567890123", "12345678901234567890123"},
        {"false", "false"},
        {"true", "true"},
        {"\"\"", "\"\""},
        {"{}", "{}"},
        {"[]", "[]"},
        {"null", NULL},
        {"{ \"b\" : 1 , \"a\" : [ 1, 2 ] }", "{\"b\":1,\"a\":[1,2]}"},
        {"{\"a b\":\" x  y \",\"c\":[[],{}]}", "{\"a b\":\" x  y \",\"c\":[[],{}]}"},
        {"[\" \", 1]", "[\" \",1]"},
        {"[\"\\\" \",\"\\u0041\"]", "[\"\\\" \",\"A\"]"},
        {"\"caf\\u00e9 \\/ \\n\"", "\"caf\xc3\xa9 / \\n\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char body[256];
        (void)snprintf(body, sizeof body, "{\"records\":[{\"value\":%s}]}", cases[i].json);
        assert_int_equal(parse(f, PN_KAFKA_REST_BODY_JSON, body), 0);
        assert_int_equal(f->count, 1);
        bytes_are(f->entries[0].record.value, cases[i].stored);
        assert_null(f->entries[0].record.key.data);
        assert_int_equal(f->entries[0].partition, PN_PARTITION_ANY);
        assert_int_equal(f->entries[0].record.timestamp_ms, -1);
    }
}

static void test_whole_record(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse(f, PN_KAFKA_REST_BODY_JSON,
                           "{\"records\":[{\"key\":{\"k\":1},\"value\":\"v\",\"partition\":2,"
                           "\"headers\":[{\"key\":\"h\",\"value\":\"AP8=\"},{\"key\":\"\","
                           "\"value\":null}]},{\"partition\":null,\"headers\":null},{}],"
                           "\"key_schema\":null,\"value_schema_id\":7}"),
                     0);
    assert_int_equal(f->count, 3);
    const struct pn_record *record = &f->entries[0].record;
    bytes_are(record->key, "{\"k\":1}");
    bytes_are(record->value, "\"v\"");
    assert_int_equal(f->entries[0].partition, 2);
    assert_int_equal(record->header_count, 2);
    bytes_are(record->headers[0].name, "h");
    assert_int_equal(record->headers[0].value.len, 2);
    assert_memory_equal(record->headers[0].value.data, "\0\xff", 2);
    bytes_are(record->headers[1].name, "");
    assert_null(record->headers[1].value.data);
    bytes_are(f->entries[1].record.value, NULL);
    assert_int_equal(f->entries[2].partition, PN_PARTITION_ANY);
}

static void test_binary(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse(f, PN_KAFKA_REST_BODY_BINARY,
                           "{\"records\":[{\"key\":\"a2V5\",\"value\":\"\"},{\"value\":null}]}"),
                     0);
    bytes_are(f->entries[0].record.key, "key");
    bytes_are(f->entries[0].record.value, "");
    bytes_are(f->entries[1].record.value, NULL);
    assert_int_not_equal(
        parse(f, PN_KAFKA_REST_BODY_BINARY, "{\"records\":[{\"value\":{\"a\":1}}]}"), 0);
    assert_int_equal(f->refusal.status, 400);
    assert_string_equal(f->refusal.msg, "data={\"a\":1} is not a base64 string.");
    assert_int_not_equal(parse(f, PN_KAFKA_REST_BODY_BINARY, "{\"records\":[{\"value\":\"no!\"}]}"),
                         0);
    assert_string_equal(f->refusal.msg, "data=\"no!\" is not a valid base64 string.");
}

static void test_refusals(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *body;
        int status;
        const char *part;
    } cases[] = {
        {"", 422, "empty"},
        {"[]", 422, "object"},
        {"null", 422, "object"},
        {"{}", 422, "records"},
        {"{\"records\":{}}", 422, "records"},
        {"{\"records\":[]}", 422, "records"},
        {"{\"records\":[1]}", 422, "records[0]"},
        {"{\"records\":[{},[]]}", 422, "records[1]"},
        {"{\"records\":[{\"valeu\":1}]}", 422, "Unrecognized field: valeu"},
        {"{\"record\":[{}]}", 422, "Unrecognized field: record"},
        {"{\"records\":[{\"partition\":-1}]}", 422, "partition"},
        {"{\"records\":[{\"partition\":1.5}]}", 422, "partition"},
        {"{\"records\":[{\"partition\":\"0\"}]}", 422, "partition"},
        {"{\"records\":[{\"partition\":2147483648}]}", 422, "partition"},
        {"{\"records\":[{\"headers\":{}}]}", 422, "headers"},
        {"{\"records\":[{\"headers\":[1]}]}", 422, "headers"},
        {"{\"records\":[{\"headers\":[{\"key\":1}]}]}", 422, "headers"},
        {"{\"records\":[{\"headers\":[{\"key\":\"a\",\"value\":1}]}]}", 400, "base64"},
        {"{\"records\":[{\"headers\":[{\"key\":\"a\",\"v\":\"\"}]}]}", 422, "Unrecognized"},
        {"{\"records\":[{},{},{},{}]}", 413, "records_per_request_max"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_not_equal(parse(f, PN_KAFKA_REST_BODY_JSON, cases[i].body), 0);
        assert_int_equal(f->refusal.status, cases[i].status);
        assert_non_null(strstr(f->refusal.msg, cases[i].part));
    }
}

static void test_too_large_record(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse(f, PN_KAFKA_REST_BODY_JSON,
                           "{\"records\":[{\"value\":1},{\"value\":\"0123456789012345678901234567"
                           "890123456789012345678901234567890123456789\"}]}"),
                     0);
    assert_int_equal(f->entries[0].rc, 0);
    assert_int_not_equal(f->entries[1].rc, 0);
    assert_int_equal(f->entries[1].class_, PN_CLASS_INPUT);
}

/* Values are gathered in a buffer that moves as it grows: all of them must still be right. */
static void test_many_values(void **state)
{
    struct fixture *f = *state;
    for (int round = 0; round < 50; round++) {
        assert_int_equal(parse(f, PN_KAFKA_REST_BODY_JSON,
                               "{\"records\":[{\"key\":\"a\",\"value\":\"0123456789\"},"
                               "{\"key\":\"b\",\"value\":\"abcdefghijklmnopqrstuvwxyz\"},"
                               "{\"key\":\"c\",\"value\":[1,2,3]}]}"),
                         0);
        bytes_are(f->entries[0].record.key, "\"a\"");
        bytes_are(f->entries[0].record.value, "\"0123456789\"");
        bytes_are(f->entries[1].record.value, "\"abcdefghijklmnopqrstuvwxyz\"");
        bytes_are(f->entries[2].record.value, "[1,2,3]");
        pn_buf_deinit(&f->values);
    }
}

static void test_the_record_that_a_fault_is_in(void **state)
{
    (void)state;
    static const struct {
        const char *body; /* up to the fault */
        int index;        /* -1: in none */
    } cases[] = {
        {"", -1},
        {"{\"records\":", -1},
        {"{\"records\":[", 0},
        {"{\"records\":[{\"value\":[1,2,{\"a\":1,\"b\":2}]},", 1},
        {"{ \"key_schema\" : \"[,{\\\",\" , \"records\" : [ {\"value\":\"a,]\\\\\"}, 2, 3", 2},
        {"{\"records\":[{\"value\":\"open, , ", 0},
        {"{\"records\":[1,2],\"x\":[1,", -1},
        {"{\"x\":[{\"records\":[1,", -1},
        {"{\"x\":{\"records\":[1,", -1},
        {"[1,2,", -1},
        {"]]}},", -1},
        {"{\"records\\", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t index = 0;
        bool inside = pn_kafka_rest_produce_record_at(cases[i].body, strlen(cases[i].body), &index);
        if ((inside ? (int)index : -1) != cases[i].index) {
            fail_msg("%s: %d, %zu", cases[i].body, inside, index);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_json_values, setup, teardown),
        cmocka_unit_test_setup_teardown(test_whole_record, setup, teardown),
        cmocka_unit_test_setup_teardown(test_binary, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_large_record, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_values, setup, teardown),
        cmocka_unit_test(test_the_record_that_a_fault_is_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
