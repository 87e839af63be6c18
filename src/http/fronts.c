/* The front doors. A new one is one file with its table of routes, and one line here. */
#include "http/internal.h"

const struct pn_http_front *const pn_http_fronts[] = {
    &pn_kafka_rest_front,
    &pn_aws_front_kinesis_api,
    &pn_aws_front_kinesis_rest,
    &pn_api_front,
    NULL,
};
