/*
 * Checks of API keys and their rights (grant.h).
 *
 * A key is sent as `x-api-key: KEY`, as Amazon API Gateway has it, or as `Authorization: Bearer
 * KEY` (RFC 6750). A browser sends the cookie of a session in its place (login.h). Where the server
 * asks for a key, a request without a valid one is answered 401, and one whose key lacks the right
 * 403, with the right in its message.
 */
#ifndef PN_HTTP_RIGHTS_H
#define PN_HTTP_RIGHTS_H

#include "http/request.h"

struct pn_http_credential;
struct pn_http_router_row;
struct pn_http_session;

/*
 * May the request be made at its route (NULL: none was found), as far as its key goes? Sets
 * req->grant. False: the reply is there. *credential is what the route asked for: nothing, a valid
 * key, or a session, which came with its CSRF token if the route acts.
 */
bool pn_http_rights_check(struct pn_http_request *req, const struct pn_http_router_row *row,
                          struct pn_http_credential *credential);
/* Is the credential of a request as valid as it was? Quick if no key and no session ended. */
bool pn_http_rights_last(struct pn_http_server *server, struct pn_http_credential *credential);

/* The key or the session of a request, whatever its route: then *grant is what it grants, and
 * *session is set if credential->has_session. Only where keys are asked for. */
bool pn_http_rights_credential(struct pn_http_request *req, struct pn_http_credential *credential,
                               struct pn_http_grant *grant, struct pn_http_session *session);
/* The name of the server's cookie, and its value in the request or NULL. Both in the arena. */
const char *pn_http_rights_cookie_name(struct pn_http_request *req);
const char *pn_http_rights_cookie(struct pn_http_request *req);

#endif
