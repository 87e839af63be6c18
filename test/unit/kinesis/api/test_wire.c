#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kinesis/api/wire.h"

static void write_reply(struct pn_wire *wire)
{
    pn_wire_map(wire);
    pn_wire_key(wire, "Names");
    pn_wire_list(wire);
    pn_wire_cstr(wire, "a");
    pn_wire_text(wire, "b\"c", 2);
    pn_wire_list_end(wire);
    pn_wire_key(wire, "Nested");
    pn_wire_map(wire);
    pn_wire_map_end(wire);
    pn_wire_key(wire, "Lists");
    pn_wire_list(wire);
    pn_wire_list(wire);
    pn_wire_int(wire, -1);
    pn_wire_int(wire, 500);
    pn_wire_list_end(wire);
    pn_wire_list(wire);
    pn_wire_list_end(wire);
    pn_wire_map(wire);
    pn_wire_key(wire, "x");
    pn_wire_cstr(wire, NULL);
    pn_wire_map_end(wire);
    pn_wire_list_end(wire);
    pn_wire_key(wire, "Yes");
    pn_wire_bool(wire, true);
    pn_wire_key(wire, "No");
    pn_wire_bool(wire, false);
    pn_wire_key(wire, "Data");
    pn_wire_blob_bytes(wire, "\x00\xff\x10", 3);
    pn_wire_key(wire, "None");
    pn_wire_blob_bytes(wire, NULL, 0);
    pn_wire_key(wire, "At");
    pn_wire_timestamp(wire, 1700000000123);
    pn_wire_map_end(wire);
}

/* The reply is added after what the buffer holds, and the last item of a list has no comma. */
static void test_write_json(void **state)
{
    (void)state;
    static const char expected[] =
        "{\"Names\":[\"a\",\"b\\\"\"],\"Nested\":{},\"Lists\":[[-1,500],[],{\"x\":null}],"
        "\"Yes\":true,\"No\":false,\"Data\":\"AP8Q\",\"None\":\"\",\"At\":1700000000.123}";
    struct pn_buf out;
    pn_buf_init(&out, 1000);
    struct pn_wire wire;
    pn_wire_init(&wire, &out, false);
    write_reply(&wire);
    assert_int_equal(wire.json.depth, 0);
    assert_string_equal(pn_buf_text(&out), expected);
    pn_buf_reset(&out);
    pn_buf_adds(&out, "head}");
    pn_wire_init(&wire, &out, false);
    write_reply(&wire);
    assert_string_equal(pn_buf_text(&out) + 5, expected);
    pn_buf_deinit(&out);
}

static void test_write_cbor(void **state)
{
    (void)state;
    static const unsigned char expected[] = {
        0xbf, 0x65, 'N',  'a',  'm',  'e',  's',  0x9f, 0x61, 'a',  0x62, 'b',  '"',  0xff,
        0x66, 'N',  'e',  's',  't',  'e',  'd',  0xbf, 0xff, 0x65, 'L',  'i',  's',  't',
        's',  0x9f, 0x9f, 0x20, 0x19, 0x01, 0xf4, 0xff, 0x9f, 0xff, 0xbf, 0x61, 'x',  0xf6,
        0xff, 0xff, 0x63, 'Y',  'e',  's',  0xf5, 0x62, 'N',  'o',  0xf4, 0x64, 'D',  'a',
        't',  'a',  0x43, 0x00, 0xff, 0x10, 0x64, 'N',  'o',  'n',  'e',  0x40, 0x62, 'A',
        't',  0xc1, 0x1b, 0x00, 0x00, 0x01, 0x8b, 0xcf, 0xe5, 0x68, 0x7b, 0xff};
    struct pn_buf out;
    pn_buf_init(&out, 1000);
    struct pn_wire wire;
    pn_wire_init(&wire, &out, true);
    write_reply(&wire);
    assert_int_equal(out.len, sizeof expected);
    assert_memory_equal(out.data, expected, sizeof expected);
    pn_buf_deinit(&out);
}

