/* Logins and TLS: the properties of librdkafka, the check of the broker's certificate, and what to
 * change when one of the two sides does not believe the other. */
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>

#include "log/kafka/private.h"

/* Brokers from 4.0 on refuse what older ones send for SCRAM (librdkafka#4895). */
enum { SCRAM_VERSION_MIN = 0x02060100, CONF_ERROR_SIZE = 512 };

#define IAM_ADVICE                                                                             \
    "; check the AWS credentials (role, profile or AWS_ACCESS_KEY_ID), log.kafka.region, and " \
    "that "                                                                                    \
    "their policy allows the kafka-cluster: actions on the cluster, its topics and its groups"

/* --- settings --------------------------------------------------------------------------------- */

/* What librdkafka says when it does not take a setting: mostly its own property. */
static const struct {
    const char *said;
    const char *setting;
} names[] = {
    {"ssl.ca.location", "log.kafka.ca_file"},
    {"ssl.certificate.location", "log.kafka.certificate"},
    {"ssl.key.location", "log.kafka.key"},
    {"security.protocol", "log.kafka.security"},
    {"sasl.mechanism", "log.kafka.sasl_mechanism"},
    {"sasl.username", "log.kafka.sasl_username"},
    {"sasl.password", "log.kafka.sasl_password"},
    {"no certificate assigned", "log.kafka.certificate"},
    {"Private key", "log.kafka.key"},
};

const char *pn_kafka_setting_in(const char *text)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strstr(text, names[i].said) != NULL) {
            return names[i].setting;
        }
    }
    return "log.kafka.conf";
}

int pn_kafka_set(rd_kafka_conf_t *conf, const char *name, const char *value, struct pn_err *e)
{
    char why[CONF_ERROR_SIZE];
    if (value[0] == '\0' ||
        rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK) {
        return 0;
    }
    return pn_err_input(e, "%s", why);
}

/* librdkafka names its own property for a file that is missing. */
static int check_files(const struct pn_kafka *kafka, struct pn_err *e)
{
    const struct pn_kafka_config *config = &kafka->config;
    const struct {
        const char *setting;
        const char *path;
    } files[] = {{"log.kafka.ca_file", config->ca_file},
                 {"log.kafka.certificate", config->certificate},
                 {"log.kafka.key", config->key}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (files[i].path[0] != '\0' && !pn_io_exists(kafka->io, files[i].path)) {
            return pn_err_input(e, "%s: there is no file %s", files[i].setting, files[i].path);
        }
    }
    return 0;
}

/* librdkafka's ssl_cert_verify_cb: `*x509_error` is what OpenSSL has found. It is kept for the
 * complaint that follows, which says something else. */
static int on_certificate(rd_kafka_t *client, const char *broker, int32_t broker_id,
                          int *x509_error, int depth, const char *bytes, size_t size, char *why,
                          size_t why_size, void *opaque)
{
    struct pn_kafka *kafka = ((const struct pn_kafka_owner *)opaque)->kafka;
    (void)client;
    (void)broker;
    (void)broker_id;
    (void)depth;
    (void)bytes;
    (void)size;
    if (*x509_error == X509_V_OK) {
        return 1;
    }
    atomic_store(&kafka->trouble.refused, *x509_error);
    (void)snprintf(why, why_size, "%s", X509_verify_cert_error_string(*x509_error));
    return 0;
}

void pn_kafka_complaint(const char *reason, int x509_error, char *text)
{
    const char *end = strstr(reason, ": SSL handshake failed");
    if (x509_error == X509_V_OK || end == NULL) {
        (void)snprintf(text, PN_KAFKA_TEXT_SIZE, "%s", reason);
    } else {
        (void)snprintf(text, PN_KAFKA_TEXT_SIZE, "%.*s: the broker's certificate is refused: %s",
                       (int)(end - reason), reason, X509_verify_cert_error_string(x509_error));
    }
}

