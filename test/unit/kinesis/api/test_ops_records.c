/* PutRecord, PutRecords, GetShardIterator, GetRecords. */
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

#define SHARD_0 "shardId-000000000000"
#define SHARD_1 "shardId-000000000001"

static void create(struct kinesis_caller *c, int shards)
{
    (void)call_ok(c, "CreateStream", "{'StreamName':'s','ShardCount':%d}", shards);
}

/* Puts a record into the first shard; its sequence number, on the heap. */
static char *put(struct kinesis_caller *c, const char *base64)
{
    const struct pn_json *reply =
        call_ok(c, "PutRecord",
                "{'StreamName':'s','PartitionKey':'k','ExplicitHashKey':'0','Data':'%s'}", base64);
    assert_text_at(reply, "ShardId", SHARD_0);
    return text_at(reply, "SequenceNumber");
}

static char *iterator(struct kinesis_caller *c, const char *shard, const char *type,
                      const char *more)
{
    return text_at(call_ok(c, "GetShardIterator",
                           "{'StreamName':'s','ShardId':'%s','ShardIteratorType':'%s'%s}", shard,
                           type, more),
                   "ShardIterator");
}

/* What is read by an iterator, which is freed. */
static const struct pn_json *get(struct kinesis_caller *c, char *from)
{
    const struct pn_json *reply = call_ok(c, "GetRecords", "{'ShardIterator':'%s'}", from);
    free(from);
    return reply;
}

static void test_put_and_get(void **state)
{
    struct kinesis_caller *c = *state;
    create(c, 2);
    char *first = put(c, "aGVsbG8=");
    char *second = put(c, "");
    assert_true(strlen(first) == 56 && strcmp(first, second) < 0);
    const struct pn_json *reply = get(c, iterator(c, SHARD_0, "TRIM_HORIZON", ""));
    assert_count_at(reply, "Records", 2);
    assert_text_at(reply, "Records.0.Data", "aGVsbG8=");
    assert_text_at(reply, "Records.0.PartitionKey", "k");
    assert_text_at(reply, "Records.0.SequenceNumber", first);
    assert_int_equal(reply_at(reply, "Records.0.ApproximateArrivalTimestamp")->number,
                     LOG_FIXTURE_NOW);
    assert_absent(reply, "Records.0.EncryptionType");
    assert_text_at(reply, "Records.1.Data", "");
    assert_text_at(reply, "Records.1.SequenceNumber", second);
    assert_int_at(reply, "MillisBehindLatest", 0);
    assert_absent(reply, "ChildShards");
    char *next = text_at(reply, "NextShardIterator");
    char *third = put(c, "YQ==");
    reply = get(c, next);
    assert_count_at(reply, "Records", 1);
    assert_text_at(reply, "Records.0.SequenceNumber", third);
    free(first);
    free(second);
    free(third);
}

static void test_iterators(void **state)
{
    struct kinesis_caller *c = *state;
    char more[128];
    create(c, 1);
    char *first = put(c, "YQ==");
    pn_fake_clock_advance(&c->fixture->log->clock, 10000);
    char *second = put(c, "Yg==");
    (void)snprintf(more, sizeof more, ",'StartingSequenceNumber':'%s'", first);
    assert_count_at(get(c, iterator(c, SHARD_0, "AT_SEQUENCE_NUMBER", more)), "Records", 2);
    assert_text_at(get(c, iterator(c, SHARD_0, "AFTER_SEQUENCE_NUMBER", more)),
                   "Records.0.SequenceNumber", second);
    assert_count_at(get(c, iterator(c, SHARD_0, "LATEST", "")), "Records", 0);
    (void)snprintf(more, sizeof more, ",'Timestamp':%d.5", LOG_FIXTURE_NOW);
    assert_text_at(get(c, iterator(c, SHARD_0, "AT_TIMESTAMP", more)), "Records.0.SequenceNumber",
                   second);
    assert_count_at(get(c, iterator(c, "shardId-0", "TRIM_HORIZON", "")), "Records", 2);
    free(first);
    free(second);
}

static const char both[] =
    "InvalidArgumentException: Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER "
    "and StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. "
    "Request specified %s and %s StartingSequenceNumber.";

