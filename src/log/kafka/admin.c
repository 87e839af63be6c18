/* Topics by the admin API: each question is one event on a queue of its own. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/units.h"
#include "log/kafka/private.h"
#include "log/record.h"

enum { WHY_SIZE = 512, VALUE_SIZE = 32, SEEN_TRIES = 50, SEEN_WAIT_MS = 100, NAMES_MAX = 3 };
/* What a batch of one record has beside the record. */
enum { BATCH_OVERHEAD_BYTES = 512 };

/* The first topic's own error; brokers say in their text what is wrong with a value. */
static int topic_error(struct pn_kafka *kafka, const rd_kafka_topic_result_t *result,
                       const char *what, struct pn_err *e)
{
    rd_kafka_resp_err_t err = rd_kafka_topic_result_error(result);
    const char *text = rd_kafka_topic_result_error_string(result);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return 0;
    }
    return text != NULL ? pn_kafka_fail(kafka, err, e, "%s: %s", what, text)
                        : pn_kafka_fail(kafka, err, e, "%s", what);
}

/* Kafka's names and values of what a config sets. Returns how many. */
struct property {
    const char *name;
    char value[VALUE_SIZE];
};

static size_t properties_of(const struct pn_log_topic_config *config,
                            struct property properties[NAMES_MAX])
{
    const struct {
        const char *name;
        int64_t value;
    } all[NAMES_MAX] = {
        {"retention.ms", config->retention_ms},
        {"retention.bytes", config->retention_bytes},
        {"max.message.bytes",
         config->record_bytes_max > 0 ? config->record_bytes_max + BATCH_OVERHEAD_BYTES : 0},
    };
    size_t count = 0;
    for (size_t i = 0; i < NAMES_MAX; i++) {
        if (all[i].value != 0) {
            properties[count].name = all[i].name;
            (void)snprintf(properties[count].value, VALUE_SIZE, "%" PRId64, all[i].value);
            count++;
        }
    }
    return count;
}

/* --- create and delete ------------------------------------------------------------------------ */

/* The controller has made it; the brokers that we ask may learn of it a little later. */
static int wait_until_seen(struct pn_kafka *kafka, const char *name, struct pn_err *e)
{
    struct pn_err why = {0};
    int rc = 0;
    for (int i = 0; i < SEEN_TRIES; i++) {
        rc = pn_kafka_refresh_topic(kafka, name, &why);
        if (rc == 0) {
            struct pn_kafka_topic *topic = pn_kafka_catalog_hold(&kafka->catalog, name);
            bool is_ready = topic != NULL;
            for (int32_t p = 0; is_ready && p < topic->info.partitions; p++) {
                const struct pn_kafka_part *part = topic->parts[p];
                bool is_silent = atomic_load(&part->is_led) && atomic_load(&part->silent_ms) != 0;
                is_ready = atomic_load(&part->is_known) || is_silent;
            }
            if (topic != NULL) {
                pn_kafka_topic_release(topic);
            }
            if (is_ready) {
                return 0;
            }
        }
        pn_sleep_ms(SEEN_WAIT_MS);
    }
    pn_err_copy(e, rc != 0 ? &why : NULL);
    return rc;
}

static rd_kafka_NewTopic_t *new_topic(const struct pn_kafka *kafka, const char *name,
                                      const struct pn_log_topic_config *config, struct pn_err *e)
{
    char why[WHY_SIZE] = "";
    struct property properties[NAMES_MAX];
    int32_t partitions =
        config->partitions != 0 ? config->partitions : kafka->config.partitions_default;
    int32_t replication = kafka->config.replication != 0 ? kafka->config.replication : -1;
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(name, partitions, replication, why, sizeof why);
    if (topic == NULL) {
        (void)pn_err_input(e, "topic %s: %s", name, why);
        return NULL;
    }
    size_t count = properties_of(config, properties);
    for (size_t i = 0; i < count; i++) {
        (void)rd_kafka_NewTopic_set_config(topic, properties[i].name, properties[i].value);
    }
    return topic;
}

