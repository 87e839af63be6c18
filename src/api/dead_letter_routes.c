#include "api/dead_letter_routes.h"

#include <string.h>

#include "api/dead_letter_internal.h"
#include "api/errors.h"
#include "api/list.h"
#include "api/own_query.h"
#include "base/base64.h"
#include "report/letter_rules.h"

enum { MAKER_BYTES_MAX = 64 * 1024 };

/* --- writing ---------------------------------------------------------------------------------- */

/* Rows on their way into a reply. */
struct writing {
    struct pn_http_request *req;
    struct pn_letters *letters;
    struct pn_json_writer json;
    size_t limit;
    size_t count; /* of letters so far */
    bool in_counts;
    const char *last; /* the place of the last letter that is shown */
    bool is_more;
};

static int add_sent(struct writing *writing, const char *id, const char *old_id)
{
    struct pn_letter_sent sent = {0};
    bool is_known = false;
    int rc = pn_letters_find(writing->letters, id, old_id, &is_known, &sent, NULL);
    pn_json_put_key(&writing->json, "resent");
    if (is_known) {
        pn_api_put_sent(&writing->json, &sent);
    } else {
        pn_json_put_null(&writing->json);
    }
    return rc;
}

/* What wrote the letter: for people, and for programs. */
static void add_maker(struct writing *writing, const char *text)
{
    struct pn_http_request *req = writing->req;
    struct pn_json_writer *json = &writing->json;
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_delta_maker maker = {.dag = NULL};
    struct pn_json *root = NULL;
    struct pn_buf line;
    size_t len = text != NULL ? strlen(text) : 0;
    pn_buf_init(&line, MAKER_BYTES_MAX);
    if (text != NULL && pn_json_parse(parser, text, len, len, &root, NULL) == 0) {
        pn_delta_maker_read(root, &req->arena, &maker);
    }
    pn_json_put_key(json, "maker");
    if (pn_delta_maker_is_known(&maker)) {
        pn_report_maker(&maker, &line);
        pn_delta_maker_put(json, &maker);
    } else {
        pn_json_put_null(json);
    }
    pn_json_add_cstr(json, "made_by", line.len > 0 ? pn_buf_text(&line) : NULL);
    pn_buf_deinit(&line);
    pn_json_parser_destroy(&parser);
}

static int put_letter(struct writing *writing, const char *const *cells)
{
    static const struct {
        const char *name;
        enum pn_letter_cell cell;
    } members[] = {{"id", PN_LETTER_ID},
                   {"source", PN_LETTER_SOURCE},
                   {"table", PN_LETTER_TABLE},
                   {"origin", PN_LETTER_ORIGIN},
                   {"partition", PN_LETTER_PARTITION},
                   {"position", PN_LETTER_POSITION},
                   {"object", PN_LETTER_OBJECT},
                   {"line", PN_LETTER_LINE},
                   {"time_ms", PN_LETTER_TIME_MS},
                   {"reason", PN_LETTER_REASON},
                   {"kind", PN_LETTER_KIND},
                   {"key", PN_LETTER_KEY},
                   {"after_version", PN_LETTER_AFTER_VERSION},
                   {"cut", PN_LETTER_IS_CUT},
                   {"value_bytes", PN_LETTER_BYTES},
                   {"value", PN_LETTER_VALUE}};
    struct pn_json_writer *json = &writing->json;
    const char *source = pn_api_cell_text(writing->req, cells[PN_LETTER_SOURCE], NULL);
    const char *reason = pn_api_cell_text(writing->req, cells[PN_LETTER_REASON], NULL);
    const char *id = pn_api_cell_text(writing->req, cells[PN_LETTER_ID], NULL);
    const char *old_id = pn_api_cell_text(writing->req, cells[PN_LETTER_OLD_ID], NULL);
    bool base64 = strcmp(cells[PN_LETTER_IS_BASE64], "true") == 0;
    pn_json_put_object(json);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const char *cell = cells[members[i].cell];
        pn_json_add_raw(json, members[i].name, cell, strlen(cell));
    }
    pn_json_add_cstr(json, "encoding", base64 ? "base64" : "text");
    pn_json_add_cstr(json, "advice",
                     source != NULL && reason != NULL ? pn_dead_letter_advice(source, reason)
                                                      : NULL);
    add_maker(writing, pn_api_cell_text(writing->req, cells[PN_LETTER_MAKER], NULL));
    int rc = id != NULL ? add_sent(writing, id, old_id) : 0;
    pn_json_end(json);
    return rc;
}

