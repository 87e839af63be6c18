#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kinesis/api/model_shapes.h"
#include "kinesis/api/wire.h"
#include "kinesis/kinesis.h"

#define NUMBER "class com.amazon.coral.value.json.numbers.TruncatingBigNumber"
#define LIST   "Start of list found where not expected"
#define STRUCT "Start of structure or map found where not expected."

static struct pn_json_parser *parser;
static struct pn_arena arena;

static int set_up(void **state)
{
    (void)state;
    parser = pn_json_parser_create();
    pn_arena_init(&arena, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pn_json_parser_destroy(&parser);
    pn_arena_deinit(&arena);
    return 0;
}

static struct pn_json *parse(const char *text)
{
    struct pn_json *root = NULL;
    struct pn_err e = {0};
    if (pn_json_parse(parser, text, strlen(text), strlen(text), &root, &e) != 0) {
        fail_msg("%s: %s", text, e.msg);
    }
    return root;
}

/* The input is refused with this code and text; or it is good when `expected` is NULL. */
static void check_tree(const struct pn_shape *shape, struct pn_json *root, const char *shown,
                       int code, const char *expected)
{
    const char *text = NULL;
    struct pn_err e = {0};
    int rc = pn_model_check(shape, root, &arena, &text, &e);
    if (expected == NULL) {
        if (rc != 0) {
            fail_msg("%s: %s", shown, text);
        }
        return;
    }
    if (rc == 0 || strcmp(text, expected) != 0) {
        fail_msg("%s: %s, not %s", shown, rc == 0 ? "is taken" : text, expected);
    }
    assert_int_equal(rc, code);
    assert_int_equal(e.code, code);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
    size_t whole = strlen(expected) < sizeof e.msg - 1 ? strlen(expected) : sizeof e.msg - 1;
    assert_memory_equal(e.msg, expected, whole);
}

static void check(const struct pn_shape *shape, const char *json, int code, const char *expected)
{
    check_tree(shape, parse(json), json, code, expected);
}

static void refuses(const struct pn_shape *shape, const char *json, const char *expected)
{
    check(shape, json, PN_MODEL_SERIALIZATION, expected);
}

static void violates(const struct pn_shape *shape, const char *json, const char *expected)
{
    check(shape, json, PN_KINESIS_VALIDATION, expected);
}

/* --- types ------------------------------------------------------------------------------------ */

struct type_case {
    const char *value;
    const char *expected;
};

/* Each value in the place of the %s of `json`. */
static void check_types(const struct pn_shape *shape, const char *before, const char *behind,
                        const struct type_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char *json = pn_arena_printf(&arena, "%s%s%s", before, cases[i].value, behind);
        refuses(shape, json, cases[i].expected);
    }
}

#define CHECK_TYPES(shape, before, behind, cases) \
    check_types(shape, before, behind, cases, sizeof(cases) / sizeof(cases)[0])

