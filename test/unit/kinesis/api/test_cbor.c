#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "kinesis/api/wire.h"

/* The tree as a text: JSON, but bytes as h'00ff', and text strings that do not say so as ?"x". */
static void dump(struct pn_buf *out, const struct pn_json *node)
{
    switch (node->type) {
    case PN_JSON_NULL:
        pn_buf_adds(out, "null");
        return;
    case PN_JSON_BOOL:
        pn_buf_adds(out, node->boolean ? "true" : "false");
        return;
    case PN_JSON_NUMBER:
        if (node->is_integer) {
            assert_true(node->number == (double)node->integer);
            pn_buf_add_i64(out, node->integer);
        } else {
            pn_buf_addf(out, "%.15gf", node->number);
        }
        return;
    case PN_JSON_STRING:
        if (node->raw == NULL) {
            pn_buf_adds(out, "h'");
            for (size_t i = 0; i < node->text_len; i++) {
                pn_buf_addf(out, "%02x", (unsigned)(unsigned char)node->text[i]);
            }
            pn_buf_addc(out, '\'');
        } else {
            pn_buf_adds(out, node->raw == node->text ? "" : "?");
            pn_json_write_string(out, node->text, node->text_len);
        }
        return;
    case PN_JSON_ARRAY:
    case PN_JSON_OBJECT:
        break;
    }
    size_t count = 0;
    pn_buf_addc(out, node->type == PN_JSON_ARRAY ? '[' : '{');
    for (const struct pn_json *child = node->first; child != NULL; child = child->next) {
        if (count++ > 0) {
            pn_buf_addc(out, ',');
        }
        if (node->type == PN_JSON_OBJECT) {
            pn_json_write_string(out, child->key, child->key_len);
            pn_buf_addc(out, ':');
        }
        dump(out, child);
    }
    assert_int_equal(count, node->count);
    pn_buf_addc(out, node->type == PN_JSON_ARRAY ? ']' : '}');
}

static size_t from_hex(const char *hex, unsigned char *bytes)
{
    size_t len = 0;
    for (; hex[0] != '\0'; hex += 2) {
        unsigned value = 0;
        assert_int_equal(sscanf(hex, "%2x", &value), 1);
        bytes[len++] = (unsigned char)value;
    }
    return len;
}

/* Parses a copy that is exactly as long, so that a sanitizer sees a read after it. Returns what
 * the tree dumps to, or the error's message; the caller frees it. */
static char *parse(const unsigned char *bytes, size_t len)
{
    unsigned char *copy = pn_xmalloc(len == 0 ? 1 : len);
    memcpy(copy, bytes, len);
    struct pn_arena arena;
    struct pn_buf out;
    struct pn_json *root = NULL;
    struct pn_err e = {0};
    pn_arena_init(&arena, 0);
    pn_buf_init(&out, 1 << 24);
    if (pn_cbor_parse(len == 0 ? NULL : copy, len, &arena, &root, &e) == 0) {
        dump(&out, root);
    } else {
        assert_int_equal(e.class_, PN_CLASS_INPUT);
        assert_null(root);
        pn_buf_adds(&out, e.msg);
    }
    pn_arena_deinit(&arena);
    free(copy);
    return pn_buf_take(&out);
}

static void check(const char *hex, const char *expected)
{
    unsigned char bytes[256];
    size_t len = from_hex(hex, bytes);
    char *got = parse(bytes, len);
    if (strcmp(got, expected) != 0) {
        fail_msg("%s gives %s, not %s", hex, got, expected);
    }
    free(got);
}

static void test_values(void **state)
{
    (void)state;
    check("00", "0");
    check("17", "23");
    check("1818", "24");
    check("1903e8", "1000");
    check("1a000f4240", "1000000");
    check("1b7fffffffffffffff", "9223372036854775807");
    check("1b8000000000000000", "9.22337203685478e+18f");
    check("20", "-1");
    check("3863", "-100");
    check("3903e7", "-1000");
    check("3a000f423f", "-1000000");
    check("3b7fffffffffffffff", "-9223372036854775808");
    check("3bffffffffffffffff", "-1.84467440737096e+19f");
    check("f4", "false");
    check("f5", "true");
    check("f6", "null");
    check("f7", "null"); /* undefined */
    check("f93e00", "1.5f");
    check("fa47c35000", "100000f");
    check("fb3ff199999999999a", "1.1f");
    check("60", "\"\"");
    check("62c3a9", "\"\xc3\xa9\"");
    check("40", "h''");
    check("4301ff00", "h'01ff00'");
    check("80", "[]");
    check("83010203", "[1,2,3]");
    check("a0", "{}");
    check("a26161016162820203", "{\"a\":1,\"b\":[2,3]}");
    check("a16161a16162f6", "{\"a\":{\"b\":null}}");
}

