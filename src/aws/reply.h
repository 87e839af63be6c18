/*
 * Replies as AWS gives them: the ids of a request in its headers, and errors as
 * {"__type": "...", "message": "..."} in the spelling of the request, JSON or CBOR. For routes with
 * PN_HTTP_ROUTE_AWS.
 */
#ifndef PN_AWS_REPLY_H
#define PN_AWS_REPLY_H

#include "http/request.h"

#define PN_AWS_TYPE_JSON "application/x-amz-json-1.1"
#define PN_AWS_TYPE_CBOR "application/x-amz-cbor-1.1"

/* Adds the headers of every reply, and sets the content type that replies to this request have:
 * with `api`, the one of the request; else JSON. On an HTTP thread. */
void pn_aws_begin(struct pn_http_request *req, bool api);
/* Is the reply to be CBOR? */
bool pn_aws_is_cbor(const struct pn_http_request *req);
/* The request's Content-Type without parameters, in the arena; "" when it has none. */
const char *pn_aws_content_type(struct pn_http_request *req);

/* Ends the request with an error; `message` NULL leaves that member out. The name of the message's
 * member is Message for a SerializationException, as AWS has it. */
void pn_aws_error(struct pn_http_request *req, int status, const char *type, const char *message);
/* The same for what the server finds wrong below the API: a body too large, no memory, ... */
void pn_aws_http_error(struct pn_http_request *req, int status, const char *message);

#endif