/* As kinesalite recorded them of AWS. */
static void test_types(void **state)
{
    (void)state;
    static const struct type_case booleans[] = {
        {"\"23\"", "'23' can not be converted to an Boolean"},
        {"\"Maybe\"", "'MAYBE' can not be converted to an Boolean"},
        {"23", NUMBER " can not be converted to an Boolean"},
        {"34.5", NUMBER " can not be converted to an Boolean"},
        {"[]", LIST},
        {"{}", STRUCT}};
    CHECK_TYPES(&pn_shape_DeleteStream_input, "{\"EnforceConsumerDeletion\":", "}", booleans);
    static const struct type_case strings[] = {
        {"true", "class java.lang.Boolean can not be converted to an String"},
        {"23", NUMBER " can not be converted to an String"},
        {"-2147483648", NUMBER " can not be converted to an String"},
        {"34.56", NUMBER " can not be converted to an String"},
        {"[]", LIST},
        {"{}", STRUCT}};
    CHECK_TYPES(&pn_shape_PutRecord_input, "{\"StreamName\":", "}", strings);
    CHECK_TYPES(&pn_shape_PutRecords_input, "{\"Records\":[{\"PartitionKey\":", "}]}", strings);
    CHECK_TYPES(&pn_shape_RemoveTagsFromStream_input, "{\"TagKeys\":[", "]}", strings);
    CHECK_TYPES(&pn_shape_AddTagsToStream_input, "{\"Tags\":{\"a\":", "}}", strings);
    static const struct type_case integers[] = {
        {"\"23\"", "class java.lang.String can not be converted to an Integer"},
        {"true", "class java.lang.Boolean can not be converted to an Integer"},
        {"[]", LIST},
        {"{}", STRUCT}};
    CHECK_TYPES(&pn_shape_CreateStream_input, "{\"ShardCount\":", "}", integers);
    static const struct type_case blobs[] = {
        {"true", "class java.lang.Boolean can not be converted to a Blob"},
        {"23", NUMBER " can not be converted to a Blob"},
        {"[]", LIST},
        {"{}", STRUCT},
        {"\"23456\"", "'23456' can not be converted to a Blob: Base64 encoded length is expected a "
                      "multiple of 4 bytes but found: 5"},
        {"\"=+/=\"", "'=+/=' can not be converted to a Blob: Invalid Base64 character: '='"},
        {"\"+/*=\"", "'+/*=' can not be converted to a Blob: Invalid Base64 character: '*'"},
        {"\"aa\xc3\xa9\"",
         "'aa\xc3\xa9' can not be converted to a Blob: Invalid Base64 character: '\xc3\xa9'"},
        {"\"    AAAA\"",
         "'    AAAA' can not be converted to a Blob: Invalid Base64 character: ' '"},
        {"\"+/+=\"", "'+/+=' can not be converted to a Blob: Invalid last non-pad Base64 character "
                     "dectected"}};
    CHECK_TYPES(&pn_shape_PutRecord_input, "{\"Data\":", "}", blobs);
    CHECK_TYPES(&pn_shape_PutRecords_input, "{\"Records\":[{\"Data\":", "}]}", blobs);
    static const struct type_case timestamps[] = {
        {"\"23\"", "class java.lang.String can not be converted to milliseconds since epoch"},
        {"true", "class java.lang.Boolean can not be converted to milliseconds since epoch"},
        {"[]", LIST},
        {"{}", STRUCT}};
    CHECK_TYPES(&pn_shape_GetShardIterator_input, "{\"Timestamp\":", "}", timestamps);
    static const struct type_case lists[] = {{"\"23\"", "Expected list or null"},
                                             {"true", "Expected list or null"},
                                             {"-34.5", "Expected list or null"},
                                             {"{}", STRUCT}};
    CHECK_TYPES(&pn_shape_PutRecords_input, "{\"Records\":", "}", lists);
    static const struct type_case maps[] = {{"\"23\"", "Expected map or null"},
                                            {"true", "Expected map or null"},
                                            {"23", "Expected map or null"},
                                            {"[]", LIST}};
    CHECK_TYPES(&pn_shape_AddTagsToStream_input, "{\"Tags\":", "}", maps);
    static const struct type_case structures[] = {{"\"23\"", "Expected null"},
                                                  {"true", "Expected null"},
                                                  {"23", "Expected null"},
                                                  {"[]", LIST}};
    CHECK_TYPES(&pn_shape_PutRecords_input, "{\"Records\":[", "]}", structures);
    CHECK_TYPES(&pn_shape_ListShards_input, "{\"ShardFilter\":", "}", structures);
    CHECK_TYPES(&pn_shape_ListShards_input, "", "", structures);
}

/* A wrong type is reported before any constraint, and the first one in the input before others. */
static void test_order(void **state)
{
    (void)state;
    refuses(&pn_shape_PutRecord_input, "{\"Data\":1}", NUMBER " can not be converted to a Blob");
    refuses(&pn_shape_PutRecord_input, "{\"StreamName\":true,\"Data\":1}",
            "class java.lang.Boolean can not be converted to an String");
    refuses(&pn_shape_PutRecord_input, "{\"Data\":1,\"StreamName\":true}",
            NUMBER " can not be converted to a Blob");
}

/* --- what a good input looks like afterwards -------------------------------------------------- */

