/*
 * Checks of API keys and their rights (grant.h).
 *
 * A key is sent as `x-api-key: KEY`, as Amazon API Gateway has it, or as `Authorization: Bearer
 * KEY` (RFC 6750). Where the server asks for one, a request without a valid key is answered 401,
 * and one whose key lacks the right 403, with the right in its message.
 */
#ifndef PN_HTTP_RIGHTS_H
#define PN_HTTP_RIGHTS_H

#include "http/request.h"

struct pn_http_router_row;

/*
 * May the request be made at its route (NULL: none was found), as far as its key goes? Sets
 * req->grant. False: the reply is there. *keyed: the route asks for a key, and a valid one came.
 */
bool pn_http_rights_check(struct pn_http_request *req, const struct pn_http_router_row *row,
                          bool *keyed);

#endif
