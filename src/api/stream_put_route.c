#include "api/stream_put_route.h"

#include "api/errors.h"
#include "base/json_writer.h"
#include "report/records.h"

enum { RECORDS_MAX = 10000, KEY_CHARACTERS_MAX = 256 };

/* --- the request ------------------------------------------------------------------------------ */

static size_t characters_of(struct pn_bytes text)
{
    const char *bytes = text.data;
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        count += ((unsigned char)bytes[i] & 0xC0) != 0x80;
    }
    return count;
}

static int take_record(const struct pn_json *node, struct pn_arena *arena,
                       struct pn_stream_record *record, struct pn_err *e)
{
    struct pn_record read;
    int rc = pn_record_read(node, arena, &read, e);
    if (rc != 0) {
        return rc;
    }
    size_t characters = characters_of(read.key);
    if (read.key.data != NULL && (characters == 0 || characters > KEY_CHARACTERS_MAX)) {
        return pn_err_input(e, "`key`, the partition key, has 1 to %d characters, not %zu",
                            KEY_CHARACTERS_MAX, characters);
    }
    if (read.value.data == NULL) {
        return pn_err_input(e, "a record of a stream has a `value`");
    }
    record->partition_key = read.key;
    record->data = read.value;
    return 0;
}

static int take_records(const struct pn_json *root, struct pn_arena *arena,
                        struct pn_stream_put *put, struct pn_err *e)
{
    const struct pn_json *records = pn_json_get(root, "records");
    if (records == NULL || records->type != PN_JSON_ARRAY || records->count == 0 ||
        records->count > RECORDS_MAX) {
        return pn_err_input(e, "`records` is an array of 1 to %d records", RECORDS_MAX);
    }
    put->records = pn_arena_calloc(arena, records->count, sizeof *put->records);
    int rc = 0;
    for (const struct pn_json *node = records->first; rc == 0 && node != NULL; node = node->next) {
        rc = take_record(node, arena, &put->records[put->count], e);
        if (rc != 0) {
            pn_err_prefix(e, "record %zu", put->count);
        }
        put->count++;
    }
    return rc;
}

/* --- putting ---------------------------------------------------------------------------------- */

/* Among many records the first that was refused, with the number of those that were added. */
static int look_at_refusals(const struct pn_stream_put *put, struct pn_err *e)
{
    const struct pn_stream_record *refused = NULL;
    size_t added = 0;
    for (size_t i = 0; i < put->count; i++) {
        added += put->records[i].code == 0;
        refused = refused == NULL && put->records[i].code != 0 ? &put->records[i] : refused;
    }
    if (refused == NULL) {
        return 0;
    }
    enum pn_class class_ =
        refused->code == PN_KINESIS_THROUGHPUT_EXCEEDED ? PN_CLASS_RETRY : PN_CLASS_FATAL;
    return put->count == 1
               ? pn_err_set(e, class_, refused->code, "%s", refused->msg)
               : pn_err_set(e, class_, refused->code, "%s %zu of the %zu records were added.",
                            refused->msg, added, put->count);
}

static int put_records(struct pn_kinesis *kinesis, const char *stream, struct pn_stream_put *put,
                       struct pn_err *e)
{
    struct pn_err failure = {0};
    int rc = pn_stream_put_begin(kinesis, stream, put, e);
    if (rc != 0) {
        return rc;
    }
    if (put->request.count > 0) {
        rc = pn_log_append(pn_kinesis_log(kinesis), &put->request, &failure);
    }
    pn_stream_put_end(put, rc, &failure);
    return look_at_refusals(put, e);
}

static void write_places(struct pn_http_request *req, const struct pn_stream_put *put)
{
    struct pn_json_writer json;
    pn_json_writer_init(&json, &req->out);
    pn_json_put_object(&json);
    pn_json_add_array(&json, "records");
    for (size_t i = 0; i < put->count; i++) {
        const struct pn_stream_record *record = &put->records[i];
        char id[PN_SHARD_ID_SIZE];
        char sequence[PN_SEQUENCE_SIZE];
        pn_json_put_object(&json);
        pn_json_add_cstr(&json, "shard", pn_shard_id(record->shard, id));
        pn_json_add_i64(&json, "partition", record->shard);
        pn_json_add_i64_text(&json, "offset", record->offset);
        pn_json_add_cstr(&json, "sequence_number",
                         pn_sequence_text(record->created_ms, record->shard, record->offset,
                                          record->arrival_ms, sequence));
        pn_json_end(&json);
    }
    pn_json_end(&json);
    pn_json_end(&json);
}

/* --- the route -------------------------------------------------------------------------------- */

static const struct pn_api_field of_stream[] = {PN_FIELD("stream", TEXT), PN_FIELDS_END};
static const struct pn_api_field record_fields[] = {
    {.name = "key",
     .type = PN_API_TEXT,
     .flags = PN_API_OPTIONAL | PN_API_NULLABLE,
     .help = "the partition key; left out only where the stream spreads its records"},
    {.name = "value", .type = PN_API_ANY, .help = "other than a string: its JSON text"},
    {.name = "encoding",
     .type = PN_API_TEXT,
     .flags = PN_API_OPTIONAL | PN_API_NULLABLE,
     .words = "text|base64",
     .help = "of the value; text unless given"},
    PN_FIELDS_END};
static const struct pn_api_field body[] = {
    {.name = "records", .type = PN_API_OBJECTS, .fields = record_fields}, PN_FIELDS_END};
static const struct pn_api_field place[] = {
    PN_FIELD("shard", TEXT),
    {.name = "partition", .type = PN_API_INT, .help = "the number of the shard"},
    PN_FIELD("offset", WIDE),
    PN_FIELD("sequence_number", WIDE),
    PN_FIELDS_END};
static const struct pn_api_field reply[] = {{.name = "records",
                                             .type = PN_API_OBJECTS,
                                             .fields = place,
                                             .help = "where the records are, in their order"},
                                            PN_FIELDS_END};

static enum pn_http_handled handle(struct pn_http_request *req, void *arg)
{
    struct pn_stream_put put = {.arena = &req->arena};
    struct pn_json *root = NULL;
    struct pn_err failure = {0};
    if (pn_api_read_body(req, body, &root) != 0) {
        return PN_HTTP_HANDLED;
    }
    int rc = take_records(root, &req->arena, &put, &failure);
    if (rc == 0) {
        rc = put_records(arg, req->params[0], &put, &failure);
    }
    if (rc != 0) {
        pn_api_reply_failure(req, &failure);
        return PN_HTTP_HANDLED;
    }
    write_places(req, &put);
    req->status = 200;
    req->content_type = PN_HTTP_TYPE_JSON;
    return PN_HTTP_HANDLED;
}

static const struct pn_api_route route = {
    .http = {PN_HTTP_POST, "api/v1/streams/{}/records", handle, PN_HTTP_ROUTE_BLOCKS,
             PN_RIGHT_PRODUCE, PN_OF_STREAM},
    .id = "put_records",
    .summary = "Puts records into a stream; replies when they are durable",
    .path = of_stream,
    .body = body,
    .reply = reply,
    .errors = {409}};

void pn_api_stream_put_route_add(struct pn_kinesis *kinesis, struct pn_api *api)
{
    pn_api_add_route(api, &route, kinesis);
}
