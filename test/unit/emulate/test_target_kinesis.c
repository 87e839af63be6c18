/* The producer putting records into streams, against a server that answers as the test says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/mem.h"
#include "support/script.h"

#define OK_0 "{\"ShardId\":\"shardId-000000000001\",\"SequenceNumber\":\"490\"}"
#define OK_1 "{\"ShardId\":\"shardId-000000000000\",\"SequenceNumber\":\"491\"}"
#define THROTTLED \
    "{\"ErrorCode\":\"ProvisionedThroughputExceededException\",\"ErrorMessage\":\"x\"}"
#define FAILED      "{\"ErrorCode\":\"InternalFailure\",\"ErrorMessage\":\"failed\"}"
#define NEVER       "{\"ErrorCode\":\"SomethingElse\",\"ErrorMessage\":\"never\"}"
#define RECORDS(of) "{\"FailedRecordCount\":0,\"Records\":[" of "]}"
#define ERROR(name) "{\"__type\":\"" name "\",\"message\":\"because\"}"

static const char generator[] =
    "rows: 3\nkinds: {a: {topic: t.a, stream: {name: s-a, partition_key: key a}, "
    "fields: {n: \"é${row}\"}}}\n";
/* {"n":"é0"}, é1 and é2 in base64. */
#define BASE64_0 "eyJuIjoiw6kwIn0="
#define BASE64_1 "eyJuIjoiw6kxIn0="
#define BASE64_2 "eyJuIjoiw6kyIn0="

static struct script script;
static struct pn_emulate_config config;
static struct pn_emulate_summary summary;
static struct pn_err err;

static void begin(const struct answer *answers, size_t count, enum pn_emulate_target target)
{
    script_start(&script, answers, count, generator);
    script_config(&script, &config);
    config.target = target;
}

static void test_put_record_through_the_gateway(void **state)
{
    (void)state;
    const struct answer answers[] = {{200, OK_0}};
    begin(answers, 1, PN_EMULATE_KINESIS_REST);
    config.stage = "/prod/";
    config.api_key = "abc";
    config.access_key = "id";
    config.secret_key = "secret";
    config.region = "eu-west-1";
    assert_int_equal(pn_emulate_run(&config, &summary, NULL), 0);
    assert_int_equal(summary.acknowledged, 3);
    assert_int_equal(script.request_count, 3);
    assert_string_equal(script.asked[1].method, "PUT");
    assert_string_equal(script.asked[1].url, "/prod/streams/s-a/record");
    assert_string_equal(script.asked[1].key, "abc");
    assert_string_equal(script.asked[1].authorization, "");
    assert_string_equal(script.asked[1].body, "{\"StreamName\":\"s-a\",\"Data\":{\"n\":\"é1\"},"
                                              "\"PartitionKey\":\"key a\"}");
    script_stop(&script);
}

static void test_put_record_of_the_api(void **state)
{
    (void)state;
    const struct answer answers[] = {{200, OK_0}};
    begin(answers, 1, PN_EMULATE_KINESIS);
    assert_int_equal(pn_emulate_run(&config, &summary, NULL), 0);
    assert_int_equal(summary.acknowledged, 3);
    assert_string_equal(script.asked[1].method, "POST");
    assert_string_equal(script.asked[1].url, "/");
    assert_string_equal(script.asked[1].target, "Kinesis_20131202.PutRecord");
    assert_string_equal(script.asked[1].content_type, "application/x-amz-json-1.1");
    assert_string_equal(script.asked[1].authorization, "");
    assert_string_equal(script.asked[1].body, "{\"StreamName\":\"s-a\",\"Data\":\"" BASE64_1
                                              "\",\"PartitionKey\":\"key a\"}");
    script_stop(&script);
}

