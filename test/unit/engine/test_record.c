/* What producers send, as rows and reasons. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/mem.h"
#include "engine/record.h"

static void add_row(void *arg, struct pn_bytes value, const char *reason)
{
    struct pn_buf *out = arg;
    if (out->len > 0) {
        pn_buf_addc(out, '|');
    }
    if (reason != NULL) {
        pn_buf_addf(out, "!%s", reason);
    } else {
        pn_buf_add(out, value.data, value.len);
    }
}

static void check_bytes(const char *data, size_t len, bool keeps_value, const char *expected)
{
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_arena arena;
    struct pn_buf out;
    pn_arena_init(&arena, 0);
    pn_buf_init(&out, 1 << 20);
    /* The exact bytes and no more, so that reading further is seen. */
    char *exact = malloc(len > 0 ? len : 1);
    memcpy(exact, data, len);
    const struct pn_decoded decoded = {.row = add_row, .arg = &out};
    pn_record_decode(parser, (struct pn_bytes){exact, len}, keeps_value, &arena, &decoded);
    assert_string_equal(pn_buf_text(&out), expected);
    free(exact);
    pn_buf_deinit(&out);
    pn_arena_deinit(&arena);
    pn_json_parser_destroy(&parser);
}

static void check(const char *data, const char *expected)
{
    check_bytes(data, strlen(data), false, expected);
}

/* A JSON string with the base64 of `text`. */
static void check_base64(const char *text, const char *expected)
{
    struct pn_buf data;
    pn_buf_init(&data, 4096);
    pn_buf_addc(&data, '"');
    pn_base64_encode(&data, text, strlen(text));
    pn_buf_addc(&data, '"');
    check(pn_buf_text(&data), expected);
    pn_buf_deinit(&data);
}

static void test_objects(void **state)
{
    (void)state;
    check("{\"a\":1}", "{\"a\":1}");
    check(" {\"a\" : \"\xc3\xa9\"} ", " {\"a\" : \"\xc3\xa9\"} ");
    check("{}", "{}");
}

static void test_strings(void **state)
{
    (void)state;
    check_base64("{\"a\":1}", "{\"a\":1}");
    check_base64("[{\"a\":1},{\"value\":{\"b\":2}}]", "{\"a\":1}|{\"b\":2}");
    check_base64("{\"value\":{\"b\":2}}", "{\"b\":2}");
    check("\"{\\\"a\\\":\\\"x\\u0041\\\"}\"", "{\"a\":\"xA\"}");
    check("\"[{\\\"value\\\":{\\\"a\\\":1}}]\"", "{\"a\":1}");
    check("\"eyJhIjoxfQ\"", "{\"a\":1}"); /* without padding */
    check("eyJhIjoxfQ==", "{\"a\":1}");   /* without quotes */
    check("W3siYSI6MX1d", "{\"a\":1}");
    /* In lines, as base64(1) and MIME encoders write it. */
    check("eyJh\nIjoxfQ==\n", "{\"a\":1}");
    check("\"eyJh\\r\\nIjoxfQ==\\r\\n\"", "{\"a\":1}");
    check(" eyJhIjoxfQ== ", "{\"a\":1}");
}

static void test_wrapped(void **state)
{
    (void)state;
    check("{\"value\":{\"a\":1}}", "{\"a\":1}");
    check("[{\"value\":{\"a\":1}}]", "{\"a\":1}");
    check("[ {\"a\" : 1} , {\"a\":2}]", "{\"a\" : 1}|{\"a\":2}");
    check("{\"value\":1}", "{\"value\":1}");
    check("{\"value\":{\"a\":1},\"b\":2}", "{\"value\":{\"a\":1},\"b\":2}");
    check("{\"Value\":{\"a\":1}}", "{\"Value\":{\"a\":1}}");
    const char *column = "{\"value\":{\"a\":1}}";
    check_bytes(column, strlen(column), true, column);
}

static bool is_row(const char *text, bool keeps_value)
{
    /* In bytes that end with it, so that no look goes beyond. */
    size_t len = strlen(text);
    char *exact = len > 0 ? pn_xmalloc(len) : NULL;
    if (len > 0) {
        memcpy(exact, text, len);
    }
    bool is = pn_record_is_row((struct pn_bytes){exact, len}, keeps_value);
    free(exact);
    return is;
}

