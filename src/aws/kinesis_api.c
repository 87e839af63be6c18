/*
 * POST /: the Kinesis API, X-Amz-Target names the operation. The order of the checks and their
 * answers are AWS's (as kinesalite found them out): content type, body, target, signature; then
 * the call checks its input.
 */
#include <string.h>

#include "aws/kinesis_call.h"
#include "aws/reply.h"

static const char service[] = "Kinesis_20131202";

/* "Kinesis_20131202.PutRecord" */
struct target {
    bool complete; /* something stands before and after a dot */
    const struct pn_operation *operation;
};

static struct target target_of(const struct pn_http_request *req)
{
    struct target target = {0};
    const char *text = pn_http_request_header(req, "X-Amz-Target");
    const char *dot = text != NULL ? strchr(text, '.') : NULL;
    if (dot == NULL || dot == text || dot[1] == '\0') {
        return target;
    }
    target.complete = true;
    size_t len = (size_t)(dot - text);
    if (len == sizeof service - 1 && memcmp(text, service, len) == 0) {
        target.operation = pn_aws_operation(dot + 1);
    }
    return target;
}

static enum pn_http_handled unknown_operation(struct pn_http_request *req)
{
    pn_aws_error(req, 400, "UnknownOperationException", NULL);
    return PN_HTTP_HANDLED;
}

static enum pn_http_handled not_readable(struct pn_http_request *req)
{
    pn_aws_error(req, 400, "SerializationException", NULL);
    return PN_HTTP_HANDLED;
}

/* A content type that is none of the API's. */
static enum pn_http_handled refuse_type(struct pn_http_request *req, const struct target *target)
{
    req->content_type = "application/xml";
    if (target->complete) {
        req->status = 404;
        pn_buf_adds(&req->out, "<UnknownOperationException/>\n");
        return PN_HTTP_HANDLED;
    }
    req->status = 403;
    pn_buf_adds(&req->out, "<AccessDeniedException>\n"
                           "  <Message>Unable to determine service/operation name to be "
                           "authorized</Message>\n"
                           "</AccessDeniedException>\n");
    return PN_HTTP_HANDLED;
}

/* AWS reads JSON under this type, and knows no operation for it. */
static enum pn_http_handled refuse_plain_json(struct pn_http_request *req)
{
    struct pn_json *root = NULL;
    bool good = pn_json_parse(req->parser, req->body, req->body_len, req->body_capacity, &root,
                              NULL) == 0 &&
                (root->type == PN_JSON_OBJECT || root->type == PN_JSON_ARRAY);
    req->content_type = "application/json";
    req->status = good ? 404 : 400;
    struct pn_json_writer json;
    pn_json_writer_init(&json, &req->out);
    pn_json_put_object(&json);
    pn_json_add_object(&json, "Output");
    pn_json_add_textf(&json, "__type", "com.amazon.coral.service#%s",
                      good ? "UnknownOperationException" : "SerializationException");
    pn_json_end(&json);
    pn_json_add_cstr(&json, "Version", "1.0");
    pn_json_end(&json);
    return PN_HTTP_HANDLED;
}

/* The body as a tree, or NULL. */
static struct pn_json *parse(struct pn_http_request *req)
{
    struct pn_json *root = NULL;
    struct pn_err e;
    int rc = pn_aws_is_cbor(req) ? pn_cbor_parse(req->body, req->body_len, &req->arena, &root, &e)
                                 : pn_json_parse(req->parser, req->body, req->body_len,
                                                 req->body_capacity, &root, &e);
    return rc == 0 && root->type == PN_JSON_OBJECT ? root : NULL;
}

/* Brings what is in the parser's memory into the arena, see pn_aws_call(). */
static void keep_texts(struct pn_http_request *req, struct pn_json *node)
{
    bool in_body = node->text >= req->body && node->text < req->body + req->body_len;
    if (node->type == PN_JSON_STRING && node->text_len > 0 && !in_body) {
        node->text = pn_arena_strndup(&req->arena, node->text, node->text_len);
    }
    for (struct pn_json *child = node->first; child != NULL; child = child->next) {
        keep_texts(req, child);
    }
}

enum pn_http_handled pn_aws_kinesis_api(struct pn_http_request *req, void *arg)
{
    struct pn_aws *aws = arg;
    const char *type = pn_aws_content_type(req);
    const struct target target = target_of(req);
    if (req->body_len == 0) {
        return target.operation != NULL ? not_readable(req) : unknown_operation(req);
    }
    if (pn_aws_blocks(req, target.operation)) {
        return PN_HTTP_HANDLED_BLOCKS;
    }
    if (strcmp(type, "application/json") == 0) {
        return refuse_plain_json(req);
    }
    if (strcmp(type, PN_AWS_TYPE_JSON) != 0 && strcmp(type, PN_AWS_TYPE_CBOR) != 0) {
        return refuse_type(req, &target);
    }
    struct pn_json *input = parse(req);
    if (input == NULL) {
        return not_readable(req);
    }
    if (target.operation == NULL) {
        return unknown_operation(req);
    }
    if (!pn_aws_sigv4_check_request(aws, req)) {
        return PN_HTTP_HANDLED;
    }
    if (!pn_aws_is_cbor(req) && (target.operation->flags & PN_OPERATION_PUTS) != 0) {
        keep_texts(req, input);
    }
    return pn_aws_call(aws, req, target.operation, input);
}

const struct pn_http_front pn_aws_front_kinesis_api = {
    .name = "kinesis-api", .begin = pn_aws_begin_api, .error = pn_aws_http_error};
