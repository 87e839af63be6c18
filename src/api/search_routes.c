#include "api/search_routes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/errors.h"
#include "api/list.h"
#include "api/record_source.h"
#include "search/scan.h"

/* Short, so that a search holds its thread no longer than a reader waits for a sign of progress. */
enum { CALL_MS = 250 };
static const int64_t CALL_BYTES = 64 << 20;

/* --- the reply -------------------------------------------------------------------------------- */

static void put_result(struct pn_http_request *req, const struct pn_scan_result *result,
                       const struct pn_scan_place *place)
{
    struct pn_json_writer json;
    pn_json_writer_init(&json, &req->out);
    pn_json_put_object(&json);
    pn_json_add_array(&json, "records");
    for (size_t i = 0; i < result->count; i++) {
        pn_json_put_object(&json);
        pn_api_put_record(&json, &result->hits[i]);
        pn_json_end(&json);
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
    return pn_api_reply_large(req, PN_HTTP_TYPE_JSON);
}

static enum pn_http_handled handle_topic(struct pn_http_request *req, void *arg)
{
    struct pn_api_record_source source;
    return pn_api_record_source_open(req, arg, false, &source) ? answer(req, arg, &source.scan)
                                                               : PN_HTTP_HANDLED;
}

static enum pn_http_handled handle_stream(struct pn_http_request *req, void *arg)
{
    struct pn_api_record_source source;
    return pn_api_record_source_open(req, arg, true, &source) ? answer(req, arg, &source.scan)
                                                              : PN_HTTP_HANDLED;
}

static const struct pn_api_field of_topic[] = {PN_FIELD("topic", TEXT), PN_FIELDS_END};
static const struct pn_api_field of_stream[] = {PN_FIELD("stream", TEXT), PN_FIELDS_END};
static const struct pn_api_field search_query[] = {
    {.name = "q",
     .type = PN_API_TEXT,
     .flags = PN_API_OPTIONAL,
     .help = "terms that must all hold: words, key=k, partition=1, offset>=10, a.b=c, -word"},
    PN_FIELDS_END};
static const struct pn_api_field found[] = {PN_API_RECORD_FIELDS, PN_FIELDS_END};
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
