#include "api/page_routes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/errors.h"
#include "api/list.h"
#include "api/record_source.h"
#include "report/records.h"
#include "search/pages.h"

enum { OFFSET_DIGITS_MAX = 19, PAGE_RECORDS = 50 };

/* A request for a page. */
struct asking {
    struct pn_http_request *req;
    const struct pn_api_record_source *source;
    const char *unit; /* "partition" or "shard", as the parameter is named */
    int32_t only;     /* -1: all */
    enum pn_page_way way;
    struct pn_page_cuts cuts;
};

/* --- cursors ---------------------------------------------------------------------------------- */

/* "o 0:120 2:88": the way, and the cuts. */
static void add_cursor(struct pn_json_writer *json, const char *name, enum pn_page_way way,
                       const struct pn_page_cuts *cuts, struct pn_arena *arena)
{
    const char *text = way == PN_PAGE_OLDER ? "o" : "n";
    for (size_t i = 0; i < cuts->count; i++) {
        text = pn_arena_printf(arena, "%s %" PRId32 ":%" PRId64, text, cuts->items[i].partition,
                               cuts->items[i].offset);
    }
    pn_api_list_add_cursor(json, name, text);
}

static bool read_cut(const char **text, struct pn_page_cut *cut)
{
    char *end = NULL;
    if (**text != ' ') {
        return false;
    }
    cut->partition = (int32_t)strtol(*text + 1, &end, 10);
    if (*end != ':' || cut->partition < 0) {
        return false;
    }
    cut->offset = strtoll(end + 1, &end, 10);
    *text = end;
    return cut->offset >= 0;
}

static int read_cursor(struct asking *asking, const char *cursor, struct pn_err *e)
{
    const char *text = NULL;
    int rc = pn_api_list_cursor(asking->req, cursor, &text, e);
    if (rc != 0) {
        return rc;
    }
    bool is_valid = *text == 'o' || *text == 'n';
    asking->way = *text == 'o' ? PN_PAGE_OLDER : PN_PAGE_NEWER;
    for (text++; is_valid && *text != '\0';) {
        is_valid = asking->cuts.count < PN_PAGE_PARTITIONS_MAX &&
                   read_cut(&text, &asking->cuts.items[asking->cuts.count++]);
    }
    return is_valid ? 0 : pn_err_input(e, "`cursor` is not one of a page of records");
}

/* --- where a page begins ---------------------------------------------------------------------- */

static bool is_number(const char *text)
{
    return text[0] != '\0' && strspn(text, "0123456789") == strlen(text);
}

/* The record at an offset is the newest of the page. */
static int begin_at_offset(struct asking *asking, int64_t offset, struct pn_err *e)
{
    int rc = pn_page_ends(&asking->source->scan, asking->only, false, &asking->cuts, e);
    if (rc == 0 && asking->cuts.count > 1) {
        return pn_err_input(e, "an offset is one of a %s: say of which", asking->unit);
    }
    if (rc == 0 && asking->cuts.count == 1 && offset < INT64_MAX) {
        asking->cuts.items[0].offset = offset + 1;
    }
    return rc;
}

static int begin_at_sequence(struct asking *asking, const char *text, struct pn_err *e)
{
    int64_t created_s = 0;
    uint32_t index = 0;
    int64_t offset = 0;
    const struct pn_processor_source_shard *shard = NULL;
    if (asking->source->streams != NULL &&
        pn_sequence_parse(text, strlen(text), &created_s, &index, &offset)) {
        shard = pn_api_record_source_shard(asking->source, (int32_t)index);
    }
    if (shard == NULL || shard->created_ms / 1000 != created_s) {
        return pn_err_input(e, asking->source->streams != NULL
                                   ? "`from` is not a sequence number of this stream"
                                   : "`from` is too large for an offset");
    }
    if (asking->only >= 0 && asking->only != (int32_t)index) {
        return pn_err_input(e, "`from` is a sequence number of shard %" PRIu32 ", not of %" PRId32,
                            index, asking->only);
    }
    asking->only = (int32_t)index;
    return begin_at_offset(asking, offset > 0 ? offset : 0, e);
}

