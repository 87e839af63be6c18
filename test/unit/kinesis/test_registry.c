/* Finding streams and shards, and snapshots that stay as they were. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "kinesis/internal.h"
#include "support/kinesis_fixture.h"

static struct pn_hash_key key_of(uint64_t high, uint64_t low)
{
    return (struct pn_hash_key){.high = high, .low = low};
}

static void test_a_stream_that_is_not_there(void **state)
{
    struct kinesis_fixture *fixture = *state;
    const struct pn_stream *stream = NULL;
    struct pn_err e;
    kinesis_fixture_open(fixture);
    assert_int_equal(pn_kinesis_stream(fixture->kinesis, "none", &stream, &e),
                     PN_KINESIS_NOT_FOUND);
    assert_string_equal(e.msg, "Stream none under account 000000000000 not found.");
    assert_int_equal(e.class_, PN_CLASS_MISSING);
    pn_stream_release(&stream);
}

/* Any name that a stream may have is a file's and a topic's; case counts. */
static void test_names(void **state)
{
    struct kinesis_fixture *fixture = *state;
    char longest[PN_STREAM_NAME_MAX + 1];
    const char *const names[] = {"b", ".", "..", "B", "a.json", "-_", longest, "__kinesis.b"};
    const char *const sorted[] = {"-_", ".", "..", "B", "__kinesis.b", "a.json", "b", longest};
    enum { COUNT = sizeof names / sizeof names[0] };
    memset(longest, 'x', PN_STREAM_NAME_MAX);
    longest[PN_STREAM_NAME_MAX] = '\0';
    kinesis_fixture_open(fixture);
    for (size_t i = 0; i < COUNT; i++) {
        kinesis_create(fixture, names[i], 1);
        (void)kinesis_put(fixture, names[i], "key", names[i]);
    }
    for (int opened = 0; opened < 2; opened++) {
        const char **found = NULL;
        size_t count = 0;
        pn_kinesis_names(fixture->kinesis, &fixture->arena, &found, &count);
        assert_int_equal(count, COUNT);
        for (size_t i = 0; i < COUNT; i++) {
            const struct pn_stream *stream = kinesis_stream(fixture, sorted[i]);
            assert_string_equal(found[i], sorted[i]);
            assert_string_equal(stream->name, sorted[i]);
            assert_int_equal(log_offsets(fixture->log, stream->topic, 0).end, 1);
            assert_value(&log_get(fixture->log, stream->topic, 0, 0, 1).records[0], sorted[i]);
            pn_stream_release(&stream);
        }
        kinesis_fixture_reopen(fixture);
    }
}

static void test_shards_by_hash_key(void **state)
{
    struct kinesis_fixture *fixture = *state;
    kinesis_fixture_open(fixture);
    kinesis_create(fixture, "s", 4);
    const struct pn_stream *stream = kinesis_stream(fixture, "s");
    assert_int_equal(stream->open_shard_count, 4);
    for (uint64_t i = 0; i < 4; i++) {
        uint64_t start = i << 62;
        assert_int_equal(pn_stream_shard_of(stream, key_of(start, 0))->index, i);
        assert_int_equal(pn_stream_shard_of(stream, key_of(start + 5, 77))->index, i);
        uint64_t last = start + (UINT64_MAX >> 2);
        assert_int_equal(pn_stream_shard_of(stream, key_of(last, UINT64_MAX))->index, i);
    }
    pn_stream_release(&stream);

    /* Closed ones hold no key any more. */
    struct pn_err e;
    assert_int_equal(
        pn_kinesis_merge(fixture->kinesis, "s", "shardId-000000000001", "shardId-000000000002", &e),
        0);
    stream = kinesis_stream(fixture, "s");
    assert_int_equal(pn_stream_shard_of(stream, key_of(0, 0))->index, 0);
    assert_int_equal(pn_stream_shard_of(stream, key_of(UINT64_C(1) << 62, 0))->index, 4);
    assert_int_equal(pn_stream_shard_of(stream, key_of((UINT64_C(3) << 62) - 1, 1))->index, 4);
    assert_int_equal(pn_stream_shard_of(stream, key_of(UINT64_C(3) << 62, 0))->index, 3);
    pn_stream_release(&stream);
}

