#include "http/request.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/percent.h"
#include "http/internal.h"

const char *pn_http_request_header(const struct pn_http_request *req, const char *name)
{
    return MHD_lookup_connection_value(pn_http_conn_of_const(req)->mhd, MHD_HEADER_KIND, name);
}

const char *pn_http_request_query(struct pn_http_request *req, const char *name)
{
    const char *raw =
        MHD_lookup_connection_value(pn_http_conn_of(req)->mhd, MHD_GET_ARGUMENT_KIND, name);
    return raw != NULL ? pn_percent_decode(&req->arena, raw, strlen(raw)) : NULL;
}

/* A Host header goes back into replies: only what can be part of one is taken. */
static bool is_host(const char *host)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]";
    return *host != '\0' && strlen(host) <= 255 && host[strspn(host, allowed)] == '\0';
}

const char *pn_http_request_base_uri(struct pn_http_request *req)
{
    const char *host = pn_http_request_header(req, "Host");
    const char *proto = pn_http_request_header(req, "X-Forwarded-Proto");
    const char *stage = pn_http_conn_of(req)->stage;
    if (host == NULL || !is_host(host)) {
        host = pn_arena_printf(&req->arena, "localhost:%u", (unsigned)req->server->listener.port);
    }
    struct pn_buf encoded;
    pn_buf_init(&encoded, 4096);
    if (stage != NULL) {
        pn_buf_addc(&encoded, '/');
        pn_percent_encode(&encoded, stage);
    }
    bool is_https = req->server->tls != NULL || (proto != NULL && strcmp(proto, "https") == 0);
    const char *uri = pn_arena_printf(&req->arena, "%s://%s%s", is_https ? "https" : "http", host,
                                      pn_buf_text(&encoded));
    pn_buf_deinit(&encoded);
    return uri;
}

/* --- headers and parameters ------------------------------------------------------------------- */

static enum MHD_Result count_pair(void *arg, enum MHD_ValueKind kind, const char *name,
                                  const char *value)
{
    (void)kind;
    (void)name;
    (void)value;
    struct pn_http_pairs *pairs = arg;
    pairs->count++;
    return MHD_YES;
}

static enum MHD_Result take_pair(void *arg, enum MHD_ValueKind kind, const char *name,
                                 const char *value)
{
    (void)kind;
    struct pn_http_pairs *pairs = arg;
    pairs->items[pairs->count++] = (struct pn_http_pair){.name = name, .value = value};
    return MHD_YES;
}

static struct pn_http_pairs list(struct pn_http_request *req, enum MHD_ValueKind kind)
{
    struct MHD_Connection *mhd = pn_http_conn_of(req)->mhd;
    struct pn_http_pairs pairs = {0};
    (void)MHD_get_connection_values(mhd, kind, count_pair, &pairs);
    pairs.items = pn_arena_calloc(&req->arena, pairs.count + 1, sizeof *pairs.items);
    pairs.count = 0;
    (void)MHD_get_connection_values(mhd, kind, take_pair, &pairs);
    return pairs;
}

struct pn_http_pairs pn_http_request_headers(struct pn_http_request *req)
{
    return list(req, MHD_HEADER_KIND);
}

struct pn_http_pairs pn_http_request_queries(struct pn_http_request *req)
{
    return list(req, MHD_GET_ARGUMENT_KIND);
}

bool pn_http_request_is_for_page(const struct pn_http_request *req)
{
    return pn_http_conn_of_const(req)->cors != NULL &&
           pn_http_request_header(req, "Origin") != NULL;
}

struct pn_random *pn_http_request_random(struct pn_http_request *req)
{
    return &pn_http_conn_of(req)->worker->random;
}

/* --- errors ----------------------------------------------------------------------------------- */

/* Where there is no front to ask. */
static void plain_error(struct pn_http_request *req, int status, const char *message)
{
    req->status = status;
    req->content_type = "text/plain; charset=utf-8";
    pn_buf_reset(&req->out);
    pn_utf8_add_clean(&req->out, message, strlen(message));
    pn_buf_addc(&req->out, '\n');
}

int pn_http_status_of(enum pn_class class_)
{
    switch (class_) {
    case PN_CLASS_MISSING:
        return 404;
    case PN_CLASS_INPUT:
        return 400;
    case PN_CLASS_CONFLICT:
        return 409;
    case PN_CLASS_RETRY:
        return 503;
    case PN_CLASS_NONE:
    case PN_CLASS_CORRUPT:
    case PN_CLASS_FATAL:
        break;
    }
    return 500;
}

void pn_http_reply_error(struct pn_http_request *req, int status, const char *fmt, ...)
{
    char message[PN_HTTP_ERROR_TEXT_MAX];
    const struct pn_http_front *front = pn_http_conn_of(req)->front;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    (front != NULL && front->error != NULL ? front->error : plain_error)(req, status, message);
}

void pn_http_reply_header(struct pn_http_request *req, const char *name, const char *value)
{
    PN_ASSERT(req->header_count < PN_HTTP_REPLY_HEADERS_MAX);
    req->headers[req->header_count++] = (struct pn_http_reply_header){.name = name, .value = value};
}

void pn_http_reply_no_embedding(struct pn_http_request *req)
{
    pn_http_reply_header(req, "X-Content-Type-Options", "nosniff");
    pn_http_reply_header(req, "Cross-Origin-Resource-Policy", "same-origin");
}

void pn_http_reply_none(struct pn_http_request *req)
{
    req->status = 204;
    pn_buf_reset(&req->out);
}

bool pn_http_request_is_of_type(const struct pn_http_request *req, const char *type)
{
    const char *sent = pn_http_request_header(req, "Content-Type");
    size_t len = strlen(type);
    return sent != NULL && strncasecmp(sent, type, len) == 0 && strchr("; \t", sent[len]) != NULL;
}

/* --- texts and bodies --------------------------------------------------------------------------*/

const char *pn_http_request_public(struct pn_http_request *req, const char *text)
{
    const char *folder = req->server->config.data_folder;
    if (text == NULL || folder == NULL || folder[0] == '\0') {
        return text;
    }
    const char *found = strstr(text, folder);
    if (found == NULL) {
        return text;
    }
    size_t len = strlen(folder);
    char *clean = pn_arena_alloc(&req->arena, strlen(text) + 1);
    char *end = clean;
    for (; found != NULL; found = strstr(text, folder)) {
        memcpy(end, text, (size_t)(found - text));
        end += found - text;
        text = found + len;
        size_t slashes = strspn(text, "/");
        if (slashes == 0) {
            *end++ = '.'; /* the folder itself */
        }
        text += slashes;
    }
    memcpy(end, text, strlen(text) + 1);
    return clean;
}

void pn_http_request_refuse_json(struct pn_http_request *req, int rc, const struct pn_err *e)
{
    if (rc == PN_JSON_TOO_MANY) {
        pn_http_reply_error(req, 413, "The request body is %s", e->msg);
    } else if (rc == PN_JSON_TOO_DEEP) {
        pn_http_reply_error(req, 400, "The request body is too deep: %s", e->msg);
    } else {
        pn_http_reply_error(req, 400, "The request body is not JSON: %s", e->msg);
    }
}

int pn_http_request_json(struct pn_http_request *req, struct pn_json **root)
{
    *root = NULL;
    if (req->body_len == 0) {
        return 0;
    }
    struct pn_err e;
    int rc = pn_json_parse(req->parser, req->body, req->body_len, req->body_capacity, root, &e);
    if (rc != 0) {
        pn_http_request_refuse_json(req, rc, &e);
    }
    return rc == 0 ? 0 : -1;
}
