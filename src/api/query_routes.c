#include "api/query_routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/errors.h"
#include "api/query_internal.h"
#include "base/mem.h"
#include "query/rows_file.h"

enum { LIMIT_DEFAULT = 200, LIMIT_MAX = 1000 };

/* True when the request can be given up: the server stops, or no one waits for the reply. */
static bool is_over(struct pn_http_request *req)
{
    if (!req->expired && !pn_http_request_client_is_gone(req)) {
        return false;
    }
    req->retry_after_s = 1;
    pn_api_reply_error(req, 503, NULL, "the server is stopping");
    return true;
}

/* --- queries ---------------------------------------------------------------------------------- */

static enum pn_http_handled reply(struct pn_http_request *req, int status)
{
    req->status = status;
    req->content_type = PN_HTTP_TYPE_JSON;
    return PN_HTTP_HANDLED;
}

static enum pn_http_handled handle_submit(struct pn_http_request *req, void *arg)
{
    struct pn_api_query_routes *routes = arg;
    struct pn_api_question question;
    struct pn_json_writer json;
    struct pn_err failure = {0};
    char id[PN_QUERY_ID_SIZE];
    if (!pn_api_read_question(req, routes->pipeline, pn_api_question_fields, &question)) {
        return PN_HTTP_HANDLED;
    }
    int rc = pn_executor_submit(routes->executor, &question.request, id, &failure);
    if (rc != 0) {
        pn_api_reply_executor_error(req, rc, &failure);
        return PN_HTTP_HANDLED;
    }
    pn_http_reply_header(req, "Location", pn_arena_printf(&req->arena, "/api/v1/queries/%s", id));
    pn_json_writer_init(&json, &req->out);
    pn_json_put_object(&json);
    pn_json_add_cstr(&json, "id", id);
    pn_json_end(&json);
    return reply(req, 202);
}

static enum pn_http_handled handle_list(struct pn_http_request *req, void *arg)
{
    struct pn_api_query_routes *routes = arg;
    struct pn_query_status *statuses = NULL;
    struct pn_json_writer json;
    size_t count = 0;
    pn_executor_warm(routes->executor); /* a query may come soon */
    pn_executor_list(routes->executor, &req->arena, &statuses, &count);
    pn_json_writer_init(&json, &req->out);
    pn_json_put_object(&json);
    pn_json_add_array(&json, "items");
    for (size_t i = 0; i < count; i++) {
        pn_api_put_query(req, &json, &statuses[i]);
    }
    pn_json_end(&json);
    pn_json_end(&json);
    return reply(req, 200);
}

/* The query that the path names; false: the reply is there. */
static bool find(struct pn_http_request *req, struct pn_api_query_routes *routes,
                 struct pn_query_status *status)
{
    struct pn_err failure = {0};
    int rc = pn_executor_status(routes->executor, req->params[0], &req->arena, status, &failure);
    if (rc != 0) {
        pn_api_reply_failure(req, &failure);
    }
    return rc == 0;
}

static enum pn_http_handled handle_status(struct pn_http_request *req, void *arg)
{
    struct pn_query_status status;
    struct pn_json_writer json;
    if (!find(req, arg, &status)) {
        return PN_HTTP_HANDLED;
    }
    pn_json_writer_init(&json, &req->out);
    pn_api_put_query(req, &json, &status);
    return reply(req, 200);
}

static enum pn_http_handled handle_cancel(struct pn_http_request *req, void *arg)
{
    struct pn_api_query_routes *routes = arg;
    struct pn_err failure = {0};
    int rc = pn_executor_cancel(routes->executor, req->params[0], &failure);
    if (rc != 0) {
        pn_api_reply_executor_error(req, rc, &failure);
    } else {
        pn_http_reply_none(req);
    }
    return PN_HTTP_HANDLED;
}

/* --- pages ------------------------------------------------------------------------------------ */

/* A request for rows that may wait for them; in its arena. */
struct asked {
    struct pn_api_query_wait wait;
    int64_t limit;
};

/* `sort` names a column, with a minus before it for the largest first. */
static bool take_sort(struct pn_http_request *req, const char *columns, struct pn_query_sort *sort)
{
    const char *text = pn_http_request_query(req, "sort");
    struct pn_json *root = NULL;
    *sort = (struct pn_query_sort){.column = -1};
    if (text == NULL || *text == '\0') {
        return true;
    }
    sort->descending = *text == '-';
    text += sort->descending;
    size_t len = strlen(columns);
    int rc = pn_json_parse(req->parser, columns, len, len, &root, NULL);
    int64_t at = 0;
    for (const struct pn_json *column = rc == 0 ? root->first : NULL; column != NULL;
         column = column->next, at++) {
        if (pn_json_text_is(pn_json_get(column, "name"), text)) {
            sort->column = at;
            return true;
        }
    }
    pn_api_reply_error(req, 400, NULL, "the result has no column '%.80s' to sort by", text);
    return false;
}

