#include "api/stream_routes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/errors.h"

enum { READ_RECORDS_MAX = 10000, READ_BYTES_MAX = 8 << 20 };
static const int64_t HOUR_MS = 3600 * 1000;

/* --- status ----------------------------------------------------------------------------------- */

/* -1 is a figure that nobody knows. */
static void add_known(struct pn_json_writer *json, const char *key, int64_t value)
{
    if (value >= 0) {
        pn_json_add_i64(json, key, value);
    } else {
        pn_json_add_null(json, key);
    }
}

static void put_shard(struct pn_json_writer *json, const struct pn_processor_shard_status *shard)
{
    pn_json_put_object(json);
    pn_json_add_cstr(json, "shard", shard->shard);
    pn_json_add_i64(json, "position", shard->position);
    add_known(json, "end", shard->end);
    add_known(json, "lag_records", shard->lag);
    pn_json_add_i64(json, "lost_records", shard->lost);
    pn_json_add_i64(json, "lag_ms", shard->lag_ms);
    pn_json_add_cstr(json, "sequence_number", shard->sequence);
    pn_json_add_bool(json, "closed", shard->complete);
    pn_json_end(json);
}

static void add_strays(struct pn_json_writer *json, const struct pn_stray_counts *strays)
{
    pn_json_add_i64(json, "stray_records", strays->records);
    pn_json_add_array(json, "stray_keys");
    for (size_t i = 0; i < strays->count; i++) {
        const struct pn_stray_key *key = &strays->keys[i];
        pn_json_put_object(json);
        pn_json_add_string(json, "partition_key", key->key.data, key->key.len);
        pn_json_add_i64(json, "records", key->records);
        pn_json_add_i64(json, "shard", key->shard);
        pn_json_add_i64(json, "offset", key->offset);
        pn_json_end(json);
    }
    pn_json_end(json);
    pn_json_add_i64(json, "more_stray_records", strays->more);
}

static void put_status(struct pn_http_request *req, const struct pn_processor_status *status,
                       struct pn_json_writer *json)
{
    char time[PN_ISO8601_SIZE];
    pn_json_put_object(json);
    pn_json_add_cstr(json, "stream", status->stream);
    pn_json_add_cstr(json, "table", status->table);
    pn_json_add_cstr(json, "state", pn_processor_state_name(status->state));
    pn_json_add_cstr(json, "error", pn_http_request_public(req, status->error));
    pn_json_add_i64(json, "rows", status->rows);
    pn_json_add_i64(json, "dead_letters", status->dead_letters);
    pn_json_add_i64(json, "skipped", status->skipped);
    add_strays(json, &status->strays);
    pn_json_add_i64(json, "unknown_members", status->unknown_members);
    pn_json_add_cstr(json, "unknown_example", status->unknown_example);
    pn_json_add_cstr(json, "unknown_shard", status->unknown_shard);
    pn_json_add_i64(json, "unknown_offset", status->unknown_offset);
    pn_json_add_i64(json, "lost", status->lost);
    pn_json_add_i64(json, "commits", status->commits);
    pn_json_add_i64(json, "conflicts", status->conflicts);
    pn_json_add_i64(json, "errors", status->errors);
    pn_json_add_i64(json, "table_version", status->version);
    pn_json_add_cstr(json, "committed_at",
                     status->version >= 0 ? pn_iso8601(status->committed_ms, time) : NULL);
    pn_json_add_array(json, "shards");
    for (size_t i = 0; i < status->shard_count; i++) {
        put_shard(json, &status->shards[i]);
    }
    pn_json_end(json);
    pn_json_end(json);
}

/* Begins a reply, which is an object. */
static void begin(struct pn_http_request *req, struct pn_json_writer *json)
{
    pn_json_writer_init(json, &req->out);
    pn_json_put_object(json);
}

static enum pn_http_handled reply(struct pn_http_request *req)
{
    req->status = 200;
    req->content_type = "application/json";
    return PN_HTTP_HANDLED;
}

/* The stream tables that this server fills: none without the role. */
static size_t look_at_tables(struct pn_api_stream_routes *routes, struct pn_arena *arena,
                             struct pn_processor_status **statuses)
{
    size_t count = 0;
    if (routes->streams != NULL) {
        pn_processor_status(routes->streams, arena, statuses, &count);
    }
    return count;
}

