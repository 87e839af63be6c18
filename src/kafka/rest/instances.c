/* The consumer routes: dispatch.h does the work, this file reads bodies and writes replies. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/percent.h"
#include "base/time_text.h"
#include "base/units.h"
#include "kafka/rest/private.h"

enum { POSITIONS_MAX = 10000, TOPICS_MAX = 10000, MIN_BYTES_MAX = 10000000 };

static struct pn_kafka_rest_instance_id id_of(const struct pn_http_request *req)
{
    return (struct pn_kafka_rest_instance_id){.group = req->params[0], .name = req->params[1]};
}

static enum pn_http_handled reply_refusal(struct pn_http_request *req,
                                          const struct pn_kafka_rest_refusal *refusal)
{
    if (refusal->status == 503) {
        req->retry_after_s = 1;
    }
    pn_kafka_rest_reply_error(req, refusal->status, refusal->code, "%s", refusal->msg);
    return PN_HTTP_HANDLED;
}

/* --- reading bodies --------------------------------------------------------------------------- */

/* The body as JSON: an object, or NULL when it's empty or null. False: the reply is there. */
static bool take_body(struct pn_http_request *req, const struct pn_json **root)
{
    struct pn_json *parsed = NULL;
    const char *type = pn_http_request_header(req, "Content-Type");
    if (!pn_kafka_rest_accept(req)) {
        return false;
    }
    if (!pn_kafka_rest_is_json(type)) {
        pn_kafka_rest_reply_error(
            req, 415, 415, "HTTP 415 Unsupported Media Type: \"%.200s\"; send " PN_KAFKA_REST_TYPE,
            type);
        return false;
    }
    if (pn_http_request_json(req, &parsed) != 0) {
        return false;
    }
    if (parsed != NULL && parsed->type != PN_JSON_OBJECT && parsed->type != PN_JSON_NULL) {
        pn_kafka_rest_reply_error(req, 422, 422, "The body must be a JSON object");
        return false;
    }
    *root = parsed != NULL && parsed->type == PN_JSON_OBJECT ? parsed : NULL;
    return true;
}

static const char *text_of(struct pn_http_request *req, const struct pn_json *node)
{
    if (node == NULL || node->type != PN_JSON_STRING ||
        memchr(node->text, '\0', node->text_len) != NULL) {
        return NULL;
    }
    return pn_arena_strndup(&req->arena, node->text, node->text_len);
}

static bool take_position(struct pn_http_request *req, const struct pn_json *node, bool with_offset,
                          struct pn_kafka_rest_position *position)
{
    const struct pn_json *partition = pn_json_get(node, "partition");
    const struct pn_json *offset = pn_json_get(node, "offset");
    position->topic = text_of(req, pn_json_get(node, "topic"));
    position->metadata = text_of(req, pn_json_get(node, "metadata"));
    bool ok = position->topic != NULL && partition != NULL && partition->is_integer &&
              partition->integer >= 0 && partition->integer <= INT32_MAX;
    if (ok) {
        position->partition = (int32_t)partition->integer;
    }
    if (ok && with_offset) {
        ok = offset != NULL && offset->is_integer && offset->integer >= 0 &&
             offset->integer < INT64_MAX;
        position->offset = ok ? offset->integer : 0;
    }
    return ok;
}

/* The array member `name` of positions. False: the reply is there. */
static bool take_positions(struct pn_http_request *req, const struct pn_json *root,
                           const char *name, bool with_offset,
                           struct pn_kafka_rest_positions *positions)
{
    const struct pn_json *array = pn_json_get(root, name);
    if (array == NULL || array->type != PN_JSON_ARRAY || array->count > POSITIONS_MAX) {
        pn_kafka_rest_reply_error(req, 422, 422, "%s must be an array of at most %d", name,
                                  POSITIONS_MAX);
        return false;
    }
    positions->items = pn_arena_calloc(&req->arena, array->count + 1, sizeof *positions->items);
    positions->count = 0;
    for (const struct pn_json *node = array->first; node != NULL; node = node->next) {
        if (!take_position(req, node, with_offset, &positions->items[positions->count++])) {
            pn_kafka_rest_reply_error(req, 422, 422,
                                      "%s: each must be {\"topic\":\"...\",\"partition\":n%s}",
                                      name, with_offset ? ",\"offset\":n" : "");
            return false;
        }
        if (!pn_http_may_topic(req, positions->items[positions->count - 1].topic)) {
            return false;
        }
    }
    return true;
}

/* Are the positions left out: no body, {}, or null for them? Then all that the instance has are
 * meant. A body with other members is not that: one of them is misspelt. */