/* Each cell is its text, null for null. */
static int put_row(void *arg, const char *const *values, size_t count)
{
    struct pn_json_writer *json = arg;
    pn_json_put_array(json);
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(values[i]);
        if (values[i][0] == '"' || strcmp(values[i], "null") == 0) {
            pn_json_put_raw(json, values[i], len);
        } else {
            pn_json_put_string(json, values[i], len);
        }
    }
    pn_json_end(json);
    return pn_buf_failed(json->out) ? PN_FAIL : 0;
}

static enum pn_http_handled send_page(struct pn_http_request *req,
                                      const struct pn_query_status *status,
                                      const struct asked *asked, struct pn_rows_reader *reader)
{
    struct pn_json_writer json;
    struct pn_err failure = {0};
    int64_t total = 0;
    int64_t read = 0;
    pn_json_writer_init(&json, &req->out);
    pn_json_put_object(&json);
    pn_json_add_raw(&json, "columns", status->columns, strlen(status->columns));
    pn_json_add_array(&json, "rows");
    int rc = pn_rows_reader_page(reader, asked->wait.offset, asked->limit, put_row, &json, &read,
                                 &failure);
    if (rc == 0) {
        rc = pn_rows_reader_count(reader, &total, &failure);
    }
    if (rc != 0) {
        bool large = pn_buf_failed(&req->out);
        pn_buf_reset(&req->out);
        if (large) {
            pn_api_reply_error(req, 413, "ask for fewer rows, or download them",
                               "the page is too large");
        } else {
            pn_api_reply_failure(req, &failure);
        }
        return PN_HTTP_HANDLED;
    }
    int64_t next = asked->wait.offset + read;
    bool complete = status->state == PN_QUERY_DONE;
    pn_json_end(&json);
    pn_json_add_i64(&json, "offset", asked->wait.offset);
    pn_json_put_key(&json, "next");
    if (next < total || !complete) {
        pn_json_put_i64(&json, next);
    } else {
        pn_json_put_null(&json);
    }
    pn_json_add_i64(&json, "total", total);
    pn_json_add_bool(&json, "complete", complete);
    pn_json_end(&json);
    return pn_http_request_reserve(req, req->out.len) ? reply(req, 200) : PN_HTTP_HANDLED;
}

static enum pn_http_handled wait_for_rows(struct pn_http_request *req, struct asked *asked,
                                          const char *id)
{
    (void)snprintf(asked->wait.wait, sizeof asked->wait.wait, "%s", id);
    req->state = asked;
    return pn_api_wait_for_query(req, &asked->wait);
}

/* The rows of a page, once they are there. */
static enum pn_http_handled open_page(struct pn_http_request *req,
                                      struct pn_api_query_routes *routes,
                                      const struct pn_query_status *status, struct asked *asked)
{
    struct pn_rows_reader *reader = NULL;
    struct pn_query_sort sort;
    struct pn_err failure = {0};
    char wait[PN_QUERY_ID_SIZE];
    if (!take_sort(req, status->columns, &sort)) {
        return PN_HTTP_HANDLED;
    }
    int rc =
        pn_executor_open_rows(routes->executor, req->params[0], &sort, wait, &reader, &failure);
    if (rc == PN_EXECUTOR_NOT_YET) {
        asked->wait.pages = false;
        return wait_for_rows(req, asked, wait[0] != '\0' ? wait : req->params[0]);
    }
    if (rc != 0) {
        pn_api_reply_executor_error(req, rc, &failure);
        return PN_HTTP_HANDLED;
    }
    enum pn_http_handled handled = send_page(req, status, asked, reader);
    pn_rows_reader_destroy(&reader);
    return handled;
}

static struct asked *begin_asked(struct pn_http_request *req, struct pn_api_query_routes *routes)
{
    struct asked *asked = pn_arena_calloc(&req->arena, 1, sizeof *asked);
    asked->wait.executor = routes->executor;
    asked->wait.pages = true;
    (void)snprintf(asked->wait.id, sizeof asked->wait.id, "%s", req->params[0]);
    return asked;
}

static enum pn_http_handled handle_rows(struct pn_http_request *req, void *arg)
{
    struct pn_api_query_routes *routes = arg;
    struct asked *asked = req->state;
    struct pn_query_status status;
    if (asked != NULL && is_over(req)) {
        return PN_HTTP_HANDLED;
    }
    if (asked == NULL) {
        asked = begin_asked(req, routes);
        asked->wait.offset = pn_api_query_i64(req, "offset", 0);
        asked->limit = pn_api_query_i64(req, "limit", LIMIT_DEFAULT);
    }
    if (!find(req, routes, &status)) {
        return PN_HTTP_HANDLED;
    }
    if (status.state == PN_QUERY_FAILED || status.state == PN_QUERY_CANCELLED) {
        pn_api_reply_query_failure(req, &status);
        return PN_HTTP_HANDLED;
    }
    bool there = status.state == PN_QUERY_DONE ||
                 (status.columns != NULL && status.rows > asked->wait.offset);
    return there ? open_page(req, routes, &status, asked)
                 : wait_for_rows(req, asked, req->params[0]);
}