static int put_count(struct writing *writing, const char *const *cells)
{
    struct pn_json_writer *json = &writing->json;
    pn_json_put_object(json);
    pn_json_add_raw(json, "source", cells[PN_LETTER_SOURCE], strlen(cells[PN_LETTER_SOURCE]));
    pn_json_add_raw(json, "table", cells[PN_LETTER_TABLE], strlen(cells[PN_LETTER_TABLE]));
    pn_json_add_raw(json, "kind", cells[PN_LETTER_KIND], strlen(cells[PN_LETTER_KIND]));
    pn_json_add_raw(json, "letters", cells[PN_LETTER_NUMBER], strlen(cells[PN_LETTER_NUMBER]));
    pn_json_end(json);
    return 0;
}

/* The counts come first. */
static void begin_items(struct writing *writing)
{
    if (writing->in_counts) {
        pn_json_end(&writing->json);
        pn_json_add_array(&writing->json, "items");
        writing->in_counts = false;
    }
}

static int take_row(void *arg, const char *const *cells, size_t count)
{
    struct writing *writing = arg;
    PN_ASSERT(count == PN_LETTER_CELLS);
    if (strcmp(cells[PN_LETTER_PART], "0") == 0) {
        return put_count(writing, cells);
    }
    begin_items(writing);
    if (writing->count == writing->limit) {
        writing->is_more = true;
        return 0;
    }
    writing->count++;
    writing->last = pn_api_cell_text(writing->req, cells[PN_LETTER_PLACE], NULL);
    int rc = put_letter(writing, cells);
    return pn_buf_failed(&writing->req->out) ? PN_FAIL : rc;
}

/* --- handlers --------------------------------------------------------------------------------- */

static enum pn_http_handled begin_list(struct pn_http_request *req,
                                       struct pn_api_dead_letter_routes *routes)
{
    struct pn_api_page *page = pn_arena_calloc(&req->arena, 1, sizeof *page);
    struct pn_err failure = {0};
    if (pn_api_list_page(req, page, &failure) != 0) {
        pn_api_reply_failure(req, &failure);
        return PN_HTTP_HANDLED;
    }
    const struct pn_dead_letters_wanted wanted = {.table = pn_http_request_query(req, "table"),
                                                  .origin = pn_http_request_query(req, "origin"),
                                                  .source = pn_http_request_query(req, "source"),
                                                  .reason = pn_http_request_query(req, "reason"),
                                                  .kind = pn_http_request_query(req, "kind"),
                                                  .after = page->after,
                                                  .limit = (int64_t)page->limit};
    return pn_api_ask_letters(req, routes, pn_report_dead_letters_page, &wanted, page);
}

static enum pn_http_handled handle_list(struct pn_http_request *req, void *arg)
{
    struct pn_api_dead_letter_routes *routes = arg;
    struct pn_api_own_query *own = req->state;
    if (own == NULL) {
        return begin_list(req, routes);
    }
    const struct pn_api_page *page = own->arg;
    struct writing writing = {
        .req = req, .letters = routes->letters, .limit = page->limit, .in_counts = true};
    pn_json_writer_init(&writing.json, &req->out);
    pn_json_put_object(&writing.json);
    pn_json_add_array(&writing.json, "counts");
    if (!pn_api_own_query_rows(req, own, take_row, &writing)) {
        return PN_HTTP_HANDLED;
    }
    begin_items(&writing);
    pn_json_end(&writing.json);
    if (writing.is_more) {
        pn_api_list_add_next(&writing.json, writing.last);
    }
    pn_json_end(&writing.json);
    return pn_api_reply_large(req, PN_HTTP_TYPE_JSON);
}

