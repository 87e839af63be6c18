/* The routes of the Kafka REST v2 front door. */
#include "kafka/rest/rest.h"

#include <stdlib.h>

#include "http/internal.h"
#include "kafka/rest/errors.h"

#define INSTANCE "consumers/{}/instances/{}"

static const struct pn_http_route routes[] = {
    {PN_HTTP_POST, "topics/{}", pn_kafka_rest_produce, NULL, PN_HTTP_ROUTE_PRODUCE,
     PN_RIGHT_PRODUCE, PN_OF_TOPIC},
    {PN_HTTP_GET, "topics", pn_kafka_rest_topics, NULL, 0, PN_RIGHT_READ, PN_OF_TOPICS},
    {PN_HTTP_GET, "topics/{}", pn_kafka_rest_topic, NULL, 0, PN_RIGHT_READ, PN_OF_TOPIC},
    {PN_HTTP_GET, "topics/{}/partitions", pn_kafka_rest_partitions, NULL, 0, PN_RIGHT_READ,
     PN_OF_TOPIC},
    {PN_HTTP_GET, "topics/{}/partitions/{}", pn_kafka_rest_partition, NULL, 0, PN_RIGHT_READ,
     PN_OF_TOPIC},
    {PN_HTTP_POST, "topics/{}/partitions/{}", pn_kafka_rest_produce, NULL, PN_HTTP_ROUTE_PRODUCE,
     PN_RIGHT_PRODUCE, PN_OF_TOPIC},
    {PN_HTTP_GET, "topics/{}/partitions/{}/offsets", pn_kafka_rest_offsets, NULL, 0, PN_RIGHT_READ,
     PN_OF_TOPIC},
    {PN_HTTP_GET, "topics/{}/partitions/{}/records", pn_kafka_rest_partition_records, NULL,
     PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ, PN_OF_TOPIC},
    {PN_HTTP_GET, "brokers", pn_kafka_rest_brokers, NULL, 0, PN_RIGHT_READ, PN_OF_NOTHING},
    {PN_HTTP_POST, "consumers/{}", pn_kafka_rest_consumer_create, NULL, PN_HTTP_ROUTE_BLOCKS,
     PN_RIGHT_READ, PN_OF_TOPICS},
    {PN_HTTP_DELETE, INSTANCE, pn_kafka_rest_consumer_delete, NULL, PN_HTTP_ROUTE_BLOCKS,
     PN_RIGHT_READ, PN_OF_TOPICS},
    {PN_HTTP_POST, INSTANCE "/subscription", pn_kafka_rest_subscribe, NULL, PN_HTTP_ROUTE_BLOCKS,
     PN_RIGHT_READ, PN_OF_TOPICS},
    {PN_HTTP_GET, INSTANCE "/subscription", pn_kafka_rest_subscription, NULL, PN_HTTP_ROUTE_BLOCKS,
     PN_RIGHT_READ, PN_OF_TOPICS},
    {PN_HTTP_DELETE, INSTANCE "/subscription", pn_kafka_rest_unsubscribe, NULL,
     PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ, PN_OF_TOPICS},
    {PN_HTTP_POST, INSTANCE "/assignments", pn_kafka_rest_assign, NULL, PN_HTTP_ROUTE_BLOCKS,
     PN_RIGHT_READ, PN_OF_TOPICS},
    {PN_HTTP_GET, INSTANCE "/assignments", pn_kafka_rest_assignments, NULL, PN_HTTP_ROUTE_BLOCKS,
     PN_RIGHT_READ, PN_OF_TOPICS},
    {PN_HTTP_GET, INSTANCE "/records", pn_kafka_rest_consumer_records, NULL,
     PN_HTTP_ROUTE_BLOCKS | PN_HTTP_ROUTE_ACTS, PN_RIGHT_READ, PN_OF_TOPICS},
    {PN_HTTP_POST, INSTANCE "/offsets", pn_kafka_rest_commit, NULL, PN_HTTP_ROUTE_BLOCKS,
     PN_RIGHT_READ, PN_OF_TOPICS},
    {PN_HTTP_GET, INSTANCE "/offsets", pn_kafka_rest_committed, NULL, PN_HTTP_ROUTE_BLOCKS,
     PN_RIGHT_READ, PN_OF_TOPICS},
    {PN_HTTP_POST, INSTANCE "/positions", pn_kafka_rest_seek, NULL, PN_HTTP_ROUTE_BLOCKS,
     PN_RIGHT_READ, PN_OF_TOPICS},
    {PN_HTTP_POST, INSTANCE "/positions/beginning", pn_kafka_rest_seek_beginning, NULL,
     PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ, PN_OF_TOPICS},
    {PN_HTTP_POST, INSTANCE "/positions/end", pn_kafka_rest_seek_end, NULL, PN_HTTP_ROUTE_BLOCKS,
     PN_RIGHT_READ, PN_OF_TOPICS},
    {.pattern = NULL},
};

const struct pn_http_front pn_kafka_rest_front = {.name = "kafka-rest", .routes = routes};

bool pn_kafka_rest_accept(struct pn_http_request *req)
{
    static const char *const offers[] = {
        PN_KAFKA_REST_TYPE, PN_HTTP_TYPE_JSON, "application/vnd.kafka+json",
        "application/vnd.kafka.json.v2+json", "application/vnd.kafka.binary.v2+json"};
    int chosen = pn_kafka_rest_negotiate_accept(pn_http_request_header(req, "Accept"), offers,
                                                sizeof offers / sizeof offers[0]);
    if (chosen < 0) {
        pn_http_reply_error(req, 406, 406,
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
        pn_http_reply_error(req, 404, PN_KAFKA_REST_CODE_PARTITION_NOT_FOUND,
                            "Partition not found.");
        return false;
    }
    *partition = (int32_t)number;
    return true;
}
