/* One HTTP request at a time, by libcurl, for whoever talks to a running server. */
#ifndef PN_BASE_HTTP_CLIENT_H
#define PN_BASE_HTTP_CLIENT_H

#include "base/buf.h"
#include "base/err.h"

/* Behind the message of a request that found nobody at its address. */
#define PN_HTTP_NOBODY_THERE " (is the server running? start one by: pinion serve)"

/* What to add to the message of an answer: for 401 and 403 what to do about the API key of
 * PINION_API_KEY, else "". */
const char *pn_http_client_key_advice(long status);

/* Makes a libcurl handle (CURL *) trust the CAs in the PEM file of PINION_CA_FILE, when that's set,
 * in place of the system's. */
void pn_http_client_trust(void *curl);
/* What to add to the message of a transfer that failed with this CURLcode, else "". */
const char *pn_http_client_failure_advice(int code);

/*
 * Sends `method` to <url><path> with a JSON body (NULL: none) and the API key of PINION_API_KEY,
 * when that's set. The answer's body is appended to `out`, its status is in *status. An answer is a
 * success here, whatever its status; RETRY when there is none (nobody listens, a time-out). Proxies
 * of the environment are not used.
 */
int pn_http_client_request(const char *method, const char *url, const char *path, const char *json,
                           int64_t timeout_ms, long *status, struct pn_buf *out,
                           struct pn_err *e) PN_MUST_CHECK;

/* The same for calls of our own API: a status that isn't 2xx is an error with the server's message.
 */
int pn_http_client_call(const char *method, const char *url, const char *path, const char *json,
                        int64_t timeout_ms, struct pn_buf *out, struct pn_err *e) PN_MUST_CHECK;

#endif
