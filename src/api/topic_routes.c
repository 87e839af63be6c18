#include "api/topic_routes.h"

#include <inttypes.h>
#include <string.h>

#include "api/errors.h"
#include "api/list.h"
#include "base/json_writer.h"
#include "base/units.h"
#include "report/records.h"
#include "report/topics.h"

enum { READ_RECORDS_MAX = 10000, READ_BYTES_MAX = 8 << 20, PRODUCE_RECORDS_MAX = 10000 };

static enum pn_http_handled reply(struct pn_http_request *req)
{
    req->status = 200;
    req->content_type = "application/json";
    return PN_HTTP_HANDLED;
}

static enum pn_http_handled fail(struct pn_http_request *req, const struct pn_err *failure)
{
    pn_api_reply_failure(req, failure);
    return PN_HTTP_HANDLED;
}

/* The rows of a member of the reply. */
static struct pn_row_writer *add_rows(struct pn_http_request *req, struct pn_json_writer *json,
                                      const char *name)
{
    const struct pn_byte_sink sink = pn_byte_sink_buf(&req->out);
    pn_json_put_key(json, name);
    pn_json_open_raw(json);
    return pn_row_writer_create(&sink, PN_FORMAT_API);
}

static struct pn_row_writer *begin_rows(struct pn_http_request *req, struct pn_json_writer *json,
                                        const char *name)
{
    pn_json_writer_init(json, &req->out);
    pn_json_put_object(json);
    return add_rows(req, json, name);
}

/* --- topics ----------------------------------------------------------------------------------- */

static enum pn_http_handled handle_list(struct pn_http_request *req, void *arg)
{
    struct pn_api_topic_routes *routes = arg;
    struct pn_topic_row *topics = NULL;
    size_t count = 0;
    struct pn_err failure = {0};
    if (pn_topics_list(routes->topics, routes->pipeline, &req->arena, &topics, &count, &failure) !=
        0) {
        return fail(req, &failure);
    }
    const char *times = pn_http_request_query(req, "times");
    if (times != NULL && strcmp(times, "true") == 0 && !routes->is_remote) {
        pn_topics_time(routes->topics, topics, count);
    }
    struct pn_api_list list;
    struct pn_row_writer *rows = pn_api_list_begin(&list, req);
    pn_report_topics(topics, count, rows);
    return pn_api_list_end(&list, NULL);
}

static enum pn_http_handled reply_topic(struct pn_http_request *req, struct pn_log *log)
{
    struct pn_topic_detail detail = {0};
    struct pn_err failure = {0};
    if (pn_topic_look(log, req->params[0], &req->arena, &detail, &failure) != 0) {
        return fail(req, &failure);
    }
    struct pn_json_writer json;
    struct pn_row_writer *rows = begin_rows(req, &json, "partitions");
    pn_report_partitions(&detail, rows);
    pn_row_writer_end(&rows);
    pn_json_end(&json);
    return reply(req);
}

static enum pn_http_handled handle_look(struct pn_http_request *req, void *arg)
{
    struct pn_api_topic_routes *routes = arg;
    return reply_topic(req, routes->topics);
}

static const struct pn_api_field topic_settings[] = {
    {.name = "partitions",
     .type = PN_API_INT,
     .flags = PN_API_OPTIONAL,
     .least = 1,
     .most = PN_PARTITIONS_MAX},
    {.name = "retention_ms",
     .type = PN_API_INT,
     .flags = PN_API_OPTIONAL | PN_API_NOT_ZERO,
     .least = -1,
     .most = INT64_MAX,
     .help = "-1: without a limit"},
    {.name = "retention_bytes",
     .type = PN_API_INT,
     .flags = PN_API_OPTIONAL | PN_API_NOT_ZERO,
     .least = -1,
     .most = INT64_MAX,
     .help = "of a partition; -1: without a limit"},
    {.name = "record_bytes_max",
     .type = PN_API_INT,
     .flags = PN_API_OPTIONAL,
     .least = 1,
     .most = PN_RECORD_BYTES_MAX},
    {.name = NULL}};

/* An absent body or member is 0: the log's default, or what the topic has. */
static void take_config(const struct pn_json *root, struct pn_log_topic_config *config)
{
    config->partitions = (int32_t)pn_json_get_i64(root, "partitions", 0);
    config->retention_ms = pn_json_get_i64(root, "retention_ms", 0);
    config->retention_bytes = pn_json_get_i64(root, "retention_bytes", 0);
    config->record_bytes_max = pn_json_get_i64(root, "record_bytes_max", 0);
}

