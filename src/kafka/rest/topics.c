/* Topics, partitions, offsets, brokers: what can be asked about the log. There is one broker, 0,
 * which leads every partition. */
#include <string.h>

#include "kafka/rest/private.h"

static const char replicas[] = "\"leader\":0,\"replicas\":[{\"broker\":0,\"leader\":true,"
                               "\"in_sync\":true}]";

static void write_partition(struct pn_buf *out, int32_t partition)
{
    pn_buf_addf(out, "{\"partition\":%d,%s}", partition, replicas);
}

static void write_partitions(struct pn_buf *out, int32_t count)
{
    pn_buf_addc(out, '[');
    for (int32_t i = 0; i < count; i++) {
        if (i > 0) {
            pn_buf_addc(out, ',');
        }
        write_partition(out, i);
    }
    pn_buf_addc(out, ']');
}

/* Under Kafka's names, each as a string, as kafka-rest has them. */
static void write_configs(struct pn_buf *out, const struct pn_log_topic_settings *settings)
{
    bool plain = strcmp(settings->compression, "none") == 0;
    pn_buf_addf(out,
                "{\"cleanup.policy\":\"delete\",\"compression.type\":\"%s\","
                "\"max.message.bytes\":\"%lld\",\"retention.bytes\":\"%lld\","
                "\"retention.ms\":\"%lld\",\"segment.bytes\":\"%lld\"}",
                plain ? "uncompressed" : settings->compression,
                (long long)settings->record_bytes_max, (long long)settings->retention_bytes,
                (long long)settings->retention_ms, (long long)settings->segment_bytes);
}

/* The path's topic, or a reply that says what is wrong. */
static bool find_topic(const struct pn_kafka_rest *rest, struct pn_http_request *req,
                       struct pn_log_topic_info *info)
{
    struct pn_err e;
    if (pn_log_topic(rest->topics, req->params[0], info, &e) != 0) {
        /* A name that no topic can have is a topic that isn't there. */
        enum pn_class class_ = e.class_ == PN_CLASS_INPUT ? PN_CLASS_MISSING : e.class_;
        pn_kafka_rest_reply_log_error(req, class_, e.msg);
        return false;
    }
    return true;
}

static bool find_partition(const struct pn_kafka_rest *rest, struct pn_http_request *req,
                           int32_t *partition)
{
    struct pn_log_topic_info info;
    if (!find_topic(rest, req, &info) ||
        !pn_kafka_rest_partition_param(req, req->params[1], partition)) {
        return false;
    }
    if (*partition >= info.partitions) {
        pn_kafka_rest_reply_error(req, 404, PN_KAFKA_REST_CODE_PARTITION_NOT_FOUND,
                                  "Partition not found.");
        return false;
    }
    return true;
}

enum pn_http_handled pn_kafka_rest_topics(struct pn_http_request *req, void *arg)
{
    const struct pn_kafka_rest *rest = arg;
    struct pn_err e;
    struct pn_log_topic_info *topics = NULL;
    size_t count = 0;
    if (!pn_kafka_rest_accept(req)) {
        return PN_HTTP_HANDLED;
    }
    if (pn_log_topics(rest->topics, &req->arena, &topics, &count, &e) != 0) {
        pn_kafka_rest_reply_log_error(req, e.class_, e.msg);
        return PN_HTTP_HANDLED;
    }
    const char *comma = "";
    pn_buf_addc(&req->out, '[');
    for (size_t i = 0; i < count; i++) {
        if (!pn_http_patterns_have(req->grant.topics, topics[i].name)) {
            continue; /* not the key's */
        }
        pn_buf_adds(&req->out, comma);
        pn_json_write_cstr(&req->out, topics[i].name);
        comma = ",";
    }
    pn_buf_addc(&req->out, ']');
    req->status = 200;
    return PN_HTTP_HANDLED;
}

enum pn_http_handled pn_kafka_rest_topic(struct pn_http_request *req, void *arg)
{
    const struct pn_kafka_rest *rest = arg;
    struct pn_log_topic_info info;
    if (pn_kafka_rest_accept(req) && find_topic(rest, req, &info)) {
        pn_buf_adds(&req->out, "{\"name\":");
        pn_json_write_cstr(&req->out, info.name);
        pn_buf_adds(&req->out, ",\"configs\":");
        write_configs(&req->out, &info.settings);
        pn_buf_adds(&req->out, ",\"partitions\":");
        write_partitions(&req->out, info.partitions);
        pn_buf_addc(&req->out, '}');
        req->status = 200;
    }
    return PN_HTTP_HANDLED;
}

enum pn_http_handled pn_kafka_rest_partitions(struct pn_http_request *req, void *arg)
{
    const struct pn_kafka_rest *rest = arg;
    struct pn_log_topic_info info;
    if (pn_kafka_rest_accept(req) && find_topic(rest, req, &info)) {
        write_partitions(&req->out, info.partitions);
        req->status = 200;
    }
    return PN_HTTP_HANDLED;
}

enum pn_http_handled pn_kafka_rest_partition(struct pn_http_request *req, void *arg)
{
    const struct pn_kafka_rest *rest = arg;
    int32_t partition = 0;
    if (pn_kafka_rest_accept(req) && find_partition(rest, req, &partition)) {
        write_partition(&req->out, partition);
        req->status = 200;
    }
    return PN_HTTP_HANDLED;
}

enum pn_http_handled pn_kafka_rest_offsets(struct pn_http_request *req, void *arg)
{
    const struct pn_kafka_rest *rest = arg;
    int32_t partition = 0;
    if (!pn_kafka_rest_accept(req) || !find_partition(rest, req, &partition)) {
        return PN_HTTP_HANDLED;
    }
    struct pn_log_offsets offsets;
    struct pn_err e;
    if (pn_log_offsets(rest->topics, req->params[0], partition, &offsets, &e) != 0) {
        pn_kafka_rest_reply_log_error(req, e.class_, e.msg);
        return PN_HTTP_HANDLED;
    }
    pn_buf_addf(&req->out, "{\"beginning_offset\":%lld,\"end_offset\":%lld}",
                (long long)offsets.begin, (long long)offsets.end);
    req->status = 200;
    return PN_HTTP_HANDLED;
}

enum pn_http_handled pn_kafka_rest_brokers(struct pn_http_request *req, void *arg)
{
    (void)arg;
    if (pn_kafka_rest_accept(req)) {
        pn_buf_adds(&req->out, "{\"brokers\":[0]}");
        req->status = 200;
    }
    return PN_HTTP_HANDLED;
}