/* Asks for the letter that the path names. */
static enum pn_http_handled ask_one(struct pn_http_request *req,
                                    struct pn_api_dead_letter_routes *routes)
{
    const struct pn_dead_letters_wanted wanted = {.ids = req->params[0], .limit = 1};
    if (!pn_api_is_letter_id(req->params[0])) {
        pn_api_reply_error(req, 404, "GET /api/v1/dead_letters lists them",
                           "there is no such letter");
        return PN_HTTP_HANDLED;
    }
    return pn_api_ask_letters(req, routes, pn_report_dead_letters_whole, &wanted, NULL);
}

static enum pn_http_handled no_letter(struct pn_http_request *req)
{
    pn_buf_reset(&req->out);
    pn_api_reply_error(req, 404, "a load replaces the letters of the tables that it loads",
                       "the letter %s is not there, or not any more", req->params[0]);
    return PN_HTTP_HANDLED;
}

static int take_one(void *arg, const char *const *cells, size_t count)
{
    struct writing *writing = arg;
    (void)count;
    writing->count++;
    int rc = put_letter(writing, cells);
    return pn_buf_failed(&writing->req->out) ? PN_FAIL : rc;
}

static enum pn_http_handled handle_one(struct pn_http_request *req, void *arg)
{
    struct pn_api_dead_letter_routes *routes = arg;
    struct pn_api_own_query *own = req->state;
    if (own == NULL) {
        return ask_one(req, routes);
    }
    struct writing writing = {.req = req, .letters = routes->letters};
    pn_json_writer_init(&writing.json, &req->out);
    if (!pn_api_own_query_rows(req, own, take_one, &writing)) {
        return PN_HTTP_HANDLED;
    }
    return writing.count == 0 ? no_letter(req) : pn_api_reply_large(req, PN_HTTP_TYPE_JSON);
}

static int take_original(void *arg, const char *const *cells, size_t count)
{
    struct writing *writing = arg;
    struct pn_buf *out = &writing->req->out;
    size_t len = 0;
    const char *value = pn_api_cell_text(writing->req, cells[PN_LETTER_VALUE], &len);
    (void)count;
    writing->count++;
    if (strcmp(cells[PN_LETTER_IS_BASE64], "true") != 0 || !pn_base64_decode(out, value, len)) {
        pn_buf_reset(out);
        pn_buf_add(out, value, len);
    }
    return pn_buf_failed(out) ? PN_FAIL : 0;
}

static enum pn_http_handled handle_original(struct pn_http_request *req, void *arg)
{
    struct pn_api_own_query *own = req->state;
    struct writing writing = {.req = req};
    if (own == NULL) {
        return ask_one(req, arg);
    }
    if (!pn_api_own_query_rows(req, own, take_original, &writing)) {
        return PN_HTTP_HANDLED;
    }
    if (writing.count == 0) {
        return no_letter(req);
    }
    pn_http_reply_header(req, "Content-Disposition",
                         pn_arena_printf(&req->arena, "attachment; filename=\"dead-letter-%s.bin\"",
                                         req->params[0]));
    return pn_api_reply_large(req, "application/octet-stream");
}

static const struct pn_api_field list_query[] = {
    PN_FIELD_OPTIONAL("table", TEXT),
    {.name = "origin",
     .type = PN_API_TEXT,
     .flags = PN_API_OPTIONAL,
     .help = "a topic or a stream"},
    {.name = "source", .type = PN_API_TEXT, .flags = PN_API_OPTIONAL, .help = "load or stream"},
    {.name = "reason",
     .type = PN_API_TEXT,
     .flags = PN_API_OPTIONAL,
     .help = "a part of the reason, in any case"},
    PN_FIELD_OPTIONAL("kind", TEXT),
    PN_FIELDS_END};
static const struct pn_api_field count_fields[] = {
    PN_FIELD("source", TEXT), PN_FIELD_NULLABLE("table", TEXT), PN_FIELD_NULLABLE("kind", TEXT),
    PN_FIELD("letters", INT), PN_FIELDS_END};
