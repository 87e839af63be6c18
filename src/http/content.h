/*
 * Replies that need not be sent, or not as they are: for whichever handler asks. A handler calls
 * these when `status` is 200 and `out` has the body, and the first one also before it makes the
 * body, where it knows what the body's version is.
 *
 * All of them add `Vary: Accept-Encoding`, once: a 304 has it where the 200 has it.
 */
#ifndef PN_HTTP_CONTENT_H
#define PN_HTTP_CONTENT_H

#include "http/request.h"

/* Bodies below it stay as they are: they fit into a packet. */
enum { PN_HTTP_COMPRESS_BYTES_MIN = 1024 };

/*
 * Gives the reply this entity tag (RFC 9110, section 8.8.3; `"abc"` or `W/"abc"`, static or in the
 * arena). True when the client has a body with that tag, by the weak comparison of If-None-Match
 * (section 13.1.2): then the reply is a 304 without a body, and the handler is done.
 */
bool pn_http_reply_is_known(struct pn_http_request *req, const char *etag);

/* The same with a weak tag made from the body: it saves the client's time, not the handler's. */
bool pn_http_reply_is_known_body(struct pn_http_request *req);

/* Compresses the body with gzip where the client accepts that, it has PN_HTTP_COMPRESS_BYTES_MIN
 * bytes at least, and becomes shorter. */
void pn_http_reply_compress(struct pn_http_request *req);

/* The body is compressed with gzip already. Where the client does not accept that, it is
 * decompressed. */
void pn_http_reply_is_gzipped(struct pn_http_request *req);

#endif