static void test_shards_by_id(void **state)
{
    struct kinesis_fixture *fixture = *state;
    static const char *const none[] = {
        "",
        "shardId-",
        "shardId-000000000002",
        "shardId-00000000000",
        "shardId-0000000000001",
        "shardId-00000000000x",
        "shardid-000000000001",
        "shardId--00000000001",
        "shardId-999999999999",
    };
    kinesis_fixture_open(fixture);
    kinesis_create(fixture, "s", 2);
    const struct pn_stream *stream = kinesis_stream(fixture, "s");
    assert_ptr_equal(pn_stream_shard(stream, "shardId-000000000001", 20), &stream->shards[1]);
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_null(pn_stream_shard(stream, none[i], strlen(none[i])));
    }
    pn_stream_release(&stream);
}

static int set_tag(void *arg, struct pn_stream *edit, struct pn_arena *arena, struct pn_err *e)
{
    (void)arena;
    (void)e;
    edit->tags = arg;
    edit->tag_count = 1;
    return 0;
}

static void test_a_snapshot_stays(void **state)
{
    struct kinesis_fixture *fixture = *state;
    struct pn_stream_tag tag = {.key = "team", .value = "web"};
    struct pn_err e;
    kinesis_fixture_open(fixture);
    kinesis_create(fixture, "s", 1);
    const struct pn_stream *before = kinesis_stream(fixture, "s");
    assert_int_equal(pn_kinesis_update(fixture->kinesis, "s", set_tag, &tag, &e), 0);
    assert_int_equal(pn_kinesis_split(fixture->kinesis, "s", "shardId-000000000000",
                                      kinesis_middle(&before->shards[0]), &e),
                     0);
    const struct pn_stream *after = kinesis_stream(fixture, "s");
    assert_int_equal(pn_kinesis_delete_stream(fixture->kinesis, "s", false, &e), 0);

    assert_int_equal(before->shard_count, 1);
    assert_int_equal(before->tag_count, 0);
    assert_true(before->shards[0].open);
    assert_int_equal(after->shard_count, 3);
    assert_string_equal(after->tags[0].value, "web");
    assert_false(after->shards[0].open);
    assert_int_equal(after->status, PN_STREAM_ACTIVE);
    /* What is counted of a shard is the same for both. */
    assert_ptr_equal(pn_stream_live_shard(before, 0), pn_stream_live_shard(after, 0));
    pn_stream_release(&before);
    pn_stream_release(&after);
    assert_null(after);
}

/* The key of iterators is the folder's, is nobody else's to read, and is not made again. */
static void test_the_key_stays(void **state)
{
    struct kinesis_fixture *fixture = *state;
    unsigned char first[PN_ITERATOR_KEY_BYTES];
    static const unsigned char zeros[PN_ITERATOR_KEY_BYTES];
    struct stat st;
    kinesis_fixture_open(fixture);
    memcpy(first, fixture->kinesis->iterator_key, sizeof first);
    assert_memory_not_equal(first, zeros, sizeof first);
    kinesis_fixture_reopen(fixture);
    assert_memory_equal(first, fixture->kinesis->iterator_key, sizeof first);
    char *path = pn_arena_printf(&fixture->arena, "%s/key", fixture->folder);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);

    /* Cut short it is not a key, and says so. */
    struct pn_err e;
    kinesis_fixture_close(fixture);
    file_write(path, first, sizeof first - 1);
    log_fixture_open(fixture->log);
    struct pn_kinesis *kinesis = NULL;
    assert_int_equal(pn_kinesis_create(&fixture->config, fixture->log->log, pn_io_system(),
                                       &fixture->log->clock.clock, NULL, NULL, &kinesis, &e),
                     PN_KINESIS_INTERNAL);
    assert_int_equal(e.class_, PN_CLASS_CORRUPT);
    assert_non_null(strstr(e.msg, path));
}

int main(void)
{
#define TEST(fn) \
    cmocka_unit_test_setup_teardown(fn, kinesis_fixture_set_up, kinesis_fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_stream_that_is_not_there), TEST(test_names),
        TEST(test_shards_by_hash_key),         TEST(test_shards_by_id),
        TEST(test_a_snapshot_stays),           TEST(test_the_key_stays),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
