/* Messages of an event stream, byte by byte. The expected ones were made by other code (struct and
 * zlib of Python) and read by botocore's parser. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kinesis/api/eventstream.h"

#define JSON "application/x-amz-json-1.1"

static const char initial_hex[] =
    "0000007200000060ab820d9e0b3a6576656e742d74797065070010696e697469616c2d726573706f6e73650d3a636f"
    "6e74656e742d7479706507001a6170706c69636174696f6e2f782d616d7a2d6a736f6e2d312e310d3a6d6573736167"
    "652d747970650700056576656e747b7dacae6b7d";
static const char exception_hex[] =
    "0000008d0000006e865ee7150f3a657863657074696f6e2d747970650700165265736f75726365496e557365457863"
    "657074696f6e0d3a636f6e74656e742d7479706507001a6170706c69636174696f6e2f782d616d7a2d6a736f6e2d31"
    "2e310d3a6d6573736167652d74797065070009657863657074696f6e7b226d657373616765223a2278227dcef1631"
    "2";

static void assert_hex(const struct pn_buf *out, size_t from, const char *hex)
{
    char text[1024];
    size_t len = 0;
    assert_true((out->len - from) * 2 < sizeof text);
    for (size_t i = from; i < out->len; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "%02x", (unsigned char)out->data[i]);
    }
    assert_string_equal(text, hex);
}

static void test_an_event(void **state)
{
    (void)state;
    struct pn_buf out;
    struct pn_event_message message;
    pn_buf_init(&out, 4096);
    pn_event_begin(&message, &out, "initial-response", JSON);
    pn_buf_adds(&out, "{}");
    pn_event_message_end(&message);
    assert_hex(&out, 0, initial_hex);
    pn_buf_deinit(&out);
}

static void test_an_exception_behind_other_bytes(void **state)
{
    (void)state;
    struct pn_buf out;
    struct pn_event_message message;
    pn_buf_init(&out, 4096);
    pn_buf_adds(&out, "before");
    pn_event_exception_begin(&message, &out, "ResourceInUseException", JSON);
    pn_buf_adds(&out, "{\"message\":\"x\"}");
    pn_event_message_end(&message);
    assert_memory_equal(out.data, "before", 6);
    assert_hex(&out, 6, exception_hex);
    pn_buf_deinit(&out);
}

/* Whatever the buffer is too small for, it is the buffer that has failed, and nothing is written
 * after its end. */
static void test_a_buffer_that_is_too_small(void **state)
{
    (void)state;
    const size_t whole = (sizeof initial_hex - 1) / 2;
    for (size_t max = 1; max <= whole; max++) {
        struct pn_buf out;
        struct pn_event_message message;
        pn_buf_init(&out, max);
        pn_event_begin(&message, &out, "initial-response", JSON);
        pn_buf_adds(&out, "{}");
        pn_event_message_end(&message);
        assert_int_equal(pn_buf_failed(&out), max < whole);
        assert_true(out.len <= max);
        pn_buf_deinit(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_event),
        cmocka_unit_test(test_an_exception_behind_other_bytes),
        cmocka_unit_test(test_a_buffer_that_is_too_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
