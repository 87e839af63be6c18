/*
 * Whether a deployment of config.yml can succeed: what can be judged from the text alone, and, on
 * request, what AWS and Databricks answer to its credentials.
 */
#ifndef PN_DEPLOY_CHECK_H
#define PN_DEPLOY_CHECK_H

#include "deploy/config.h"

enum pn_finding { PN_FINDING_OK, PN_FINDING_FAILED };

/* Called once a check. `what` names a key of config.yml or several; `detail` says what was found,
 * and on FAILED what to do. Neither contains a secret. Borrowed for the time of the call. */
typedef void (*pn_finding_fn)(void *arg, enum pn_finding finding, const char *what,
                              const char *detail);

/* The text: the region exists, the bucket names are legal and distinct, identifiers and keys have
 * their forms. Returns the number of failures. */
size_t pn_deploy_check(const struct pn_deploy_config *config, pn_finding_fn fn, void *arg);

/* Where to ask. NULL: the public addresses. */
struct pn_deploy_endpoints {
    const char *aws;        /* for all of AWS's services */
    const char *databricks; /* of the account: "https://accounts.cloud.databricks.com" */
};
/*
 * Asks AWS who the keys belong to (STS GetCallerIdentity), whether each bucket is free or ours, and
 * Databricks for a token. It changes nothing there. A request that nobody answers, or with 429 or
 * 5xx, is repeated a few times within some seconds. Blocks. Returns the number of failures.
 */
size_t pn_deploy_try(const struct pn_deploy_config *config,
                     const struct pn_deploy_endpoints *endpoints, pn_finding_fn fn, void *arg);

/* The regions of AWS, for tests. Ends with NULL. */
extern const char *const pn_aws_regions[];
/* NULL when the name may be a bucket's, or what is wrong with it. Static. Specification: "General
 * purpose bucket naming rules" of the Amazon S3 user guide. */
const char *pn_bucket_name_fault(const char *name);

#endif
