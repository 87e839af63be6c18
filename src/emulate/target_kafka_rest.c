/* Records to a Kafka REST Proxy, API version 2, in the json format (spec: Confluent's kafka-rest,
 * resources/v2). */
#include <stdlib.h>

#include "base/mem.h"
#include "emulate/target_http.h"

enum {
    KAFKA_RETRIABLE = 50003, /* kafka-rest's error_code of a record that may be sent again */
    STATUS_BAD_REQUEST = 400,
    STATUS_TOO_LARGE = 413,
    STATUS_UNPROCESSABLE = 422
};

static int open_topic(const struct pn_target_env *env, size_t kind, struct pn_channel *channel,
                      struct pn_err *e)
{
    (void)e;
    const char *topic = pn_generator_place(env->generator, kind).topic;
    char *path = pn_xasprintf("topics/%s", topic);
    channel->name = pn_xstrdup(topic);
    channel->url = pn_target_url(env->config, path);
    pn_channel_take_list(channel, NULL, "records");
    free(path);
    return 0;
}

static void write_record(const struct pn_emulate_config *config, const struct pn_channel *channel,
                         const struct pn_emulate_record *record, struct pn_buf *out,
                         struct pn_buf *stored)
{
    (void)config;
    (void)channel;
    struct pn_json_writer json;
    pn_json_writer_init(&json, out);
    pn_json_put_object(&json);
    pn_json_add_raw(&json, "value", record->json, record->len);
    pn_json_end(&json);
    if (stored != NULL) {
        pn_buf_add(stored, record->json, record->len);
    }
}

static const struct pn_json *offsets_of(const struct pn_json *answer, size_t count)
{
    const struct pn_json *offsets = pn_json_get(answer, "offsets");
    bool whole = offsets != NULL && offsets->type == PN_JSON_ARRAY && offsets->count == count;
    return whole ? offsets->first : NULL;
}

static bool is_null(const struct pn_json *node)
{
    return node == NULL || node->type == PN_JSON_NULL;
}

static enum pn_record_state state_of(const struct pn_json *result, struct pn_emulate_ack *ack)
{
    const struct pn_json *partition = pn_json_get(result, "partition");
    const struct pn_json *offset = pn_json_get(result, "offset");
    if (is_null(pn_json_get(result, "error")) && is_null(pn_json_get(result, "error_code")) &&
        pn_json_get_i64(result, "offset", -1) >= 0 &&
        pn_json_get_i64(result, "partition", -1) >= 0) {
        ack->place = partition->raw;
        ack->place_len = partition->raw_len;
        ack->position = offset->raw;
        ack->position_len = offset->raw_len;
        return PN_RECORD_ACKNOWLEDGED;
    }
    return pn_json_get_i64(result, "error_code", 0) == KAFKA_RETRIABLE ? PN_RECORD_RETRY
                                                                       : PN_RECORD_REFUSED;
}

static enum pn_refusal refusal_of(long status, const struct pn_json *answer)
{
    (void)answer;
    return status == STATUS_BAD_REQUEST || status == STATUS_TOO_LARGE ||
                   status == STATUS_UNPROCESSABLE
               ? PN_REFUSED_RECORDS
               : PN_REFUSED_ALL;
}

static const struct pn_target_protocol kafka_rest = {
    .method = "POST",
    .headers = {"Content-Type: application/vnd.kafka.json.v2+json",
                "Accept: application/vnd.kafka.v2+json"},
    .answers_with = "an offset for each record (is it a Kafka REST Proxy?)",
    .request_bytes_max = PN_TARGET_BODY_BYTES_MAX,
    .open = open_topic,
    .write = write_record,
    .results = offsets_of,
    .record_state = state_of,
    .refusal = refusal_of,
};

int pn_target_kafka_rest(const struct pn_target_env *env, struct pn_target **target,
                         struct pn_err *e)
{
    return pn_target_http(env, &kafka_rest, target, e);
}
