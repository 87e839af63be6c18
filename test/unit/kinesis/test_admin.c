/* Making, changing, splitting, merging, scaling and deleting streams. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "kinesis/internal.h"
#include "support/kinesis_fixture.h"

static const char shard_0[] = "shardId-000000000000";
static const char shard_1[] = "shardId-000000000001";
static const char shard_2[] = "shardId-000000000002";

/* The shard's range as text "start-end", in the fixture's arena. */
static const char *range(struct kinesis_fixture *fixture, const struct pn_shard *shard)
{
    char start[PN_HASH_KEY_SIZE];
    char end[PN_HASH_KEY_SIZE];
    return pn_arena_printf(&fixture->arena, "%s-%s", pn_hash_key_text(shard->hash_start, start),
                           pn_hash_key_text(shard->hash_end, end));
}

/* What is true of the shards of any stream, whatever was done to it. */
static void assert_sound(struct kinesis_fixture *fixture, const struct pn_stream *stream)
{
    size_t count = 0;
    const struct pn_shard **open = pn_stream_open_shards(stream, &fixture->arena, &count);
    pn_u128 next = 0;
    assert_int_equal(count, stream->open_shard_count);
    for (size_t i = 0; i < count; i++) {
        assert_true(pn_hash_key_number(open[i]->hash_start) == next);
        next = pn_hash_key_number(open[i]->hash_end) + 1;
    }
    assert_true(next == 0);
    for (size_t i = 0; i < stream->shard_count; i++) {
        const struct pn_shard *shard = &stream->shards[i];
        assert_int_equal(shard->index, i);
        assert_true(shard->open ? shard->end_offset == -1 : shard->end_offset >= 0);
        const int32_t parents[] = {shard->parent, shard->adjacent_parent};
        for (size_t p = 0; p < 2; p++) {
            char end[PN_SEQUENCE_SIZE];
            char start[PN_SEQUENCE_SIZE];
            if (parents[p] < 0) {
                continue;
            }
            const struct pn_shard *parent = &stream->shards[parents[p]];
            assert_false(parent->open);
            assert_true(strcmp(pn_sequence_end(parent, end), pn_sequence_start(shard, start)) < 0);
        }
    }
}

static void expect(int rc, int code, const struct pn_err *e, const char *msg)
{
    assert_int_equal(rc, code);
    assert_string_equal(e->msg, msg);
}

/* --- creating --------------------------------------------------------------------------------- */

static void test_create(void **state)
{
    struct kinesis_fixture *fixture = *state;
    struct pn_err e;
    kinesis_fixture_open(fixture);
    const struct pn_stream_tag tags[] = {{"z", "last"}, {"a", "first"}};
    const struct pn_stream_create create = {.name = "s", .shards = 3, .tags = tags, .tag_count = 2};
    assert_int_equal(pn_kinesis_create_stream(fixture->kinesis, &create, &e), 0);
    const struct pn_stream *stream = kinesis_stream(fixture, "s");
    assert_string_equal(stream->arn, "arn:aws:kinesis:us-east-1:000000000000:stream/s");
    assert_string_equal(stream->topic, "__kinesis.s");
    assert_int_equal(stream->status, PN_STREAM_ACTIVE);
    assert_int_equal(stream->created_ms, (int64_t)LOG_FIXTURE_NOW * 1000);
    assert_int_equal(stream->retention_hours, 24);
    assert_int_equal(stream->record_kib_max, 1024);
    assert_false(stream->on_demand);
    assert_true(stream->id != 0);
    assert_string_equal(stream->tags[0].key, "a");
    assert_string_equal(stream->tags[1].value, "last");
    assert_string_equal(range(fixture, &stream->shards[0]),
                        "0-113427455640312821154458202477256070484");
    assert_string_equal(
        range(fixture, &stream->shards[1]),
        "113427455640312821154458202477256070485-226854911280625642308916404954512140969");
    assert_string_equal(
        range(fixture, &stream->shards[2]),
        "226854911280625642308916404954512140970-340282366920938463463374607431768211455");
    assert_sound(fixture, stream);
    pn_stream_release(&stream);
}

