/* ListShards, SplitShard, MergeShards, UpdateShardCount. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"
#include "support/kinesis_call.h"

#define ACCOUNT "000000000000"
#define ARN     "arn:aws:kinesis:us-east-1:" ACCOUNT ":stream/"

#define HALF "170141183460469231731687303715884105728" /* 2^127 */

enum { HOUR_MS = 3600 * 1000 };

static void advance(struct kinesis_caller *c, int64_t ms)
{
    pn_fake_clock_advance(&c->fixture->log->clock, ms);
}

/* Which shards a list shows: "0 1 2", on the heap. */
static void assert_shards(const struct pn_json *reply, const char *numbers)
{
    struct pn_buf text;
    pn_buf_init(&text, 1024);
    const struct pn_json *shards = reply_at(reply, "Shards");
    assert_non_null(shards);
    for (const struct pn_json *one = shards->first; one != NULL; one = one->next) {
        char *id = text_at(one, "ShardId");
        pn_buf_addf(&text, "%s%ld", text.len == 0 ? "" : " ",
                    strtol(strchr(id, '-') + 1, NULL, 10));
        free(id);
    }
    assert_string_equal(pn_buf_text(&text), numbers);
    pn_buf_deinit(&text);
}

static void assert_filtered(struct kinesis_caller *c, const char *filter, const char *numbers)
{
    assert_shards(call_ok(c, "ListShards", "{'StreamName':'s','ShardFilter':{%s}}", filter),
                  numbers);
}

/* Shard 0 until 10 s after its beginning, then 1 and 2; 2 until 20 s, then 3 and 4. */
static void split_twice(struct kinesis_caller *c)
{
    (void)call_ok(c, "CreateStream", "{'StreamName':'s','ShardCount':1}");
    advance(c, 10000);
    (void)call_ok(c, "SplitShard",
                  "{'StreamName':'s','ShardToSplit':'shardId-000000000000',"
                  "'NewStartingHashKey':'" HALF "'}");
    advance(c, 10000);
    (void)call_ok(c, "SplitShard",
                  "{'StreamARN':'" ARN "s','ShardToSplit':'shardId-000000000002',"
                  "'NewStartingHashKey':'255211775190703847597530955573826158592'}");
    advance(c, 10000);
}

/* A shard that is closed by a clock that went back is as young as one closed by any other: it is
 * listed, or its records would never be read. */
static void test_the_clock_goes_back(void **state)
{
    struct kinesis_caller *c = *state;
    (void)call_ok(c, "CreateStream", "{'StreamName':'s','ShardCount':1}");
    c->fixture->log->clock.wall_ms -= HOUR_MS;
    (void)call_ok(c, "SplitShard",
                  "{'StreamName':'s','ShardToSplit':'shardId-000000000000',"
                  "'NewStartingHashKey':'" HALF "'}");
    c->fixture->log->clock.wall_ms -= HOUR_MS;
    (void)call_ok(c, "MergeShards",
                  "{'StreamName':'s','ShardToMerge':'shardId-000000000001',"
                  "'AdjacentShardToMerge':'shardId-000000000002'}");
    assert_shards(call_ok(c, "ListShards", "{'StreamName':'s'}"), "0 1 2 3");
    const struct pn_json *reply = call_ok(c, "DescribeStream", "{'StreamName':'s'}");
    assert_count_at(reply, "StreamDescription.Shards", 4);
    assert_filtered(c, "'Type':'AT_LATEST'", "3");
}

static void test_the_clock_goes_back_between_pages(void **state)
{
    struct kinesis_caller *c = *state;
    (void)call_ok(c, "CreateStream", "{'StreamName':'s','ShardCount':2}");
    char *token =
        text_at(call_ok(c, "ListShards", "{'StreamName':'s','MaxResults':1}"), "NextToken");
    c->fixture->log->clock.wall_ms -= 1000;
    assert_shards(call_ok(c, "ListShards", "{'NextToken':'%s'}", token), "1");
    free(token);
}

