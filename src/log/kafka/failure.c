#include <stdio.h>
#include <string.h>

#include "log/kafka/private.h"

enum { RECENT_MS = 30000 };

/* How an error of librdkafka (negative) or of Kafka's protocol is one of ours. What is not here is
 * passing, as most are. */
static const struct kind {
    rd_kafka_resp_err_t err;
    enum pn_class class_;
    int code;
    const char *advice;
} kinds[] = {
    {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, PN_CLASS_MISSING, PN_FAIL, ""},
    {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, PN_CLASS_MISSING, PN_FAIL, ""},
    {RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, PN_CLASS_MISSING, PN_FAIL, ""},
    {RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS, PN_CLASS_CONFLICT, PN_FAIL, ""},
    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, PN_CLASS_INPUT, PN_FAIL,
     "; the topic's max.message.bytes is the limit"},
    {RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, PN_CLASS_INPUT, PN_FAIL,
     "; the topic's segment.bytes is the limit"},
    {RD_KAFKA_RESP_ERR_INVALID_RECORD, PN_CLASS_INPUT, PN_FAIL,
     "; a compacted topic takes only records with a key"},
    {RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, PN_CLASS_INPUT, PN_FAIL, ""},
    {RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, PN_CLASS_INPUT, PN_FAIL, ""},
    {RD_KAFKA_RESP_ERR_INVALID_PARTITIONS, PN_CLASS_INPUT, PN_FAIL, ""},
    {RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR, PN_CLASS_INPUT, PN_FAIL,
     "; set log.kafka.replication to at most the number of brokers"},
    {RD_KAFKA_RESP_ERR_INVALID_CONFIG, PN_CLASS_INPUT, PN_FAIL, ""},
    {RD_KAFKA_RESP_ERR_INVALID_REQUEST, PN_CLASS_INPUT, PN_FAIL, ""},
    {RD_KAFKA_RESP_ERR_POLICY_VIOLATION, PN_CLASS_INPUT, PN_FAIL, ""},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION, PN_CLASS_FATAL, PN_FAIL,
     "; brokers from 2.4 on are needed"},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, PN_CLASS_RETRY, PN_LOG_NOT_AUTHORIZED, ""},
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, PN_CLASS_RETRY, PN_LOG_NOT_AUTHORIZED, ""},
    {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, PN_CLASS_RETRY, PN_LOG_NOT_AUTHORIZED, ""},
    {RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, PN_CLASS_CONFLICT, PN_FAIL,
     "; the group has given the partitions to others"},
    {RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, PN_CLASS_CONFLICT, PN_FAIL,
     "; the group has given the partitions to others"},
    {RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL, PN_CLASS_CONFLICT, PN_FAIL,
     "; the group's other members deal out partitions in another way: set "
     "partition.assignment.strategy to theirs in log.kafka.conf"},
    {RD_KAFKA_RESP_ERR_INVALID_GROUP_ID, PN_CLASS_INPUT, PN_FAIL, ""},
    {RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE, PN_CLASS_INPUT, PN_FAIL, ""},
    {RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, PN_CLASS_RETRY, PN_LOG_NOT_AUTHENTICATED, ""},
    {RD_KAFKA_RESP_ERR__AUTHENTICATION, PN_CLASS_RETRY, PN_LOG_NOT_AUTHENTICATED, ""},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM, PN_CLASS_RETRY, PN_LOG_NOT_AUTHENTICATED, ""},
    {RD_KAFKA_RESP_ERR__SSL, PN_CLASS_RETRY, PN_LOG_NOT_AUTHENTICATED, ""},
    {RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE, PN_CLASS_RETRY, PN_LOG_NO_BROKER, ""},
    {RD_KAFKA_RESP_ERR__TRANSPORT, PN_CLASS_RETRY, PN_LOG_NO_BROKER, ""},
    {RD_KAFKA_RESP_ERR__RESOLVE, PN_CLASS_RETRY, PN_LOG_NO_BROKER, ""},
    {RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, PN_CLASS_RETRY, PN_LOG_NO_BROKER, ""},
};

/* What to change is a matter of the connection or the login (security.c). */
static bool is_of_logins(const struct kind *kind)
{
    return kind->code == PN_LOG_NOT_AUTHENTICATED || kind->code == PN_LOG_NOT_AUTHORIZED ||
           kind->code == PN_LOG_NO_BROKER;
}

static const struct kind *kind_of(rd_kafka_resp_err_t err)
{
    static const struct kind passing = {RD_KAFKA_RESP_ERR__FAIL, PN_CLASS_RETRY, PN_FAIL, ""};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (kinds[i].err == err) {
            return &kinds[i];
        }
    }
    return &passing;
}

/* It says only that something did not happen in time. */
static bool is_vague(rd_kafka_resp_err_t err)
{
    return err == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT || err == RD_KAFKA_RESP_ERR__TIMED_OUT ||
           err == RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE || err == RD_KAFKA_RESP_ERR__TRANSPORT ||
           err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
}

/* Why nothing comes of anything: not what was wrong with one topic or group. */
static bool is_of_connections(rd_kafka_resp_err_t err)
{
    int code = kind_of(err)->code;
    return code == PN_LOG_NOT_AUTHENTICATED || code == PN_LOG_NO_BROKER;
}

int pn_kafka_fail(struct pn_kafka *kafka, rd_kafka_resp_err_t err, struct pn_err *e,
                  const char *what, ...)
{
    char subject[PN_KAFKA_TEXT_SIZE];
    char trouble[PN_KAFKA_TEXT_SIZE] = "";
    rd_kafka_resp_err_t cause = err;
    va_list args;
    va_start(args, what);
    (void)vsnprintf(subject, sizeof subject, what, args);
    va_end(args);
    rd_kafka_resp_err_t recent = pn_kafka_trouble_since(kafka, RECENT_MS, trouble);
    bool tells_why = is_vague(err) && is_of_connections(recent);
    if (tells_why) {
        cause = recent;
    }
    const struct kind *kind = kind_of(cause);
    const char *advice = is_of_logins(kind)
                             ? pn_kafka_login_advice(kafka, cause, recent == cause ? trouble : "")
                             : kind->advice;
    return pn_err_set(e, kind->class_, kind->code, "%s: %s%s%s%s", subject, rd_kafka_err2str(err),
                      tells_why ? ": " : "", tells_why ? trouble : "", advice);
}

bool pn_kafka_is_denial(rd_kafka_resp_err_t err)
{
    return kind_of(err)->code == PN_LOG_NOT_AUTHENTICATED;
}