static bool means_all(const struct pn_json *root, const char *name)
{
    const struct pn_json *array = pn_json_get(root, name);
    return root == NULL || root->first == NULL || (array != NULL && array->type == PN_JSON_NULL);
}

/* --- writing replies -------------------------------------------------------------------------- */

enum { WITH_OFFSETS = 1 };

static void write_positions(struct pn_http_request *req, const char *name,
                            const struct pn_kafka_rest_positions *positions, unsigned with)
{
    struct pn_json_writer json;
    pn_json_writer_init(&json, &req->out);
    pn_json_put_object(&json);
    pn_json_add_array(&json, name);
    for (size_t i = 0; i < positions->count; i++) {
        const struct pn_kafka_rest_position *p = &positions->items[i];
        pn_json_put_object(&json);
        pn_json_add_cstr(&json, "topic", p->topic);
        pn_json_add_i64(&json, "partition", p->partition);
        if ((with & WITH_OFFSETS) != 0) {
            pn_json_add_i64(&json, "offset", p->offset);
            pn_json_add_cstr(&json, "metadata", p->metadata != NULL ? p->metadata : "");
        }
        pn_json_end(&json);
    }
    pn_json_end(&json);
    pn_json_end(&json);
    req->status = 200;
}

/* --- instances -------------------------------------------------------------------------------- */

static bool bad_config(struct pn_http_request *req, int code, const char *what)
{
    pn_kafka_rest_reply_error(req, 422, code, "Invalid consumer configuration: %s", what);
    return false;
}

/* Numbers and booleans come as such, or as strings. */
static bool take_number(struct pn_http_request *req, const struct pn_json *node, int64_t *value)
{
    if (node->type == PN_JSON_NUMBER && node->is_integer) {
        *value = node->integer;
        return true;
    }
    const char *text = text_of(req, node);
    return text != NULL && pn_parse_i64(text, value, NULL) == 0;
}

static bool take_format(struct pn_http_request *req, const struct pn_json *node,
                        struct pn_kafka_rest_instance_config *config)
{
    const char *format = text_of(req, node);
    if (format != NULL && strcasecmp(format, "json") == 0) {
        config->format = PN_KAFKA_REST_BODY_JSON;
    } else if (format != NULL && strcasecmp(format, "binary") == 0) {
        config->format = PN_KAFKA_REST_BODY_BINARY;
    } else if (format != NULL &&
               (strcasecmp(format, "avro") == 0 || strcasecmp(format, "jsonschema") == 0 ||
                strcasecmp(format, "protobuf") == 0)) {
        return bad_config(
            req, PN_KAFKA_REST_CODE_CONSUMER_CONFIG,
            "this format needs a schema registry, which pinion does not have; use json or binary");
    } else {
        pn_kafka_rest_reply_error(req, 422, 422, "Invalid format type.");
        return false;
    }
    return true;
}

static bool take_reset(struct pn_http_request *req, const struct pn_json *node,
                       struct pn_kafka_rest_instance_config *config)
{
    const char *reset = text_of(req, node);
    if (reset != NULL && strcasecmp(reset, "earliest") == 0) {
        config->reset = PN_KAFKA_REST_RESET_EARLIEST;
    } else if (reset != NULL && strcasecmp(reset, "latest") == 0) {
        config->reset = PN_KAFKA_REST_RESET_LATEST;
    } else if (reset != NULL && strcasecmp(reset, "none") == 0) {
        config->reset = PN_KAFKA_REST_RESET_NONE;
    } else {
        return bad_config(req, PN_KAFKA_REST_CODE_CONSUMER_CONFIG,
                          "auto.offset.reset must be earliest, latest or none");
    }
    return true;
}

static bool take_commit(struct pn_http_request *req, const struct pn_json *node,
                        struct pn_kafka_rest_instance_config *config)
{
    const char *text = text_of(req, node);
    if (node->type == PN_JSON_BOOL) {
        config->auto_commit = node->boolean;
    } else if (text != NULL && strcasecmp(text, "true") == 0) {
        config->auto_commit = true;
    } else if (text != NULL && strcasecmp(text, "false") == 0) {
        config->auto_commit = false;
    } else {
        return bad_config(req, PN_KAFKA_REST_CODE_CONSUMER_CONFIG,
                          "auto.commit.enable must be true or false");
    }
    return true;
}

static bool take_min_bytes(struct pn_http_request *req, const struct pn_json *node,
                           struct pn_kafka_rest_instance_config *config)
{
    if (!take_number(req, node, &config->min_bytes) || config->min_bytes < -1 ||
        config->min_bytes > MIN_BYTES_MAX) {
        pn_kafka_rest_reply_error(
            req, 422, 40001,
            "Invalid consumer configuration. It does not abide by the constraints: "
            "fetch.min.bytes must be between -1 and %d",
            MIN_BYTES_MAX);
        return false;
    }
    return true;
}