static int begin(struct asking *asking, struct pn_err *e)
{
    const char *text = pn_http_request_query(asking->req, "from");
    const struct pn_scan_source *scan = &asking->source->scan;
    struct pn_records_from from = {0};
    text = text != NULL ? text : "newest";
    asking->way = PN_PAGE_OLDER;
    if (is_number(text) && strlen(text) > OFFSET_DIGITS_MAX) {
        return begin_at_sequence(asking, text, e);
    }
    if (!pn_records_from_parse(text, &from)) {
        return pn_err_input(e,
                            "`from` is newest, oldest, an offset%s or a time such as "
                            "2026-11-29T12:00Z",
                            asking->source->streams != NULL ? ", a sequence number" : "");
    }
    switch (from.at) {
    case PN_RECORDS_OLDEST:
        asking->way = PN_PAGE_NEWER;
        return pn_page_ends(scan, asking->only, true, &asking->cuts, e);
    case PN_RECORDS_OFFSET:
        return begin_at_offset(asking, from.value, e);
    case PN_RECORDS_TIME:
        return pn_page_at(scan, asking->only, from.value, &asking->cuts, e);
    case PN_RECORDS_NEWEST:
        break;
    }
    return pn_page_ends(scan, asking->only, false, &asking->cuts, e);
}

/* --- the reply -------------------------------------------------------------------------------- */

static void put_place_of(struct pn_json_writer *json, const struct pn_api_record_source *source,
                         const struct pn_scan_hit *hit)
{
    char text[PN_SEQUENCE_SIZE];
    char id[PN_SHARD_ID_SIZE];
    const struct pn_processor_source_shard *shard =
        pn_api_record_source_shard(source, hit->partition);
    pn_json_add_cstr(json, "shard", pn_shard_id((uint32_t)hit->partition, id));
    pn_json_add_cstr(json, "sequence_number",
                     shard == NULL
                         ? NULL
                         : pn_sequence_text(shard->created_ms, shard->index, hit->record.offset,
                                            hit->record.timestamp_ms, text));
}

static void put_page(const struct asking *asking, const struct pn_page *page)
{
    struct pn_http_request *req = asking->req;
    struct pn_json_writer json;
    pn_json_writer_init(&json, &req->out);
    pn_json_put_object(&json);
    pn_json_add_array(&json, "records");
    for (size_t i = 0; i < page->count; i++) {
        pn_json_put_object(&json);
        pn_api_put_record(&json, &page->records[i]);
        if (asking->source->streams != NULL) {
            put_place_of(&json, asking->source, &page->records[i]);
        }
        pn_json_end(&json);
    }
    pn_json_end(&json);
    pn_json_add_cstr(&json, "damage", pn_http_request_public(req, page->damage));
    pn_json_add_i64(&json, "damaged", page->damaged);
    if (page->has_older) {
        add_cursor(&json, "older", PN_PAGE_OLDER, &page->lower, &req->arena);
    }
    if (page->has_newer) {
        add_cursor(&json, "newer", PN_PAGE_NEWER, &page->upper, &req->arena);
    }
    pn_json_end(&json);
}

static enum pn_http_handled answer(struct pn_http_request *req,
                                   const struct pn_api_record_source *source, const char *unit)
{
    const char *cursor = pn_http_request_query(req, "cursor");
    struct asking asking = {.req = req,
                            .source = source,
                            .unit = unit,
                            .only = (int32_t)pn_api_query_i64(req, unit, -1)};
    struct pn_page page;
    struct pn_err failure = {0};
    int rc = cursor != NULL ? read_cursor(&asking, cursor, &failure) : begin(&asking, &failure);
    if (rc == 0) {
        rc = pn_page_read(&source->scan, asking.way, &asking.cuts,
                          (size_t)pn_api_query_i64(req, "limit", PAGE_RECORDS), &req->arena, &page,
                          &failure);
    }
    if (rc != 0) {
        pn_api_reply_failure(req, &failure);
        return PN_HTTP_HANDLED;
    }
    put_page(&asking, &page);
    return pn_api_reply_large(req, PN_HTTP_TYPE_JSON);
}

static enum pn_http_handled handle_topic(struct pn_http_request *req, void *arg)
{
    struct pn_api_record_source source;
    return pn_api_record_source_open(req, arg, false, &source) ? answer(req, &source, "partition")
                                                               : PN_HTTP_HANDLED;
}

