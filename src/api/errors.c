#include "api/errors.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/json_writer.h"

static const struct {
    int status;
    const char *code;
} codes[] = {
    {400, "bad_request"},
    {401, "unauthenticated"},
    {403, "forbidden"},
    {404, "not_found"},
    {405, "method_not_allowed"},
    {406, "not_acceptable"},
    {408, "timeout"},
    {409, "conflict"},
    {413, "too_large"},
    {415, "unsupported_media_type"},
    {421, "wrong_host"},
    {429, "busy"},
    {431, "header_too_large"},
    {500, "internal"},
    {501, "not_implemented"},
    {503, "unavailable"},
    {504, "timeout"},
};
enum { CODES = sizeof codes / sizeof *codes };

const char *pn_api_error_code(int status)
{
    for (size_t i = 0; i < CODES; i++) {
        if (codes[i].status == status) {
            return codes[i].code;
        }
    }
    return status >= 500 ? "internal" : "bad_request";
}

int pn_api_error_status(size_t i)
{
    return i < CODES ? codes[i].status : 0;
}

static void reply(struct pn_http_request *req, int status, const char *hint, const char *message)
{
    struct pn_json_writer json;
    req->status = status;
    req->content_type = PN_HTTP_TYPE_JSON;
    pn_buf_reset(&req->out);
    pn_json_writer_init(&json, &req->out);
    pn_json_put_object(&json);
    pn_json_add_object(&json, "error");
    pn_json_add_cstr(&json, "code", pn_api_error_code(status));
    pn_json_add_cstr(&json, "message", pn_http_request_public(req, message));
    if (hint != NULL) {
        pn_json_add_cstr(&json, "hint", hint);
    }
    pn_json_end(&json);
    pn_json_end(&json);
}

void pn_api_error(struct pn_http_request *req, int status, const char *message)
{
    reply(req, status, status == 404 ? "GET /api/v1/routes lists the routes" : NULL, message);
}

void pn_api_reply_error(struct pn_http_request *req, int status, const char *hint, const char *fmt,
                        ...)
{
    char message[PN_HTTP_ERROR_TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    reply(req, status, hint, message);
}

void pn_api_reply_failure(struct pn_http_request *req, const struct pn_err *failure)
{
    if (failure->class_ == PN_CLASS_RETRY) {
        req->retry_after_s = 1;
    }
    reply(req, pn_http_status_of(failure->class_), NULL, failure->msg);
}
