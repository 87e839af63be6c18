/*
 * Credentials of AWS, from where its tools look for them, in this order:
 *
 *   1. what the caller gives (settings);
 *   2. AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN;
 *   3. a web identity (Kubernetes): AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, by STS;
 *   4. the profile AWS_PROFILE, or "default", of ~/.aws/credentials (or of
 *      AWS_SHARED_CREDENTIALS_FILE);
 *   5. the container (ECS, EKS): AWS_CONTAINER_CREDENTIALS_FULL_URI or _RELATIVE_URI;
 *   6. the instance (EC2): the metadata service, version 2, unless AWS_EC2_METADATA_DISABLED is
 *      true.
 *
 * The first place that has some is asked again when they are about to expire: every 10 s until it
 * has others, and every second once they have expired or were refused.
 *
 * Threads: any thread may ask; one of them waits for the network, the others for it.
 *
 * Sources: "Standardized credential providers", AWS SDKs and Tools Reference Guide; "Use IMDSv2",
 * EC2 User Guide; AssumeRoleWithWebIdentity, STS API Reference.
 */
#ifndef PN_BASE_AWS_CREDENTIALS_H
#define PN_BASE_AWS_CREDENTIALS_H

#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"

struct pn_aws_credentials_config {
    const char *access_key; /* NULL or "": look elsewhere */
    const char *secret_key;
    const char *region;
    const struct pn_io *io; /* borrowed, as the clock */
    const struct pn_clock *clock;
};

struct pn_aws_credentials;

/* One set; texts are its own. */
struct pn_aws_key {
    char *access_key;
    char *secret_key;
    char *session_token; /* "": none */
    int64_t expires_ms;  /* INT64_MAX: never */
};

/* Texts are copied. Nothing is looked for yet. Never NULL. */
struct pn_aws_credentials *pn_aws_credentials_create(
    const struct pn_aws_credentials_config *config);
void pn_aws_credentials_destroy(struct pn_aws_credentials **credentials); /* NULL ok */

/* Those to sign with now; free them with pn_aws_key_deinit(). INPUT when there are none anywhere,
 * with what to set; RETRY when the place that has them does not answer. */
int pn_aws_credentials_get(struct pn_aws_credentials *credentials, struct pn_aws_key *key,
                           struct pn_err *e) PN_MUST_CHECK;
/* They were refused as expired: others are looked for, unless that was done just now. */
void pn_aws_credentials_expire(struct pn_aws_credentials *credentials);
void pn_aws_key_deinit(struct pn_aws_key *key);

#endif
