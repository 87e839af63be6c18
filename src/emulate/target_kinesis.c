/*
 * Records to streams, by PutRecord and PutRecords: of the Kinesis API, or through an API Gateway
 * with the mapping templates of AWS's tutorial "API Gateway as a Kinesis proxy". For one record it
 * keeps the JSON text of what comes as Data, a string with its quotes, and so do we through the
 * API; of several records (data) it keeps a string without them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"
#include "emulate/target_http.h"

enum {
    REQUEST_BYTES_MAX = 4 << 20, /* PutRecords takes at least 5 MiB in all */
    STATUS_BAD_REQUEST = 400,
    STATUS_TOO_LARGE = 413
};

/* --- where to --------------------------------------------------------------------------------- */

static int find_stream(const struct pn_target_env *env, size_t kind, struct pn_channel *channel,
                       struct pn_err *e)
{
    struct pn_generator_place place = pn_generator_place(env->generator, kind);
    const char *stream = env->config->stream != NULL ? env->config->stream : place.stream;
    if (stream == NULL) {
        return pn_err_input(e,
                            "generator.yml names no stream for the kind %s: give it one (stream: "
                            "{name: ...}), or name one for all kinds",
                            place.name);
    }
    channel->name = pn_xstrdup(stream);
    channel->partition_key = place.partition_key;
    return 0;
}

/* A request of one record is the record. */
static void open_list(struct pn_channel *channel, const struct pn_emulate_config *config,
                      const char *stream, const char *list)
{
    if (config->batch > 1) {
        pn_channel_take_list(channel, stream, list);
    } else {
        channel->start = pn_xstrdup("");
        channel->end = pn_xstrdup("");
    }
}

static int open_api(const struct pn_target_env *env, size_t kind, struct pn_channel *channel,
                    struct pn_err *e)
{
    int rc = find_stream(env, kind, channel, e);
    if (rc != 0) {
        return rc;
    }
    open_list(channel, env->config, channel->name, "Records");
    channel->url = pn_target_url(env->config, "");
    return 0;
}

static int open_rest(const struct pn_target_env *env, size_t kind, struct pn_channel *channel,
                     struct pn_err *e)
{
    int rc = find_stream(env, kind, channel, e);
    if (rc != 0) {
        return rc;
    }
    char *path =
        pn_xasprintf("streams/%s/%s", channel->name, env->config->batch > 1 ? "records" : "record");
    channel->url = pn_target_url(env->config, path);
    open_list(channel, env->config, NULL, "records");
    free(path);
    return 0;
}

/* --- records ---------------------------------------------------------------------------------- */

/* What the stream is to keep: JSON. */
static void put_payload(struct pn_json_writer *json, enum pn_emulate_payload payload,
                        const struct pn_emulate_record *record)
{
    switch (payload) {
    case PN_EMULATE_OBJECT:
        pn_json_put_raw(json, record->json, record->len);
        break;
    case PN_EMULATE_BASE64:
        pn_json_put_base64(json, record->json, record->len);
        break;
    case PN_EMULATE_JSON_STRING:
        pn_json_put_string(json, record->json, record->len);
        break;
    }
}

static void add_payload(struct pn_buf *out, enum pn_emulate_payload payload,
                        const struct pn_emulate_record *record)
{
    struct pn_json_writer json;
    pn_json_writer_init(&json, out);
    put_payload(&json, payload, record);
}

/* Opens a record; one that is a request by itself names its stream. */
static void begin_record(struct pn_json_writer *json, const struct pn_emulate_config *config,
                         const struct pn_channel *channel, struct pn_buf *out)
{
    pn_json_writer_init(json, out);
    pn_json_put_object(json);
    if (config->batch == 1) {
        pn_json_add_cstr(json, "StreamName", channel->name);
    }
}

/* The API takes bytes, in base64. */
static void write_api(const struct pn_emulate_config *config, const struct pn_channel *channel,
                      const struct pn_emulate_record *record, struct pn_buf *out,
                      struct pn_buf *stored)
{
    struct pn_json_writer json;
    struct pn_buf payload;
    pn_buf_init(&payload, out->max);
    add_payload(&payload, config->payload, record);
    begin_record(&json, config, channel, out);
    pn_json_put_key(&json, "Data");
    pn_json_put_base64(&json, pn_buf_text(&payload), payload.len);
    pn_json_add_cstr(&json, "PartitionKey", channel->partition_key);
    pn_json_end(&json);
    if (stored != NULL) {
        pn_buf_add(stored, pn_buf_text(&payload), payload.len);
    }
    out->failed = out->failed || pn_buf_failed(&payload);
    pn_buf_deinit(&payload);
}

static void write_rest(const struct pn_emulate_config *config, const struct pn_channel *channel,
                       const struct pn_emulate_record *record, struct pn_buf *out,
                       struct pn_buf *stored)
{
    bool many = config->batch > 1;
    struct pn_json_writer json;
    if (stored != NULL && !many) {
        add_payload(stored, config->payload, record);
    } else if (stored != NULL && config->payload == PN_EMULATE_BASE64) {
        pn_base64_encode(stored, record->json, record->len);
    } else if (stored != NULL) {
        pn_buf_add(stored, record->json, record->len);
    }
    begin_record(&json, config, channel, out);
    pn_json_put_key(&json, many ? "data" : "Data");
    put_payload(&json, config->payload, record);
    pn_json_add_cstr(&json, many ? "partition-key" : "PartitionKey", channel->partition_key);
    pn_json_end(&json);
}

