/* Tags, of streams and of consumers. */
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

static void create(struct kinesis_caller *c)
{
    (void)call_ok(c, "CreateStream", "{'StreamName':'s','ShardCount':1}");
}

static void test_add_list_remove(void **state)
{
    struct kinesis_caller *c = *state;
    create(c);
    assert_null(
        call_ok(c, "AddTagsToStream", "{'StreamName':'s','Tags':{'b':'2','a':'1','c':''}}"));
    assert_null(call_ok(c, "AddTagsToStream", "{'StreamName':'s','Tags':{'b':'3'}}"));
    const struct pn_json *reply = call_ok(c, "ListTagsForStream", "{'StreamName':'s'}");
    assert_count_at(reply, "Tags", 3);
    assert_text_at(reply, "Tags.0.Key", "a");
    assert_text_at(reply, "Tags.1.Value", "3");
    assert_text_at(reply, "Tags.2.Value", "");
    assert_bool_at(reply, "HasMoreTags", false);
    reply = call_ok(c, "ListTagsForStream", "{'StreamName':'s','Limit':2}");
    assert_count_at(reply, "Tags", 2);
    assert_bool_at(reply, "HasMoreTags", true);
    reply =
        call_ok(c, "ListTagsForStream", "{'StreamName':'s','Limit':2,'ExclusiveStartTagKey':'a'}");
    assert_count_at(reply, "Tags", 2);
    assert_bool_at(reply, "HasMoreTags", false);
    assert_null(
        call_ok(c, "RemoveTagsFromStream", "{'StreamName':'s','TagKeys':['a','c','none']}"));
    kinesis_fixture_reopen(c->fixture);
    reply = call_ok(c, "ListTagsForResource", "{'ResourceARN':'" ARN "s'}");
    assert_count_at(reply, "Tags", 1);
    assert_text_at(reply, "Tags.0.Key", "b");
}

static void test_tags_of_resources(void **state)
{
    struct kinesis_caller *c = *state;
    create(c);
    (void)call_ok(c, "RegisterStreamConsumer",
                  "{'StreamARN':'" ARN "s','ConsumerName':'reader','Tags':{'x':'1'}}");
    assert_null(call_ok(c, "TagResource", "{'ResourceARN':'" READER "','Tags':{'y':'2'}}"));
    assert_null(call_ok(c, "TagResource", "{'ResourceARN':'" ARN "s','Tags':{'z':'3'}}"));
    const struct pn_json *reply = call_ok(c, "ListTagsForResource", "{'ResourceARN':'" READER "'}");
    assert_count_at(reply, "Tags", 2);
    assert_text_at(reply, "Tags.1.Key", "y");
    assert_null(call_ok(c, "UntagResource", "{'ResourceARN':'" READER "','TagKeys':['x']}"));
    kinesis_fixture_reopen(c->fixture);
    reply = call_ok(c, "ListTagsForResource", "{'ResourceARN':'" READER "'}");
    assert_count_at(reply, "Tags", 1);
    assert_text_at(reply, "Tags.0.Value", "2");
    reply = call_ok(c, "ListTagsForStream", "{'StreamName':'s'}");
    assert_count_at(reply, "Tags", 1);
    assert_text_at(reply, "Tags.0.Key", "z");
    call_fails(c,
               "ResourceNotFoundException: Consumer " ARN "s/consumer/other:1, account " ACCOUNT
               " not found.",
               "TagResource", "{'ResourceARN':'" ARN "s/consumer/other:1','Tags':{'a':'b'}}");
}

/* Tags of so many keys, from `from` on: "'k0':'v',...". */
static const char *tags(struct kinesis_caller *c, struct pn_buf *out, int from, int count)
{
    (void)c;
    pn_buf_reset(out);
    for (int i = 0; i < count; i++) {
        pn_buf_addf(out, "%s'k%d':'v'", i == 0 ? "" : ",", from + i);
    }
    return pn_buf_text(out);
}

static void test_fifty_tags(void **state)
{
    struct kinesis_caller *c = *state;
    struct pn_buf out;
    static const char error[] =
        "InvalidArgumentException: Failed to add tags to stream s under account " ACCOUNT
        " because a given stream cannot have more than 50 tags associated with it.";
    pn_buf_init(&out, 4096);
    create(c);
    (void)call_ok(c, "AddTagsToStream", "{'StreamName':'s','Tags':{%s}}", tags(c, &out, 0, 49));
    call_fails(c, error, "AddTagsToStream", "{'StreamName':'s','Tags':{%s}}", tags(c, &out, 48, 3));
    (void)call_ok(c, "AddTagsToStream", "{'StreamName':'s','Tags':{%s}}", tags(c, &out, 48, 2));
    call_fails(c, error, "TagResource", "{'ResourceARN':'" ARN "s','Tags':{%s}}",
               tags(c, &out, 50, 1));
    call_fails(c, error, "AddTagsToStream", "{'StreamName':'s','Tags':{%s}}", tags(c, &out, 0, 51));
    pn_buf_deinit(&out);
}

static void test_texts(void **state)
{
    struct kinesis_caller *c = *state;
    static const char invalid[] =
        "InvalidArgumentException: Some tags contain invalid characters. Valid characters: Unicode "
        "letters, digits, white space, _ . / = + - % @.";
    create(c);
    (void)call_ok(c, "AddTagsToStream",
                  "{'StreamName':'s','Tags':{'\xc3\xa9 _.:/=+-@9':'\xe6\x97\xa5'}}");
    call_fails(c, invalid, "AddTagsToStream", "{'StreamName':'s','Tags':{'a':'b;'}}");
    call_fails(c, invalid, "AddTagsToStream",
               "{'StreamName':'s','Tags':{'\xe2\x82\xac':'b'}}"); /* the euro sign */
    call_fails(c, invalid, "RemoveTagsFromStream", "{'StreamName':'s','TagKeys':['a','!']}");
    call_fails(c,
               "InvalidArgumentException: Failed to add tags to stream s under account " ACCOUNT
               " because some tags contained illegal characters. The allowed characters are "
               "Unicode letters, white-spaces, '_',',','/','=','+','-','@'.",
               "AddTagsToStream", "{'StreamName':'s','Tags':{'a':'50%%'}}");
    call_fails(
        c,
        "InvalidArgumentException: Failed to remove tags from stream s under account " ACCOUNT
        " because some tags contained illegal characters. The allowed characters "
        "are Unicode letters, white-spaces, '_',',','/','=','+','-','@'.",
        "RemoveTagsFromStream", "{'StreamName':'s','TagKeys':['50%%']}");
    call_fails(c,
               "InvalidArgumentException: Tag keys must not begin with aws:, which is reserved: "
               "aws:x",
               "AddTagsToStream", "{'StreamName':'s','Tags':{'aws:x':'1'}}");
    call_fails(c, "ResourceNotFoundException: Stream t under account " ACCOUNT " not found.",
               "AddTagsToStream", "{'StreamName':'t','Tags':{'a;':'1'}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CALLS(test) \
    cmocka_unit_test_setup_teardown(test, kinesis_caller_set_up, kinesis_caller_tear_down)
        CALLS(test_add_list_remove),
        CALLS(test_tags_of_resources),
        CALLS(test_fifty_tags),
        CALLS(test_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
