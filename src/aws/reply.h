/*
 * Replies as AWS gives them: the ids of a request in its headers, and errors as
 * {"__type": "...", "message": "..."} in the spelling of the request, JSON or CBOR.
 */
#ifndef PN_AWS_REPLY_H
#define PN_AWS_REPLY_H

#include "http/request.h"

#define PN_AWS_TYPE_JSON "application/x-amz-json-1.1"
#define PN_AWS_TYPE_CBOR "application/x-amz-cbor-1.1"

/* The fronts' begin(), see http/front.h: adds the headers of every reply, and sets the content type
 * that replies to this request have: of the API the request's own, of the REST routes JSON. */
void pn_aws_begin_api(struct pn_http_request *req);
void pn_aws_begin_rest(struct pn_http_request *req);
/* Is the reply to be CBOR? */
bool pn_aws_is_cbor(const struct pn_http_request *req);
/* The request's Content-Type without parameters, in the arena; "" when it has none. */
const char *pn_aws_content_type(struct pn_http_request *req);

/* Ends the request with an error; `message` NULL leaves that member out. The name of the message's
 * member is Message for a SerializationException, as AWS has it. */
void pn_aws_error(struct pn_http_request *req, int status, const char *type, const char *message);
/* The fronts' error(): the same for what the server finds wrong below the API, such as a body that
 * is too large. */
void pn_aws_http_error(struct pn_http_request *req, int status, const char *message);

#endif
