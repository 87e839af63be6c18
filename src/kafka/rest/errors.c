#include "kafka/rest/errors.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "log/log.h"

static void reply_message(struct pn_http_request *req, int status, int code, const char *msg)
{
    msg = pn_http_request_public(req, msg);
    req->status = status;
    req->content_type = PN_KAFKA_REST_TYPE;
    pn_buf_reset(&req->out);
    /* Messages quote what clients sent, which may be no UTF-8: the writer sees to that. */
    struct pn_json_writer json;
    pn_json_writer_init(&json, &req->out);
    pn_json_put_object(&json);
    pn_json_add_i64(&json, "error_code", code);
    pn_json_add_cstr(&json, "message", msg);
    pn_json_end(&json);
}

/* The original's words, where it has some. */
static const char *words_of(int status, const char *message)
{
    return status == 404   ? "HTTP 404 Not Found"
           : status == 405 ? "HTTP 405 Method Not Allowed"
                           : message;
}

void pn_kafka_rest_error(struct pn_http_request *req, int status, const char *message)
{
    message = words_of(status, message);
    reply_message(req, status, status == 503 ? PN_KAFKA_REST_CODE_RETRIABLE : status, message);
}

void pn_kafka_rest_reply_error(struct pn_http_request *req, int status, int code, const char *fmt,
                               ...)
{
    char msg[PN_HTTP_ERROR_TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(msg, sizeof msg, fmt, args);
    va_end(args);
    reply_message(req, status, code, msg);
}

int pn_kafka_rest_error_code(enum pn_class class_, int code, int *status)
{
    static const struct {
        int code;
        int status;
        int number;
    } said[] = {
        {PN_LOG_NOT_AUTHENTICATED, 401, PN_KAFKA_REST_CODE_NOT_AUTHENTICATED},
        {PN_LOG_NOT_AUTHORIZED, 403, PN_KAFKA_REST_CODE_NOT_AUTHORIZED},
        {PN_LOG_NO_BROKER, 503, PN_KAFKA_REST_CODE_NO_BROKER},
    };
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        if (said[i].code == code) {
            *status = said[i].status;
            return said[i].number;
        }
    }
    switch (class_) {
    case PN_CLASS_MISSING:
        *status = 404;
        return PN_KAFKA_REST_CODE_TOPIC_NOT_FOUND;
    case PN_CLASS_INPUT:
    case PN_CLASS_CONFLICT:
        *status = 400;
        return PN_KAFKA_REST_CODE_BAD_REQUEST;
    case PN_CLASS_RETRY:
        *status = 503;
        return PN_KAFKA_REST_CODE_RETRIABLE;
    case PN_CLASS_NONE:
    case PN_CLASS_CORRUPT:
    case PN_CLASS_FATAL:
        break;
    }
    *status = 500;
    return PN_KAFKA_REST_CODE_ERROR;
}

void pn_kafka_rest_reply_log_error(struct pn_http_request *req, const struct pn_err *e)
{
    int status = 0;
    int code = pn_kafka_rest_error_code(e->class_, e->code, &status);
    if (code == PN_KAFKA_REST_CODE_TOPIC_NOT_FOUND) {
        pn_kafka_rest_reply_error(req, status, code, "Topic not found.");
        return;
    }
    if (status == 503) {
        req->retry_after_s = 1;
    }
    reply_message(req, status, code, e->msg);
}
