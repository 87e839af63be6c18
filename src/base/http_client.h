/*
 * The client of an HTTP server, by libcurl: a handle that keeps its connection from one request to
 * the next. Proxies of the environment are not used, and https trusts the CAs in the PEM file of
 * PINION_CA_FILE, when that's set, in place of the system's. For one thread at a time.
 */
#ifndef PN_BASE_HTTP_CLIENT_H
#define PN_BASE_HTTP_CLIENT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

/* After the message of a request that found nobody at its address. */
#define PN_HTTP_NOBODY_THERE " (is the server running? start one by: pinion serve)"

/* What to add to the message of an answer: for 401 and 403 what to do about the API key of
 * PINION_API_KEY, else "". */
const char *pn_http_client_key_advice(long status);

/* What to add to the message of a transfer that failed with this CURLcode, else "". */
const char *pn_http_client_failure_advice(int code);

/* The message in the body of an error of our own API; where there is none, both stay. */
void pn_http_client_error_text(const struct pn_json *root, const char **text, size_t *len);

struct pn_http_client_config {
    const char *url;     /* a request's path is appended to it */
    int64_t timeout_ms;  /* of a request */
    const char *api_key; /* sent as x-api-key, or NULL: pn_http_client_key() */
    bool is_foreign;     /* not a server of pinion: no advice how to start one */
    /* Each request is signed with AWS's Signature Version 4, unless these are NULL. */
    const char *access_key;
    const char *secret_key;
    const char *region;
    const char *service; /* the AWS service that is asked; NULL: "kinesis" */
};

/* The API key of PINION_API_KEY, NULL when that isn't set. */
const char *pn_http_client_key(void);

struct pn_http_client;
/* The config's strings are copied. Nothing is sent yet. Never NULL. */
struct pn_http_client *pn_http_client_create(const struct pn_http_client_config *config);
void pn_http_client_destroy(struct pn_http_client **client); /* NULL ok */

struct pn_http_client_request {
    const char *method;
    const char *path;           /* "" ok */
    const char *const *headers; /* "Name: value"; NULL after the last; NULL: none */
    const char *body;           /* NULL: none */
    size_t body_len;
};
/*
 * Appends the answer's body to `out`, and fails when it does not fit there; its status is in
 * *status. An answer is a success here, whatever its status; RETRY when there is none (nobody
 * listens, a time-out).
 */
int pn_http_client_send(struct pn_http_client *client, const struct pn_http_client_request *request,
                        long *status, struct pn_buf *out, struct pn_err *e) PN_MUST_CHECK;

/* The server's clock when it answered last (its Date), in milliseconds since 1970; 0: it did not
 * say. */
int64_t pn_http_client_date_ms(const struct pn_http_client *client);

/* One request with a JSON body (NULL: none) by a client of its own, with the API key of
 * PINION_API_KEY, for calls of our own API: a status that isn't 2xx is an error with the server's
 * message. */
int pn_http_client_call(const char *method, const char *url, const char *path, const char *json,
                        int64_t timeout_ms, struct pn_buf *out, struct pn_err *e) PN_MUST_CHECK;

/* For those who run transfers by libcurl's multi interface: a handle (CURL *) that is set up as the
 * client's is, without URL; and the headers of its requests (struct curl_slist *), which the caller
 * frees, NULL when there are none. `headers` may be NULL. */
void *pn_http_client_curl(const struct pn_http_client_config *config);
void *pn_http_client_headers(const struct pn_http_client_config *config,
                             const char *const *headers);

#endif