static int check_name(const char *name, struct pn_err *e)
{
    if (!pn_topic_name_valid(name, strlen(name), e)) {
        return PN_FAIL;
    }
    return pn_kafka_is_own(name)
               ? pn_err_input(e, "'%s': names that begin with \"__\" are for Kafka's own topics",
                              name)
               : 0;
}

int pn_kafka_create_topic(struct pn_log *log, const char *name,
                          const struct pn_log_topic_config *config, struct pn_err *e)
{
    static const struct pn_log_topic_config none = {0};
    struct pn_kafka *kafka = pn_kafka_of(log);
    char what[PN_TOPIC_NAME_MAX + 32];
    config = config != NULL ? config : &none;
    int rc = check_name(name, e);
    if (rc == 0) {
        rc = pn_log_topic_config_check(config, e);
    }
    rd_kafka_NewTopic_t *topic = rc == 0 ? new_topic(kafka, name, config, e) : NULL;
    if (topic == NULL) {
        return PN_FAIL;
    }
    (void)snprintf(what, sizeof what, "cannot create topic %s", name);
    rd_kafka_AdminOptions_t *options =
        pn_kafka_admin_options(kafka, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(kafka->asker);
    rd_kafka_event_t *event = NULL;
    size_t count = 0;
    bool is_other = false;
    rd_kafka_CreateTopics(kafka->asker, &topic, 1, options, queue);
    rc = pn_kafka_admin_wait(kafka, queue, what, &event, e);
    if (rc == 0) {
        const rd_kafka_topic_result_t **results =
            rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
        is_other =
            rd_kafka_topic_result_error(results[0]) == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS;
        rc = topic_error(kafka, results[0], what, e);
    }
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_NewTopic_destroy(topic);
    if (is_other) { /* the caller may use it at once, though another server has just made it */
        struct pn_err failure = {0};
        (void)wait_until_seen(kafka, name, &failure);
    }
    return rc == 0 ? wait_until_seen(kafka, name, e) : rc;
}

/* Deleting is not at once everywhere either: the catalog forgets the topic when the cluster has. */
static void wait_until_gone(struct pn_kafka *kafka, const char *name)
{
    for (int i = 0; i < SEEN_TRIES && !pn_kafka_refresh_deleted(kafka, name); i++) {
        pn_sleep_ms(SEEN_WAIT_MS);
    }
}

int pn_kafka_delete_topic(struct pn_log *log, const char *name, struct pn_err *e)
{
    struct pn_kafka *kafka = pn_kafka_of(log);
    char what[PN_TOPIC_NAME_MAX + 32];
    if (pn_kafka_is_own(name)) {
        return pn_err_missing(e, "there is no topic %s", name);
    }
    if (!pn_topic_name_valid(name, strlen(name), e)) {
        return PN_FAIL;
    }
    (void)snprintf(what, sizeof what, "cannot delete topic %s", name);
    rd_kafka_AdminOptions_t *options =
        pn_kafka_admin_options(kafka, RD_KAFKA_ADMIN_OP_DELETETOPICS);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(kafka->asker);
    rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new(name);
    rd_kafka_event_t *event = NULL;
    size_t count = 0;
    rd_kafka_DeleteTopics(kafka->asker, &topic, 1, options, queue);
    int rc = pn_kafka_admin_wait(kafka, queue, what, &event, e);
    if (rc == 0) {
        const rd_kafka_topic_result_t **results =
            rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count);
        rc = topic_error(kafka, results[0], what, e);
    }
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_DeleteTopic_destroy(topic);
    if (rc == 0) {
        wait_until_gone(kafka, name);
    }
    return rc;
}

/* --- changing --------------------------------------------------------------------------------- */

