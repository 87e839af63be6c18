/*
 * Calls of the Kinesis API against streams on a log, as a front makes them: an input in, a
 * reply or an error out. Inputs are JSON in which ' stands for ", with printf's arguments.
 */
#ifndef PN_TEST_SUPPORT_KINESIS_CALL_H
#define PN_TEST_SUPPORT_KINESIS_CALL_H

#include "base/json.h"
#include "kinesis/api/call.h"
#include "support/kinesis_fixture.h"

struct kinesis_caller {
    struct kinesis_fixture *fixture;
    bool cbor; /* inputs and replies go through CBOR */
    struct pn_arena arena;
    struct pn_buf reply;
    struct pn_json_parser *input_parser;
    struct pn_json_parser *reply_parser;
    struct pn_call call; /* the last one */
    int rc;
};

/* For cmocka: *state is a kinesis_caller on an open fixture. */
int kinesis_caller_set_up(void **state);
int kinesis_caller_tear_down(void **state);

/* Makes a call, which must go well. Its reply, or NULL where it has none, is good until the next
 * call. */
const struct pn_json *call_ok(struct kinesis_caller *caller, const char *operation,
                              const char *input, ...) __attribute__((format(printf, 3, 4)));
/* Makes a call, which must fail with this error: "<name>: <message>". */
void call_fails(struct kinesis_caller *caller, const char *error, const char *operation,
                const char *input, ...) __attribute__((format(printf, 4, 5)));
/* Makes a call and takes whatever comes of it: 0 or the error's code, in caller->call.err. */
int call_try(struct kinesis_caller *caller, const char *operation, const char *input, ...)
    __attribute__((format(printf, 3, 4)));

/* A value in a reply, by a path such as "StreamDescription.Shards.0.ShardId"; NULL where there is
 * none. */
const struct pn_json *reply_at(const struct pn_json *reply, const char *path);
/* The same, asserting that it is this text, whole number or truth, or not there. */
void assert_text_at(const struct pn_json *reply, const char *path, const char *text);
void assert_int_at(const struct pn_json *reply, const char *path, int64_t value);
void assert_bool_at(const struct pn_json *reply, const char *path, bool value);
void assert_absent(const struct pn_json *reply, const char *path);
void assert_count_at(const struct pn_json *reply, const char *path, size_t count);
/* A copy of a text in the reply, on the heap. */
char *text_at(const struct pn_json *reply, const char *path);

#endif
