/* Signature Version 4 of a request that the server got. */
#ifndef PN_AWS_SIGV4_REQUEST_H
#define PN_AWS_SIGV4_REQUEST_H

#include "http/request.h"

/* Checks the signature by the server's aws.* keys. False: the reply is an error. */
bool pn_aws_sigv4_check_request(struct pn_http_request *req) PN_MUST_CHECK;

#endif
