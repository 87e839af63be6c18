/* Asking for letters, and what is said of each that was sent. */
#include <string.h>

#include "api/dead_letter_internal.h"
#include "api/errors.h"
#include "api/own_query.h"

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
