/*
 * Where requests begin and end on a connection, by RFC 9112 to the letter.
 *
 * A proxy in front of us and libmicrohttpd must agree on where each request ends. Otherwise an
 * attacker whose bytes pass through both can have the end of a body taken for somebody else's
 * request. libmicrohttpd is lenient: it unfolds headers, ends lines at a bare LF, and cuts values
 * at a NUL. So the bytes of a connection pass through here first, and the first one that breaks
 * the grammar ends the connection:
 *
 *   request line   token SP target SP "HTTP/1." digit CRLF; blank lines before it, up to
 *                  PN_HTTP_FRAMING_BLANK_LINES
 *   header field   token ":" OWS value OWS CRLF, without control characters; not folded
 *   Host           once in HTTP/1.1, at most once in HTTP/1.0
 *   body           by one Content-Length of digits alone, or by "Transfer-Encoding: chunked" in
 *                  HTTP/1.1, never by both
 *   chunk          hex digits, an extension if any, CRLF, the data, CRLF
 *
 * Nothing is kept but a few bytes, whatever the pieces in which the bytes come.
 */
#ifndef PN_HTTP_FRAMING_H
#define PN_HTTP_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PN_HTTP_FRAMING_BLANK_LINES = 4,
    PN_HTTP_FRAMING_NAME_MAX = 20,
    PN_HTTP_FRAMING_VALUE_MAX = 24
};

struct pn_http_framing {
    const char *fault; /* why nothing more is read, static; NULL: all is well */
    int status;        /* of the reply that says so */
    bool http2;        /* the fault is that a client speaks HTTP/2 */
    uint64_t headers;  /* requests whose header is complete */
    uint64_t requests; /* requests that are complete */
    /* Where it is. */
    int state;
    uint64_t left;                       /* bytes of the body or the chunk that are still to come */
    int digits;                          /* of the chunk's size */
    int blank_lines;                     /* before a request line */
    int version_len;                     /* characters of "HTTP/1.1" that were read */
    char version[8];                     /* as it came */
    bool trailer;                        /* the lines are those after the last chunk */
    char name[PN_HTTP_FRAMING_NAME_MAX]; /* of the header field; cut */
    int name_len;
    char value[PN_HTTP_FRAMING_VALUE_MAX]; /* of a field that frames; cut */
    int value_len;
    int field; /* which of those it is */
    /* Of the header that is read. */
    int hosts;
    bool has_length;
    bool has_transfer;
    uint64_t length;
};

void pn_http_framing_init(struct pn_http_framing *framing);
/* Reads the next `len` bytes of the connection. Returns how many of them may be passed on: all,
 * or, with `fault` set, those before the byte that is at fault. */
size_t pn_http_framing_read(struct pn_http_framing *framing, const char *bytes, size_t len);

/* Is it before the first byte of a request? */
bool pn_http_framing_is_idle(const struct pn_http_framing *framing);

#endif