static bool take_timeout(struct pn_http_request *req, const struct pn_json *node,
                         struct pn_kafka_rest_instance_config *config)
{
    if (!take_number(req, node, &config->request_timeout_ms) || config->request_timeout_ms < 0 ||
        config->request_timeout_ms > INT_MAX) {
        return bad_config(req, PN_KAFKA_REST_CODE_CONSUMER_CONFIG,
                          "consumer.request.timeout.ms must be a number of milliseconds");
    }
    return true;
}

static bool take_name(struct pn_http_request *req, const struct pn_json *node,
                      struct pn_kafka_rest_instance_config *config)
{
    config->name = text_of(req, node);
    return config->name != NULL ||
           bad_config(req, PN_KAFKA_REST_CODE_CONSUMER_CONFIG, "name and id must be strings");
}

static bool take_config(struct pn_http_request *req, const struct pn_json *root,
                        struct pn_kafka_rest_instance_config *config)
{
    /* `id` comes after `name`: it wins when both are given, as in the original. */
    static const struct {
        const char *name;
        bool (*take)(struct pn_http_request *req, const struct pn_json *node,
                     struct pn_kafka_rest_instance_config *config);
    } members[] = {
        {"name", take_name},
        {"id", take_name},
        {"format", take_format},
        {"auto.offset.reset", take_reset},
        {"auto.commit.enable", take_commit},
        {"fetch.min.bytes", take_min_bytes},
        {"responseMinBytes", take_min_bytes},
        {"consumer.request.timeout.ms", take_timeout},
        {"requestWaitMs", take_timeout},
    };
    size_t known = 0;
    size_t given = 0;
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const struct pn_json *node = pn_json_get(root, members[i].name);
        known += node != NULL;
        if (node != NULL && node->type != PN_JSON_NULL && !members[i].take(req, node, config)) {
            return false;
        }
    }
    for (const struct pn_json *m = root != NULL ? root->first : NULL; m != NULL; m = m->next) {
        given++;
    }
    if (known < given) {
        pn_kafka_rest_reply_error(
            req, 422, 422,
            "Unrecognized field: a consumer has name, id, format, auto.offset.reset, "
            "auto.commit.enable, fetch.min.bytes and consumer.request.timeout.ms, each "
            "once");
        return false;
    }
    return true;
}

enum pn_http_handled pn_kafka_rest_consumer_create(struct pn_http_request *req, void *arg)
{
    const struct pn_kafka_rest *rest = arg;
    const struct pn_json *root = NULL;
    struct pn_kafka_rest_refusal refusal;
    struct pn_kafka_rest_instance_config config = {.format = PN_KAFKA_REST_BODY_BINARY,
                                                   .auto_commit = true,
                                                   .min_bytes = -1,
                                                   .request_timeout_ms =
                                                       rest->config.request_timeout_ms};
    const char *name = NULL;
    if (!take_body(req, &root) || !take_config(req, root, &config)) {
        return PN_HTTP_HANDLED;
    }
    if (pn_kafka_rest_instances_add(&rest->instances, req->params[0], &config, &req->arena, &name,
                                    &refusal) != 0) {
        return reply_refusal(req, &refusal);
    }
    struct pn_buf uri;
    pn_buf_init(&uri, 4096);
    pn_buf_addf(&uri, "%s/consumers/",
                rest->advertised_url != NULL ? rest->advertised_url
                                             : pn_http_request_base_uri(req));
    pn_percent_encode(&uri, req->params[0]);
    pn_buf_adds(&uri, "/instances/");
    pn_percent_encode(&uri, name);
    struct pn_json_writer json;
    pn_json_writer_init(&json, &req->out);
    pn_json_put_object(&json);
    pn_json_add_cstr(&json, "instance_id", name);
    pn_json_add_cstr(&json, "base_uri", pn_buf_text(&uri));
    pn_json_end(&json);
    pn_buf_deinit(&uri);
    req->status = 200;
    return PN_HTTP_HANDLED;
}

enum pn_http_handled pn_kafka_rest_consumer_delete(struct pn_http_request *req, void *arg)
{
    const struct pn_kafka_rest *rest = arg;
    struct pn_kafka_rest_refusal refusal;
    if (pn_kafka_rest_instances_remove(&rest->instances, id_of(req), &refusal) != 0) {
        return reply_refusal(req, &refusal);
    }
    pn_http_reply_none(req);
    return PN_HTTP_HANDLED;
}

