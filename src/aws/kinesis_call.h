/* What the two fronts of streams share: how a call of the Kinesis API becomes a request's reply. */
#ifndef PN_AWS_KINESIS_CALL_H
#define PN_AWS_KINESIS_CALL_H

#include "aws/private.h"

/* The operation of that name; one of pn_operations, or NULL. */
const struct pn_operation *pn_aws_operation(const char *name);

/* Must this request be handled where it may block? Small puts must not. */
bool pn_aws_blocks(const struct pn_http_request *req, const struct pn_operation *operation);

/*
 * Checks and runs the call, and returns what a handler returns. Replies are spelled as
 * req->content_type says. For operations that put, texts of `input` must stand in the body or the
 * arena: the parser's memory is used again while records are on their way to the disk.
 */
enum pn_http_handled pn_aws_call(struct pn_aws *aws, struct pn_http_request *req,
                                 const struct pn_operation *operation, struct pn_json *input);

#endif
