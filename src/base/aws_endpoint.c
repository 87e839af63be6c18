#include "base/aws_endpoint.h"

#include <string.h>

#include "base/mem.h"

char *pn_aws_endpoint(const char *service, const char *region)
{
    return pn_xasprintf("https://%s.%s.amazonaws.com%s", service, region,
                        strncmp(region, "cn-", 3) == 0 ? ".cn" : "");
}
