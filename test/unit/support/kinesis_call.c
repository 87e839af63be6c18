#include "support/kinesis_call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

enum { INPUT_BYTES_MAX = 1 << 24, REPLY_BYTES_MAX = 1 << 25 };

int kinesis_caller_set_up(void **state)
{
    struct kinesis_caller *caller = pn_xcalloc(1, sizeof *caller);
    void *fixture = NULL;
    assert_int_equal(kinesis_fixture_set_up(&fixture), 0);
    caller->fixture = fixture;
    kinesis_fixture_open(caller->fixture);
    pn_arena_init(&caller->arena, 0);
    pn_buf_init(&caller->reply, REPLY_BYTES_MAX);
    caller->input_parser = pn_json_parser_create();
    caller->reply_parser = pn_json_parser_create();
    *state = caller;
    return 0;
}

int kinesis_caller_tear_down(void **state)
{
    struct kinesis_caller *caller = *state;
    void *fixture = caller->fixture;
    pn_arena_deinit(&caller->arena);
    pn_buf_deinit(&caller->reply);
    pn_json_parser_destroy(&caller->input_parser);
    pn_json_parser_destroy(&caller->reply_parser);
    free(caller);
    return kinesis_fixture_tear_down(&fixture);
}

/* Writes a tree of JSON as CBOR. */
static void to_cbor(struct pn_wire *wire, const struct pn_json *node)
{
    switch (node->type) {
    case PN_JSON_OBJECT:
        pn_wire_map(wire);
        for (const struct pn_json *child = node->first; child != NULL; child = child->next) {
            char key[128];
            (void)snprintf(key, sizeof key, "%.*s", (int)child->key_len, child->key);
            pn_wire_key(wire, key);
            to_cbor(wire, child);
        }
        pn_wire_map_end(wire);
        break;
    case PN_JSON_ARRAY:
        pn_wire_list(wire);
        for (const struct pn_json *child = node->first; child != NULL; child = child->next) {
            to_cbor(wire, child);
        }
        pn_wire_list_end(wire);
        break;
    case PN_JSON_STRING:
        if (node->key != NULL && node->key_len == 4 && memcmp(node->key, "Data", 4) == 0) {
            pn_wire_blob_bytes(wire, node->text, node->text_len);
        } else {
            pn_wire_text(wire, node->text, node->text_len);
        }
        break;
    case PN_JSON_NUMBER:
        pn_wire_int(wire, node->integer);
        break;
    default:
        pn_wire_bool(wire, node->boolean);
    }
}

static struct pn_json *read_input(struct kinesis_caller *caller, const char *fmt, va_list args)
{
    struct pn_json *root = NULL;
    struct pn_err e;
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    assert_true(len >= 0 && len < INPUT_BYTES_MAX);
    char *text = pn_arena_alloc(&caller->arena, (size_t)len + 1);
    (void)vsnprintf(text, (size_t)len + 1, fmt, again);
    va_end(again);
    for (char *at = text; *at != '\0'; at++) {
        *at = *at == '\'' ? '"' : *at;
    }
    if (pn_json_parse(caller->input_parser, text, (size_t)len, (size_t)len, &root, &e) != 0) {
        fail_msg("%s", e.msg);
    }
    if (!caller->cbor) {
        return root;
    }
    struct pn_buf bytes;
    pn_buf_init(&bytes, INPUT_BYTES_MAX);
    struct pn_wire wire;
    pn_wire_init(&wire, &bytes, true);
    to_cbor(&wire, root);
    const char *copy = pn_arena_strndup(&caller->arena, bytes.data, bytes.len);
    if (pn_cbor_parse(copy, bytes.len, &caller->arena, &root, &e) != 0) {
        fail_msg("%s", e.msg);
    }
    pn_buf_deinit(&bytes);
    return root;
}

/* As the front does: run, and where it puts, submit and finish. */
static int make_call(struct kinesis_caller *caller, const char *operation, const char *fmt,
                     va_list args)
{
    struct pn_call *call = &caller->call;
    struct pn_err submit_error;
    pn_arena_reset(&caller->arena);
    pn_buf_reset(&caller->reply);
    memset(call, 0, sizeof *call);
    call->operation = pn_operation_find(operation, strlen(operation));
    assert_non_null(call->operation);
    call->kinesis = caller->fixture->kinesis;
    call->arena = &caller->arena;
    call->input = read_input(caller, fmt, args);
    pn_wire_init(&call->reply, &caller->reply, caller->cbor);
    int rc = pn_call_run(call);
    if (rc == 0 && (call->operation->flags & PN_OPERATION_PUTS) != 0) {
        int submitted = 0;
        if (call->put.request.count > 0) {
            submitted = pn_log_append(pn_kinesis_log(caller->fixture->kinesis), &call->put.request,
                                      &submit_error);
        }
        rc = pn_call_finish(call, submitted, &submit_error);
    }
    assert_int_equal(call->reply.json.depth, 0);
    assert_false(pn_buf_failed(&caller->reply));
    if (rc != 0) {
        assert_int_equal(rc, call->err.code);
        assert_int_equal(caller->reply.len, 0);
    }
    caller->rc = rc;
    return rc;
}

