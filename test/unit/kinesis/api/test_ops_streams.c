/* CreateStream, DeleteStream, DescribeStream, DescribeStreamSummary, ListStreams. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/kinesis_call.h"

#define ACCOUNT "000000000000"
#define ARN     "arn:aws:kinesis:us-east-1:" ACCOUNT ":stream/"

static void test_what_a_new_stream_is(void **state)
{
    struct kinesis_caller *c = *state;
    assert_null(call_ok(c, "CreateStream", "{'StreamName':'orders','ShardCount':3}"));
    const struct pn_json *all = call_ok(c, "DescribeStream", "{'StreamName':'orders'}");
    const struct pn_json *reply = reply_at(all, "StreamDescription");
    assert_text_at(reply, "StreamName", "orders");
    assert_text_at(reply, "StreamARN", ARN "orders");
    assert_text_at(reply, "StreamStatus", "ACTIVE");
    assert_text_at(reply, "StreamModeDetails.StreamMode", "PROVISIONED");
    assert_int_at(reply, "RetentionPeriodHours", 24);
    assert_int_equal(reply_at(reply, "StreamCreationTimestamp")->number, LOG_FIXTURE_NOW);
    assert_count_at(reply, "EnhancedMonitoring", 1);
    assert_count_at(reply, "EnhancedMonitoring.0.ShardLevelMetrics", 0);
    assert_text_at(reply, "EncryptionType", "NONE");
    assert_absent(reply, "KeyId");
    assert_count_at(reply, "Shards", 3);
    assert_bool_at(reply, "HasMoreShards", false);
    assert_text_at(reply, "Shards.1.ShardId", "shardId-000000000001");
    assert_absent(reply, "Shards.1.ParentShardId");
    assert_text_at(reply, "Shards.0.HashKeyRange.StartingHashKey", "0");
    assert_text_at(reply, "Shards.1.HashKeyRange.StartingHashKey",
                   "113427455640312821154458202477256070485");
    assert_text_at(reply, "Shards.2.HashKeyRange.EndingHashKey",
                   "340282366920938463463374607431768211455");
    assert_absent(reply, "Shards.0.SequenceNumberRange.EndingSequenceNumber");
    assert_non_null(reply_at(reply, "Shards.0.SequenceNumberRange.StartingSequenceNumber"));
}

static void test_summary(void **state)
{
    struct kinesis_caller *c = *state;
    (void)call_ok(c, "CreateStream",
                  "{'StreamName':'s','ShardCount':2,'MaxRecordSizeInKiB':2048,"
                  "'Tags':{'team':'a'}}");
    const struct pn_json *all = call_ok(c, "DescribeStreamSummary", "{'StreamName':'s'}");
    const struct pn_json *reply = reply_at(all, "StreamDescriptionSummary");
    assert_int_at(reply, "OpenShardCount", 2);
    assert_int_at(reply, "ConsumerCount", 0);
    assert_int_at(reply, "MaxRecordSizeInKiB", 2048);
    assert_absent(reply, "WarmThroughput");
    assert_absent(reply, "Shards");
    assert_absent(reply, "HasMoreShards");
    assert_text_at(call_ok(c, "ListTagsForStream", "{'StreamName':'s'}"), "Tags.0.Value", "a");
}

static void test_modes_of_new_streams(void **state)
{
    struct kinesis_caller *c = *state;
    const struct pn_json *reply;
    (void)call_ok(c, "CreateStream",
                  "{'StreamName':'d','StreamModeDetails':{'StreamMode':'ON_DEMAND'}}");
    reply = call_ok(c, "DescribeStreamSummary", "{'StreamName':'d'}");
    assert_int_at(reply, "StreamDescriptionSummary.OpenShardCount", 4);
    assert_text_at(reply, "StreamDescriptionSummary.StreamModeDetails.StreamMode", "ON_DEMAND");
    (void)call_ok(c, "CreateStream", "{'StreamName':'e'}");
    reply = call_ok(c, "DescribeStreamSummary", "{'StreamName':'e'}");
    assert_int_at(reply, "StreamDescriptionSummary.OpenShardCount", 4);
    assert_text_at(reply, "StreamDescriptionSummary.StreamModeDetails.StreamMode", "ON_DEMAND");
    call_fails(
        c, "ValidationException: ShardCount must be provided for a stream in Provisioned mode.",
        "CreateStream", "{'StreamName':'x','StreamModeDetails':{'StreamMode':'PROVISIONED'}}");
    call_fails(c,
               "ValidationException: ShardCount must not be provided for a stream in On-Demand "
               "mode.",
               "CreateStream",
               "{'StreamName':'x','ShardCount':2,'StreamModeDetails':{'StreamMode':'ON_DEMAND'}}");
    call_fails(c,
               "ValidationException: WarmThroughputMiBps is only valid for streams in On-Demand "
               "mode.",
               "CreateStream", "{'StreamName':'x','ShardCount':1,'WarmThroughputMiBps':10}");
}

static void test_what_cannot_be_created(void **state)
{
    struct kinesis_caller *c = *state;
    (void)call_ok(c, "CreateStream", "{'StreamName':'s','ShardCount':10}");
    call_fails(c, "ResourceInUseException: Stream s under account " ACCOUNT " already exists.",
               "CreateStream", "{'StreamName':'s','ShardCount':1}");
    call_fails(
        c,
        "LimitExceededException: This request would exceed the shard limit for the account " ACCOUNT
        " in us-east-1. Current shard count for the account: 10. Limit: 1000. Number "
        "of additional shards that would have resulted from this request: 991. Refer to the "
        "AWS Service Limits page "
        "(http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current "
        "limits and how to request higher limits.",
        "CreateStream", "{'StreamName':'t','ShardCount':991}");
    call_fails(c,
               "InvalidArgumentException: Some tags contain invalid characters. Valid characters: "
               "Unicode letters, digits, white space, _ . / = + - % @.",
               "CreateStream", "{'StreamName':'t','ShardCount':1,'Tags':{'a;':'b'}}");
    assert_int_equal(call_try(c, "DescribeStream", "{'StreamName':'t'}"), PN_KINESIS_NOT_FOUND);
}

static void test_delete(void **state)
{
    struct kinesis_caller *c = *state;
    (void)call_ok(c, "CreateStream", "{'StreamName':'s','ShardCount':1}");
    (void)call_ok(c, "RegisterStreamConsumer", "{'StreamARN':'" ARN "s','ConsumerName':'reader'}");
    call_fails(c,
               "ResourceInUseException: DeleteStream can't delete " ACCOUNT ":s because there are "
               "consumers associated with this data stream. To delete s anyway, set the "
               "EnforceConsumerDeletion parameter to true to force the deletion of all the "
               "consumers that are associated with it.",
               "DeleteStream", "{\"StreamName\":\"s\"}");
    assert_null(call_ok(c, "DeleteStream", "{'StreamName':'s','EnforceConsumerDeletion':true}"));
    call_fails(c, "ResourceNotFoundException: Stream s under account " ACCOUNT " not found.",
               "DeleteStream", "{'StreamName':'s'}");
}

static void test_pages_of_shards(void **state)
{
    struct kinesis_caller *c = *state;
    (void)call_ok(c, "CreateStream", "{'StreamName':'s','ShardCount':102}");
    const struct pn_json *reply = call_ok(c, "DescribeStream", "{'StreamName':'s'}");
    assert_count_at(reply, "StreamDescription.Shards", 100);
    assert_bool_at(reply, "StreamDescription.HasMoreShards", true);
    reply = call_ok(c, "DescribeStream",
                    "{'StreamName':'s','ExclusiveStartShardId':'shardId-000000000099'}");
    assert_count_at(reply, "StreamDescription.Shards", 2);
    assert_bool_at(reply, "StreamDescription.HasMoreShards", false);
    reply = call_ok(c, "DescribeStream",
                    "{'StreamName':'s','Limit':1,'ExclusiveStartShardId':'shardId-000000000004'}");
    assert_count_at(reply, "StreamDescription.Shards", 1);
    assert_text_at(reply, "StreamDescription.Shards.0.ShardId", "shardId-000000000005");
    assert_bool_at(reply, "StreamDescription.HasMoreShards", true);
    reply = call_ok(c, "DescribeStream", "{'StreamName':'s','Limit':10000}");
    assert_count_at(reply, "StreamDescription.Shards", 100);
}

static void test_pages_of_streams(void **state)
{
    struct kinesis_caller *c = *state;
    const struct pn_json *reply = call_ok(c, "ListStreams", "{}");
    assert_count_at(reply, "StreamNames", 0);
    assert_bool_at(reply, "HasMoreStreams", false);
    assert_absent(reply, "NextToken");
    for (int i = 0; i < 5; i++) {
        (void)call_ok(c, "CreateStream", "{'StreamName':'s%d','ShardCount':1}", 4 - i);
    }
    reply = call_ok(c, "ListStreams", "{'Limit':2}");
    assert_count_at(reply, "StreamNames", 2);
    assert_text_at(reply, "StreamNames.1", "s1");
    assert_bool_at(reply, "HasMoreStreams", true);
    assert_count_at(reply, "StreamSummaries", 2);
    assert_text_at(reply, "StreamSummaries.1.StreamARN", ARN "s1");
    assert_text_at(reply, "StreamSummaries.1.StreamStatus", "ACTIVE");
    assert_text_at(reply, "StreamSummaries.1.StreamModeDetails.StreamMode", "PROVISIONED");
    char *token = text_at(reply, "NextToken");
    reply = call_ok(c, "ListStreams", "{'NextToken':'%s','Limit':2}", token);
    free(token);
    assert_text_at(reply, "StreamNames.0", "s2");
    token = text_at(reply, "NextToken");
    reply = call_ok(c, "ListStreams", "{'NextToken':'%s'}", token);
    assert_count_at(reply, "StreamNames", 1);
    assert_text_at(reply, "StreamNames.0", "s4");
    assert_bool_at(reply, "HasMoreStreams", false);
    reply = call_ok(c, "ListStreams", "{'ExclusiveStartStreamName':'s3'}");
    assert_count_at(reply, "StreamNames", 1);
    pn_fake_clock_advance(&c->fixture->log->clock, 300 * 1000);
    (void)call_ok(c, "ListStreams", "{'NextToken':'%s'}", token);
    pn_fake_clock_advance(&c->fixture->log->clock, 1);
    call_fails(c,
               "ExpiredNextTokenException: The pagination token passed to the operation is "
               "expired.",
               "ListStreams", "{'NextToken':'%s'}", token);
    token[4] = token[4] == 'A' ? 'B' : 'A';
    call_fails(c, "InvalidArgumentException: Invalid NextToken.", "ListStreams",
               "{'NextToken':'%s'}", token);
    free(token);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CALLS(test) \
    cmocka_unit_test_setup_teardown(test, kinesis_caller_set_up, kinesis_caller_tear_down)
        CALLS(test_what_a_new_stream_is),   CALLS(test_summary), CALLS(test_modes_of_new_streams),
        CALLS(test_what_cannot_be_created), CALLS(test_delete),  CALLS(test_pages_of_shards),
        CALLS(test_pages_of_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
