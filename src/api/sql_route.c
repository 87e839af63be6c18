/*
 * One question, one reply: /api/v1/sql, for notebooks, BI and scripts. CSV and JSON lines go from
 * the query's process to the client as they come, and are not kept. Parquet is made from kept rows,
 * which are forgotten after it.
 */
#include <stdlib.h>
#include <string.h>

#include "api/errors.h"
#include "api/query_internal.h"
#include "base/mem.h"

enum format { FORMAT_CSV, FORMAT_JSONL, FORMAT_PARQUET };

static const struct {
    const char *name;
    const char *type;
    const char *accepted; /* a further type, of the Accept header */
    enum pn_query_output output;
} FORMATS[] = {
    [FORMAT_CSV] = {"csv", "text/csv; charset=utf-8; header=present", "text/csv", PN_QUERY_CSV},
    [FORMAT_JSONL] = {"jsonl", "application/x-ndjson", "application/jsonl", PN_QUERY_JSONL},
    [FORMAT_PARQUET] = {"parquet", "application/vnd.apache.parquet", "application/parquet",
                        PN_QUERY_KEEP},
};
enum { FORMAT_COUNT = sizeof FORMATS / sizeof *FORMATS };

/* A request of sql that waits; in its arena. */
struct asked {
    struct pn_api_query_wait wait;
    enum format format;
};

/* --- which format ----------------------------------------------------------------------------- */

/* The name was checked (query_json.c). */
static enum format format_by_name(const char *name)
{
    int i = 0;
    while (strcmp(name, FORMATS[i].name) != 0) {
        i++;
        PN_ASSERT(i < FORMAT_COUNT);
    }
    return (enum format)i;
}

/* The first of ours that the header names; JSON lines when it takes anything. */
static bool format_by_accept(struct pn_http_request *req, const char *accept, enum format *format)
{
    const char *first = NULL;
    for (int i = 0; i < FORMAT_COUNT; i++) {
        size_t len = strcspn(FORMATS[i].type, ";");
        char *type = pn_arena_strndup(&req->arena, FORMATS[i].type, len);
        const char *at = strstr(accept, type);
        at = at != NULL ? at : strstr(accept, FORMATS[i].accepted);
        if (at != NULL && (first == NULL || at < first)) {
            first = at;
            *format = (enum format)i;
        }
    }
    if (first != NULL || strstr(accept, "*/*") != NULL ||
        strstr(accept, PN_HTTP_TYPE_JSON) != NULL) {
        return true;
    }
    pn_api_reply_error(req, 406, "text/csv, application/x-ndjson, application/vnd.apache.parquet",
                       "the reply is CSV, JSON lines or Parquet, none of which Accept names");
    return false;
}

static bool choose_format(struct pn_http_request *req, const struct pn_api_question *question,
                          enum format *format)
{
    const char *name = pn_http_request_query(req, "format");
    const char *accept = pn_http_request_header(req, "Accept");
    *format = FORMAT_JSONL;
    name = name != NULL ? name : question->format;
    if (name != NULL) {
        *format = format_by_name(name);
        return true;
    }
    return accept == NULL || format_by_accept(req, accept, format);
}

/* The URL decides, as for the format. */
static bool is_protected(struct pn_http_request *req, const struct pn_api_question *question)
{
    const char *text = pn_http_request_query(req, "protect");
    return text != NULL ? strcmp(text, "true") == 0 : question->protects;
}

/* --- the reply -------------------------------------------------------------------------------- */

/* What a streamed reply keeps of its query. */
struct answering {
    struct pn_executor *executor;
    char id[PN_QUERY_ID_SIZE];
};

static bool next_piece(void *arg, struct pn_buf *out)
{
    struct answering *answering = arg;
    switch (pn_executor_read(answering->executor, answering->id, out)) {
    case PN_QUERY_MORE:
        return true;
    case PN_QUERY_END:
        return false;
    case PN_QUERY_BROKEN:
        break;
    }
    return pn_api_break_off(out);
}

static bool piece_ready(void *arg)
{
    const struct answering *answering = arg;
    return pn_executor_readable(answering->executor, answering->id);
}

static void end_stream(void *arg)
{
    struct answering *answering = arg;
    if (!pn_executor_ended(answering->executor, answering->id)) {
        pn_executor_abandon(answering->executor, answering->id);
    }
    free(answering);
}

