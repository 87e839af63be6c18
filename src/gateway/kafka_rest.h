/*
 * The Kafka REST v2 front door (confluentinc/kafka-rest): the handlers of its routes, by file.
 * docs/kafka-rest.md says what differs from the original, and why.
 */
#ifndef PN_GATEWAY_KAFKA_REST_H
#define PN_GATEWAY_KAFKA_REST_H

#include "gateway/negotiate.h"
#include "gateway/request.h"

/* kafka_rest_produce.c */
enum pn_handled pn_kafka_produce(struct pn_request *req, void *arg);

/* kafka_rest_topics.c */
enum pn_handled pn_kafka_topics(struct pn_request *req, void *arg);
enum pn_handled pn_kafka_topic(struct pn_request *req, void *arg);
enum pn_handled pn_kafka_partitions(struct pn_request *req, void *arg);
enum pn_handled pn_kafka_partition(struct pn_request *req, void *arg);
enum pn_handled pn_kafka_offsets(struct pn_request *req, void *arg);
enum pn_handled pn_kafka_brokers(struct pn_request *req, void *arg);

/* kafka_rest_records.c */
enum pn_handled pn_kafka_partition_records(struct pn_request *req, void *arg);
/* Appends one record of a fetch as JSON; `format` is PN_BODY_JSON or PN_BODY_BINARY. On failure
 * (a value that is no JSON) `out` is as before and *e says which record it is. */
int pn_kafka_write_record(struct pn_json_parser *parser, enum pn_format_kind format,
                          const char *topic, int32_t partition, const struct pn_record *record,
                          struct pn_buf *out, struct pn_err *e) PN_MUST_CHECK;

/* kafka_rest_consumers.c */
enum pn_handled pn_kafka_consumer_create(struct pn_request *req, void *arg);
enum pn_handled pn_kafka_consumer_delete(struct pn_request *req, void *arg);
enum pn_handled pn_kafka_subscribe(struct pn_request *req, void *arg);
enum pn_handled pn_kafka_subscription(struct pn_request *req, void *arg);
enum pn_handled pn_kafka_unsubscribe(struct pn_request *req, void *arg);
enum pn_handled pn_kafka_assign(struct pn_request *req, void *arg);
enum pn_handled pn_kafka_assignments(struct pn_request *req, void *arg);
enum pn_handled pn_kafka_commit(struct pn_request *req, void *arg);
enum pn_handled pn_kafka_committed(struct pn_request *req, void *arg);
enum pn_handled pn_kafka_seek(struct pn_request *req, void *arg);
enum pn_handled pn_kafka_seek_beginning(struct pn_request *req, void *arg);
enum pn_handled pn_kafka_seek_end(struct pn_request *req, void *arg);
enum pn_handled pn_kafka_consumer_records(struct pn_request *req, void *arg);

/* Shared: chooses the reply's content type by the Accept header; false (and the reply is a 406)
 * when the client takes none of ours. */
bool pn_kafka_accept(struct pn_request *req);
/* Reads a partition number of a path; false (and the reply is a 404) when it is none. */
bool pn_kafka_partition_param(struct pn_request *req, const char *text, int32_t *partition);

#endif
