#include "http/rights.h"

#include <fnmatch.h>
#include <string.h>
#include <strings.h>

#include "http/internal.h"
#include "kinesis/api/call.h"

enum { PATTERN_BYTES_MAX = 256 };

const char *pn_http_right_name(enum pn_http_right right)
{
    static const char *const names[] = {"unset", "none", "produce", "read", "admin", "operation"};
    return names[right];
}

enum pn_http_right pn_aws_operation_right(const struct pn_operation *operation)
{
    if ((operation->flags & PN_OPERATION_PUTS) != 0) {
        return PN_RIGHT_PRODUCE;
    }
    return (operation->flags & PN_OPERATION_READS) != 0 ? PN_RIGHT_READ : PN_RIGHT_ADMIN;
}

bool pn_http_patterns_have(const char *patterns, const char *name)
{
    if (patterns == NULL) {
        return true;
    }
    for (const char *p = patterns; *p != '\0';) {
        char pattern[PATTERN_BYTES_MAX];
        size_t len = strcspn(p, ",");
        if (len < sizeof pattern) {
            memcpy(pattern, p, len);
            pattern[len] = '\0';
            if (fnmatch(pattern, name, 0) == 0) {
                return true;
            }
        }
        p += len;
        p += *p == ',';
    }
    return false;
}

/* --- replies ---------------------------------------------------------------------------------- */

static bool refuse_key(struct pn_http_request *req, const char *key)
{
    pn_http_reply_header(req, "WWW-Authenticate",
                         key == NULL ? "Bearer realm=\"pinion\""
                                     : "Bearer realm=\"pinion\", error=\"invalid_token\"");
    if (key == NULL) {
        pn_http_reply_error(req, 401, 401,
                            "This server asks for an API key: send it as x-api-key, or as "
                            "Authorization: Bearer");
    } else {
        pn_http_reply_error(req, 401, 401, "The API key is not one of this server's");
    }
    return false;
}

/* `kind` is "topic" or "stream", or NULL: the key lacks the right for everything. */
static bool refuse_right(struct pn_http_request *req, enum pn_http_right right, const char *kind,
                         const char *name)
{
    if (kind == NULL) {
        pn_http_reply_error(req, 403, 403, "The API key lacks the right: %s",
                            pn_http_right_name(right));
    } else {
        pn_http_reply_error(req, 403, 403, "The API key lacks the right: %s, for the %s %.200s",
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
           (route->right == PN_RIGHT_OPEN ||
            ((route->flags & PN_HTTP_ROUTE_LOCAL) != 0 && server->auth.loopback) ||
            ((route->flags & PN_HTTP_ROUTE_SIGNED) != 0 && *server->config.aws_access_key != '\0'));
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
    if (route->scope == PN_OF_SERVER && (grant->topics != NULL || grant->streams != NULL)) {
        pn_http_reply_error(req, 403, 403,
                            "The API key lacks the right: %s, for all topics and streams",
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

bool pn_aws_may_operate(struct pn_http_request *req, const struct pn_operation *operation)
{
    enum pn_http_right right = pn_aws_operation_right(operation);
    return has(req, right) || refuse_right(req, right, NULL, NULL);
}
