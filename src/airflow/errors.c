#include "airflow/errors.h"

#include <stdarg.h>
#include <stdio.h>

#include "airflow/call.h"

static const char NOT_PART[] = "not part of pinion's subset: see /api/v1/openapi.json";

static void begin(struct pn_http_request *req, int status, struct pn_json_writer *json)
{
    req->status = status;
    req->content_type = PN_HTTP_TYPE_JSON;
    pn_buf_reset(&req->out);
    pn_json_writer_init(json, &req->out);
    pn_json_put_object(json);
}

static void reply(struct pn_http_request *req, int status, const char *message)
{
    struct pn_json_writer json;
    begin(req, status, &json);
    pn_json_add_cstr(&json, "detail", pn_http_request_public(req, message));
    pn_json_end(&json);
}

void pn_airflow_error(struct pn_http_request *req, int status, const char *message)
{
    reply(req, status, status == 404 ? NOT_PART : message);
}

void pn_airflow_reply_failure(struct pn_http_request *req, const struct pn_err *failure)
{
    req->retry_after_s = failure->class_ == PN_CLASS_RETRY ? 1 : 0;
    reply(req, pn_http_status_of(failure->class_), failure->msg);
}

int pn_airflow_refuse(struct pn_airflow_call *call, const char *where, const char *name,
                      const char *type, const char *fmt, ...)
{
    char message[PN_HTTP_ERROR_TEXT_MAX];
    struct pn_json_writer json;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    begin(call->req, 422, &json);
    pn_json_add_array(&json, "detail");
    pn_json_put_object(&json);
    pn_json_add_cstr(&json, "type", type);
    pn_json_add_array(&json, "loc");
    pn_json_put_cstr(&json, where);
    if (name != NULL) {
        pn_json_put_cstr(&json, name);
    }
    pn_json_end(&json);
    pn_json_add_cstr(&json, "msg", message);
    pn_json_end(&json);
    pn_json_end(&json);
    pn_json_end(&json);
    call->replied = true;
    return PN_FAIL;
}