/* Anybody can write a token whose check is right; this one was made before all time. */
static void test_a_token_of_a_time_that_is_none(void **state)
{
    static const char text[] = "1 s 9223372036854775808 1 0 0 s shardId-0 ";
    struct kinesis_caller *c = *state;
    struct pn_buf token;
    char whole[128];
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < sizeof text - 1; i++) {
        hash = (hash ^ (unsigned char)text[i]) * UINT64_C(1099511628211);
    }
    (void)snprintf(whole, sizeof whole, "%s%016llx", text, (unsigned long long)hash);
    pn_buf_init(&token, 512);
    pn_base64_encode(&token, whole, strlen(whole));
    call_fails(c, "InvalidArgumentException: Invalid NextToken.", "ListShards",
               "{'NextToken':'%s'}", pn_buf_text(&token));
    pn_buf_deinit(&token);
}

static void test_what_a_split_leaves(void **state)
{
    struct kinesis_caller *c = *state;
    split_twice(c);
    const struct pn_json *reply = call_ok(c, "ListShards", "{'StreamName':'s'}");
    assert_shards(reply, "0 1 2 3 4");
    assert_absent(reply, "NextToken");
    assert_absent(reply, "Shards.0.ParentShardId");
    assert_non_null(reply_at(reply, "Shards.0.SequenceNumberRange.EndingSequenceNumber"));
    assert_text_at(reply, "Shards.1.ParentShardId", "shardId-000000000000");
    assert_absent(reply, "Shards.1.AdjacentParentShardId");
    assert_absent(reply, "Shards.1.SequenceNumberRange.EndingSequenceNumber");
    assert_text_at(reply, "Shards.1.HashKeyRange.EndingHashKey",
                   "170141183460469231731687303715884105727");
    assert_text_at(reply, "Shards.2.HashKeyRange.StartingHashKey", HALF);
    assert_text_at(reply, "Shards.4.ParentShardId", "shardId-000000000002");
    (void)call_ok(c, "MergeShards",
                  "{'StreamName':'s','ShardToMerge':'shardId-000000000001',"
                  "'AdjacentShardToMerge':'shardId-000000000003'}");
    reply = call_ok(c, "ListShards",
                    "{'StreamName':'s','ExclusiveStartShardId':'shardId-000000000004'}");
    assert_shards(reply, "5");
    assert_text_at(reply, "Shards.0.ParentShardId", "shardId-000000000001");
    assert_text_at(reply, "Shards.0.AdjacentParentShardId", "shardId-000000000003");
}

static void test_filters(void **state)
{
    struct kinesis_caller *c = *state;
    char at[128];
    split_twice(c);
    assert_filtered(c, "'Type':'AT_TRIM_HORIZON'", "0");
    assert_filtered(c, "'Type':'FROM_TRIM_HORIZON'", "0 1 2 3 4");
    assert_filtered(c, "'Type':'AT_LATEST'", "1 3 4");
    assert_filtered(c, "'Type':'AFTER_SHARD_ID','ShardId':'shardId-000000000002'", "3 4");
    (void)snprintf(at, sizeof at, "'Type':'AT_TIMESTAMP','Timestamp':%d", LOG_FIXTURE_NOW + 15);
    assert_filtered(c, at, "1 2");
    (void)snprintf(at, sizeof at, "'Type':'FROM_TIMESTAMP','Timestamp':%d", LOG_FIXTURE_NOW + 15);
    assert_filtered(c, at, "1 2 3 4");
    (void)snprintf(at, sizeof at, "'Type':'FROM_TIMESTAMP','Timestamp':%d", LOG_FIXTURE_NOW + 25);
    assert_filtered(c, at, "1 3 4");
    assert_filtered(c, "'Type':'AT_TIMESTAMP','Timestamp':1", "0"); /* as the trim horizon */
}