static void test_create_defaults(void **state)
{
    struct kinesis_fixture *fixture = *state;
    struct pn_err e;
    kinesis_fixture_open(fixture);
    const struct pn_stream_create create = {
        .name = "demand", .on_demand = true, .record_kib_max = 2048, .warm_throughput_mibps = 100};
    assert_int_equal(pn_kinesis_create_stream(fixture->kinesis, &create, &e), 0);
    kinesis_create(fixture, "provisioned", 0);
    for (int opened = 0; opened < 2; opened++) {
        const struct pn_stream *stream = kinesis_stream(fixture, "demand");
        assert_true(stream->on_demand);
        assert_int_equal(stream->open_shard_count, 4);
        assert_int_equal(stream->record_kib_max, 2048);
        assert_int_equal(stream->warm_throughput_mibps, 100);
        pn_stream_release(&stream);
        stream = kinesis_stream(fixture, "provisioned");
        assert_int_equal(stream->open_shard_count, 1);
        pn_stream_release(&stream);
        kinesis_fixture_reopen(fixture);
    }
}

static void test_create_refusals(void **state)
{
    struct kinesis_fixture *fixture = *state;
    struct pn_err e;
    fixture->config.shards_max = 5;
    kinesis_fixture_open(fixture);
    kinesis_create(fixture, "s", 3);
    struct pn_stream_create create = {.name = "s", .shards = 1};
    expect(pn_kinesis_create_stream(fixture->kinesis, &create, &e), PN_KINESIS_IN_USE, &e,
           "Stream s under account 000000000000 already exists.");
    create = (struct pn_stream_create){.name = "t", .shards = 3};
    expect(pn_kinesis_create_stream(fixture->kinesis, &create, &e), PN_KINESIS_LIMIT_EXCEEDED, &e,
           "This request would exceed the shard limit for the account 000000000000 in us-east-1. "
           "Current shard count for the account: 3. Limit: 5. Number of additional shards that "
           "would have resulted from this request: 3. Refer to the AWS Service Limits page "
           "(http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current "
           "limits and how to request higher limits.");
    create.name = "no/name";
    assert_int_equal(pn_kinesis_create_stream(fixture->kinesis, &create, &e),
                     PN_KINESIS_VALIDATION);
    assert_non_null(strstr(e.msg, "[a-zA-Z0-9_.-]+"));
    create.name = "";
    assert_int_equal(pn_kinesis_create_stream(fixture->kinesis, &create, &e),
                     PN_KINESIS_VALIDATION);
    create = (struct pn_stream_create){.name = "t", .shards = -1};
    assert_int_equal(pn_kinesis_create_stream(fixture->kinesis, &create, &e),
                     PN_KINESIS_VALIDATION);
    create.shards = PN_SHARDS_MAX + 1;
    assert_int_equal(pn_kinesis_create_stream(fixture->kinesis, &create, &e),
                     PN_KINESIS_LIMIT_EXCEEDED);
    const char **names = NULL;
    size_t count = 0;
    pn_kinesis_names(fixture->kinesis, &fixture->arena, &names, &count);
    assert_int_equal(count, 1);
}

/* --- deleting --------------------------------------------------------------------------------- */

