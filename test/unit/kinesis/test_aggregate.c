/* KPL aggregates: what is one, and what its user records are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>

#include "base/buf.h"
#include "base/mem.h"
#include "kinesis/aggregate.h"

struct fixture {
    struct pn_arena arena;
    struct pn_user_record *records;
    size_t count;
    char *data; /* exactly as long as the record, for the sanitizers */
};

static int set_up(void **state)
{
    struct fixture *fixture = pn_xcalloc(1, sizeof *fixture);
    pn_arena_init(&fixture->arena, 0);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    pn_arena_deinit(&fixture->arena);
    free(fixture->data);
    free(fixture);
    return 0;
}

static bool read_bytes(struct fixture *fixture, const char *bytes, size_t len)
{
    free(fixture->data);
    fixture->data = pn_xmalloc(len > 0 ? len : 1);
    memcpy(fixture->data, bytes, len);
    fixture->count = 0;
    return pn_aggregate_read((struct pn_bytes){fixture->data, len}, &fixture->arena,
                             &fixture->records, &fixture->count);
}

/* The message with the magic before it and its MD5 after. */
static bool read_message(struct fixture *fixture, const char *message, size_t len)
{
    struct pn_buf bytes;
    unsigned char digest[16];
    pn_buf_init(&bytes, 1 << 24);
    pn_buf_adds(&bytes, "\xf3\x89\x9a\xc2");
    pn_buf_add(&bytes, message, len);
    assert_int_equal(EVP_Digest(message, len, digest, NULL, EVP_md5(), NULL), 1);
    pn_buf_add(&bytes, digest, sizeof digest);
    bool ok = read_bytes(fixture, bytes.data, bytes.len);
    pn_buf_deinit(&bytes);
    return ok;
}

#define READ(fixture, message) read_message(fixture, message, sizeof message - 1)

static void assert_bytes(struct pn_bytes bytes, const char *expected)
{
    assert_int_equal(bytes.len, strlen(expected));
    assert_memory_equal(bytes.data, expected, bytes.len);
}

static void test_user_records(void **state)
{
    struct fixture *fixture = *state;
    /* Keys "a" and "bc", explicit hash key "17"; records {} of a, [1] of bc with the hash key. */
    assert_true(READ(fixture, "\x0a\x01"
                              "a"
                              "\x0a\x02"
                              "bc"
                              "\x12\x02"
                              "17"
                              "\x1a\x06\x08\x00\x1a\x02{}"
                              "\x1a\x09\x08\x01\x10\x00\x1a\x03[1]"));
    assert_int_equal(fixture->count, 2);
    assert_bytes(fixture->records[0].partition_key, "a");
    assert_bytes(fixture->records[0].data, "{}");
    struct pn_hash_key hash = pn_hash_key_of("a", 1);
    assert_memory_equal(&fixture->records[0].hash_key, &hash, sizeof hash);
    assert_bytes(fixture->records[1].partition_key, "bc");
    assert_bytes(fixture->records[1].data, "[1]");
    assert_int_equal(fixture->records[1].hash_key.high, 0);
    assert_int_equal(fixture->records[1].hash_key.low, 17);
}

static void test_fields_in_any_order_and_unknown_ones(void **state)
{
    struct fixture *fixture = *state;
    /* The record before its table; fields 4 (varint), 5 (32 bits), 6 (64 bits), and a tag in it. */
    assert_true(READ(fixture, "\x1a\x0a\x22\x02\x0a\x00\x1a\x02{}\x08\x00"
                              "\x20\x96\x01\x2d....\x31........"
                              "\x0a\x01"
                              "k"));
    assert_int_equal(fixture->count, 1);
    assert_bytes(fixture->records[0].partition_key, "k");
    assert_bytes(fixture->records[0].data, "{}");
    /* Empty data, an empty key, and no records at all. */
    assert_true(READ(fixture, "\x0a\x00\x1a\x04\x08\x00\x1a\x00"));
    assert_int_equal(fixture->count, 1);
    assert_int_equal(fixture->records[0].data.len, 0);
    assert_true(READ(fixture, "\x0a\x01"
                              "k"));
    assert_int_equal(fixture->count, 0);
}

static void test_what_is_a_plain_record(void **state)
{
    struct fixture *fixture = *state;
    assert_false(read_bytes(fixture, "", 0));
    assert_false(read_bytes(fixture, "{\"a\":1}", 7));
    assert_false(read_bytes(fixture, "\xf3\x89\x9a\xc2", 4));
    assert_false(READ(fixture, ""));
    assert_true(READ(fixture, "\x0a\x01k\x1a\x06\x08\x00\x1a\x02{}"));
    size_t len = 4 + 11 + 16;
    fixture->data[len - 1] ^= 1;
    assert_false(pn_aggregate_read((struct pn_bytes){fixture->data, len}, &fixture->arena,
                                   &fixture->records, &fixture->count));
    static const struct {
        const char *bytes;
        size_t len;
    } broken[] = {
        {"\x0a", 1},                                      /* no length */
        {"\x0a\x02k", 3},                                 /* cut off */
        {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10}, /* a length beyond all */
        {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11},
        {"\x02\x01k", 3},                            /* field 0 */
        {"\x0b\x0c", 2},                             /* a group */
        {"\x0a\x01k\x1a\x04\x1a\x02{}", 9},          /* no key */
        {"\x0a\x01k\x1a\x02\x08\x00", 7},            /* no data */
        {"\x0a\x01k\x1a\x06\x08\x01\x1a\x02{}", 11}, /* a key beyond the table */
        {"\x0a\x01k\x1a\x08\x08\x00\x10\x00\x1a\x02{}", 13},
        {"\x0a\x01k\x1a\x0f\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x1a\x02{}", 20},
        {"\x0a\x01k\x12\x01x\x1a\x08\x08\x00\x10\x00\x1a\x02{}", 16}, /* no hash key */
        {"\x0a\x01k\x1a\x07\x08\x00\x1a\x03{}", 11},                  /* data cut off */
    };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        if (read_message(fixture, broken[i].bytes, broken[i].len)) {
            fail_msg("message %zu was taken", i);
        }
    }
}

static void test_too_many(void **state)
{
    struct fixture *fixture = *state;
    struct pn_buf message;
    pn_buf_init(&message, 1 << 24);
    pn_buf_add(&message, "\x0a\x01k", 3);
    for (int i = 0; i < PN_AGGREGATE_RECORDS_MAX; i++) {
        pn_buf_add(&message, "\x1a\x04\x08\x00\x1a\x00", 6);
    }
    assert_true(read_message(fixture, message.data, message.len));
    assert_int_equal(fixture->count, PN_AGGREGATE_RECORDS_MAX);
    pn_buf_add(&message, "\x1a\x04\x08\x00\x1a\x00", 6);
    assert_false(read_message(fixture, message.data, message.len));
    pn_buf_deinit(&message);
}

static void test_ranges(void **state)
{
    (void)state;
    const struct pn_hash_key low = {0, 5};
    const struct pn_hash_key high = {1, 0};
    assert_true(pn_hash_key_within(low, low, high));
    assert_true(pn_hash_key_within(high, low, high));
    assert_true(pn_hash_key_within((struct pn_hash_key){0, UINT64_MAX}, low, high));
    assert_false(pn_hash_key_within((struct pn_hash_key){0, 4}, low, high));
    assert_false(pn_hash_key_within((struct pn_hash_key){1, 1}, low, high));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_user_records, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_fields_in_any_order_and_unknown_ones, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_a_plain_record, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_many, set_up, tear_down),
        cmocka_unit_test(test_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