static void refuses_iterator(struct kinesis_caller *c, const char *type, const char *more,
                             const char *how)
{
    char error[512];
    (void)snprintf(error, sizeof error, both, type, how);
    call_fails(c, error, "GetShardIterator",
               "{'StreamName':'s','ShardId':'" SHARD_0 "','ShardIteratorType':'%s'%s}", type, more);
}

static void test_iterators_that_are_refused(void **state)
{
    struct kinesis_caller *c = *state;
    create(c, 1);
    refuses_iterator(c, "AT_SEQUENCE_NUMBER", "", "no");
    refuses_iterator(c, "AFTER_SEQUENCE_NUMBER", "", "no");
    refuses_iterator(c, "LATEST", ",'StartingSequenceNumber':'5'", "also a");
    refuses_iterator(c, "TRIM_HORIZON", ",'StartingSequenceNumber':'5'", "also a");
    call_fails(c,
               "InvalidArgumentException: Must specify timestampInMillis parameter for iterator of "
               "type AT_TIMESTAMP. Current request has no timestamp parameter.",
               "GetShardIterator",
               "{'StreamName':'s','ShardId':'" SHARD_0 "','ShardIteratorType':'AT_TIMESTAMP'}");
    call_fails(
        c,
        "ResourceNotFoundException: Shard shardId-000000000005 in stream s under account " ACCOUNT
        " does not exist",
        "GetShardIterator",
        "{'StreamName':'s','ShardId':'a-00000000000005','ShardIteratorType':'LATEST'}");
    call_fails(c,
               "InvalidArgumentException: The timestampInMillis parameter cannot be greater than "
               "the currentTimestampInMillis. timestampInMillis: 1000001000, "
               "currentTimestampInMillis: 1000000000",
               "GetShardIterator",
               "{'StreamName':'s','ShardId':'" SHARD_0 "','ShardIteratorType':'AT_TIMESTAMP',"
               "'Timestamp':1000001}");
}

static void test_shards_that_are_not_there(void **state)
{
    struct kinesis_caller *c = *state;
    create(c, 1);
    call_fails(
        c,
        "ResourceNotFoundException: Shard shardId-000000000005 in stream s under account " ACCOUNT
        " does not exist",
        "GetShardIterator",
        "{'StreamName':'s','ShardId':'shardId-5','ShardIteratorType':'LATEST'}");
    call_fails(
        c,
        "ResourceNotFoundException: Shard shardId-000000000000 in stream t under account " ACCOUNT
        " does not exist",
        "GetShardIterator",
        "{'StreamName':'t','ShardId':'" SHARD_0 "','ShardIteratorType':'LATEST'}");
    call_fails(
        c,
        "ResourceNotFoundException: Could not find shard ham in stream t under account " ACCOUNT
        ".",
        "GetShardIterator", "{'StreamName':'t','ShardId':'ham','ShardIteratorType':'LATEST'}");
    call_fails(c,
               "ResourceNotFoundException: Could not find shard shardId-2147483648 in stream s "
               "under account " ACCOUNT ".",
               "GetShardIterator",
               "{'StreamName':'s','ShardId':'shardId-2147483648','ShardIteratorType':'LATEST'}");
}

static void test_limits_of_a_read(void **state)
{
    struct kinesis_caller *c = *state;
    create(c, 1);
    for (int i = 0; i < 5; i++) {
        free(put(c, "YQ=="));
        pn_fake_clock_advance(&c->fixture->log->clock, 1000);
    }
    char *from = iterator(c, SHARD_0, "TRIM_HORIZON", "");
    const struct pn_json *reply =
        call_ok(c, "GetRecords", "{'ShardIterator':'%s','Limit':2}", from);
    assert_count_at(reply, "Records", 2);
    assert_true(reply_at(reply, "MillisBehindLatest")->integer > 0);
    (void)call_ok(c, "GetRecords", "{'ShardIterator':'%s','StreamARN':'" ARN "s'}", from);
    call_fails(c, "InvalidArgumentException: StreamARN and ShardIterator mismatch", "GetRecords",
               "{'ShardIterator':'%s','StreamARN':'" ARN "t'}", from);
    call_fails(c, "InvalidArgumentException: Invalid ShardIterator.", "GetRecords",
               "{'ShardIterator':'AAAA'}");
    free(from);
}