static void test_filters_that_are_refused(void **state)
{
    struct kinesis_caller *c = *state;
    (void)call_ok(c, "CreateStream", "{'StreamName':'s','ShardCount':1}");
    call_fails(c,
               "InvalidArgumentException: Timestamp must be provided for a ShardFilter of type "
               "AT_TIMESTAMP.",
               "ListShards", "{'StreamName':'s','ShardFilter':{'Type':'AT_TIMESTAMP'}}");
    call_fails(c,
               "InvalidArgumentException: ShardId must be provided for a ShardFilter of type "
               "AFTER_SHARD_ID.",
               "ListShards", "{'StreamName':'s','ShardFilter':{'Type':'AFTER_SHARD_ID'}}");
    call_fails(c,
               "InvalidArgumentException: ShardId cannot be provided for a ShardFilter of type "
               "AT_LATEST.",
               "ListShards",
               "{'StreamName':'s','ShardFilter':{'Type':'AT_LATEST','ShardId':'shardId-0'}}");
    call_fails(c,
               "InvalidArgumentException: The timestampInMillis parameter cannot be greater than "
               "the currentTimestampInMillis. timestampInMillis: 1000001000, "
               "currentTimestampInMillis: 1000000000",
               "ListShards",
               "{'StreamName':'s','ShardFilter':{'Type':'FROM_TIMESTAMP','Timestamp':1000001}}");
}

/* A closed shard is listed as long as a record of it may be kept. */
static void test_expired_shards_are_not_listed(void **state)
{
    struct kinesis_caller *c = *state;
    split_twice(c);
    advance(c, (int64_t)24 * HOUR_MS - 20000);
    assert_shards(call_ok(c, "ListShards", "{'StreamName':'s'}"), "0 1 2 3 4");
    advance(c, 1);
    const struct pn_json *reply = call_ok(c, "ListShards", "{'StreamName':'s'}");
    assert_shards(reply, "1 2 3 4");
    assert_text_at(reply, "Shards.0.ParentShardId", "shardId-000000000000");
    assert_filtered(c, "'Type':'AT_TRIM_HORIZON'", "1 2");
    reply = call_ok(c, "DescribeStream", "{'StreamName':'s'}");
    assert_count_at(reply, "StreamDescription.Shards", 4);
    advance(c, 10000);
    assert_shards(call_ok(c, "ListShards", "{'StreamName':'s'}"), "1 3 4");
}

static void test_pages(void **state)
{
    struct kinesis_caller *c = *state;
    split_twice(c);
    const struct pn_json *reply = call_ok(
        c, "ListShards", "{'StreamName':'s','MaxResults':2,'ShardFilter':{'Type':'AT_LATEST'}}");
    assert_shards(reply, "1 3");
    char *token = text_at(reply, "NextToken");
    reply = call_ok(c, "ListShards", "{'NextToken':'%s'}", token);
    assert_shards(reply, "4");
    assert_absent(reply, "NextToken");
    call_fails(c, "InvalidArgumentException: NextToken and StreamName cannot be provided together.",
               "ListShards", "{'StreamName':'s','NextToken':'%s'}", token);
    call_fails(c,
               "InvalidArgumentException: NextToken and ShardFilter cannot be provided together.",
               "ListShards", "{'NextToken':'%s','ShardFilter':{'Type':'AT_LATEST'}}", token);
    call_fails(c,
               "InvalidArgumentException: NextToken and ExclusiveStartShardId cannot be provided "
               "together.",
               "ListShards", "{'NextToken':'%s','ExclusiveStartShardId':'shardId-0'}", token);
    call_fails(c, "InvalidArgumentException: Either NextToken or StreamName should be provided.",
               "ListShards", "{}");
    call_fails(c, "InvalidArgumentException: Invalid NextToken.", "ListStreams",
               "{'NextToken':'%s'}", token); /* another list's */
    advance(c, 300 * 1000 + 1);
    call_fails(c,
               "ExpiredNextTokenException: The pagination token passed to the operation is "
               "expired.",
               "ListShards", "{'NextToken':'%s'}", token);
    free(token);
}