static void test_delete(void **state)
{
    struct kinesis_fixture *fixture = *state;
    struct pn_log_topic_info info;
    struct pn_err e;
    kinesis_fixture_open(fixture);
    kinesis_create(fixture, "s", 1);
    (void)kinesis_put(fixture, "s", "k", "old");
    const struct pn_stream *before = kinesis_stream(fixture, "s");
    assert_int_equal(pn_kinesis_delete_stream(fixture->kinesis, "s", false, &e), 0);
    expect(pn_kinesis_delete_stream(fixture->kinesis, "s", false, &e), PN_KINESIS_NOT_FOUND, &e,
           "Stream s under account 000000000000 not found.");
    assert_int_not_equal(pn_log_topic(fixture->log->log, "__kinesis.s", &info, NULL), 0);
    kinesis_fixture_reopen(fixture);
    assert_null(pn_registry_find(fixture->kinesis, "s"));

    /* The next one of the name is another. */
    kinesis_create(fixture, "s", 1);
    const struct pn_stream *after = kinesis_stream(fixture, "s");
    assert_true(after->id != before->id);
    assert_int_equal(kinesis_put(fixture, "s", "k", "new").offset, 0);
    pn_stream_release(&before);
    pn_stream_release(&after);
}

/* A sequence number of a deleted stream is none of the next one's, even within the same second. */
static void test_delete_and_create_at_once(void **state)
{
    struct kinesis_fixture *fixture = *state;
    char sequence[PN_SEQUENCE_SIZE];
    struct pn_err e = {0};
    kinesis_fixture_open(fixture);
    for (int round = 0; round < 4; round++) {
        kinesis_create(fixture, "s", 1);
        struct pn_stream_record put = kinesis_put(fixture, "s", "k", "data");
        const struct pn_stream *stream = kinesis_stream(fixture, "s");
        int64_t offset = 0;
        if (round > 0) {
            assert_int_equal(pn_shard_position(fixture->kinesis, stream, &stream->shards[0],
                                               PN_ITERATOR_AT_SEQUENCE_NUMBER, sequence, 0, &offset,
                                               &e),
                             PN_KINESIS_INVALID_ARGUMENT);
            assert_non_null(strstr(e.msg, "did not come from this stream"));
        }
        (void)pn_sequence_text(put.created_ms, 0, put.offset, put.arrival_ms, sequence);
        assert_int_equal(pn_shard_position(fixture->kinesis, stream, &stream->shards[0],
                                           PN_ITERATOR_AT_SEQUENCE_NUMBER, sequence, 0, &offset,
                                           &e),
                         0);
        assert_int_equal(pn_kinesis_split(fixture->kinesis, "s", "shardId-000000000000",
                                          kinesis_middle(&stream->shards[0]), &e),
                         0);
        pn_stream_release(&stream);
        stream = kinesis_stream(fixture, "s");
        int64_t newest_ms = stream->shards[2].created_ms;
        pn_stream_release(&stream);
        assert_int_equal(pn_kinesis_delete_stream(fixture->kinesis, "s", false, &e), 0);
        kinesis_fixture_reopen(fixture);
        kinesis_create(fixture, "other", 1);
        stream = kinesis_stream(fixture, "other");
        assert_true(stream->shards[0].created_ms / 1000 > newest_ms / 1000);
        pn_stream_release(&stream);
        assert_int_equal(pn_kinesis_delete_stream(fixture->kinesis, "other", false, &e), 0);
    }
}

static void test_delete_with_consumers(void **state)
{
    struct kinesis_fixture *fixture = *state;
    struct pn_err e;
    kinesis_fixture_open(fixture);
    kinesis_create(fixture, "s", 1);
    kinesis_register(fixture, "s", "app");
    assert_int_equal(pn_kinesis_delete_stream(fixture->kinesis, "s", false, &e), PN_KINESIS_IN_USE);
    assert_non_null(strstr(e.msg, "EnforceConsumerDeletion"));
    (void)kinesis_put(fixture, "s", "k", "still there");
    assert_int_equal(pn_kinesis_delete_stream(fixture->kinesis, "s", true, &e), 0);
}

/* --- splitting and merging -------------------------------------------------------------------- */

