#include "ui/ui.h"

#include <stdlib.h>
#include <string.h>

#include "api/errors.h"
#include "http/accept.h"
#include "http/content.h"
#include "ui/assets.h"

/* What a page may do: run our scripts, ask our server, and nothing else. layout.ts makes the one
 * trusted value, the address of the Worker. */
#define POLICY                                                                        \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " \
    "connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; "    \
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types pinion"

#define PAGE "index.html"

static int compare(const void *name, const void *asset)
{
    return strcmp(name, ((const struct pn_ui_asset *)asset)->name);
}

static const struct pn_ui_asset *find(const char *name)
{
    return bsearch(name, pn_ui_assets, pn_ui_asset_count, sizeof *pn_ui_assets, compare);
}

/* The file at a path below /ui: its own, or the page's. NULL: neither. */
static const struct pn_ui_asset *asset_at(const char *path)
{
    bool is_file = strchr(path, '/') == NULL && strchr(path, '.') != NULL;
    return find(is_file ? path : PAGE);
}

static enum pn_http_handled serve_asset(struct pn_http_request *req, void *arg)
{
    (void)arg;
    const struct pn_ui_asset *asset = asset_at(req->params[0]);
    if (asset == NULL) {
        pn_api_reply_error(req, 404, "load the page again: the server may have another version now",
                           "there is no file /ui/%s", req->params[0]);
        return PN_HTTP_HANDLED;
    }
    bool is_hashed = strchr(asset->name, '-') != NULL;
    pn_http_reply_header(req, "Cache-Control",
                         is_hashed ? "public, max-age=31536000, immutable" : "no-cache");
    req->status = 200;
    req->content_type = asset->type;
    /* A strong tag is of one sequence of bytes (RFC 9110, section 8.8.3.3). */
    bool is_zipped =
        asset->is_gzipped &&
        pn_http_accept_encoding(pn_http_request_header(req, "Accept-Encoding"), "gzip");
    if (!pn_http_reply_is_known(req, is_zipped ? asset->gzip_etag : asset->etag)) {
        pn_buf_add(&req->out, asset->bytes, asset->len);
        if (asset->is_gzipped) {
            pn_http_reply_is_gzipped(req);
        }
    }
    return PN_HTTP_HANDLED;
}

/* The pages use none of these: text is copied by a click, and nothing else of the browser's. */
#define PERMISSIONS \
    "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"

static void begin(struct pn_http_request *req)
{
    pn_http_reply_no_embedding(req);
    pn_http_reply_header(req, "Content-Security-Policy", POLICY);
    pn_http_reply_header(req, "X-Frame-Options", "DENY");
    pn_http_reply_header(req, "Referrer-Policy", "no-referrer");
    pn_http_reply_header(req, "Permissions-Policy", PERMISSIONS);
    pn_http_reply_header(req, "Cross-Origin-Opener-Policy", "same-origin");
}

static const struct pn_http_route routes[] = {
    {PN_HTTP_GET, "ui/**", serve_asset, 0, PN_RIGHT_OPEN, PN_OF_NOTHING},
    {.pattern = NULL},
};

static const char *const words[] = {"ui", NULL};

static const struct pn_http_front front = {
    .name = "ui", .routes = routes, .words = words, .begin = begin, .error = pn_api_error};

void pn_ui_add(struct pn_http_server *server)
{
    pn_http_server_add_front(server, &front, NULL);
}