static void test_indefinite(void **state)
{
    (void)state;
    check("9fff", "[]");
    check("9f01820203ff", "[1,[2,3]]");
    check("bfff", "{}");
    check("bf61610161629f0203ffff", "{\"a\":1,\"b\":[2,3]}");
    check("7fff", "\"\"");
    check("7f626162606163ff", "\"abc\"");
    check("5f4201024103ff", "h'010203'");
    check("5fff", "h''");
    check("bf7f61616162ff01ff", "{\"ab\":1}");
    /* A character may not be cut by chunks as a whole, but the text is what counts. */
    check("7f61c361a9ff", "\"\xc3\xa9\"");
    check("7f61c3ff", "invalid CBOR at byte 4: a text string is not UTF-8");
    check("7f4161ff", "invalid CBOR at byte 3: a string in chunks contains another item");
    check("5f6161ff", "invalid CBOR at byte 3: a string in chunks contains another item");
    check("7f7f6161ffff", "invalid CBOR at byte 2: a string in chunks contains another item");
    check("7f6161", "invalid CBOR at byte 3: the item is cut short");
}

static void test_timestamps(void **state)
{
    (void)state;
    check("c11b0000018bcfe56800", "1700000000"); /* whole milliseconds, as the SDKs write */
    check("c11b0000018bcfe5687b", "1700000000.123f");
    check("c11a000003e8", "1");
    check("c11903e7", "0.999f");
    check("c13903e7", "-1");
    check("c1fb41d954fc401f7cee", "1700000000.492f"); /* a fraction: seconds */
    check("c100", "0");
    check("d9d9f7a16161c11903e8", "{\"a\":1}"); /* other tags are read over */
    check("c0c11903e8", "1");
    check("c1c01903e8", "1000"); /* the tag of the number itself counts */
    check("c16161", "\"a\"");
    check("c1", "invalid CBOR at byte 1: the item is cut short");
}

static void test_malformed(void **state)
{
    (void)state;
    check("", "invalid CBOR at byte 0: the item is cut short");
    check("ff", "invalid CBOR at byte 1: an unexpected end of an item");
    check("82ff01", "invalid CBOR at byte 2: an unexpected end of an item");
    check("bf6161ff", "invalid CBOR at byte 4: an unexpected end of an item");
    check("a1ff00", "invalid CBOR at byte 2: a member's name is not a text string");
    check("c1ff", "invalid CBOR at byte 2: an unexpected end of an item");
    check("0000", "invalid CBOR at byte 1: unexpected bytes follow the item");
    check("a10102", "invalid CBOR at byte 2: a member's name is not a text string");
    check("a1416101", "invalid CBOR at byte 3: a member's name is not a text string");
    check("61ff", "invalid CBOR at byte 2: a text string is not UTF-8");
    check("a161ff01", "invalid CBOR at byte 3: a text string is not UTF-8");
    check("f97e00", "invalid CBOR at byte 3: a number is not finite");
    check("f97c00", "invalid CBOR at byte 3: a number is not finite");
    check("fb7ff0000000000000", "invalid CBOR at byte 9: a number is not finite");
    check("1c", "invalid CBOR at byte 0: not a well-formed item");
    check("5c", "invalid CBOR at byte 0: not a well-formed item");
    check("fc", "invalid CBOR at byte 0: not a well-formed item");
}

static void test_hostile_lengths(void **state)
{
    (void)state;
    static const char more[] = "more elements are announced than bytes follow";
    static const char cut[] = "the item is cut short";
    static const struct {
        const char *hex;
        size_t at;
        const char *reason;
    } cases[] = {
        {"9bffffffffffffffff", 9, more},
        {"9b7fffffffffffffff00", 9, more},
        {"9affffffff00", 5, more},
        {"8200", 1, more},
        {"bbffffffffffffffff", 9, more},
        {"bb80000000000000006161", 9, more},
        {"a16161", 3, cut},
        {"a200", 1, more},
        {"5bffffffffffffffff00", 0, cut},
        {"5a7fffffff00", 0, cut},
        {"7bffffffffffffffff00", 0, cut},
        {"7a8000000061", 0, cut},
        {"4200", 0, cut},
        {"6261", 0, cut},
        {"5f5bffffffffffffffffff", 1, cut},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char expected[128];
        snprintf(expected, sizeof expected, "invalid CBOR at byte %zu: %s", cases[i].at,
                 cases[i].reason);
        check(cases[i].hex, expected);
    }
}

/* A request in all its spellings is refused when it is cut anywhere. */
static void test_truncated(void **state)
{
    (void)state;
    static const char hex[] = "bf6a53747265616d4e616d6563616263675265636f72647382a2644461746143"
                              "0102036c506172746974696f6e4b6579616bbf64446174615f4201024103ff6c"
                              "506172746974696f6e4b65797f61616162ffff6154c11b0000018bcfe5687b61"
                              "4efb3ff199999999999aff";
    unsigned char bytes[256];
    size_t len = from_hex(hex, bytes);
    check(hex, "{\"StreamName\":\"abc\",\"Records\":[{\"Data\":h'010203',\"PartitionKey\":\"k\"},"
               "{\"Data\":h'010203',\"PartitionKey\":\"ab\"}],\"T\":1700000000.123f,"
               "\"N\":1.1f}");
    while (len-- > 0) {
        char *got = parse(bytes, len);
        assert_memory_equal(got, "invalid CBOR at byte ", 21);
        free(got);
    }
}

