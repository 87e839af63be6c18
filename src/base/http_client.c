#include "base/http_client.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

struct pn_http_client {
    CURL *curl;
    char *url;
    char *api_key; /* or NULL */
    bool is_signed;
    bool is_foreign;
    int64_t date_ms; /* of the last answer; 0: not said */
};

const char *pn_http_client_key(void)
{
    const char *key = getenv("PINION_API_KEY");
    return key != NULL && key[0] != '\0' ? key : NULL;
}

const char *pn_http_client_failure_advice(int code)
{
    if (code == CURLE_COULDNT_CONNECT) {
        return PN_HTTP_NOBODY_THERE;
    }
    return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE
               ? " (set PINION_CA_FILE to a PEM file with the CA of the server's certificate; the "
                 "certificate must contain the host of the URL)"
               : "";
}

/* --- options of libcurl --------------------------------------------------------------------- */

static void sign(CURL *curl, const struct pn_http_client_config *config)
{
    char *signing = pn_xasprintf("aws:amz:%s:%s", config->region,
                                 config->service != NULL ? config->service : "kinesis");
    (void)curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, signing);
    (void)curl_easy_setopt(curl, CURLOPT_USERNAME, config->access_key);
    (void)curl_easy_setopt(curl, CURLOPT_PASSWORD, config->secret_key);
    free(signing);
}

void *pn_http_client_curl(const struct pn_http_client_config *config)
{
    CURL *curl = curl_easy_init();
    PN_ASSERT(curl != NULL);
    const char *trusted = getenv("PINION_CA_FILE");
    if (trusted != NULL && trusted[0] != '\0') {
        (void)curl_easy_setopt(curl, CURLOPT_CAINFO, trusted);
    }
    if (config->access_key != NULL) {
        sign(curl, config);
    }
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)config->timeout_ms);
    (void)curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    return curl;
}

static struct curl_slist *add_header(struct curl_slist *headers, const char *line)
{
    struct curl_slist *added = curl_slist_append(headers, line);
    PN_ASSERT(added != NULL);
    return added;
}

void *pn_http_client_headers(const struct pn_http_client_config *config, const char *const *headers)
{
    /* A body is sent at once, without asking first. libcurl would include the name of this header,
     * which it does not send, in a signature, and AWS refuses that. */
    struct curl_slist *list = config->access_key == NULL ? add_header(NULL, "Expect:") : NULL;
    for (; headers != NULL && *headers != NULL; headers++) {
        list = add_header(list, *headers);
    }
    if (config->api_key != NULL) {
        char *line = pn_xasprintf("x-api-key: %s", config->api_key);
        list = add_header(list, line);
        free(line);
    }
    return list;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct pn_buf *out = arg;
    pn_buf_add(out, bytes, size * count);
    return pn_buf_failed(out) ? 0 : size * count;
}

/* --- the client ------------------------------------------------------------------------------- */

struct pn_http_client *pn_http_client_create(const struct pn_http_client_config *config)
{
    struct pn_http_client *client = pn_xcalloc(1, sizeof *client);
    client->curl = pn_http_client_curl(config);
    client->url = pn_xstrdup(config->url);
    client->api_key = config->api_key != NULL ? pn_xstrdup(config->api_key) : NULL;
    client->is_signed = config->access_key != NULL;
    client->is_foreign = config->is_foreign;
    return client;
}

void pn_http_client_destroy(struct pn_http_client **client)
{
    struct pn_http_client *gone = *client;
    if (gone == NULL) {
        return;
    }
    curl_easy_cleanup(gone->curl);
    free(gone->url);
    free(gone->api_key);
    free(gone);
    *client = NULL;
}

static int64_t date_of(CURL *curl)
{
    struct curl_header *date = NULL;
    if (curl_easy_header(curl, "Date", 0, CURLH_HEADER, -1, &date) != CURLHE_OK) {
        return 0;
    }
    time_t seconds = curl_getdate(date->value, NULL);
    return seconds > 0 ? (int64_t)seconds * 1000 : 0;
}

int64_t pn_http_client_date_ms(const struct pn_http_client *client)
{
    return client->date_ms;
}

int pn_http_client_send(struct pn_http_client *client, const struct pn_http_client_request *request,
                        long *status, struct pn_buf *out, struct pn_err *e)
{
    CURL *curl = client->curl;
    char *url = pn_xasprintf("%s%s", client->url, request->path);
    const struct pn_http_client_config config = {.api_key = client->api_key,
                                                 .access_key = client->is_signed ? "" : NULL};
    struct curl_slist *headers = pn_http_client_headers(&config, request->headers);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    if (request->body != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body);
    } else {
        (void)curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    }
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
    client->date_ms = 0;
    CURLcode code = curl_easy_perform(curl);
    int rc = 0;
    if (code == CURLE_OK) {
        (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
        client->date_ms = date_of(curl);
    } else {
        bool unhelpful = client->is_foreign && code == CURLE_COULDNT_CONNECT;
        rc = pn_err_set(e, PN_CLASS_RETRY, PN_FAIL, "%s %s: %s%s", request->method, url,
                        curl_easy_strerror(code),
                        unhelpful ? "" : pn_http_client_failure_advice((int)code));
    }
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    free(url);
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

void pn_http_client_error_text(const struct pn_json *root, const char **text, size_t *len)
{
    (void)pn_json_get_text(pn_json_get(root, "error"), "message", text, len);
}

/* The message of an error body, or the body as it is. */
static void refuse(const char *method, const char *path, long status, const struct pn_buf *body,
                   struct pn_err *e)
{
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    const char *text = pn_buf_text(body);
    size_t len = body->len;
    if (pn_json_parse(parser, text, len, len, &root, NULL) == 0) {
        pn_http_client_error_text(root, &text, &len);
    }
    (void)pn_err_set(e, status >= 500 ? PN_CLASS_RETRY : PN_CLASS_INPUT, PN_FAIL,
                     "the server answered %s %s with %ld: %.*s%s", method, path, status,
                     (int)(len < 400 ? len : 400), text, pn_http_client_key_advice(status));
    pn_json_parser_destroy(&parser);
}

int pn_http_client_call(const char *method, const char *url, const char *path, const char *json,
                        int64_t timeout_ms, struct pn_buf *out, struct pn_err *e)
{
    static const char *const json_headers[] = {"Content-Type: application/json", NULL};
    const struct pn_http_client_config config = {
        .url = url, .timeout_ms = timeout_ms, .api_key = pn_http_client_key()};
    const struct pn_http_client_request request = {.method = method,
                                                   .path = path,
                                                   .headers = json != NULL ? json_headers : NULL,
                                                   .body = json,
                                                   .body_len = json != NULL ? strlen(json) : 0};
    struct pn_http_client *client = pn_http_client_create(&config);
    long status = 0;
    size_t before = out->len;
    int rc = pn_http_client_send(client, &request, &status, out, e);
    if (rc == 0 && (status < 200 || status > 299)) {
        const struct pn_buf body = {.data = out->data + before, .len = out->len - before};
        refuse(method, path, status, &body, e);
        rc = PN_FAIL;
    }
    pn_http_client_destroy(&client);
    return rc;
}