static void test_split(void **state)
{
    struct kinesis_fixture *fixture = *state;
    struct pn_err e;
    kinesis_fixture_open(fixture);
    kinesis_create(fixture, "s", 1);
    for (int i = 0; i < 3; i++) {
        (void)kinesis_put(fixture, "s", "k", "before");
    }
    assert_int_equal(
        pn_kinesis_split(fixture->kinesis, "s", shard_0, (struct pn_hash_key){0, 1000}, &e), 0);
    assert_int_equal(kinesis_put_to(fixture, "s", 1, "k", "low").offset, 0);
    assert_int_equal(kinesis_put_to(fixture, "s", 2, "k", "high").offset, 0);
    int64_t closed_ms = (int64_t)LOG_FIXTURE_NOW * 1000;
    for (int opened = 0; opened < 2; opened++) {
        const struct pn_stream *stream = kinesis_stream(fixture, "s");
        assert_int_equal(stream->status, PN_STREAM_ACTIVE);
        assert_int_equal(stream->shard_count, 3);
        assert_int_equal(stream->open_shard_count, 2);
        assert_int_equal(stream->shards[0].end_offset, 3);
        assert_int_equal(stream->shards[0].closed_ms, closed_ms);
        assert_string_equal(range(fixture, &stream->shards[1]), "0-999");
        assert_string_equal(range(fixture, &stream->shards[2]),
                            "1000-340282366920938463463374607431768211455");
        for (size_t i = 1; i < 3; i++) {
            assert_int_equal(stream->shards[i].parent, 0);
            assert_int_equal(stream->shards[i].adjacent_parent, -1);
            assert_int_equal(stream->shards[i].created_ms, closed_ms + 1000);
        }
        assert_sound(fixture, stream);
        pn_stream_release(&stream);
        pn_fake_clock_advance(&fixture->log->clock, 5000);
        kinesis_fixture_reopen(fixture);
    }
}

static void test_split_refusals(void **state)
{
    struct kinesis_fixture *fixture = *state;
    struct pn_err e;
    struct pn_hash_key key = {0, 1};
    fixture->config.shards_max = 2;
    kinesis_fixture_open(fixture);
    struct pn_kinesis *kinesis = fixture->kinesis;
    expect(pn_kinesis_split(kinesis, "s", shard_0, key, &e), PN_KINESIS_NOT_FOUND, &e,
           "Stream s under account 000000000000 not found.");
    kinesis_create(fixture, "s", 1);
    expect(pn_kinesis_split(kinesis, "s", shard_1, key, &e), PN_KINESIS_NOT_FOUND, &e,
           "Could not find shard shardId-000000000001 in stream s under account 000000000000.");
    expect(pn_kinesis_split(kinesis, "s", shard_0, key, &e), PN_KINESIS_INVALID_ARGUMENT, &e,
           "NewStartingHashKey 1 used in SplitShard() on shard shardId-000000000000 in stream s "
           "under account 000000000000 is not both greater than one plus the shard's "
           "StartingHashKey 0 and less than the shard's EndingHashKey "
           "340282366920938463463374607431768211455.");
    key = (struct pn_hash_key){UINT64_MAX, UINT64_MAX};
    assert_int_equal(pn_kinesis_split(kinesis, "s", shard_0, key, &e), PN_KINESIS_INVALID_ARGUMENT);
    key = (struct pn_hash_key){0, 2};
    assert_int_equal(pn_kinesis_split(kinesis, "s", shard_0, key, &e), 0);
    key = (struct pn_hash_key){5, 5};
    expect(pn_kinesis_split(kinesis, "s", shard_0, key, &e), PN_KINESIS_INVALID_ARGUMENT, &e,
           "Shard shardId-000000000000 in stream s under account 000000000000 has already been "
           "merged or split, and thus is not eligible for merging or splitting.");
    assert_int_equal(pn_kinesis_split(kinesis, "s", shard_2, key, &e), PN_KINESIS_LIMIT_EXCEEDED);
}

