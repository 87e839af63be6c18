#include "aws/kinesis_call.h"

#include <string.h>

#include "aws/forward.h"
#include "aws/reply.h"
#include "aws/rights.h"
#include "base/mem.h"
#include "kinesis/api/subscribe.h"

/* A larger body is handled on the pool. */
enum { INLINE_BYTES_MAX = 256 * 1024 };
/* A subscription says something when its shard is closed or its time is up, too. */
enum { LOOK_MS = 1000 };

const struct pn_operation *pn_aws_operation(const char *name)
{
    return pn_operation_find(name, strlen(name));
}

bool pn_aws_blocks(const struct pn_http_request *req, const struct pn_operation *operation)
{
    const unsigned flags = operation != NULL ? operation->flags : 0;
    return !req->may_block && (req->body_len > INLINE_BYTES_MAX ||
                               (flags & (PN_OPERATION_BLOCKS | PN_OPERATION_STREAMS)) != 0);
}

/* A call in progress; its memory is the request's. */
struct under_way {
    struct pn_call call;
    struct pn_aws *aws;
};

/* --- replies ---------------------------------------------------------------------------------- */

static enum pn_http_handled reply_error(struct pn_http_request *req, const struct pn_call *call)
{
    pn_aws_error(req, pn_call_error_status(&call->err), pn_call_error_name(&call->err),
                 pn_call_error_text(call));
    return PN_HTTP_HANDLED;
}

static enum pn_http_handled reply(struct pn_http_request *req)
{
    if (req->out.len > INLINE_BYTES_MAX &&
        !pn_http_request_reserve(req, req->body_len + req->out.len)) {
        return PN_HTTP_HANDLED;
    }
    if (req->out.len == 0 && strcmp(req->content_type, PN_HTTP_TYPE_JSON) == 0) {
        pn_buf_adds(&req->out, "{}"); /* REST clients read JSON of every success */
    }
    req->status = 200;
    return PN_HTTP_HANDLED;
}

/* Counts what was kept, and remembers a shard that takes no more writes. */
static void count_records(const struct pn_aws *aws, const struct pn_log_request *request)
{
    int64_t kept = 0;
    for (size_t i = 0; i < request->count; i++) {
        const struct pn_log_entry *entry = &request->entries[i];
        kept += entry->rc == 0;
        if (entry->rc != 0 && entry->class_ == PN_CLASS_FATAL) {
            pn_log_failures_note(aws->env.failures, request->topic, entry->partition,
                                 request->err.msg);
        }
    }
    pn_metric_add(aws->records, kept);
}

static void put_done(struct pn_log_request *request)
{
    pn_http_request_done(request->arg);
}

static bool submit_put(struct pn_http_request *req, bool more)
{
    struct under_way *under_way = req->state;
    struct pn_log_request *request = &under_way->call.put.request;
    struct pn_err e = {0};
    request->more = more;
    int rc = pn_log_submit(under_way->aws->env.log, request, &e);
    if (rc != 0) {
        request->rc = rc;
        request->err = e;
    }
    return rc == 0;
}

static enum pn_http_handled finish_put(struct pn_http_request *req, bool taken)
{
    struct under_way *under_way = req->state;
    struct pn_call *call = &under_way->call;
    struct pn_log_request *request = &call->put.request;
    if (taken) {
        count_records(under_way->aws, request);
    }
    int rc =
        taken ? pn_call_finish(call, 0, NULL) : pn_call_finish(call, request->rc, &request->err);
    return rc != 0 ? reply_error(req, call) : reply(req);
}

static enum pn_http_handled begin_put(struct pn_http_request *req, struct pn_call *call)
{
    if (call->put.request.count == 0) {
        return pn_call_finish(call, 0, NULL) != 0 ? reply_error(req, call) : reply(req);
    }
    call->put.request.done = put_done;
    call->put.request.arg = req;
    req->submit = submit_put;
    req->finish = finish_put;
    return PN_HTTP_HANDLED_SUBMIT;
}

/* --- subscriptions ---------------------------------------------------------------------------- */

static bool next_frames(void *arg, struct pn_buf *out)
{
    return pn_subscription_next(arg, out);
}

static bool frames_ready(void *arg)
{
    return pn_subscription_ready(arg);
}

static void end_frames(void *arg)
{
    struct pn_subscription *subscription = arg;
    pn_subscription_end(&subscription);
}

static enum pn_http_handled begin_stream(struct pn_http_request *req, struct pn_call *call)
{
    pn_buf_reset(&req->out);
    req->status = 200;
    req->content_type = PN_SUBSCRIPTION_CONTENT_TYPE;
    req->stream = (struct pn_http_reply_stream){.next = next_frames,
                                                .ready = frames_ready,
                                                .end = end_frames,
                                                .arg = pn_call_take_subscription(call),
                                                .look_ms = LOOK_MS};
    return PN_HTTP_HANDLED_STREAM;
}

/* ---------------------------------------------------------------------------------------------- */

enum pn_http_handled pn_aws_call(struct pn_aws *aws, struct pn_http_request *req,
                                 const struct pn_operation *operation, struct pn_json *input)
{
    if (!pn_http_may(req, pn_aws_operation_right(operation))) {
        return PN_HTTP_HANDLED;
    }
    if (aws->remote != NULL) {
        return pn_aws_forward(aws, req, operation, input);
    }
    /* A large body's records are decoded into the arena. */
    if (req->body_len > INLINE_BYTES_MAX && !pn_http_request_reserve(req, req->body_len * 2)) {
        return PN_HTTP_HANDLED;
    }
    struct under_way *under_way = pn_arena_calloc(&req->arena, 1, sizeof *under_way);
    struct pn_call *call = &under_way->call;
    under_way->aws = aws;
    req->state = under_way;
    call->operation = operation;
    call->kinesis = aws->env.kinesis;
    call->input = input;
    call->arena = &req->arena;
    call->may_block = req->may_block;
    call->streams = req->grant.streams;
    call->may_stream = pn_http_patterns_have;
    pn_wire_init(&call->reply, &req->out, pn_aws_is_cbor(req));
    int rc = pn_call_run(call);
    if (call->has_to_block) {
        return PN_HTTP_HANDLED_BLOCKS;
    }
    pn_metric_add(aws->operations[operation - pn_operations], 1);
    if (rc != 0) {
        return reply_error(req, call);
    }
    if ((operation->flags & PN_OPERATION_PUTS) != 0) {
        return begin_put(req, call);
    }
    return (operation->flags & PN_OPERATION_STREAMS) != 0 ? begin_stream(req, call) : reply(req);
}