static void test_a_shard_that_is_drained(void **state)
{
    struct kinesis_caller *c = *state;
    create(c, 1);
    free(put(c, "YQ=="));
    (void)call_ok(c, "SplitShard",
                  "{'StreamName':'s','ShardToSplit':'" SHARD_0 "',"
                  "'NewStartingHashKey':'170141183460469231731687303715884105728'}");
    const struct pn_json *reply = get(c, iterator(c, SHARD_0, "TRIM_HORIZON", ""));
    assert_count_at(reply, "Records", 1);
    if (reply_at(reply, "NextShardIterator") != NULL) {
        reply = get(c, text_at(reply, "NextShardIterator"));
    }
    assert_absent(reply, "NextShardIterator");
    assert_count_at(reply, "ChildShards", 2);
    assert_text_at(reply, "ChildShards.1.ShardId", "shardId-000000000002");
    assert_count_at(reply, "ChildShards.1.ParentShards", 1);
    assert_text_at(reply, "ChildShards.1.ParentShards.0", SHARD_0);
    assert_text_at(reply, "ChildShards.1.HashKeyRange.StartingHashKey",
                   "170141183460469231731687303715884105728");
}

static int64_t lost(struct kinesis_caller *c)
{
    return pn_metric_value(
        pn_metrics_get(c->fixture->log->metrics, PN_METRIC_KINESIS_LOST_RECORDS, "s"));
}

/* A reader of a damaged part of the log continues after it, and does not ask for it forever. */
static void test_damage_is_passed_over(void **state)
{
    struct kinesis_caller *c = *state;
    create(c, 1);
    free(put(c, "YQ=="));
    free(put(c, "Yg=="));
    free(put(c, "Yw=="));
    log_damage(c->fixture->log, "__kinesis.s", 0, 1);
    pn_fake_clock_advance(&c->fixture->log->clock, 1000);
    const struct pn_json *reply = get(c, iterator(c, SHARD_0, "TRIM_HORIZON", ""));
    assert_count_at(reply, "Records", 1);
    assert_text_at(reply, "Records.0.Data", "YQ==");
    assert_int_equal(lost(c), 0);
    reply = get(c, text_at(reply, "NextShardIterator"));
    assert_count_at(reply, "Records", 0);
    assert_true(reply_at(reply, "MillisBehindLatest")->integer > 0);
    assert_int_equal(lost(c), 1);
    reply = get(c, text_at(reply, "NextShardIterator"));
    assert_count_at(reply, "Records", 1);
    assert_text_at(reply, "Records.0.Data", "Yw==");
    assert_int_at(reply, "MillisBehindLatest", 0);
    assert_int_equal(lost(c), 1);
}

static void test_a_shard_that_ends_in_damage_is_drained(void **state)
{
    struct kinesis_caller *c = *state;
    create(c, 1);
    free(put(c, "YQ=="));
    log_damage(c->fixture->log, "__kinesis.s", 0, 0);
    (void)call_ok(c, "SplitShard",
                  "{'StreamName':'s','ShardToSplit':'" SHARD_0 "',"
                  "'NewStartingHashKey':'170141183460469231731687303715884105728'}");
    const struct pn_json *reply = get(c, iterator(c, SHARD_0, "TRIM_HORIZON", ""));
    assert_count_at(reply, "Records", 0);
    assert_int_at(reply, "MillisBehindLatest", 0);
    assert_absent(reply, "NextShardIterator");
    assert_count_at(reply, "ChildShards", 2);
    assert_int_equal(lost(c), 1);
}

/* A shard split within its first second has children that are made a second after it, which may be
 * in the future; and the clock may have gone back. */
