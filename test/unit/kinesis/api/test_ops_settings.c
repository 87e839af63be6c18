/* What a stream and the account are set to, and that it lasts. */
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

#define READER ARN "s/consumer/reader:1000000"

enum { HOUR_MS = 3600 * 1000 };

static void create(struct kinesis_caller *c)
{
    (void)call_ok(c, "CreateStream", "{'StreamName':'s','ShardCount':1}");
}

/* The stream's summary, after a restart. */
static const struct pn_json *summary(struct kinesis_caller *c)
{
    kinesis_fixture_reopen(c->fixture);
    return reply_at(call_ok(c, "DescribeStreamSummary", "{'StreamName':'s'}"),
                    "StreamDescriptionSummary");
}

static void test_retention(void **state)
{
    struct kinesis_caller *c = *state;
    create(c);
    assert_null(call_ok(c, "IncreaseStreamRetentionPeriod",
                        "{'StreamName':'s','RetentionPeriodHours':48}"));
    assert_int_at(summary(c), "RetentionPeriodHours", 48);
    call_fails(c,
               "InvalidArgumentException: Requested retention period (47 hours) for stream s can "
               "not be shorter than existing retention period (48 hours). Use "
               "DecreaseRetentionPeriod API.",
               "IncreaseStreamRetentionPeriod", "{'StreamName':'s','RetentionPeriodHours':47}");
    call_fails(c,
               "InvalidArgumentException: Requested retention period (49 hours) for stream s can "
               "not be longer than existing retention period (48 hours). Use "
               "IncreaseRetentionPeriod API.",
               "DecreaseStreamRetentionPeriod", "{'StreamName':'s','RetentionPeriodHours':49}");
    call_fails(c,
               "InvalidArgumentException: Minimum allowed retention period is 24 hours. Requested "
               "retention period (23 hours) is too short.",
               "DecreaseStreamRetentionPeriod", "{'StreamName':'s','RetentionPeriodHours':23}");
    call_fails(c,
               "InvalidArgumentException: Maximum allowed retention period is 8760 hours. "
               "Requested retention period (8761 hours) is too long.",
               "IncreaseStreamRetentionPeriod", "{'StreamName':'s','RetentionPeriodHours':8761}");
    assert_null(call_ok(c, "DecreaseStreamRetentionPeriod",
                        "{'StreamName':'s','RetentionPeriodHours':24}"));
    assert_int_at(summary(c), "RetentionPeriodHours", 24);
}

static void test_encryption(void **state)
{
    struct kinesis_caller *c = *state;
    static const char *const good[] = {
        "aws/kinesis",
        "12345678-1234-1234-1234-123456789012",
        "alias/MyAliasName",
        "alias/aws/kinesis",
        "arn:aws:kms:us-east-1:123456789012:key/12345678-1234-1234-1234-123456789012",
        "arn:aws:kms:us-east-1:123456789012:alias/MyAliasName"};
    static const char *const bad[] = {"key", "alias/", "12345678-1234-1234-1234-12345678901",
                                      "arn:aws:kms:us-east-1:123456789012:key/x",
                                      "arn:aws:s3:us-east-1:123456789012:alias/x"};
    create(c);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_null(call_ok(c, "StartStreamEncryption",
                            "{'StreamName':'s','EncryptionType':'KMS','KeyId':'%s'}", good[i]));
        const struct pn_json *reply = summary(c);
        assert_text_at(reply, "EncryptionType", "KMS");
        assert_text_at(reply, "KeyId", good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(call_try(c, "StartStreamEncryption",
                                  "{'StreamName':'s','EncryptionType':'KMS','KeyId':'%s'}", bad[i]),
                         PN_KINESIS_INVALID_ARGUMENT);
    }
    call_fails(c,
               "InvalidArgumentException: KMS is the only valid EncryptionType for this request.",
               "StopStreamEncryption",
               "{'StreamName':'s','EncryptionType':'NONE','KeyId':'alias/aws/kinesis'}");
    assert_null(call_ok(c, "StopStreamEncryption",
                        "{'StreamName':'s','EncryptionType':'KMS','KeyId':'alias/aws/kinesis'}"));
    const struct pn_json *reply = summary(c);
    assert_text_at(reply, "EncryptionType", "NONE");
    assert_absent(reply, "KeyId");
}

