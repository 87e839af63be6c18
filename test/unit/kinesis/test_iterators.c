/* Shard iterators: what they keep, how long, and that nobody else can make one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kinesis/iterators.h"
#include "support/kinesis_fixture.h"

static const unsigned char key[PN_ITERATOR_KEY_BYTES] = "an iterator's key of 32 bytes..";

static struct pn_iterator some_iterator(void)
{
    return (struct pn_iterator){.created_ms = INT64_C(1767225600000),
                                .stream_id = 0xFEDCBA9876543210U,
                                .shard = 1023,
                                .offset = INT64_MAX,
                                .stream_name = "orders"};
}

/* --- the text --------------------------------------------------------------------------------- */

static void test_a_place_comes_back(void **state)
{
    (void)state;
    struct pn_iterator out;
    for (size_t len = 1; len <= PN_STREAM_NAME_MAX; len++) {
        char text[PN_ITERATOR_SIZE];
        struct pn_iterator in = some_iterator();
        memset(in.stream_name, 'n', len);
        in.stream_name[len] = '\0';
        pn_iterator_seal(key, &in, text);
        /* AWS's length. */
        size_t bytes = 152 + (len + 2) / 16 * 16;
        assert_int_equal(strlen(text), (bytes + 2) / 3 * 4);
        assert_memory_equal(text, "AAAAAAAAAA", 10);
        assert_true(pn_iterator_unseal(key, text, strlen(text), &out));
        assert_int_equal(out.created_ms, in.created_ms);
        assert_true(out.stream_id == in.stream_id);
        assert_int_equal(out.shard, in.shard);
        assert_int_equal(out.offset, in.offset);
        assert_string_equal(out.stream_name, in.stream_name);
    }
}

static void test_no_two_texts_are_alike(void **state)
{
    (void)state;
    char one[PN_ITERATOR_SIZE];
    char other[PN_ITERATOR_SIZE];
    struct pn_iterator in = some_iterator();
    pn_iterator_seal(key, &in, one);
    pn_iterator_seal(key, &in, other);
    assert_string_not_equal(one, other);
}

static void test_every_changed_character_is_found_out(void **state)
{
    (void)state;
    char text[PN_ITERATOR_SIZE];
    struct pn_iterator in = some_iterator();
    struct pn_iterator out;
    pn_iterator_seal(key, &in, text);
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        char was = text[i];
        for (const char *other = "AQgw/=\n"; *other != '\0'; other++) {
            text[i] = *other;
            assert_int_equal(pn_iterator_unseal(key, text, len, &out), *other == was);
        }
        text[i] = was;
    }
    for (size_t shorter = 0; shorter < len; shorter++) {
        assert_false(pn_iterator_unseal(key, text, shorter, &out));
    }
    text[len] = 'A';
    assert_false(pn_iterator_unseal(key, text, len + 1, &out));
}

static void test_another_key(void **state)
{
    (void)state;
    char text[PN_ITERATOR_SIZE];
    unsigned char other[PN_ITERATOR_KEY_BYTES];
    struct pn_iterator in = some_iterator();
    struct pn_iterator out;
    memcpy(other, key, sizeof other);
    other[31] ^= 1;
    pn_iterator_seal(key, &in, text);
    assert_false(pn_iterator_unseal(other, text, strlen(text), &out));
}

/* --- on a stream ------------------------------------------------------------------------------ */

static void write_one(struct kinesis_fixture *fixture, const char *name, uint32_t shard,
                      int64_t offset, char *text)
{
    const struct pn_stream *stream = kinesis_stream(fixture, name);
    pn_iterator_write(fixture->kinesis, stream, &stream->shards[shard], offset, text);
    pn_stream_release(&stream);
}

static void assert_reads(struct kinesis_fixture *fixture, const char *text, const char *name,
                         uint32_t shard, int64_t offset)
{
    const struct pn_stream *stream = NULL;
    const struct pn_shard *found = NULL;
    int64_t at = -1;
    struct pn_err e;
    int rc = pn_iterator_read(fixture->kinesis, text, strlen(text), &stream, &found, &at, &e);
    if (rc != 0) {
        fail_msg("%s", e.msg);
    }
    assert_string_equal(stream->name, name);
    assert_int_equal(found->index, shard);
    assert_ptr_equal(found, &stream->shards[shard]);
    assert_int_equal(at, offset);
    pn_stream_release(&stream);
}

