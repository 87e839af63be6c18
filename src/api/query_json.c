/* Queries and what is wrong with them, as JSON; and questions, from it. */
#include <string.h>
#include <strings.h>

#include "api/errors.h"
#include "api/query_internal.h"
#include "base/mem.h"
#include "base/units.h"

/* --- failures --------------------------------------------------------------------------------- */

struct kind {
    int status;
    const char *code;
};

static struct kind kind_of(const struct pn_query_status *status)
{
    if (status->state == PN_QUERY_CANCELLED) {
        return (struct kind){409, "cancelled"};
    }
    if (status->timed_out) {
        return (struct kind){504, "timeout"};
    }
    switch (status->class_) {
    case PN_CLASS_INPUT:
    case PN_CLASS_MISSING:
    case PN_CLASS_CONFLICT:
        return (struct kind){400, "query_failed"};
    case PN_CLASS_RETRY:
        return (struct kind){503, "unavailable"};
    default:
        return (struct kind){500, "internal"};
    }
}

/* The names that may have been meant. */
static void put_candidates(struct pn_json_writer *json, const char *candidates)
{
    pn_json_add_array(json, "candidates");
    while (*candidates != '\0') {
        size_t len = strcspn(candidates, ",");
        pn_json_put_string(json, candidates, len);
        candidates += len + (candidates[len] == ',');
    }
    pn_json_end(json);
}

static void put_error(struct pn_http_request *req, struct pn_json_writer *json,
                      const struct pn_query_status *status)
{
    const struct pn_sql_fault *fault = &status->fault;
    const char *message = status->error != NULL ? status->error : "the query was cancelled";
    pn_json_put_object(json);
    pn_json_add_cstr(json, "code", kind_of(status).code);
    pn_json_add_cstr(json, "message", pn_http_request_public(req, message));
    if (fault->byte >= 0) {
        pn_json_add_object(json, "position");
        pn_json_add_i64(json, "byte", fault->byte);
        pn_json_add_i64(json, "line", fault->line);
        pn_json_add_i64(json, "column", fault->column);
        pn_json_end(json);
    }
    if (fault->candidates[0] != '\0') {
        put_candidates(json, fault->candidates);
    }
    pn_json_end(json);
}

void pn_api_reply_query_failure(struct pn_http_request *req, const struct pn_query_status *status)
{
    struct pn_json_writer json;
    pn_buf_reset(&req->out);
    pn_json_writer_init(&json, &req->out);
    pn_json_put_object(&json);
    pn_json_put_key(&json, "error");
    put_error(req, &json, status);
    pn_json_end(&json);
    req->status = kind_of(status).status;
    req->content_type = PN_HTTP_TYPE_JSON;
}

void pn_api_reply_executor_error(struct pn_http_request *req, int rc, const struct pn_err *failure)
{
    if (rc == PN_EXECUTOR_BUSY) {
        req->retry_after_s = 1;
        pn_api_reply_error(req, 429, "wait for one to end, or cancel one", "%s", failure->msg);
    } else {
        pn_api_reply_failure(req, failure);
    }
}

/* --- states ----------------------------------------------------------------------------------- */

void pn_api_put_query(struct pn_http_request *req, struct pn_json_writer *json,
                      const struct pn_query_status *status)
{
    pn_json_put_object(json);
    pn_json_add_cstr(json, "id", status->id);
    pn_json_add_cstr(json, "state", pn_query_state_name(status->state));
    pn_json_add_cstr(json, "name", status->name);
    pn_json_add_cstr(json, "sql", status->sql);
    pn_json_put_key(json, "progress");
    if (status->progress >= 0) {
        pn_json_put_double(json, status->progress);
    } else {
        pn_json_put_null(json);
    }
    pn_json_put_key(json, "columns");
    if (status->columns != NULL) {
        pn_json_put_raw(json, status->columns, strlen(status->columns));
    } else {
        pn_json_put_null(json);
    }
    pn_json_add_i64(json, "rows", status->rows);
    pn_json_add_i64(json, "bytes", status->bytes);
    pn_json_add_bool(json, "kept",
                     status->output == PN_QUERY_KEEP && status->state == PN_QUERY_DONE);
    pn_json_add_i64(json, "created_ms", status->created_ms);
    pn_json_add_i64(json, "waited_ms", status->waited_ms);
    pn_json_add_i64(json, "elapsed_ms", status->elapsed_ms);
    pn_json_add_raw(json, "versions", status->tables, strlen(status->tables));
    pn_json_put_key(json, "error");
    if (status->state == PN_QUERY_FAILED) {
        put_error(req, json, status);
    } else {
        pn_json_put_null(json);
    }
    pn_json_end(json);
}

