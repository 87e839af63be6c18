/* The texts of streams: shard ids, hash keys, sequence numbers, names. */
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "kinesis/kinesis.h"

enum { HEX_SIZE = 64 };

static const int64_t created_ms = 1700000000123;

/* The decimal text as hex: by long division, one digit a time, unlike the code under test. */
static void to_hex(const char *decimal, char *hex)
{
    char digits[PN_SEQUENCE_SIZE];
    char reversed[HEX_SIZE];
    size_t len = 0;
    (void)snprintf(digits, sizeof digits, "%s", decimal);
    for (;;) {
        int rest = 0;
        bool any = false;
        for (char *c = digits; *c != '\0'; c++) {
            int part = rest * 10 + (*c - '0');
            *c = (char)('0' + part / 16);
            rest = part % 16;
            any = any || *c != '0';
        }
        assert_true(len < sizeof reversed);
        reversed[len] = "0123456789abcdef"[rest];
        len++;
        if (!any) {
            break;
        }
    }
    for (size_t i = 0; i < len; i++) {
        hex[i] = reversed[len - 1 - i];
    }
    hex[len] = '\0';
}

static bool matches(const char *pattern, const char *text)
{
    regex_t regex;
    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    int rc = regexec(&regex, text, 0, NULL, 0);
    regfree(&regex);
    return rc == 0;
}

static void assert_number(const char *text, int64_t created_s, uint32_t shard, int64_t offset)
{
    int64_t got_created = -2;
    uint32_t got_shard = UINT32_MAX;
    int64_t got_offset = -2;
    assert_true(pn_sequence_parse(text, strlen(text), &got_created, &got_shard, &got_offset));
    assert_int_equal(got_created, created_s);
    assert_int_equal(got_shard, shard);
    assert_int_equal(got_offset, offset);
}

static bool is_number(const char *text)
{
    int64_t created_s = 0;
    uint32_t shard = 0;
    int64_t offset = 0;
    return pn_sequence_parse(text, strlen(text), &created_s, &shard, &offset);
}

/* Is the first number below the second? All have the same length. */
static void assert_below(const char *first, const char *second)
{
    assert_int_equal(strlen(first), strlen(second));
    assert_true(strcmp(first, second) < 0);
}

static void test_shard_ids(void **state)
{
    (void)state;
    char out[PN_SHARD_ID_SIZE];
    assert_string_equal(pn_shard_id(0, out), "shardId-000000000000");
    assert_string_equal(pn_shard_id(1023, out), "shardId-000000001023");
    assert_string_equal(pn_shard_id(UINT32_MAX, out), "shardId-004294967295");
}

static void test_hash_keys(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        struct pn_hash_key key;
    } cases[] = {
        {"0", {0, 0}},
        {"1", {0, 1}},
        {"18446744073709551615", {0, UINT64_MAX}},
        {"18446744073709551616", {1, 0}},
        {"170141183460469231731687303715884105728", {UINT64_C(1) << 63, 0}},
        {"340282366920938463463374607431768211455", {UINT64_MAX, UINT64_MAX}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[PN_HASH_KEY_SIZE];
        struct pn_hash_key key = {7, 7};
        assert_string_equal(pn_hash_key_text(cases[i].key, out), cases[i].text);
        assert_true(pn_hash_key_parse(cases[i].text, strlen(cases[i].text), &key));
        assert_true(key.high == cases[i].key.high && key.low == cases[i].key.low);
    }
}

static void test_no_hash_keys(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "-1",
        "+1",
        " 1",
        "1 ",
        "00",
        "01",
        "1e3",
        "0x1",
        "a",
        /* 2^128; above 2^192; a hundred digits */
        "340282366920938463463374607431768211456",
        "9999999999999999999999999999999999999999999999999999999999",
        "1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
    };
    struct pn_hash_key key;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (pn_hash_key_parse(cases[i], strlen(cases[i]), &key)) {
            fail_msg("'%s' was taken for a hash key", cases[i]);
        }
    }
    assert_false(pn_hash_key_parse("1\0", 2, &key));
}

/* MD5, as RFC 1321 has it for the empty text and "a". */
static void test_hash_of_a_partition_key(void **state)
{
    (void)state;
    struct pn_hash_key empty = pn_hash_key_of("", 0);
    assert_true(empty.high == 0xd41d8cd98f00b204 && empty.low == 0xe9800998ecf8427e);
    struct pn_hash_key a = pn_hash_key_of("a", 1);
    assert_true(a.high == 0x0cc175b9c0f1b6a8 && a.low == 0x31c399e269772661);
}

/* The layout that clients' tests know: by kinesalite's pattern, and one number taken from it. */
static void test_layout(void **state)
{
    (void)state;
    char text[PN_SEQUENCE_SIZE];
    char hex[HEX_SIZE];
    (void)pn_sequence_text(created_ms, 3, 41, created_ms + 5000, text);
    assert_int_equal(strlen(text), 56);
    to_hex(text, hex);
    assert_true(matches("^20[0-9a-f]{8}3[0-9a-f]{16}000[0-9a-f]{8}000000032$", hex));
    assert_string_equal(hex, "2"
                             "06553f100"
                             "3"
                             "000000000000002a"
                             "00"
                             "06553f105"
                             "00000003"
                             "2");
    assert_number(text, created_ms / 1000, 3, 41);

    /* A shard above 15 keeps its last digit in front and all of itself at the end. */
    (void)pn_sequence_text(created_ms, 0x2bc, 0, created_ms, text);
    to_hex(text, hex);
    assert_string_equal(hex, "2"
                             "06553f100"
                             "c"
                             "0000000000000001"
                             "00"
                             "06553f100"
                             "000002bc"
                             "2");
    assert_number(text, created_ms / 1000, 0x2bc, 0);

    /* A number that AWS gave out. */
    assert_true(is_number("49594189147623985939251953501666965394405037144469929986"));
    assert_true(strlen("49594189147623985939251953501666965394405037144469929986") == 56);
}