static void test_merge(void **state)
{
    struct kinesis_fixture *fixture = *state;
    struct pn_err e;
    kinesis_fixture_open(fixture);
    kinesis_create(fixture, "s", 3);
    expect(pn_kinesis_merge(fixture->kinesis, "s", shard_0, shard_2, &e),
           PN_KINESIS_INVALID_ARGUMENT, &e,
           "Shards shardId-000000000000 and shardId-000000000002 in stream s under account "
           "000000000000 are not an adjacent pair of shards eligible for merging");
    assert_int_equal(pn_kinesis_merge(fixture->kinesis, "s", shard_0, shard_0, &e),
                     PN_KINESIS_INVALID_ARGUMENT);
    (void)kinesis_put_to(fixture, "s", 1, "k", "one");
    assert_int_equal(pn_kinesis_merge(fixture->kinesis, "s", shard_0, shard_1, &e), 0);
    const struct pn_stream *stream = kinesis_stream(fixture, "s");
    assert_int_equal(stream->shards[3].parent, 0);
    assert_int_equal(stream->shards[3].adjacent_parent, 1);
    assert_int_equal(stream->shards[0].end_offset, 0);
    assert_int_equal(stream->shards[1].end_offset, 1);
    assert_string_equal(range(fixture, &stream->shards[3]),
                        "0-226854911280625642308916404954512140969");
    assert_sound(fixture, stream);
    pn_stream_release(&stream);
    assert_int_equal(pn_kinesis_merge(fixture->kinesis, "s", shard_1, shard_2, &e),
                     PN_KINESIS_INVALID_ARGUMENT);
    assert_non_null(strstr(e.msg, "already been merged or split"));
}

/* The only shard has no neighbour, though the ring's end is next to its beginning. */
static void test_merge_the_only_shard(void **state)
{
    struct kinesis_fixture *fixture = *state;
    struct pn_err e;
    kinesis_fixture_open(fixture);
    kinesis_create(fixture, "s", 2);
    assert_int_equal(pn_kinesis_merge(fixture->kinesis, "s", shard_1, shard_0, &e), 0);
    const struct pn_stream *stream = kinesis_stream(fixture, "s");
    assert_sound(fixture, stream);
    pn_stream_release(&stream);
    assert_int_equal(pn_kinesis_merge(fixture->kinesis, "s", shard_2, shard_2, &e),
                     PN_KINESIS_INVALID_ARGUMENT);
}

/* --- scaling ---------------------------------------------------------------------------------- */

static void test_scale(void **state)
{
    struct kinesis_fixture *fixture = *state;
    static const int32_t targets[] = {2, 4, 3, 5, 3, 6, 7, 13, 7, 7, 4, 2, 1};
    struct pn_err e;
    int32_t before = -1;
    int32_t now = 1;
    kinesis_fixture_open(fixture);
    kinesis_create(fixture, "s", 1);
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        (void)kinesis_put(fixture, "s", "k", "v");
        pn_fake_clock_advance(&fixture->log->clock, 1);
        assert_int_equal(pn_kinesis_scale(fixture->kinesis, "s", targets[i], &before, &e), 0);
        assert_int_equal(before, now);
        now = targets[i];
        const struct pn_stream *stream = kinesis_stream(fixture, "s");
        assert_int_equal(stream->open_shard_count, now);
        assert_sound(fixture, stream);
        pn_stream_release(&stream);
    }
    kinesis_fixture_reopen(fixture);
    const struct pn_stream *stream = kinesis_stream(fixture, "s");
    assert_int_equal(stream->open_shard_count, 1);
    assert_sound(fixture, stream);
    /* Each record is in one shard and none is lost. */
    int64_t records = 0;
    for (size_t i = 0; i < stream->shard_count; i++) {
        records += log_offsets(fixture->log, stream->topic, (int32_t)i).end;
    }
    assert_int_equal(records, sizeof targets / sizeof targets[0]);
    pn_stream_release(&stream);
}

