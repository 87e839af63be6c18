/*
 * Records as JSON, and GET /topics/{topic}/partitions/{partition}/records: a fetch without a
 * consumer, as Redpanda's proxy has it (offset, timeout, max_bytes).
 */
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "http/accept.h"
#include "kafka/rest/private.h"

enum { FETCH_RECORDS_MAX = 100000, FETCH_TIMEOUT_MS_MAX = 300000 };

/* A key or value of the json format: its own text, as long as that is JSON. */
static int put_json(struct pn_json_parser *parser, const struct pn_bytes *bytes,
                    struct pn_json_writer *json, struct pn_err *e)
{
    struct pn_json *root = NULL;
    int rc = pn_json_parse(parser, bytes->data, bytes->len, bytes->len, &root, e);
    if (rc == 0) {
        pn_json_put_node(json, root);
    }
    return rc;
}

static void put_base64(const struct pn_bytes *bytes, struct pn_json_writer *json)
{
    if (bytes->data == NULL) {
        pn_json_put_null(json);
    } else {
        pn_json_put_base64(json, bytes->data, bytes->len);
    }
}

static int add_data(struct pn_json_parser *parser, enum pn_kafka_rest_format_kind format,
                    const char *name, const struct pn_bytes *bytes, struct pn_json_writer *json,
                    struct pn_err *e)
{
    pn_json_put_key(json, name);
    if (format == PN_KAFKA_REST_BODY_JSON && bytes->data != NULL) {
        return put_json(parser, bytes, json, e);
    }
    put_base64(bytes, json);
    return 0;
}

static void add_headers(const struct pn_record *record, struct pn_json_writer *json)
{
    if (record->header_count == 0) {
        return;
    }
    pn_json_add_array(json, "headers");
    for (size_t i = 0; i < record->header_count; i++) {
        const struct pn_record_header *header = &record->headers[i];
        pn_json_put_object(json);
        pn_json_add_string(json, "key", header->name.data, header->name.len);
        pn_json_put_key(json, "value");
        put_base64(&header->value, json);
        pn_json_end(json);
    }
    pn_json_end(json);
}

int pn_kafka_rest_put_record(struct pn_json_parser *parser, enum pn_kafka_rest_format_kind format,
                             const char *topic, int32_t partition, const struct pn_record *record,
                             struct pn_json_writer *json, struct pn_err *e)
{
    struct pn_json_mark before = pn_json_mark(json);
    pn_json_put_object(json);
    pn_json_add_cstr(json, "topic", topic);
    int rc = add_data(parser, format, "key", &record->key, json, e);
    if (rc == 0) {
        rc = add_data(parser, format, "value", &record->value, json, e);
    }
    if (rc != 0) {
        pn_json_rewind(json, &before);
        pn_err_prefix(e, "topic %s, partition %d, offset %lld", topic, partition,
                      (long long)record->offset);
        return rc;
    }
    pn_json_add_i64(json, "partition", partition);
    pn_json_add_i64(json, "offset", record->offset);
    pn_json_add_i64(json, "timestamp", record->timestamp_ms);
    add_headers(record, json);
    pn_json_end(json);
    return 0;
}

/* --- the fetch -------------------------------------------------------------------------------- */

struct fetch {
    const struct pn_kafka_rest *rest;
    enum pn_kafka_rest_format_kind format;
    int32_t partition;
    int64_t offset;
    int64_t max_bytes;
    int64_t timeout_ms;
};

static bool query_i64(struct pn_http_request *req, const char *name, int64_t max, int64_t *value)
{
    const char *text = pn_http_request_query(req, name);
    if (text == NULL) {
        return true;
    }
    if (pn_parse_i64(text, value, NULL) != 0 || *value < 0) {
        pn_kafka_rest_reply_error(req, 400, 400,
                                  "The query parameter %s must be a number from 0 on", name);
        return false;
    }
    *value = *value < max ? *value : max;
    return true;
}

static bool choose_format(struct pn_http_request *req, enum pn_kafka_rest_format_kind *format)
{
    static const char *const offers[] = {"application/vnd.kafka.json.v2+json",
                                         "application/vnd.kafka.binary.v2+json", PN_KAFKA_REST_TYPE,
                                         PN_HTTP_TYPE_JSON};
    int chosen = pn_http_accept(pn_http_request_header(req, "Accept"), offers, 4);
    if (chosen < 0) {
        pn_kafka_rest_reply_error(req, 406, 406, "HTTP 406 Not Acceptable: records are %s or %s",
                                  offers[0], offers[1]);
        return false;
    }
    *format = chosen == 1 ? PN_KAFKA_REST_BODY_BINARY : PN_KAFKA_REST_BODY_JSON;
    req->content_type = chosen == 1 ? offers[1] : offers[0];
    return true;
}