static void test_ordering_by_a_number_of_a_later_second(void **state)
{
    struct kinesis_caller *c = *state;
    create(c, 1);
    (void)call_ok(c, "SplitShard",
                  "{'StreamName':'s','ShardToSplit':'" SHARD_0 "',"
                  "'NewStartingHashKey':'170141183460469231731687303715884105728'}");
    for (int round = 0; round < 2; round++) {
        char *number =
            text_at(call_ok(c, "PutRecord", "{'StreamName':'s','PartitionKey':'k','Data':'YQ=='}"),
                    "SequenceNumber");
        (void)call_ok(c, "PutRecord",
                      "{'StreamName':'s','PartitionKey':'k','Data':'Yg==',"
                      "'SequenceNumberForOrdering':'%s'}",
                      number);
        free(number);
        c->fixture->log->clock.wall_ms -= 3600 * 1000;
    }
}

static void test_put_many(void **state)
{
    struct kinesis_caller *c = *state;
    create(c, 2);
    const struct pn_json *reply =
        call_ok(c, "PutRecords",
                "{'StreamARN':'" ARN "s','Records':["
                "{'PartitionKey':'a','Data':'YQ==','ExplicitHashKey':'0'},"
                "{'PartitionKey':'b','Data':'Yg==',"
                "'ExplicitHashKey':'340282366920938463463374607431768211455'},"
                "{'PartitionKey':'c','Data':'Yw==','ExplicitHashKey':'1'}]}");
    assert_int_at(reply, "FailedRecordCount", 0);
    assert_count_at(reply, "Records", 3);
    assert_text_at(reply, "Records.0.ShardId", SHARD_0);
    assert_text_at(reply, "Records.1.ShardId", SHARD_1);
    assert_absent(reply, "Records.0.ErrorCode");
    assert_absent(reply, "EncryptionType");
    char *first = text_at(reply, "Records.0.SequenceNumber");
    char *third = text_at(reply, "Records.2.SequenceNumber");
    assert_true(strcmp(first, third) < 0);
    free(first);
    free(third);
}

static void test_partial_failures(void **state)
{
    struct kinesis_caller *c = *state;
    create(c, 1);
    kinesis_fixture_close(c->fixture);
    c->fixture->config.put_failure_rate = 0.5;
    kinesis_fixture_open(c->fixture);
    int64_t failed = 0;
    size_t kept = 0;
    for (int round = 0; round < 50; round++) {
        const struct pn_json *reply =
            call_ok(c, "PutRecords",
                    "{'StreamName':'s','Records':[{'PartitionKey':'a','Data':'YQ=='},"
                    "{'PartitionKey':'a','Data':'Yg=='},{'PartitionKey':'a','Data':'Yw=='}]}");
        int64_t count = 0;
        for (const struct pn_json *one = reply_at(reply, "Records")->first; one != NULL;
             one = one->next) {
            bool refused = pn_json_get(one, "ErrorCode") != NULL;
            count += refused ? 1 : 0;
            assert_int_equal(refused, pn_json_get(one, "SequenceNumber") == NULL);
            assert_int_equal(refused, pn_json_get(one, "ErrorMessage") != NULL);
            if (refused && pn_json_text_is(pn_json_get(one, "ErrorCode"), "InternalFailure")) {
                assert_text_at(one, "ErrorMessage", "Internal service failure.");
            } else if (refused) {
                assert_text_at(one, "ErrorCode", "ProvisionedThroughputExceededException");
                assert_text_at(one, "ErrorMessage",
                               "Rate exceeded for shard " SHARD_0
                               " in stream s under account " ACCOUNT ".");
            }
        }
        assert_int_at(reply, "FailedRecordCount", count);
        failed += count;
        kept += (size_t)(3 - count);
    }
    assert_in_range(failed, 1, 149);
    assert_count_at(get(c, iterator(c, SHARD_0, "TRIM_HORIZON", "")), "Records", kept);
}