static void test_plain_rows_are_known_by_their_beginning(void **state)
{
    (void)state;
    assert_true(is_row("{\"a\":1}", false));
    assert_true(is_row(" \t\r\n{ \"a b\" : broken", false));
    assert_true(is_row("{\"values\":{}}", false));
    assert_true(is_row("{\"value\":{}}", true));
    /* These are looked at more closely. */
    const char *const others[] = {"",
                                  " ",
                                  "{",
                                  "{ ",
                                  "{}",
                                  "{\"",
                                  "{\"value",
                                  "[{\"a\":1}]",
                                  "\"{",
                                  "{1",
                                  "eyJhIjoxfQ",
                                  "{\"value\":{}}",
                                  "{\"\\u0061\":1}"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_false(is_row(others[i], false));
    }
}

static void test_a_byte_order_mark_is_skipped(void **state)
{
    (void)state;
    check("\xef\xbb\xbf{\"a\":1}", "{\"a\":1}");
    check("\xef\xbb\xbf[{\"a\":1}]", "{\"a\":1}");
    check("\xef\xbb\xbf\"{\\\"a\\\":1}\"", "{\"a\":1}");
    check("\"\\ufeff{\\\"a\\\":1}\"", "{\"a\":1}");
    check("\xef\xbb\xbf"
          "eyJhIjoxfQ==",
          "{\"a\":1}");
    check_base64("\xef\xbb\xbf{\"a\":1}", "{\"a\":1}");
    check("\xef\xbb\xbf", "!the record is empty");
}

static void test_reasons_name_the_cause(void **state)
{
    (void)state;
    check("\x1f\x8b\x08", "!invalid JSON: it looks like gzip (1F 8B): decompress it first");
    check("H4sIAAAA", "!base64 that looks like gzip (1F 8B): decompress it first");
    check("\"H4sIAAAA\"", "!a string in base64 that looks like gzip (1F 8B): decompress it first");
    check("{\"a\":1}{\"a\":2}",
          "!invalid JSON at byte 7: something follows the value: one JSON document is expected");
    check_bytes("{\0\"\0a\0", 6, false,
                "!invalid JSON: it looks like UTF-16 (each second byte is 0): write UTF-8");
}

static void test_what_is_no_row(void **state)
{
    (void)state;
    check("", "!the record is empty");
    check("\"\"", "!the data is an empty string");
    check("7", "!not a JSON object but number");
    check("null", "!not a JSON object but null");
    check("[]", "!an empty array has no rows");
    check("[1,{\"a\":1}]", "!item 0 of the array is not an object but number|{\"a\":1}");
    check_base64("17", "!not a JSON object but number");
    check("\"\\\"{}\\\"\"", "!not a JSON object but string");
}

static void assert_reason_starts(const char *data, size_t len, const char *start)
{
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_arena arena;
    struct pn_buf out;
    pn_arena_init(&arena, 0);
    pn_buf_init(&out, 1 << 20);
    const struct pn_decoded decoded = {.row = add_row, .arg = &out};
    pn_record_decode(parser, (struct pn_bytes){data, len}, false, &arena, &decoded);
    assert_memory_equal(pn_buf_text(&out), start, strlen(start));
    pn_buf_deinit(&out);
    pn_arena_deinit(&arena);
    pn_json_parser_destroy(&parser);
}

static void test_what_is_no_json(void **state)
{
    (void)state;
    assert_reason_starts("{\"a\":", 5, "!invalid JSON at byte");
    assert_reason_starts("{\"a\":\"\0\"}", 9, "!invalid JSON at byte");
    assert_reason_starts("\xff\xfd", 2, "!invalid JSON at byte");
    assert_reason_starts("\"hello\"", 7, "!a string that is neither base64 of JSON nor JSON: ");
    /* Base64 without quotes, but not of JSON. */
    assert_reason_starts("aGVsbG8=", 8, "!invalid JSON at byte");
    assert_reason_starts("bnVsbA==", 8, "!invalid JSON at byte");
}

static void test_too_many_rows(void **state)
{
    (void)state;
    struct pn_buf data;
    pn_buf_init(&data, 1 << 20);
    pn_buf_addc(&data, '[');
    for (int i = 0; i <= PN_RECORD_ROWS_MAX; i++) {
        pn_buf_adds(&data, i == 0 ? "{}" : ",{}");
    }
    pn_buf_addc(&data, ']');
    check(pn_buf_text(&data), "!an array of 10001 rows: at most 10000 are allowed");
    pn_buf_deinit(&data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_objects),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_wrapped),
        cmocka_unit_test(test_plain_rows_are_known_by_their_beginning),
        cmocka_unit_test(test_a_byte_order_mark_is_skipped),
        cmocka_unit_test(test_reasons_name_the_cause),
        cmocka_unit_test(test_what_is_no_row),
        cmocka_unit_test(test_what_is_no_json),
        cmocka_unit_test(test_too_many_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
