/*
 * What a browser may do. On a machine where nobody needs a key, any page that its user opens could
 * otherwise use the server as the user can:
 *
 *   by another name    A page whose own name is made to point here (DNS rebinding) is of the same
 *                      origin for its browser. Only the Host header shows it, so on a loopback
 *                      address a Host is refused unless it is an IP address, localhost, the name in
 *                      gateway.listen, or one of gateway.allowed_hosts.
 *   reading            A browser gives a page the reply of another origin only if headers say so.
 *                      They are sent to the origins in gateway.cors_origin.
 *   acting             A browser sends simple requests (GET, and POST of text or a form) without
 *                      asking, and hides only the reply. So what changes something is refused when
 *                      Origin or Sec-Fetch-Site shows a page of another origin. A valid API key
 *                      takes the place of that check: no page knows it. So does the CSRF token of
 *                      a session (login.h), which only the server's own pages can read.
 *
 * Routes with PN_HTTP_ROUTE_PRODUCE are open to every page, as behind an API Gateway with CORS
 * switched on: they only add records. Clients that are not browsers send no Origin, and notice
 * nothing.
 */
#ifndef PN_HTTP_BROWSER_H
#define PN_HTTP_BROWSER_H

#include <stdbool.h>

#include "base/err.h"
#include "http/request.h"

struct pn_http_router_row;

/* Checks the two lists (names, and origins, separated by commas): INPUT when one has anything
 * else. */
int pn_http_browser_check_lists(const char *allowed_hosts, const char *cors_origin,
                                struct pn_err *e) PN_MUST_CHECK;

/* Does a list have the name of this Host header, its port aside? "*.example.com" has every name
 * below; "*" has all. */
bool pn_http_browser_list_has_host(const char *list, const char *host);
/* Is the Host header an IP address, localhost, or a name below localhost? */
bool pn_http_browser_is_local_host(const char *host);

/* May the request be made under this name? `target` is that of its request line. */
bool pn_http_browser_allows_host(const struct pn_http_request *req, const char *target);
/* Does the route change something? */
bool pn_http_browser_acts(const struct pn_http_router_row *row);
/* May the request act, as far as the page goes that sent it? `keyed`: a valid API key came, which
 * the route asks for, or a session with its CSRF token. */
bool pn_http_browser_allows_act(const struct pn_http_request *req,
                                const struct pn_http_router_row *row, bool keyed);
/* The value of Access-Control-Allow-Origin of its reply (borrowed), or NULL for none. `row` may be
 * NULL. */
const char *pn_http_browser_cors(const struct pn_http_request *req,
                                 const struct pn_http_router_row *row);
/* Do replies differ by Origin? */
bool pn_http_browser_varies(const struct pn_http_request *req);

#endif
