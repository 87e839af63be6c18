#include "http/browser.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "http/internal.h"

enum { HOST_BYTES_MAX = 255 };

struct text {
    const char *at;
    size_t len;
};

/* The next item of a list, without blanks around it; false at its end. Empty items are skipped. */
static bool next_item(const char **list, struct text *item)
{
    for (;;) {
        *list += strspn(*list, ", \t");
        if (**list == '\0') {
            return false;
        }
        item->at = *list;
        item->len = strcspn(*list, ",");
        *list += item->len;
        while (item->len > 0 && strchr(" \t", item->at[item->len - 1]) != NULL) {
            item->len--;
        }
        if (item->len > 0) {
            return true;
        }
    }
}

/* A Host header without its port and a last dot. */
static struct text name_of(const char *host)
{
    struct text name = {.at = host, .len = strlen(host)};
    const char *colon = strrchr(host, ':');
    const char *bracket = strrchr(host, ']');
    if (colon != NULL && (bracket == NULL || bracket < colon)) {
        name.len = (size_t)(colon - host);
    }
    if (name.len > 0 && name.at[name.len - 1] == '.') {
        name.len--;
    }
    return name;
}

static bool equals(struct text a, const char *b, size_t b_len)
{
    return a.len == b_len && strncasecmp(a.at, b, b_len) == 0;
}

/* Is `name` the pattern, or, for "*.domain", below it? */
static bool matches(struct text name, struct text pattern)
{
    if (pattern.len > 1 && pattern.at[0] == '*') {
        size_t tail = pattern.len - 1; /* with its dot */
        return name.len > tail && strncasecmp(name.at + name.len - tail, pattern.at + 1, tail) == 0;
    }
    return equals(pattern, "*", 1) || equals(name, pattern.at, pattern.len);
}

bool pn_http_browser_list_has_host(const char *list, const char *host)
{
    const struct text name = name_of(host);
    struct text item;
    while (next_item(&list, &item)) {
        if (name.len > 0 && matches(name, item)) {
            return true;
        }
    }
    return false;
}

static bool is_address(struct text name)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char address[sizeof(struct in6_addr)];
    bool v6 = name.len > 2 && name.at[0] == '[' && name.at[name.len - 1] == ']';
    size_t len = v6 ? name.len - 2 : name.len;
    if (len >= sizeof text) {
        return false;
    }
    memcpy(text, name.at + v6, len);
    text[len] = '\0';
    return inet_pton(v6 ? AF_INET6 : AF_INET, text, address) == 1;
}

bool pn_http_browser_is_local_host(const char *host)
{
    const struct text name = name_of(host);
    return is_address(name) || pn_http_browser_list_has_host("localhost,*.localhost", host);
}

static int check_origin(struct text item, struct pn_err *e)
{
    struct text rest = item;
    const char *scheme = memmem(item.at, item.len, "://", 3);
    if (scheme != NULL) {
        rest.at = scheme + 3;
        rest.len = item.len - (size_t)(rest.at - item.at);
    }
    if (equals(item, "*", 1) ||
        (scheme != NULL && scheme > item.at && rest.len > 0 &&
         memchr(rest.at, '/', rest.len) == NULL && memchr(rest.at, '*', rest.len) == NULL &&
         memchr(item.at, ' ', item.len) == NULL)) {
        return 0;
    }
    return pn_err_input(e,
                        "gateway.cors_origin has \"%.*s\": it takes origins such as "
                        "https://app.example.com or http://localhost:3000, with commas between "
                        "them, or * for all",
                        (int)(item.len < 200 ? item.len : 200), item.at);
}

static int check_host(struct text item, struct pn_err *e)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    const char *from = item.at;
    size_t len = item.len;
    if (len > 2 && from[0] == '*' && from[1] == '.') {
        from += 2;
        len -= 2;
    }
    if (equals(item, "*", 1) || (len <= HOST_BYTES_MAX && strspn(from, allowed) >= len)) {
        return 0;
    }
    return pn_err_input(e,
                        "gateway.allowed_hosts has \"%.*s\": it takes names without port, such as "
                        "pinion.example.com or *.example.com, with commas between them, or * for "
                        "all",
                        (int)(item.len < 200 ? item.len : 200), item.at);
}

