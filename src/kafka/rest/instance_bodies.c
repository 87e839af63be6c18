#include "kafka/rest/instance_bodies.h"

#include <string.h>

enum { POSITIONS_MAX = 10000 };

struct pn_kafka_rest_instance_id pn_kafka_rest_id_of(const struct pn_http_request *req)
{
    return (struct pn_kafka_rest_instance_id){.group = req->params[0], .name = req->params[1]};
}

enum pn_http_handled pn_kafka_rest_reply_refusal(struct pn_http_request *req,
                                                 const struct pn_kafka_rest_refusal *refusal)
{
    if (refusal->status == 503) {
        req->retry_after_s = 1;
    }
    pn_kafka_rest_reply_error(req, refusal->status, refusal->code, "%s", refusal->msg);
    return PN_HTTP_HANDLED;
}

bool pn_kafka_rest_take_body(struct pn_http_request *req, const struct pn_json **root)
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

const char *pn_kafka_rest_text_of(struct pn_http_request *req, const struct pn_json *node)
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
    position->topic = pn_kafka_rest_text_of(req, pn_json_get(node, "topic"));
    position->metadata = pn_kafka_rest_text_of(req, pn_json_get(node, "metadata"));
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

bool pn_kafka_rest_take_positions(struct pn_http_request *req, const struct pn_json *root,
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

bool pn_kafka_rest_means_all(const struct pn_json *root, const char *name)
{
    const struct pn_json *array = pn_json_get(root, name);
    return root == NULL || root->first == NULL || (array != NULL && array->type == PN_JSON_NULL);
}

void pn_kafka_rest_write_positions(struct pn_http_request *req, const char *name,
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
        if ((with & PN_KAFKA_REST_WITH_OFFSETS) != 0) {
            pn_json_add_i64(&json, "offset", p->offset);
            pn_json_add_cstr(&json, "metadata", p->metadata != NULL ? p->metadata : "");
        }
        pn_json_end(&json);
    }
    pn_json_end(&json);
    pn_json_end(&json);
    req->status = 200;
}
