/* Questions of the admin API, each with one event on a queue of its own; and the settings of
 * topics. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "log/kafka/private.h"

enum { WHY_SIZE = 512 };

rd_kafka_AdminOptions_t *pn_kafka_admin_options(const struct pn_kafka *kafka,
                                                rd_kafka_admin_op_t op)
{
    char why[WHY_SIZE];
    int timeout_ms = (int)kafka->config.timeout_ms;
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(kafka->asker, op);
    (void)rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, why, sizeof why);
    if (op != RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS && op != RD_KAFKA_ADMIN_OP_ALTERCONFIGS) {
        (void)rd_kafka_AdminOptions_set_operation_timeout(options, timeout_ms, why, sizeof why);
    }
    return options;
}

int pn_kafka_admin_wait(struct pn_kafka *kafka, rd_kafka_queue_t *queue, const char *what,
                        rd_kafka_event_t **event, struct pn_err *e)
{
    *event = rd_kafka_queue_poll(queue, -1); /* librdkafka keeps to the request's own time limit */
    rd_kafka_resp_err_t err = rd_kafka_event_error(*event);
    return err == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : pn_kafka_fail(kafka, err, e, "%s", what);
}

int pn_kafka_ask_settings(struct pn_kafka *kafka, struct pn_kafka_topic **topics, size_t count,
                          rd_kafka_event_t **event, struct pn_err *e)
{
    rd_kafka_ConfigResource_t **resources = pn_xcalloc(count, sizeof(rd_kafka_ConfigResource_t *));
    for (size_t i = 0; i < count; i++) {
        resources[i] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topics[i]->info.name);
    }
    rd_kafka_AdminOptions_t *options =
        pn_kafka_admin_options(kafka, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(kafka->asker);
    rd_kafka_DescribeConfigs(kafka->asker, resources, count, options, queue);
    int rc = pn_kafka_admin_wait(kafka, queue, "cannot ask for the topics' settings", event, e);
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy_array(resources, count);
    free(resources);
    return rc;
}

static const char *compression_of(const char *value)
{
    static const char *const names[] = {"uncompressed", "gzip", "snappy", "lz4", "zstd"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(value, names[i]) == 0) {
            return i == 0 ? "none" : names[i];
        }
    }
    return "producer";
}

static void take_entry(struct pn_log_topic_info *info, const rd_kafka_ConfigEntry_t *entry)
{
    const char *name = rd_kafka_ConfigEntry_name(entry);
    const char *value = rd_kafka_ConfigEntry_value(entry);
    struct pn_log_topic_settings *settings = &info->settings;
    bool is_own = rd_kafka_ConfigEntry_source(entry) == RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG;
    if (value == NULL) {
        return;
    }
    int64_t number = strtoll(value, NULL, 10);
    if (strcmp(name, "retention.ms") == 0) {
        settings->retention_ms = number;
        info->retention_ms = is_own ? number : 0;
    } else if (strcmp(name, "retention.bytes") == 0) {
        settings->retention_bytes = number;
    } else if (strcmp(name, "max.message.bytes") == 0) {
        settings->record_bytes_max = number;
        info->record_bytes_max = is_own ? number : 0;
    } else if (strcmp(name, "segment.bytes") == 0) {
        settings->segment_bytes = number;
    } else if (strcmp(name, "compression.type") == 0) {
        settings->compression = compression_of(value);
    }
}

static void take_settings(const rd_kafka_ConfigResource_t *resource, struct pn_kafka_topic **topics,
                          size_t count)
{
    size_t entry_count = 0;
    if (rd_kafka_ConfigResource_error(resource) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return;
    }
    const rd_kafka_ConfigEntry_t **entries =
        rd_kafka_ConfigResource_configs(resource, &entry_count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(topics[i]->info.name, rd_kafka_ConfigResource_name(resource)) == 0) {
            for (size_t k = 0; k < entry_count; k++) {
                take_entry(&topics[i]->info, entries[k]);
            }
            topics[i]->has_settings = true;
        }
    }
}

void pn_kafka_describe(struct pn_kafka *kafka, struct pn_kafka_topic **topics, size_t count)
{
    rd_kafka_event_t *event = NULL;
    size_t resource_count = 0;
    struct pn_err failure = {0};
    for (size_t i = 0; i < count; i++) {
        if (!topics[i]->has_settings) {
            topics[i]->info.settings =
                (struct pn_log_topic_settings){.retention_ms = -1,
                                               .retention_bytes = -1,
                                               .record_bytes_max = kafka->config.record_bytes_max,
                                               .compression = "producer"};
        }
    }
    if (count == 0) {
        return;
    }
    int rc = pn_kafka_ask_settings(kafka, topics, count, &event, &failure);
    if (rc == 0) {
        const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(
            rd_kafka_event_DescribeConfigs_result(event), &resource_count);
        for (size_t i = 0; i < resource_count; i++) {
            take_settings(resources[i], topics, count);
        }
    } else {
        pn_logger_debug(kafka->logger, "kafka", "%s", failure.msg);
    }
    rd_kafka_event_destroy(event);
}
