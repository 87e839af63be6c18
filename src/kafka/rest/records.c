/*
 * Records as JSON, and GET /topics/{topic}/partitions/{partition}/records: a fetch without a
 * consumer, as Redpanda's proxy has it (offset, timeout, max_bytes).
 */
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/units.h"
#include "http/accept.h"
#include "kafka/rest/private.h"

enum { FETCH_RECORDS_MAX = 100000, FETCH_TIMEOUT_MS_MAX = 300000 };

/* A key or value of the json format: its own text, as long as that is JSON. */
static int write_json(struct pn_json_parser *parser, const struct pn_bytes *bytes,
                      struct pn_buf *out, struct pn_err *e)
{
    struct pn_json *root = NULL;
    if (bytes->data == NULL) {
        pn_buf_adds(out, "null");
        return 0;
    }
    int rc = pn_json_parse(parser, bytes->data, bytes->len, bytes->len, &root, e);
    if (rc == 0) {
        pn_json_write(out, root);
    }
    return rc;
}

static void write_base64(const struct pn_bytes *bytes, struct pn_buf *out)
{
    if (bytes->data == NULL) {
        pn_buf_adds(out, "null");
        return;
    }
    pn_buf_addc(out, '"');
    pn_base64_encode(out, bytes->data, bytes->len);
    pn_buf_addc(out, '"');
}

static int write_data(struct pn_json_parser *parser, enum pn_kafka_rest_format_kind format,
                      const struct pn_bytes *bytes, struct pn_buf *out, struct pn_err *e)
{
    if (format == PN_KAFKA_REST_BODY_JSON) {
        return write_json(parser, bytes, out, e);
    }
    write_base64(bytes, out);
    return 0;
}

static void write_headers(const struct pn_record *record, struct pn_buf *out)
{
    if (record->header_count == 0) {
        return;
    }
    pn_buf_adds(out, ",\"headers\":[");
    for (size_t i = 0; i < record->header_count; i++) {
        const struct pn_record_header *header = &record->headers[i];
        pn_buf_adds(out, i > 0 ? ",{\"key\":" : "{\"key\":");
        struct pn_buf name;
        pn_buf_init(&name, 4 * header->name.len + 4);
        pn_utf8_add_clean(&name, header->name.data, header->name.len);
        pn_json_write_string(out, pn_buf_text(&name), name.len);
        pn_buf_deinit(&name);
        pn_buf_adds(out, ",\"value\":");
        write_base64(&header->value, out);
        pn_buf_addc(out, '}');
    }
    pn_buf_addc(out, ']');
}

int pn_kafka_rest_write_record(struct pn_json_parser *parser, enum pn_kafka_rest_format_kind format,
                               const char *topic, int32_t partition, const struct pn_record *record,
                               struct pn_buf *out, struct pn_err *e)
{
    size_t start = out->len;
    pn_buf_adds(out, "{\"topic\":");
    pn_json_write_cstr(out, topic);
    pn_buf_adds(out, ",\"key\":");
    int rc = write_data(parser, format, &record->key, out, e);
    if (rc == 0) {
        pn_buf_adds(out, ",\"value\":");
        rc = write_data(parser, format, &record->value, out, e);
    }
    if (rc != 0) {
        out->len = start;
        pn_err_prefix(e, "topic %s, partition %d, offset %lld", topic, partition,
                      (long long)record->offset);
        return rc;
    }
    pn_buf_addf(out, ",\"partition\":%d,\"offset\":%lld,\"timestamp\":%lld", partition,
                (long long)record->offset, (long long)record->timestamp_ms);
    write_headers(record, out);
    pn_buf_addc(out, '}');
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
    pn_buf_addc(&req->out, '[');
    for (size_t i = 0; i < records->count; i++) {
        struct pn_err e;
        if (i > 0) {
            pn_buf_addc(&req->out, ',');
        }
        if (pn_kafka_rest_write_record(req->parser, fetch->format, req->params[0], fetch->partition,
                                       &records->records[i], &req->out, &e) != 0) {
            if (i == 0) {
                pn_kafka_rest_reply_error(
                    req, 422, PN_KAFKA_REST_CODE_JSON_CONVERSION,
                    "Conversion of JSON to Object failed: %s; the binary format has it", e.msg);
                return;
            }
            req->out.len--; /* what came before it is given first */
            break;
        }
    }
    pn_buf_addc(&req->out, ']');
    if (pn_http_request_reserve(req, req->out.len)) {
        req->status = 200;
    }
}

static enum pn_http_handled fetch_once(struct pn_http_request *req, const struct fetch *fetch,
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
            pn_kafka_rest_reply_log_error(req, e.class_, e.msg);
        }
        return PN_HTTP_HANDLED;
    }
    if (records.count == 0 && fetch->timeout_ms > 0 && !req->expired) {
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
