/*
 * The REST routes that an API Gateway puts in front of Kinesis (kinesis_template.h has what its
 * mapping templates do). Each route is one call of the Kinesis API; success is always 200 with
 * JSON, errors are Kinesis's as API Gateway passes them through. Content-Type isn't looked at.
 */
#include <string.h>

#include "aws/kinesis_call.h"
#include "aws/kinesis_template.h"
#include "aws/reply.h"

/* The stream is the URL's: a segment of its path, or the parameter stream-name. */
static const char *stream_of(struct pn_http_request *req)
{
    const char *name =
        req->param_count > 0 ? req->params[0] : pn_http_request_query(req, "stream-name");
    return name != NULL ? name : "";
}

/* `build` makes the call's input of the request; its `body` is NULL when there is none. */
static enum pn_http_handled call(struct pn_aws *aws, struct pn_http_request *req, const char *name,
                                 struct pn_json *(*build)(struct pn_http_request *req,
                                                          const struct pn_json *body),
                                 bool takes_body)
{
    const struct pn_operation *operation = pn_aws_operation(name);
    struct pn_json *body = NULL;
    struct pn_err e;
    if (pn_aws_blocks(req, operation)) {
        return PN_HTTP_HANDLED_BLOCKS;
    }
    if (takes_body && req->body_len > 0 &&
        pn_json_parse(req->parser, req->body, req->body_len, req->body_capacity, &body, &e) != 0) {
        pn_aws_error(
            req, 400, "BadRequestException",
            pn_arena_printf(&req->arena, "Could not parse request body into json: %s", e.msg));
        return PN_HTTP_HANDLED;
    }
    return pn_aws_call(aws, req, operation, build(req, body));
}

/* --- records ---------------------------------------------------------------------------------- */

static struct pn_json *build_record(struct pn_http_request *req, const struct pn_json *body)
{
    return pn_aws_template_put_record(&req->arena, stream_of(req), body);
}

static enum pn_http_handled put_record(struct pn_http_request *req, void *arg)
{
    return call(arg, req, "PutRecord", build_record, true);
}

static struct pn_json *build_records(struct pn_http_request *req, const struct pn_json *body)
{
    return pn_aws_template_put_records(&req->arena, stream_of(req), body);
}

static enum pn_http_handled put_records(struct pn_http_request *req, void *arg)
{
    return call(arg, req, "PutRecords", build_records, true);
}

static struct pn_json *build_iterator(struct pn_http_request *req, const struct pn_json *body)
{
    (void)body;
    const char *shard = pn_http_request_query(req, "shard-id");
    struct pn_json *input = pn_aws_template_object(&req->arena);
    pn_aws_template_text(&req->arena, input, "StreamName", stream_of(req));
    pn_aws_template_text(&req->arena, input, "ShardId", shard != NULL ? shard : "");
    pn_aws_template_text(&req->arena, input, "ShardIteratorType", "TRIM_HORIZON");
    return input;
}

static enum pn_http_handled get_iterator(struct pn_http_request *req, void *arg)
{
    return call(arg, req, "GetShardIterator", build_iterator, false);
}

static struct pn_json *build_read(struct pn_http_request *req, const struct pn_json *body)
{
    (void)body;
    const char *iterator = pn_http_request_header(req, "Shard-Iterator");
    struct pn_json *input = pn_aws_template_object(&req->arena);
    pn_aws_template_text(&req->arena, input, "ShardIterator", iterator != NULL ? iterator : "");
    return input;
}

static enum pn_http_handled get_records(struct pn_http_request *req, void *arg)
{
    return call(arg, req, "GetRecords", build_read, false);
}

/* --- streams ---------------------------------------------------------------------------------- */

static struct pn_json *build_list(struct pn_http_request *req, const struct pn_json *body)
{
    (void)body;
    static const char *const texts[] = {"ExclusiveStartStreamName", "NextToken"};
    struct pn_json *input = pn_aws_template_object(&req->arena);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *value = pn_http_request_query(req, texts[i]);
        if (value != NULL && *value != '\0') {
            pn_aws_template_text(&req->arena, input, texts[i], value);
        }
    }
    const char *limit = pn_http_request_query(req, "Limit");
    if (limit != NULL && *limit != '\0') {
        pn_aws_template_number(&req->arena, input, "Limit", limit);
    }
    return input;
}

