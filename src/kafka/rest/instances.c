/* The routes that make and delete instances: dispatch.h does the work. */
#include <limits.h>
#include <strings.h>

#include "base/percent.h"
#include "base/units.h"
#include "kafka/rest/instance_bodies.h"

enum { MIN_BYTES_MAX = 10000000 };

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
    const char *text = pn_kafka_rest_text_of(req, node);
    return text != NULL && pn_parse_i64(text, value, NULL) == 0;
}

static bool take_format(struct pn_http_request *req, const struct pn_json *node,
                        struct pn_kafka_rest_instance_config *config)
{
    const char *format = pn_kafka_rest_text_of(req, node);
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
    const char *reset = pn_kafka_rest_text_of(req, node);
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
    const char *text = pn_kafka_rest_text_of(req, node);
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
    config->name = pn_kafka_rest_text_of(req, node);
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
    if (!pn_kafka_rest_take_body(req, &root) || !take_config(req, root, &config)) {
        return PN_HTTP_HANDLED;
    }
    if (pn_kafka_rest_instances_add(&rest->instances, req->params[0], &config, &req->arena, &name,
                                    &refusal) != 0) {
        return pn_kafka_rest_reply_refusal(req, &refusal);
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
    if (pn_kafka_rest_instances_remove(&rest->instances, pn_kafka_rest_id_of(req), &refusal) != 0) {
        return pn_kafka_rest_reply_refusal(req, &refusal);
    }
    pn_http_reply_none(req);
    return PN_HTTP_HANDLED;
}