static void test_monitoring(void **state)
{
    struct kinesis_caller *c = *state;
    create(c);
    const struct pn_json *reply =
        call_ok(c, "EnableEnhancedMonitoring",
                "{'StreamName':'s','ShardLevelMetrics':['OutgoingBytes','IncomingBytes']}");
    assert_text_at(reply, "StreamName", "s");
    assert_text_at(reply, "StreamARN", ARN "s");
    assert_count_at(reply, "CurrentShardLevelMetrics", 0);
    assert_count_at(reply, "DesiredShardLevelMetrics", 2);
    reply =
        call_ok(c, "EnableEnhancedMonitoring", "{'StreamName':'s','ShardLevelMetrics':['ALL']}");
    assert_count_at(reply, "CurrentShardLevelMetrics", 2);
    assert_count_at(reply, "DesiredShardLevelMetrics", 7);
    reply = call_ok(c, "DisableEnhancedMonitoring",
                    "{'StreamName':'s','ShardLevelMetrics':['IncomingBytes']}");
    assert_count_at(reply, "CurrentShardLevelMetrics", 7);
    assert_count_at(reply, "DesiredShardLevelMetrics", 6);
    assert_count_at(summary(c), "EnhancedMonitoring.0.ShardLevelMetrics", 6);
    reply =
        call_ok(c, "DisableEnhancedMonitoring", "{'StreamName':'s','ShardLevelMetrics':['ALL']}");
    assert_count_at(reply, "DesiredShardLevelMetrics", 0);
}

static void test_policies(void **state)
{
    struct kinesis_caller *c = *state;
    create(c);
    (void)call_ok(c, "RegisterStreamConsumer", "{'StreamARN':'" ARN "s','ConsumerName':'reader'}");
    static const char *const resources[] = {ARN "s", READER};
    for (int i = 0; i < 2; i++) {
        const char *arn = resources[i];
        assert_text_at(call_ok(c, "GetResourcePolicy", "{'ResourceARN':'%s'}", arn), "Policy",
                       "{}");
        assert_null(call_ok(c, "PutResourcePolicy",
                            "{'ResourceARN':'%s','Policy':'{\\'Statement\\':[%d]}'}", arn, i));
    }
    kinesis_fixture_reopen(c->fixture);
    assert_text_at(call_ok(c, "GetResourcePolicy", "{'ResourceARN':'" ARN "s'}"), "Policy",
                   "{\"Statement\":[0]}");
    assert_text_at(call_ok(c, "GetResourcePolicy", "{'ResourceARN':'" READER "'}"), "Policy",
                   "{\"Statement\":[1]}");
    static const char *const bad[] = {"", "x", "[]", "{}"};
    for (int i = 0; i < 4; i++) {
        call_fails(c,
                   "InvalidArgumentException: Policy is not a JSON object with a Statement, of at "
                   "most 20480 bytes.",
                   "PutResourcePolicy", "{'ResourceARN':'" ARN "s','Policy':'%s'}", bad[i]);
    }
    for (int i = 0; i < 2; i++) {
        char error[256];
        assert_null(call_ok(c, "DeleteResourcePolicy", "{'ResourceARN':'%s'}", resources[i]));
        (void)snprintf(error, sizeof error,
                       "ResourceNotFoundException: No resource policy found for resource ARN %s.",
                       resources[i]);
        call_fails(c, error, "DeleteResourcePolicy", "{'ResourceARN':'%s'}", resources[i]);
    }
}