static void test_numbers_rise_within_a_shard(void **state)
{
    (void)state;
    static const int64_t offsets[] = {0, 1, 2, 9, 10, 4294967295, 4294967296, INT64_MAX - 2};
    struct pn_shard shard = {
        .index = 7, .created_ms = created_ms, .closed_ms = created_ms + 86400000, .open = false};
    char before[PN_SEQUENCE_SIZE];
    char after[PN_SEQUENCE_SIZE];
    (void)pn_sequence_start(&shard, before);
    assert_number(before, created_ms / 1000, 7, -1);
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        /* The clock may go back: the offset decides. */
        (void)pn_sequence_text(created_ms, 7, offsets[i], created_ms - (int64_t)i * 1000, after);
        assert_below(before, after);
        memcpy(before, after, sizeof before);
    }
    (void)pn_sequence_end(&shard, after);
    assert_below(before, after);
    assert_number(after, created_ms / 1000, 7, INT64_MAX - 1);

    char hex[HEX_SIZE];
    to_hex(after, hex);
    assert_true(matches("^20[0-9a-f]{8}77fffffffffffffff000[0-9a-f]{8}000000072$", hex));

    /* A child, made a second later, continues above its parent's end. */
    struct pn_shard child = {.index = 8, .created_ms = created_ms + 1000, .open = true};
    (void)pn_sequence_start(&child, before);
    assert_below(after, before);
}

/* A clock out of its mind makes no number that cannot be read back. */
static void test_times_out_of_range(void **state)
{
    (void)state;
    char text[PN_SEQUENCE_SIZE];
    (void)pn_sequence_text(-5, 1, 4, INT64_MAX, text);
    assert_number(text, 0, 1, 4);
    (void)pn_sequence_text(INT64_MAX, UINT32_MAX, INT64_MAX - 1, INT64_MIN, text);
    assert_int_equal(strlen(text), 56);
    assert_number(text, 0xFFFFFFFFF, UINT32_MAX, INT64_MAX - 1);
}

static void test_no_sequence_numbers(void **state)
{
    (void)state;
    char text[PN_SEQUENCE_SIZE];
    (void)pn_sequence_text(created_ms, 3, 41, created_ms, text);
    assert_true(is_number(text));
    /* Every other last digit gives another version, shard or nothing at all. */
    size_t last = strlen(text) - 1;
    int taken = 0;
    for (char c = '0'; c <= '9'; c++) {
        text[last] = c;
        taken += is_number(text) ? 1 : 0;
    }
    assert_int_equal(taken, 1);

    static const char *const cases[] = {
        "",
        "0",
        "2",
        "shardId-000000000000",
        "-9594189147623985939251953501666965394405037144469929986",
        "049594189147623985939251953501666965394405037144469929986",
        "4959418914762398593925195350166696539440503714446992998",
        "495941891476239859392519535016669653944050371444699299860",
        "99999999999999999999999999999999999999999999999999999999",
        "6277101735386680763835789423207666416102355444464034512895", /* 2^192 - 1 */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (is_number(cases[i])) {
            fail_msg("'%s' was taken for a sequence number", cases[i]);
        }
    }
}

static void test_names(void **state)
{
    (void)state;
    char longest[PN_STREAM_NAME_MAX + 1];
    memset(longest, 'x', sizeof longest);
    assert_true(pn_stream_name_valid("a", 1));
    assert_true(pn_stream_name_valid("aZ09_.-", 7));
    assert_true(pn_stream_name_valid("..", 2));
    assert_true(pn_stream_name_valid(longest, PN_STREAM_NAME_MAX));
    assert_false(pn_stream_name_valid(longest, PN_STREAM_NAME_MAX + 1));
    assert_false(pn_stream_name_valid("", 0));
    assert_false(pn_stream_name_valid("a/b", 3));
    assert_false(pn_stream_name_valid("a b", 3));
    assert_false(pn_stream_name_valid("a\0b", 3));
    assert_false(pn_stream_name_valid("\xc3\xa4", 2));
}

static void test_status_names(void **state)
{
    (void)state;
    assert_string_equal(pn_stream_status_name(PN_STREAM_CREATING), "CREATING");
    assert_string_equal(pn_stream_status_name(PN_STREAM_DELETING), "DELETING");
    assert_string_equal(pn_stream_status_name(PN_STREAM_ACTIVE), "ACTIVE");
    assert_string_equal(pn_stream_status_name(PN_STREAM_UPDATING), "UPDATING");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shard_ids),
        cmocka_unit_test(test_hash_keys),
        cmocka_unit_test(test_no_hash_keys),
        cmocka_unit_test(test_hash_of_a_partition_key),
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_numbers_rise_within_a_shard),
        cmocka_unit_test(test_times_out_of_range),
        cmocka_unit_test(test_no_sequence_numbers),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_status_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
