/* Where AWS's services are. */
#ifndef PN_BASE_AWS_ENDPOINT_H
#define PN_BASE_AWS_ENDPOINT_H

/* "https://s3.eu-west-2.amazonaws.com"; in China the domain is another one. Caller frees. */
char *pn_aws_endpoint(const char *service, const char *region);

#endif
