/* The inside of the fronts of streams: what they depend on, and their parts by file. */
#ifndef PN_AWS_PRIVATE_H
#define PN_AWS_PRIVATE_H

#include "aws/aws.h"
#include "aws/remote/remote.h"
#include "kinesis/api/call.h"

/* Constant once it is made. Each handler's `arg` is one. */
struct pn_aws {
    struct pn_aws_config config; /* owns its strings */
    struct pn_aws_env env;
    struct pn_http_route api_route; /* of POST / */
    struct pn_remote *remote;       /* NULL: the streams are in env.kinesis */
    struct pn_metric *records;
    struct pn_metric **operations; /* as pn_operations */
};

/* kinesis_api.c and kinesis_rest.c */
extern const struct pn_http_front pn_aws_front_kinesis_api; /* without its route */
extern const struct pn_http_front pn_aws_front_kinesis_rest;
enum pn_http_handled pn_aws_kinesis_api(struct pn_http_request *req, void *arg);

/* sigv4_request.c: checks the signature by the configured keys. False: the reply is an error. */
bool pn_aws_sigv4_check_request(const struct pn_aws *aws,
                                struct pn_http_request *req) PN_MUST_CHECK;

#endif