int pn_kafka_secure(struct pn_kafka *kafka, rd_kafka_conf_t *conf, struct pn_err *e)
{
    const struct pn_kafka_config *config = &kafka->config;
    bool has_iam = pn_kafka_uses_iam(config);
    const struct {
        const char *property;
        const char *value;
    } all[] = {
        {"security.protocol", config->security},
        {"sasl.mechanisms", has_iam ? "OAUTHBEARER" : config->sasl_mechanism},
        {"sasl.username", config->sasl_username},
        {"sasl.password", config->sasl_password},
        {"ssl.ca.location", config->ca_file},
        {"ssl.certificate.location", config->certificate},
        {"ssl.key.location", config->key},
    };
    bool has_sasl = strncmp(config->security, "sasl", 4) == 0;
    if (has_sasl && !has_iam &&
        (config->sasl_username[0] == '\0' || config->sasl_password[0] == '\0')) {
        return pn_err_input(e,
                            "log.kafka.security is %s: set log.kafka.sasl_username and "
                            "log.kafka.sasl_password",
                            config->security);
    }
    if (strcmp(config->security, "plaintext") == 0 &&
        (config->sasl_username[0] != '\0' || config->sasl_password[0] != '\0')) {
        return pn_err_input(e,
                            "log.kafka.security is plaintext, which logs in without a user: set it "
                            "to sasl_plaintext or sasl_ssl, or remove log.kafka.sasl_username and "
                            "log.kafka.sasl_password");
    }
    int rc = check_files(kafka, e);
    for (size_t i = 0; i < sizeof all / sizeof *all && rc == 0; i++) {
        bool is_unused = !has_sasl && strncmp(all[i].property, "sasl.", 5) == 0;
        rc = is_unused ? 0 : pn_kafka_set(conf, all[i].property, all[i].value, e);
        if (rc != 0) {
            pn_err_prefix(e, "%s", pn_kafka_setting_in(all[i].property));
        }
    }
    if (rc == 0 && strstr(config->security, "ssl") != NULL &&
        rd_kafka_conf_set_ssl_cert_verify_cb(conf, on_certificate) != RD_KAFKA_CONF_OK) {
        rc = pn_err_input(e, "log.kafka.security is %s, but the system's librdkafka has no TLS",
                          config->security);
    }
    return rc;
}

/* --- advice ----------------------------------------------------------------------------------- */

static const char *certificate_advice(int x509_error)
{
    switch (x509_error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return "; the certificate of the broker in log.url has expired: renew it there, or set "
               "this machine's clock";
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return "; the certificate of the broker in log.url is not yet valid: set this machine's "
               "clock";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return "; the broker's certificate is of another host: log.url, and the broker's "
               "advertised.listeners, must have a name that is in it";
    default:
        return "; log.kafka.ca_file must have the certificate of the authority that signed the "
               "broker's";
    }
}

static const char *password_advice(const struct pn_kafka *kafka, const char *text)
{
    if (kafka->credentials != NULL) {
        return IAM_ADVICE;
    }
    if (strstr(text, "not valid in current SASL state") != NULL) {
        return "; that port wants no login: check log.kafka.security and log.url";
    }
    if (strstr(text, "mechanism handshake failed") != NULL) {
        return "; check log.kafka.sasl_mechanism";
    }
    if (strncmp(kafka->config.sasl_mechanism, "SCRAM", 5) == 0 &&
        rd_kafka_version() < SCRAM_VERSION_MIN) {
        return "; the system's librdkafka is older than 2.6.1 and cannot log in by SCRAM at "
               "brokers from 4.0 on: install a newer one, or set log.kafka.sasl_mechanism to "
               "PLAIN. "
               "With older brokers, check log.kafka.sasl_username and log.kafka.sasl_password";
    }
    return "; check log.kafka.sasl_username, log.kafka.sasl_password and log.kafka.sasl_mechanism";
}

/* Without a connection. The broker's side of TLS says what it thinks of ours by an alert. */
static const char *connection_advice(const struct pn_kafka *kafka, const char *text)
{
    if (strstr(text, "alert") != NULL) {
        return "; the broker does not accept pinion's certificate: check log.kafka.certificate and "
               "log.kafka.key";
    }
    bool has_tls = strstr(kafka->config.security, "ssl") != NULL;
    bool has_sasl = strncmp(kafka->config.security, "sasl", 4) == 0;
    bool is_refused = strstr(text, "refused") != NULL || strstr(text, "resolve") != NULL;
    if (is_refused || (has_tls && has_sasl)) {
        return "; check log.url";
    }
    return has_sasl || has_tls
               ? "; check log.url, and log.kafka.security: a port with TLS and a login closes the "
                 "connections of those who come with only one of them"
               : "; check log.url, and log.kafka.security: a port with TLS or with a login closes "
                 "the connections of those who come without";
}

const char *pn_kafka_login_advice(struct pn_kafka *kafka, rd_kafka_resp_err_t err, const char *text)
{
    pthread_mutex_lock(&kafka->trouble.lock);
    int x509_error = kafka->trouble.x509_error;
    pthread_mutex_unlock(&kafka->trouble.lock);
    switch (err) {
    case RD_KAFKA_RESP_ERR__SSL:
        return x509_error != X509_V_OK
                   ? certificate_advice(x509_error)
                   : "; check that the port of log.url speaks TLS (log.kafka.security), "
                     "log.kafka.certificate and log.kafka.key";
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
        return password_advice(kafka, text);
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        return kafka->credentials != NULL
                   ? IAM_ADVICE
                   : "; the user of log.kafka.sasl_username lacks the right in the cluster's ACLs";
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        return kafka->credentials != NULL
                   ? IAM_ADVICE
                   : "; the user of log.kafka.sasl_username lacks the right to the group in the "
                     "cluster's ACLs";
    default:
        return connection_advice(kafka, text);
    }
}
