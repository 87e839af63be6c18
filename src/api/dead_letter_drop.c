/* Dead letters that are dropped. */
#include <string.h>

#include "api/dag_routes.h"
#include "api/dead_letter_internal.h"
#include "api/errors.h"
#include "base/json_writer.h"

const struct pn_api_field pn_api_drop_body[] = {
    PN_API_LETTERS_FIELDS,
    {.name = "dry_run", .type = PN_API_BOOL, .flags = PN_API_OPTIONAL, .help = "only count them"},
    {.name = "limit",
     .type = PN_API_INT,
     .flags = PN_API_OPTIONAL,
     .least = 1,
     .most = PN_LETTERS_DROP_MAX,
     .help = "only so many, the oldest; without one, more letters than its maximum are refused"},
    {.name = "seen",
     .type = PN_API_TEXT,
     .flags = PN_API_OPTIONAL,
     .help = "of the reply to a dry run: 409 if other letters fit now"},
    PN_FIELDS_END};
const struct pn_api_field pn_api_drop_reply[] = {
    {.name = "letters", .type = PN_API_INT, .help = "how many were, or would be, dropped"},
    {.name = "dropped", .type = PN_API_BOOL, .help = "false after a dry run"},
    {.name = "seen", .type = PN_API_TEXT, .help = "stands for these letters"},
    PN_FIELDS_END};

/* The query for the letters, and what else the body says. */
static int read_body(struct pn_http_request *req, struct pn_api_dead_letter_routes *routes,
                     const struct pn_json *root, struct pn_api_letter_drop *drop, struct pn_err *e)
{
    struct pn_dead_letters_wanted wanted = {.limit = pn_json_get_i64(root, "limit", 0)};
    struct pn_letters_query query = {0};
    struct pn_table_source source = {0};
    int rc = pn_api_read_letters(req, root, &wanted, e);
    rc = rc == 0 ? pn_api_read_text(req, root, "seen", &drop->seen, e) : rc;
    if (rc == 0) {
        routes->tables->acquire(routes->tables->arg, &source);
        rc = pn_report_dead_letter_ids(&source, &wanted, &req->arena, &query, e);
        routes->tables->release(routes->tables->arg);
    }
    drop->choice = (struct pn_letter_choice){.sql = query.sql, .parameters = query.parameters};
    drop->dry_run = pn_json_get_bool(root, "dry_run", false);
    drop->who = pn_api_who_asks(req);
    return rc;
}

enum pn_http_handled pn_api_handle_drop(struct pn_http_request *req, void *arg)
{
    struct pn_api_dead_letter_routes *routes = arg;
    struct pn_json *root = NULL;
    struct pn_api_letter_drop drop = {.count = 0};
    struct pn_err failure = {0};
    if (pn_api_read_body(req, pn_api_drop_body, &root) != 0) {
        return PN_HTTP_HANDLED;
    }
    int rc = read_body(req, routes, root, &drop, &failure);
    if (rc == 0) {
        rc = routes->drop(routes->drop_arg, &drop, &failure);
    }
    if (rc != 0) {
        pn_api_reply_failure(req, &failure);
        return PN_HTTP_HANDLED;
    }
    struct pn_json_writer json;
    pn_json_writer_init(&json, &req->out);
    pn_json_put_object(&json);
    pn_json_add_i64(&json, "letters", drop.count);
    pn_json_add_bool(&json, "dropped", !drop.dry_run);
    pn_json_add_cstr(&json, "seen", drop.found);
    pn_json_end(&json);
    req->status = 200;
    req->content_type = PN_HTTP_TYPE_JSON;
    return PN_HTTP_HANDLED;
}
