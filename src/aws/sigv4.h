/*
 * AWS Signature Version 4: was a request signed by the holder of the secret key? Both forms, by the
 * Authorization header and by the query string (a presigned URL). Knows no HTTP library.
 */
#ifndef PN_AWS_SIGV4_H
#define PN_AWS_SIGV4_H

#include <stdint.h>

#include "base/sigv4.h"

enum { PN_AWS_SIGV4_SKEW_MS = 5 * 60 * 1000 }; /* how far apart the two clocks may be */

struct pn_aws_sigv4_keys {
    const char *access_key; /* "": any signature that is complete passes */
    const char *secret_key;
    const char *service; /* of the credential's scope: "kinesis"; its region may be any */
};

/*
 * Returns NULL when the request may pass, or the name of AWS's exception, with its text in
 * *message (in the arena). The texts name what was wrong with the request, never a key nor what the
 * signature should have been. Signatures are compared in constant time.
 */
const char *pn_aws_sigv4_verify(const struct pn_aws_sigv4_keys *keys,
                                const struct pn_sigv4_request *request, int64_t now_ms,
                                struct pn_arena *arena, const char **message);

#endif
