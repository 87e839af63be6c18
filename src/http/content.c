#include "http/content.h"

#include <inttypes.h>
#include <string.h>

#include <openssl/sha.h>

#include "base/gunzip.h"
#include "base/gzip.h"
#include "http/accept.h"

static void add_vary(struct pn_http_request *req)
{
    for (size_t i = 0; i < req->header_count; i++) {
        if (strcmp(req->headers[i].name, "Vary") == 0) {
            return;
        }
    }
    pn_http_reply_header(req, "Vary", "Accept-Encoding");
}

/* --- entity tags ------------------------------------------------------------------------------ */

bool pn_http_reply_is_known(struct pn_http_request *req, const char *etag)
{
    const char *known = pn_http_request_header(req, "If-None-Match");
    pn_http_reply_header(req, "ETag", etag);
    add_vary(req);
    if (known == NULL || req->method != PN_HTTP_GET || !pn_http_etag_is_known(known, etag)) {
        return false;
    }
    pn_buf_reset(&req->out);
    req->status = 304;
    return true;
}

bool pn_http_reply_is_known_body(struct pn_http_request *req)
{
    unsigned char sum[SHA256_DIGEST_LENGTH];
    uint64_t word = 0;
    (void)SHA256((const unsigned char *)pn_buf_text(&req->out), req->out.len, sum);
    memcpy(&word, sum, sizeof word);
    return pn_http_reply_is_known(req, pn_arena_printf(&req->arena, "W/\"%016" PRIx64 "\"", word));
}

/* --- compression ------------------------------------------------------------------------------ */

void pn_http_reply_compress(struct pn_http_request *req)
{
    struct pn_buf *out = &req->out;
    add_vary(req);
    if (out->len < PN_HTTP_COMPRESS_BYTES_MIN || pn_buf_failed(out) ||
        !pn_http_accept_encoding(pn_http_request_header(req, "Accept-Encoding"), "gzip")) {
        return;
    }
    struct pn_buf zipped;
    pn_buf_init(&zipped, out->len);
    if (pn_gzip(out->data, out->len, &zipped)) {
        pn_buf_reset(out);
        pn_buf_add(out, zipped.data, zipped.len);
        pn_http_reply_header(req, "Content-Encoding", "gzip");
    }
    pn_buf_deinit(&zipped);
}

/* The compressed body, as a source. */
static int read_body(void *arg, void *bytes, size_t len, int64_t offset, size_t *got,
                     struct pn_err *e)
{
    const struct pn_buf *body = arg;
    (void)e;
    size_t at = (size_t)offset < body->len ? (size_t)offset : body->len;
    *got = len < body->len - at ? len : body->len - at;
    memcpy(bytes, body->data + at, *got);
    return 0;
}

void pn_http_reply_is_gzipped(struct pn_http_request *req)
{
    enum { PIECE_BYTES = 64 * 1024 };
    struct pn_buf *out = &req->out;
    add_vary(req);
    if (pn_buf_failed(out) ||
        pn_http_accept_encoding(pn_http_request_header(req, "Accept-Encoding"), "gzip")) {
        pn_http_reply_header(req, "Content-Encoding", "gzip");
        return;
    }
    struct pn_buf zipped;
    pn_buf_init(&zipped, out->len + 1);
    pn_buf_add(&zipped, out->data, out->len);
    pn_buf_reset(out);
    struct pn_gunzip *gunzip =
        pn_gunzip_create(read_body, &zipped, "the reply's body", (int64_t)out->max);
    int rc = 0;
    for (size_t got = 1; rc == 0 && got > 0 && pn_buf_reserve(out, PIECE_BYTES);) {
        rc = pn_gunzip_read(gunzip, out->data + out->len, PIECE_BYTES, &got, NULL);
        out->len += rc == 0 ? got : 0;
    }
    PN_ASSERT(rc == 0); /* the program made the body itself */
    pn_gunzip_destroy(&gunzip);
    pn_buf_deinit(&zipped);
}