/* The rows were kept for this reply alone. */
static void end_parquet(void *arg)
{
    struct answering *answering = arg;
    pn_executor_abandon(answering->executor, answering->id);
    free(answering);
}

static struct answering *begin_answering(const struct asked *asked)
{
    struct answering *answering = pn_xcalloc(1, sizeof *answering);
    answering->executor = asked->wait.executor;
    memcpy(answering->id, asked->wait.id, sizeof answering->id);
    return answering;
}

static enum pn_http_handled send_stream(struct pn_http_request *req, struct asked *asked)
{
    req->status = 200;
    req->content_type = FORMATS[asked->format].type;
    req->stream = (struct pn_http_reply_stream){.next = next_piece,
                                                .ready = piece_ready,
                                                .end = end_stream,
                                                .arg = begin_answering(asked),
                                                .is_document = true};
    return PN_HTTP_HANDLED_STREAM;
}

static enum pn_http_handled send_parquet(struct pn_http_request *req, struct asked *asked)
{
    struct pn_api_query_wait *wait = &asked->wait;
    struct pn_err failure = {0};
    int64_t bytes = 0;
    int fd = -1;
    int rc = pn_executor_open_parquet(wait->executor, wait->id, wait->wait, &fd, &bytes, &failure);
    if (rc == PN_EXECUTOR_NOT_YET) {
        return pn_api_wait_for_query(req, wait);
    }
    if (rc != 0) {
        pn_executor_abandon(wait->executor, wait->id);
        pn_api_reply_executor_error(req, rc, &failure);
        return PN_HTTP_HANDLED;
    }
    req->content_type = FORMATS[FORMAT_PARQUET].type;
    return pn_api_send_file(req, fd, end_parquet, begin_answering(asked));
}

/* --- the request ------------------------------------------------------------------------------ */

static enum pn_http_handled begin(struct pn_http_request *req, struct pn_api_query_routes *routes)
{
    struct pn_api_question question;
    struct asked *asked = pn_arena_calloc(&req->arena, 1, sizeof *asked);
    struct pn_err failure = {0};
    if (!pn_api_read_question(req, routes->pipeline, pn_api_sql_fields, &question) ||
        !choose_format(req, &question, &asked->format)) {
        return PN_HTTP_HANDLED;
    }
    question.request.output = asked->format == FORMAT_CSV && is_protected(req, &question)
                                  ? PN_QUERY_CSV_PROTECTED
                                  : FORMATS[asked->format].output;
    asked->wait.executor = routes->executor;
    asked->wait.streams = question.request.output != PN_QUERY_KEEP;
    int rc = pn_executor_submit(routes->executor, &question.request, asked->wait.id, &failure);
    if (rc != 0) {
        pn_api_reply_executor_error(req, rc, &failure);
        return PN_HTTP_HANDLED;
    }
    memcpy(asked->wait.wait, asked->wait.id, sizeof asked->wait.wait);
    req->state = asked;
    return pn_api_wait_for_query(req, &asked->wait);
}

enum pn_http_handled pn_api_handle_sql(struct pn_http_request *req, void *arg)
{
    struct pn_api_query_routes *routes = arg;
    struct asked *asked = req->state;
    struct pn_query_status status;
    struct pn_err failure = {0};
    if (asked == NULL) {
        return begin(req, routes);
    }
    if (req->expired || pn_http_request_client_is_gone(req)) {
        pn_executor_abandon(routes->executor, asked->wait.id);
        req->retry_after_s = 1;
        pn_api_reply_error(req, 503, NULL, "the server is stopping");
        return PN_HTTP_HANDLED;
    }
    if (pn_executor_status(routes->executor, asked->wait.id, &req->arena, &status, &failure) != 0) {
        pn_api_reply_failure(req, &failure);
        return PN_HTTP_HANDLED;
    }
    if (status.state == PN_QUERY_FAILED || status.state == PN_QUERY_CANCELLED) {
        pn_api_reply_query_failure(req, &status);
        return PN_HTTP_HANDLED;
    }
    return asked->format == FORMAT_PARQUET ? send_parquet(req, asked) : send_stream(req, asked);
}
