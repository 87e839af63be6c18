/* Messages of an event stream, byte by byte. The expected ones were made by other code (struct and
 * zlib of Python) and read by botocore's parser. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kinesis/api/event_reader.h"
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

/* Headers of all ten types around ":message-type: event"; payload {"foo":"bar"}. */
static const char all_types[] =
    "\x00\x00\x00\x9e\x00\x00\x00\x81\x91\xab\xf5\xae\x01\x74\x00\x01\x66\x01\x01\x62\x02\x07"
    "\x01\x73\x03\x01\x02\x01\x69\x04\x00\x00\xa0\x0c\x01\x6c\x05\x00\x00\x00\x00\x00\x00\x00"
    "\x00\x01\x79\x06\x00\x03\x61\x62\x63\x0d:message-type\x07\x00\x05"
    "event\x0b:event-type\x07\x00\x15SubscribeToShardEvent\x01\x64\x08\x00\x00\x00\x00\x00\x00\x00"
    "\x00\x01\x75\x09\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    "{\"foo\":\"bar\"}\x79\x5b\x99\x53";

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

/* --- reading ---------------------------------------------------------------------------------- */

static void assert_bytes(struct pn_bytes bytes, const char *wanted)
{
    assert_int_equal(bytes.len, strlen(wanted));
    assert_memory_equal(bytes.data, wanted, bytes.len);
}

/* Reads the first message, whose bytes come one by one; 0 or its error's class. */
static enum pn_class read_first(struct pn_event_reader *reader, const char *bytes, size_t len,
                                struct pn_event *event)
{
    bool whole = false;
    size_t at = 0;
    while (at < len && !whole) {
        size_t taken = 0;
        struct pn_err e = {0};
        if (pn_event_reader_take(reader, bytes + at, 1, &taken, &whole, event, &e) != 0) {
            return e.class_;
        }
        assert_int_equal(taken, 1);
        at += taken;
    }
    assert_int_equal(at, len);
    assert_true(whole);
    return PN_CLASS_NONE;
}

static void test_a_message_is_read_from_single_bytes(void **state)
{
    (void)state;
    struct pn_event_reader reader;
    struct pn_event event;
    pn_event_reader_init(&reader);
    assert_int_equal(read_first(&reader, all_types, sizeof all_types - 1, &event), PN_CLASS_NONE);
    assert_int_equal(event.kind, PN_EVENT);
    assert_bytes(event.type, "SubscribeToShardEvent");
    assert_bytes(event.payload, "{\"foo\":\"bar\"}");
    pn_event_reader_deinit(&reader);
}

/* What our own front writes: several messages in one piece. */
static void test_messages_follow_each_other(void **state)
{
    (void)state;
    struct pn_buf out;
    struct pn_event_message message;
    struct pn_event_reader reader;
    struct pn_event event;
    bool whole = false;
    size_t taken = 0;
    pn_buf_init(&out, 4096);
    pn_event_begin(&message, &out, "initial-response", JSON);
    pn_event_message_end(&message);
    pn_event_exception_begin(&message, &out, "ResourceInUseException", JSON);
    pn_buf_adds(&out, "{}");
    pn_event_message_end(&message);
    pn_event_reader_init(&reader);
    assert_int_equal(pn_event_reader_take(&reader, out.data, out.len, &taken, &whole, &event, NULL),
                     0);
    assert_true(whole);
    assert_bytes(event.type, "initial-response");
    assert_int_equal(event.payload.len, 0);
    size_t first = taken;
    assert_int_equal(pn_event_reader_take(&reader, out.data + first, out.len - first, &taken,
                                          &whole, &event, NULL),
                     0);
    assert_true(whole);
    assert_int_equal(first + taken, out.len);
    assert_int_equal(event.kind, PN_EVENT_EXCEPTION);
    assert_bytes(event.type, "ResourceInUseException");
    assert_bytes(event.payload, "{}");
    pn_event_reader_deinit(&reader);
    pn_buf_deinit(&out);
}

/* Any bit that changes on its way is found. */
static void test_each_flipped_bit_is_found(void **state)
{
    (void)state;
    enum { LEN = sizeof all_types - 1 };
    for (size_t bit = 0; bit < (size_t)LEN * 8; bit++) {
        char bytes[LEN];
        struct pn_event_reader reader;
        struct pn_event event;
        memcpy(bytes, all_types, LEN);
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ (1 << bit % 8));
        pn_event_reader_init(&reader);
        assert_int_equal(read_first(&reader, bytes, LEN, &event), PN_CLASS_CORRUPT);
        pn_event_reader_deinit(&reader);
    }
}

/* Lengths that are too large, with a check sum that is right, are refused at once. */
static void test_lengths_are_checked(void **state)
{
    (void)state;
    static const char *const preludes[] = {
        "\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff", /* 4 GiB */
        "\x00\x00\x00\x0f\x00\x00\x00\x00\xe7\x72\x48\xb8", /* less than any */
        "\x00\x00\x00\x20\x00\x00\x00\x11\xce\x53\xd0\x9f", /* headers beyond the end */
        "\x00\x10\x00\x00\x00\x02\x00\x01\x76\x7f\xa7\x5f", /* too many headers */
    };
    for (size_t i = 0; i < sizeof preludes / sizeof *preludes; i++) {
        struct pn_event_reader reader;
        struct pn_event event;
        struct pn_err e = {0};
        bool whole = false;
        size_t taken = 0;
        pn_event_reader_init(&reader);
        assert_int_not_equal(
            pn_event_reader_take(&reader, preludes[i], 12, &taken, &whole, &event, &e), 0);
        if (strstr(e.msg, "has lengths that no message has") == NULL) {
            fail_msg("%zu: %s", i, e.msg);
        }
        pn_event_reader_deinit(&reader);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_message_is_read_from_single_bytes),
        cmocka_unit_test(test_messages_follow_each_other),
        cmocka_unit_test(test_each_flipped_bit_is_found),
        cmocka_unit_test(test_lengths_are_checked),
        cmocka_unit_test(test_an_event),
        cmocka_unit_test(test_an_exception_behind_other_bytes),
        cmocka_unit_test(test_a_buffer_that_is_too_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