static void test_depth(void **state)
{
    (void)state;
    unsigned char bytes[PN_JSON_DEPTH_MAX + 2];
    memset(bytes, 0x81, sizeof bytes);
    bytes[PN_JSON_DEPTH_MAX] = 0;
    char *got = parse(bytes, PN_JSON_DEPTH_MAX + 1);
    assert_int_equal(got[0], '[');
    free(got);
    bytes[PN_JSON_DEPTH_MAX] = 0x81;
    bytes[PN_JSON_DEPTH_MAX + 1] = 0;
    got = parse(bytes, sizeof bytes);
    assert_string_equal(got, "CBOR nested deeper than 1000 levels, at byte 1001");
    free(got);
}

/* What is small on the wire may not become large in memory. */
static void test_too_many_items(void **state)
{
    (void)state;
    size_t len = PN_CBOR_ITEMS_MAX + 2;
    unsigned char *bytes = pn_xmalloc(len);
    static const unsigned char fills[] = {0x00, 0xc1, 0x40, 0x80};
    for (size_t i = 0; i < sizeof fills; i++) {
        memset(bytes, fills[i], len);
        bytes[0] = 0x9f;
        bytes[len - 1] = 0xff;
        char *got = parse(bytes, len);
        assert_string_equal(got, "invalid CBOR at byte 65536: too many items");
        free(got);
    }
    memset(bytes, 0, len);
    bytes[0] = 0x9f;
    bytes[PN_CBOR_ITEMS_MAX - 1] = 0xff;
    char *got = parse(bytes, PN_CBOR_ITEMS_MAX);
    assert_int_equal(got[0], '[');
    free(got);
    free(bytes);
}

/* What the writer writes is read back. */
static void test_round_trip(void **state)
{
    (void)state;
    struct pn_buf out;
    pn_buf_init(&out, 1 << 16);
    struct pn_wire wire;
    pn_wire_init(&wire, &out, true);
    char *long_bytes = pn_xcalloc(1, 300);
    pn_wire_map(&wire);
    pn_wire_key(&wire, "Records");
    pn_wire_list(&wire);
    for (int i = 0; i < 2; i++) {
        pn_wire_map(&wire);
        pn_wire_key(&wire, "Data");
        pn_wire_blob_bytes(&wire, "\x00\xff", 2);
        pn_wire_key(&wire, "PartitionKey");
        pn_wire_cstr(&wire, "k\xc3\xa9\n");
        pn_wire_key(&wire, "Arrival");
        pn_wire_timestamp(&wire, 1700000000123);
        pn_wire_map_end(&wire);
    }
    pn_wire_list_end(&wire);
    pn_wire_key(&wire, "Empty");
    pn_wire_list(&wire);
    pn_wire_list_end(&wire);
    pn_wire_key(&wire, "Numbers");
    pn_wire_list(&wire);
    static const int64_t numbers[] = {0, 23, 24, -1, -25, 65536, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        pn_wire_int(&wire, numbers[i]);
    }
    pn_wire_list_end(&wire);
    pn_wire_key(&wire, "Yes");
    pn_wire_bool(&wire, true);
    pn_wire_key(&wire, "No");
    pn_wire_bool(&wire, false);
    pn_wire_key(&wire, "None");
    pn_wire_cstr(&wire, NULL);
    pn_wire_key(&wire, "Text");
    pn_wire_text(&wire, long_bytes, 3);
    pn_wire_map_end(&wire);
    assert_false(pn_buf_failed(&out));
    char *got = parse((const unsigned char *)out.data, out.len);
    assert_string_equal(
        got, "{\"Records\":[{\"Data\":h'00ff',\"PartitionKey\":\"k\xc3\xa9\\n\","
             "\"Arrival\":1700000000.123f},{\"Data\":h'00ff',\"PartitionKey\":\"k\xc3\xa9\\n\","
             "\"Arrival\":1700000000.123f}],\"Empty\":[],\"Numbers\":[0,23,24,-1,-25,65536,"
             "9223372036854775807,-9223372036854775808],\"Yes\":true,\"No\":false,\"None\":null,"
             "\"Text\":\"\\u0000\\u0000\\u0000\"}");
    free(got);
    /* And cut anywhere it is refused. */
    for (size_t len = 0; len < out.len; len++) {
        got = parse((const unsigned char *)out.data, len);
        assert_memory_equal(got, "invalid CBOR at byte ", 21);
        free(got);
    }
    pn_buf_deinit(&out);
    free(long_bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),          cmocka_unit_test(test_indefinite),
        cmocka_unit_test(test_timestamps),      cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_hostile_lengths), cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_depth),           cmocka_unit_test(test_too_many_items),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