static void scales(struct kinesis_fixture *fixture, const char *name, int32_t from, int32_t to,
                   size_t shards)
{
    struct pn_err e;
    int32_t before = 0;
    kinesis_create(fixture, name, from);
    assert_int_equal(pn_kinesis_scale(fixture->kinesis, name, to, &before, &e), 0);
    const struct pn_stream *stream = kinesis_stream(fixture, name);
    assert_int_equal(before, from);
    assert_int_equal(stream->open_shard_count, to);
    assert_int_equal(stream->shard_count, shards);
    assert_sound(fixture, stream);
    pn_stream_release(&stream);
}

/* The numbers of shards that AWS leaves behind, closed ones included. */
static void test_scale_as_aws_does(void **state)
{
    struct kinesis_fixture *fixture = *state;
    kinesis_fixture_open(fixture);
    scales(fixture, "up", 10, 13, 37);
    scales(fixture, "down", 5, 3, 7);
    scales(fixture, "double", 1, 2, 3);
    const struct pn_stream *stream = kinesis_stream(fixture, "double");
    assert_string_equal(range(fixture, &stream->shards[1]),
                        "0-170141183460469231731687303715884105727");
    pn_stream_release(&stream);
}

/* Neighbours are merged from the lowest hash keys on. */
static void test_scale_down_merges_from_below(void **state)
{
    struct kinesis_fixture *fixture = *state;
    struct pn_err e;
    int32_t before = 0;
    kinesis_fixture_open(fixture);
    kinesis_create(fixture, "s", 2);
    const struct pn_stream *stream = kinesis_stream(fixture, "s");
    struct pn_hash_key middle = kinesis_middle(&stream->shards[1]);
    pn_stream_release(&stream);
    assert_int_equal(pn_kinesis_split(fixture->kinesis, "s", shard_1, middle, &e), 0);
    assert_int_equal(pn_kinesis_scale(fixture->kinesis, "s", 2, &before, &e), 0);
    assert_int_equal(before, 3);
    stream = kinesis_stream(fixture, "s");
    assert_false(stream->shards[0].open);
    assert_true(stream->shards[3].open);
    assert_int_equal(stream->shard_count, 5);
    size_t count = stream->shard_count;
    pn_stream_release(&stream);
    assert_int_equal(pn_kinesis_scale(fixture->kinesis, "s", 2, &before, &e), 0);
    stream = kinesis_stream(fixture, "s");
    assert_int_equal(stream->shard_count, count);
    pn_stream_release(&stream);
}

static void test_scale_refusals(void **state)
{
    struct kinesis_fixture *fixture = *state;
    struct pn_err e;
    int32_t before = 0;
    fixture->config.shards_max = 7;
    kinesis_fixture_open(fixture);
    struct pn_kinesis *kinesis = fixture->kinesis;
    kinesis_create(fixture, "s", 3);
    kinesis_create(fixture, "t", 1);
    expect(pn_kinesis_scale(kinesis, "s", 7, &before, &e), PN_KINESIS_LIMIT_EXCEEDED, &e,
           "UpdateShardCount cannot scale up over double your current open shard count. Current "
           "open shard count: 3, Target shard count: 7");
    expect(pn_kinesis_scale(kinesis, "s", 1, &before, &e), PN_KINESIS_LIMIT_EXCEEDED, &e,
           "UpdateShardCount cannot scale down below half your current open shard count. Current "
           "open shard count: 3, Target shard count: 1");
    expect(pn_kinesis_scale(kinesis, "s", 8, &before, &e), PN_KINESIS_LIMIT_EXCEEDED, &e,
           "Target shard count or number of open shards cannot be greater than 7. Current open "
           "shard count: 3, Target shard count: 8");
    assert_int_equal(pn_kinesis_scale(kinesis, "s", 0, &before, &e), PN_KINESIS_VALIDATION);
    assert_int_equal(pn_kinesis_scale(kinesis, "s", 6, &before, &e), 0);
    assert_int_equal(pn_kinesis_scale(kinesis, "t", 2, &before, &e), PN_KINESIS_LIMIT_EXCEEDED);
    assert_non_null(strstr(e.msg, "would exceed the shard limit"));
}