static void test_changes(void **state)
{
    (void)state;
    struct pn_json *root =
        parse("{\"Unknown\":{\"a\":[1]},\"StreamName\":\"s\",\"StreamARN\":null,\"Data\":\"aGVs\","
              "\"PartitionKey\":\"k\",\"More\":null}");
    check_tree(&pn_shape_PutRecord_input, root, "a record", 0, NULL);
    assert_int_equal(root->count, 3);
    assert_true(pn_json_text_is(root->first, "s"));
    assert_null(root->first->next->next->next);
    const struct pn_json *data = pn_json_get(root, "Data");
    const void *bytes = NULL;
    size_t len = 0;
    assert_null(data->raw);
    assert_true(pn_wire_blob(data, &arena, &bytes, &len));
    assert_int_equal(len, 3);
    assert_memory_equal(bytes, "hel", 3);

    static const struct {
        const char *spelled;
        int64_t integer;
    } integers[] = {{"7", 7},
                    {"7.9", 7},
                    {"1e3", 1000},
                    {"2147483648", INT32_MAX},
                    {"100000000000000000000000", INT32_MAX}};
    for (size_t i = 0; i < sizeof integers / sizeof integers[0]; i++) {
        root = parse(pn_arena_printf(&arena, "{\"StreamName\":\"s\",\"ShardCount\":%s}",
                                     integers[i].spelled));
        check_tree(&pn_shape_CreateStream_input, root, integers[i].spelled, 0, NULL);
        assert_int_equal(pn_json_get_i64(root, "ShardCount", -1), integers[i].integer);
    }

    static const char *const yes[] = {"true", "\"true\"", "\"TRUE\"", "\"1\"", "\"Yes\""};
    static const char *const no[] = {"false", "\"false\"", "\"0\"", "\"no\""};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        root = parse(pn_arena_printf(&arena, "{\"EnforceConsumerDeletion\":%s}", yes[i]));
        check_tree(&pn_shape_DeleteStream_input, root, yes[i], 0, NULL);
        assert_true(pn_json_get_bool(root, "EnforceConsumerDeletion", false));
    }
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++) {
        root = parse(pn_arena_printf(&arena, "{\"EnforceConsumerDeletion\":%s}", no[i]));
        check_tree(&pn_shape_DeleteStream_input, root, no[i], 0, NULL);
        assert_false(pn_json_get_bool(root, "EnforceConsumerDeletion", true));
    }

    root = parse("{\"Records\":[{\"x\":1,\"Data\":\"\",\"PartitionKey\":\"k\"}],\"y\":1}");
    check_tree(&pn_shape_PutRecords_input, root, "records", 0, NULL);
    assert_int_equal(root->count, 1);
    assert_int_equal(root->first->first->count, 2);

    root = parse("{\"a\":1,\"b\":null}");
    check_tree(&pn_shape_DescribeLimits_input, root, "no members", 0, NULL);
    assert_int_equal(root->count, 0);
    assert_null(root->first);
}

/* --- constraints ------------------------------------------------------------------------------ */

/* `count` times `text`, with `between` between them, in the arena. */
static const char *repeat(const char *text, size_t count, const char *between)
{
    struct pn_buf out;
    pn_buf_init(&out, 1 << 24);
    for (size_t i = 0; i < count; i++) {
        pn_buf_adds(&out, i == 0 ? "" : between);
        pn_buf_adds(&out, text);
    }
    const char *copy = pn_arena_strdup(&arena, pn_buf_text(&out));
    pn_buf_deinit(&out);
    return copy;
}

#define AT(value, place) "Value " value " at '" place "' failed to satisfy constraint: "
#define NOT_NULL(place)  AT("null", place) "Member must not be null"
#define PATTERN          "Member must satisfy regular expression pattern: "
#define NAME_PATTERN     PATTERN "[a-zA-Z0-9_.-]+"
#define LONG_1           "Member must have length greater than or equal to 1"

static void test_required(void **state)
{
    (void)state;
    violates(&pn_shape_CreateStream_input, "{}",
             "1 validation error detected: " NOT_NULL("streamName"));
    violates(&pn_shape_CreateStream_input, "{\"StreamName\":null}",
             "1 validation error detected: " NOT_NULL("streamName"));
    violates(&pn_shape_PutRecord_input, "{}", "1 validation error detected: " NOT_NULL("data"));
    violates(&pn_shape_PutRecords_input, "{\"Records\":[{\"PartitionKey\":\"a\"}]}",
             "1 validation error detected: " NOT_NULL("records.1.member.data"));
    violates(&pn_shape_PutRecords_input,
             "{\"Records\":[{\"PartitionKey\":\"a\",\"Data\":\"\"},null]}",
             "1 validation error detected: " NOT_NULL("records.2.member"));
    violates(&pn_shape_RemoveTagsFromStream_input, "{\"TagKeys\":[\"a\",null]}",
             "1 validation error detected: " NOT_NULL("tagKeys.2.member"));
    violates(&pn_shape_AddTagsToStream_input, "{\"Tags\":{\"Key\":null}}",
             "1 validation error detected: " NOT_NULL("tags.Key.member"));
    violates(&pn_shape_UpdateStreamMode_input,
             "{\"StreamARN\":\"arn:aws:kinesis:r:123456789012:stream/a\",\"StreamModeDetails\":{}}",
             "1 validation error detected: " NOT_NULL("streamModeDetails.streamMode"));
    violates(&pn_shape_ListShards_input, "{\"ShardFilter\":{\"Type\":null}}",
             "1 validation error detected: " NOT_NULL("shardFilter.type"));
}

