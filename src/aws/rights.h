/* Which right of an API key each operation of the Kinesis API asks for. */
#ifndef PN_AWS_RIGHTS_H
#define PN_AWS_RIGHTS_H

#include "http/grant.h"
#include "kinesis/api/call.h"

enum pn_http_right pn_aws_operation_right(const struct pn_operation *operation);

#endif
