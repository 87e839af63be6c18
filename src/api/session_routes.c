#include "api/session_routes.h"

#include "api/errors.h"
#include "base/json.h"
#include "http/login.h"

static void put_rights(struct pn_json_writer *json, const struct pn_http_grant *grant)
{
    pn_json_add_array(json, "rights");
    for (enum pn_http_right right = PN_RIGHT_PRODUCE; right <= PN_RIGHT_ADMIN; right++) {
        if ((grant->rights & 1U << right) != 0) {
            pn_json_put_cstr(json, pn_http_right_name(right));
        }
    }
    pn_json_end(json);
    pn_json_add_cstr(json, "topics", grant->topics);
    pn_json_add_cstr(json, "streams", grant->streams);
    pn_json_add_cstr(json, "pipelines", grant->pipelines);
}

static enum pn_http_handled reply_who(struct pn_http_request *req, const struct pn_http_who *who)
{
    struct pn_json_writer json;
    pn_json_writer_init(&json, &req->out);
    pn_json_put_object(&json);
    pn_json_add_bool(&json, "auth", who->asks_keys);
    pn_json_add_cstr(&json, "user", who->name);
    put_rights(&json, &who->grant);
    pn_json_add_cstr(&json, "csrf", who->csrf);
    if (who->csrf != NULL) {
        pn_json_add_i64(&json, "left_ms", who->left_ms);
    } else {
        pn_json_add_null(&json, "left_ms");
    }
    pn_json_end(&json);
    req->status = 200;
    return PN_HTTP_HANDLED;
}

static enum pn_http_handled handle_get(struct pn_http_request *req, void *arg)
{
    (void)arg;
    struct pn_http_who who;
    pn_http_who(req, &who);
    pn_http_reply_header(req, "Cache-Control", "no-store");
    return reply_who(req, &who);
}

static const struct pn_api_field login_body[] = {
    {.name = "key", .type = PN_API_TEXT, .help = "an API key of the server"}, PN_FIELDS_END};

static enum pn_http_handled handle_login(struct pn_http_request *req, void *arg)
{
    (void)arg;
    struct pn_json *root = NULL;
    struct pn_http_who who;
    int wait_s = 0;
    if (pn_api_read_body(req, login_body, &root) != 0) {
        return PN_HTTP_HANDLED;
    }
    pn_http_who(req, &who);
    if (!who.asks_keys) {
        pn_api_reply_error(req, 409, "gateway.auth switches keys on",
                           "This server asks for no key, so there is nothing to log in to");
        return PN_HTTP_HANDLED;
    }
    const struct pn_json *key = pn_json_get(root, "key");
    switch (pn_http_log_in(req, pn_arena_strndup(&req->arena, key->text, key->text_len), &who,
                           &wait_s)) {
    case PN_HTTP_LOGIN_DONE:
        return reply_who(req, &who);
    case PN_HTTP_LOGIN_WRONG:
        pn_http_reply_header(req, "WWW-Authenticate", "Bearer realm=\"pinion\"");
        pn_api_reply_error(req, 401, NULL, "The API key is not one of this server's");
        break;
    case PN_HTTP_LOGIN_TOO_MANY:
        req->retry_after_s = wait_s;
        pn_api_reply_error(req, 429, "wait, and then send the right key",
                           "Too many wrong keys came from this address: wait %d s", wait_s);
        break;
    }
    return PN_HTTP_HANDLED;
}

static enum pn_http_handled handle_logout(struct pn_http_request *req, void *arg)
{
    (void)arg;
    pn_http_log_out(req);
    pn_http_reply_none(req);
    return PN_HTTP_HANDLED;
}

static const struct pn_api_field session_reply[] = {
    {.name = "auth", .type = PN_API_BOOL, .help = "does the server ask for keys?"},
    {.name = "user",
     .type = PN_API_TEXT,
     .flags = PN_API_NULLABLE,
     .help = "`key` and the first 8 digits of the key's SHA-256; null: no valid key came"},
    {.name = "rights", .type = PN_API_TEXTS, .help = "some of produce, read and admin"},
    {.name = "topics",
     .type = PN_API_TEXT,
     .flags = PN_API_NULLABLE,
     .help = "patterns of the topics that the rights are for; null: all"},
    {.name = "streams", .type = PN_API_TEXT, .flags = PN_API_NULLABLE, .help = "likewise"},
    {.name = "pipelines", .type = PN_API_TEXT, .flags = PN_API_NULLABLE, .help = "likewise"},
    {.name = "csrf",
     .type = PN_API_TEXT,
     .flags = PN_API_NULLABLE,
     .help = "of a session: what requests that change something send as X-Pinion-CSRF"},
    {.name = "left_ms",
     .type = PN_API_INT,
     .flags = PN_API_NULLABLE,
     .help = "until the session ends, if it is not used meanwhile"},
    PN_FIELDS_END};

static const struct pn_api_route table[] = {
    {.http = {PN_HTTP_GET, "api/v1/session", handle_get, 0, PN_RIGHT_OPEN, PN_OF_NOTHING},
     .id = "get_session",
     .summary = "Who asks, and what they may do",
     .reply = session_reply,
     .is_feed = true},
    {.http = {PN_HTTP_POST, "api/v1/session", handle_login, 0, PN_RIGHT_OPEN, PN_OF_NOTHING},
     .id = "log_in",
     .summary = "Begins the session of a browser, whose cookie takes the place of the key",
     .body = login_body,
     .reply = session_reply,
     .errors = {409, 429}},
    {.http = {PN_HTTP_DELETE, "api/v1/session", handle_logout, 0, PN_RIGHT_OPEN, PN_OF_NOTHING},
     .id = "log_out",
     .summary = "Ends the session of the request, if it has one"},
};

void pn_api_session_routes_add(struct pn_api *api)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        pn_api_add_route(api, &table[i], NULL);
    }
}
