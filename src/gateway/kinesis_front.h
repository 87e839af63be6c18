/* What the two fronts of streams share: how a call of the Kinesis API becomes a request's reply. */
#ifndef PN_GATEWAY_KINESIS_FRONT_H
#define PN_GATEWAY_KINESIS_FRONT_H

#include "gateway/request.h"
#include "kinesis/api/call.h"

/* The operation of that name; one of pn_operations, or NULL. */
const struct pn_operation *pn_kinesis_operation(const char *name);

/* Must this request be handled where it may block? Small puts must not. */
bool pn_kinesis_blocks(const struct pn_request *req, const struct pn_operation *operation);

/*
 * Checks and runs the call, and returns what a handler returns. Replies are spelled as
 * req->content_type says. For operations that put, texts of `input` must stand in the body or the
 * arena: the parser's memory is used again while records are on their way to the disk.
 */
enum pn_handled pn_kinesis_call(struct pn_request *req, const struct pn_operation *operation,
                                struct pn_json *input);

#endif