int pn_http_browser_check_lists(const char *allowed_hosts, const char *cors_origin,
                                struct pn_err *e)
{
    struct text item;
    int rc = 0;
    while (rc == 0 && next_item(&allowed_hosts, &item)) {
        rc = check_host(item, e);
    }
    while (rc == 0 && next_item(&cors_origin, &item)) {
        rc = check_origin(item, e);
    }
    return rc;
}

/* --- requests --------------------------------------------------------------------------------- */

static bool allows_name(const struct pn_http_server *server, const char *host)
{
    const struct pn_http_config *config = &server->config;
    if (!server->auth.loopback && *config->allowed_hosts == '\0') {
        return true; /* who may call there was decided by gateway.auth */
    }
    if (pn_http_browser_is_local_host(host) ||
        pn_http_browser_list_has_host(config->allowed_hosts, host)) {
        return true;
    }
    const struct text listens = name_of(config->listen);
    return equals(name_of(host), listens.at, listens.len);
}

bool pn_http_browser_allows_host(const struct pn_http_request *req, const char *target)
{
    const char *host = pn_http_request_header(req, "Host");
    if (host != NULL && !allows_name(req->server, host)) {
        return false;
    }
    if (*target == '/') {
        return true;
    }
    /* A whole URL: its authority counts as well (RFC 9112, section 3.2.2). */
    const char *authority = strstr(target, "://");
    char name[HOST_BYTES_MAX + 1];
    if (authority == NULL) {
        return true;
    }
    size_t len = strcspn(authority + 3, "/?#");
    if (len >= sizeof name) {
        return false;
    }
    memcpy(name, authority + 3, len);
    name[len] = '\0';
    return allows_name(req->server, name);
}

static bool is_listed(const char *list, const char *origin)
{
    struct text item;
    while (next_item(&list, &item)) {
        if (equals(item, "*", 1) || equals(item, origin, strlen(origin))) {
            return true;
        }
    }
    return false;
}

/* Is it the origin under which this server is called? */
static bool is_own(const struct pn_http_request *req, const char *origin)
{
    const char *host = pn_http_request_header(req, "Host");
    const char *name = strstr(origin, "://");
    return host != NULL && name != NULL &&
           (strncmp(origin, "http://", 7) == 0 || strncmp(origin, "https://", 8) == 0) &&
           strcasecmp(name + 3, host) == 0;
}

bool pn_http_browser_acts(const struct pn_http_router_row *row)
{
    return row->route->method != PN_HTTP_GET || (row->route->flags & PN_HTTP_ROUTE_ACTS) != 0;
}

bool pn_http_browser_allows_act(const struct pn_http_request *req,
                                const struct pn_http_router_row *row, bool keyed)
{
    if (!pn_http_browser_acts(row) || keyed || (row->route->flags & PN_HTTP_ROUTE_PRODUCE) != 0) {
        return true;
    }
    const char *origin = pn_http_request_header(req, "Origin");
    if (origin != NULL) {
        return is_own(req, origin) || is_listed(req->server->config.cors_origin, origin);
    }
    const char *site = pn_http_request_header(req, "Sec-Fetch-Site");
    return site == NULL || strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0;
}

const char *pn_http_browser_cors(const struct pn_http_request *req,
                                 const struct pn_http_router_row *row)
{
    if (row != NULL && (row->route->flags & PN_HTTP_ROUTE_PRODUCE) != 0) {
        return "*";
    }
    const char *list = req->server->config.cors_origin;
    if (*list == '\0') {
        return NULL;
    }
    if (!pn_http_browser_varies(req)) {
        return "*";
    }
    const char *origin = pn_http_request_header(req, "Origin");
    return origin != NULL && is_listed(list, origin) ? origin : NULL;
}

bool pn_http_browser_varies(const struct pn_http_request *req)
{
    const char *list = req->server->config.cors_origin;
    return *list != '\0' && !is_listed(list, "*");
}