static int add_partitions(struct pn_kafka *kafka, const char *name, int32_t partitions,
                          struct pn_err *e)
{
    char what[PN_TOPIC_NAME_MAX + 64];
    char why[WHY_SIZE] = "";
    size_t count = 0;
    (void)snprintf(what, sizeof what, "cannot add partitions to topic %s", name);
    rd_kafka_NewPartitions_t *wanted =
        rd_kafka_NewPartitions_new(name, (size_t)partitions, why, sizeof why);
    if (wanted == NULL) {
        return pn_err_input(e, "%s: %s", what, why);
    }
    rd_kafka_AdminOptions_t *options =
        pn_kafka_admin_options(kafka, RD_KAFKA_ADMIN_OP_CREATEPARTITIONS);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(kafka->asker);
    rd_kafka_event_t *event = NULL;
    rd_kafka_CreatePartitions(kafka->asker, &wanted, 1, options, queue);
    int rc = pn_kafka_admin_wait(kafka, queue, what, &event, e);
    if (rc == 0) {
        const rd_kafka_topic_result_t **results = rd_kafka_CreatePartitions_result_topics(
            rd_kafka_event_CreatePartitions_result(event), &count);
        rc = topic_error(kafka, results[0], what, e);
    }
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_NewPartitions_destroy(wanted);
    return rc;
}

