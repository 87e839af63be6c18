/* Asking for letters, which ones a body asks for, and what is said of each that was sent. */
#include <string.h>

#include "api/dead_letter_internal.h"
#include "api/errors.h"
#include "api/own_query.h"

enum { IDS_BYTES_MAX = PN_API_LETTERS_MAX * (PN_LETTER_ID_SIZE + 1) };

enum pn_http_handled pn_api_ask_letters(struct pn_http_request *req,
                                        struct pn_api_dead_letter_routes *routes,
                                        pn_api_letters_fn make,
                                        const struct pn_dead_letters_wanted *wanted, void *arg)
{
    struct pn_table_source source = {0};
    struct pn_letters_query query = {0};
    struct pn_err failure = {0};
    routes->tables->acquire(routes->tables->arg, &source);
    int rc = make(&source, wanted, &req->arena, &query, &failure);
    routes->tables->release(routes->tables->arg);
    if (rc != 0) {
        pn_api_reply_failure(req, &failure);
        return PN_HTTP_HANDLED;
    }
    const struct pn_query_request request = {
        .sql = query.sql, .parameters = query.parameters, .output = PN_QUERY_KEEP};
    return pn_api_own_query_begin(req, routes->executor, &request, arg);
}

bool pn_api_is_letter_id(const char *text)
{
    return strlen(text) == PN_LETTER_ID_SIZE - 1 &&
           strspn(text, "0123456789abcdef") == PN_LETTER_ID_SIZE - 1;
}

/* --- which ones ------------------------------------------------------------------------------- */

const struct pn_api_field pn_api_letter_filter_fields[] = {
    PN_FIELD_EITHER("table", TEXT),  PN_FIELD_EITHER("origin", TEXT),
    PN_FIELD_EITHER("source", TEXT), PN_FIELD_EITHER("reason", TEXT),
    PN_FIELD_EITHER("kind", TEXT),   PN_FIELDS_END};

int pn_api_read_text(struct pn_http_request *req, const struct pn_json *object, const char *name,
                     const char **text, struct pn_err *e)
{
    const struct pn_json *node = pn_json_get(object, name);
    if (node == NULL || node->type == PN_JSON_NULL) {
        return 0;
    }
    if (node->type != PN_JSON_STRING || memchr(node->text, '\0', node->text_len) != NULL) {
        return pn_err_input(e, "\"%s\" is a text without NUL characters", name);
    }
    *text = pn_arena_strndup(&req->arena, node->text, node->text_len);
    return 0;
}

static int take_ids(struct pn_http_request *req, const struct pn_json *ids, const char **joined,
                    struct pn_err *e)
{
    if (ids->type != PN_JSON_ARRAY || ids->count == 0 || ids->count > PN_API_LETTERS_MAX) {
        return pn_err_input(e, "\"ids\" is an array of 1 to %d ids", PN_API_LETTERS_MAX);
    }
    char *all = pn_arena_alloc(&req->arena, IDS_BYTES_MAX);
    size_t len = 0;
    for (const struct pn_json *node = ids->first; node != NULL; node = node->next) {
        if (node->type != PN_JSON_STRING || node->text_len != PN_LETTER_ID_SIZE - 1 ||
            memchr(node->text, ',', node->text_len) != NULL) {
            return pn_err_input(
                e,
                "\"%.*s\" is not the id of a dead letter: `pinion dead-letters list` "
                "and GET /api/v1/dead_letters show ids",
                (int)(node->type != PN_JSON_STRING ? 0
                      : node->text_len < 60        ? node->text_len
                                                   : 60),
                node->type == PN_JSON_STRING ? node->text : "");
        }
        memcpy(all + len, node->text, node->text_len);
        len += node->text_len;
        all[len++] = ',';
    }
    all[len - 1] = '\0';
    *joined = all;
    return 0;
}

static int take_filter(struct pn_http_request *req, const struct pn_json *filter,
                       struct pn_dead_letters_wanted *wanted, struct pn_err *e)
{
    if (filter->type != PN_JSON_OBJECT) {
        return pn_err_input(e,
                            "\"filter\" is an object with table, origin, source, reason or kind; an"
                            " empty one is all letters");
    }
    int rc = pn_api_read_text(req, filter, "table", &wanted->table, e);
    rc = rc == 0 ? pn_api_read_text(req, filter, "origin", &wanted->origin, e) : rc;
    rc = rc == 0 ? pn_api_read_text(req, filter, "source", &wanted->source, e) : rc;
    rc = rc == 0 ? pn_api_read_text(req, filter, "reason", &wanted->reason, e) : rc;
    return rc == 0 ? pn_api_read_text(req, filter, "kind", &wanted->kind, e) : rc;
}

int pn_api_read_letters(struct pn_http_request *req, const struct pn_json *root,
                        struct pn_dead_letters_wanted *wanted, struct pn_err *e)
{
    const struct pn_json *ids = pn_json_get(root, "ids");
    const struct pn_json *filter = pn_json_get(root, "filter");
    if ((ids == NULL) == (filter == NULL)) {
        return pn_err_input(e, "the body has either \"ids\" or \"filter\"");
    }
    return ids != NULL ? take_ids(req, ids, &wanted->ids, e) : take_filter(req, filter, wanted, e);
}

/* --- where one was sent ----------------------------------------------------------------------- */

const struct pn_api_field pn_api_sent_fields[] = {
    PN_FIELD("origin", TEXT), PN_FIELD("partition", INT), PN_FIELD_NULLABLE("offset", WIDE),
    PN_FIELD("sent_ms", INT), PN_FIELD("edited", BOOL),   PN_FIELDS_END};

void pn_api_put_sent(struct pn_json_writer *json, const struct pn_letter_sent *sent)
{
    pn_json_put_object(json);
    pn_json_add_cstr(json, "origin", sent->origin);
    pn_json_add_i64(json, "partition", sent->partition);
    pn_json_put_key(json, "offset");
    if (sent->offset >= 0) {
        pn_json_put_i64_text(json, sent->offset);
    } else {
        pn_json_put_null(json);
    }
    pn_json_add_i64(json, "sent_ms", sent->sent_ms);
    pn_json_add_bool(json, "edited", sent->is_edited);
    pn_json_end(json);
}