static void test_modes(void **state)
{
    struct kinesis_caller *c = *state;
    create(c);
    assert_null(call_ok(c, "UpdateStreamMode",
                        "{'StreamARN':'" ARN "s','StreamModeDetails':{'StreamMode':'ON_DEMAND'}}"));
    assert_text_at(summary(c), "StreamModeDetails.StreamMode", "ON_DEMAND");
    const struct pn_json *reply = call_ok(c, "DescribeLimits", "{}");
    assert_int_at(reply, "ShardLimit", 1000);
    assert_int_at(reply, "OpenShardCount", 1);
    assert_int_at(reply, "OnDemandStreamCount", 1);
    assert_int_at(reply, "OnDemandStreamCountLimit", 50);
    assert_null(call_ok(c, "UpdateStreamMode",
                        "{'StreamARN':'" ARN
                        "s','StreamModeDetails':{'StreamMode':'PROVISIONED'}}"));
    assert_text_at(summary(c), "StreamModeDetails.StreamMode", "PROVISIONED");
    call_fails(c,
               "ValidationException: WarmThroughputMiBps is only valid for streams in On-Demand "
               "mode.",
               "UpdateStreamMode",
               "{'StreamARN':'" ARN "s','StreamModeDetails':{'StreamMode':'PROVISIONED'},"
               "'WarmThroughputMiBps':4}");
}

static void set_strategy(struct kinesis_caller *c, const char *strategy)
{
    assert_null(call_ok(c, "UpdateStreamRecordDistributionStrategy",
                        "{'StreamARN':'" ARN "s','RecordDistributionStrategy':'%s'}", strategy));
    kinesis_fixture_reopen(c->fixture);
    assert_text_at(summary(c), "RecordDistributionStrategy", strategy);
}

/* The number of records in each of the stream's four shards, and whether each has a key. */
static void assert_spread(struct kinesis_caller *c, const size_t *counts, bool keys)
{
    for (int32_t shard = 0; shard < 4; shard++) {
        struct pn_log_records records = log_get(c->fixture->log, "__kinesis.s", shard, 0, 99);
        assert_int_equal(records.count, counts[shard]);
        for (size_t i = 0; i < records.count; i++) {
            assert_int_equal(records.records[i].key.data != NULL, keys);
            assert_int_equal(records.records[i].header_count, 0);
        }
    }
}

/* With AUTO the shards get records in turn. */
static void test_record_distribution(void **state)
{
    struct kinesis_caller *c = *state;
    (void)call_ok(c, "CreateStream", "{'StreamName':'s','RecordDistributionStrategy':'AUTO'}");
    assert_text_at(summary(c), "RecordDistributionStrategy", "AUTO");
    for (int i = 0; i < 3; i++) {
        (void)call_ok(c, "PutRecord", "{'StreamName':'s','Data':'YQ=='}");
    }
    const struct pn_json *reply =
        call_ok(c, "PutRecords",
                "{'StreamName':'s','Records':[{'Data':'YQ=='},{'Data':'YQ=='},{'Data':'YQ=='}]}");
    assert_int_at(reply, "FailedRecordCount", 0);
    assert_text_at(reply, "Records.0.ShardId", "shardId-000000000003");
    assert_text_at(reply, "Records.1.ShardId", "shardId-000000000000");
    assert_spread(c, (size_t[]){2, 2, 1, 1}, false);
    char *from = text_at(call_ok(c, "GetShardIterator",
                                 "{'StreamName':'s','ShardId':'shardId-000000000000',"
                                 "'ShardIteratorType':'TRIM_HORIZON'}"),
                         "ShardIterator");
    reply = call_ok(c, "GetRecords", "{'ShardIterator':'%s'}", from);
    assert_count_at(reply, "Records", 2);
    assert_absent(reply, "Records.0.PartitionKey");
    free(from);
    call_fails(c,
               "InvalidArgumentException: SequenceNumberForOrdering must not be provided: stream s "
               "under account " ACCOUNT
               " has the record distribution strategy AUTO, which keeps no order.",
               "PutRecord", "{'StreamName':'s','Data':'','SequenceNumberForOrdering':'1'}");

    set_strategy(c, "USER_PARTITION_KEY");
    assert_int_equal(call_try(c, "PutRecord", "{'StreamName':'s','Data':'YQ=='}"),
                     PN_KINESIS_VALIDATION);
    reply = call_ok(c, "PutRecord",
                    "{'StreamName':'s','PartitionKey':'k','ExplicitHashKey':'0','Data':'YQ=='}");
    assert_text_at(reply, "ShardId", "shardId-000000000000");
    set_strategy(c, "AUTO");
}

