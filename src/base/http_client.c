#include "base/http_client.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

static size_t take_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct pn_buf *out = arg;
    pn_buf_add(out, bytes, size * count);
    return pn_buf_failed(out) ? 0 : size * count;
}

static struct curl_slist *make_headers(const char *json)
{
    struct curl_slist *headers = NULL;
    const char *key = getenv("PINION_API_KEY");
    if (key != NULL && key[0] != '\0') {
        char *line = pn_xasprintf("x-api-key: %s", key);
        headers = curl_slist_append(headers, line);
        free(line);
    }
    if (json != NULL) {
        headers = curl_slist_append(headers, "Content-Type: application/json");
    }
    return headers;
}

void pn_http_client_trust(void *curl)
{
    const char *file = getenv("PINION_CA_FILE");
    if (file != NULL && file[0] != '\0') {
        (void)curl_easy_setopt((CURL *)curl, CURLOPT_CAINFO, file);
    }
}

const char *pn_http_client_failure_advice(int code)
{
    if (code == CURLE_COULDNT_CONNECT) {
        return PN_HTTP_NOBODY_THERE;
    }
    return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE
               ? " (PINION_CA_FILE names a PEM file with the CA of the server's certificate, which "
                 "must have the host of the URL among its names)"
               : "";
}

int pn_http_client_request(const char *method, const char *url, const char *path, const char *json,
                           int64_t timeout_ms, long *status, struct pn_buf *out, struct pn_err *e)
{
    char *whole = pn_xasprintf("%s%s", url, path);
    struct curl_slist *headers = make_headers(json);
    int rc = 0;
    CURL *curl = curl_easy_init();
    if (curl == NULL) {
        rc = pn_err_fatal(e, "cannot set up an HTTP client");
        goto out;
    }
    (void)curl_easy_setopt(curl, CURLOPT_URL, whole);
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    pn_http_client_trust(curl);
    if (json != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, json);
    }
    CURLcode code = curl_easy_perform(curl);
    if (code != CURLE_OK) {
        rc = pn_err_set(e, PN_CLASS_RETRY, PN_FAIL, "%s %s: %s%s", method, whole,
                        curl_easy_strerror(code), pn_http_client_failure_advice((int)code));
        goto out;
    }
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
out:
    if (curl != NULL) {
        curl_easy_cleanup(curl);
    }
    curl_slist_free_all(headers);
    free(whole);
    return rc;
}

const char *pn_http_client_key_advice(long status)
{
    bool is_set = getenv("PINION_API_KEY") != NULL;
    if (status == 401 && is_set) {
        return " (is PINION_API_KEY one of the server's API keys?)";
    }
    return status == 401 || (status == 403 && !is_set)
               ? " (set PINION_API_KEY to one of the server's API keys)"
               : "";
}

/* The "message" of an error body, or the body as it is. */
static void refuse(const char *method, const char *path, long status, const struct pn_buf *body,
                   struct pn_err *e)
{
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    const char *text = pn_buf_text(body);
    size_t len = body->len;
    if (pn_json_parse(parser, text, len, len, &root, NULL) == 0) {
        (void)pn_json_get_text(root, "message", &text, &len);
    }
    (void)pn_err_set(e, status >= 500 ? PN_CLASS_RETRY : PN_CLASS_INPUT, PN_FAIL,
                     "the server answered %s %s with %ld: %.*s%s", method, path, status,
                     (int)(len < 400 ? len : 400), text, pn_http_client_key_advice(status));
    pn_json_parser_destroy(&parser);
}

int pn_http_client_call(const char *method, const char *url, const char *path, const char *json,
                        int64_t timeout_ms, struct pn_buf *out, struct pn_err *e)
{
    long status = 0;
    size_t before = out->len;
    int rc = pn_http_client_request(method, url, path, json, timeout_ms, &status, out, e);
    if (rc == 0 && (status < 200 || status > 299)) {
        const struct pn_buf body = {.data = out->data + before, .len = out->len - before};
        refuse(method, path, status, &body, e);
        rc = PN_FAIL;
    }
    return rc;
}