/* --- answers ---------------------------------------------------------------------------------- */

static bool is_text(const struct pn_json *object, const char *key)
{
    const struct pn_json *node = pn_json_get(object, key);
    return node != NULL && node->type == PN_JSON_STRING && node->text_len > 0;
}

/* Of PutRecords a list, of PutRecord the answer itself. */
static const struct pn_json *results_of(const struct pn_json *answer, size_t count)
{
    const struct pn_json *records = pn_json_get(answer, "Records");
    if (records == NULL) {
        return count == 1 && is_text(answer, "SequenceNumber") ? answer : NULL;
    }
    return records->type == PN_JSON_ARRAY && records->count == count ? records->first : NULL;
}

static enum pn_record_state state_of(const struct pn_json *result, struct pn_emulate_ack *ack)
{
    const struct pn_json *code = pn_json_get(result, "ErrorCode");
    if (code != NULL && code->type != PN_JSON_NULL) {
        return pn_json_text_is(code, "ProvisionedThroughputExceededException") ||
                       pn_json_text_is(code, "InternalFailure")
                   ? PN_RECORD_RETRY
                   : PN_RECORD_REFUSED;
    }
    if (!is_text(result, "SequenceNumber") || !is_text(result, "ShardId")) {
        return PN_RECORD_REFUSED;
    }
    (void)pn_json_get_text(result, "ShardId", &ack->place, &ack->place_len);
    (void)pn_json_get_text(result, "SequenceNumber", &ack->position, &ack->position_len);
    return PN_RECORD_ACKNOWLEDGED;
}

/* The name after the '#' of "__type", if there is one. */
static bool error_is(const struct pn_json *answer, const char *name)
{
    const char *text = NULL;
    size_t len = 0;
    size_t name_len = strlen(name);
    return pn_json_get_text(answer, "__type", &text, &len) && len >= name_len &&
           memcmp(text + len - name_len, name, name_len) == 0 &&
           (len == name_len || text[len - name_len - 1] == '#');
}

static enum pn_refusal refusal_of(long status, const struct pn_json *answer)
{
    static const char *const passing[] = {"ProvisionedThroughputExceededException",
                                          "LimitExceededException", "KMSThrottlingException",
                                          "ThrottlingException", "InternalFailure"};
    static const char *const records[] = {"ValidationException", "InvalidArgumentException",
                                          "SerializationException"};
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++) {
        if (error_is(answer, passing[i])) {
            return PN_REFUSED_FOR_NOW;
        }
    }
    for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
        if (status == STATUS_BAD_REQUEST && error_is(answer, records[i])) {
            return PN_REFUSED_RECORDS;
        }
    }
    return status == STATUS_TOO_LARGE ? PN_REFUSED_RECORDS : PN_REFUSED_ALL;
}

static const char *advice_on(const struct pn_json *answer)
{
    if (error_is(answer, "ResourceNotFoundException")) {
        return "create the stream with `pinion stream create`";
    }
    if (error_is(answer, "UnrecognizedClientException") ||
        error_is(answer, "InvalidSignatureException")) {
        return "the settings aws.access_key and aws.secret_key must be those of the server";
    }
    return NULL;
}

/* --- the two doors ---------------------------------------------------------------------------- */

#define ANSWERS_WITH "a sequence number for each record (is it a Kinesis API?)"

/* The API's two operations differ in a header. */
#define API(operation)                                                                           \
    {                                                                                            \
        .method = "POST",                                                                        \
        .headers = {"Content-Type: application/x-amz-json-1.1",                                  \
                    "X-Amz-Target: Kinesis_20131202." operation},                                \
        .answers_with = ANSWERS_WITH, .request_bytes_max = REQUEST_BYTES_MAX, .is_signed = true, \
        .open = open_api, .write = write_api, .results = results_of, .record_state = state_of,   \
        .refusal = refusal_of, .advice = advice_on,                                              \
    }
static const struct pn_target_protocol put_record = API("PutRecord");
static const struct pn_target_protocol put_records = API("PutRecords");

static const struct pn_target_protocol rest = {
    .method = "PUT",
    .headers = {"Content-Type: application/json"},
    .answers_with = ANSWERS_WITH,
    .request_bytes_max = REQUEST_BYTES_MAX,
    .open = open_rest,
    .write = write_rest,
    .results = results_of,
    .record_state = state_of,
    .refusal = refusal_of,
    .advice = advice_on,
};

int pn_target_kinesis(const struct pn_target_env *env, struct pn_target **target, struct pn_err *e)
{
    return pn_target_http(env, env->config->batch > 1 ? &put_records : &put_record, target, e);
}

int pn_target_kinesis_rest(const struct pn_target_env *env, struct pn_target **target,
                           struct pn_err *e)
{
    return pn_target_http(env, &rest, target, e);
}