static void assert_refused(struct kinesis_fixture *fixture, const char *text, int code,
                           const char *message)
{
    const struct pn_stream *stream = NULL;
    const struct pn_shard *found = NULL;
    int64_t at = -1;
    struct pn_err e;
    int rc = pn_iterator_read(fixture->kinesis, text, strlen(text), &stream, &found, &at, &e);
    assert_int_equal(rc, code);
    assert_int_equal(e.code, code);
    assert_string_equal(e.msg, message);
    assert_null(stream);
}

static void test_it_finds_its_shard_again(void **state)
{
    struct kinesis_fixture *fixture = *state;
    char text[PN_ITERATOR_SIZE];
    kinesis_fixture_open(fixture);
    kinesis_create(fixture, "orders", 3);
    write_one(fixture, "orders", 2, 77, text);
    assert_reads(fixture, text, "orders", 2, 77);
    /* It is not a matter of this process. */
    kinesis_fixture_reopen(fixture);
    assert_reads(fixture, text, "orders", 2, 77);
}

static void test_it_lives_five_minutes(void **state)
{
    struct kinesis_fixture *fixture = *state;
    char text[PN_ITERATOR_SIZE];
    kinesis_fixture_open(fixture);
    kinesis_create(fixture, "orders", 1);
    write_one(fixture, "orders", 0, 0, text);
    pn_fake_clock_advance(&fixture->log->clock, 300000);
    assert_reads(fixture, text, "orders", 0, 0);
    pn_fake_clock_advance(&fixture->log->clock, 1);
    /* The fixture's time is 1,000,000 seconds: 12 January 1970. */
    assert_refused(
        fixture, text, PN_KINESIS_EXPIRED_ITERATOR,
        "Iterator expired. The iterator was created at time Mon Jan 12 13:46:40 UTC "
        "1970 while right now it is Mon Jan 12 13:51:40 UTC 1970 which is further in the "
        "future than the tolerated delay of 300000 milliseconds.");
}

static void test_what_is_no_iterator(void **state)
{
    struct kinesis_fixture *fixture = *state;
    char text[PN_ITERATOR_SIZE];
    kinesis_fixture_open(fixture);
    kinesis_create(fixture, "orders", 1);
    const char *const bad[] = {"", "AAAA", "AAAAAAAAAAE=", "no base64 at all", "\xff\xfe"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_refused(fixture, bad[i], PN_KINESIS_INVALID_ARGUMENT, "Invalid ShardIterator.");
    }
    struct pn_iterator foreign = some_iterator();
    pn_iterator_seal(key, &foreign, text);
    assert_refused(fixture, text, PN_KINESIS_INVALID_ARGUMENT, "Invalid ShardIterator.");
}

static void test_its_stream_is_gone(void **state)
{
    struct kinesis_fixture *fixture = *state;
    char text[PN_ITERATOR_SIZE];
    const char *message = "Shard shardId-000000000000 in stream orders under account 000000000000 "
                          "does not exist";
    kinesis_fixture_open(fixture);
    kinesis_create(fixture, "orders", 1);
    write_one(fixture, "orders", 0, 0, text);
    assert_int_equal(pn_kinesis_delete_stream(fixture->kinesis, "orders", false, NULL), 0);
    assert_refused(fixture, text, PN_KINESIS_NOT_FOUND, message);
    /* Another one under its name is not the one that it was of. */
    kinesis_create(fixture, "orders", 1);
    assert_refused(fixture, text, PN_KINESIS_NOT_FOUND, message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_place_comes_back),
        cmocka_unit_test(test_no_two_texts_are_alike),
        cmocka_unit_test(test_every_changed_character_is_found_out),
        cmocka_unit_test(test_another_key),
        cmocka_unit_test_setup_teardown(test_it_finds_its_shard_again, kinesis_fixture_set_up,
                                        kinesis_fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_it_lives_five_minutes, kinesis_fixture_set_up,
                                        kinesis_fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_no_iterator, kinesis_fixture_set_up,
                                        kinesis_fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_its_stream_is_gone, kinesis_fixture_set_up,
                                        kinesis_fixture_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