static struct pn_json *read_reply(struct kinesis_caller *caller)
{
    struct pn_json *root = NULL;
    struct pn_err e;
    const struct pn_buf *reply = &caller->reply;
    if (reply->len == 0) {
        return NULL;
    }
    int rc = caller->cbor ? pn_cbor_parse(reply->data, reply->len, &caller->arena, &root, &e)
                          : pn_json_parse(caller->reply_parser, reply->data, reply->len, reply->len,
                                          &root, &e);
    if (rc != 0) {
        fail_msg("%s: %s", e.msg, pn_buf_text(reply));
    }
    return root;
}

const struct pn_json *call_ok(struct kinesis_caller *caller, const char *operation,
                              const char *input, ...)
{
    va_list args;
    va_start(args, input);
    int rc = make_call(caller, operation, input, args);
    va_end(args);
    if (rc != 0) {
        fail_msg("%s: %s: %s", operation, pn_call_error_name(&caller->call.err),
                 pn_call_error_text(&caller->call));
    }
    return read_reply(caller);
}

void call_fails(struct kinesis_caller *caller, const char *error, const char *operation,
                const char *input, ...)
{
    va_list args;
    va_start(args, input);
    int rc = make_call(caller, operation, input, args);
    va_end(args);
    if (rc == 0) {
        fail_msg("%s succeeded: %s", operation, pn_buf_text(&caller->reply));
    }
    const char *said =
        pn_arena_printf(&caller->arena, "%s: %s", pn_call_error_name(&caller->call.err),
                        pn_call_error_text(&caller->call));
    assert_string_equal(said, error);
}

int call_try(struct kinesis_caller *caller, const char *operation, const char *input, ...)
{
    va_list args;
    va_start(args, input);
    int rc = make_call(caller, operation, input, args);
    va_end(args);
    return rc;
}

/* --- replies ---------------------------------------------------------------------------------- */

const struct pn_json *reply_at(const struct pn_json *reply, const char *path)
{
    while (reply != NULL && *path != '\0') {
        size_t len = strcspn(path, ".");
        char name[128];
        assert_true(len < sizeof name);
        memcpy(name, path, len);
        name[len] = '\0';
        if (reply->type == PN_JSON_ARRAY) {
            long index = strtol(name, NULL, 10);
            reply = reply->first;
            while (reply != NULL && index-- > 0) {
                reply = reply->next;
            }
        } else {
            reply = pn_json_get(reply, name);
        }
        path += len + (path[len] == '.' ? 1 : 0);
    }
    return reply;
}

static const struct pn_json *there(const struct pn_json *reply, const char *path,
                                   enum pn_json_type type)
{
    const struct pn_json *node = reply_at(reply, path);
    if (node == NULL || node->type != type) {
        fail_msg("%s is %s", path, node == NULL ? "missing" : pn_json_type_name(node->type));
    }
    return node;
}

void assert_text_at(const struct pn_json *reply, const char *path, const char *text)
{
    const struct pn_json *node = there(reply, path, PN_JSON_STRING);
    if (!pn_json_text_is(node, text)) {
        fail_msg("%s is %.*s", path, (int)node->text_len, node->text);
    }
}

void assert_int_at(const struct pn_json *reply, const char *path, int64_t value)
{
    const struct pn_json *node = there(reply, path, PN_JSON_NUMBER);
    assert_true(node->is_integer);
    assert_int_equal(node->integer, value);
}

void assert_bool_at(const struct pn_json *reply, const char *path, bool value)
{
    assert_int_equal(there(reply, path, PN_JSON_BOOL)->boolean, value);
}

void assert_absent(const struct pn_json *reply, const char *path)
{
    if (reply_at(reply, path) != NULL) {
        fail_msg("%s is there", path);
    }
}

void assert_count_at(const struct pn_json *reply, const char *path, size_t count)
{
    assert_int_equal(there(reply, path, PN_JSON_ARRAY)->count, count);
}

char *text_at(const struct pn_json *reply, const char *path)
{
    const struct pn_json *node = there(reply, path, PN_JSON_STRING);
    char *copy = pn_xmalloc(node->text_len + 1);
    memcpy(copy, node->text, node->text_len);
    copy[node->text_len] = '\0';
    return copy;
}
