/* Dead letters that are sent again. */
#include <string.h>

#include "api/dead_letter_internal.h"
#include "api/errors.h"
#include "api/list.h"
#include "api/own_query.h"
#include "base/base64.h"
#include "base/units.h"

#define ROW_REASON "the row does not pass " /* of a row that a data test took out */

/* What a request asks for; in its arena. */
struct asked {
    struct pn_dead_letters_wanted wanted;
    bool is_edited;
    struct pn_bytes edited;
};

/* --- fields ----------------------------------------------------------------------------------- */

static const struct pn_api_field edited_fields[] = {
    PN_FIELD("value", TEXT),
    {.name = "encoding", .type = PN_API_TEXT, .flags = PN_API_OPTIONAL, .words = "text|base64"},
    PN_FIELDS_END};
const struct pn_api_field pn_api_resend_body[] = {
    PN_API_LETTERS_FIELDS,
    {.name = "edited",
     .type = PN_API_OBJECT,
     .flags = PN_API_OPTIONAL | PN_API_NULLABLE,
     .fields = edited_fields,
     .help = "the new value of one letter, by its id"},
    {.name = "cursor",
     .type = PN_API_TEXT,
     .flags = PN_API_OPTIONAL | PN_API_NULLABLE,
     .help = "`next` of the reply before"},
    PN_FIELDS_END};
static const struct pn_api_field outcome_fields[] = {
    PN_FIELD_NULLABLE("id", TEXT),
    {.name = "outcome", .type = PN_API_TEXT, .words = "sent|sent before|failed"},
    {.name = "resent",
     .type = PN_API_OBJECT,
     .flags = PN_API_OPTIONAL,
     .fields = pn_api_sent_fields},
    {.name = "message", .type = PN_API_TEXT, .flags = PN_API_OPTIONAL, .help = "why it failed"},
    PN_FIELDS_END};
const struct pn_api_field pn_api_resend_reply[] = {
    {.name = "letters", .type = PN_API_OBJECTS, .fields = outcome_fields},
    PN_FIELD("sent", INT),
    PN_FIELD("sent_before", INT),
    PN_FIELD("failed", INT),
    {.name = "next",
     .type = PN_API_TEXT,
     .flags = PN_API_OPTIONAL,
     .help = "more match the filter: the next request's `cursor`"},
    PN_FIELDS_END};

/* --- the request ------------------------------------------------------------------------------ */

static int take_edited(struct pn_http_request *req, const struct pn_json *edited,
                       struct asked *asked, struct pn_err *e)
{
    const struct pn_json *value = pn_json_get(edited, "value");
    const struct pn_json *encoding = pn_json_get(edited, "encoding");
    bool base64 = encoding != NULL && pn_json_text_is(encoding, "base64");
    if (value == NULL || value->type != PN_JSON_STRING ||
        (encoding != NULL && !base64 && !pn_json_text_is(encoding, "text"))) {
        return pn_err_input(e, "the member edited is an object with a text, its value, and an "
                               "encoding, text or base64");
    }
    asked->is_edited = true;
    if (base64) {
        return pn_base64_decode_exact(&req->arena, value->text, value->text_len,
                                      &asked->edited.data, &asked->edited.len)
                   ? 0
                   : pn_err_input(e, "the edited value is not base64");
    }
    asked->edited.data = pn_arena_strndup(&req->arena, value->text, value->text_len);
    asked->edited.len = value->text_len;
    return 0;
}

static int read_body(struct pn_http_request *req, const struct pn_json *root, struct asked *asked,
                     struct pn_err *e)
{
    const struct pn_json *ids = pn_json_get(root, "ids");
    const struct pn_json *edited = pn_json_get(root, "edited");
    const char *cursor = NULL;
    asked->wanted.limit = PN_API_LETTERS_MAX;
    int rc = pn_api_read_letters(req, root, &asked->wanted, e);
    if (rc == 0 && edited != NULL && edited->type != PN_JSON_NULL) {
        rc = ids != NULL && ids->count == 1
                 ? take_edited(req, edited, asked, e)
                 : pn_err_input(e, "\"edited\" is for one letter, by its id");
    }
    if (rc == 0) {
        rc = pn_api_read_text(req, root, "cursor", &cursor, e);
    }
    if (rc == 0 && cursor != NULL) {
        rc = pn_api_list_cursor(req, cursor, &asked->wanted.after, e);
    }
    return rc;
}

