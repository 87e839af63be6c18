/* What the REST routes' mapping templates make of a body, to the byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "aws/kinesis_template.h"

struct fixture {
    struct pn_arena arena;
    struct pn_json_parser *parser;
};

static int setup(void **state)
{
    static struct fixture fixture;
    pn_arena_init(&fixture.arena, 0);
    fixture.parser = pn_json_parser_create();
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    pn_json_parser_destroy(&f->parser);
    pn_arena_deinit(&f->arena);
    return 0;
}

static const struct pn_json *parse(struct fixture *f, const char *text)
{
    struct pn_json *root = NULL;
    size_t len = strlen(text);
    assert_int_equal(pn_json_parse(f->parser, text, len, len, &root, NULL), 0);
    return root;
}

static void is_bytes(const struct pn_json *node, const char *text)
{
    assert_non_null(node);
    assert_int_equal(node->type, PN_JSON_STRING);
    assert_null(node->raw); /* bytes, not to be decoded again */
    assert_int_equal(node->text_len, strlen(text));
    assert_memory_equal(node->text, text, strlen(text));
}

static void is_text(const struct pn_json *node, const char *text)
{
    assert_non_null(node);
    assert_ptr_equal(node->raw, node->text);
    assert_true(pn_json_text_is(node, text));
}

static void test_record(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *body;
        const char *data;
        const char *key;
    } cases[] = {
        {"{\"Data\": {\"b\": 1, \"a\": [ 1.50, -0, 1e3 ]}, \"PartitionKey\": \"test_pin\"}",
         "{\"b\":1,\"a\":[1.50,-0,1e3]}", "test_pin"},
        /* A string keeps its quotes; what it says is not looked into. */
        {"{\"Data\": \"eyJhIjoxfQ==\", \"PartitionKey\": \"k\"}", "\"eyJhIjoxfQ==\"", "k"},
        {"{\"Data\": \"{\\\"a\\\":1}\", \"PartitionKey\": \"k\"}", "\"{\\\"a\\\":1}\"", "k"},
        {"{\"Data\": [{\"value\": {\"a\": 1}}], \"PartitionKey\": \"k\"}",
         "[{\"value\":{\"a\":1}}]", "k"},
        /* Raw UTF-8, and no escape that JSON doesn't need. */
        {"{\"Data\": {\"t\": \"caf\\u00e9 \\/ \\ud83d\\ude00\\n\"}, \"PartitionKey\": \"k\"}",
         "{\"t\":\"caf\xc3\xa9 / \xf0\x9f\x98\x80\\n\"}", "k"},
        {"{\"Data\": null, \"PartitionKey\": \"k\"}", "null", "k"},
        {"{\"Data\": false, \"PartitionKey\": \"k\"}", "false", "k"},
        {"{\"Data\": \"\", \"PartitionKey\": \"k\"}", "\"\"", "k"},
        {"{\"PartitionKey\": \"k\"}", "\"\"", "k"},
        {"{\"Data\": 1, \"PartitionKey\": 20251124}", "1", "20251124"},
        {"{\"Data\": 1, \"PartitionKey\": 1.50}", "1", "1.50"},
        {"{\"Data\": 1, \"PartitionKey\": true}", "1", "true"},
        {"{\"Data\": 1, \"PartitionKey\": null}", "1", ""},
        {"{\"Data\": 1}", "1", ""},
        {"[1]", "\"\"", ""},
        {"\"text\"", "\"\"", ""},
        /* The stream is the URL's. */
        {"{\"StreamName\": [1], \"Data\": 1, \"PartitionKey\": \"k\"}", "1", "k"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct pn_json *input =
            pn_aws_template_put_record(&f->arena, "s", parse(f, cases[i].body));
        is_text(pn_json_get(input, "StreamName"), "s");
        is_bytes(pn_json_get(input, "Data"), cases[i].data);
        is_text(pn_json_get(input, "PartitionKey"), cases[i].key);
        assert_int_equal(input->count, 3);
    }
    is_bytes(pn_json_get(pn_aws_template_put_record(&f->arena, "s", NULL), "Data"), "\"\"");
}

