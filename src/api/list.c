#include "api/list.h"

#include <string.h>

#include "api/errors.h"
#include "base/base64.h"

enum { CURSOR_BYTES_MAX = 4096 };

int pn_api_list_cursor(struct pn_http_request *req, const char *cursor, const char **after,
                       struct pn_err *e)
{
    const void *held = NULL;
    size_t len = 0;
    if (strlen(cursor) > CURSOR_BYTES_MAX ||
        !pn_base64_decode_exact(&req->arena, cursor, strlen(cursor), &held, &len) || len == 0 ||
        memchr(held, '\0', len) != NULL) {
        return pn_err_input(e, "`cursor` is not one of this list: take it from the `next` of the"
                               " page before, or leave it out for the first page");
    }
    *after = pn_arena_printf(&req->arena, "%.*s", (int)len, (const char *)held);
    return 0;
}

int pn_api_list_page(struct pn_http_request *req, struct pn_api_page *page, struct pn_err *e)
{
    const char *cursor = pn_http_request_query(req, "cursor");
    page->after = NULL;
    page->limit = (size_t)pn_api_query_i64(req, "limit", PN_API_LIMIT_DEFAULT);
    return cursor != NULL ? pn_api_list_cursor(req, cursor, &page->after, e) : 0;
}

struct pn_row_writer *pn_api_list_begin(struct pn_api_list *list, struct pn_http_request *req)
{
    const struct pn_byte_sink sink = pn_byte_sink_buf(&req->out);
    list->req = req;
    pn_json_writer_init(&list->json, &req->out);
    pn_json_put_object(&list->json);
    pn_json_put_key(&list->json, "items");
    pn_json_open_raw(&list->json);
    list->rows = pn_row_writer_create(&sink, PN_FORMAT_API);
    return list->rows;
}

void pn_api_list_add_cursor(struct pn_json_writer *json, const char *name, const char *holds)
{
    struct pn_buf cursor;
    pn_buf_init(&cursor, 2 * CURSOR_BYTES_MAX);
    pn_base64_encode(&cursor, holds, strlen(holds));
    pn_json_add_cstr(json, name, pn_buf_text(&cursor));
    pn_buf_deinit(&cursor);
}

void pn_api_list_add_next(struct pn_json_writer *json, const char *next)
{
    pn_api_list_add_cursor(json, "next", next);
}

enum pn_http_handled pn_api_list_end(struct pn_api_list *list, const char *next)
{
    struct pn_http_request *req = list->req;
    pn_row_writer_end(&list->rows);
    if (next != NULL) {
        pn_api_list_add_next(&list->json, next);
    }
    pn_json_end(&list->json);
    req->status = 200;
    return PN_HTTP_HANDLED;
}

enum pn_http_handled pn_api_list_fail(struct pn_api_list *list, const struct pn_err *failure)
{
    pn_row_writer_break(&list->rows);
    pn_buf_reset(&list->req->out);
    pn_api_reply_failure(list->req, failure);
    return PN_HTTP_HANDLED;
}