static enum pn_http_handled begin(struct pn_http_request *req,
                                  struct pn_api_dead_letter_routes *routes)
{
    struct asked *asked = pn_arena_calloc(&req->arena, 1, sizeof *asked);
    struct pn_json *root = NULL;
    struct pn_err failure = {0};
    if (pn_api_read_body(req, pn_api_resend_body, &root) != 0) {
        return PN_HTTP_HANDLED;
    }
    if (read_body(req, root, asked, &failure) != 0) {
        pn_api_reply_failure(req, &failure);
        return PN_HTTP_HANDLED;
    }
    return pn_api_ask_letters(req, routes, pn_report_dead_letters_whole, &asked->wanted, asked);
}

/* --- sending ---------------------------------------------------------------------------------- */

struct sending {
    struct pn_http_request *req;
    struct pn_letters *letters;
    const struct asked *asked;
    struct pn_json_writer json; /* in the array of outcomes */
    int64_t rows;
    int64_t sent;
    int64_t already;
    int64_t failed;
    const char *last;                         /* place */
    const char *seen[2 * PN_API_LETTERS_MAX]; /* ids, each with its old one */
};

/* What to send of a row: what was edited, or the record as it was. */
static int read_letter(struct sending *sending, const char *const *cells, struct pn_letter *letter,
                       struct pn_err *e)
{
    struct pn_http_request *req = sending->req;
    const char *source = pn_api_cell_text(req, cells[PN_LETTER_SOURCE], NULL);
    const char *partition = pn_api_cell_text(req, cells[PN_LETTER_PARTITION], NULL);
    size_t len = 0;
    const char *value = pn_api_cell_text(req, cells[PN_LETTER_VALUE], &len);
    int64_t number = -1;
    letter->id = pn_api_cell_text(req, cells[PN_LETTER_ID], NULL);
    letter->old_id = pn_api_cell_text(req, cells[PN_LETTER_OLD_ID], NULL);
    letter->origin = pn_api_cell_text(req, cells[PN_LETTER_ORIGIN], NULL);
    letter->is_stream = source != NULL && strcmp(source, "stream") == 0;
    letter->key.data = pn_api_cell_text(req, cells[PN_LETTER_KEY], &letter->key.len);
    letter->partition =
        partition != NULL && pn_parse_i64(partition, &number, NULL) == 0 && number < INT32_MAX
            ? (int32_t)number
            : -1;
    letter->is_edited = sending->asked->is_edited;
    letter->value = (struct pn_bytes){.data = value, .len = len};
    const char *reason = cells[PN_LETTER_REASON];
    bool is_row = reason != NULL && strstr(reason, ROW_REASON) != NULL;
    if (letter->origin == NULL) {
        return pn_err_input(
            e, is_row ? "a data test took out this row, which is not a record: correct the record "
                        "that it was made of, and send that"
                      : "it is not known which topic the record came from");
    }
    if (reason != NULL && strstr(reason, " (only the beginning of the key is stored)") != NULL) {
        return pn_err_input(e, "only the beginning of the record's key is kept: produce the record "
                               "again");
    }
    if (letter->is_edited) {
        letter->value = sending->asked->edited;
        return 0;
    }
    if (strcmp(cells[PN_LETTER_IS_CUT], "true") == 0) {
        return pn_err_input(e, "only the beginning of the record is kept: send it edited");
    }
    if (strcmp(cells[PN_LETTER_IS_BASE64], "true") == 0 &&
        !pn_base64_decode_exact(&req->arena, value, len, &letter->value.data, &letter->value.len)) {
        return pn_err_input(e, "the letter's value is not the base64 that its reason says it is");
    }
    return 0;
}