static void test_puts_that_are_refused(void **state)
{
    struct kinesis_caller *c = *state;
    create(c, 1);
    call_fails(c, "ResourceNotFoundException: Stream t under account " ACCOUNT " not found.",
               "PutRecord",
               "{'StreamName':'t','PartitionKey':'k','Data':'','ExplicitHashKey':"
               "'340282366920938463463374607431768211456'}");
    static const char hash[] =
        "InvalidArgumentException: Invalid ExplicitHashKey. ExplicitHashKey must be in the range: "
        "[0, 2^128-1]. Specified value was 340282366920938463463374607431768211456";
    call_fails(c, hash, "PutRecord",
               "{'StreamName':'s','PartitionKey':'k','Data':'','ExplicitHashKey':"
               "'340282366920938463463374607431768211456'}");
    call_fails(c, hash, "PutRecords",
               "{'StreamName':'s','Records':[{'PartitionKey':'k','Data':''},{'PartitionKey':'k',"
               "'Data':'','ExplicitHashKey':'340282366920938463463374607431768211456'}]}");
    call_fails(c,
               "InvalidArgumentException: ExclusiveMinimumSequenceNumber 5 used in PutRecord on "
               "stream s under account " ACCOUNT " is invalid.",
               "PutRecord",
               "{'StreamName':'s','PartitionKey':'k','Data':'','SequenceNumberForOrdering':'5'}");
    char *number = put(c, "YQ==");
    (void)call_ok(c, "PutRecord",
                  "{'StreamName':'s','PartitionKey':'k','Data':'','SequenceNumberForOrdering':"
                  "'%s'}",
                  number);
    free(number);
}

/* So many bytes of base64, on the heap. */
static char *base64_of(size_t bytes)
{
    size_t len = bytes / 3 * 4;
    char *text = malloc(len + 1);
    assert_non_null(text);
    memset(text, 'A', len);
    text[len] = '\0';
    return text;
}

static void test_sizes(void **state)
{
    struct kinesis_caller *c = *state;
    create(c, 1);
    char *fits = base64_of(1048575);
    char *large = base64_of(1048578);
    (void)call_ok(c, "PutRecord", "{'StreamName':'s','PartitionKey':'k','Data':'%s'}", fits);
    int rc = call_try(c, "PutRecord", "{'StreamName':'s','PartitionKey':'k','Data':'%s'}", large);
    assert_int_equal(rc, PN_KINESIS_VALIDATION);
    rc = call_try(c, "PutRecords",
                  "{'StreamName':'s','Records':[{'PartitionKey':'k','Data':''},"
                  "{'PartitionKey':'k','Data':'%s'}]}",
                  large);
    assert_int_equal(rc, PN_KINESIS_VALIDATION);
    (void)call_ok(c, "UpdateMaxRecordSize", "{'StreamARN':'" ARN "s','MaxRecordSizeInKiB':6144}");
    (void)call_ok(c, "PutRecord", "{'StreamName':'s','PartitionKey':'k','Data':'%s'}", large);
    free(fits);
    free(large);
    char *half = base64_of(5242878);
    call_fails(c, "InvalidArgumentException: Records size exceeds 10 MB limit", "PutRecords",
               "{'StreamName':'s','Records':[{'PartitionKey':'kkk','Data':'%s'},"
               "{'PartitionKey':'kk','Data':'%s'}]}",
               half, half);
    (void)call_ok(c, "PutRecords",
                  "{'StreamName':'s','Records':[{'PartitionKey':'kk','Data':'%s'},"
                  "{'PartitionKey':'kk','Data':'%s'}]}",
                  half, half);
    free(half);
}

static void test_encryption_is_told(void **state)
{
    struct kinesis_caller *c = *state;
    create(c, 1);
    (void)call_ok(c, "StartStreamEncryption",
                  "{'StreamName':'s','EncryptionType':'KMS','KeyId':'alias/aws/kinesis'}");
    const struct pn_json *reply =
        call_ok(c, "PutRecord", "{'StreamName':'s','PartitionKey':'k','Data':'YQ=='}");
    assert_text_at(reply, "EncryptionType", "KMS");
    reply = call_ok(c, "PutRecords",
                    "{'StreamName':'s','Records':[{'PartitionKey':'a','Data':'YQ=='}]}");
    assert_text_at(reply, "EncryptionType", "KMS");
    reply = get(c, iterator(c, SHARD_0, "TRIM_HORIZON", ""));
    assert_text_at(reply, "Records.0.EncryptionType", "KMS");
}

