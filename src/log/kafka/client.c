#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "log/kafka/private.h"

enum { LOG_AGAIN_MS = 60000, VALUE_SIZE = 32, CONF_ERROR_SIZE = 512 };
enum { RECORD_OVERHEAD_BYTES = 4096, KIB = 1024 };

/* --- what the brokers complain of ------------------------------------------------------------- */

static void on_error(rd_kafka_t *client, int code, const char *reason, void *opaque)
{
    struct pn_kafka *kafka = ((const struct pn_kafka_owner *)opaque)->kafka;
    struct pn_kafka_trouble *trouble = &kafka->trouble;
    rd_kafka_resp_err_t err = (rd_kafka_resp_err_t)code;
    char why[PN_KAFKA_TEXT_SIZE];
    char text[PN_KAFKA_TEXT_SIZE];
    if (err == RD_KAFKA_RESP_ERR__FATAL) {
        err = rd_kafka_fatal_error(client, why, sizeof why);
        reason = why;
    }
    int x509_error = err == RD_KAFKA_RESP_ERR__SSL ? atomic_exchange(&trouble->refused, 0) : 0;
    pn_kafka_complaint(reason, x509_error, text);
    int64_t now_ms = pn_mono_ms(kafka->clock);
    pthread_mutex_lock(&trouble->lock);
    bool is_vague = err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
    if (!is_vague || trouble->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        trouble->err = err;
        trouble->x509_error = x509_error;
        (void)snprintf(trouble->text, sizeof trouble->text, "%s", text);
    }
    if (is_vague) {
        pn_kafka_reach_doubt(kafka);
    }
    trouble->at_ms = now_ms;
    bool again = trouble->logged == err && now_ms - trouble->logged_ms < LOG_AGAIN_MS;
    if (!again && !is_vague) {
        trouble->logged = err;
        trouble->logged_ms = now_ms;
    }
    pthread_mutex_unlock(&trouble->lock);
    if (!again && !is_vague) {
        pn_logger_warn(kafka->logger, "kafka", "%s", text);
    }
}

rd_kafka_resp_err_t pn_kafka_trouble_since(struct pn_kafka *kafka, int64_t within_ms, char *text)
{
    struct pn_kafka_trouble *trouble = &kafka->trouble;
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
    text[0] = '\0';
    pthread_mutex_lock(&trouble->lock);
    if (trouble->err != RD_KAFKA_RESP_ERR_NO_ERROR &&
        pn_mono_ms(kafka->clock) - trouble->at_ms <= within_ms) {
        err = trouble->err;
        memcpy(text, trouble->text, sizeof trouble->text);
    }
    pthread_mutex_unlock(&trouble->lock);
    return err;
}

/* librdkafka's own lines are for those who look closely: what matters comes as errors. */
static void on_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    const struct pn_kafka_owner *owner = rd_kafka_opaque(client);
    if (owner != NULL) {
        pn_logger_debug(owner->kafka->logger, "kafka", "librdkafka %d %s: %s", level, facility,
                        text);
    }
}

/* --- properties ------------------------------------------------------------------------------- */

static int set_number(rd_kafka_conf_t *conf, const char *name, int64_t value, struct pn_err *e)
{
    char text[VALUE_SIZE];
    (void)snprintf(text, sizeof text, "%" PRId64, value);
    return pn_kafka_set(conf, name, text, e);
}

