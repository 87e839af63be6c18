#include "aws/rights.h"

enum pn_http_right pn_aws_operation_right(const struct pn_operation *operation)
{
    if ((operation->flags & PN_OPERATION_PUTS) != 0) {
        return PN_RIGHT_PRODUCE;
    }
    return (operation->flags & PN_OPERATION_READS) != 0 ? PN_RIGHT_READ : PN_RIGHT_ADMIN;
}
