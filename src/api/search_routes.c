#include "api/search_routes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/errors.h"
#include "api/list.h"
#include "search/scan.h"

/* Short, so that a search holds its thread no longer than a reader waits for a sign of progress. */
enum { CALL_MS = 250 };
static const int64_t CALL_BYTES = 64 << 20;

/* --- topics ----------------------------------------------------------------------------------- */

struct topic {
    struct pn_log *log;
    const char *name;
};

static int topic_ends(void *arg, int32_t partition, int64_t *begin, int64_t *end, struct pn_err *e)
{
    const struct topic *topic = arg;
    struct pn_log_offsets offsets = {0};
    int rc = pn_log_offsets(topic->log, topic->name, partition, &offsets, e);
    *begin = offsets.begin;
    *end = offsets.end;
    return rc;
}

static int topic_read(void *arg, int32_t partition, int64_t offset, size_t max_records,
                      size_t max_bytes, struct pn_arena *arena, struct pn_record **records,
                      size_t *count, int64_t *next, struct pn_err *e)
{
    const struct topic *topic = arg;
    struct pn_log_records read = {0};
    int rc = pn_log_read(topic->log, topic->name, partition, offset, max_records, max_bytes, arena,
                         &read, e);
    *records = read.records;
    *count = read.count;
    *next = read.next_offset;
    return rc;
}

/* --- streams ---------------------------------------------------------------------------------- */

struct stream {
    struct pn_processor_source *source;
    const char *name;
    struct pn_processor_source_stream now;
};

static const struct pn_processor_source_shard *shard_of(const struct stream *stream,
                                                        int32_t partition)
{
    for (size_t i = 0; i < stream->now.shard_count; i++) {
        if (stream->now.shards[i].index == (uint32_t)partition) {
            return &stream->now.shards[i];
        }
    }
    return NULL;
}

static int shard_ends(void *arg, int32_t partition, int64_t *begin, int64_t *end, struct pn_err *e)
{
    const struct pn_processor_source_shard *shard = shard_of(arg, partition);
    if (shard == NULL) {
        return pn_err_missing(e, "there is no shard %" PRId32, partition);
    }
    *begin = shard->begin;
    *end = shard->end;
    return 0;
}

static int shard_read(void *arg, int32_t partition, int64_t offset, size_t max_records,
                      size_t max_bytes, struct pn_arena *arena, struct pn_record **records,
                      size_t *count, int64_t *next, struct pn_err *e)
{
    const struct stream *stream = arg;
    struct pn_processor_source_records read = {0};
    int rc =
        pn_processor_source_read(stream->source, stream->name, stream->now.id, (uint32_t)partition,
                                 offset, max_records, max_bytes, arena, &read, e);
    *records = read.records;
    *count = read.count;
    *next = read.next_offset;
    return rc;
}

/* --- the reply -------------------------------------------------------------------------------- */

static const char *add_bytes(struct pn_json_writer *json, const char *name, struct pn_bytes bytes)
{
    pn_json_put_key(json, name);
    if (bytes.data == NULL) {
        pn_json_put_null(json);
        return NULL;
    }
    if (pn_utf8_valid(bytes.data, bytes.len)) {
        pn_json_put_string(json, bytes.data, bytes.len);
        return "text";
    }
    pn_json_put_base64(json, bytes.data, bytes.len);
    return "base64";
}

static void put_hit(struct pn_json_writer *json, const struct pn_scan_hit *hit)
{
    pn_json_put_object(json);
    pn_json_add_i64(json, "partition", hit->partition);
    pn_json_add_i64_text(json, "offset", hit->record.offset);
    pn_json_add_i64(json, "time_ms", hit->record.timestamp_ms);
    const char *encoding = add_bytes(json, "key", hit->record.key);
    pn_json_add_cstr(json, "key_encoding", encoding);
    encoding = add_bytes(json, "value", hit->record.value);
    pn_json_add_cstr(json, "encoding", encoding);
    pn_json_add_i64(json, "value_bytes", (int64_t)hit->value_bytes);
    pn_json_add_bool(json, "cut", hit->is_cut);
    pn_json_end(json);
}

static void put_result(struct pn_http_request *req, const struct pn_scan_result *result,
                       const struct pn_scan_place *place)
{
    struct pn_json_writer json;
    pn_json_writer_init(&json, &req->out);
    pn_json_put_object(&json);
    pn_json_add_array(&json, "records");
    for (size_t i = 0; i < result->count; i++) {
        put_hit(&json, &result->hits[i]);
    }
    pn_json_end(&json);
    pn_json_add_i64(&json, "scanned_records", result->records);
    pn_json_add_i64(&json, "scanned_bytes", result->bytes);
    pn_json_add_i64(&json, "left_records", result->records_left);
    pn_json_add_i64(&json, "damaged", result->damaged);
    pn_json_put_key(&json, "through_ms");
    if (result->through_ms >= 0) {
        pn_json_put_i64(&json, result->through_ms);
    } else {
        pn_json_put_null(&json);
    }
    if (!result->is_done) {
        pn_api_list_add_next(&json, pn_arena_printf(&req->arena, "%" PRId32 ":%" PRId64,
                                                    place->partition, place->below));
    }
    pn_json_end(&json);
}

/* --- requests --------------------------------------------------------------------------------- */

static int read_place(struct pn_http_request *req, struct pn_scan_place *place, struct pn_err *e)
{
    const char *cursor = pn_http_request_query(req, "cursor");
    const char *text = NULL;
    int end = 0;
    *place = (struct pn_scan_place){.below = -1};
    if (cursor == NULL) {
        return 0;
    }
    int rc = pn_api_list_cursor(req, cursor, &text, e);
    if (rc != 0) {
        return rc;
    }
    if (sscanf(text, "%" SCNd32 ":%" SCNd64 "%n", &place->partition, &place->below, &end) != 2 ||
        text[end] != '\0' || place->partition < 0 || place->below < -1) {
        return pn_err_input(e, "`cursor` is not one of a search");
    }
    return 0;
}

