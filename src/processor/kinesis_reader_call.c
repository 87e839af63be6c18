/*
 * One call of the Kinesis API.
 *
 * Source: Amazon Kinesis Data Streams API Reference: Common Errors, and the errors of each action.
 */
#include "processor/kinesis_reader_call.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "processor/kinesis_reader.h"

enum {
    BODY_BYTES_MAX = 64 << 10,
    REPLY_BYTES_MAX = 32 << 20, /* GetRecords answers up to 10 MiB, as base64 a third more */
    TRIES = 3,                  /* of a call that was answered with an error of the server's own */
    PAUSE_MS = 200              /* before the second one; doubled by each further one */
};

void pn_reader_call_begin(struct pn_reader_call *call, const char *operation)
{
    *call = (struct pn_reader_call){.call = {.operation = operation, .kind = PN_REMOTE_CALL},
                                    .parser = pn_json_parser_create()};
    pn_buf_init(&call->body, BODY_BYTES_MAX);
    pn_buf_init(&call->call.reply, REPLY_BYTES_MAX);
    pn_json_writer_init(&call->json, &call->body);
    pn_json_put_object(&call->json);
}

void pn_reader_call_end(struct pn_reader_call *call)
{
    pn_buf_deinit(&call->body);
    pn_buf_deinit(&call->call.reply);
    pn_json_parser_destroy(&call->parser);
}

static bool is_one_of(const char *type, const char *const *types)
{
    while (*types != NULL && strcmp(type, *types) != 0) {
        types++;
    }
    return *types != NULL;
}

void pn_reader_call_judge(const char *type, enum pn_class *class_, int *code)
{
    static const char *const throttled[] = {"ProvisionedThroughputExceededException",
                                            "LimitExceededException", "ThrottlingException",
                                            "KMSThrottlingException", NULL};
    static const char *const expired[] = {"ExpiredIteratorException", "ExpiredNextTokenException",
                                          NULL};
    static const char *const invalid[] = {"InvalidArgumentException", "ValidationException", NULL};
    *class_ = PN_CLASS_RETRY;
    *code = PN_FAIL;
    if (is_one_of(type, throttled)) {
        *code = PN_KINESIS_READER_THROTTLED;
    } else if (is_one_of(type, expired)) {
        *code = PN_KINESIS_READER_EXPIRED;
    } else if (is_one_of(type, invalid)) {
        *class_ = PN_CLASS_FATAL;
        *code = PN_KINESIS_READER_INVALID_ARGUMENT;
    } else if (strcmp(type, "ResourceInUseException") == 0) {
        *code = PN_KINESIS_READER_IN_USE;
    } else if (strcmp(type, "ResourceNotFoundException") == 0) {
        *class_ = PN_CLASS_MISSING;
    }
}

int pn_reader_call_refuse(const struct pn_remote_call *call, struct pn_err *e)
{
    struct pn_remote_reason reason;
    enum pn_class class_ = PN_CLASS_RETRY;
    int code = PN_FAIL;
    pn_remote_reason_of(call, &reason);
    pn_reader_call_judge(reason.type, &class_, &code);
    return pn_err_set(e, class_, code, "Kinesis (kinesis.endpoint) answers %s with %ld %s%s%s",
                      call->operation, call->status,
                      reason.type[0] != '\0' ? reason.type : "and no reason",
                      reason.message[0] != '\0' ? ": " : "", reason.message);
}

int pn_reader_call_odd(const char *operation, const char *what, struct pn_err *e)
{
    return pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                      "what answers %s at kinesis.endpoint is not Kinesis: %s", operation, what);
}

static int parse(struct pn_reader_call *call, struct pn_err *e)
{
    struct pn_buf *reply = &call->call.reply;
    struct pn_err why = {0};
    (void)pn_buf_reserve(reply, PN_JSON_PADDING);
    int rc = pn_json_parse(call->parser, pn_buf_text(reply), reply->len, reply->capacity,
                           &call->root, &why);
    if (rc == 0 && call->root->type == PN_JSON_OBJECT) {
        return 0;
    }
    return pn_reader_call_odd(call->call.operation,
                              rc != 0 ? why.msg : "the answer is not an object", e);
}

/* Half of `ms` to one and a half; a source that is to end does not wait. */
static void pause_about(struct pn_kinesis_reader *reader, int64_t ms)
{
    uint64_t seen = pn_notifier_count(&reader->notifier);
    pthread_mutex_lock(&reader->lock);
    int64_t more_ms = (int64_t)pn_random_below(&reader->random, (uint64_t)ms);
    pthread_mutex_unlock(&reader->lock);
    (void)pn_notifier_wait(&reader->notifier, seen, ms / 2 + more_ms);
}

int pn_reader_call_send(struct pn_kinesis_reader *reader, struct pn_reader_call *call,
                        struct pn_err *e)
{
    pn_json_end(&call->json);
    int rc = pn_json_writer_check(&call->json, "a call of Kinesis", e);
    if (rc != 0) {
        return rc;
    }
    call->call.body = pn_buf_text(&call->body);
    call->call.body_len = call->body.len;
    for (int tries = 1; tries <= TRIES; tries++) {
        pn_remote_call(reader->remote, &call->call);
        if (call->call.rc != 0 || call->call.status < 500) {
            break;
        }
        if (tries < TRIES) {
            pause_about(reader, (int64_t)PAUSE_MS << (tries - 1));
        }
    }
    if (call->call.rc != 0) {
        pn_err_copy(e, &call->call.failure);
        if (e != NULL) {
            e->class_ = PN_CLASS_RETRY; /* credentials, too, may be good later */
        }
        return call->call.rc;
    }
    return call->call.status == 200 ? parse(call, e) : pn_reader_call_refuse(&call->call, e);
}

char *pn_reader_call_dup(const struct pn_json *object, const char *key, size_t max)
{
    char *text = pn_json_dup(pn_json_get(object, key));
    if (text != NULL && (text[0] == '\0' || strlen(text) > max)) {
        free(text);
        text = NULL;
    }
    return text;
}
