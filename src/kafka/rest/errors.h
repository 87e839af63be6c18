/*
 * The numbers of error replies: `error_code` of kafka-rest (Errors.java) and rest-utils
 * (KafkaExceptionMapper.java). Where no number of theirs fits, the HTTP status is the number, as
 * there.
 */
#ifndef PN_KAFKA_REST_ERRORS_H
#define PN_KAFKA_REST_ERRORS_H

#include "http/request.h"

enum {
    PN_KAFKA_REST_CODE_BAD_REQUEST = 40002,
    PN_KAFKA_REST_CODE_NOT_AUTHENTICATED = 40101,
    PN_KAFKA_REST_CODE_NOT_AUTHORIZED = 40301,
    PN_KAFKA_REST_CODE_TOPIC_NOT_FOUND = 40401,
    PN_KAFKA_REST_CODE_PARTITION_NOT_FOUND = 40402,
    PN_KAFKA_REST_CODE_INSTANCE_NOT_FOUND = 40403,
    PN_KAFKA_REST_CODE_FORMAT_MISMATCH = 40601,
    PN_KAFKA_REST_CODE_INSTANCE_EXISTS = 40902,
    PN_KAFKA_REST_CODE_ILLEGAL_STATE = 40903,
    PN_KAFKA_REST_CODE_JSON_CONVERSION = 42203,
    PN_KAFKA_REST_CODE_CONSUMER_CONFIG = 42204,
    PN_KAFKA_REST_CODE_ERROR = 50002,
    PN_KAFKA_REST_CODE_RETRIABLE = 50003,
    PN_KAFKA_REST_CODE_NO_BROKER = 50302
};

#define PN_KAFKA_REST_TYPE "application/vnd.kafka.v2+json"

/* The front's error(), see http/front.h: its number is the status, and for a 503 Kafka's own. */
void pn_kafka_rest_error(struct pn_http_request *req, int status, const char *message);
/* Ends the request with `status` and the body {"error_code":code,"message":"..."}. */
void pn_kafka_rest_reply_error(struct pn_http_request *req, int status, int code, const char *fmt,
                               ...) PN_PRINTF(4, 5);
/* The same from an error of the log or the disk. */
void pn_kafka_rest_reply_log_error(struct pn_http_request *req, const struct pn_err *e);

/* The number for an error of the log, and its HTTP status: what brokers refuse pinion is 40101/401
 * and 40301/403, no broker 50302/503; else by class: MISSING 40401/404, INPUT and CONFLICT
 * 40002/400, RETRY 50003/503, all else 50002/500. `code` is the error's, see enum pn_log_code. */
int pn_kafka_rest_error_code(enum pn_class class_, int code, int *status);

#endif
