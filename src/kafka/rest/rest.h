/*
 * The front of Kafka REST v2 (confluentinc/kafka-rest): producing to topics, reading them, and its
 * consumers. docs/kafka-rest.md says what differs from the original, and why.
 */
#ifndef PN_KAFKA_REST_REST_H
#define PN_KAFKA_REST_REST_H

#include "base/clock.h"
#include "base/io.h"
#include "base/logger.h"
#include "base/metrics.h"
#include "http/front.h"
#include "log/failures.h"
#include "log/log.h"

struct pn_kafka_rest_config {
    const char *consumers_folder; /* committed offsets, unless the log has groups of its own; made
                                     when needed; copied */
    const char *advertised_url;   /* of this server, for replies; "": what a request says; copied */
    int64_t record_bytes_max;
    int64_t records_per_request_max;
    int64_t instance_timeout_ms;
    int64_t instances_max;
    int64_t request_timeout_ms; /* how long a fetch waits, unless the consumer says */
    int64_t fetch_bytes_max;
    bool first_poll_empty; /* the first fetch after a subscription has no records */
};

/* What it depends on; all borrowed for its life. logger and metrics may be NULL. */
struct pn_kafka_rest_env {
    struct pn_log *log; /* whose topics it has, all but those of streams */
    struct pn_log_failures *failures;
    const struct pn_io *io;
    const struct pn_clock *clock;
    struct pn_logger *logger;
    struct pn_metrics *metrics;
    /* Called where it may block, before the first record of a topic that isn't there goes to the
     * log: makes the topic, or leaves that to the log. INPUT: it takes no more topics. NULL ok. */
    int (*first_record)(void *arg, const char *topic, struct pn_err *e);
    void *first_record_arg;
};

struct pn_kafka_rest;

/* INPUT without a folder for consumers, and for a URL that is none. */
int pn_kafka_rest_check_url(const char *url, struct pn_err *e) PN_MUST_CHECK; /* advertised_url */
int pn_kafka_rest_create(const struct pn_kafka_rest_config *config,
                         const struct pn_kafka_rest_env *env, struct pn_kafka_rest **rest,
                         struct pn_err *e) PN_MUST_CHECK;
/* After the server that has it. NULL ok. */
void pn_kafka_rest_destroy(struct pn_kafka_rest **rest);

/* For pn_http_server_add_front(), with a struct pn_kafka_rest. */
extern const struct pn_http_front pn_kafka_rest_front;

#endif