/* The input outlives the parser's tree and the body. */
static void test_input_is_its_own(void **state)
{
    struct fixture *f = *state;
    char body[] = "{\"Data\": \"da\\tta\", \"PartitionKey\": \"k\\tk\"}";
    const struct pn_json *input = pn_aws_template_put_record(&f->arena, "s", parse(f, body));
    memset(body, 'x', sizeof body - 1);
    (void)parse(f, "{\"Data\": \"other\\ttext\", \"PartitionKey\": \"o\\to\"}");
    is_bytes(pn_json_get(input, "Data"), "\"da\\tta\"");
    is_text(pn_json_get(input, "PartitionKey"), "k\tk");
}

static void check_records(struct fixture *f, const char *body)
{
    const struct pn_json *input = pn_aws_template_put_records(&f->arena, "s", parse(f, body));
    const struct pn_json *records = pn_json_get(input, "Records");
    is_text(pn_json_get(input, "StreamName"), "s");
    assert_int_equal(records->type, PN_JSON_ARRAY);
    assert_int_equal(records->count, 3);
    is_bytes(pn_json_get(records->first, "Data"), "some \"text\"");
    is_text(pn_json_get(records->first, "PartitionKey"), "a");
    is_bytes(pn_json_get(records->first->next, "Data"), "{\"x\":1}");
    is_text(pn_json_get(records->first->next, "PartitionKey"), "7");
    is_bytes(pn_json_get(records->first->next->next, "Data"), "\"\"");
    is_text(pn_json_get(records->first->next->next, "PartitionKey"), "");
    assert_null(records->first->next->next->next);
}

static void test_records(void **state)
{
    check_records(*state, "{\"records\": [{\"data\": \"some \\\"text\\\"\", \"partition-key\": "
                          "\"a\"}, {\"data\": {\"x\": 1}, \"partition-key\": 7}, {}]}");
    check_records(*state, "{\"Records\": [{\"Data\": \"some \\\"text\\\"\", \"PartitionKey\": "
                          "\"a\"}, {\"PartitionKey\": 7, \"Data\": {\"x\": 1}}, 5]}");
}

static void test_no_records(void **state)
{
    struct fixture *f = *state;
    static const char *const bodies[] = {"{}", "{\"records\": {}}", "{\"Records\": []}", "[]"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        const struct pn_json *input =
            pn_aws_template_put_records(&f->arena, "s", parse(f, bodies[i]));
        assert_int_equal(pn_json_get(input, "Records")->count, 0);
    }
}

/* A call refuses more than 500; a million would only cost memory. */
static void test_many_records(void **state)
{
    struct fixture *f = *state;
    struct pn_buf body;
    pn_buf_init(&body, 1 << 20);
    pn_buf_adds(&body, "{\"records\":[0");
    for (int i = 0; i < 1000; i++) {
        pn_buf_adds(&body, ",0");
    }
    pn_buf_adds(&body, "]}");
    const struct pn_json *input =
        pn_aws_template_put_records(&f->arena, "s", parse(f, pn_buf_text(&body)));
    assert_int_equal(pn_json_get(input, "Records")->count, 501);
    pn_buf_deinit(&body);
}

static void test_create(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *body;
        int64_t shards;
    } cases[] = {
        {"{}", 5},
        {"{\"ShardCount\": 2}", 2},
        {"{\"ShardCount\": \"3\"}", 3},
        {"{\"ShardCount\": null}", 5},
        {"{\"ShardCount\": \"\", \"StreamName\": \"other\"}", 5},
        {"[]", 5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct pn_json *input =
            pn_aws_template_create_stream(&f->arena, "s", parse(f, cases[i].body));
        is_text(pn_json_get(input, "StreamName"), "s");
        assert_int_equal(pn_json_get_i64(input, "ShardCount", -1), cases[i].shards);
    }
    const struct pn_json *input = pn_aws_template_create_stream(&f->arena, "s", NULL);
    assert_int_equal(pn_json_get_i64(input, "ShardCount", -1), 5);
    input = pn_aws_template_create_stream(&f->arena, "s", parse(f, "{\"ShardCount\": \"many\"}"));
    is_text(pn_json_get(input, "ShardCount"), "many"); /* for the call to refuse */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_record, setup, teardown),
        cmocka_unit_test_setup_teardown(test_input_is_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(test_records, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_records, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_records, setup, teardown),
        cmocka_unit_test_setup_teardown(test_create, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