static enum pn_http_handled answer(struct pn_http_request *req,
                                   const struct pn_api_search_routes *routes,
                                   const struct pn_scan_source *source)
{
    const struct pn_scan_limits limits = {
        .ms_max = CALL_MS,
        .bytes_max = CALL_BYTES,
        .hits_max = (size_t)pn_api_query_i64(req, "limit", PN_API_LIMIT_DEFAULT)};
    const char *text = pn_http_request_query(req, "q");
    struct pn_search *search = NULL;
    struct pn_scan_place place;
    struct pn_scan_result result;
    struct pn_err failure = {0};
    text = text != NULL ? text : "";
    int rc = pn_search_parse(text, strlen(text), &req->arena, &search, &failure);
    if (rc == 0) {
        rc = read_place(req, &place, &failure);
    }
    if (rc == 0) {
        rc =
            pn_scan(search, source, &limits, routes->clock, &place, &req->arena, &result, &failure);
    }
    if (rc != 0) {
        pn_api_reply_failure(req, &failure);
        return PN_HTTP_HANDLED;
    }
    put_result(req, &result, &place);
    if (pn_http_request_reserve(req, req->out.len)) { /* else the reply is a 503 */
        req->status = 200;
        req->content_type = PN_HTTP_TYPE_JSON;
    }
    return PN_HTTP_HANDLED;
}

static enum pn_http_handled handle_topic(struct pn_http_request *req, void *arg)
{
    const struct pn_api_search_routes *routes = arg;
    struct topic topic = {.log = routes->topics, .name = req->params[0]};
    struct pn_log_topic_info info;
    struct pn_err failure = {0};
    if (pn_log_topic(routes->topics, topic.name, &info, &failure) != 0) {
        pn_api_reply_failure(req, &failure);
        return PN_HTTP_HANDLED;
    }
    const struct pn_scan_source source = {
        .partitions = info.partitions, .ends = topic_ends, .read = topic_read, .arg = &topic};
    return answer(req, routes, &source);
}

static enum pn_http_handled handle_stream(struct pn_http_request *req, void *arg)
{
    const struct pn_api_search_routes *routes = arg;
    struct stream stream = {.source = routes->streams, .name = req->params[0]};
    struct pn_err failure = {0};
    if (pn_processor_source_describe(routes->streams, stream.name, &req->arena, &stream.now,
                                     &failure) != 0) {
        pn_api_reply_failure(req, &failure);
        return PN_HTTP_HANDLED;
    }
    int32_t shards = 0;
    for (size_t i = 0; i < stream.now.shard_count; i++) {
        int32_t index = (int32_t)stream.now.shards[i].index;
        shards = index >= shards ? index + 1 : shards;
    }
    const struct pn_scan_source source = {
        .partitions = shards, .ends = shard_ends, .read = shard_read, .arg = &stream};
    return answer(req, routes, &source);
}

static const struct pn_api_field of_topic[] = {PN_FIELD("topic", TEXT), PN_FIELDS_END};
static const struct pn_api_field of_stream[] = {PN_FIELD("stream", TEXT), PN_FIELDS_END};
static const struct pn_api_field search_query[] = {
    {.name = "q",
     .type = PN_API_TEXT,
     .flags = PN_API_OPTIONAL,
     .help = "terms that must all hold: words, key=k, partition=1, offset>=10, a.b=c, -word"},
    PN_FIELDS_END};
static const struct pn_api_field found[] = {PN_FIELD("partition", INT),
                                            PN_FIELD("offset", WIDE),
                                            PN_FIELD("time_ms", INT),
                                            PN_FIELD_NULLABLE("key", TEXT),
                                            PN_FIELD_NULLABLE("key_encoding", TEXT),
                                            PN_FIELD_NULLABLE("value", TEXT),
                                            PN_FIELD_NULLABLE("encoding", TEXT),
                                            PN_FIELD("value_bytes", INT),
                                            PN_FIELD("cut", BOOL),
                                            PN_FIELDS_END};
static const struct pn_api_field search_reply[] = {
    {.name = "records", .type = PN_API_OBJECTS, .fields = found},
    PN_FIELD("scanned_records", INT),
    PN_FIELD("scanned_bytes", INT),
    PN_FIELD("left_records", INT),
    PN_FIELD("damaged", INT),
    PN_FIELD_NULLABLE("through_ms", INT),
    PN_FIELD_OPTIONAL("next", TEXT),
    PN_FIELDS_END};

static const struct pn_api_route table[] = {
    {.http = {PN_HTTP_GET, "api/v1/topics/{}/search", handle_topic, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_READ, PN_OF_TOPIC},
     .id = "search_topic",
     .summary = "Records of a topic that fit a search; a call looks at some of them",
     .path = of_topic,
     .query = search_query,
     .reply = search_reply,
     .is_paged = true},
    {.http = {PN_HTTP_GET, "api/v1/streams/{}/search", handle_stream, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_READ, PN_OF_STREAM},
     .id = "search_stream",
     .summary = "Records of a stream that fit a search; a call looks at some of them",
     .path = of_stream,
     .query = search_query,
     .reply = search_reply,
     .is_paged = true},
};

void pn_api_search_routes_add(struct pn_api_search_routes *routes, struct pn_api *api)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        pn_api_add_route(api, &table[i], routes);
    }
}
