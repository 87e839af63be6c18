#include "aws/forward.h"

#include <string.h>

#include "aws/remote/remote.h"
#include "aws/reply.h"

/* Bodies and replies above this size are counted in the server's memory. */
enum { SMALL_BYTES_MAX = 256 * 1024, REPLY_BYTES_MAX = 32 << 20 };

/* A call in progress; its memory is the request's. */
struct forwarding {
    struct pn_remote_call call;
    struct pn_aws *aws;
    struct pn_buf body; /* what a template made; else empty */
};

static bool is_rest(const struct pn_http_request *req)
{
    return strcmp(req->content_type, PN_HTTP_TYPE_JSON) == 0;
}

/* --- whose stream ----------------------------------------------------------------------------- */

/* The stream of an ARN, "arn:aws:kinesis:<region>:<account>:stream/<name>[/consumer/...]". */
static const char *stream_of_arn(const char *arn, struct pn_arena *arena)
{
    static const char stream[] = ":stream/";
    const char *at = strstr(arn, stream);
    const char *name = at != NULL ? at + sizeof stream - 1 : "";
    return pn_arena_strndup(arena, name, strcspn(name, "/"));
}

static const char *text_member(const struct pn_json *input, const char *key, struct pn_arena *arena)
{
    const char *text = NULL;
    size_t len = 0;
    return pn_json_get_text(input, key, &text, &len) ? pn_arena_strndup(arena, text, len) : NULL;
}

/* May the key use all streams that the call names, and does it name one? */
static bool may_use(const struct pn_http_request *req, const struct pn_json *input,
                    struct pn_arena *arena)
{
    static const char *const arns[] = {"StreamARN", "ResourceARN", "ConsumerARN"};
    const char *patterns = req->grant.streams;
    const char *name = text_member(input, "StreamName", arena);
    bool is_named = name != NULL;
    bool may = name == NULL || pn_http_patterns_have(patterns, name);
    for (size_t i = 0; i < sizeof arns / sizeof *arns; i++) {
        const char *arn = text_member(input, arns[i], arena);
        if (arn != NULL) {
            is_named = true;
            may = may && pn_http_patterns_have(patterns, stream_of_arn(arn, arena));
        }
    }
    /* An iterator or a token says nothing of its stream to us, and a second member might. */
    bool is_hidden = text_member(input, "ShardIterator", arena) != NULL ||
                     text_member(input, "NextToken", arena) != NULL ||
                     text_member(input, "StreamId", arena) != NULL;
    return is_named && may && !is_hidden;
}

/* --- the reply -------------------------------------------------------------------------------- */

/* The id by which Amazon's support finds a call takes the place of ours. */
static void take_request_id(struct pn_http_request *req, const char *id)
{
    for (size_t i = 0; *id != '\0' && i < req->header_count; i++) {
        if (strcmp(req->headers[i].name, "x-amzn-RequestId") == 0) {
            req->headers[i].value = pn_arena_strndup(&req->arena, id, strlen(id));
        }
    }
}

static void reply(struct pn_http_request *req, const struct pn_remote_call *call)
{
    pn_buf_reset(&req->out);
    if (call->rc != 0) {
        pn_aws_error(req, 503, "ServiceUnavailable", call->failure.msg);
        return;
    }
    if (call->reply.len > SMALL_BYTES_MAX &&
        !pn_http_request_reserve(req, req->body_len + call->reply.len)) {
        return;
    }
    pn_buf_add(&req->out, pn_buf_text(&call->reply), call->reply.len);
    if (pn_buf_failed(&req->out)) {
        pn_aws_error(req, 503, "ServiceUnavailable", "the answer of Kinesis is too large");
        return;
    }
    if (call->reply.len == 0 && is_rest(req) && call->status == 200) {
        pn_buf_adds(&req->out, "{}");
    }
    take_request_id(req, call->request_id);
    req->status = (int)call->status;
}

static void call_done(struct pn_remote_call *call)
{
    pn_http_request_done(call->arg);
}

static bool submit(struct pn_http_request *req, bool more)
{
    struct forwarding *forwarding = req->state;
    (void)more;
    pn_remote_send(forwarding->aws->remote, &forwarding->call);
    return true;
}

static enum pn_http_handled finish(struct pn_http_request *req, bool taken)
{
    struct forwarding *forwarding = req->state;
    (void)taken; /* always */
    pn_metric_add(forwarding->aws->records, forwarding->call.kept);
    reply(req, &forwarding->call);
    pn_buf_deinit(&forwarding->call.reply);
    pn_buf_deinit(&forwarding->body);
    return PN_HTTP_HANDLED;
}

/* ---------------------------------------------------------------------------------------------- */

static enum pn_remote_kind kind_of(const struct pn_operation *operation)
{
    if ((operation->flags & PN_OPERATION_PUTS) == 0) {
        return PN_REMOTE_CALL;
    }
    return strcmp(operation->name, "PutRecords") == 0 ? PN_REMOTE_PUT_RECORDS
                                                      : PN_REMOTE_PUT_RECORD;
}

enum pn_http_handled pn_aws_forward(struct pn_aws *aws, struct pn_http_request *req,
                                    const struct pn_operation *operation,
                                    const struct pn_json *input)
{
    if ((operation->flags & PN_OPERATION_STREAMS) != 0) {
        pn_aws_error(req, 400, "InvalidArgumentException",
                     "SubscribeToShard is not forwarded to the Kinesis of kinesis.endpoint: read "
                     "with GetRecords, or subscribe there");
        return PN_HTTP_HANDLED;
    }
    if (req->grant.streams != NULL && !may_use(req, input, &req->arena)) {
        pn_aws_error(
            req, 400, "AccessDeniedException",
            "The API key is for some streams only, and this call does not name one of them");
        return PN_HTTP_HANDLED;
    }
    struct forwarding *forwarding = pn_arena_calloc(&req->arena, 1, sizeof *forwarding);
    forwarding->aws = aws;
    forwarding->call = (struct pn_remote_call){.operation = operation->name,
                                               .kind = kind_of(operation),
                                               .cbor = pn_aws_is_cbor(req),
                                               .body = req->body,
                                               .body_len = req->body_len,
                                               .done = call_done,
                                               .arg = req};
    pn_buf_init(&forwarding->call.reply, REPLY_BYTES_MAX);
    pn_buf_init(&forwarding->body, REPLY_BYTES_MAX);
    if (is_rest(req)) {
        struct pn_wire wire;
        pn_wire_init(&wire, &forwarding->body, false);
        pn_wire_node(&wire, input);
        forwarding->call.body = pn_buf_text(&forwarding->body);
        forwarding->call.body_len = forwarding->body.len;
    }
    pn_metric_add(aws->operations[operation - pn_operations], 1);
    req->state = forwarding;
    req->submit = submit;
    req->finish = finish;
    return PN_HTTP_HANDLED_SUBMIT;
}