static enum pn_http_handled handle_stream(struct pn_http_request *req, void *arg)
{
    struct pn_api_record_source source;
    return pn_api_record_source_open(req, arg, true, &source) ? answer(req, &source, "shard")
                                                              : PN_HTTP_HANDLED;
}

/* --- the routes ------------------------------------------------------------------------------- */

#define CURSOR                                                                      \
    {                                                                               \
        .name = "cursor", .type = PN_API_TEXT, .flags = PN_API_OPTIONAL,            \
        .help = "`older` or `newer` of another page; replaces the other parameters" \
    }
#define LIMIT                                                                            \
    {                                                                                    \
        .name = "limit", .type = PN_API_INT, .flags = PN_API_OPTIONAL, .least = 1,       \
        .most = PN_PAGE_RECORDS_MAX, .preset = PAGE_RECORDS, .help = "records of a page" \
    }

static const struct pn_api_field of_topic[] = {PN_FIELD("topic", TEXT), PN_FIELDS_END};
static const struct pn_api_field of_stream[] = {PN_FIELD("stream", TEXT), PN_FIELDS_END};
static const struct pn_api_field topic_query[] = {
    {.name = "partition",
     .type = PN_API_INT,
     .flags = PN_API_OPTIONAL,
     .least = 0,
     .most = PN_PARTITIONS_MAX - 1,
     .help = "all unless given"},
    {.name = "from",
     .type = PN_API_TEXT,
     .flags = PN_API_OPTIONAL,
     .help = "newest, oldest, a time, or an offset of the partition; newest unless given"},
    CURSOR,
    LIMIT,
    PN_FIELDS_END};
static const struct pn_api_field stream_query[] = {
    {.name = "shard",
     .type = PN_API_INT,
     .flags = PN_API_OPTIONAL,
     .least = 0,
     .most = INT32_MAX,
     .help = "all unless given"},
    {.name = "from",
     .type = PN_API_TEXT,
     .flags = PN_API_OPTIONAL,
     .help = "newest, oldest, a time, a sequence number, or an offset of the shard; newest unless "
             "given"},
    CURSOR,
    LIMIT,
    PN_FIELDS_END};

#define PAGE_REST                                                                      \
    {.name = "damage",                                                                 \
     .type = PN_API_TEXT,                                                              \
     .flags = PN_API_NULLABLE,                                                         \
     .help = "why some records of the page cannot be read"},                           \
        {.name = "damaged", .type = PN_API_INT, .help = "places that cannot be read"}, \
        PN_FIELD_OPTIONAL("older", TEXT), PN_FIELD_OPTIONAL("newer", TEXT), PN_FIELDS_END

static const struct pn_api_field topic_record[] = {PN_API_RECORD_FIELDS, PN_FIELDS_END};
static const struct pn_api_field stream_record[] = {PN_API_RECORD_FIELDS, PN_FIELD("shard", TEXT),
                                                    PN_FIELD_NULLABLE("sequence_number", TEXT),
                                                    PN_FIELDS_END};
static const struct pn_api_field topic_page[] = {
    {.name = "records", .type = PN_API_OBJECTS, .fields = topic_record}, PAGE_REST};
static const struct pn_api_field stream_page[] = {
    {.name = "records", .type = PN_API_OBJECTS, .fields = stream_record}, PAGE_REST};

static const struct pn_api_route table[] = {
    {.http = {PN_HTTP_GET, "api/v1/topics/{}/pages", handle_topic, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_READ, PN_OF_TOPIC},
     .id = "page_topic",
     .summary = "Records of all partitions of a topic, the newest first, by pages",
     .path = of_topic,
     .query = topic_query,
     .reply = topic_page},
    {.http = {PN_HTTP_GET, "api/v1/streams/{}/pages", handle_stream, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_READ, PN_OF_STREAM},
     .id = "page_stream",
     .summary = "Records of all shards of a stream, the newest first, by pages",
     .path = of_stream,
     .query = stream_query,
     .reply = stream_page},
};

void pn_api_page_routes_add(struct pn_api_search_routes *routes, struct pn_api *api)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        pn_api_add_route(api, &table[i], routes);
    }
}