static enum pn_http_handled handle_status(struct pn_http_request *req, void *arg)
{
    struct pn_api_stream_routes *routes = arg;
    struct pn_processor_status *statuses = NULL;
    size_t count = look_at_tables(routes, &req->arena, &statuses);
    struct pn_json_writer json;
    begin(req, &json);
    pn_json_add_array(&json, "tables");
    for (size_t i = 0; i < count; i++) {
        put_status(req, &statuses[i], &json);
    }
    pn_json_end(&json);
    pn_json_end(&json);
    return reply(req);
}

/* For /health: the tables that are not filled now, and why. */
static void report_stalled(void *arg, struct pn_arena *arena, struct pn_json_writer *json)
{
    struct pn_processor_status *statuses = NULL;
    size_t count = look_at_tables(arg, arena, &statuses);
    for (size_t i = 0; i < count; i++) {
        const struct pn_processor_status *status = &statuses[i];
        if (status->state != PN_PROCESSOR_WAITING && status->state != PN_PROCESSOR_TROUBLE &&
            status->state != PN_PROCESSOR_FAILED && !status->is_unreadable) {
            continue;
        }
        pn_json_put_object(json);
        pn_json_add_cstr(json, "table", status->table);
        pn_json_add_cstr(json, "stream", status->stream);
        pn_json_add_cstr(json, "state", pn_processor_state_name(status->state));
        pn_json_add_cstr(json, "reason", status->error);
        pn_json_end(json);
    }
}

/* For /health, which everyone may read: streams with records that belong to no table, how many,
 * and where the first one is. The keys themselves are for those who may see the status. */
static void report_strays(void *arg, struct pn_arena *arena, struct pn_json_writer *json)
{
    struct pn_processor_status *statuses = NULL;
    size_t count = look_at_tables(arg, arena, &statuses);
    for (size_t i = 0; i < count; i++) {
        const struct pn_stray_counts *strays = &statuses[i].strays;
        if (strays->records == 0) {
            continue;
        }
        pn_json_put_object(json);
        pn_json_add_cstr(json, "stream", statuses[i].stream);
        pn_json_add_i64(json, "records", strays->records);
        pn_json_add_i64(json, "partition_keys", (int64_t)strays->count);
        pn_json_add_object(json, "example");
        pn_json_add_i64(json, "shard", strays->keys[0].shard);
        pn_json_add_i64(json, "offset", strays->keys[0].offset);
        pn_json_end(json);
        pn_json_end(json);
    }
}

/* Likewise: stream tables whose records have members that no column takes. */
static void report_unknown(void *arg, struct pn_arena *arena, struct pn_json_writer *json)
{
    struct pn_processor_status *statuses = NULL;
    size_t count = look_at_tables(arg, arena, &statuses);
    for (size_t i = 0; i < count; i++) {
        if (statuses[i].unknown_members > 0) {
            pn_json_put_object(json);
            pn_json_add_cstr(json, "table", statuses[i].table);
            pn_json_add_i64(json, "members", statuses[i].unknown_members);
            pn_json_add_cstr(json, "example", statuses[i].unknown_example);
            pn_json_add_cstr(json, "shard", statuses[i].unknown_shard);
            pn_json_add_i64(json, "offset", statuses[i].unknown_offset);
            pn_json_end(json);
        }
    }
}

/* --- a source for others ---------------------------------------------------------------------- */

static enum pn_http_handled handle_names(struct pn_http_request *req, void *arg)
{
    struct pn_api_stream_routes *routes = arg;
    const char **names = NULL;
    size_t count = 0;
    struct pn_err failure = {0};
    if (pn_processor_source_names(routes->source, &req->arena, &names, &count, &failure) != 0) {
        pn_api_reply_failure(req, &failure);
        return PN_HTTP_HANDLED;
    }
    struct pn_json_writer json;
    begin(req, &json);
    pn_json_add_array(&json, "names");
    for (size_t i = 0; i < count; i++) {
        pn_json_put_cstr(&json, names[i]);
    }
    pn_json_end(&json);
    pn_json_end(&json);
    return reply(req);
}

/* Hash keys are strings: they have more digits than others' JSON numbers. */
static void put_source_shard(struct pn_json_writer *json,
                             const struct pn_processor_source_shard *shard)
{
    char key[PN_HASH_KEY_SIZE];
    pn_json_put_object(json);
    pn_json_add_i64(json, "index", shard->index);
    pn_json_add_i64(json, "parent", shard->parent);
    pn_json_add_i64(json, "adjacent_parent", shard->adjacent_parent);
    pn_json_add_i64(json, "created_ms", shard->created_ms);
    pn_json_add_cstr(json, "hash_start", pn_hash_key_text(shard->hash_start, key));
    pn_json_add_cstr(json, "hash_end", pn_hash_key_text(shard->hash_end, key));
    pn_json_add_bool(json, "complete", shard->complete);
    pn_json_add_i64(json, "begin", shard->begin);
    pn_json_add_i64(json, "end", shard->end);
    pn_json_end(json);
}

