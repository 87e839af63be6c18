/*
 * The log on Apache Kafka, by librdkafka: topics and partitions are Kafka's, and so are the offsets
 * in replies. Brokers from 2.4 on.
 *
 *   - Producing: idempotent, acks=all. A record without a partition goes where Kafka's own clients
 *     put it (murmur2 of the key; without a key, a random one for each batch). A record without an
 *     answer in `timeout_ms` is RETRY, and may have been written. The time begins when librdkafka
 *     gets it: usually at once, and after 100 ms at most where an earlier one has no answer yet.
 *   - Reading: only what is committed (read_committed). The markers of transactions and compaction
 *     leave gaps between offsets, which are not losses.
 *   - Topics, their settings and the ends of partitions are known from a thread that asks the
 *     cluster once a second, and from the answers to our own records. So pn_log_topic(),
 *     pn_log_topics() and pn_log_offsets() never wait. `size_bytes` is not known: it is -1.
 *     A topic's id is how often its name was deleted while a log with this folder looked, or more
 *     by pn_log_raise_topic_id(). A topic
 *     that the cluster does not show for a moment stays known: see pn_kafka_refresh_all().
 *   - A submit for a topic that is not known asks the cluster, and creates the topic where
 *     `auto_create_topics` is set: it waits for both. A caller that must not wait looks with
 *     pn_log_topic() first.
 *   - Names that begin with "__" are Kafka's own: such topics are neither shown nor made. pinion's
 *     own (pn_topic_is_internal()) are not among them.
 *
 * Errors have codes of enum pn_log_code where Kafka said more than a class tells.
 */
#ifndef PN_LOG_KAFKA_KAFKA_H
#define PN_LOG_KAFKA_KAFKA_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/logger.h"
#include "log/log.h"

#define PN_KAFKA_SCHEME "kafka://"
#define PN_KAFKA_IAM    "AWS_MSK_IAM" /* login at Amazon MSK with AWS's credentials */

/* Texts are copied. An empty one is not set. */
struct pn_kafka_config {
    const char *folder;   /* keeps the lock and the cluster's id; made when missing */
    const char *url;      /* "kafka://host:port,host:port" */
    const char *security; /* security.protocol: "plaintext", "ssl", "sasl_plaintext", "sasl_ssl" */
    const char *sasl_mechanism; /* "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", PN_KAFKA_IAM */
    const char *sasl_username;
    const char *sasl_password;
    const char *region;      /* of Amazon MSK, for PN_KAFKA_IAM; empty: of the broker's name, or of
                                AWS_REGION */
    const char *ca_file;     /* PEM; empty: the system's */
    const char *certificate; /* PEM: the client's own, and its key */
    const char *key;
    const char *properties;     /* "name=value; name=value" of librdkafka, which overrule ours */
    int64_t queue_bytes_max;    /* of records that wait for the brokers; above it: RETRY */
    int64_t record_bytes_max;   /* key + value + headers */
    int64_t timeout_ms;         /* of a record, and of a question to the cluster */
    int32_t partitions_default; /* of a topic that its first record creates */
    int32_t replication;        /* of a topic; 0: the brokers' default */
    bool auto_create_topics;
    struct pn_log_first_config first; /* of a topic that its first record creates */
};

/*
 * Connects, and asks the cluster for its topics. INPUT: a setting is wrong. RETRY: no broker
 * answered in 10 seconds. FATAL: the brokers refuse the credentials, or the folder's log is
 * another one (of segments, or of another cluster). CONFLICT: another process has the folder. `io`,
 * `clock` and `logger` (may be NULL) are borrowed for the log's life. Destroy with
 * pn_log_destroy(), which waits for what was submitted, at most `timeout_ms`.
 */
int pn_kafka_open(const struct pn_kafka_config *config, const struct pn_io *io,
                  const struct pn_clock *clock, struct pn_logger *logger, struct pn_log **log,
                  struct pn_err *e) PN_MUST_CHECK;

/* Is `folder`, a data folder's log, one of a Kafka cluster? */
bool pn_kafka_owns_folder(const char *folder, const struct pn_io *io);
/* Adds the id of that cluster. */
int pn_kafka_cluster_of_folder(const char *folder, const struct pn_io *io, struct pn_buf *id,
                               struct pn_err *e) PN_MUST_CHECK;

#endif