static bool is_among(const char *name, const struct property *properties, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(properties[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Adds the topic's own settings to `wanted`, but for those that change: AlterConfigs replaces all
 * of them. */
static int keep_own(struct pn_kafka *kafka, struct pn_kafka_topic *topic,
                    const struct property *properties, size_t property_count,
                    rd_kafka_ConfigResource_t *wanted, struct pn_err *e)
{
    rd_kafka_event_t *event = NULL;
    size_t count = 0;
    int rc = pn_kafka_ask_settings(kafka, &topic, 1, &event, e);
    if (rc == 0) {
        const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(
            rd_kafka_event_DescribeConfigs_result(event), &count);
        rd_kafka_resp_err_t err = rd_kafka_ConfigResource_error(resources[0]);
        rc = err == RD_KAFKA_RESP_ERR_NO_ERROR
                 ? 0
                 : pn_kafka_fail(kafka, err, e, "cannot ask for the settings of topic %s",
                                 topic->info.name);
        const rd_kafka_ConfigEntry_t **entries =
            rd_kafka_ConfigResource_configs(resources[0], &count);
        for (size_t i = 0; i < count && rc == 0; i++) {
            const char *name = rd_kafka_ConfigEntry_name(entries[i]);
            const char *value = rd_kafka_ConfigEntry_value(entries[i]);
            if (rd_kafka_ConfigEntry_source(entries[i]) ==
                    RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG &&
                value != NULL && !is_among(name, properties, property_count)) {
                (void)rd_kafka_ConfigResource_set_config(wanted, name, value);
            }
        }
    }
    rd_kafka_event_destroy(event);
    return rc;
}

static int alter(struct pn_kafka *kafka, struct pn_kafka_topic *topic,
                 const struct property *properties, size_t count, struct pn_err *e)
{
    char what[PN_TOPIC_NAME_MAX + 64];
    rd_kafka_ConfigResource_t *wanted =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic->info.name);
    int rc = keep_own(kafka, topic, properties, count, wanted, e);
    if (rc != 0) {
        rd_kafka_ConfigResource_destroy(wanted);
        return rc;
    }
    for (size_t i = 0; i < count; i++) {
        (void)rd_kafka_ConfigResource_set_config(wanted, properties[i].name, properties[i].value);
    }
    (void)snprintf(what, sizeof what, "cannot change the settings of topic %s", topic->info.name);
    rd_kafka_AdminOptions_t *options =
        pn_kafka_admin_options(kafka, RD_KAFKA_ADMIN_OP_ALTERCONFIGS);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(kafka->asker);
    rd_kafka_event_t *event = NULL;
    rd_kafka_AlterConfigs(kafka->asker, &wanted, 1, options, queue);
    rc = pn_kafka_admin_wait(kafka, queue, what, &event, e);
    if (rc == 0) {
        const rd_kafka_ConfigResource_t **resources = rd_kafka_AlterConfigs_result_resources(
            rd_kafka_event_AlterConfigs_result(event), &count);
        rd_kafka_resp_err_t err = rd_kafka_ConfigResource_error(resources[0]);
        const char *text = rd_kafka_ConfigResource_error_string(resources[0]);
        rc = err == RD_KAFKA_RESP_ERR_NO_ERROR
                 ? 0
                 : pn_kafka_fail(kafka, err, e, "%s: %s", what, text != NULL ? text : "");
    }
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy(wanted);
    return rc;
}

static bool asks_for_settings(const struct pn_log_topic_config *config)
{
    return config->retention_ms != 0 || config->retention_bytes != 0 ||
           config->record_bytes_max != 0;
}

/* Is it so already? A start asks for what the pipeline says each time. */
static bool has_settings(const struct pn_kafka_topic *topic,
                         const struct pn_log_topic_config *config)
{
    const struct pn_log_topic_settings *settings = &topic->info.settings;
    int64_t bytes_max = config->record_bytes_max + BATCH_OVERHEAD_BYTES;
    return !asks_for_settings(config) || /* then we need not be allowed to look */
           (topic->has_settings &&
            (config->retention_ms == 0 || config->retention_ms == settings->retention_ms) &&
            (config->retention_bytes == 0 ||
             config->retention_bytes == settings->retention_bytes) &&
            (config->record_bytes_max == 0 || bytes_max == settings->record_bytes_max));
}

/* What has changed is seen by those who ask next. */
static void wait_until_changed(struct pn_kafka *kafka, const char *name,
                               const struct pn_log_topic_config *config)
{
    bool is_seen = false;
    for (int i = 0; i < SEEN_TRIES && !is_seen; i++) {
        if (i > 0) {
            pn_sleep_ms(SEEN_WAIT_MS);
        }
        struct pn_err failure = {0};
        int rc = pn_kafka_refresh_topic(kafka, name, &failure);
        pn_kafka_refresh_settings(kafka, name);
        struct pn_kafka_topic *topic = pn_kafka_catalog_hold(&kafka->catalog, name);
        is_seen = rc == 0 && topic != NULL && topic->info.partitions >= config->partitions &&
                  has_settings(topic, config);
        if (topic != NULL) {
            pn_kafka_topic_release(topic);
        }
    }
}

int pn_kafka_configure_topic(struct pn_log *log, const char *name,
                             const struct pn_log_topic_config *config, struct pn_err *e)
{
    struct pn_kafka *kafka = pn_kafka_of(log);
    struct property properties[NAMES_MAX];
    int rc = pn_log_topic_config_check(config, e);
    if (rc == 0 && asks_for_settings(config)) {
        pn_kafka_refresh_settings(kafka, name); /* others may have changed them a moment ago */
    }
    struct pn_kafka_topic *topic = rc == 0 ? pn_kafka_catalog_hold(&kafka->catalog, name) : NULL;
    if (rc == 0 && topic == NULL) {
        rc = pn_kafka_refresh_topic(kafka, name, e);
        topic = rc == 0 ? pn_kafka_catalog_hold(&kafka->catalog, name) : NULL;
    }
    if (rc == 0 && topic == NULL) {
        rc = pn_err_missing(e, "there is no topic %s", name);
    }
    if (rc != 0) {
        return rc;
    }
    int32_t has = topic->info.partitions;
    bool is_so = config->partitions <= has && has_settings(topic, config);
    if (config->partitions != 0 && config->partitions < has) {
        rc = pn_err_input(e, "topic %s has %d %s, and their number cannot decrease", name, has,
                          pn_noun(has, "partition", "partitions"));
    }
    if (rc == 0 && config->partitions > has) {
        rc = add_partitions(kafka, name, config->partitions, e);
    }
    if (rc == 0 && !has_settings(topic, config)) {
        size_t count = properties_of(config, properties);
        rc = alter(kafka, topic, properties, count, e);
    }
    if (rc == 0 && !is_so) {
        wait_until_changed(kafka, name, config);
    }
    pn_kafka_topic_release(topic);
    return rc;
}