static void test_a_token_of_a_stream_that_is_gone(void **state)
{
    struct kinesis_caller *c = *state;
    (void)call_ok(c, "CreateStream", "{'StreamName':'s','ShardCount':3}");
    char *token =
        text_at(call_ok(c, "ListShards", "{'StreamName':'s','MaxResults':1}"), "NextToken");
    (void)call_ok(c, "DeleteStream", "{'StreamName':'s'}");
    call_fails(c, "ResourceNotFoundException: Stream s under account " ACCOUNT " not found.",
               "ListShards", "{'NextToken':'%s'}", token);
    (void)call_ok(c, "CreateStream", "{'StreamName':'s','ShardCount':3}");
    call_fails(c, "ResourceNotFoundException: Stream s under account " ACCOUNT " not found.",
               "ListShards", "{'NextToken':'%s'}", token);
    free(token);
}

static void test_the_stream_of_a_time(void **state)
{
    struct kinesis_caller *c = *state;
    (void)call_ok(c, "CreateStream", "{'StreamName':'s','ShardCount':1}");
    (void)call_ok(c, "ListShards", "{'StreamName':'s','StreamCreationTimestamp':%d}",
                  LOG_FIXTURE_NOW);
    call_fails(c, "ResourceNotFoundException: Stream s under account " ACCOUNT " not found.",
               "ListShards", "{'StreamName':'s','StreamCreationTimestamp':%d}",
               LOG_FIXTURE_NOW - 1);
}

#define NOT_FOUND(id) \
    "ResourceNotFoundException: Could not find shard " id " in stream s under account " ACCOUNT "."

static void test_splits_that_are_refused(void **state)
{
    struct kinesis_caller *c = *state;
    (void)call_ok(c, "CreateStream", "{'StreamName':'s','ShardCount':3}");
    call_fails(c, NOT_FOUND("shardId-000000000005"), "SplitShard",
               "{'StreamName':'s','ShardToSplit':'shardId-5','NewStartingHashKey':'0'}");
    call_fails(c,
               "ResourceNotFoundException: Could not find shard 2147483648 in stream t under "
               "account " ACCOUNT ".",
               "SplitShard",
               "{'StreamName':'t','ShardToSplit':'2147483648','NewStartingHashKey':'0'}");
    call_fails(c, NOT_FOUND("ham"), "SplitShard",
               "{'StreamName':'s','ShardToSplit':'ham','NewStartingHashKey':'0'}");
    call_fails(c,
               "InvalidArgumentException: NewStartingHashKey 1 used in SplitShard() on shard "
               "shardId-000000000000 in stream s under account " ACCOUNT
               " is not both greater than one plus the shard's StartingHashKey 0 and less than the "
               "shard's EndingHashKey 113427455640312821154458202477256070484.",
               "SplitShard",
               "{'StreamName':'s','ShardToSplit':'shard-0','NewStartingHashKey':'1'}");
    call_fails(c,
               "InvalidArgumentException: NewStartingHashKey "
               "999999999999999999999999999999999999999 used in SplitShard() on shard "
               "shardId-000000000002 in stream s under account " ACCOUNT
               " is not both greater than one plus the shard's StartingHashKey "
               "226854911280625642308916404954512140970 and less than the shard's EndingHashKey "
               "340282366920938463463374607431768211455.",
               "SplitShard",
               "{'StreamName':'s','ShardToSplit':'shard-2','NewStartingHashKey':"
               "'999999999999999999999999999999999999999'}");
}