/* How long a stream keeps its records; a stream that is just gone has no answer. */
static void add_retention(struct pn_json_writer *json, struct pn_kinesis *kinesis, const char *name)
{
    const struct pn_stream *stream = NULL;
    if (pn_kinesis_stream(kinesis, name, &stream, NULL) != 0) {
        pn_json_add_null(json, "retention_ms");
        return;
    }
    pn_json_add_i64(json, "retention_ms", stream->retention_hours * HOUR_MS);
    pn_stream_release(&stream);
}

static enum pn_http_handled handle_shards(struct pn_http_request *req, void *arg)
{
    struct pn_api_stream_routes *routes = arg;
    struct pn_processor_source_stream stream = {0};
    struct pn_err failure = {0};
    if (pn_processor_source_describe(routes->source, req->params[0], &req->arena, &stream,
                                     &failure) != 0) {
        pn_api_reply_failure(req, &failure);
        return PN_HTTP_HANDLED;
    }
    struct pn_json_writer json;
    begin(req, &json);
    pn_json_add_textf(&json, "id", "%016" PRIx64, stream.id);
    add_retention(&json, routes->kinesis, req->params[0]);
    pn_json_add_array(&json, "shards");
    for (size_t i = 0; i < stream.shard_count; i++) {
        put_source_shard(&json, &stream.shards[i]);
    }
    pn_json_end(&json);
    pn_json_end(&json);
    return reply(req);
}

/* The shard and the stream's id of a request; false when the reply is an error already. */
static bool read_shard(struct pn_http_request *req, uint32_t *shard, uint64_t *id)
{
    const char *text = pn_http_request_query(req, "id");
    size_t digits = strspn(text, "0123456789abcdefABCDEF");
    *shard = (uint32_t)strtoul(req->params[1], NULL, 10);
    *id = strtoull(text, NULL, 16);
    if (digits == 0 || digits > 16 || text[digits] != '\0') {
        pn_api_reply_error(req, 400, NULL, "`id` must be the id of the stream: 16 hex digits");
        return false;
    }
    return true;
}

static enum pn_http_handled handle_position(struct pn_http_request *req, void *arg)
{
    struct pn_api_stream_routes *routes = arg;
    uint32_t shard = 0;
    uint64_t id = 0;
    enum pn_stream_start start = PN_START_LATEST;
    int64_t start_ms = 0;
    int64_t offset = 0;
    struct pn_processor_place ignored; /* of streams that are here */
    struct pn_err failure = {0};
    if (!read_shard(req, &shard, &id)) {
        return PN_HTTP_HANDLED;
    }
    const char *text = pn_http_request_query(req, "start");
    if (!pn_stream_start_parse(text, &start, &start_ms)) {
        pn_api_reply_error(req, 400, NULL, "`start` is latest, trim_horizon or a time");
        return PN_HTTP_HANDLED;
    }
    if (pn_processor_source_position(routes->source, req->params[0], id, shard, start, start_ms,
                                     &offset, &ignored, &failure) != 0) {
        pn_api_reply_failure(req, &failure);
        return PN_HTTP_HANDLED;
    }
    struct pn_json_writer json;
    begin(req, &json);
    pn_json_add_i64(&json, "offset", offset);
    pn_json_end(&json);
    return reply(req);
}

static void add_bytes(struct pn_json_writer *json, const char *key, struct pn_bytes bytes)
{
    pn_json_put_key(json, key);
    pn_json_put_base64(json, bytes.data, bytes.len);
}

static void write_records(struct pn_http_request *req,
                          const struct pn_processor_source_records *read, const char *damage)
{
    struct pn_json_writer json;
    begin(req, &json);
    pn_json_add_i64(&json, "next_offset", read->next_offset);
    pn_json_add_i64(&json, "lost_until", read->lost_until);
    pn_json_add_cstr(&json, "damage", damage);
    pn_json_add_array(&json, "records");
    for (size_t i = 0; damage == NULL && i < read->count; i++) {
        const struct pn_record *record = &read->records[i];
        pn_json_put_object(&json);
        pn_json_add_i64(&json, "offset", record->offset);
        pn_json_add_i64(&json, "arrival_ms", record->timestamp_ms);
        add_bytes(&json, "key", record->key);
        add_bytes(&json, "data", record->value);
        pn_json_end(&json);
    }
    pn_json_end(&json);
    pn_json_end(&json);
}

