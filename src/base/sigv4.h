/*
 * AWS Signature Version 4: the form of a request that a signature is of, and the signature. A
 * server uses it to check requests (aws/sigv4.h), a client to sign them. Knows no HTTP library.
 *
 * Source: "AWS Signature Version 4 for API requests", IAM User Guide; for S3, "Authenticating
 * Requests: Using the Authorization Header", Amazon S3 API Reference.
 */
#ifndef PN_BASE_SIGV4_H
#define PN_BASE_SIGV4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"

#define PN_SIGV4_ALGORITHM "AWS4-HMAC-SHA256"
#define PN_SIGV4_UNSIGNED  "UNSIGNED-PAYLOAD"

enum { PN_SIGV4_HEX_SIZE = 65, PN_SIGV4_TIME_SIZE = 17 };

struct pn_sigv4_pair {
    const char *name;
    const char *value; /* NULL is "" */
};

/* A request as it is sent: nothing decoded, headers in their order. */
struct pn_sigv4_request {
    const char *method;
    const char *path; /* without the query */
    /* S3: the path is signed as it stands. Other services: without empty, "." and ".." segments,
     * and encoded once more. */
    bool path_as_sent;
    const struct pn_sigv4_pair *query;
    size_t query_count;
    const struct pn_sigv4_pair *headers;
    size_t header_count;
    const void *body;
    size_t body_len;
    const char *body_sum; /* instead of the body: its SHA-256, or PN_SIGV4_UNSIGNED; NULL: none */
};

/* Where and when a signature holds: "20261123/eu-west-2/kinesis/aws4_request". */
struct pn_sigv4_scope {
    const char *date; /* "20261123" */
    const char *region;
    const char *service;
    const char *end; /* "aws4_request" */
};

/* The canonical request. `signed_headers` are their names, in lower case, with semicolons between
 * them. The arena holds what is needed on the way. */
void pn_sigv4_canonical(const struct pn_sigv4_request *request, const char *signed_headers,
                        struct pn_arena *arena, struct pn_buf *out);

/* The signature of the canonical request, at `time` ("20261123T154443Z"), in hexadecimal. */
void pn_sigv4_sign(const struct pn_buf *canonical, const char *secret_key, const char *time,
                   const struct pn_sigv4_scope *scope, char out[PN_SIGV4_HEX_SIZE]);

/* The keys that a client signs with. */
struct pn_sigv4_keys {
    const char *access_key;
    const char *secret_key;
    const char *region;
    const char *service;
};
/* The value of the Authorization header, in the arena: all headers of the request are signed.
 * Among them must be Host and X-Amz-Date, which is `time`. */
const char *pn_sigv4_authorize(const struct pn_sigv4_request *request,
                               const struct pn_sigv4_keys *keys, const char *time,
                               struct pn_arena *arena);

/* "20261123T154443Z" of milliseconds since 1970. */
void pn_sigv4_time(int64_t wall_ms, char out[PN_SIGV4_TIME_SIZE]);
/* Appends the text percent-encoded in the one way that the specification has; a slash stays as it
 * is if `keep_slash`. */
void pn_sigv4_encode(struct pn_buf *out, const char *text, bool keep_slash);
/* SHA-256 in lower-case hexadecimal, NUL-terminated. */
void pn_sigv4_sum(const void *bytes, size_t len, char out[PN_SIGV4_HEX_SIZE]);

#endif
