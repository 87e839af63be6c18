/* The routes of the Kafka REST v2 front door. */
#include "gateway/kafka_rest.h"

#include <stdlib.h>

#include "gateway/errors.h"
#include "gateway/server.h"

#define INSTANCE "consumers/{}/instances/{}"

static const struct pn_route routes[] = {
    {PN_POST, "topics/{}", pn_kafka_produce, NULL, PN_ROUTE_PRODUCE, PN_RIGHT_PRODUCE, PN_OF_TOPIC},
    {PN_GET, "topics", pn_kafka_topics, NULL, 0, PN_RIGHT_READ, PN_OF_TOPICS},
    {PN_GET, "topics/{}", pn_kafka_topic, NULL, 0, PN_RIGHT_READ, PN_OF_TOPIC},
    {PN_GET, "topics/{}/partitions", pn_kafka_partitions, NULL, 0, PN_RIGHT_READ, PN_OF_TOPIC},
    {PN_GET, "topics/{}/partitions/{}", pn_kafka_partition, NULL, 0, PN_RIGHT_READ, PN_OF_TOPIC},
    {PN_POST, "topics/{}/partitions/{}", pn_kafka_produce, NULL, PN_ROUTE_PRODUCE, PN_RIGHT_PRODUCE,
     PN_OF_TOPIC},
    {PN_GET, "topics/{}/partitions/{}/offsets", pn_kafka_offsets, NULL, 0, PN_RIGHT_READ,
     PN_OF_TOPIC},
    {PN_GET, "topics/{}/partitions/{}/records", pn_kafka_partition_records, NULL, PN_ROUTE_BLOCKS,
     PN_RIGHT_READ, PN_OF_TOPIC},
    {PN_GET, "brokers", pn_kafka_brokers, NULL, 0, PN_RIGHT_READ, PN_OF_NOTHING},
    {PN_POST, "consumers/{}", pn_kafka_consumer_create, NULL, PN_ROUTE_BLOCKS, PN_RIGHT_READ,
     PN_OF_TOPICS},
    {PN_DELETE, INSTANCE, pn_kafka_consumer_delete, NULL, PN_ROUTE_BLOCKS, PN_RIGHT_READ,
     PN_OF_TOPICS},
    {PN_POST, INSTANCE "/subscription", pn_kafka_subscribe, NULL, PN_ROUTE_BLOCKS, PN_RIGHT_READ,
     PN_OF_TOPICS},
    {PN_GET, INSTANCE "/subscription", pn_kafka_subscription, NULL, PN_ROUTE_BLOCKS, PN_RIGHT_READ,
     PN_OF_TOPICS},
    {PN_DELETE, INSTANCE "/subscription", pn_kafka_unsubscribe, NULL, PN_ROUTE_BLOCKS,
     PN_RIGHT_READ, PN_OF_TOPICS},
    {PN_POST, INSTANCE "/assignments", pn_kafka_assign, NULL, PN_ROUTE_BLOCKS, PN_RIGHT_READ,
     PN_OF_TOPICS},
    {PN_GET, INSTANCE "/assignments", pn_kafka_assignments, NULL, PN_ROUTE_BLOCKS, PN_RIGHT_READ,
     PN_OF_TOPICS},
    {PN_GET, INSTANCE "/records", pn_kafka_consumer_records, NULL, PN_ROUTE_BLOCKS | PN_ROUTE_ACTS,
     PN_RIGHT_READ, PN_OF_TOPICS},
    {PN_POST, INSTANCE "/offsets", pn_kafka_commit, NULL, PN_ROUTE_BLOCKS, PN_RIGHT_READ,
     PN_OF_TOPICS},
    {PN_GET, INSTANCE "/offsets", pn_kafka_committed, NULL, PN_ROUTE_BLOCKS, PN_RIGHT_READ,
     PN_OF_TOPICS},
    {PN_POST, INSTANCE "/positions", pn_kafka_seek, NULL, PN_ROUTE_BLOCKS, PN_RIGHT_READ,
     PN_OF_TOPICS},
    {PN_POST, INSTANCE "/positions/beginning", pn_kafka_seek_beginning, NULL, PN_ROUTE_BLOCKS,
     PN_RIGHT_READ, PN_OF_TOPICS},
    {PN_POST, INSTANCE "/positions/end", pn_kafka_seek_end, NULL, PN_ROUTE_BLOCKS, PN_RIGHT_READ,
     PN_OF_TOPICS},
    {.pattern = NULL},
};

const struct pn_front pn_front_kafka_rest = {.name = "kafka-rest", .routes = routes};

bool pn_kafka_accept(struct pn_request *req)
{
    static const char *const offers[] = {
        PN_TYPE_KAFKA_V2, PN_TYPE_JSON, "application/vnd.kafka+json",
        "application/vnd.kafka.json.v2+json", "application/vnd.kafka.binary.v2+json"};
    int chosen = pn_negotiate_accept(pn_request_header(req, "Accept"), offers,
                                     sizeof offers / sizeof offers[0]);
    if (chosen < 0) {
        pn_reply_error(req, 406, 406,
                       "HTTP 406 Not Acceptable: replies are " PN_TYPE_KAFKA_V2
                       " or " PN_TYPE_JSON);
        return false;
    }
    req->content_type = offers[chosen];
    return true;
}

bool pn_kafka_partition_param(struct pn_request *req, const char *text, int32_t *partition)
{
    char *end = NULL;
    long number = *text >= '0' && *text <= '9' ? strtol(text, &end, 10) : -1;
    if (number < 0 || number > INT32_MAX || *end != '\0') {
        pn_reply_error(req, 404, PN_CODE_PARTITION_NOT_FOUND, "Partition not found.");
        return false;
    }
    *partition = (int32_t)number;
    return true;
}