/* --- other changes ---------------------------------------------------------------------------- */

static int change_all(void *arg, struct pn_stream *edit, struct pn_arena *arena, struct pn_err *e)
{
    (void)arg;
    (void)e;
    struct pn_stream_tag *tags = pn_arena_calloc(arena, 2, sizeof *tags);
    tags[0] = (struct pn_stream_tag){"zebra", "\"quoted\" \xc3\xa4"};
    tags[1] = (struct pn_stream_tag){"ant", ""};
    struct pn_stream_consumer *consumers = pn_arena_calloc(arena, 2, sizeof *consumers);
    consumers[0] = (struct pn_stream_consumer){.name = "two", .arn = "arn:2", .created_ms = 2};
    consumers[1] = (struct pn_stream_consumer){.name = "one",
                                               .arn = "arn:1",
                                               .created_ms = 1,
                                               .tags = tags,
                                               .tag_count = 2,
                                               .policy = "{\"Version\":\"2012-10-17\"}"};
    const char **metrics = pn_arena_calloc(arena, 2, sizeof *metrics);
    metrics[0] = "IncomingBytes";
    metrics[1] = "OutgoingRecords";
    edit->tags = tags;
    edit->tag_count = 2;
    edit->consumers = consumers;
    edit->consumer_count = 2;
    edit->metrics = metrics;
    edit->metric_count = 2;
    edit->kms_key = "alias/aws/kinesis";
    edit->policy = "{}";
    edit->on_demand = true;
    edit->retention_hours = 48;
    edit->record_kib_max = 10240;
    edit->warm_throughput_mibps = 7;
    return 0;
}

static void assert_all_changed(const struct pn_stream *stream)
{
    assert_int_equal(stream->tag_count, 2);
    assert_string_equal(stream->tags[0].key, "ant");
    assert_string_equal(stream->tags[0].value, "");
    assert_string_equal(stream->tags[1].value, "\"quoted\" \xc3\xa4");
    assert_int_equal(stream->consumer_count, 2);
    assert_string_equal(stream->consumers[0].name, "one");
    assert_string_equal(stream->consumers[0].arn, "arn:1");
    assert_int_equal(stream->consumers[0].created_ms, 1);
    assert_int_equal(stream->consumers[0].tag_count, 2);
    assert_string_equal(stream->consumers[0].tags[0].key, "ant");
    assert_string_equal(stream->consumers[0].policy, "{\"Version\":\"2012-10-17\"}");
    assert_string_equal(stream->consumers[1].name, "two");
    assert_null(stream->consumers[1].policy);
    assert_int_equal(stream->metric_count, 2);
    assert_string_equal(stream->metrics[0], "IncomingBytes");
    assert_string_equal(stream->metrics[1], "OutgoingRecords");
    assert_string_equal(stream->kms_key, "alias/aws/kinesis");
    assert_string_equal(stream->policy, "{}");
    assert_true(stream->on_demand);
    assert_int_equal(stream->retention_hours, 48);
    assert_int_equal(stream->record_kib_max, 10240);
    assert_int_equal(stream->warm_throughput_mibps, 7);
}