static enum pn_http_handled change(struct pn_http_request *req, struct pn_api_topic_routes *routes,
                                   int (*apply)(struct pn_log *log, const char *topic,
                                                const struct pn_log_topic_config *config,
                                                struct pn_err *e))
{
    struct pn_log_topic_config config = {0};
    struct pn_json *root = NULL;
    struct pn_err failure = {0};
    if (pn_api_read_body(req, topic_settings, &root) != 0) {
        return PN_HTTP_HANDLED;
    }
    take_config(root, &config);
    return apply(routes->topics, req->params[0], &config, &failure) != 0
               ? fail(req, &failure)
               : reply_topic(req, routes->topics);
}

static enum pn_http_handled handle_create(struct pn_http_request *req, void *arg)
{
    return change(req, arg, pn_log_create_topic);
}

static enum pn_http_handled handle_alter(struct pn_http_request *req, void *arg)
{
    return change(req, arg, pn_log_configure_topic);
}

static enum pn_http_handled handle_delete(struct pn_http_request *req, void *arg)
{
    struct pn_api_topic_routes *routes = arg;
    struct pn_err failure = {0};
    if (pn_log_delete_topic(routes->topics, req->params[0], &failure) != 0) {
        return fail(req, &failure);
    }
    pn_http_reply_none(req);
    return PN_HTTP_HANDLED;
}

/* --- records ---------------------------------------------------------------------------------- */

struct reading {
    int64_t partition;
    int64_t limit;
    struct pn_records_from from;
};

static int read_query(struct pn_http_request *req, struct reading *reading, struct pn_err *e)
{
    const char *from = pn_http_request_query(req, "from");
    reading->partition = pn_api_query_i64(req, "partition", 0);
    reading->limit = pn_api_query_i64(req, "limit", READ_RECORDS_MAX);
    if (!pn_records_from_parse(from != NULL ? from : "oldest", &reading->from)) {
        return pn_err_input(e, "`from` is newest, oldest, an offset or a time");
    }
    return 0;
}

static void write_records(struct pn_http_request *req, const struct reading *reading,
                          const struct pn_log_records *records, const char *damage)
{
    struct pn_json_writer json;
    pn_json_writer_init(&json, &req->out);
    pn_json_put_object(&json);
    pn_json_add_i64(&json, "partition", reading->partition);
    pn_json_add_i64_text(&json, "next", records->next_offset);
    pn_json_add_i64_text(&json, "end", records->end_offset);
    pn_json_add_cstr(&json, "damage", pn_http_request_public(req, damage));
    struct pn_row_writer *rows = add_rows(req, &json, "records");
    pn_report_records_begin(rows);
    for (size_t i = 0; damage == NULL && i < records->count; i++) {
        pn_report_record((int32_t)reading->partition, &records->records[i], rows);
    }
    pn_row_writer_end(&rows);
    pn_json_end(&json);
}

static enum pn_http_handled handle_read(struct pn_http_request *req, void *arg)
{
    struct pn_api_topic_routes *routes = arg;
    struct reading reading = {0};
    int64_t offset = 0;
    struct pn_log_records records = {0};
    struct pn_err failure = {0};
    int rc = read_query(req, &reading, &failure);
    if (rc == 0) {
        rc = pn_records_find(routes->topics, req->params[0], (int32_t)reading.partition,
                             &reading.from, &offset, &failure);
    }
    if (rc != 0) {
        return fail(req, &failure);
    }
    rc = pn_log_read(routes->topics, req->params[0], (int32_t)reading.partition, offset,
                     (size_t)reading.limit, READ_BYTES_MAX, &req->arena, &records, &failure);
    if (rc != 0 && (failure.class_ != PN_CLASS_CORRUPT || records.next_offset <= offset)) {
        return fail(req, &failure);
    }
    write_records(req, &reading, &records, rc != 0 ? failure.msg : NULL);
    return pn_http_request_reserve(req, req->out.len) ? reply(req) : PN_HTTP_HANDLED;
}

