/* The table of operations, errors on the wire, and how a call names its stream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kinesis/api/model.h"
#include "support/kinesis_call.h"

#define ACCOUNT "000000000000"
#define ARN     "arn:aws:kinesis:us-east-1:" ACCOUNT ":stream/"

static void test_all_operations_are_found(void **state)
{
    (void)state;
    assert_int_equal(pn_operation_count, 40);
    for (size_t i = 0; i < pn_operation_count; i++) {
        const struct pn_operation *operation = &pn_operations[i];
        assert_ptr_equal(pn_operation_find(operation->name, strlen(operation->name)), operation);
        assert_true(i == 0 || strcmp(pn_operations[i - 1].name, operation->name) < 0);
        assert_string_equal(operation->input->name, operation->name);
        assert_true((operation->flags & PN_OPERATION_PUTS) == 0 ||
                    (operation->flags & PN_OPERATION_BLOCKS) == 0);
        assert_int_equal(operation->finish != NULL, (operation->flags & PN_OPERATION_PUTS) != 0);
    }
    assert_null(pn_operation_find("", 0));
    assert_null(pn_operation_find("PutRecordz", 10));
    assert_null(pn_operation_find("PutRecor", 8));
    assert_string_equal(pn_operation_find("PutRecords", 9)->name, "PutRecord");
    assert_null(pn_operation_find("putrecord", 9));
}

static void assert_error(int code, const char *name, int status)
{
    struct pn_err err = {.code = code};
    assert_string_equal(pn_call_error_name(&err), name);
    assert_int_equal(pn_call_error_status(&err), status);
}

static void test_errors_on_the_wire(void **state)
{
    (void)state;
    assert_error(PN_KINESIS_NOT_FOUND, "ResourceNotFoundException", 400);
    assert_error(PN_KINESIS_IN_USE, "ResourceInUseException", 400);
    assert_error(PN_KINESIS_INVALID_ARGUMENT, "InvalidArgumentException", 400);
    assert_error(PN_KINESIS_LIMIT_EXCEEDED, "LimitExceededException", 400);
    assert_error(PN_KINESIS_EXPIRED_ITERATOR, "ExpiredIteratorException", 400);
    assert_error(PN_KINESIS_EXPIRED_TOKEN, "ExpiredNextTokenException", 400);
    assert_error(PN_KINESIS_THROUGHPUT_EXCEEDED, "ProvisionedThroughputExceededException", 400);
    assert_error(PN_KINESIS_VALIDATION, "ValidationException", 400);
    assert_error(PN_KINESIS_ACCESS_DENIED, "AccessDeniedException", 400);
    assert_error(-120, "SerializationException", 400);
    assert_error(PN_KINESIS_INTERNAL, "InternalFailure", 500);
    assert_error(PN_FAIL, "InternalFailure", 500);
    assert_error(28, "InternalFailure", 500);
}

static void test_the_input_is_checked_first(void **state)
{
    struct kinesis_caller *c = *state;
    call_fails(c,
               "SerializationException: class "
               "com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to an "
               "String",
               "DeleteStream", "{'StreamName':1}");
    call_fails(c,
               "ValidationException: 1 validation error detected: Value null at 'streamName' "
               "failed to satisfy constraint: Member must not be null",
               "CreateStream", "{}");
}

static void test_a_stream_is_named_in_three_ways(void **state)
{
    struct kinesis_caller *c = *state;
    (void)call_ok(c, "CreateStream", "{'StreamName':'orders','ShardCount':1}");
    const struct pn_json *reply = call_ok(c, "DescribeStreamSummary", "{'StreamName':'orders'}");
    assert_text_at(reply, "StreamDescriptionSummary.StreamARN", ARN "orders");
    char *id = text_at(reply, "StreamDescriptionSummary.StreamId");
    assert_int_equal(strlen(id), 24);
    reply = call_ok(c, "DescribeStreamSummary", "{'StreamARN':'" ARN "orders'}");
    assert_text_at(reply, "StreamDescriptionSummary.StreamName", "orders");
    reply = call_ok(c, "DescribeStreamSummary", "{'StreamId':'%s'}", id);
    assert_text_at(reply, "StreamDescriptionSummary.StreamName", "orders");
    (void)call_ok(c, "DescribeStreamSummary",
                  "{'StreamName':'orders','StreamARN':'" ARN "orders','StreamId':'%s'}", id);
    call_fails(c, "InvalidArgumentException: StreamId and StreamName mismatch", "DescribeStream",
               "{'StreamName':'others','StreamId':'%s'}", id);
    call_fails(c, "InvalidArgumentException: StreamId and StreamARN mismatch", "DescribeStream",
               "{'StreamARN':'" ARN "others','StreamId':'%s'}", id);
    free(id);
}

static void test_a_stream_that_is_not_named(void **state)
{
    struct kinesis_caller *c = *state;
    call_fails(c, "InvalidArgumentException: Either StreamARN or StreamName must be provided.",
               "DescribeStream", "{}");
    call_fails(c, "InvalidArgumentException: StreamARN and StreamName mismatch", "DescribeStream",
               "{'StreamName':'a','StreamARN':'" ARN "b'}");
    call_fails(c, "ResourceNotFoundException: Stream a under account " ACCOUNT " not found.",
               "DescribeStream", "{'StreamName':'a'}");
    call_fails(c, "ResourceNotFoundException: Stream b under account " ACCOUNT " not found.",
               "DescribeStream", "{'StreamARN':'" ARN "b'}");
    call_fails(
        c,
        "ResourceNotFoundException: Stream with id abcdefghijklmnopqrst-123 under account " ACCOUNT
        " not found.",
        "DescribeStream", "{'StreamId':'abcdefghijklmnopqrst-123'}");
}

static void test_arns_of_others(void **state)
{
    struct kinesis_caller *c = *state;
    call_fails(c,
               "InvalidArgumentException: ARN arn:aws:kinesis:eu-west-1:" ACCOUNT ":stream/a is of "
               "region eu-west-1, while this is region us-east-1.",
               "DescribeStream", "{'StreamARN':'arn:aws:kinesis:eu-west-1:" ACCOUNT ":stream/a'}");
    call_fails(c,
               "AccessDeniedException: User: arn:aws:iam::" ACCOUNT ":root is not authorized to "
               "perform: kinesis:DescribeStream on resource: "
               "arn:aws:kinesis:us-east-1:111111111111:stream/a because no resource-based policy "
               "allows the kinesis:DescribeStream action",
               "DescribeStream", "{'StreamARN':'arn:aws:kinesis:us-east-1:111111111111:stream/a'}");
    call_fails(c, "InvalidArgumentException: ARN " ARN "a/b is invalid.", "DescribeStream",
               "{'StreamARN':'" ARN "a/b'}");
    call_fails(c, "InvalidArgumentException: StreamARN " ARN "a/consumer/c:1 is invalid.",
               "DescribeStream", "{'StreamARN':'" ARN "a/consumer/c:1'}");
}

/* An ARN may be longer than an error's own room. */
static void test_a_long_message_is_whole(void **state)
{
    struct kinesis_caller *c = *state;
    char name[1500];
    char error[2000];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    (void)snprintf(error, sizeof error, "InvalidArgumentException: ARN " ARN "%s is invalid.",
                   name);
    call_fails(c, error, "DescribeStream", "{'StreamARN':'" ARN "%s'}", name);
}

