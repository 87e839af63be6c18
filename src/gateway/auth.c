#include "gateway/auth.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "base/mem.h"
#include "base/text_signature.h"

enum { KEY_FILE_BYTES_MAX = PN_API_KEYS_MAX * (PN_API_KEY_BYTES_MAX + 2) };

static int add_key(struct pn_auth_keys *keys, const char *key, size_t len, const char *from,
                   struct pn_err *e)
{
    if (len < PN_API_KEY_BYTES_MIN || len > PN_API_KEY_BYTES_MAX) {
        return pn_err_input(e, "an API key in %s has %zu characters; it must have %d to %d", from,
                            len, PN_API_KEY_BYTES_MIN, PN_API_KEY_BYTES_MAX);
    }
    if (keys->count == PN_API_KEYS_MAX) {
        return pn_err_input(e, "%s has more than %d API keys", from, PN_API_KEYS_MAX);
    }
    (void)SHA256((const unsigned char *)key, len, keys->sums[keys->count++]);
    return 0;
}

/* Adds every line that isn't empty nor a comment. */
static int add_lines(struct pn_auth_keys *keys, const char *text, const char *from,
                     struct pn_err *e)
{
    for (const char *p = text; *p != '\0';) {
        size_t len = strcspn(p, "\n");
        size_t used = len;
        const char *line = p;
        while (used > 0 && strchr(" \t\r", line[used - 1]) != NULL) {
            used--;
        }
        while (used > 0 && strchr(" \t", *line) != NULL) {
            line++;
            used--;
        }
        if (used > 0 && *line != '#') {
            int rc = add_key(keys, line, used, from, e);
            if (rc != 0) {
                return rc;
            }
        }
        p += len;
        p += *p == '\n';
    }
    return 0;
}

static int add_file(struct pn_auth_keys *keys, const char *path, const struct pn_io *io,
                    struct pn_err *e)
{
    struct pn_buf text;
    pn_buf_init(&text, KEY_FILE_BYTES_MAX);
    const char *lines = NULL;
    int rc = pn_io_read_file(io, path, &text, e);
    size_t len = text.len;
    if (rc == 0) {
        rc = pn_text_start(path, pn_buf_text(&text), &len, &lines, e);
    }
    if (rc == 0) {
        rc = add_lines(keys, lines, path, e);
    }
    if (text.data != NULL) {
        OPENSSL_cleanse(text.data, text.len);
    }
    pn_buf_deinit(&text);
    return rc;
}

static int read_keys(struct pn_auth_keys *read, const char *key_file, const char *keys,
                     const struct pn_io *io, struct pn_err *e)
{
    *read = (struct pn_auth_keys){.sums = pn_xcalloc(PN_API_KEYS_MAX, sizeof *read->sums)};
    int rc = 0;
    if (key_file != NULL && *key_file != '\0') {
        rc = add_file(read, key_file, io, e);
    }
    if (rc == 0 && keys != NULL) {
        rc = add_lines(read, keys, "PINION_API_KEY", e);
    }
    if (rc == 0 && read->count == 0) {
        rc = pn_err_input(e, "gateway.auth is api-key, but there are no keys: give them in "
                             "gateway.api_key_file, one a line, or in PINION_API_KEY");
    }
    if (rc != 0) {
        free(read->sums);
        *read = (struct pn_auth_keys){0};
    }
    return rc;
}

int pn_auth_init(struct pn_auth *auth, const char *mode, bool loopback, const char *key_file,
                 const char *keys, const struct pn_io *io, struct pn_err *e)
{
    memset(auth, 0, sizeof *auth);
    auth->loopback = loopback;
    if (strcmp(mode, "none") == 0) {
        return 0;
    }
    if (*mode == '\0') {
        return loopback ? 0
                        : pn_err_input(e, "refusing to listen on an address that others can reach "
                                          "without authentication: set gateway.auth to api-key "
                                          "(and give the keys in gateway.api_key_file or "
                                          "PINION_API_KEY), or to none if that is what you want");
    }
    if (strcmp(mode, "api-key") != 0) {
        return pn_err_input(e, "gateway.auth is \"%s\"; it must be none or api-key", mode);
    }
    int rc = read_keys(&auth->keys, key_file, keys, io, e);
    if (rc == 0) {
        auth->required = true;
        pthread_rwlock_init(&auth->lock, NULL);
    }
    return rc;
}

int pn_auth_reload(struct pn_auth *auth, const char *key_file, const char *keys,
                   const struct pn_io *io, size_t *count, struct pn_err *e)
{
    struct pn_auth_keys fresh;
    PN_ASSERT(auth->required);
    int rc = read_keys(&fresh, key_file, keys, io, e);
    if (rc != 0) {
        return rc;
    }
    *count = fresh.count;
    pthread_rwlock_wrlock(&auth->lock);
    struct pn_auth_keys former = auth->keys;
    auth->keys = fresh;
    pthread_rwlock_unlock(&auth->lock);
    free(former.sums);
    return 0;
}

void pn_auth_deinit(struct pn_auth *auth)
{
    if (auth->required) {
        pthread_rwlock_destroy(&auth->lock);
    }
    free(auth->keys.sums);
    memset(auth, 0, sizeof *auth);
}

bool pn_auth_allows(struct pn_auth *auth, const char *key)
{
    if (!auth->required) {
        return true;
    }
    if (key == NULL) {
        return false;
    }
    unsigned char sum[PN_KEY_SUM_BYTES];
    (void)SHA256((const unsigned char *)key, strlen(key), sum);
    int found = 0;
    pthread_rwlock_rdlock(&auth->lock);
    for (size_t i = 0; i < auth->keys.count; i++) {
        found |= CRYPTO_memcmp(sum, auth->keys.sums[i], sizeof sum) == 0;
    }
    pthread_rwlock_unlock(&auth->lock);
    return found != 0;
}
