/*
 * Sessions of browsers: a cookie that stands for an API key, so that no page has to keep the key.
 *
 * A session begins when a browser sends its key once, and ends when the browser logs out, when it
 * was not used for PN_HTTP_SESSION_IDLE_MS, after PN_HTTP_SESSION_LIFE_MS, when its key is one of
 * the server's no more, or when the server stops. It has no rights of its own: each request has
 * those of the key. There are at most PN_HTTP_SESSIONS_MAX; a further one ends the one that was not
 * used for the longest time.
 *
 * The token, which only the cookie has, is 256 random bits. Of it and of the key only SHA-256 sums
 * are kept, in memory. Thread-safe.
 */
#ifndef PN_HTTP_SESSIONS_H
#define PN_HTTP_SESSIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

enum {
    PN_HTTP_SESSIONS_MAX = 1024,
    PN_HTTP_SESSION_SUM_BYTES = 32,
    PN_HTTP_SESSION_TOKEN_SIZE = 65, /* hex digits and a NUL */
    PN_HTTP_SESSION_CSRF_SIZE = 33
};
#define PN_HTTP_SESSION_IDLE_MS (INT64_C(12) * 3600 * 1000)
#define PN_HTTP_SESSION_LIFE_MS (INT64_C(7) * 24 * 3600 * 1000)

/* What names a session inside the server: the sum of its token. */
struct pn_http_session_id {
    unsigned char sum[PN_HTTP_SESSION_SUM_BYTES];
};

struct pn_http_session {
    unsigned char key[PN_HTTP_SESSION_SUM_BYTES]; /* the sum of its API key, as auth.h has it */
    /* What the session's pages send with each request that changes something. Pages of other
     * origins cannot read it. */
    char csrf[PN_HTTP_SESSION_CSRF_SIZE];
    int64_t left_ms; /* until it ends, if it is not used meanwhile */
};

struct pn_http_sessions;

/* The clock is borrowed. */
struct pn_http_sessions *pn_http_sessions_create(const struct pn_clock *clock);
void pn_http_sessions_destroy(struct pn_http_sessions **sessions); /* NULL ok */

/* Begins a session for the key of this sum, and writes its token. */
void pn_http_sessions_open(struct pn_http_sessions *sessions,
                           const unsigned char key[PN_HTTP_SESSION_SUM_BYTES],
                           char token[PN_HTTP_SESSION_TOKEN_SIZE]);
/* The id of a token, known or not. */
struct pn_http_session_id pn_http_session_id_of(const char *token);
/* Is there such a session? Then it counts as used now, and *session is a copy. */
bool pn_http_sessions_use(struct pn_http_sessions *sessions, const struct pn_http_session_id *id,
                          struct pn_http_session *session);
/* Is there such a session? This does not use it. */
bool pn_http_sessions_have(struct pn_http_sessions *sessions, const struct pn_http_session_id *id);
/* Ends a session; an unknown one is fine. */
void pn_http_sessions_close(struct pn_http_sessions *sessions, const struct pn_http_session_id *id);
/* Ends those whose key is_key() does not know. It is called under the lock of the sessions. */
void pn_http_sessions_keep(struct pn_http_sessions *sessions,
                           bool (*is_key)(void *arg, const unsigned char *key), void *arg);

#endif