/* --- questions -------------------------------------------------------------------------------- */

/* A text member, in the arena. False: it is there and is not a text, and the reply is an error. */
static bool take_text(struct pn_http_request *req, const struct pn_json *body, const char *member,
                      const char **text)
{
    const struct pn_json *node = pn_json_get(body, member);
    *text = NULL;
    if (node == NULL || node->type == PN_JSON_NULL) {
        return true;
    }
    if (node->type != PN_JSON_STRING || memchr(node->text, '\0', node->text_len) != NULL) {
        pn_api_reply_error(req, 400, NULL, "\"%s\" must be a string without NUL characters",
                           member);
        return false;
    }
    *text = pn_arena_strndup(&req->arena, node->text, node->text_len);
    return true;
}

static bool find_named(struct pn_http_request *req, const struct pn_pipeline *pipeline,
                       struct pn_query_request *request)
{
    const struct pn_query *query = pn_pipeline_query(pipeline, request->name);
    if (query != NULL) {
        request->sql = query->sql;
        return true;
    }
    const char **names = pn_arena_calloc(&req->arena, pipeline->query_count + 1, sizeof *names);
    for (size_t i = 0; i < pipeline->query_count; i++) {
        names[i] = pipeline->queries[i].name;
    }
    const char *near = pn_nearest(request->name, names, pipeline->query_count);
    const char *hint =
        near != NULL ? pn_arena_printf(&req->arena, "did you mean '%s'?", near) : NULL;
    pn_api_reply_error(req, 404, hint, "the pipeline has no query '%.80s'", request->name);
    return false;
}

static bool check_question(struct pn_http_request *req, const struct pn_pipeline *pipeline,
                           struct pn_api_question *question)
{
    struct pn_query_request *request = &question->request;
    if ((request->sql == NULL) == (request->name == NULL)) {
        pn_api_reply_error(req, 400, "{\"sql\":\"SELECT 1\"} or {\"name\":\"a_query\"}",
                           "give \"sql\", a SELECT, or \"name\", a query of the pipeline");
        return false;
    }
    return request->name == NULL || find_named(req, pipeline, request);
}

static bool read_json(struct pn_http_request *req, struct pn_api_question *question)
{
    struct pn_json *body = NULL;
    struct pn_query_request *request = &question->request;
    if (pn_http_request_json(req, &body) != 0) {
        return false;
    }
    if (body == NULL || body->type != PN_JSON_OBJECT) {
        pn_api_reply_error(req, 400, "{\"sql\":\"SELECT 1\"}", "the body must be a JSON object");
        return false;
    }
    if (!take_text(req, body, "sql", &request->sql) ||
        !take_text(req, body, "name", &request->name) ||
        !take_text(req, body, "format", &question->format)) {
        return false;
    }
    const struct pn_json *parameters = pn_json_get(body, "params");
    if (parameters != NULL && parameters->type != PN_JSON_NULL) {
        if (parameters->type != PN_JSON_ARRAY && parameters->type != PN_JSON_OBJECT) {
            pn_api_reply_error(
                req, 400, NULL,
                "\"params\" must be an array, for ? and $1, or an object, for $name");
            return false;
        }
        request->parameters = pn_arena_strndup(&req->arena, parameters->raw, parameters->raw_len);
    }
    return true;
}

static bool is_json(const struct pn_http_request *req)
{
    const char *type = pn_http_request_header(req, "Content-Type");
    return type != NULL && strncasecmp(type, PN_HTTP_TYPE_JSON, strlen(PN_HTTP_TYPE_JSON)) == 0;
}

bool pn_api_read_question(struct pn_http_request *req, const struct pn_pipeline *pipeline,
                          struct pn_api_question *question)
{
    *question = (struct pn_api_question){.format = NULL};
    if (req->method == PN_HTTP_GET) {
        question->request.sql = pn_http_request_query(req, "query");
        question->request.name = pn_http_request_query(req, "name");
    } else if (is_json(req)) {
        if (!read_json(req, question)) {
            return false;
        }
    } else if (req->body_len > 0) {
        if (memchr(req->body, '\0', req->body_len) != NULL) {
            pn_api_reply_error(req, 400, NULL, "a query is a text without NUL characters");
            return false;
        }
        question->request.sql = pn_arena_strndup(&req->arena, req->body, req->body_len);
    }
    return check_question(req, pipeline, question);
}
