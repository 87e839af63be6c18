/* A call whose streams are in a Kinesis elsewhere (remote/remote.h): what the caller may do is
 * checked here, the call itself there. */
#ifndef PN_AWS_FORWARD_H
#define PN_AWS_FORWARD_H

#include "aws/private.h"

/* As pn_aws_call(), for an `aws` with a remote: the body is forwarded as it came, that of a REST
 * route as its template has made it. The key's right to the operation has been checked. A call that
 * does not name its stream (by an iterator, by a token, or all of them) needs a key for all
 * streams. */
enum pn_http_handled pn_aws_forward(struct pn_aws *aws, struct pn_http_request *req,
                                    const struct pn_operation *operation,
                                    const struct pn_json *input);

#endif