static void test_update_is_kept(void **state)
{
    struct kinesis_fixture *fixture = *state;
    struct pn_err e;
    kinesis_fixture_open(fixture);
    kinesis_create(fixture, "s", 2);
    const struct pn_stream *before = kinesis_stream(fixture, "s");
    assert_int_equal(pn_kinesis_update(fixture->kinesis, "s", change_all, NULL, &e), 0);
    for (int opened = 0; opened < 2; opened++) {
        struct pn_log_topic_info info;
        const struct pn_stream *stream = kinesis_stream(fixture, "s");
        assert_all_changed(stream);
        assert_true(stream->id == before->id);
        assert_int_equal(stream->created_ms, before->created_ms);
        assert_sound(fixture, stream);
        assert_int_equal(pn_log_topic(fixture->log->log, stream->topic, &info, &e), 0);
        assert_int_equal(info.retention_ms, (int64_t)48 * 3600 * 1000);
        assert_true(info.record_bytes_max > 10 * 1024 * 1024);
        assert_int_equal(info.partitions, 2);
        pn_stream_release(&stream);
        kinesis_fixture_reopen(fixture);
    }
    pn_stream_release(&before);
}

static int refuse(void *arg, struct pn_stream *edit, struct pn_arena *arena, struct pn_err *e)
{
    (void)arg;
    (void)arena;
    edit->retention_hours = 99;
    return pn_err_set(e, PN_CLASS_INPUT, PN_KINESIS_INVALID_ARGUMENT, "no");
}

/* Out of range: what is written could not be read again. */
static int spoil(void *arg, struct pn_stream *edit, struct pn_arena *arena, struct pn_err *e)
{
    (void)arg;
    (void)arena;
    (void)e;
    edit->retention_hours = 0;
    return 0;
}

static void test_update_that_fails(void **state)
{
    struct kinesis_fixture *fixture = *state;
    struct pn_err e;
    kinesis_fixture_open(fixture);
    kinesis_create(fixture, "s", 1);
    expect(pn_kinesis_update(fixture->kinesis, "s", refuse, NULL, &e), PN_KINESIS_INVALID_ARGUMENT,
           &e, "no");
    assert_int_equal(pn_kinesis_update(fixture->kinesis, "none", refuse, NULL, &e),
                     PN_KINESIS_NOT_FOUND);
    assert_int_equal(pn_kinesis_update(fixture->kinesis, "s", spoil, NULL, &e),
                     PN_KINESIS_INTERNAL);
    for (int opened = 0; opened < 2; opened++) {
        const struct pn_stream *stream = kinesis_stream(fixture, "s");
        assert_int_equal(stream->retention_hours, 24);
        assert_null(stream->policy);
        pn_stream_release(&stream);
        kinesis_fixture_reopen(fixture);
    }
}

static void test_account(void **state)
{
    struct kinesis_fixture *fixture = *state;
    static const char json[] = "{\"a\":[1,2]}";
    struct pn_err e;
    struct pn_buf out;
    pn_buf_init(&out, 1024);
    kinesis_fixture_open(fixture);
    assert_int_equal(pn_kinesis_account(fixture->kinesis, &out, &e), 0);
    assert_string_equal(pn_buf_text(&out), "{}");
    assert_int_equal(pn_kinesis_account_set(fixture->kinesis, json, strlen(json), &e), 0);
    assert_int_not_equal(pn_kinesis_account_set(fixture->kinesis, "{", 1, &e), 0);
    kinesis_fixture_reopen(fixture);
    pn_buf_reset(&out);
    assert_int_equal(pn_kinesis_account(fixture->kinesis, &out, &e), 0);
    assert_string_equal(pn_buf_text(&out), json);
    pn_buf_deinit(&out);
}

int main(void)
{
#define TEST(fn) \
    cmocka_unit_test_setup_teardown(fn, kinesis_fixture_set_up, kinesis_fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_create),
        TEST(test_create_defaults),
        TEST(test_create_refusals),
        TEST(test_delete),
        TEST(test_delete_and_create_at_once),
        TEST(test_delete_with_consumers),
        TEST(test_split),
        TEST(test_split_refusals),
        TEST(test_merge),
        TEST(test_merge_the_only_shard),
        TEST(test_scale),
        TEST(test_scale_as_aws_does),
        TEST(test_scale_down_merges_from_below),
        TEST(test_scale_refusals),
        TEST(test_update_is_kept),
        TEST(test_update_that_fails),
        TEST(test_account),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