/* A key that chooses no shard is kept nevertheless, and readers see it. */
static void test_keys_of_records_that_are_spread(void **state)
{
    struct kinesis_caller *c = *state;
    (void)call_ok(c, "CreateStream", "{'StreamName':'s','RecordDistributionStrategy':'AUTO'}");
    for (int i = 0; i < 4; i++) {
        (void)call_ok(c, "PutRecord",
                      "{'StreamName':'s','PartitionKey':'k','ExplicitHashKey':'0','Data':''}");
    }
    assert_spread(c, (size_t[]){1, 1, 1, 1}, true);
}

static void test_only_on_demand_streams_are_spread(void **state)
{
    struct kinesis_caller *c = *state;
    static const char refused[] =
        "InvalidArgumentException: The record distribution strategy AUTO of stream s under "
        "account " ACCOUNT " is only supported for streams in On-Demand mode.";
    call_fails(c, refused, "CreateStream",
               "{'StreamName':'s','ShardCount':1,'RecordDistributionStrategy':'AUTO'}");
    create(c);
    assert_absent(summary(c), "RecordDistributionStrategy");
    call_fails(c,
               "InvalidArgumentException: A record distribution strategy is only supported for "
               "streams in On-Demand mode.",
               "UpdateStreamRecordDistributionStrategy",
               "{'StreamARN':'" ARN "s','RecordDistributionStrategy':'AUTO'}");
    (void)call_ok(c, "UpdateStreamMode",
                  "{'StreamARN':'" ARN "s','StreamModeDetails':{'StreamMode':'ON_DEMAND'}}");
    assert_text_at(summary(c), "RecordDistributionStrategy", "USER_PARTITION_KEY");
    set_strategy(c, "AUTO");
    call_fails(c, refused, "UpdateStreamMode",
               "{'StreamARN':'" ARN "s','StreamModeDetails':{'StreamMode':'PROVISIONED'}}");
}

static void commit(struct kinesis_caller *c, const char *status, const char *becomes)
{
    const struct pn_json *reply =
        call_ok(c, "UpdateAccountSettings",
                "{'MinimumThroughputBillingCommitment':{'Status':'%s'}}", status);
    assert_text_at(reply, "MinimumThroughputBillingCommitment.Status", becomes);
    kinesis_fixture_reopen(c->fixture);
    reply = call_ok(c, "DescribeAccountSettings", "{}");
    assert_text_at(reply, "MinimumThroughputBillingCommitment.Status", becomes);
}

/* A commitment lasts a day at least. */
static void test_the_commitment(void **state)
{
    struct kinesis_caller *c = *state;
    struct pn_fake_clock *clock = &c->fixture->log->clock;
    const struct pn_json *reply = call_ok(c, "DescribeAccountSettings", "{}");
    assert_text_at(reply, "MinimumThroughputBillingCommitment.Status", "DISABLED");
    assert_absent(reply, "MinimumThroughputBillingCommitment.StartedAt");
    commit(c, "DISABLED", "DISABLED");
    commit(c, "ENABLED", "ENABLED");
    reply = call_ok(c, "DescribeAccountSettings", "{}");
    assert_int_equal(reply_at(reply, "MinimumThroughputBillingCommitment.StartedAt")->number,
                     LOG_FIXTURE_NOW);
    assert_int_equal(
        reply_at(reply, "MinimumThroughputBillingCommitment.EarliestAllowedEndAt")->number,
        LOG_FIXTURE_NOW + 24 * 3600);
    pn_fake_clock_advance(clock, HOUR_MS);
    commit(c, "DISABLED", "ENABLED_UNTIL_EARLIEST_ALLOWED_END");
    commit(c, "ENABLED", "ENABLED");
    commit(c, "DISABLED", "ENABLED_UNTIL_EARLIEST_ALLOWED_END");
    pn_fake_clock_advance(clock, (int64_t)23 * HOUR_MS);
    reply = call_ok(c, "DescribeAccountSettings", "{}");
    assert_text_at(reply, "MinimumThroughputBillingCommitment.Status", "DISABLED");
    assert_int_equal(reply_at(reply, "MinimumThroughputBillingCommitment.EndedAt")->number,
                     LOG_FIXTURE_NOW + 24 * 3600);
    commit(c, "ENABLED", "ENABLED");
    pn_fake_clock_advance(clock, (int64_t)25 * HOUR_MS);
    commit(c, "DISABLED", "DISABLED");
}