static int take_row(void *arg, const char *const *cells, size_t count)
{
    struct sending *sending = arg;
    struct pn_json_writer *json = &sending->json;
    struct pn_letter letter = {0};
    struct pn_letter_sent sent = {0};
    enum pn_letter_outcome outcome = PN_LETTER_SENT;
    struct pn_err failure = {0};
    (void)count;
    int rc = read_letter(sending, cells, &letter, &failure);
    if (rc == 0) {
        rc = pn_letters_send(sending->letters, &letter, &outcome, &sent, &failure);
    }
    if (sending->rows < PN_API_LETTERS_MAX) {
        sending->seen[2 * sending->rows] = letter.id;
        sending->seen[2 * sending->rows + 1] = letter.old_id;
    }
    sending->rows++;
    sending->failed += rc != 0;
    sending->sent += rc == 0 && outcome == PN_LETTER_SENT;
    sending->already += rc == 0 && outcome == PN_LETTER_WAS_SENT;
    sending->last = pn_api_cell_text(sending->req, cells[PN_LETTER_PLACE], NULL);
    pn_json_put_object(json);
    pn_json_add_cstr(json, "id", letter.id);
    pn_json_add_cstr(json, "outcome",
                     rc != 0                     ? "failed"
                     : outcome == PN_LETTER_SENT ? "sent"
                                                 : "sent before");
    if (rc == 0) {
        pn_json_put_key(json, "resent");
        pn_api_put_sent(json, &sent);
    } else {
        pn_json_add_cstr(json, "message", pn_http_request_public(sending->req, failure.msg));
    }
    pn_json_end(json);
    return 0;
}

static bool was_seen(const struct sending *sending, const char *id, size_t len)
{
    for (int64_t i = 0; i < 2 * sending->rows && i < 2 * PN_API_LETTERS_MAX; i++) {
        const char *seen = sending->seen[i];
        if (seen != NULL && strlen(seen) == len && memcmp(seen, id, len) == 0) {
            return true;
        }
    }
    return false;
}

/* Ids that were asked for and are not there: one that was dropped cannot be sent. */
static void add_missing(struct sending *sending)
{
    struct pn_json_writer *json = &sending->json;
    for (const char *at = sending->asked->wanted.ids; at != NULL && *at != '\0';) {
        size_t len = strcspn(at, ",");
        if (!was_seen(sending, at, len)) {
            pn_json_put_object(json);
            pn_json_put_key(json, "id");
            pn_json_put_string(json, at, len);
            pn_json_add_cstr(json, "outcome", "failed");
            pn_json_add_cstr(json, "message",
                             "there is no such letter, or not any more: it was dropped, or a load "
                             "did not find its record again");
            pn_json_end(json);
            sending->failed++;
        }
        at += len + (at[len] == ',');
    }
}

enum pn_http_handled pn_api_handle_resend(struct pn_http_request *req, void *arg)
{
    struct pn_api_dead_letter_routes *routes = arg;
    struct pn_api_own_query *own = req->state;
    if (own == NULL) {
        return begin(req, routes);
    }
    struct sending sending = {.req = req, .letters = routes->letters, .asked = own->arg};
    pn_json_writer_init(&sending.json, &req->out);
    pn_json_put_object(&sending.json);
    pn_json_add_array(&sending.json, "letters");
    if (!pn_api_own_query_rows(req, own, take_row, &sending)) {
        return PN_HTTP_HANDLED;
    }
    add_missing(&sending);
    pn_json_end(&sending.json);
    pn_json_add_i64(&sending.json, "sent", sending.sent);
    pn_json_add_i64(&sending.json, "sent_before", sending.already);
    pn_json_add_i64(&sending.json, "failed", sending.failed);
    if (sending.rows == PN_API_LETTERS_MAX && sending.asked->wanted.ids == NULL) {
        pn_api_list_add_next(&sending.json, sending.last);
    }
    pn_json_end(&sending.json);
    req->status = 200;
    req->content_type = PN_HTTP_TYPE_JSON;
    return PN_HTTP_HANDLED;
}