static enum pn_http_handled handle_records(struct pn_http_request *req, void *arg)
{
    struct pn_api_stream_routes *routes = arg;
    uint32_t shard = 0;
    uint64_t id = 0;
    if (!read_shard(req, &shard, &id)) {
        return PN_HTTP_HANDLED;
    }
    int64_t max_records = pn_api_query_i64(req, "max_records", READ_RECORDS_MAX);
    int64_t max_bytes = pn_api_query_i64(req, "max_bytes", READ_BYTES_MAX);
    struct pn_processor_source_records read = {0};
    struct pn_err failure = {0};
    int rc = pn_processor_source_read(
        routes->source, req->params[0], id, shard, pn_api_query_i64(req, "offset", 0), NULL,
        max_records < READ_RECORDS_MAX ? (size_t)max_records : READ_RECORDS_MAX,
        max_bytes < READ_BYTES_MAX ? (size_t)max_bytes : READ_BYTES_MAX, &req->arena, &read,
        &failure);
    if (rc != 0 && failure.class_ != PN_CLASS_CORRUPT) {
        pn_api_reply_failure(req, &failure);
        return PN_HTTP_HANDLED;
    }
    write_records(req, &read, rc != 0 ? pn_http_request_public(req, failure.msg) : NULL);
    return pn_http_request_reserve(req, req->out.len) ? reply(req) : PN_HTTP_HANDLED;
}

static const struct pn_api_field status_shard[] = {PN_FIELD("shard", TEXT),
                                                   PN_FIELD("position", INT),
                                                   PN_FIELD_NULLABLE("end", INT),
                                                   PN_FIELD_NULLABLE("lag_records", INT),
                                                   PN_FIELD("lost_records", INT),
                                                   PN_FIELD("lag_ms", INT),
                                                   PN_FIELD_NULLABLE("sequence_number", TEXT),
                                                   PN_FIELD("closed", BOOL),
                                                   {.name = NULL}};
static const struct pn_api_field stray_key[] = {{.name = "partition_key", .type = PN_API_TEXT},
                                                {.name = "records", .type = PN_API_INT},
                                                {.name = "shard", .type = PN_API_INT},
                                                {.name = "offset", .type = PN_API_INT},
                                                {.name = NULL}};
static const struct pn_api_field status_fields[] = {
    {.name = "stream", .type = PN_API_TEXT},
    {.name = "table", .type = PN_API_TEXT},
    {.name = "state", .type = PN_API_TEXT},
    {.name = "error", .type = PN_API_TEXT, .flags = PN_API_NULLABLE},
    {.name = "rows", .type = PN_API_INT},
    {.name = "dead_letters", .type = PN_API_INT},
    {.name = "skipped", .type = PN_API_INT},
    {.name = "stray_records", .type = PN_API_INT},
    {.name = "stray_keys", .type = PN_API_OBJECTS, .fields = stray_key},
    {.name = "more_stray_records", .type = PN_API_INT},
    {.name = "unknown_members", .type = PN_API_INT},
    {.name = "unknown_example", .type = PN_API_TEXT, .flags = PN_API_NULLABLE},
    {.name = "unknown_shard", .type = PN_API_TEXT, .flags = PN_API_NULLABLE},
    {.name = "unknown_offset", .type = PN_API_INT},
    {.name = "lost", .type = PN_API_INT},
    {.name = "commits", .type = PN_API_INT},
    {.name = "conflicts", .type = PN_API_INT},
    {.name = "errors", .type = PN_API_INT},
    {.name = "table_version", .type = PN_API_INT},
    {.name = "committed_at", .type = PN_API_TEXT, .flags = PN_API_NULLABLE},
    {.name = "shards", .type = PN_API_OBJECTS, .fields = status_shard},
    {.name = NULL}};
static const struct pn_api_field status_reply[] = {
    {.name = "tables", .type = PN_API_OBJECTS, .fields = status_fields}, {.name = NULL}};
static const struct pn_api_field names_reply[] = {{.name = "names", .type = PN_API_TEXTS},
                                                  {.name = NULL}};

static const struct pn_api_field of_stream[] = {
    {.name = "stream", .type = PN_API_TEXT, .help = "the stream's name"}, {.name = NULL}};
static const struct pn_api_field of_shard[] = {
    {.name = "stream", .type = PN_API_TEXT, .help = "the stream's name"},
    {.name = "shard", .type = PN_API_INT, .least = 0, .most = UINT32_MAX},
    {.name = NULL}};