static enum pn_http_handled list_streams(struct pn_http_request *req, void *arg)
{
    return call(arg, req, "ListStreams", build_list, false);
}

static struct pn_json *build_named(struct pn_http_request *req, const struct pn_json *body)
{
    (void)body;
    struct pn_json *input = pn_aws_template_object(&req->arena);
    pn_aws_template_text(&req->arena, input, "StreamName", stream_of(req));
    return input;
}

static enum pn_http_handled describe_stream(struct pn_http_request *req, void *arg)
{
    return call(arg, req, "DescribeStream", build_named, false);
}

static enum pn_http_handled delete_stream(struct pn_http_request *req, void *arg)
{
    return call(arg, req, "DeleteStream", build_named, false);
}

static struct pn_json *build_create(struct pn_http_request *req, const struct pn_json *body)
{
    return pn_aws_template_create_stream(&req->arena, stream_of(req), body);
}

static enum pn_http_handled create_stream(struct pn_http_request *req, void *arg)
{
    return call(arg, req, "CreateStream", build_create, true);
}

/* A route comes before the ones whose {} would match its words. */
static const struct pn_http_route routes[] = {
    {PN_HTTP_GET, "streams", list_streams, 0, PN_RIGHT_READ, PN_OF_STREAMS},
    {PN_HTTP_PUT, "streams/record", put_record, PN_HTTP_ROUTE_PRODUCE, PN_RIGHT_PRODUCE,
     PN_OF_STREAMS},
    {PN_HTTP_POST, "streams/record", put_record, PN_HTTP_ROUTE_PRODUCE, PN_RIGHT_PRODUCE,
     PN_OF_STREAMS},
    {PN_HTTP_PUT, "streams/records", put_records, PN_HTTP_ROUTE_PRODUCE, PN_RIGHT_PRODUCE,
     PN_OF_STREAMS},
    {PN_HTTP_POST, "streams/records", put_records, PN_HTTP_ROUTE_PRODUCE, PN_RIGHT_PRODUCE,
     PN_OF_STREAMS},
    {PN_HTTP_GET, "streams/{}", describe_stream, 0, PN_RIGHT_READ, PN_OF_STREAM},
    {PN_HTTP_POST, "streams/{}", create_stream, 0, PN_RIGHT_ADMIN, PN_OF_STREAM},
    {PN_HTTP_DELETE, "streams/{}", delete_stream, 0, PN_RIGHT_ADMIN, PN_OF_STREAM},
    {PN_HTTP_PUT, "streams/{}/record", put_record, PN_HTTP_ROUTE_PRODUCE, PN_RIGHT_PRODUCE,
     PN_OF_STREAM},
    {PN_HTTP_POST, "streams/{}/record", put_record, PN_HTTP_ROUTE_PRODUCE, PN_RIGHT_PRODUCE,
     PN_OF_STREAM},
    {PN_HTTP_PUT, "streams/{}/records", put_records, PN_HTTP_ROUTE_PRODUCE, PN_RIGHT_PRODUCE,
     PN_OF_STREAM},
    {PN_HTTP_POST, "streams/{}/records", put_records, PN_HTTP_ROUTE_PRODUCE, PN_RIGHT_PRODUCE,
     PN_OF_STREAM},
    {PN_HTTP_GET, "streams/{}/records", get_records, 0, PN_RIGHT_READ, PN_OF_STREAM},
    {PN_HTTP_GET, "streams/{}/sharditerator", get_iterator, 0, PN_RIGHT_READ, PN_OF_STREAM},
    {.pattern = NULL},
};

static const char *const words[] = {"streams", NULL};
/* The author of an API chooses the names of its resources: some say "stream". */
static const char *const aliases[] = {"stream", "streams", NULL};

const struct pn_http_front pn_aws_front_kinesis_rest = {.name = "kinesis-rest",
                                                        .routes = routes,
                                                        .words = words,
                                                        .aliases = aliases,
                                                        .is_staged = true,
                                                        .begin = pn_aws_begin_rest,
                                                        .error = pn_aws_http_error};