static void test_texts(void **state)
{
    (void)state;
    violates(&pn_shape_DeleteStream_input, "{\"StreamName\":\"\"}",
             "2 validation errors detected: " AT("''", "streamName") NAME_PATTERN
             "; " AT("''", "streamName") LONG_1);
    violates(&pn_shape_DeleteStream_input, "{\"StreamName\":\"a b\"}",
             "1 validation error detected: " AT("'a b'", "streamName") NAME_PATTERN);
    const char *name = repeat("a", 129, "");
    violates(&pn_shape_DeleteStream_input, pn_arena_printf(&arena, "{\"StreamName\":\"%s\"}", name),
             pn_arena_printf(
                 &arena,
                 "1 validation error detected: " AT(
                     "'%s'", "streamName") "Member must have length less than or equal to 128",
                 name));
    violates(&pn_shape_GetShardIterator_input,
             "{\"StreamName\":\"s\",\"ShardId\":\"s\",\"ShardIteratorType\":\"latest\"}",
             "1 validation error detected: " AT(
                 "'latest'", "shardIteratorType") "Member must satisfy enum value set: "
                                                  "[AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, "
                                                  "AT_SEQUENCE_NUMBER, TRIM_HORIZON]");
    violates(&pn_shape_PutRecord_input,
             "{\"Data\":\"\",\"PartitionKey\":\"k\",\"ExplicitHashKey\":\"\","
             "\"SequenceNumberForOrdering\":\"01\",\"StreamARN\":\"a\",\"StreamId\":\"b\"}",
             pn_arena_printf(&arena, "4 validation errors detected: %s%s; %s%s; %s%s; %s%s",
                             AT("'01'", "sequenceNumberForOrdering") PATTERN,
                             "^(0|([1-9]\\d{0,128}))$", AT("''", "explicitHashKey") PATTERN,
                             "^(0|([1-9]\\d{0,38}))$", AT("'a'", "streamARN") PATTERN,
                             "arn:aws.*:kinesis:.*:\\d{12}:stream/\\S+",
                             AT("'b'", "streamId") PATTERN, "[a-z0-9]{20}-[a-z0-9]{3}"));
}

/* Lengths are in Java's chars: two for what is beyond the basic plane. */
static void test_lengths(void **state)
{
    (void)state;
    static const char *const chars[] = {"a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    for (size_t i = 0; i < sizeof chars / sizeof chars[0]; i++) {
        size_t most = strlen(chars[i]) == 4 ? 128 : 256;
        const char *key = repeat(chars[i], most, "");
        check(&pn_shape_PutRecord_input,
              pn_arena_printf(&arena, "{\"Data\":\"\",\"PartitionKey\":\"%s\"}", key), 0, NULL);
        key = repeat(chars[i], most + 1, "");
        violates(
            &pn_shape_PutRecord_input,
            pn_arena_printf(&arena, "{\"Data\":\"\",\"PartitionKey\":\"%s\"}", key),
            pn_arena_printf(
                &arena,
                "1 validation error detected: " AT(
                    "'%s'", "partitionKey") "Member must have length less than or equal to 256",
                key));
    }
    struct pn_json data = {.key = "Data", .key_len = 4};
    struct pn_json key = {.key = "PartitionKey", .key_len = 12, .next = &data};
    const size_t most = 10485760;
    char *bytes = calloc(1, most + 1);
    assert_non_null(bytes);
    pn_wire_set_text(&key, "k", 1);
    pn_wire_set_bytes(&data, bytes, most);
    struct pn_json root = {.type = PN_JSON_OBJECT, .count = 2, .first = &key};
    check_tree(&pn_shape_PutRecord_input, &root, "the largest record", 0, NULL);
    pn_wire_set_bytes(&data, bytes, most + 1);
    check_tree(&pn_shape_PutRecord_input, &root, "a larger record", PN_KINESIS_VALIDATION,
               "1 validation error detected: Value 'java.nio.HeapByteBuffer[pos=0 lim=10485761 "
               "cap=10485761]' at 'data' failed to satisfy constraint: Member must have length "
               "less than or equal to 10485760");
    free(bytes);
}

