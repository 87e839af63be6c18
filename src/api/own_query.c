#include "api/own_query.h"

#include <string.h>

#include "api/errors.h"
#include "api/query_internal.h"
#include "query/rows_file.h"

enum { PAGE_ROWS = 1000 };

static bool is_due(struct pn_http_request *req)
{
    const struct pn_api_own_query *own = req->state;
    return pn_http_request_client_is_gone(req) || pn_executor_ended(own->executor, own->id);
}

enum pn_http_handled pn_api_own_query_begin(struct pn_http_request *req,
                                            struct pn_executor *executor,
                                            const struct pn_query_request *request, void *arg)
{
    struct pn_api_own_query *own = pn_arena_calloc(&req->arena, 1, sizeof *own);
    struct pn_err failure = {0};
    own->executor = executor;
    own->arg = arg;
    int rc = pn_executor_submit(executor, request, own->id, &failure);
    if (rc != 0) {
        pn_api_reply_executor_error(req, rc, &failure);
        return PN_HTTP_HANDLED;
    }
    req->state = own;
    pn_http_request_watch_client(req);
    req->ready = is_due;
    req->wait_until_ns = INT64_MAX;
    return PN_HTTP_HANDLED_WAIT;
}

static int read_rows(struct pn_api_own_query *own,
                     int (*row)(void *arg, const char *const *cells, size_t count), void *arg,
                     struct pn_err *e)
{
    static const struct pn_query_sort unsorted = {.column = -1};
    struct pn_rows_reader *reader = NULL;
    char wait[PN_QUERY_ID_SIZE];
    int64_t at = 0;
    int64_t read = 1;
    int rc = pn_executor_open_rows(own->executor, own->id, &unsorted, wait, &reader, e);
    while (rc == 0 && read > 0) {
        rc = pn_rows_reader_page(reader, at, PAGE_ROWS, row, arg, &read, e);
        at += read;
    }
    pn_rows_reader_destroy(&reader);
    return rc;
}

bool pn_api_own_query_rows(struct pn_http_request *req, struct pn_api_own_query *own,
                           int (*row)(void *arg, const char *const *cells, size_t count), void *arg)
{
    struct pn_err failure = {0};
    int rc = 0;
    if (req->expired || pn_http_request_client_is_gone(req)) {
        pn_executor_abandon(own->executor, own->id);
        req->retry_after_s = 1;
        pn_api_reply_error(req, 503, NULL, "the server is stopping");
        return false;
    }
    rc = pn_executor_status(own->executor, own->id, &req->arena, &own->status, &failure);
    if (rc == 0 && own->status.state != PN_QUERY_DONE) {
        pn_api_reply_query_failure(req, &own->status);
        pn_executor_abandon(own->executor, own->id);
        return false;
    }
    if (rc == 0) {
        rc = read_rows(own, row, arg, &failure);
    }
    pn_executor_abandon(own->executor, own->id);
    if (rc != 0) {
        pn_buf_reset(&req->out);
        if (failure.class_ == PN_CLASS_NONE) {
            pn_api_reply_error(req, 413, "ask for fewer rows", "the reply is too large");
        } else {
            pn_api_reply_failure(req, &failure);
        }
    }
    return rc == 0;
}

const char *pn_api_cell_text(struct pn_http_request *req, const char *cell, size_t *len)
{
    struct pn_json *root = NULL;
    size_t bytes = strlen(cell);
    const char *text = NULL;
    if (pn_json_parse(req->parser, cell, bytes, bytes, &root, NULL) == 0 &&
        root->type != PN_JSON_NULL) {
        bool quoted = root->type == PN_JSON_STRING;
        bytes = quoted ? root->text_len : root->raw_len;
        text = pn_arena_strndup(&req->arena, quoted ? root->text : root->raw, bytes);
    }
    if (len != NULL) {
        *len = text != NULL ? bytes : 0;
    }
    return text;
}