static void test_merges_that_are_refused(void **state)
{
    struct kinesis_caller *c = *state;
    (void)call_ok(c, "CreateStream", "{'StreamName':'s','ShardCount':3}");
    call_fails(c, NOT_FOUND("shardId-000000000007"), "MergeShards",
               "{'StreamName':'s','ShardToMerge':'shardId-0','AdjacentShardToMerge':'shardId-7'}");
    call_fails(
        c,
        "ResourceNotFoundException: Could not find shard ham in stream t under account " ACCOUNT
        ".",
        "MergeShards",
        "{'StreamName':'t','ShardToMerge':'shardId-0','AdjacentShardToMerge':'ham'}");
    call_fails(c,
               "InvalidArgumentException: Shards shardId-000000000001 and shardId-000000000000 in "
               "stream s under account " ACCOUNT
               " are not an adjacent pair of shards eligible for merging",
               "MergeShards",
               "{'StreamName':'s','ShardToMerge':'shardId-1','AdjacentShardToMerge':'shardId-0'}");
    call_fails(c,
               "InvalidArgumentException: Shards shardId-000000000000 and shardId-000000000002 in "
               "stream s under account " ACCOUNT
               " are not an adjacent pair of shards eligible for merging",
               "MergeShards",
               "{'StreamName':'s','ShardToMerge':'shardId-0','AdjacentShardToMerge':'shardId-2'}");
}

static void test_on_demand_streams_scale_themselves(void **state)
{
    struct kinesis_caller *c = *state;
    static const char error[] =
        "ValidationException: Request is invalid. Stream s under account " ACCOUNT
        " is in On-Demand mode.";
    (void)call_ok(c, "CreateStream",
                  "{'StreamName':'s','StreamModeDetails':{'StreamMode':'ON_DEMAND'}}");
    call_fails(c, error, "SplitShard",
               "{'StreamName':'s','ShardToSplit':'shardId-0','NewStartingHashKey':'4'}");
    call_fails(c, error, "MergeShards",
               "{'StreamName':'s','ShardToMerge':'shardId-0','AdjacentShardToMerge':'shardId-1'}");
    call_fails(c, error, "UpdateShardCount",
               "{'StreamName':'s','TargetShardCount':8,'ScalingType':'UNIFORM_SCALING'}");
}

static void test_scaling(void **state)
{
    struct kinesis_caller *c = *state;
    (void)call_ok(c, "CreateStream", "{'StreamName':'s','ShardCount':2}");
    const struct pn_json *reply =
        call_ok(c, "UpdateShardCount",
                "{'StreamName':'s','TargetShardCount':4,'ScalingType':'UNIFORM_SCALING'}");
    assert_text_at(reply, "StreamName", "s");
    assert_text_at(reply, "StreamARN", ARN "s");
    assert_int_at(reply, "CurrentShardCount", 2);
    assert_int_at(reply, "TargetShardCount", 4);
    reply = call_ok(c, "DescribeStreamSummary", "{'StreamName':'s'}");
    assert_int_at(reply, "StreamDescriptionSummary.OpenShardCount", 4);
    assert_int_not_equal(
        call_try(c, "UpdateShardCount",
                 "{'StreamName':'s','TargetShardCount':9,'ScalingType':'UNIFORM_SCALING'}"),
        0);
    assert_int_not_equal(
        call_try(c, "UpdateShardCount",
                 "{'StreamName':'s','TargetShardCount':1,'ScalingType':'UNIFORM_SCALING'}"),
        0);
    call_fails(
        c,
        "LimitExceededException: UpdateShardCount cannot scale stream s under account " ACCOUNT
        " to more than 10000 shards.",
        "UpdateShardCount",
        "{'StreamName':'s','TargetShardCount':10001,'ScalingType':'UNIFORM_SCALING'}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CALLS(test) \
    cmocka_unit_test_setup_teardown(test, kinesis_caller_set_up, kinesis_caller_tear_down)
        CALLS(test_what_a_split_leaves),
        CALLS(test_the_clock_goes_back_between_pages),
        CALLS(test_a_token_of_a_time_that_is_none),
        CALLS(test_the_clock_goes_back),
        CALLS(test_filters),
        CALLS(test_filters_that_are_refused),
        CALLS(test_expired_shards_are_not_listed),
        CALLS(test_pages),
        CALLS(test_a_token_of_a_stream_that_is_gone),
        CALLS(test_the_stream_of_a_time),
        CALLS(test_splits_that_are_refused),
        CALLS(test_merges_that_are_refused),
        CALLS(test_on_demand_streams_scale_themselves),
        CALLS(test_scaling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