/* What the promises of the log rest on is not a matter of settings. */
static bool is_ours(const char *name)
{
    static const char *const names[] = {
        "acks",
        "request.required.acks",
        "enable.idempotence",
        "enable.gapless.guarantee",
        "transactional.id",
        "isolation.level",
        "partitioner",
        "enable.partition.eof",
        "auto.offset.reset",
        "bootstrap.servers",
        "metadata.broker.list",
        "group.id",
        "delivery.report.only.error",
        "allow.auto.create.topics",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* One "name=value", in place. An error does not quote it: it may be the rest of a password. */
static int set_given(rd_kafka_conf_t *conf, char *text, size_t number, struct pn_err *e)
{
    char *value = strchr(text, '=');
    if (value == NULL) {
        return pn_err_input(e,
                            "log.kafka.conf: property %zu has no `=`: each must be NAME=VALUE, and "
                            "a value cannot contain a semicolon",
                            number);
    }
    *value++ = '\0';
    if (is_ours(text)) {
        return pn_err_input(e, "log.kafka.conf: %s cannot be set: pinion relies on its own value",
                            text);
    }
    int rc = pn_kafka_set(conf, text, value, e);
    if (rc != 0) {
        pn_err_prefix(e, "log.kafka.conf");
    }
    return rc;
}

/* "name=value; name=value" */
static int set_all_given(rd_kafka_conf_t *conf, const char *properties, struct pn_err *e)
{
    char *texts = pn_xstrdup(properties);
    char *rest = NULL;
    size_t number = 0;
    int rc = 0;
    for (char *text = strtok_r(texts, ";", &rest); text != NULL && rc == 0;
         text = strtok_r(NULL, ";", &rest)) {
        text += strspn(text, " \t\n");
        for (size_t len = strlen(text); len > 0 && strchr(" \t\n", text[len - 1]) != NULL; len--) {
            text[len - 1] = '\0';
        }
        number++;
        rc = text[0] == '\0' ? 0 : set_given(conf, text, number, e);
    }
    free(texts);
    return rc;
}

static int set_common(rd_kafka_conf_t *conf, const struct pn_kafka_config *config, struct pn_err *e)
{
    const char *brokers = config->url + strlen(PN_KAFKA_SCHEME);
    int rc = pn_kafka_set(conf, "bootstrap.servers", brokers, e);
    if (rc == 0) {
        rc = pn_kafka_set(conf, "client.id", "pinion", e);
    }
    if (rc == 0) {
        rc = pn_kafka_set(conf, "log.connection.close", "false", e);
    }
    if (rc == 0) {
        rc = pn_kafka_set(conf, "topic.metadata.refresh.interval.ms", "10000", e);
    }
    if (rc == 0) {
        rc = set_number(conf, "message.max.bytes", config->record_bytes_max + RECORD_OVERHEAD_BYTES,
                        e);
    }
    return rc;
}

int pn_kafka_client_open(const struct pn_kafka_client *client, rd_kafka_t **handle,
                         struct pn_err *e)
{
    struct pn_kafka *kafka = client->owner->kafka;
    const struct pn_kafka_config *config = &kafka->config;
    const struct pn_kafka_property *properties = client->properties;
    bool is_producer = client->type == RD_KAFKA_PRODUCER;
    char why[CONF_ERROR_SIZE];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_opaque(conf, client->owner);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_dr_msg_cb(conf, client->on_delivery);
    if (client->on_rebalance != NULL) {
        rd_kafka_conf_set_rebalance_cb(conf, client->on_rebalance);
    }
    int rc = set_common(conf, config, e);
    if (rc == 0) {
        rc = pn_kafka_secure(kafka, conf, e);
    }
    if (rc == 0 && pn_kafka_uses_iam(config)) {
        rc = pn_kafka_iam_configure(kafka, conf, e);
    }
    for (size_t i = 0; rc == 0 && properties[i].name != NULL; i++) {
        rc = pn_kafka_set(conf, properties[i].name, properties[i].value, e);
    }
    if (rc == 0 && is_producer) {
        rc = set_number(conf, "queue.buffering.max.kbytes", config->queue_bytes_max / KIB + 1, e);
    }
    if (rc == 0 && is_producer) {
        rc = set_number(conf, "message.timeout.ms", config->timeout_ms, e);
    }
    if (rc == 0) {
        rc = set_all_given(conf, config->properties, e);
    }
    if (rc != 0) {
        rd_kafka_conf_destroy(conf);
        return rc;
    }
    *handle = rd_kafka_new(client->type, conf, why, sizeof why);
    if (*handle == NULL) {
        rd_kafka_conf_destroy(conf);
        return pn_err_input(e, "librdkafka does not accept the setting %s: %s",
                            pn_kafka_setting_in(why), why);
    }
    if (pn_kafka_uses_iam(config)) {
        rc = pn_kafka_iam_start(*handle, e);
    }
    if (rc != 0) {
        rd_kafka_destroy(*handle);
        *handle = NULL;
    }
    return rc;
}