static void test_numbers(void **state)
{
    (void)state;
    violates(
        &pn_shape_GetRecords_input, "{\"ShardIterator\":\"\",\"Limit\":0}",
        "2 validation errors detected: " AT(
            "'0'",
            "limit") "Member must have value greater than or equal to 1; " AT("''", "shardIterator")
            LONG_1);
    violates(&pn_shape_GetRecords_input, "{\"ShardIterator\":\"a\",\"Limit\":100000000000}",
             "1 validation error detected: " AT(
                 "'2147483647'", "limit") "Member must have value less than or equal to 10000");
    violates(
        &pn_shape_UpdateMaxRecordSize_input, "{\"MaxRecordSizeInKiB\":-1}",
        "1 validation error detected: " AT(
            "'-1'", "maxRecordSizeInKiB") "Member must have value greater than or equal to 1024");
}

static void test_lists(void **state)
{
    (void)state;
    violates(&pn_shape_RemoveTagsFromStream_input, "{\"TagKeys\":[]}",
             "1 validation error detected: " AT("'[]'", "tagKeys") LONG_1);
    const char *tag = repeat("a", 129, "");
    violates(
        &pn_shape_RemoveTagsFromStream_input,
        pn_arena_printf(&arena, "{\"TagKeys\":[\"a\",\"%s\",\"b\"]}", tag),
        pn_arena_printf(
            &arena,
            "1 validation error detected: " AT(
                "'[a, %s, b]'",
                "tagKeys") "Member must satisfy constraint: [Member must have length less than "
                           "or equal to 128, " LONG_1 "]",
            tag));
    violates(
        &pn_shape_EnableEnhancedMonitoring_input, "{\"ShardLevelMetrics\":[\"ALL\",\"x\"]}",
        "1 validation error detected: " AT(
            "'[ALL, x]'", "shardLevelMetrics") "Member must satisfy constraint: [Member must "
                                               "satisfy enum value set: [IncomingBytes, "
                                               "IncomingRecords, OutgoingBytes, OutgoingRecords, "
                                               "WriteProvisionedThroughputExceeded, "
                                               "ReadProvisionedThroughputExceeded, "
                                               "IteratorAgeMilliseconds, ALL]]");
    violates(&pn_shape_AddTagsToStream_input, "{\"Tags\":{}}",
             "1 validation error detected: " AT("'{}'", "tags") LONG_1);
    violates(&pn_shape_AddTagsToStream_input, "{\"Tags\":{\"a\":\"b\",\"\":\"\"}}",
             "1 validation error detected: " AT("'{a=b, =}'",
                                                "tags") "Map keys must satisfy constraint: [Member "
                                                        "must have length less than or equal to "
                                                        "128, " LONG_1 "]");
    const char *value = repeat("v", 257, "");
    violates(&pn_shape_AddTagsToStream_input,
             pn_arena_printf(&arena, "{\"Tags\":{\"a\":\"%s\"}}", value),
             pn_arena_printf(
                 &arena,
                 "1 validation error detected: " AT(
                     "'{a=%s}'",
                     "tags") "Map value must satisfy constraint: [Member must have length less "
                             "than or equal to 256, Member must have length greater than or equal "
                             "to 0]",
                 value));
}

/* At most ten are listed; a message longer than an error holds is whole in the arena. */
static void test_many(void **state)
{
    (void)state;
    const char *records = repeat("{\"PartitionKey\":\"\",\"Data\":\"\"}", 501, ",");
    struct pn_buf expected;
    pn_buf_init(&expected, 1 << 20);
    pn_buf_addf(
        &expected,
        "10 validation errors detected: " AT(
            "'[%s]'", "records") "Member must have length less than or equal to 500",
        repeat("com.amazonaws.kinesis.v20131202.PutRecordsRequestEntry@c965e310", 501, ", "));
    for (int i = 1; i < 10; i++) {
        pn_buf_addf(&expected, "; " AT("''", "records.%d.member.partitionKey") LONG_1, i);
    }
    violates(&pn_shape_PutRecords_input,
             pn_arena_printf(&arena, "{\"StreamName\":\"\",\"Records\":[%s]}", records),
             pn_buf_text(&expected));
    pn_buf_deinit(&expected);
}