/* --- subscriptions and assignments ------------------------------------------------------------ */

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
        const char *topic = text_of(req, t);
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
    if (!take_body(req, &root)) {
        return PN_HTTP_HANDLED;
    }
    const struct pn_json *names = pn_json_get(root, "topics");
    const struct pn_json *pattern = pn_json_get(root, "topic_pattern");
    bool by_name = names != NULL && names->type != PN_JSON_NULL;
    const char *regex = text_of(req, pattern);
    if (by_name == (regex != NULL)) {
        pn_kafka_rest_reply_error(
            req, 422, 422,
            "A subscription has either topics (an array) or topic_pattern (a string)");
        return PN_HTTP_HANDLED;
    }
    if (by_name && !take_topics(req, names, &topics, &count)) {
        return PN_HTTP_HANDLED;
    }
    if (pn_kafka_rest_instances_subscribe(&rest->instances, id_of(req), topics, count, regex,
                                          &refusal) != 0) {
        return reply_refusal(req, &refusal);
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
    if (pn_kafka_rest_instances_subscription(&rest->instances, id_of(req), &req->arena, &topics,
                                             &count, &refusal) != 0) {
        return reply_refusal(req, &refusal);
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
    if (pn_kafka_rest_instances_unsubscribe(&rest->instances, id_of(req), &refusal) != 0) {
        return reply_refusal(req, &refusal);
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
    if (!take_body(req, &root) || !take_positions(req, root, "partitions", false, &partitions)) {
        return PN_HTTP_HANDLED;
    }
    if (pn_kafka_rest_instances_assign(&rest->instances, id_of(req), &partitions, &refusal) != 0) {
        return reply_refusal(req, &refusal);
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
    if (pn_kafka_rest_instances_assignments(&rest->instances, id_of(req), &req->arena, &partitions,
                                            &refusal) != 0) {
        return reply_refusal(req, &refusal);
    }
    write_positions(req, "partitions", &partitions, 0);
    return PN_HTTP_HANDLED;
}

/* --- offsets and positions -------------------------------------------------------------------- */

/* The offset a client commits is the last record's that it consumed: the one after it is next. */
enum pn_http_handled pn_kafka_rest_commit(struct pn_http_request *req, void *arg)
{
    const struct pn_kafka_rest *rest = arg;
    const struct pn_json *root = NULL;
    struct pn_kafka_rest_positions offsets;
    struct pn_kafka_rest_refusal refusal;
    if (!take_body(req, &root)) {
        return PN_HTTP_HANDLED;
    }
    bool all = means_all(root, "offsets");
    if (!all && !take_positions(req, root, "offsets", true, &offsets)) {
        return PN_HTTP_HANDLED;
    }
    for (size_t i = 0; !all && i < offsets.count; i++) {
        offsets.items[i].offset++;
    }
    if (pn_kafka_rest_instances_commit(&rest->instances, id_of(req), all ? NULL : &offsets,
                                       &refusal) != 0) {
        return reply_refusal(req, &refusal);
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
    if (!take_body(req, &root)) {
        return PN_HTTP_HANDLED;
    }
    bool all = means_all(root, "partitions");
    if (!all && !take_positions(req, root, "partitions", false, &partitions)) {
        return PN_HTTP_HANDLED;
    }
    if (pn_kafka_rest_instances_committed(&rest->instances, id_of(req), all ? NULL : &partitions,
                                          &req->arena, &offsets, &refusal) != 0) {
        return reply_refusal(req, &refusal);
    }
    write_positions(req, "offsets", &offsets, WITH_OFFSETS);
    return PN_HTTP_HANDLED;
}

/* A time as kafka-rest takes it: ISO 8601, or seconds since 1970, with a fraction if need be.
 * Numbers from 10^11 on (the year 5138 in seconds) are the milliseconds that Kafka counts in. */
static bool take_time(struct pn_http_request *req, const struct pn_json *node, int64_t *ms)
{
    static const double seconds_below = 1e11;
    const char *text = text_of(req, node);
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
    if (!take_positions(req, root, "timestamps", false, positions)) {
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
    if (pn_kafka_rest_instances_seek(&rest->instances, id_of(req), where, positions, &refusal) !=
        0) {
        (void)reply_refusal(req, &refusal);
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
    if (!take_body(req, &root)) {
        return PN_HTTP_HANDLED;
    }
    bool by_time = is_given(root, "timestamps");
    bool by_offset = is_given(root, "offsets") || !by_time;
    if ((by_offset && !take_positions(req, root, "offsets", true, &offsets)) ||
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
    if (take_body(req, &root) && take_positions(req, root, "partitions", false, &positions) &&
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