/* A dry run makes every check, then says that it would have gone well, and does nothing. */
static void test_dry_runs(void **state)
{
    static const char would[] = "DryRunOperationException: The request was rejected because the "
                                "DryRun parameter was specified.";
    struct kinesis_caller *c = *state;
    create(c, 1);
    free(put(c, "aGVsbG8="));
    char *from = iterator(c, SHARD_0, "TRIM_HORIZON", "");
    call_fails(c, would, "PutRecord",
               "{'StreamName':'s','PartitionKey':'k','Data':'YQ==','DryRun':true}");
    call_fails(c, would, "PutRecords",
               "{'StreamName':'s','Records':[{'PartitionKey':'k','Data':'YQ=='}],'DryRun':true}");
    call_fails(c, would, "GetShardIterator",
               "{'StreamName':'s','ShardId':'" SHARD_0
               "','ShardIteratorType':'LATEST','DryRun':true}");
    call_fails(c, would, "GetRecords", "{'ShardIterator':'%s','DryRun':true}", from);

    call_fails(c, "ResourceNotFoundException: Stream t under account " ACCOUNT " not found.",
               "PutRecord", "{'StreamName':'t','PartitionKey':'k','Data':'YQ==','DryRun':true}");
    call_fails(c,
               "ValidationException: 1 validation error detected: Value null at 'partitionKey' "
               "failed to satisfy constraint: Member must not be null",
               "PutRecord", "{'StreamName':'s','Data':'YQ==','DryRun':true}");
    call_fails(c,
               "InvalidArgumentException: Invalid ExplicitHashKey. ExplicitHashKey must be in the "
               "range: [0, 2^128-1]. Specified value was 999999999999999999999999999999999999999",
               "PutRecords",
               "{'StreamName':'s','Records':[{'PartitionKey':'k','Data':'YQ==','ExplicitHashKey':"
               "'999999999999999999999999999999999999999'}],'DryRun':true}");
    call_fails(c, "InvalidArgumentException: Invalid ShardIterator.", "GetRecords",
               "{'ShardIterator':'forged','DryRun':true}");
    assert_int_equal(call_try(c, "GetShardIterator",
                              "{'StreamName':'s','ShardId':'" SHARD_1
                              "','ShardIteratorType':'LATEST','DryRun':true}"),
                     PN_KINESIS_NOT_FOUND);

    const struct pn_json *reply = get(c, from); /* only what was really put */
    assert_count_at(reply, "Records", 1);
    reply = call_ok(c, "PutRecord",
                    "{'StreamName':'s','PartitionKey':'k','Data':'YQ==','DryRun':false}");
    assert_text_at(reply, "ShardId", SHARD_0);
}

static void test_a_record_needs_a_partition_key(void **state)
{
    struct kinesis_caller *c = *state;
    create(c, 1);
    call_fails(c,
               "ValidationException: 1 validation error detected: Value null at 'partitionKey' "
               "failed to satisfy constraint: Member must not be null",
               "PutRecord", "{'StreamName':'s','ExplicitHashKey':'0','Data':'YQ=='}");
    call_fails(c,
               "ValidationException: 1 validation error detected: Value null at "
               "'records.2.member.partitionKey' failed to satisfy constraint: Member must not be "
               "null",
               "PutRecords",
               "{'StreamName':'s','Records':[{'PartitionKey':'k','Data':''},{'Data':''}]}");
    assert_count_at(get(c, iterator(c, SHARD_0, "TRIM_HORIZON", "")), "Records", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CALLS(test) \
    cmocka_unit_test_setup_teardown(test, kinesis_caller_set_up, kinesis_caller_tear_down)
        CALLS(test_put_and_get),
        CALLS(test_iterators),
        CALLS(test_iterators_that_are_refused),
        CALLS(test_shards_that_are_not_there),
        CALLS(test_limits_of_a_read),
        CALLS(test_a_shard_that_is_drained),
        CALLS(test_damage_is_passed_over),
        CALLS(test_a_shard_that_ends_in_damage_is_drained),
        CALLS(test_ordering_by_a_number_of_a_later_second),
        CALLS(test_put_many),
        CALLS(test_partial_failures),
        CALLS(test_puts_that_are_refused),
        CALLS(test_sizes),
        CALLS(test_encryption_is_told),
        CALLS(test_dry_runs),
        CALLS(test_a_record_needs_a_partition_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