static void test_injected_errors(void **state)
{
    struct kinesis_caller *c = *state;
    int internal = 0;
    int throttled = 0;
    (void)call_ok(c, "CreateStream", "{'StreamName':'s','ShardCount':1}");
    kinesis_fixture_close(c->fixture);
    c->fixture->config.error_rate = 1;
    kinesis_fixture_open(c->fixture);
    for (int i = 0; i < 200; i++) {
        int rc = call_try(c, "PutRecord", "{'StreamName':'s','PartitionKey':'k','Data':'YQ=='}");
        internal += rc == PN_KINESIS_INTERNAL ? 1 : 0;
        throttled += rc == PN_KINESIS_THROUGHPUT_EXCEEDED ? 1 : 0;
    }
    assert_int_equal(internal + throttled, 200);
    assert_true(internal > 0 && throttled > 0);
    throttled = 0;
    for (int i = 0; i < 200; i++) {
        throttled += call_try(c, "ListStreams", "{}") == PN_KINESIS_LIMIT_EXCEEDED ? 1 : 0;
    }
    assert_in_range(throttled, 1, 199);
    /* a bad input is reported nevertheless */
    assert_int_equal(call_try(c, "ListStreams", "{'Limit':0}"), PN_KINESIS_VALIDATION);
}

static void test_cbor(void **state)
{
    struct kinesis_caller *c = *state;
    c->cbor = true;
    (void)call_ok(c, "CreateStream", "{'StreamName':'s','ShardCount':2}");
    const struct pn_json *reply = call_ok(c, "DescribeStream", "{'StreamName':'s'}");
    assert_count_at(reply, "StreamDescription.Shards", 2);
    assert_int_equal(reply_at(reply, "StreamDescription.StreamCreationTimestamp")->number,
                     LOG_FIXTURE_NOW);
    (void)call_ok(c, "PutRecord",
                  "{'StreamName':'s','PartitionKey':'k','ExplicitHashKey':'0','Data':'a b'}");
    reply = call_ok(c, "GetShardIterator",
                    "{'StreamName':'s','ShardId':'shardId-000000000000',"
                    "'ShardIteratorType':'TRIM_HORIZON'}");
    char *iterator = text_at(reply, "ShardIterator");
    reply = call_ok(c, "GetRecords", "{'ShardIterator':'%s'}", iterator);
    free(iterator);
    assert_count_at(reply, "Records", 1);
    const struct pn_json *data = reply_at(reply, "Records.0.Data");
    assert_null(data->raw); /* bytes */
    assert_memory_equal(data->text, "a b", 3);
    call_fails(c, "ResourceNotFoundException: Stream t under account " ACCOUNT " not found.",
               "DescribeStream", "{'StreamName':'t'}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_operations_are_found),
        cmocka_unit_test(test_errors_on_the_wire),
#define CALLS(test) \
    cmocka_unit_test_setup_teardown(test, kinesis_caller_set_up, kinesis_caller_tear_down)
        CALLS(test_the_input_is_checked_first),
        CALLS(test_a_stream_is_named_in_three_ways),
        CALLS(test_a_stream_that_is_not_named),
        CALLS(test_arns_of_others),
        CALLS(test_a_long_message_is_whole),
        CALLS(test_injected_errors),
        CALLS(test_cbor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
