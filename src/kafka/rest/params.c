/* What handlers share of reading a request: what it accepts, and the partition of its path. */
#include <stdlib.h>

#include "http/accept.h"
#include "kafka/rest/private.h"

bool pn_kafka_rest_accept(struct pn_http_request *req)
{
    static const char *const offers[] = {
        PN_KAFKA_REST_TYPE, PN_HTTP_TYPE_JSON, "application/vnd.kafka+json",
        "application/vnd.kafka.json.v2+json", "application/vnd.kafka.binary.v2+json"};
    int chosen = pn_http_accept(pn_http_request_header(req, "Accept"), offers,
                                sizeof offers / sizeof offers[0]);
    if (chosen < 0) {
        pn_http_reply_error(req, 406,
                            "HTTP 406 Not Acceptable: replies are " PN_KAFKA_REST_TYPE
                            " or " PN_HTTP_TYPE_JSON);
        return false;
    }
    req->content_type = offers[chosen];
    return true;
}

bool pn_kafka_rest_partition_param(struct pn_http_request *req, const char *text,
                                   int32_t *partition)
{
    char *end = NULL;
    long number = *text >= '0' && *text <= '9' ? strtol(text, &end, 10) : -1;
    if (number < 0 || number > INT32_MAX || *end != '\0') {
        pn_kafka_rest_reply_error(req, 404, PN_KAFKA_REST_CODE_PARTITION_NOT_FOUND,
                                  "Partition not found.");
        return false;
    }
    *partition = (int32_t)number;
    return true;
}