static struct fetch *begin_fetch(struct pn_http_request *req, const struct pn_kafka_rest *rest)
{
    struct fetch *fetch = pn_arena_calloc(&req->arena, 1, sizeof *fetch);
    fetch->rest = rest;
    fetch->max_bytes = rest->config.fetch_bytes_max;
    if (!choose_format(req, &fetch->format) ||
        !pn_kafka_rest_partition_param(req, req->params[1], &fetch->partition) ||
        !query_i64(req, "offset", INT64_MAX, &fetch->offset) ||
        !query_i64(req, "max_bytes", rest->config.fetch_bytes_max, &fetch->max_bytes) ||
        !query_i64(req, "timeout", FETCH_TIMEOUT_MS_MAX, &fetch->timeout_ms)) {
        return NULL;
    }
    req->wait_until_ns = pn_mono_ns(rest->env.clock) + fetch->timeout_ms * INT64_C(1000000);
    return fetch;
}

static bool fetch_ready(struct pn_http_request *req)
{
    const struct fetch *fetch = req->state;
    struct pn_log_offsets offsets;
    return pn_log_offsets(fetch->rest->topics, req->params[0], fetch->partition, &offsets, NULL) !=
               0 ||
           offsets.end > fetch->offset;
}

static void write_records(struct pn_http_request *req, const struct fetch *fetch,
                          const struct pn_log_records *records)
{
    struct pn_json_writer json;
    pn_json_writer_init(&json, &req->out);
    pn_json_put_array(&json);
    for (size_t i = 0; i < records->count; i++) {
        struct pn_err e;
        if (pn_kafka_rest_put_record(req->parser, fetch->format, req->params[0], fetch->partition,
                                     &records->records[i], &json, &e) != 0) {
            if (i == 0) {
                pn_kafka_rest_reply_error(
                    req, 422, PN_KAFKA_REST_CODE_JSON_CONVERSION,
                    "Conversion of JSON to Object failed: %s; the binary format has it", e.msg);
                return;
            }
            break; /* what came before it is given first */
        }
    }
    pn_json_end(&json);
    if (pn_http_request_reserve(req, req->out.len)) {
        req->status = 200;
    }
}

static enum pn_http_handled fetch_once(struct pn_http_request *req, struct fetch *fetch,
                                       struct pn_arena *arena)
{
    struct pn_log_records records;
    struct pn_err e;
    if (pn_log_read(fetch->rest->topics, req->params[0], fetch->partition, fetch->offset,
                    FETCH_RECORDS_MAX, (size_t)fetch->max_bytes, arena, &records, &e) != 0) {
        struct pn_log_topic_info info;
        if (e.class_ == PN_CLASS_MISSING &&
            pn_log_topic(fetch->rest->topics, req->params[0], &info, NULL) == 0) {
            pn_kafka_rest_reply_error(req, 404, PN_KAFKA_REST_CODE_PARTITION_NOT_FOUND,
                                      "Partition not found.");
        } else {
            pn_kafka_rest_reply_log_error(req, &e);
        }
        return PN_HTTP_HANDLED;
    }
    if (records.count == 0 && fetch->timeout_ms > 0 && !req->expired) {
        fetch->offset = records.next_offset; /* past offsets that no record has */
        return PN_HTTP_HANDLED_WAIT;
    }
    write_records(req, fetch, &records);
    return PN_HTTP_HANDLED;
}

enum pn_http_handled pn_kafka_rest_partition_records(struct pn_http_request *req, void *arg)
{
    struct fetch *fetch = req->state != NULL ? req->state : begin_fetch(req, arg);
    if (fetch == NULL) {
        return PN_HTTP_HANDLED;
    }
    struct pn_arena arena; /* the records; they are gone while the reply is sent */
    pn_arena_init(&arena, 0);
    req->state = fetch;
    req->ready = fetch_ready;
    enum pn_http_handled handled = fetch_once(req, fetch, &arena);
    pn_arena_deinit(&arena);
    return handled;
}
