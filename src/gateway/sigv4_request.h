/* Signature Version 4 of a request that the gateway got. */
#ifndef PN_GATEWAY_SIGV4_REQUEST_H
#define PN_GATEWAY_SIGV4_REQUEST_H

#include "gateway/request.h"

/* Checks the signature by the gateway's aws.* keys. False: the reply is an error. */
bool pn_sigv4_check_request(struct pn_request *req) PN_MUST_CHECK;

#endif
