/* Consumers: registering, finding, listing, subscribing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kinesis/api/subscribe.h"
#include "support/kinesis_call.h"

#define ACCOUNT "000000000000"
#define ARN     "arn:aws:kinesis:us-east-1:" ACCOUNT ":stream/"

#define READER ARN "s/consumer/reader:1000000"

static void create(struct kinesis_caller *c)
{
    (void)call_ok(c, "CreateStream", "{'StreamName':'s','ShardCount':1}");
}

static const struct pn_json *register_one(struct kinesis_caller *c, const char *name)
{
    return call_ok(c, "RegisterStreamConsumer", "{'StreamARN':'" ARN "s','ConsumerName':'%s'}",
                   name);
}

static void test_register_and_describe(void **state)
{
    struct kinesis_caller *c = *state;
    create(c);
    const struct pn_json *reply = register_one(c, "reader");
    assert_text_at(reply, "Consumer.ConsumerName", "reader");
    assert_text_at(reply, "Consumer.ConsumerARN", READER);
    assert_text_at(reply, "Consumer.ConsumerStatus", "ACTIVE");
    assert_int_equal(reply_at(reply, "Consumer.ConsumerCreationTimestamp")->number,
                     LOG_FIXTURE_NOW);
    assert_absent(reply, "Consumer.StreamARN");
    static const char *const inputs[] = {
        "{'ConsumerARN':'" READER "'}", "{'StreamARN':'" ARN "s','ConsumerName':'reader'}",
        "{'ConsumerARN':'" READER "','StreamARN':'" ARN "s','ConsumerName':'reader'}"};
    for (int i = 0; i < 3; i++) {
        reply = call_ok(c, "DescribeStreamConsumer", "%s", inputs[i]);
        assert_text_at(reply, "ConsumerDescription.ConsumerARN", READER);
        assert_text_at(reply, "ConsumerDescription.StreamARN", ARN "s");
        assert_text_at(reply, "ConsumerDescription.ConsumerStatus", "ACTIVE");
    }
    call_fails(
        c,
        "ResourceInUseException: Consumer reader under stream s already exists for account " ACCOUNT
        ".",
        "RegisterStreamConsumer", "{'StreamARN':'" ARN "s','ConsumerName':'reader'}");
    kinesis_fixture_reopen(c->fixture);
    (void)call_ok(c, "DescribeStreamConsumer", "%s", inputs[0]);
}

static void test_consumers_that_are_not_there(void **state)
{
    struct kinesis_caller *c = *state;
    create(c);
    (void)register_one(c, "reader");
    call_fails(c,
               "InvalidArgumentException: Either ConsumerARN or both StreamARN and ConsumerName "
               "must be provided.",
               "DescribeStreamConsumer", "{'ConsumerName':'reader'}");
    call_fails(c, "ResourceNotFoundException: Consumer other, account " ACCOUNT " not found.",
               "DescribeStreamConsumer", "{'StreamARN':'" ARN "s','ConsumerName':'other'}");
    call_fails(c,
               "ResourceNotFoundException: Consumer " ARN "s/consumer/reader:7, account " ACCOUNT
               " not found.",
               "DescribeStreamConsumer", "{'ConsumerARN':'" ARN "s/consumer/reader:7'}");
    call_fails(c, "ResourceNotFoundException: Stream t under account " ACCOUNT " not found.",
               "DescribeStreamConsumer", "{'ConsumerARN':'" ARN "t/consumer/reader:7'}");
    call_fails(c,
               "InvalidArgumentException: ConsumerARN, StreamARN and ConsumerName do not name the "
               "same consumer.",
               "DescribeStreamConsumer",
               "{'ConsumerARN':'" READER "','StreamARN':'" ARN "s','ConsumerName':'other'}");
    call_fails(c, "ResourceNotFoundException: Stream t under account " ACCOUNT " not found.",
               "RegisterStreamConsumer", "{'StreamARN':'" ARN "t','ConsumerName':'reader'}");
}

static void test_deregister(void **state)
{
    struct kinesis_caller *c = *state;
    create(c);
    (void)register_one(c, "reader");
    (void)register_one(c, "writer");
    assert_null(call_ok(c, "DeregisterStreamConsumer", "{'ConsumerARN':'" READER "'}"));
    assert_int_equal(call_try(c, "DescribeStreamConsumer", "{'ConsumerARN':'" READER "'}"),
                     PN_KINESIS_NOT_FOUND);
    assert_null(
        call_ok(c, "DeregisterStreamConsumer", "{'StreamARN':'" ARN "s','ConsumerName':'writer'}"));
    const struct pn_json *reply = call_ok(c, "DescribeStreamSummary", "{'StreamName':'s'}");
    assert_int_at(reply, "StreamDescriptionSummary.ConsumerCount", 0);
    assert_int_equal(call_try(c, "DeregisterStreamConsumer", "{'ConsumerARN':'" READER "'}"),
                     PN_KINESIS_NOT_FOUND);
}

static void test_list_and_limit(void **state)
{
    struct kinesis_caller *c = *state;
    create(c);
    for (int i = 19; i >= 0; i--) {
        char name[16];
        (void)snprintf(name, sizeof name, "c%02d", i);
        (void)register_one(c, name);
    }
    call_fails(c,
               "LimitExceededException: Stream s under account " ACCOUNT
               " has 20 consumers already. Limit: 20.",
               "RegisterStreamConsumer", "{'StreamARN':'" ARN "s','ConsumerName':'more'}");
    const struct pn_json *reply =
        call_ok(c, "ListStreamConsumers", "{'StreamARN':'" ARN "s','MaxResults':15}");
    assert_count_at(reply, "Consumers", 15);
    assert_text_at(reply, "Consumers.0.ConsumerName", "c00");
    assert_text_at(reply, "Consumers.0.ConsumerStatus", "ACTIVE");
    char *token = text_at(reply, "NextToken");
    reply = call_ok(c, "ListStreamConsumers", "{'StreamARN':'" ARN "s','NextToken':'%s'}", token);
    assert_count_at(reply, "Consumers", 5);
    assert_text_at(reply, "Consumers.4.ConsumerName", "c19");
    assert_absent(reply, "NextToken");
    call_fails(c, "InvalidArgumentException: NextToken and StreamARN mismatch",
               "ListStreamConsumers", "{'StreamARN':'" ARN "t','NextToken':'%s'}", token);
    call_fails(c,
               "InvalidArgumentException: NextToken and StreamCreationTimestamp cannot be provided "
               "together.",
               "ListStreamConsumers",
               "{'StreamARN':'" ARN "s','NextToken':'%s','StreamCreationTimestamp':1}", token);
    free(token);
}

static int subscribe(struct kinesis_caller *c, const char *position)
{
    return call_try(c, "SubscribeToShard",
                    "{'ConsumerARN':'" READER "','ShardId':'shardId-000000000000',"
                    "'StartingPosition':{%s}}",
                    position);
}

static void test_subscribe(void **state)
{
    struct kinesis_caller *c = *state;
    create(c);
    (void)register_one(c, "reader");
    call_fails(c,
               "DryRunOperationException: The request was rejected because the DryRun parameter "
               "was specified.",
               "SubscribeToShard",
               "{'ConsumerARN':'" READER "','ShardId':'shardId-000000000000',"
               "'StartingPosition':{'Type':'LATEST'},'DryRun':true}");
    /* A dry run began nothing: within five seconds of one that did, this would be refused. */
    assert_int_equal(subscribe(c, "'Type':'TRIM_HORIZON'"), 0);
    assert_int_equal(c->reply.len, 0); /* the reply is the events */
    struct pn_subscription *subscription = pn_call_take_subscription(&c->call);
    assert_non_null(subscription);
    assert_null(c->call.state);
    struct pn_buf events;
    pn_buf_init(&events, PN_SUBSCRIPTION_BYTES_MAX);
    assert_true(pn_subscription_next(subscription, &events));
    assert_true(events.len > 0);
    pn_buf_deinit(&events);
    pn_subscription_end(&subscription);
}

