/* What a client accepts as a reply: RFC 9110, section 12.5. */
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

#endif