static void test_warm_throughput(void **state)
{
    struct kinesis_caller *c = *state;
    static const char off[] =
        "ValidationException: WarmThroughputMiBps needs MinimumThroughputBillingCommitment to be "
        "enabled for account " ACCOUNT ".";
    create(c);
    call_fails(c,
               "ValidationException: WarmThroughputMiBps is only valid for streams in On-Demand "
               "mode.",
               "UpdateStreamWarmThroughput", "{'StreamName':'s','WarmThroughputMiBps':4}");
    (void)call_ok(c, "UpdateStreamMode",
                  "{'StreamARN':'" ARN "s','StreamModeDetails':{'StreamMode':'ON_DEMAND'}}");
    call_fails(c, off, "UpdateStreamWarmThroughput", "{'StreamName':'s','WarmThroughputMiBps':4}");
    call_fails(c, off, "CreateStream",
               "{'StreamName':'t','StreamModeDetails':{'StreamMode':'ON_DEMAND'},"
               "'WarmThroughputMiBps':4}");
    commit(c, "ENABLED", "ENABLED");
    const struct pn_json *reply =
        call_ok(c, "UpdateStreamWarmThroughput", "{'StreamName':'s','WarmThroughputMiBps':100}");
    assert_text_at(reply, "StreamName", "s");
    assert_text_at(reply, "StreamARN", ARN "s");
    assert_int_at(reply, "WarmThroughput.TargetMiBps", 100);
    assert_int_at(reply, "WarmThroughput.CurrentMiBps", 100);
    assert_int_at(summary(c), "WarmThroughput.TargetMiBps", 100);
    call_fails(c,
               "LimitExceededException: Warm throughput of stream s under account " ACCOUNT
               " cannot be more than 10240 MiBps.",
               "UpdateStreamWarmThroughput", "{'StreamName':'s','WarmThroughputMiBps':10241}");
    (void)call_ok(c, "CreateStream",
                  "{'StreamName':'t','StreamModeDetails':{'StreamMode':'ON_DEMAND'},"
                  "'WarmThroughputMiBps':4}");
    (void)call_ok(c, "UpdateStreamMode",
                  "{'StreamARN':'" ARN "s','StreamModeDetails':{'StreamMode':'PROVISIONED'}}");
    assert_absent(summary(c), "WarmThroughput");
}

static void test_record_size(void **state)
{
    struct kinesis_caller *c = *state;
    create(c);
    assert_int_at(summary(c), "MaxRecordSizeInKiB", 1024);
    assert_null(
        call_ok(c, "UpdateMaxRecordSize", "{'StreamARN':'" ARN "s','MaxRecordSizeInKiB':10240}"));
    assert_int_at(summary(c), "MaxRecordSizeInKiB", 10240);
    assert_int_equal(
        call_try(c, "UpdateMaxRecordSize", "{'StreamARN':'" ARN "s','MaxRecordSizeInKiB':10241}"),
        PN_KINESIS_VALIDATION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CALLS(test) \
    cmocka_unit_test_setup_teardown(test, kinesis_caller_set_up, kinesis_caller_tear_down)
        CALLS(test_retention),
        CALLS(test_encryption),
        CALLS(test_monitoring),
        CALLS(test_record_distribution),
        CALLS(test_keys_of_records_that_are_spread),
        CALLS(test_only_on_demand_streams_are_spread),
        CALLS(test_policies),
        CALLS(test_modes),
        CALLS(test_the_commitment),
        CALLS(test_warm_throughput),
        CALLS(test_record_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