static const struct pn_api_field header_fields[] = {
    {.name = "name", .type = PN_API_TEXT},
    {.name = "name_encoding",
     .type = PN_API_TEXT,
     .flags = PN_API_OPTIONAL | PN_API_NULLABLE,
     .words = "text|base64"},
    {.name = "value", .type = PN_API_ANY, .flags = PN_API_OPTIONAL},
    {.name = "encoding",
     .type = PN_API_TEXT,
     .flags = PN_API_OPTIONAL | PN_API_NULLABLE,
     .words = "text|base64"},
    {.name = NULL}};
static const struct pn_api_field record_fields[] = {
    {.name = "key", .type = PN_API_ANY, .flags = PN_API_OPTIONAL},
    {.name = "key_encoding",
     .type = PN_API_TEXT,
     .flags = PN_API_OPTIONAL | PN_API_NULLABLE,
     .words = "text|base64"},
    {.name = "value",
     .type = PN_API_ANY,
     .flags = PN_API_OPTIONAL,
     .help = "null and absent: the record has no value; other than a string: its JSON text"},
    {.name = "encoding",
     .type = PN_API_TEXT,
     .flags = PN_API_OPTIONAL | PN_API_NULLABLE,
     .words = "text|base64"},
    {.name = "headers",
     .type = PN_API_OBJECTS,
     .flags = PN_API_OPTIONAL | PN_API_NULLABLE,
     .fields = header_fields},
    {.name = "partition",
     .type = PN_API_INT,
     .flags = PN_API_OPTIONAL,
     .least = PN_PARTITION_ANY,
     .most = PN_PARTITIONS_MAX - 1,
     .help = "-1: by the key, or any"},
    {.name = PN_API_OTHERS,
     .type = PN_API_ANY,
     .help = "ignored, so that what was read can be sent again"},
    {.name = NULL}};
static const struct pn_api_field produce_body[] = {
    {.name = "records", .type = PN_API_OBJECTS, .fields = record_fields}, {.name = NULL}};

static int read_entries(const struct pn_json *root, struct pn_arena *arena,
                        struct pn_log_request *request, struct pn_err *e)
{
    const struct pn_json *records = pn_json_get(root, "records");
    if (records == NULL || records->type != PN_JSON_ARRAY || records->count == 0 ||
        records->count > PRODUCE_RECORDS_MAX) {
        return pn_err_input(e, "the body is {\"records\":[...]} with 1 to %d records",
                            PRODUCE_RECORDS_MAX);
    }
    request->entries = pn_arena_calloc(arena, records->count, sizeof *request->entries);
    int rc = 0;
    for (const struct pn_json *node = records->first; rc == 0 && node != NULL; node = node->next) {
        struct pn_log_entry *entry = &request->entries[request->count];
        int64_t partition = pn_json_get_i64(node, "partition", PN_PARTITION_ANY);
        rc = pn_record_read(node, arena, &entry->record, e);
        if (rc != 0) {
            pn_err_prefix(e, "record %zu", request->count);
        }
        entry->partition = (int32_t)partition;
        request->count++;
    }
    return rc;
}

static enum pn_http_handled handle_produce(struct pn_http_request *req, void *arg)
{
    struct pn_api_topic_routes *routes = arg;
    struct pn_log_request request = {.topic = req->params[0]};
    struct pn_json *root = NULL;
    struct pn_err failure = {0};
    if (pn_api_read_body(req, produce_body, &root) != 0) {
        return PN_HTTP_HANDLED;
    }
    int rc = read_entries(root, &req->arena, &request, &failure);
    if (rc == 0) {
        rc = pn_log_append(routes->topics, &request, &failure);
    }
    if (rc != 0) {
        return fail(req, &failure);
    }
    struct pn_json_writer json;
    pn_json_writer_init(&json, &req->out);
    pn_json_put_object(&json);
    pn_json_add_array(&json, "offsets");
    for (size_t i = 0; i < request.count; i++) {
        pn_json_put_object(&json);
        pn_json_add_i64(&json, "partition", request.entries[i].partition);
        pn_json_add_i64_text(&json, "offset", request.entries[i].offset);
        pn_json_end(&json);
    }
    pn_json_end(&json);
    pn_json_end(&json);
    return reply(req);
}

static const struct pn_api_field of_topic[] = {
    {.name = "topic", .type = PN_API_TEXT, .help = "the topic's name"}, {.name = NULL}};
