/* The routes of what an instance reads: its subscription, or its assignment. */
#include <string.h>

#include "kafka/rest/instance_bodies.h"

enum { TOPICS_MAX = 10000 };

static bool take_topics(struct pn_http_request *req, const struct pn_json *node,
                        const char ***topics, size_t *count)
{
    if (node->type != PN_JSON_ARRAY || node->count > TOPICS_MAX) {
        pn_kafka_rest_reply_error(req, 422, 422, "topics must be an array of at most %d names",
                                  TOPICS_MAX);
        return false;
    }
    *topics = pn_arena_calloc(&req->arena, node->count + 1, sizeof **topics);
    *count = 0;
    for (const struct pn_json *t = node->first; t != NULL; t = t->next) {
        const char *topic = pn_kafka_rest_text_of(req, t);
        if (topic == NULL || !pn_topic_name_valid(topic, strlen(topic), NULL)) {
            pn_kafka_rest_reply_error(req, 422, 422, "topics: %.*s is not a topic name",
                                      (int)(t->raw_len < 80 ? t->raw_len : 80), t->raw);
            return false;
        }
        if (!pn_http_may_topic(req, topic)) {
            return false;
        }
        (*topics)[(*count)++] = topic;
    }
    return true;
}

enum pn_http_handled pn_kafka_rest_subscribe(struct pn_http_request *req, void *arg)
{
    const struct pn_kafka_rest *rest = arg;
    const struct pn_json *root = NULL;
    const char **topics = NULL;
    size_t count = 0;
    struct pn_kafka_rest_refusal refusal;
    if (!pn_kafka_rest_take_body(req, &root)) {
        return PN_HTTP_HANDLED;
    }
    const struct pn_json *names = pn_json_get(root, "topics");
    const struct pn_json *pattern = pn_json_get(root, "topic_pattern");
    bool by_name = names != NULL && names->type != PN_JSON_NULL;
    const char *regex = pn_kafka_rest_text_of(req, pattern);
    if (by_name == (regex != NULL)) {
        pn_kafka_rest_reply_error(
            req, 422, 422,
            "A subscription has either topics (an array) or topic_pattern (a string)");
        return PN_HTTP_HANDLED;
    }
    if (by_name && !take_topics(req, names, &topics, &count)) {
        return PN_HTTP_HANDLED;
    }
    if (pn_kafka_rest_instances_subscribe(&rest->instances, pn_kafka_rest_id_of(req), topics, count,
                                          regex, &refusal) != 0) {
        return pn_kafka_rest_reply_refusal(req, &refusal);
    }
    pn_http_reply_none(req);
    return PN_HTTP_HANDLED;
}

enum pn_http_handled pn_kafka_rest_subscription(struct pn_http_request *req, void *arg)
{
    const struct pn_kafka_rest *rest = arg;
    const char *const *topics = NULL;
    size_t count = 0;
    struct pn_kafka_rest_refusal refusal;
    if (!pn_kafka_rest_accept(req)) {
        return PN_HTTP_HANDLED;
    }
    if (pn_kafka_rest_instances_subscription(&rest->instances, pn_kafka_rest_id_of(req),
                                             &req->arena, &topics, &count, &refusal) != 0) {
        return pn_kafka_rest_reply_refusal(req, &refusal);
    }
    struct pn_json_writer json;
    pn_json_writer_init(&json, &req->out);
    pn_json_put_object(&json);
    pn_json_add_array(&json, "topics");
    for (size_t i = 0; i < count; i++) {
        pn_json_put_cstr(&json, topics[i]);
    }
    pn_json_end(&json);
    pn_json_end(&json);
    req->status = 200;
    return PN_HTTP_HANDLED;
}

enum pn_http_handled pn_kafka_rest_unsubscribe(struct pn_http_request *req, void *arg)
{
    const struct pn_kafka_rest *rest = arg;
    struct pn_kafka_rest_refusal refusal;
    if (pn_kafka_rest_instances_unsubscribe(&rest->instances, pn_kafka_rest_id_of(req), &refusal) !=
        0) {
        return pn_kafka_rest_reply_refusal(req, &refusal);
    }
    pn_http_reply_none(req);
    return PN_HTTP_HANDLED;
}

enum pn_http_handled pn_kafka_rest_assign(struct pn_http_request *req, void *arg)
{
    const struct pn_kafka_rest *rest = arg;
    const struct pn_json *root = NULL;
    struct pn_kafka_rest_positions partitions;
    struct pn_kafka_rest_refusal refusal;
    if (!pn_kafka_rest_take_body(req, &root) ||
        !pn_kafka_rest_take_positions(req, root, "partitions", false, &partitions)) {
        return PN_HTTP_HANDLED;
    }
    if (pn_kafka_rest_instances_assign(&rest->instances, pn_kafka_rest_id_of(req), &partitions,
                                       &refusal) != 0) {
        return pn_kafka_rest_reply_refusal(req, &refusal);
    }
    pn_http_reply_none(req);
    return PN_HTTP_HANDLED;
}

enum pn_http_handled pn_kafka_rest_assignments(struct pn_http_request *req, void *arg)
{
    const struct pn_kafka_rest *rest = arg;
    struct pn_kafka_rest_positions partitions;
    struct pn_kafka_rest_refusal refusal;
    if (!pn_kafka_rest_accept(req)) {
        return PN_HTTP_HANDLED;
    }
    if (pn_kafka_rest_instances_assignments(&rest->instances, pn_kafka_rest_id_of(req), &req->arena,
                                            &partitions, &refusal) != 0) {
        return pn_kafka_rest_reply_refusal(req, &refusal);
    }
    pn_kafka_rest_write_positions(req, "partitions", &partitions, 0);
    return PN_HTTP_HANDLED;
}
