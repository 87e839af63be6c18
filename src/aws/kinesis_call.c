#include "aws/kinesis_call.h"

#include <string.h>

#include "aws/reply.h"
#include "base/mem.h"
#include "http/internal.h"
#include "kafka/rest/errors.h"
#include "kinesis/api/subscribe.h"

/* A larger body is handled on the pool. */
enum { INLINE_BYTES_MAX = 256 * 1024 };

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
static void count_records(struct pn_http_request *req, const struct pn_call *call)
{
    const struct pn_log_request *request = &call->put.request;
    int64_t kept = 0;
    for (size_t i = 0; i < request->count; i++) {
        const struct pn_log_entry *entry = &request->entries[i];
        kept += entry->rc == 0;
        if (entry->rc != 0 && entry->class_ == PN_CLASS_FATAL) {
            pn_http_partition_failed(req->server, request->topic, entry->partition,
                                     request->err.msg);
        }
    }
    pn_metric_add(req->server->metrics.records, kept);
}

static enum pn_http_handled finish_put(struct pn_http_request *req)
{
    struct pn_call *call = req->state;
    struct pn_log_request *request = &call->put.request;
    bool taken = pn_http_conn_of(req)->taken;
    if (taken) {
        count_records(req, call);
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
    req->produce = &call->put.request;
    req->produce_log = req->server->env.log;
    req->finish = finish_put;
    return PN_HTTP_HANDLED_PRODUCE;
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
                                                .arg = pn_call_take_subscription(call)};
    return PN_HTTP_HANDLED_STREAM;
}

/* ---------------------------------------------------------------------------------------------- */

enum pn_http_handled pn_aws_call(struct pn_http_request *req, const struct pn_operation *operation,
                                 struct pn_json *input)
{
    struct pn_http_server *server = req->server;
    if (!pn_aws_may_operate(req, operation)) {
        return PN_HTTP_HANDLED;
    }
    /* A large body's records are decoded into the arena. */
    if (req->body_len > INLINE_BYTES_MAX && !pn_http_request_reserve(req, req->body_len * 2)) {
        return PN_HTTP_HANDLED;
    }
    struct pn_call *call = pn_arena_calloc(&req->arena, 1, sizeof *call);
    req->state = call;
    call->operation = operation;
    call->kinesis = server->env.kinesis;
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
    pn_metric_add(server->metrics.operations[operation - pn_operations], 1);
    if (rc != 0) {
        return reply_error(req, call);
    }
    if ((operation->flags & PN_OPERATION_PUTS) != 0) {
        return begin_put(req, call);
    }
    return (operation->flags & PN_OPERATION_STREAMS) != 0 ? begin_stream(req, call) : reply(req);
}