static void test_subscriptions_that_are_refused(void **state)
{
    struct kinesis_caller *c = *state;
    create(c);
    (void)register_one(c, "reader");
    assert_int_equal(subscribe(c, "'Type':'AT_SEQUENCE_NUMBER'"), PN_KINESIS_INVALID_ARGUMENT);
    assert_int_equal(subscribe(c, "'Type':'LATEST','SequenceNumber':'1'"),
                     PN_KINESIS_INVALID_ARGUMENT);
    assert_int_equal(subscribe(c, "'Type':'AT_TIMESTAMP'"), PN_KINESIS_INVALID_ARGUMENT);
    assert_int_equal(subscribe(c, "'Type':'AT_SEQUENCE_NUMBER','SequenceNumber':'1'"),
                     PN_KINESIS_INVALID_ARGUMENT);
    assert_int_equal(subscribe(c, "'Type':'HERE'"), PN_KINESIS_VALIDATION);
    call_fails(c,
               "ResourceNotFoundException: Could not find shard shardId-000000000001 in stream s "
               "under account " ACCOUNT ".",
               "SubscribeToShard",
               "{'ConsumerARN':'" READER "','ShardId':'shardId-000000000001',"
               "'StartingPosition':{'Type':'LATEST'}}");
    call_fails(c,
               "ResourceNotFoundException: Consumer " ARN "s/consumer/other:1, account " ACCOUNT
               " not found.",
               "SubscribeToShard",
               "{'ConsumerARN':'" ARN "s/consumer/other:1','ShardId':'shardId-000000000000',"
               "'StartingPosition':{'Type':'LATEST'}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CALLS(test) \
    cmocka_unit_test_setup_teardown(test, kinesis_caller_set_up, kinesis_caller_tear_down)
        CALLS(test_register_and_describe),
        CALLS(test_consumers_that_are_not_there),
        CALLS(test_deregister),
        CALLS(test_list_and_limit),
        CALLS(test_subscribe),
        CALLS(test_subscriptions_that_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