/* --- downloads -------------------------------------------------------------------------------- */

static void name_file(struct pn_http_request *req, const struct pn_query_status *status,
                      const char *format, const char *type)
{
    const char *name = status->name != NULL ? status->name : status->id;
    req->content_type = type;
    pn_http_reply_header(
        req, "Content-Disposition",
        pn_arena_printf(&req->arena, "attachment; filename=\"%s.%s\"", name, format));
}

static enum pn_http_handled download_parquet(struct pn_http_request *req,
                                             const struct pn_query_status *status,
                                             struct asked *asked)
{
    struct pn_err failure = {0};
    char wait[PN_QUERY_ID_SIZE];
    int64_t bytes = 0;
    int fd = -1;
    int rc =
        pn_executor_open_parquet(asked->wait.executor, asked->wait.id, wait, &fd, &bytes, &failure);
    if (rc == PN_EXECUTOR_NOT_YET) {
        return wait_for_rows(req, asked, wait[0] != '\0' ? wait : asked->wait.id);
    }
    if (rc != 0) {
        pn_api_reply_executor_error(req, rc, &failure);
        return PN_HTTP_HANDLED;
    }
    name_file(req, status, "parquet", "application/vnd.apache.parquet");
    return pn_api_send_file(req, fd, NULL, NULL);
}

static enum pn_http_handled download_rows(struct pn_http_request *req,
                                          const struct pn_query_status *status, struct asked *asked,
                                          enum pn_api_rows_format format)
{
    bool csv = format != PN_API_ROWS_JSONL;
    static const struct pn_query_sort unsorted = {.column = -1};
    struct pn_rows_reader *reader = NULL;
    struct pn_err failure = {0};
    char wait[PN_QUERY_ID_SIZE];
    if (status->state != PN_QUERY_DONE) {
        return wait_for_rows(req, asked, asked->wait.id);
    }
    int rc = pn_executor_open_rows(asked->wait.executor, asked->wait.id, &unsorted, wait, &reader,
                                   &failure);
    if (rc != 0) {
        pn_api_reply_executor_error(req, rc, &failure);
        return PN_HTTP_HANDLED;
    }
    name_file(req, status, csv ? "csv" : "jsonl",
              csv ? "text/csv; charset=utf-8; header=present" : "application/x-ndjson");
    return pn_api_send_rows(req, status, format, reader);
}

/* The words were checked: a format that is not JSON lines is CSV. */
static enum pn_api_rows_format rows_format(struct pn_http_request *req, const char *format)
{
    const char *protect = pn_http_request_query(req, "protect");
    if (format != NULL && strcmp(format, "jsonl") == 0) {
        return PN_API_ROWS_JSONL;
    }
    return protect != NULL && strcmp(protect, "true") == 0 ? PN_API_ROWS_CSV_PROTECTED
                                                           : PN_API_ROWS_CSV;
}

static enum pn_http_handled handle_download(struct pn_http_request *req, void *arg)
{
    struct pn_api_query_routes *routes = arg;
    struct asked *asked = req->state;
    struct pn_query_status status;
    const char *format = pn_http_request_query(req, "format");
    if (asked != NULL && is_over(req)) {
        return PN_HTTP_HANDLED;
    }
    asked = asked != NULL ? asked : begin_asked(req, routes);
    asked->wait.pages = false;
    if (!find(req, routes, &status)) {
        return PN_HTTP_HANDLED;
    }
    if (status.state == PN_QUERY_FAILED || status.state == PN_QUERY_CANCELLED) {
        pn_api_reply_query_failure(req, &status);
        return PN_HTTP_HANDLED;
    }
    if (format != NULL && strcmp(format, "parquet") == 0) {
        return download_parquet(req, &status, asked);
    }
    return download_rows(req, &status, asked, rows_format(req, format));
}

/* --- all -------------------------------------------------------------------------------------- */

static const struct pn_api_field of_query[] = {
    {.name = "id", .type = PN_API_TEXT, .help = "of the query, from its submission"},
    {.name = NULL}};
static const struct pn_api_field submit_reply[] = {{.name = "id", .type = PN_API_TEXT},
                                                   {.name = NULL}};
