/* The front doors. A new one is one file with its table of routes, and one line here. */
#include "gateway/server.h"

const struct pn_front *const pn_fronts[] = {
    &pn_front_kafka_rest, &pn_front_kinesis_api, &pn_front_kinesis_rest, &pn_front_api, NULL,
};
