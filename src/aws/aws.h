/*
 * The two fronts of streams: the API of Amazon Kinesis Data Streams (POST /), and the REST routes
 * that AWS's tutorial has an API Gateway put in front of it (/streams/...). docs/kinesis.md has
 * what they take and what they answer.
 */
#ifndef PN_AWS_AWS_H
#define PN_AWS_AWS_H

#include "base/clock.h"
#include "base/io.h"
#include "base/metrics.h"
#include "http/server.h"
#include "kinesis/kinesis.h"
#include "log/failures.h"
#include "log/log.h"

struct pn_aws_config {
    const char *access_key; /* who may use the API of Kinesis, with the next; "": anybody; copied */
    const char *secret_key;
    /* Calls go to the Kinesis of this URL, or of AWS ("aws"); "": the streams are in env.kinesis.
     * Both copied. */
    const char *endpoint;
    const char *region; /* which such calls are for */
};

/* What they depend on; all borrowed for their life. metrics may be NULL. */
struct pn_aws_env {
    struct pn_log *log; /* the one under `kinesis` */
    struct pn_kinesis *kinesis;
    struct pn_log_failures *failures;
    const struct pn_io *io;
    const struct pn_clock *clock;
    struct pn_metrics *metrics;
};

struct pn_aws;

/* INPUT when one of the two keys is set and the other is not, or the endpoint is
 * not a URL. */
int pn_aws_create(const struct pn_aws_config *config, const struct pn_aws_env *env,
                  struct pn_aws **aws, struct pn_err *e) PN_MUST_CHECK;
/* Adds the fronts to the server, which has not started. */
void pn_aws_add_fronts(struct pn_aws *aws, struct pn_http_server *server);
/* After the server that has them. NULL ok. */
void pn_aws_destroy(struct pn_aws **aws);

#endif
