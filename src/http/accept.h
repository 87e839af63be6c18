/* What a client accepts as a reply, and what it has: RFC 9110, sections 12.5 and 13.1.2. */
#ifndef PN_HTTP_ACCEPT_H
#define PN_HTTP_ACCEPT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Which of `offers`, media types, the Accept header likes best: highest q, then the earliest in
 * `offers`. Returns its index, or -1 when it accepts none. A NULL or empty header accepts the
 * first.
 */
int pn_http_accept(const char *accept, const char *const *offers, size_t count);

/* Does the Accept-Encoding header ask for this coding ("gzip")? NULL: it does not. */
bool pn_http_accept_encoding(const char *accept, const char *encoding);

/* Is the tag (`"abc"` or `W/"abc"`) in the list of the If-None-Match header, by the weak
 * comparison? A list of `*` has every tag. What comes after an item that is not a tag is
 * ignored. */
bool pn_http_etag_is_known(const char *list, const char *etag);

#endif
