/* PutRecords in several attempts: what is sent again, and the reply of all, in JSON and CBOR. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "aws/remote/puts.h"
#include "base/json.h"
#include "kinesis/api/wire.h"

enum { BYTES_MAX = 1 << 16 };

static const char request[] =
    "{\"StreamName\":\"s\",\"Records\":[{\"Data\":\"YQ==\",\"PartitionKey\":\"a\"},"
    "{\"Data\":\"Yg==\",\"PartitionKey\":\"\\u00e9\\n\",\"ExplicitHashKey\":\"12\"},"
    "{\"Data\":\"Yw==\",\"PartitionKey\":\"c\"}]}";
static const char first[] =
    "{\"FailedRecordCount\":2,\"EncryptionType\":\"KMS\",\"Records\":["
    "{\"ErrorCode\":\"ProvisionedThroughputExceededException\",\"ErrorMessage\":\"slow\"},"
    "{\"SequenceNumber\":\"7\",\"ShardId\":\"x\"},"
    "{\"ErrorCode\":\"InternalFailure\",\"ErrorMessage\":\"oh\"}]}";
static const char second[] = "{\"FailedRecordCount\":1,\"Records\":["
                             "{\"ErrorCode\":\"InternalFailure\",\"ErrorMessage\":\"again\"},"
                             "{\"SequenceNumber\":\"9\",\"ShardId\":\"y\",\"ErrorCode\":null}]}";

/* The text as it is, or the same tree in CBOR, where Data is bytes. */
static void encode(const char *text, bool cbor, struct pn_buf *out)
{
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    struct pn_wire wire;
    size_t len = strlen(text);
    pn_buf_init(out, BYTES_MAX);
    assert_int_equal(pn_json_parse(parser, text, len, len, &root, NULL), 0);
    for (struct pn_json *node = root->first; cbor && node != NULL; node = node->next) {
        for (struct pn_json *record = node->first; record != NULL; record = record->next) {
            for (struct pn_json *member = record->first; member != NULL; member = member->next) {
                if (member->key_len == 4 && memcmp(member->key, "Data", 4) == 0) {
                    pn_wire_set_bytes(member, "\xff\x00", 2);
                }
            }
        }
    }
    pn_wire_init(&wire, out, cbor);
    pn_wire_node(&wire, root);
    pn_json_parser_destroy(&parser);
}

/* JSON of what is in `bytes`; a blob is its base64. */
static char *as_json(const struct pn_buf *bytes, bool cbor)
{
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    struct pn_arena arena;
    struct pn_buf out;
    struct pn_wire wire;
    pn_arena_init(&arena, 0);
    pn_buf_init(&out, BYTES_MAX);
    int rc = cbor ? pn_cbor_parse(bytes->data, bytes->len, &arena, &root, NULL)
                  : pn_json_parse(parser, bytes->data, bytes->len, bytes->len, &root, NULL);
    assert_int_equal(rc, 0);
    pn_wire_init(&wire, &out, false);
    pn_wire_node(&wire, root);
    pn_json_parser_destroy(&parser);
    pn_arena_deinit(&arena);
    return pn_buf_take(&out);
}

static void check_two_attempts(bool cbor)
{
    struct pn_buf body;
    struct pn_buf reply;
    struct pn_buf out;
    size_t failed = 0;
    size_t count = 0;
    encode(request, cbor, &body);
    encode(first, cbor, &reply);
    pn_buf_init(&out, BYTES_MAX);
    assert_int_equal(pn_remote_puts_look(&reply, cbor, &count, &failed, NULL), 0);
    assert_int_equal(count, 3);
    assert_int_equal(failed, 2);
    struct pn_remote_puts *puts = pn_remote_puts_create(body.data, body.len, cbor);
    assert_int_equal(pn_remote_puts_take(puts, &reply, &failed, NULL), 0);
    assert_int_equal(failed, 2);
    pn_remote_puts_request(puts, &out);
    char *text = as_json(&out, cbor);
    assert_string_equal(text, cbor ? "{\"StreamName\":\"s\",\"Records\":["
                                     "{\"Data\":\"/wA=\",\"PartitionKey\":\"a\"},"
                                     "{\"Data\":\"/wA=\",\"PartitionKey\":\"c\"}]}"
                                   : "{\"StreamName\":\"s\",\"Records\":["
                                     "{\"Data\":\"YQ==\",\"PartitionKey\":\"a\"},"
                                     "{\"Data\":\"Yw==\",\"PartitionKey\":\"c\"}]}");
    free(text);
    pn_buf_deinit(&reply);
    encode(second, cbor, &reply);
    assert_int_equal(pn_remote_puts_take(puts, &reply, &failed, NULL), 0);
    assert_int_equal(failed, 1);
    pn_buf_reset(&out);
    pn_remote_puts_reply(puts, &out);
    text = as_json(&out, cbor);
    assert_string_equal(text, "{\"EncryptionType\":\"KMS\",\"Records\":["
                              "{\"ErrorCode\":\"InternalFailure\",\"ErrorMessage\":\"again\"},"
                              "{\"SequenceNumber\":\"7\",\"ShardId\":\"x\"},"
                              "{\"SequenceNumber\":\"9\",\"ShardId\":\"y\",\"ErrorCode\":null}],"
                              "\"FailedRecordCount\":1}");
    free(text);
    pn_remote_puts_destroy(&puts);
    pn_buf_deinit(&body);
    pn_buf_deinit(&reply);
    pn_buf_deinit(&out);
}

static void test_json(void **state)
{
    (void)state;
    check_two_attempts(false);
}

static void test_cbor(void **state)
{
    (void)state;
    check_two_attempts(true);
}

static void check_refused(const char *body, const char *text)
{
    struct pn_err e = {0};
    struct pn_buf reply;
    size_t failed = 0;
    struct pn_remote_puts *puts = pn_remote_puts_create(body, strlen(body), false);
    pn_buf_init(&reply, BYTES_MAX);
    pn_buf_adds(&reply, text);
    assert_int_not_equal(pn_remote_puts_take(puts, &reply, &failed, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
    assert_string_equal(pn_buf_text(&reply), text);
    pn_remote_puts_destroy(&puts);
    pn_buf_deinit(&reply);
}

/* A server that answers otherwise than Kinesis does is not believed. */
static void test_other_replies(void **state)
{
    (void)state;
    check_refused(request, "");
    check_refused(request, "<html>");
    check_refused(request, "{}");
    check_refused(request, "[]");
    check_refused(request, "{\"Records\":{}}");
    check_refused(request, "{\"Records\":[]}");
    check_refused(request, "{\"Records\":[{},{},{},{}]}");
    check_refused("{\"Records\":7}", first);
}

static void test_too_many_records(void **state)
{
    (void)state;
    struct pn_buf reply;
    size_t count = 0;
    size_t failed = 0;
    pn_buf_init(&reply, BYTES_MAX);
    pn_buf_adds(&reply, "{\"Records\":[{}");
    for (int i = 1; i < 501; i++) {
        pn_buf_adds(&reply, ",{}");
    }
    pn_buf_adds(&reply, "]}");
    assert_int_not_equal(pn_remote_puts_look(&reply, false, &count, &failed, NULL), 0);
    pn_buf_deinit(&reply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_cbor),
        cmocka_unit_test(test_other_replies),
        cmocka_unit_test(test_too_many_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
