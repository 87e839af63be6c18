#include "http/request.h"

#include <string.h>

#include "base/mem.h"
#include "http/internal.h"
#include "http/percent.h"
#include "kafka/rest/errors.h"

const char *pn_http_request_header(const struct pn_http_request *req, const char *name)
{
    const struct pn_http_conn *conn = (const struct pn_http_conn *)req;
    return MHD_lookup_connection_value(conn->mhd, MHD_HEADER_KIND, name);
}

const char *pn_http_request_query(struct pn_http_request *req, const char *name)
{
    const char *raw =
        MHD_lookup_connection_value(pn_http_conn_of(req)->mhd, MHD_GET_ARGUMENT_KIND, name);
    return raw != NULL ? pn_http_percent_decode(&req->arena, raw, strlen(raw)) : NULL;
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
        host = pn_arena_printf(&req->arena, "localhost:%u", pn_http_server_port(req->server));
    }
    struct pn_buf encoded;
    pn_buf_init(&encoded, 4096);
    if (stage != NULL) {
        pn_buf_addc(&encoded, '/');
        pn_http_percent_encode(&encoded, stage);
    }
    bool is_https = req->server->tls != NULL || (proto != NULL && strcmp(proto, "https") == 0);
    const char *uri = pn_arena_printf(&req->arena, "%s://%s%s", is_https ? "https" : "http", host,
                                      pn_buf_text(&encoded));
    pn_buf_deinit(&encoded);
    return uri;
}

void pn_http_reply_header(struct pn_http_request *req, const char *name, const char *value)
{
    PN_ASSERT(req->header_count < PN_HTTP_REPLY_HEADERS_MAX);
    req->headers[req->header_count++] = (struct pn_http_reply_header){.name = name, .value = value};
}

void pn_http_request_refuse_json(struct pn_http_request *req, int rc, const struct pn_err *e)
{
    if (rc == PN_JSON_TOO_MANY) {
        pn_http_reply_error(req, 413, 413, "The request body is %s", e->msg);
    } else if (rc == PN_JSON_TOO_DEEP) {
        pn_http_reply_error(req, 400, 400, "The request body is too deep: %s", e->msg);
    } else {
        pn_http_reply_error(req, 400, 400, "The request body is not JSON: %s", e->msg);
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
