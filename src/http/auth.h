/*
 * Who may use the server: anybody (on a loopback address, or with `auth: none`), or who sends one
 * of the API keys. rights.h says how a key is sent and what it may do.
 *
 * Keys come a line each: the key, and if need be what it is for, in any order. Empty lines and
 * those that begin with # are skipped. A bare key may do everything.
 *
 *   KEY [rights=produce,read,admin] [topics=PATTERN,...] [streams=PATTERN,...]
 *       [pipelines=PATTERN,...]
 *
 * Without rights= it has all three. With one of the other words it is for what that word names
 * alone: a key with topics= and no more is for no stream and no pipeline.
 *
 * Only SHA-256 sums of the keys are kept. All of them are compared, each in constant time.
 */
#ifndef PN_HTTP_AUTH_H
#define PN_HTTP_AUTH_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/io.h"
#include "http/grant.h"

enum {
    PN_HTTP_API_KEYS_MAX = 1024,
    PN_HTTP_API_KEY_BYTES_MIN = 16,
    PN_HTTP_API_KEY_BYTES_MAX = 256
};
enum { PN_HTTP_KEY_SUM_BYTES = 32, PN_HTTP_KEY_LINE_BYTES_MAX = 4096 };

struct pn_http_auth_key {
    unsigned char sum[PN_HTTP_KEY_SUM_BYTES];
    struct pn_http_grant grant; /* its texts are owned */
};

struct pn_http_auth_keys {
    struct pn_http_auth_key *items;
    size_t count;
};

struct pn_http_auth {
    bool required;
    bool loopback;         /* the address listened on */
    pthread_rwlock_t lock; /* of `keys`, where a key is required */
    struct pn_http_auth_keys keys;
};

/*
 * `mode` is "", "none" or "api-key"; keys come from the file and from `keys`, one a line. INPUT
 * when the mode is none of these, when the address isn't loopback and the mode is "", and when
 * api-key has no key, or a line is wrong: a key too short or too long, an unknown right.
 */
int pn_http_auth_init(struct pn_http_auth *auth, const char *mode, bool loopback,
                      const char *key_file, const char *keys, const struct pn_io *io,
                      struct pn_err *e) PN_MUST_CHECK;
/*
 * Reads the keys again, from the file and `keys`, and takes them in place of the former ones; they
 * stay when one of the new ones is wrong (INPUT) or the file cannot be read. Only where a key is
 * required. `count` is how many there are now. Any thread.
 */
int pn_http_auth_reload(struct pn_http_auth *auth, const char *key_file, const char *keys,
                        const struct pn_io *io, size_t *count, struct pn_err *e) PN_MUST_CHECK;
void pn_http_auth_deinit(struct pn_http_auth *auth);
/* The sum of a key, one of the server's or not. */
void pn_http_auth_sum(const char *key, unsigned char sum[PN_HTTP_KEY_SUM_BYTES]);
/* The same as pn_http_auth_find(), of the key that has this sum. grant NULL: is it there? */
bool pn_http_auth_find_sum(struct pn_http_auth *auth,
                           const unsigned char sum[PN_HTTP_KEY_SUM_BYTES], struct pn_arena *arena,
                           struct pn_http_grant *grant);
/* Is `key` one of the keys? Then *grant is what it grants, with texts in the arena. Only where a
 * key is required. Any thread. */
bool pn_http_auth_find(struct pn_http_auth *auth, const char *key, struct pn_arena *arena,
                       struct pn_http_grant *grant);

#endif
