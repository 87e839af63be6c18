/* Queries and what is wrong with them, as JSON; and questions, from it. */
#include <string.h>

#include "api/errors.h"
#include "api/query_internal.h"
#include "base/mem.h"
#include "base/units.h"

/* --- fields ----------------------------------------------------------------------------------- */

#define FORMATS "csv|jsonl|parquet"

enum { MAYBE = PN_API_OPTIONAL | PN_API_NULLABLE };

static const char by_name[] = "a query of the pipeline, in place of SQL";
static const char of_params[] = "an array, for ? and $1, or an object, for $name";

static const char of_at[] =
    "a version, or a time (ISO 8601): tables without a version of their own "
    "in the SQL are read as of then";

#define PROTECT(f)                                                          \
    {                                                                       \
        .name = "protect", .type = PN_API_BOOL, .flags = (f),               \
        .help = "in CSV, begin texts that a spreadsheet would run with '; " \
                "false unless given"                                        \
    }
#define QUESTION                                                                \
    {.name = "sql", .type = PN_API_TEXT, .flags = MAYBE, .help = "a SELECT"},   \
        {.name = "name", .type = PN_API_TEXT, .flags = MAYBE, .help = by_name}, \
        {.name = "at", .type = PN_API_TEXT, .flags = MAYBE, .help = of_at},     \
    {                                                                           \
        .name = "params", .type = PN_API_ANY, .flags = MAYBE, .help = of_params \
    }

const struct pn_api_field pn_api_question_fields[] = {QUESTION, {.name = NULL}};
const struct pn_api_field pn_api_sql_fields[] = {QUESTION,
                                                 {.name = "format",
                                                  .type = PN_API_TEXT,
                                                  .flags = PN_API_OPTIONAL | PN_API_NULLABLE,
                                                  .words = FORMATS},
                                                 PROTECT(MAYBE),
                                                 {.name = NULL}};
const struct pn_api_field pn_api_question_query[] = {
    {.name = "query", .type = PN_API_TEXT, .flags = PN_API_OPTIONAL, .help = "a SELECT"},
    {.name = "name", .type = PN_API_TEXT, .flags = PN_API_OPTIONAL, .help = by_name},
    {.name = "at", .type = PN_API_TEXT, .flags = PN_API_OPTIONAL, .help = of_at},
    {.name = "format", .type = PN_API_TEXT, .flags = PN_API_OPTIONAL, .words = FORMATS},
    PROTECT(PN_API_OPTIONAL),
    {.name = NULL}};
const struct pn_api_field pn_api_format_query[] = {
    {.name = "at", .type = PN_API_TEXT, .flags = PN_API_OPTIONAL, .help = of_at},
    {.name = "format", .type = PN_API_TEXT, .flags = PN_API_OPTIONAL, .words = FORMATS},
    PROTECT(PN_API_OPTIONAL),
    {.name = NULL}};

const struct pn_api_field pn_api_column_fields[] = {
    {.name = "name", .type = PN_API_TEXT}, {.name = "type", .type = PN_API_TEXT}, {.name = NULL}};
static const struct pn_api_field versions_fields[] = {
    {.name = PN_API_OTHERS, .type = PN_API_INT, .help = "the version of the table that was read"},
    {.name = NULL}};
const struct pn_api_field pn_api_query_fields[] = {
    {.name = "id", .type = PN_API_TEXT},
    {.name = "state", .type = PN_API_TEXT},
    {.name = "name",
     .type = PN_API_TEXT,
     .flags = PN_API_NULLABLE,
     .help = "of a query of the pipeline"},
    {.name = "sql", .type = PN_API_TEXT, .flags = PN_API_NULLABLE},
    {.name = "progress", .type = PN_API_NUMBER, .flags = PN_API_NULLABLE},
    {.name = "columns",
     .type = PN_API_OBJECTS,
     .flags = PN_API_NULLABLE,
     .fields = pn_api_column_fields},
    {.name = "rows", .type = PN_API_INT},
    {.name = "bytes", .type = PN_API_INT},
    {.name = "kept", .type = PN_API_BOOL, .help = "can its rows be read?"},
    {.name = "created_ms", .type = PN_API_INT},
    {.name = "waited_ms", .type = PN_API_INT},
    {.name = "elapsed_ms", .type = PN_API_INT},
    {.name = "versions", .type = PN_API_OBJECT, .fields = versions_fields},
    {.name = "error", .type = PN_API_OBJECT, .flags = PN_API_NULLABLE},
    {.name = NULL}};

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

/* A text member, in the arena; NULL when it is absent or null. */
static const char *take_text(struct pn_http_request *req, const struct pn_json *body,
                             const char *member)
{
    const char *text = NULL;
    size_t len = 0;
    return pn_json_get_text(body, member, &text, &len) ? pn_arena_strndup(&req->arena, text, len)
                                                       : NULL;
}

static bool find_named(struct pn_http_request *req, const struct pn_pipeline *pipeline,
                       struct pn_query_request *request)
{
    const struct pn_query *query = pn_pipeline_query(pipeline, request->name);
    if (query != NULL) {
        request->sql = query->sql;
        return true;
    }
    const char *near = pn_pipeline_nearest(pipeline, PN_NAMED_QUERY, request->name);
    const char *hint =
        near != NULL ? pn_arena_printf(&req->arena, "did you mean '%s'?", near) : NULL;
    pn_api_reply_error(req, 404, hint, "there is no query '%.80s' in the pipeline '%s'",
                       request->name, pipeline->name);
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

static bool read_json(struct pn_http_request *req, const struct pn_api_field *fields,
                      struct pn_api_question *question)
{
    struct pn_json *body = NULL;
    struct pn_query_request *request = &question->request;
    if (pn_api_read_body(req, fields, &body) != 0) {
        return false;
    }
    request->sql = take_text(req, body, "sql");
    request->name = take_text(req, body, "name");
    request->at = take_text(req, body, "at");
    question->format = take_text(req, body, "format");
    question->protects = pn_json_get_bool(body, "protect", false);
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

bool pn_api_read_question(struct pn_http_request *req, const struct pn_pipeline *pipeline,
                          const struct pn_api_field *fields, struct pn_api_question *question)
{
    *question = (struct pn_api_question){.format = NULL};
    if (req->method == PN_HTTP_GET) {
        question->request.sql = pn_http_request_query(req, "query");
        question->request.name = pn_http_request_query(req, "name");
    } else if (pn_http_request_is_of_type(req, PN_HTTP_TYPE_JSON)) {
        if (!read_json(req, fields, question)) {
            return false;
        }
    } else if (req->body_len > 0) {
        if (memchr(req->body, '\0', req->body_len) != NULL) {
            pn_api_reply_error(req, 400, NULL, "a query is a text without NUL characters");
            return false;
        }
        question->request.sql = pn_arena_strndup(&req->arena, req->body, req->body_len);
    }
    if (question->request.at == NULL) {
        question->request.at = pn_http_request_query(req, "at");
    }
    return check_question(req, pipeline, question);
}