static const struct pn_api_field list_query[] = {
    {.name = "times",
     .type = PN_API_BOOL,
     .flags = PN_API_OPTIONAL,
     .help = "true: also the times of the oldest and newest records, which takes longer; they stay "
             "null where the log is a cluster of Apache Kafka"},
    {.name = NULL}};
static const struct pn_api_field topic_reply[] = {
    {.name = "partitions", .type = PN_API_ROWS, .columns = &pn_partition_columns}, {.name = NULL}};
static const struct pn_api_field read_parameters[] = {
    {.name = "partition",
     .type = PN_API_INT,
     .flags = PN_API_OPTIONAL,
     .least = 0,
     .most = PN_PARTITIONS_MAX - 1,
     .help = "0 unless given"},
    {.name = "from",
     .type = PN_API_TEXT,
     .flags = PN_API_OPTIONAL,
     .help = "oldest, newest, an offset or a time; oldest unless given"},
    {.name = "limit",
     .type = PN_API_INT,
     .flags = PN_API_OPTIONAL,
     .least = 0,
     .most = READ_RECORDS_MAX,
     .preset = READ_RECORDS_MAX,
     .help = "the number of records, at most"},
    {.name = NULL}};
static const struct pn_api_field read_reply[] = {
    {.name = "partition", .type = PN_API_INT},
    {.name = "next", .type = PN_API_WIDE, .help = "the offset to read from next"},
    {.name = "end", .type = PN_API_WIDE, .help = "the partition's end"},
    {.name = "damage",
     .type = PN_API_TEXT,
     .flags = PN_API_NULLABLE,
     .help = "why the records before `next` cannot be read"},
    {.name = "records", .type = PN_API_ROWS, .columns = &pn_record_columns},
    {.name = NULL}};
static const struct pn_api_field placed[] = {{.name = "partition", .type = PN_API_INT},
                                             {.name = "offset", .type = PN_API_WIDE},
                                             {.name = NULL}};
static const struct pn_api_field produce_reply[] = {
    {.name = "offsets",
     .type = PN_API_OBJECTS,
     .fields = placed,
     .help = "where the records are, in their order"},
    {.name = NULL}};

static const struct pn_api_route table[] = {
    {.http = {PN_HTTP_GET, "api/v1/topics", handle_list, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ,
              PN_OF_SERVER},
     .id = "list_topics",
     .summary = "Every topic, and the tables that read it",
     .query = list_query,
     .list = &pn_topic_columns},
    {.http = {PN_HTTP_GET, "api/v1/topics/{}", handle_look, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ,
              PN_OF_TOPIC},
     .id = "get_topic",
     .summary = "A topic's partitions and settings",
     .path = of_topic,
     .reply = topic_reply},
    {.http = {PN_HTTP_POST, "api/v1/topics/{}", handle_create, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_ADMIN,
              PN_OF_TOPIC},
     .id = "create_topic",
     .summary = "Creates a topic",
     .path = of_topic,
     .body = topic_settings,
     .reply = topic_reply,
     .errors = {409}},
    {.http = {PN_HTTP_PATCH, "api/v1/topics/{}", handle_alter, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_ADMIN,
              PN_OF_TOPIC},
     .id = "alter_topic",
     .summary = "Changes a topic's partitions or retention",
     .path = of_topic,
     .body = topic_settings,
     .reply = topic_reply,
     .errors = {409}},
    {.http = {PN_HTTP_DELETE, "api/v1/topics/{}", handle_delete, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_ADMIN, PN_OF_TOPIC},
     .id = "delete_topic",
     .summary = "Deletes a topic with its records",
     .path = of_topic,
     .errors = {409}},
    {.http = {PN_HTTP_GET, "api/v1/topics/{}/records", handle_read, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_READ, PN_OF_TOPIC},
     .id = "read_records",
     .summary = "Reads records of a partition",
     .path = of_topic,
     .query = read_parameters,
     .reply = read_reply},
    {.http = {PN_HTTP_POST, "api/v1/topics/{}/records", handle_produce, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_PRODUCE, PN_OF_TOPIC},
     .id = "produce_records",
     .summary = "Adds records; replies when they are durable",
     .path = of_topic,
     .body = produce_body,
     .reply = produce_reply,
     .errors = {409}},
};

void pn_api_topic_routes_add(struct pn_api_topic_routes *routes, struct pn_api *api)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        pn_api_add_route(api, &table[i], routes);
    }
}
