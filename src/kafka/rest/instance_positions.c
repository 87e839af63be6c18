/* The routes of an instance's committed offsets and of its positions. */
#include "base/time_text.h"
#include "kafka/rest/instance_bodies.h"

/* The offset a client commits is the last record's that it consumed: the one after it is next. */
enum pn_http_handled pn_kafka_rest_commit(struct pn_http_request *req, void *arg)
{
    const struct pn_kafka_rest *rest = arg;
    const struct pn_json *root = NULL;
    struct pn_kafka_rest_positions offsets;
    struct pn_kafka_rest_refusal refusal;
    if (!pn_kafka_rest_take_body(req, &root)) {
        return PN_HTTP_HANDLED;
    }
    bool all = pn_kafka_rest_means_all(root, "offsets");
    if (!all && !pn_kafka_rest_take_positions(req, root, "offsets", true, &offsets)) {
        return PN_HTTP_HANDLED;
    }
    for (size_t i = 0; !all && i < offsets.count; i++) {
        offsets.items[i].offset++;
    }
    if (pn_kafka_rest_instances_commit(&rest->instances, pn_kafka_rest_id_of(req),
                                       all ? NULL : &offsets, &refusal) != 0) {
        return pn_kafka_rest_reply_refusal(req, &refusal);
    }
    pn_buf_adds(&req->out, "[]");
    req->status = 200;
    return PN_HTTP_HANDLED;
}

enum pn_http_handled pn_kafka_rest_committed(struct pn_http_request *req, void *arg)
{
    const struct pn_kafka_rest *rest = arg;
    const struct pn_json *root = NULL;
    struct pn_kafka_rest_positions partitions;
    struct pn_kafka_rest_positions offsets;
    struct pn_kafka_rest_refusal refusal;
    if (!pn_kafka_rest_take_body(req, &root)) {
        return PN_HTTP_HANDLED;
    }
    bool all = pn_kafka_rest_means_all(root, "partitions");
    if (!all && !pn_kafka_rest_take_positions(req, root, "partitions", false, &partitions)) {
        return PN_HTTP_HANDLED;
    }
    if (pn_kafka_rest_instances_committed(&rest->instances, pn_kafka_rest_id_of(req),
                                          all ? NULL : &partitions, &req->arena, &offsets,
                                          &refusal) != 0) {
        return pn_kafka_rest_reply_refusal(req, &refusal);
    }
    pn_kafka_rest_write_positions(req, "offsets", &offsets, PN_KAFKA_REST_WITH_OFFSETS);
    return PN_HTTP_HANDLED;
}

/* A time as kafka-rest takes it: ISO 8601, or seconds since 1970, with a fraction if need be.
 * Numbers from 10^11 on (the year 5138 in seconds) are the milliseconds that Kafka counts in. */
static bool take_time(struct pn_http_request *req, const struct pn_json *node, int64_t *ms)
{
    static const double seconds_below = 1e11;
    const char *text = pn_kafka_rest_text_of(req, node);
    if (text != NULL) {
        return pn_time_parse_ms(text, ms);
    }
    if (node == NULL || node->type != PN_JSON_NUMBER || node->number < 0 || node->number > 1e15) {
        return false;
    }
    *ms = node->number >= seconds_below ? (int64_t)node->number
                                        : (int64_t)(node->number * 1000 + 0.5);
    return true;
}

/* The array "timestamps" as positions: of each partition the first record at or after the time, or
 * its end. False: the reply is there. BLOCKS. */
static bool take_timestamps(const struct pn_kafka_rest *rest, struct pn_http_request *req,
                            const struct pn_json *root, struct pn_kafka_rest_positions *positions)
{
    const struct pn_json *array = pn_json_get(root, "timestamps");
    size_t i = 0;
    if (!pn_kafka_rest_take_positions(req, root, "timestamps", false, positions)) {
        return false;
    }
    for (const struct pn_json *node = array->first; node != NULL; node = node->next) {
        struct pn_kafka_rest_position *position = &positions->items[i++];
        int64_t ms = 0;
        struct pn_err e;
        if (!take_time(req, pn_json_get(node, "timestamp"), &ms)) {
            pn_kafka_rest_reply_error(req, 422, 422,
                                      "timestamps: each must be {\"topic\":\"...\",\"partition\":n,"
                                      "\"timestamp\":\"2026-11-23T15:44:43Z\"}");
            return false;
        }
        if (pn_log_offset_at(rest->topics, position->topic, position->partition, ms,
                             &position->offset, &e) != 0) {
            pn_kafka_rest_reply_log_error(req, &e);
            return false;
        }
    }
    return true;
}

static bool is_given(const struct pn_json *root, const char *name)
{
    const struct pn_json *array = pn_json_get(root, name);
    return array != NULL && array->type != PN_JSON_NULL;
}

/* Moves the instance; false: the reply is there. */
static bool seek_to(const struct pn_kafka_rest *rest, struct pn_http_request *req,
                    enum pn_kafka_rest_seek where, const struct pn_kafka_rest_positions *positions)
{
    struct pn_kafka_rest_refusal refusal;
    if (pn_kafka_rest_instances_seek(&rest->instances, pn_kafka_rest_id_of(req), where, positions,
                                     &refusal) != 0) {
        (void)pn_kafka_rest_reply_refusal(req, &refusal);
        return false;
    }
    return true;
}

enum pn_http_handled pn_kafka_rest_seek(struct pn_http_request *req, void *arg)
{
    const struct pn_kafka_rest *rest = arg;
    const struct pn_json *root = NULL;
    struct pn_kafka_rest_positions offsets = {0};
    struct pn_kafka_rest_positions times = {0};
    if (!pn_kafka_rest_take_body(req, &root)) {
        return PN_HTTP_HANDLED;
    }
    bool by_time = is_given(root, "timestamps");
    bool by_offset = is_given(root, "offsets") || !by_time;
    if ((by_offset && !pn_kafka_rest_take_positions(req, root, "offsets", true, &offsets)) ||
        (by_time && !take_timestamps(rest, req, root, &times)) ||
        !seek_to(rest, req, PN_KAFKA_REST_SEEK_OFFSET, &offsets) ||
        !seek_to(rest, req, PN_KAFKA_REST_SEEK_OFFSET, &times)) {
        return PN_HTTP_HANDLED;
    }
    pn_http_reply_none(req);
    return PN_HTTP_HANDLED;
}

/* To an end of partitions. */
static enum pn_http_handled seek_end(const struct pn_kafka_rest *rest, struct pn_http_request *req,
                                     enum pn_kafka_rest_seek where)
{
    const struct pn_json *root = NULL;
    struct pn_kafka_rest_positions positions;
    if (pn_kafka_rest_take_body(req, &root) &&
        pn_kafka_rest_take_positions(req, root, "partitions", false, &positions) &&
        seek_to(rest, req, where, &positions)) {
        pn_http_reply_none(req);
    }
    return PN_HTTP_HANDLED;
}

enum pn_http_handled pn_kafka_rest_seek_beginning(struct pn_http_request *req, void *arg)
{
    return seek_end(arg, req, PN_KAFKA_REST_SEEK_BEGINNING);
}

enum pn_http_handled pn_kafka_rest_seek_end(struct pn_http_request *req, void *arg)
{
    return seek_end(arg, req, PN_KAFKA_REST_SEEK_END);
}