static void test_keys_sign_each_request(void **state)
{
    (void)state;
    const struct answer answers[] = {{500, ERROR("InternalFailure")}, {200, OK_0}};
    begin(answers, 2, PN_EMULATE_KINESIS);
    config.access_key = "id";
    config.secret_key = "secret";
    config.region = "eu-west-1";
    assert_int_equal(pn_emulate_run(&config, &summary, NULL), 0);
    assert_int_equal(script.request_count, 4);
    for (size_t i = 0; i < 4; i++) {
        const char *authorization = script.asked[i].authorization;
        assert_ptr_equal(strstr(authorization, "AWS4-HMAC-SHA256 Credential=id/"), authorization);
        assert_non_null(strstr(authorization, "/eu-west-1/kinesis/aws4_request"));
    }
    script_stop(&script);
}

static void test_put_records_through_both(void **state)
{
    (void)state;
    const struct answer answers[] = {{200, RECORDS(OK_0 "," OK_1)}, {200, RECORDS(OK_0)}};
    begin(answers, 2, PN_EMULATE_KINESIS_REST);
    config.batch = 2;
    assert_int_equal(pn_emulate_run(&config, &summary, NULL), 0);
    assert_int_equal(summary.acknowledged, 3);
    assert_string_equal(script.asked[0].url, "/streams/s-a/records");
    assert_string_equal(script.asked[0].body,
                        "{\"records\":[{\"data\":{\"n\":\"é0\"},\"partition-key\":\"key a\"},"
                        "{\"data\":{\"n\":\"é1\"},\"partition-key\":\"key a\"}]}");
    assert_string_equal(script.asked[1].body,
                        "{\"records\":[{\"data\":{\"n\":\"é2\"},\"partition-key\":\"key a\"}]}");
    script_stop(&script);

    begin(answers, 2, PN_EMULATE_KINESIS);
    config.batch = 2;
    assert_int_equal(pn_emulate_run(&config, &summary, NULL), 0);
    assert_int_equal(summary.acknowledged, 3);
    assert_string_equal(script.asked[0].target, "Kinesis_20131202.PutRecords");
    assert_string_equal(script.asked[0].body,
                        "{\"StreamName\":\"s-a\",\"Records\":["
                        "{\"Data\":\"" BASE64_0 "\",\"PartitionKey\":\"key a\"},"
                        "{\"Data\":\"" BASE64_1 "\",\"PartitionKey\":\"key a\"}]}");
    script_stop(&script);
}

