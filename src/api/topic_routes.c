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

/* An absent body or member is 0: the log's default, or what the topic has. */
static int read_config(const struct pn_json *root, struct pn_log_topic_config *config,
                       struct pn_err *e)
{
    int64_t partitions = 0;
    const struct {
        const char *name;
        int64_t *value;
        int64_t least;
        int64_t most;
    } members[] = {{"partitions", &partitions, 1, PN_PARTITIONS_MAX},
                   {"retention_ms", &config->retention_ms, -1, INT64_MAX},
                   {"retention_bytes", &config->retention_bytes, -1, INT64_MAX},
                   {"record_bytes_max", &config->record_bytes_max, 1, PN_RECORD_BYTES_MAX}};
    enum { MEMBERS = sizeof members / sizeof *members };
    if (root != NULL && root->type != PN_JSON_OBJECT) {
        return pn_err_input(e, "the body is an object such as {\"partitions\":4}");
    }
    for (const struct pn_json *node = root != NULL ? root->first : NULL; node != NULL;
         node = node->next) {
        size_t i = 0;
        while (i < MEMBERS && (strlen(members[i].name) != node->key_len ||
                               memcmp(members[i].name, node->key, node->key_len) != 0)) {
            i++;
        }
        if (i == MEMBERS) {
            return pn_err_input(e,
                                "\"%.*s\" is not a setting of a topic: partitions, retention_ms,"
                                " retention_bytes and record_bytes_max are",
                                node->key_len < 40 ? (int)node->key_len : 40, node->key);
        }
        *members[i].value = pn_json_get_i64(root, members[i].name, 0);
        if (*members[i].value == 0 || *members[i].value < members[i].least ||
            *members[i].value > members[i].most) {
            return pn_err_input(e,
                                "%s is a whole number from %" PRId64 " to %" PRId64 ", and not 0",
                                members[i].name, members[i].least, members[i].most);
        }
    }
    config->partitions = (int32_t)partitions;
    return 0;
}

static enum pn_http_handled change(struct pn_http_request *req, struct pn_api_topic_routes *routes,
                                   int (*apply)(struct pn_log *log, const char *topic,
                                                const struct pn_log_topic_config *config,
                                                struct pn_err *e))
{
    struct pn_log_topic_config config = {0};
    struct pn_json *root = NULL;
    struct pn_err failure = {0};
    if (pn_http_request_json(req, &root) != 0) {
        return PN_HTTP_HANDLED;
    }
    int rc = read_config(root, &config, &failure);
    if (rc == 0) {
        rc = apply(routes->topics, req->params[0], &config, &failure);
    }
    return rc != 0 ? fail(req, &failure) : reply_topic(req, routes->topics);
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

/* A number of the query from 0 to `most`, or `fallback` when there is none. */
static int read_number(struct pn_http_request *req, const char *name, int64_t most,
                       int64_t fallback, int64_t *value, struct pn_err *e)
{
    const char *text = pn_http_request_query(req, name);
    *value = fallback;
    if (text != NULL && (pn_parse_i64(text, value, NULL) != 0 || *value < 0 || *value > most)) {
        return pn_err_input(e, "`%s` is a whole number from 0 to %" PRId64, name, most);
    }
    return 0;
}

struct reading {
    int64_t partition;
    int64_t limit;
    struct pn_records_from from;
};

static int read_query(struct pn_http_request *req, struct reading *reading, struct pn_err *e)
{
    const char *from = pn_http_request_query(req, "from");
    int rc = read_number(req, "partition", PN_PARTITIONS_MAX - 1, 0, &reading->partition, e);
    if (rc == 0) {
        rc = read_number(req, "limit", READ_RECORDS_MAX, READ_RECORDS_MAX, &reading->limit, e);
    }
    if (rc == 0 && !pn_records_from_parse(from != NULL ? from : "oldest", &reading->from)) {
        rc = pn_err_input(e, "`from` is newest, oldest, an offset or a time");
    }
    return rc;
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
        if (rc == 0 && (partition < PN_PARTITION_ANY || partition >= PN_PARTITIONS_MAX)) {
            rc = pn_err_input(e, "there is no partition %" PRId64, partition);
        }
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
    if (pn_http_request_json(req, &root) != 0) {
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

static const struct pn_http_route table[] = {
    {PN_HTTP_GET, "api/v1/topics", handle_list, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ, PN_OF_SERVER},
    {PN_HTTP_GET, "api/v1/topics/{}", handle_look, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ,
     PN_OF_TOPIC},
    {PN_HTTP_POST, "api/v1/topics/{}", handle_create, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_ADMIN,
     PN_OF_TOPIC},
    {PN_HTTP_PATCH, "api/v1/topics/{}", handle_alter, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_ADMIN,
     PN_OF_TOPIC},
    {PN_HTTP_DELETE, "api/v1/topics/{}", handle_delete, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_ADMIN,
     PN_OF_TOPIC},
    {PN_HTTP_GET, "api/v1/topics/{}/records", handle_read, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ,
     PN_OF_TOPIC},
    {PN_HTTP_POST, "api/v1/topics/{}/records", handle_produce, PN_HTTP_ROUTE_BLOCKS,
     PN_RIGHT_PRODUCE, PN_OF_TOPIC},
};

void pn_api_topic_routes_add(struct pn_api_topic_routes *routes, struct pn_api *api)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        pn_api_add_route(api, &table[i], routes);
    }
}
