/*
 * Who asks, and the login of browsers: a browser sends its API key once, and gets a cookie for a
 * session (sessions.h) in its place.
 *
 * The cookie is named by the port, since browsers send a cookie to every port of a host. No script
 * can read it (HttpOnly), no page of another site has it sent (SameSite=Strict), and under TLS it
 * is sent under TLS only (Secure). A page of another port of the same host is of the same site. So
 * what changes something must also have the session's token as the header X-Pinion-CSRF, which
 * pages of other origins cannot read.
 */
#ifndef PN_HTTP_LOGIN_H
#define PN_HTTP_LOGIN_H

#include "http/request.h"

/* Who made the request. Texts are in its arena. */
struct pn_http_who {
    bool asks_keys;   /* does the server ask for keys? Without, everybody may do everything */
    bool is_known;    /* a valid key or session came */
    const char *name; /* the first digits of the key's sum: "key 1a2b3c4d"; NULL: not known */
    struct pn_http_grant grant; /* what they may do: nothing if keys are asked for and none came */
    const char *csrf;           /* of their session; NULL: there is none */
    int64_t left_ms;            /* until the session ends, if it is not used meanwhile */
};

enum pn_http_login {
    PN_HTTP_LOGIN_DONE,
    PN_HTTP_LOGIN_WRONG,   /* the key is none of the server's */
    PN_HTTP_LOGIN_TOO_MANY /* too many wrong keys came from the address: `wait_s` */
};

/* For handlers of routes that need no key (PN_RIGHT_OPEN). */
void pn_http_who(struct pn_http_request *req, struct pn_http_who *who);
/* Begins a session for the key, ends the one that the request has, and adds the cookie to the
 * reply. Only where keys are asked for. */
enum pn_http_login pn_http_log_in(struct pn_http_request *req, const char *key,
                                  struct pn_http_who *who, int *wait_s);
/* Ends the session of the request, if it has one, and takes the cookie back. Streams of the session
 * end, see struct pn_http_reply_stream. */
void pn_http_log_out(struct pn_http_request *req);

#endif