/* A caller's long texts are cut, at a character's start. */
static void test_cut(void **state)
{
    (void)state;
    const char *name = repeat("\xe2\x82\xac", 5000, "");
    violates(
        &pn_shape_ListStreams_input,
        pn_arena_printf(&arena, "{\"ExclusiveStartStreamName\":\"%s\"}", name),
        pn_arena_printf(
            &arena,
            "2 validation errors detected: " AT("'%.4095s...'", "exclusiveStartStreamName")
                NAME_PATTERN
            "; " AT("'%.4095s...'",
                    "exclusiveStartStreamName") "Member must have length less than or equal to 128",
            name, name));
    const char *text = NULL;
    const char *keys = repeat(repeat("\"k\"", 1, ""), 100000, ",");
    assert_int_equal(pn_model_check(&pn_shape_RemoveTagsFromStream_input,
                                    parse(pn_arena_printf(&arena, "{\"TagKeys\":[%s]}", keys)),
                                    &arena, &text, NULL),
                     PN_KINESIS_VALIDATION);
    assert_true(strlen(text) < 70000);
    assert_non_null(strstr(text, "k, ...]' at 'tagKeys'"));
}

/* --- CBOR ------------------------------------------------------------------------------------- */

static void check_cbor(const struct pn_shape *shape, const char *bytes, size_t len, int code,
                       const char *expected)
{
    struct pn_json *root = NULL;
    assert_int_equal(pn_cbor_parse(bytes, len, &arena, &root, NULL), 0);
    check_tree(shape, root, "CBOR", code, expected);
}

static void test_cbor(void **state)
{
    (void)state;
    static const char good[] = "\xbf\x64"
                               "Data\x42\x00\xff\x6cPartitionKey\x61k\x64More\xf6\xff";
    static const char text_data[] = "\xa2\x64"
                                    "Data\x64"
                                    "AAAA\x6cPartitionKey\x61k";
    static const char bytes_key[] = "\xa2\x64"
                                    "Data\x40\x6cPartitionKey\x41k";
    static const char bytes_flag[] = "\xa1\x77"
                                     "EnforceConsumerDeletion\x44true";
    /* As the AWS SDK for Java 2.31 wrote them. */
    static const char java_put[] = "\xbf\x6aStreamName\x61s\x64"
                                   "Data\x45hello\x6cPartitionKey\x63k\xc3\xa9\xff";
    static const char java_at[] =
        "\xbf\x6aStreamName\x61s\x67ShardId\x74shardId-000000000000"
        "\x71ShardIteratorType\x6c"
        "AT_TIMESTAMP\x69Timestamp\xc1\x1b\x00\x00\x01\x8b\xcf\xe5\x68\x7b\xff";
    check_cbor(&pn_shape_PutRecord_input, good, sizeof good - 1, 0, NULL);
    check_cbor(&pn_shape_PutRecord_input, java_put, sizeof java_put - 1, 0, NULL);
    check_cbor(&pn_shape_PutRecord_input, text_data, sizeof text_data - 1, PN_MODEL_SERIALIZATION,
               "class java.lang.String can not be converted to a Blob");
    check_cbor(&pn_shape_PutRecord_input, bytes_key, sizeof bytes_key - 1, PN_MODEL_SERIALIZATION,
               "class java.nio.HeapByteBuffer can not be converted to an String");
    check_cbor(&pn_shape_DeleteStream_input, bytes_flag, sizeof bytes_flag - 1,
               PN_MODEL_SERIALIZATION,
               "class java.nio.HeapByteBuffer can not be converted to an Boolean");
    struct pn_json *root = NULL;
    assert_int_equal(pn_cbor_parse(java_at, sizeof java_at - 1, &arena, &root, NULL), 0);
    check_tree(&pn_shape_GetShardIterator_input, root, "a timestamp", 0, NULL);
    assert_int_equal(pn_wire_timestamp_ms(pn_json_get(root, "Timestamp")), 1700000000123);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_types), TEST(test_order),   TEST(test_changes), TEST(test_required),
        TEST(test_texts), TEST(test_lengths), TEST(test_numbers), TEST(test_lists),
        TEST(test_many),  TEST(test_cut),     TEST(test_cbor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
