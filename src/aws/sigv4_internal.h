/* The two halves of sigv4.c: what a request says of its signature, and what the signature is of. */
#ifndef PN_AWS_SIGV4_INTERNAL_H
#define PN_AWS_SIGV4_INTERNAL_H

#include "aws/sigv4.h"
#include "base/buf.h"

enum { PN_AWS_SIGV4_HEX_SIZE = 65 };

/* What a request says of its signature; texts in the arena. */
struct pn_aws_sigv4_claim {
    const char *algorithm;
    const char *credential; /* whole: key/date/region/service/aws4_request */
    const char *signed_headers;
    const char *signature;
    const char *date; /* as sent, or NULL */
    const char *expires;
    /* The credential's parts, once it was taken apart. */
    const char *access_key;
    const char *scope; /* after the key */
    const char *scope_date;
    const char *scope_region;
    const char *scope_service;
    const char *scope_end;
    char time[17]; /* "20261123T154443Z" */
    int64_t time_ms;
};

/* sigv4_canonical.c: the canonical request of the specification. */
void pn_aws_sigv4_canonical(const struct pn_aws_sigv4_request *request,
                            const struct pn_aws_sigv4_claim *claim, struct pn_arena *arena,
                            struct pn_buf *out);
/* SHA-256 in lower-case hexadecimal, NUL-terminated. */
void pn_aws_sigv4_sum(const void *bytes, size_t len, char out[PN_AWS_SIGV4_HEX_SIZE]);
void pn_aws_sigv4_hex(const unsigned char *bytes, size_t len, char *out);

#endif
