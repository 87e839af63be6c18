#include "http/rights.h"

#include <string.h>
#include <strings.h>

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

bool pn_http_rights_check(struct pn_http_request *req, const struct pn_http_router_row *row,
                          bool *keyed)
{
    struct pn_http_server *server = req->server;
    req->grant = (struct pn_http_grant){.rights = PN_RIGHTS_ALL};
    *keyed = false;
    if (!server->auth.required || is_open(server, row != NULL ? row->route : NULL)) {
        return true;
    }
    const char *key = key_of(req);
    if (key == NULL || !pn_http_auth_find(&server->auth, key, &req->arena, &req->grant)) {
        return refuse_key(req, key);
    }
    *keyed = true;
    return row == NULL || check_route(req, row->route);
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
