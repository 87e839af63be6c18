#include "http/rights.h"

#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

#include "http/browser.h"
#include "http/internal.h"

/* --- replies ---------------------------------------------------------------------------------- */

static bool refuse_key(struct pn_http_request *req, const char *key)
{
    pn_http_reply_header(req, "WWW-Authenticate",
                         key == NULL ? "Bearer realm=\"pinion\""
                                     : "Bearer realm=\"pinion\", error=\"invalid_token\"");
    if (key == NULL) {
        pn_http_reply_error(req, 401,
                            "This server asks for an API key: send it as x-api-key, or as "
                            "Authorization: Bearer");
    } else {
        pn_http_reply_error(req, 401, "The API key is not one of this server's");
    }
    return false;
}

/* `kind` is "topic", "stream" or "pipeline", or NULL: the key lacks the right for everything. */
static bool refuse_right(struct pn_http_request *req, enum pn_http_right right, const char *kind,
                         const char *name)
{
    if (kind == NULL) {
        pn_http_reply_error(req, 403, "The API key lacks the right: %s", pn_http_right_name(right));
    } else {
        pn_http_reply_error(req, 403, "The API key lacks the right: %s, for the %s %.200s",
                            pn_http_right_name(right), kind, name);
    }
    return false;
}

/* --- checks ----------------------------------------------------------------------------------- */

/* The key of the request, borrowed or NULL. */
static const char *key_of(const struct pn_http_request *req)
{
    static const char scheme[] = "Bearer ";
    const char *key = pn_http_request_header(req, "x-api-key");
    if (key != NULL) {
        return key;
    }
    const char *authorization = pn_http_request_header(req, "Authorization");
    if (authorization == NULL || strncasecmp(authorization, scheme, sizeof scheme - 1) != 0) {
        return NULL;
    }
    key = authorization + sizeof scheme - 1;
    return key + strspn(key, " ");
}

const char *pn_http_rights_cookie_name(struct pn_http_request *req)
{
    return pn_arena_printf(&req->arena, "pinion_%u", (unsigned)req->server->listener.port);
}

const char *pn_http_rights_cookie(struct pn_http_request *req)
{
    const char *cookies = pn_http_request_header(req, "Cookie");
    if (cookies == NULL) {
        return NULL;
    }
    const char *name = pn_http_rights_cookie_name(req);
    size_t len = strlen(name);
    for (const char *p = cookies; *p != '\0';) {
        p += strspn(p, "; ");
        size_t pair = strcspn(p, ";");
        if (pair > len && strncmp(p, name, len) == 0 && p[len] == '=') {
            return pn_arena_strndup(&req->arena, p + len + 1, pair - len - 1);
        }
        p += pair;
    }
    return NULL;
}

bool pn_http_rights_credential(struct pn_http_request *req, struct pn_http_credential *credential,
                               struct pn_http_grant *grant, struct pn_http_session *session)
{
    struct pn_http_server *server = req->server;
    const char *key = key_of(req);
    *credential = (struct pn_http_credential){.seen = atomic_load(&server->credentials)};
    if (key != NULL) {
        pn_http_auth_sum(key, credential->key);
    } else {
        const char *token = pn_http_rights_cookie(req);
        if (token == NULL) {
            return false;
        }
        credential->session = pn_http_session_id_of(token);
        credential->has_session =
            pn_http_sessions_use(server->sessions, &credential->session, session);
        if (!credential->has_session) {
            return false;
        }
        memcpy(credential->key, session->key, sizeof credential->key);
    }
    credential->is_keyed =
        pn_http_auth_find_sum(&server->auth, credential->key, &req->arena, grant);
    return credential->is_keyed;
}

static bool is_open(const struct pn_http_server *server, const struct pn_http_route *route)
{
    return route != NULL &&
           (route->right == PN_RIGHT_OPEN || (route->flags & PN_HTTP_ROUTE_CHECKED) != 0 ||
            ((route->flags & PN_HTTP_ROUTE_LOCAL) != 0 && server->auth.loopback));
}

static bool has(const struct pn_http_request *req, enum pn_http_right right)
{
    return (req->grant.rights & 1U << right) != 0;
}

static bool check_route(struct pn_http_request *req, const struct pn_http_route *route)
{
    const struct pn_http_grant *grant = &req->grant;
    const char *name = req->param_count > 0 ? req->params[0] : "";
    if (route->right != PN_RIGHT_OPERATION && !has(req, route->right)) {
        return refuse_right(req, route->right, NULL, NULL);
    }
    if (route->scope == PN_OF_TOPIC && !pn_http_patterns_have(grant->topics, name)) {
        return refuse_right(req, route->right, "topic", name);
    }
    if (route->scope == PN_OF_STREAM && !pn_http_patterns_have(grant->streams, name)) {
        return refuse_right(req, route->right, "stream", name);
    }
    if (route->scope == PN_OF_PIPELINE &&
        !pn_http_patterns_have(grant->pipelines, req->server->config.pipeline)) {
        return refuse_right(req, route->right, "pipeline", req->server->config.pipeline);
    }
    if (route->scope == PN_OF_SERVER && !pn_http_grant_is_whole(grant)) {
        pn_http_reply_error(req, 403, "The API key lacks the right: %s, for the whole server",
                            pn_http_right_name(route->right));
        return false;
    }
    return true;
}

/* Is the session's token with the request? */
static bool has_csrf(const struct pn_http_request *req, const struct pn_http_session *session)
{
    const char *sent = pn_http_request_header(req, "X-Pinion-CSRF");
    return sent != NULL && strlen(sent) == strlen(session->csrf) &&
           CRYPTO_memcmp(sent, session->csrf, strlen(sent)) == 0;
}

bool pn_http_rights_check(struct pn_http_request *req, const struct pn_http_router_row *row,
                          struct pn_http_credential *credential)
{
    struct pn_http_server *server = req->server;
    req->grant = (struct pn_http_grant){.rights = PN_RIGHTS_ALL};
    *credential = (struct pn_http_credential){0};
    if (!server->auth.required || is_open(server, row != NULL ? row->route : NULL)) {
        return true;
    }
    struct pn_http_session session;
    if (!pn_http_rights_credential(req, credential, &req->grant, &session)) {
        return refuse_key(req, key_of(req));
    }
    if (row == NULL) {
        return true;
    }
    if (credential->has_session && pn_http_browser_acts(row) && !has_csrf(req, &session)) {
        pn_http_reply_error(req, 403,
                            "What changes something needs the session's token, which GET "
                            "/api/v1/session returns, as X-Pinion-CSRF");
        return false;
    }
    return check_route(req, row->route);
}

bool pn_http_rights_last(struct pn_http_server *server, struct pn_http_credential *credential)
{
    unsigned now = atomic_load(&server->credentials);
    bool has_changed = credential->seen != now;
    credential->seen = now;
    if (!credential->is_keyed) {
        return true;
    }
    if (credential->has_session) {
        return pn_http_sessions_have(server->sessions, &credential->session);
    }
    return !has_changed || pn_http_auth_find_sum(&server->auth, credential->key, NULL, NULL);
}

bool pn_http_may_topic(struct pn_http_request *req, const char *topic)
{
    return pn_http_patterns_have(req->grant.topics, topic) ||
           refuse_right(req, PN_RIGHT_READ, "topic", topic);
}

bool pn_http_may(struct pn_http_request *req, enum pn_http_right right)
{
    return has(req, right) || refuse_right(req, right, NULL, NULL);
}