static const struct pn_api_field letter_fields[] = {
    PN_FIELD("id", TEXT),
    PN_FIELD("source", TEXT),
    PN_FIELD_NULLABLE("table", TEXT),
    PN_FIELD_NULLABLE("origin", TEXT),
    PN_FIELD_NULLABLE("partition", TEXT),
    PN_FIELD_NULLABLE("position", TEXT),
    PN_FIELD_NULLABLE("object", TEXT),
    PN_FIELD_NULLABLE("line", ANY),
    PN_FIELD_NULLABLE("time_ms", INT),
    PN_FIELD_NULLABLE("reason", TEXT),
    PN_FIELD_NULLABLE("kind", TEXT),
    PN_FIELD_NULLABLE("key", TEXT),
    {.name = "after_version",
     .type = PN_API_INT,
     .flags = PN_API_NULLABLE,
     .help = "the version that the table had when the letter was written"},
    PN_FIELD_NULLABLE("cut", BOOL),
    PN_FIELD_NULLABLE("value_bytes", INT),
    PN_FIELD_NULLABLE("value", TEXT),
    {.name = "encoding", .type = PN_API_TEXT, .words = "text|base64"},
    PN_FIELD_NULLABLE("advice", TEXT),
    {.name = "maker",
     .type = PN_API_OBJECT,
     .flags = PN_API_NULLABLE,
     .help = "what wrote the letter, as a table's history has it"},
    PN_FIELD_NULLABLE("made_by", TEXT),
    {.name = "resent",
     .type = PN_API_OBJECT,
     .flags = PN_API_NULLABLE,
     .fields = pn_api_sent_fields},
    PN_FIELDS_END};
static const struct pn_api_field list_reply[] = {
    {.name = "counts", .type = PN_API_OBJECTS, .fields = count_fields},
    {.name = "items", .type = PN_API_OBJECTS, .fields = letter_fields},
    PN_FIELD_OPTIONAL("next", TEXT),
    PN_FIELDS_END};
static const struct pn_api_field of_letter[] = {PN_FIELD("id", TEXT), PN_FIELDS_END};

static const struct pn_api_route table[] = {
    {.http = {PN_HTTP_GET, "api/v1/dead_letters", handle_list, PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_READ,
              PN_OF_PIPELINE},
     .id = "list_dead_letters",
     .summary = "Dead letters, the newest first, and how many there are of each kind",
     .query = list_query,
     .reply = list_reply,
     .is_paged = true,
     .errors = {409, 429, 504}},
    {.http = {PN_HTTP_GET, "api/v1/dead_letters/{}", handle_one, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_READ, PN_OF_PIPELINE},
     .id = "get_dead_letter",
     .summary = "A dead letter with its whole value",
     .path = of_letter,
     .reply = letter_fields,
     .errors = {409, 429, 504}},
    {.http = {PN_HTTP_GET, "api/v1/dead_letters/{}/original", handle_original, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_READ, PN_OF_PIPELINE},
     .id = "download_dead_letter",
     .summary = "The bytes of the record",
     .path = of_letter,
     .media = "application/octet-stream",
     .errors = {409, 429, 504}},
    {.http = {PN_HTTP_POST, "api/v1/dead_letters/resend", pn_api_handle_resend,
              PN_HTTP_ROUTE_BLOCKS, PN_RIGHT_ADMIN, PN_OF_SERVER},
     .id = "resend_dead_letters",
     .summary = "Sends dead letters again, as they were or edited",
     .body = pn_api_resend_body,
     .reply = pn_api_resend_reply,
     .errors = {409, 429, 504}},
    {.http = {PN_HTTP_POST, "api/v1/dead_letters/drop", pn_api_handle_drop, PN_HTTP_ROUTE_BLOCKS,
              PN_RIGHT_ADMIN, PN_OF_SERVER},
     .id = "drop_dead_letters",
     .summary = "Takes dead letters away; loads do not bring them back",
     .body = pn_api_drop_body,
     .reply = pn_api_drop_reply,
     .errors = {409, 503}},
};

void pn_api_dead_letter_routes_add(struct pn_api_dead_letter_routes *routes, struct pn_api *api)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        pn_api_add_route(api, &table[i], routes);
    }
}