static const struct pn_api_field rows_query[] = {
    {.name = "offset",
     .type = PN_API_INT,
     .flags = PN_API_OPTIONAL,
     .least = 0,
     .most = INT64_MAX,
     .help = "the page's first row; 0 unless given"},
    {.name = "limit",
     .type = PN_API_INT,
     .flags = PN_API_OPTIONAL,
     .least = 0,
     .most = LIMIT_MAX,
     .preset = LIMIT_DEFAULT,
     .help = "the number of rows on a page"},
    {.name = "sort",
     .type = PN_API_TEXT,
     .flags = PN_API_OPTIONAL,
     .help = "a column to sort by; with a minus before it the largest first"},
    {.name = NULL}};
static const struct pn_api_field rows_reply[] = {
    {.name = "columns", .type = PN_API_OBJECTS, .fields = pn_api_column_fields},
    {.name = "rows",
     .type = PN_API_ARRAY,
     .help = "arrays of cells; each cell is its text, null for null"},
    {.name = "offset", .type = PN_API_INT},
    {.name = "next",
     .type = PN_API_INT,
     .flags = PN_API_NULLABLE,
     .help = "the next page's `offset`"},
    {.name = "total", .type = PN_API_INT, .help = "rows so far"},
    {.name = "complete", .type = PN_API_BOOL, .help = "has the query ended?"},
    {.name = NULL}};
static const struct pn_api_field download_query[] = {{.name = "format",
                                                      .type = PN_API_TEXT,
                                                      .flags = PN_API_OPTIONAL,
                                                      .words = "csv|jsonl|parquet",
                                                      .help = "csv unless given"},
                                                     {.name = "protect",
                                                      .type = PN_API_BOOL,
                                                      .flags = PN_API_OPTIONAL,
                                                      .help = "in CSV, begin texts that a "
                                                              "spreadsheet would run with '"},
                                                     {.name = NULL}};

#define MEDIA "text/csv application/x-ndjson application/vnd.apache.parquet"

static const struct pn_api_route table[] = {
    {.http = {PN_HTTP_POST, "api/v1/queries", handle_submit, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ,
              PN_OF_PIPELINE},
     .id = "submit_query",
     .summary = "Submits a query; its result is kept",
     .body = pn_api_question_fields,
     .body_media = "application/sql text/plain",
     .reply = submit_reply,
     .status = 202,
     .errors = {404, 429}},
    {.http = {PN_HTTP_GET, "api/v1/queries", handle_list, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ,
              PN_OF_PIPELINE},
     .id = "list_queries",
     .summary = "The queries that the server knows, the newest first",
     .list_of = pn_api_query_fields},
    {.http = {PN_HTTP_GET, "api/v1/queries/{}", handle_status, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ,
              PN_OF_PIPELINE},
     .id = "get_query",
     .summary = "A query's state",
     .path = of_query,
     .reply = pn_api_query_fields},
    {.http = {PN_HTTP_DELETE, "api/v1/queries/{}", handle_cancel, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_READ, PN_OF_PIPELINE},
     .id = "cancel_query",
     .summary = "Ends a query; of one that has ended, forgets the result",
     .path = of_query},
    {.http = {PN_HTTP_GET, "api/v1/queries/{}/rows", handle_rows, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_READ, PN_OF_PIPELINE},
     .id = "read_rows",
     .summary = "A page of a query's rows, once they are there",
     .path = of_query,
     .query = rows_query,
     .reply = rows_reply,
     .errors = {409, 429, 504}},
    {.http = {PN_HTTP_GET, "api/v1/queries/{}/download", handle_download, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_READ, PN_OF_PIPELINE},
     .id = "download_rows",
     .summary = "All rows of a query, once it has ended",
     .path = of_query,
     .query = download_query,
     .media = MEDIA,
     .errors = {409, 429, 504}},
    {.http = {PN_HTTP_POST, "api/v1/sql", pn_api_handle_sql, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ,
              PN_OF_PIPELINE},
     .id = "ask",
     .summary = "Runs SQL and replies with the rows, in a format by `format` or Accept",
     .query = pn_api_format_query,
     .body = pn_api_sql_fields,
     .body_media = "application/sql text/plain",
     .media = MEDIA,
     .errors = {404, 406, 409, 429, 504}},
    {.http = {PN_HTTP_GET, "api/v1/sql", pn_api_handle_sql,
              PN_HTTP_ROUTE_BLOCKS | PN_HTTP_ROUTE_ACTS, PN_RIGHT_READ, PN_OF_PIPELINE},
     .id = "ask_by_url",
     .summary = "The same with the SQL in the URL",
     .query = pn_api_question_query,
     .media = MEDIA,
     .errors = {404, 406, 409, 429, 504}},
};

static void wake(void *arg)
{
    pn_api_wake(arg);
}

void pn_api_query_routes_add(struct pn_api_query_routes *routes, struct pn_api *api)
{
    pn_executor_listen(routes->executor, wake, api);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        pn_api_add_route(api, &table[i], routes);
    }
}