static const struct pn_api_field source_shard[] = {{.name = "index", .type = PN_API_INT},
                                                   {.name = "parent", .type = PN_API_INT},
                                                   {.name = "adjacent_parent", .type = PN_API_INT},
                                                   {.name = "created_ms", .type = PN_API_INT},
                                                   {.name = "hash_start", .type = PN_API_WIDE},
                                                   {.name = "hash_end", .type = PN_API_WIDE},
                                                   {.name = "complete", .type = PN_API_BOOL},
                                                   {.name = "begin", .type = PN_API_INT},
                                                   {.name = "end", .type = PN_API_INT},
                                                   {.name = NULL}};
static const struct pn_api_field shards_reply[] = {
    {.name = "id",
     .type = PN_API_TEXT,
     .help = "of this stream, not of another with its name: 16 hex digits"},
    {.name = "retention_ms",
     .type = PN_API_INT,
     .flags = PN_API_NULLABLE,
     .help = "how long records are kept"},
    {.name = "shards", .type = PN_API_OBJECTS, .fields = source_shard},
    {.name = NULL}};
static const struct pn_api_field position_query[] = {
    {.name = "id", .type = PN_API_TEXT, .help = "the stream's id"},
    {.name = "start", .type = PN_API_TEXT, .help = "latest, trim_horizon or a time"},
    {.name = NULL}};
static const struct pn_api_field position_reply[] = {{.name = "offset", .type = PN_API_INT},
                                                     {.name = NULL}};
static const struct pn_api_field records_query[] = {
    {.name = "id", .type = PN_API_TEXT, .help = "the stream's id"},
    {.name = "offset", .type = PN_API_INT, .least = 0, .most = INT64_MAX},
    {.name = "max_records",
     .type = PN_API_INT,
     .least = 1,
     .most = UINT32_MAX,
     .help = "at most 10,000 come"},
    {.name = "max_bytes",
     .type = PN_API_INT,
     .least = 0,
     .most = UINT32_MAX,
     .help = "at most 8 MiB come"},
    {.name = NULL}};
static const struct pn_api_field source_record[] = {{.name = "offset", .type = PN_API_INT},
                                                    {.name = "arrival_ms", .type = PN_API_INT},
                                                    {.name = "key", .type = PN_API_BASE64},
                                                    {.name = "data", .type = PN_API_BASE64},
                                                    {.name = NULL}};
static const struct pn_api_field records_reply[] = {
    {.name = "next_offset", .type = PN_API_INT},
    {.name = "lost_until", .type = PN_API_INT},
    {.name = "damage", .type = PN_API_TEXT, .flags = PN_API_NULLABLE},
    {.name = "records", .type = PN_API_OBJECTS, .fields = source_record},
    {.name = NULL}};

static const struct pn_api_route table[] = {
    {.http = {PN_HTTP_GET, "api/v1/streams", handle_status, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ,
              PN_OF_SERVER},
     .id = "list_stream_tables",
     .summary = "What this server's processors do",
     .reply = status_reply},
    {.http = {PN_HTTP_GET, "api/v1/streams/names", handle_names, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_READ, PN_OF_SERVER},
     .id = "list_streams",
     .summary = "The names of all streams",
     .reply = names_reply},
    {.http = {PN_HTTP_GET, "api/v1/streams/{}/shards", handle_shards, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_READ, PN_OF_STREAM},
     .id = "get_shards",
     .summary = "A stream's shards",
     .path = of_stream,
     .reply = shards_reply,
     .is_feed = true},
    {.http = {PN_HTTP_GET, "api/v1/streams/{}/shards/{}/position", handle_position,
              PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ, PN_OF_STREAM},
     .id = "get_position",
     .summary = "The offset in a shard where reading begins",
     .path = of_shard,
     .query = position_query,
     .reply = position_reply,
     .is_feed = true},
    {.http = {PN_HTTP_GET, "api/v1/streams/{}/shards/{}/records", handle_records,
              PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ, PN_OF_STREAM},
     .id = "read_shard",
     .summary = "Reads records of a shard",
     .path = of_shard,
     .query = records_query,
     .reply = records_reply,
     .is_feed = true},
};

void pn_api_stream_routes_add(struct pn_api_stream_routes *routes, struct pn_api *api)
{
    const struct pn_api_health lists[] = {
        {.name = "stalled_tables", .report = report_stalled, .arg = routes},
        {.name = "unread_keys", .report = report_strays, .arg = routes, .is_note = true},
        {.name = "unknown_members", .report = report_unknown, .arg = routes, .is_note = true},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        pn_api_add_route(api, &table[i], routes);
    }
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        pn_api_add_health(api, &lists[i]);
    }
}