/* A buffer too small fails, whatever it is that does not fit; nothing is written after it. */
static void test_write_full(void **state)
{
    (void)state;
    for (int cbor = 0; cbor < 2; cbor++) {
        for (size_t max = 1; max < 60; max++) {
            struct pn_buf out;
            pn_buf_init(&out, max);
            struct pn_wire wire;
            pn_wire_init(&wire, &out, cbor == 1);
            write_reply(&wire);
            assert_true(pn_buf_failed(&out));
            assert_true(out.len <= max);
            pn_buf_deinit(&out);
        }
    }
}

static void test_long_blob(void **state)
{
    (void)state;
    enum { LEN = 100001 };
    unsigned char *bytes = malloc(LEN);
    assert_non_null(bytes);
    for (size_t i = 0; i < LEN; i++) {
        bytes[i] = (unsigned char)(i * 7 + i / 256);
    }
    struct pn_buf out;
    struct pn_arena arena;
    pn_buf_init(&out, 2 * LEN);
    pn_arena_init(&arena, 0);
    struct pn_wire wire;
    pn_wire_init(&wire, &out, false);
    pn_wire_blob_bytes(&wire, bytes, LEN);
    const struct pn_json node = {.type = PN_JSON_STRING,
                                 .text = out.data + 1,
                                 .text_len = out.len - 2,
                                 .raw = out.data,
                                 .raw_len = out.len};
    const void *got = NULL;
    size_t len = 0;
    assert_true(pn_wire_blob(&node, &arena, &got, &len));
    assert_int_equal(len, LEN);
    assert_memory_equal(got, bytes, LEN);
    pn_arena_deinit(&arena);
    pn_buf_deinit(&out);
    free(bytes);
}

static struct pn_json json_text(const char *raw)
{
    return (struct pn_json){.type = PN_JSON_STRING,
                            .text = raw + 1,
                            .text_len = strlen(raw) - 2,
                            .raw = raw,
                            .raw_len = strlen(raw)};
}

static void test_blobs(void **state)
{
    (void)state;
    struct pn_arena arena;
    const void *bytes = NULL;
    size_t len = 0;
    pn_arena_init(&arena, 0);
    struct pn_json node = json_text("\"aGVs\"");
    assert_true(pn_wire_blob(&node, &arena, &bytes, &len));
    assert_int_equal(len, 3);
    assert_memory_equal(bytes, "hel", 3);
    node = json_text("\"aGV\"");
    assert_false(pn_wire_blob(&node, &arena, &bytes, &len));
    node = (struct pn_json){.type = PN_JSON_NUMBER};
    assert_false(pn_wire_blob(&node, &arena, &bytes, &len));
    assert_false(pn_wire_blob(NULL, &arena, &bytes, &len));
    pn_wire_set_text(&node, "aGVs", 4);
    assert_false(pn_wire_blob(&node, &arena, &bytes, &len));
    pn_wire_set_bytes(&node, "a\0b", 3);
    assert_true(pn_wire_blob(&node, &arena, &bytes, &len));
    assert_int_equal(len, 3);
    assert_memory_equal(bytes, "a\0b", 3);
    pn_arena_deinit(&arena);
}

static void test_timestamps(void **state)
{
    (void)state;
    static const struct {
        double seconds;
        int64_t ms;
    } cases[] = {{0, 0},
                 {1700000000.123, 1700000000123},
                 {1700000000.9999, 1700000001000},
                 {-1.5, -1500},
                 {1e300, INT64_MAX},
                 {-1e300, INT64_MIN}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct pn_json node = {.type = PN_JSON_NUMBER, .number = cases[i].seconds};
        assert_int_equal(pn_wire_timestamp_ms(&node), cases[i].ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_json), cmocka_unit_test(test_write_cbor),
        cmocka_unit_test(test_write_full), cmocka_unit_test(test_long_blob),
        cmocka_unit_test(test_blobs),      cmocka_unit_test(test_timestamps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