/* {"n":"é0"}: as a string with its base64, and with its JSON; through the API in base64 again. */
static void test_payloads(void **state)
{
    (void)state;
    static const struct {
        enum pn_emulate_target target;
        enum pn_emulate_payload payload;
        const char *data;
    } cases[] = {
        {PN_EMULATE_KINESIS_REST, PN_EMULATE_BASE64, "\"Data\":\"" BASE64_0 "\","},
        {PN_EMULATE_KINESIS_REST, PN_EMULATE_JSON_STRING, "\"Data\":\"{\\\"n\\\":\\\"é0\\\"}\","},
        {PN_EMULATE_KINESIS, PN_EMULATE_BASE64, "\"Data\":\"ImV5SnVJam9pdzZrd0luMD0i\","},
        {PN_EMULATE_KINESIS, PN_EMULATE_JSON_STRING, "\"Data\":\"IntcIm5cIjpcIsOpMFwifSI=\","},
    };
    const struct answer answers[] = {{200, OK_0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(answers, 1, cases[i].target);
        config.payload = cases[i].payload;
        assert_int_equal(pn_emulate_run(&config, &summary, NULL), 0);
        assert_non_null(strstr(script.asked[0].body, cases[i].data));
        script_stop(&script);
    }
}

static void test_only_the_failed_ones_are_sent_again(void **state)
{
    (void)state;
    const struct answer answers[] = {{200, RECORDS(FAILED "," OK_0 "," THROTTLED)},
                                     {400, ERROR("ProvisionedThroughputExceededException")},
                                     {200, RECORDS(NEVER "," OK_1)}};
    begin(answers, 3, PN_EMULATE_KINESIS);
    config.batch = 3;
    assert_int_equal(pn_emulate_run(&config, &summary, NULL), 0);
    assert_int_equal(summary.sent, 3);
    assert_int_equal(summary.acknowledged, 2);
    assert_int_equal(summary.failed, 1);
    assert_int_equal(summary.retried, 2);
    assert_non_null(strstr(summary.first_failure, "never"));
    assert_int_equal(script.request_count, 3);
    assert_string_equal(script.asked[1].body,
                        "{\"StreamName\":\"s-a\",\"Records\":["
                        "{\"Data\":\"" BASE64_0 "\",\"PartitionKey\":\"key a\"},"
                        "{\"Data\":\"" BASE64_2 "\",\"PartitionKey\":\"key a\"}]}");
    assert_string_equal(script.asked[2].body, script.asked[1].body);
    script_stop(&script);
}

/* A record that is refused is skipped, what may pass is waited for. */
static void test_refusals(void **state)
{
    (void)state;
    const struct answer answers[] = {{400, ERROR("com.amazonaws.kinesis#ValidationException")},
                                     {400, ERROR("LimitExceededException")},
                                     {400, ERROR("KMSThrottlingException")},
                                     {413, "{}"},
                                     {200, OK_0}};
    begin(answers, 5, PN_EMULATE_KINESIS_REST);
    assert_int_equal(pn_emulate_run(&config, &summary, NULL), 0);
    assert_int_equal(summary.acknowledged, 1);
    assert_int_equal(summary.failed, 2);
    assert_int_equal(summary.retried, 2);
    assert_non_null(strstr(summary.first_failure, "because"));
    assert_string_equal(script.asked[3].body, script.asked[1].body);
    script_stop(&script);
}

static void test_a_hopeless_run_ends(void **state)
{
    (void)state;
    static const struct {
        struct answer answer;
        const char *message;
    } cases[] = {
        {{400, ERROR("ResourceNotFoundException")}, "because"},
        {{400, ERROR("UnrecognizedClientException")}, "because"},
        {{400, "no JSON"}, "status 400"},
        {{403, "{\"message\":\"Forbidden\"}"}, "Forbidden"},
        {{404, "{}"}, "status 404"},
        {{200, "hello"}, "without a sequence number for each record"},
        {{200, "{}"}, "without a sequence number for each record"},
        {{200, "{\"SequenceNumber\":5}"}, "without a sequence number for each record"},
        {{200, RECORDS("")}, "without a sequence number for each record"},
        {{200, RECORDS(OK_0 "," OK_1)}, "without a sequence number for each record"},
        {{200, ERROR("ResourceNotFoundException")}, "without a sequence number for each record"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(&cases[i].answer, 1, PN_EMULATE_KINESIS_REST);
        assert_int_not_equal(pn_emulate_run(&config, &summary, &err), 0);
        assert_int_equal(err.class_, PN_CLASS_INPUT);
        assert_non_null(strstr(err.msg, cases[i].message));
        assert_int_equal(script.request_count, 1);
        assert_int_equal(summary.acknowledged, 0);
        assert_int_equal(summary.failed, 1);
        script_stop(&script);
    }
}

/* The stored bytes' SHA-256, of {"n":"é0"} and of its base64 in quotes. */
static void test_acks_are_of_what_is_stored(void **state)
{
    (void)state;
    static const struct {
        enum pn_emulate_payload payload;
        const char *line;
    } cases[] = {
        {PN_EMULATE_OBJECT, "s-a,shardId-000000000001,490,"
                            "bb17e1969c17240d9c5c0df4fd424672dcb497e1bb51f182a95846ce1d2d2515\n"},
        {PN_EMULATE_BASE64, "s-a,shardId-000000000001,490,"
                            "c9296f05182a8382edd025bd5e6216a6fe18e9c16d76b21aff21518b7ac30acf\n"},
    };
    const struct answer answers[] = {{200, OK_0}, {200, OK_1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int api = 0; api <= 1; api++) {
            begin(answers, 2, api == 1 ? PN_EMULATE_KINESIS : PN_EMULATE_KINESIS_REST);
            config.payload = cases[i].payload;
            config.rows = 1;
            char *path = pn_xasprintf("%s/acks", script.folder);
            config.acks_path = path;
            assert_int_equal(pn_emulate_run(&config, &summary, NULL), 0);
            struct pn_buf acks;
            pn_buf_init(&acks, 4096);
            assert_int_equal(pn_io_read_file(pn_io_system(), path, &acks, NULL), 0);
            assert_string_equal(pn_buf_text(&acks), cases[i].line);
            pn_buf_deinit(&acks);
            free(path);
            script_stop(&script);
        }
    }
}

static void test_which_stream(void **state)
{
    (void)state;
    static const char two[] = "rows: 1\nkinds:\n"
                              "  a: {topic: t.a, stream: {name: s-a}, fields: {n: x}}\n"
                              "  b: {topic: t.b, fields: {n: y}}\n";
    const struct answer answers[] = {{200, OK_0}};
    script_start(&script, answers, 1, two);
    script_config(&script, &config);
    config.target = PN_EMULATE_KINESIS_REST;
    assert_int_not_equal(pn_emulate_run(&config, &summary, &err), 0);
    assert_int_equal(err.class_, PN_CLASS_INPUT);
    assert_non_null(strstr(err.msg, "no stream for the kind b"));
    assert_int_equal(script.request_count, 0);
    /* One for all; the kinds' names are their partition keys then. */
    config.stream = "all";
    assert_int_equal(pn_emulate_run(&config, &summary, NULL), 0);
    assert_string_equal(script.asked[0].url, "/streams/all/record");
    assert_string_equal(script.asked[0].body,
                        "{\"StreamName\":\"all\",\"Data\":{\"n\":\"x\"},\"PartitionKey\":\"a\"}");
    assert_string_equal(script.asked[1].url, "/streams/all/record");
    assert_string_equal(script.asked[1].body,
                        "{\"StreamName\":\"all\",\"Data\":{\"n\":\"y\"},\"PartitionKey\":\"b\"}");
    script_stop(&script);
}

/* Requests stay below what PutRecords takes, however many records they may have. */
static void test_a_request_is_not_too_large(void **state)
{
    (void)state;
    static const char big[] = "rows: 7\nkinds: {a: {topic: t, stream: {name: s}, "
                              "fields: {n: \"${xs * 1000..1000 by ''}\"}}}\n"
                              "lists: {xs: [\"${hex 1000}\"]}\n";
    const struct answer answers[] = {{200, RECORDS(OK_0 "," OK_0 "," OK_0 "," OK_0)},
                                     {200, RECORDS(OK_0 "," OK_0 "," OK_0)}};
    script_start(&script, answers, 2, big);
    script_config(&script, &config);
    config.target = PN_EMULATE_KINESIS_REST;
    config.batch = 500;
    assert_int_equal(pn_emulate_run(&config, &summary, NULL), 0);
    assert_int_equal(summary.acknowledged, 7);
    assert_int_equal(script.request_count, 2);
    script_stop(&script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put_record_through_the_gateway),
        cmocka_unit_test(test_put_record_of_the_api),
        cmocka_unit_test(test_keys_sign_each_request),
        cmocka_unit_test(test_put_records_through_both),
        cmocka_unit_test(test_payloads),
        cmocka_unit_test(test_only_the_failed_ones_are_sent_again),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_a_hopeless_run_ends),
        cmocka_unit_test(test_acks_are_of_what_is_stored),
        cmocka_unit_test(test_which_stream),
        cmocka_unit_test(test_a_request_is_not_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
