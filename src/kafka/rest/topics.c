/* Topics, partitions, offsets, brokers: what can be asked about the log. */
#include <string.h>

#include "kafka/rest/private.h"

/* Without a leader, `leader` is -1, as in Kafka. */
static void put_partition(const struct pn_kafka_rest *rest, struct pn_http_request *req,
                          struct pn_json_writer *json, int32_t partition)
{
    struct pn_log_replica *replicas = NULL;
    size_t count = 0;
    int32_t leader = -1;
    if (pn_log_replicas(rest->topics, req->params[0], partition, &req->arena, &replicas, &count,
                        NULL) != 0) {
        count = 0; /* the topic has gone meanwhile */
    }
    for (size_t i = 0; i < count; i++) {
        leader = replicas[i].is_leader ? replicas[i].broker : leader;
    }
    pn_json_put_object(json);
    pn_json_add_i64(json, "partition", partition);
    pn_json_add_i64(json, "leader", leader);
    pn_json_add_array(json, "replicas");
    for (size_t i = 0; i < count; i++) {
        pn_json_put_object(json);
        pn_json_add_i64(json, "broker", replicas[i].broker);
        pn_json_add_bool(json, "leader", replicas[i].is_leader);
        pn_json_add_bool(json, "in_sync", replicas[i].is_in_sync);
        pn_json_end(json);
    }
    pn_json_end(json);
    pn_json_end(json);
}

static void put_partitions(const struct pn_kafka_rest *rest, struct pn_http_request *req,
                           struct pn_json_writer *json, int32_t count)
{
    pn_json_put_array(json);
    for (int32_t i = 0; i < count; i++) {
        put_partition(rest, req, json, i);
    }
    pn_json_end(json);
}

/* Under Kafka's names, each as a string, as kafka-rest has them. */
static void add_configs(struct pn_json_writer *json, const struct pn_log_topic_settings *settings)
{
    bool plain = strcmp(settings->compression, "none") == 0;
    pn_json_add_object(json, "configs");
    pn_json_add_cstr(json, "cleanup.policy", "delete");
    pn_json_add_cstr(json, "compression.type", plain ? "uncompressed" : settings->compression);
    pn_json_add_i64_text(json, "max.message.bytes", settings->record_bytes_max);
    pn_json_add_i64_text(json, "retention.bytes", settings->retention_bytes);
    pn_json_add_i64_text(json, "retention.ms", settings->retention_ms);
    pn_json_add_i64_text(json, "segment.bytes", settings->segment_bytes);
    pn_json_end(json);
}

/* The path's topic, or a reply that says what is wrong. */
static bool find_topic(const struct pn_kafka_rest *rest, struct pn_http_request *req,
                       struct pn_log_topic_info *info)
{
    struct pn_err e;
    if (pn_log_topic(rest->topics, req->params[0], info, &e) != 0) {
        /* A name that no topic can have is a topic that isn't there. */
        e.class_ = e.class_ == PN_CLASS_INPUT ? PN_CLASS_MISSING : e.class_;
        pn_kafka_rest_reply_log_error(req, &e);
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
        pn_kafka_rest_reply_log_error(req, &e);
        return PN_HTTP_HANDLED;
    }
    struct pn_json_writer json;
    pn_json_writer_init(&json, &req->out);
    pn_json_put_array(&json);
    for (size_t i = 0; i < count; i++) {
        if (!pn_http_patterns_have(req->grant.topics, topics[i].name)) {
            continue; /* not the key's */
        }
        pn_json_put_cstr(&json, topics[i].name);
    }
    pn_json_end(&json);
    req->status = 200;
    return PN_HTTP_HANDLED;
}

enum pn_http_handled pn_kafka_rest_topic(struct pn_http_request *req, void *arg)
{
    const struct pn_kafka_rest *rest = arg;
    struct pn_log_topic_info info;
    if (pn_kafka_rest_accept(req) && find_topic(rest, req, &info)) {
        struct pn_json_writer json;
        pn_json_writer_init(&json, &req->out);
        pn_json_put_object(&json);
        pn_json_add_cstr(&json, "name", info.name);
        add_configs(&json, &info.settings);
        pn_json_put_key(&json, "partitions");
        put_partitions(rest, req, &json, info.partitions);
        pn_json_end(&json);
        req->status = 200;
    }
    return PN_HTTP_HANDLED;
}

enum pn_http_handled pn_kafka_rest_partitions(struct pn_http_request *req, void *arg)
{
    const struct pn_kafka_rest *rest = arg;
    struct pn_log_topic_info info;
    if (pn_kafka_rest_accept(req) && find_topic(rest, req, &info)) {
        struct pn_json_writer json;
        pn_json_writer_init(&json, &req->out);
        put_partitions(rest, req, &json, info.partitions);
        req->status = 200;
    }
    return PN_HTTP_HANDLED;
}

enum pn_http_handled pn_kafka_rest_partition(struct pn_http_request *req, void *arg)
{
    const struct pn_kafka_rest *rest = arg;
    int32_t partition = 0;
    if (pn_kafka_rest_accept(req) && find_partition(rest, req, &partition)) {
        struct pn_json_writer json;
        pn_json_writer_init(&json, &req->out);
        put_partition(rest, req, &json, partition);
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
        pn_kafka_rest_reply_log_error(req, &e);
        return PN_HTTP_HANDLED;
    }
    struct pn_json_writer json;
    pn_json_writer_init(&json, &req->out);
    pn_json_put_object(&json);
    pn_json_add_i64(&json, "beginning_offset", offsets.begin);
    pn_json_add_i64(&json, "end_offset", offsets.end);
    pn_json_end(&json);
    req->status = 200;
    return PN_HTTP_HANDLED;
}

enum pn_http_handled pn_kafka_rest_brokers(struct pn_http_request *req, void *arg)
{
    const struct pn_kafka_rest *rest = arg;
    if (pn_kafka_rest_accept(req)) {
        struct pn_json_writer json;
        int32_t *brokers = NULL;
        size_t count = 0;
        pn_log_brokers(rest->topics, &req->arena, &brokers, &count);
        pn_json_writer_init(&json, &req->out);
        pn_json_put_object(&json);
        pn_json_add_array(&json, "brokers");
        for (size_t i = 0; i < count; i++) {
            pn_json_put_i64(&json, brokers[i]);
        }
        pn_json_end(&json);
        pn_json_end(&json);
        req->status = 200;
    }
    return PN_HTTP_HANDLED;
}
