/* The inside of the front of Kafka REST: its station, and the handlers of its routes by file. */
#ifndef PN_KAFKA_REST_PRIVATE_H
#define PN_KAFKA_REST_PRIVATE_H

#include "http/request.h"
#include "kafka/rest/dispatch.h"
#include "kafka/rest/errors.h"
#include "kafka/rest/format.h"
#include "kafka/rest/rest.h"

/* Constant once it is made, but for what its parts lock themselves. */
struct pn_kafka_rest {
    struct pn_kafka_rest_config config; /* without consumers_folder and advertised_url */
    struct pn_kafka_rest_env env;
    struct pn_log *topics; /* the log without the streams' topics */
    struct pn_kafka_rest_instances instances;
    char *advertised_url; /* NULL: what a request says */
    struct pn_metric *records;
};

/* Each handler's `arg` is a struct pn_kafka_rest. */

/* produce.c */
enum pn_http_handled pn_kafka_rest_produce(struct pn_http_request *req, void *arg);

/* topics.c */
enum pn_http_handled pn_kafka_rest_topics(struct pn_http_request *req, void *arg);
enum pn_http_handled pn_kafka_rest_topic(struct pn_http_request *req, void *arg);
enum pn_http_handled pn_kafka_rest_partitions(struct pn_http_request *req, void *arg);
enum pn_http_handled pn_kafka_rest_partition(struct pn_http_request *req, void *arg);
enum pn_http_handled pn_kafka_rest_offsets(struct pn_http_request *req, void *arg);
enum pn_http_handled pn_kafka_rest_brokers(struct pn_http_request *req, void *arg);

/* records.c */
enum pn_http_handled pn_kafka_rest_partition_records(struct pn_http_request *req, void *arg);
/* Writes one record of a fetch; `format` is PN_KAFKA_REST_BODY_JSON or
 * PN_KAFKA_REST_BODY_BINARY. On failure (a value that is not JSON) nothing is written and *e says
 * which record it is. */
int pn_kafka_rest_put_record(struct pn_json_parser *parser, enum pn_kafka_rest_format_kind format,
                             const char *topic, int32_t partition, const struct pn_record *record,
                             struct pn_json_writer *json, struct pn_err *e) PN_MUST_CHECK;

/* instances.c, instance_subscriptions.c, instance_positions.c and poll.c */
enum pn_http_handled pn_kafka_rest_consumer_create(struct pn_http_request *req, void *arg);
enum pn_http_handled pn_kafka_rest_consumer_delete(struct pn_http_request *req, void *arg);
enum pn_http_handled pn_kafka_rest_subscribe(struct pn_http_request *req, void *arg);
enum pn_http_handled pn_kafka_rest_subscription(struct pn_http_request *req, void *arg);
enum pn_http_handled pn_kafka_rest_unsubscribe(struct pn_http_request *req, void *arg);
enum pn_http_handled pn_kafka_rest_assign(struct pn_http_request *req, void *arg);
enum pn_http_handled pn_kafka_rest_assignments(struct pn_http_request *req, void *arg);
enum pn_http_handled pn_kafka_rest_commit(struct pn_http_request *req, void *arg);
enum pn_http_handled pn_kafka_rest_committed(struct pn_http_request *req, void *arg);
enum pn_http_handled pn_kafka_rest_seek(struct pn_http_request *req, void *arg);
enum pn_http_handled pn_kafka_rest_seek_beginning(struct pn_http_request *req, void *arg);
enum pn_http_handled pn_kafka_rest_seek_end(struct pn_http_request *req, void *arg);
enum pn_http_handled pn_kafka_rest_consumer_records(struct pn_http_request *req, void *arg);

/* params.c: chooses the reply's content type by the Accept header; false (and the reply is a 406)
 * when the client takes none of ours. */
bool pn_kafka_rest_accept(struct pn_http_request *req);
/* Reads a partition number of a path; false (and the reply is a 404) when it is none. */
bool pn_kafka_rest_partition_param(struct pn_http_request *req, const char *text,
                                   int32_t *partition);

#endif
