#include "http/auth.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "base/mem.h"
#include "base/text_signature.h"

enum { KEY_FILE_BYTES_MAX = 1024 * 1024 };

static const char blanks[] = " \t\r";

/* --- a line ----------------------------------------------------------------------------------- */

/* Where a line stands, for errors. They never show it: it has a key. */
struct place {
    const char *from; /* a file, or PINION_API_KEY */
    size_t line;
};

/* Adds `list`, "produce,read", to the rights. */
static int take_rights(const char *list, struct pn_http_grant *grant, const struct place *at,
                       struct pn_err *e)
{
    grant->rights = 0;
    for (const char *p = list;;) {
        size_t len = strcspn(p, ",");
        unsigned right = 0;
        for (enum pn_http_right r = PN_RIGHT_PRODUCE; r <= PN_RIGHT_ADMIN; r++) {
            if (strlen(pn_http_right_name(r)) == len &&
                memcmp(pn_http_right_name(r), p, len) == 0) {
                right = 1U << r;
            }
        }
        if (right == 0) {
            return pn_err_input(e,
                                "%s, line %zu: rights= takes produce, read and admin, with "
                                "commas between them",
                                at->from, at->line);
        }
        grant->rights |= right;
        if (p[len] == '\0') {
            return 0;
        }
        p += len + 1;
    }
}

static int take_patterns(const char *list, const char **patterns, const char *name,
                         const struct place *at, struct pn_err *e)
{
    if (*patterns != NULL || *list == '\0') {
        return pn_err_input(e, "%s, line %zu: %s takes names or patterns, and stands once",
                            at->from, at->line, name);
    }
    *patterns = pn_xstrdup(list);
    return 0;
}

static int take_word(const char *word, struct pn_http_grant *grant, const struct place *at,
                     struct pn_err *e)
{
    static const char rights[] = "rights=";
    static const char topics[] = "topics=";
    static const char streams[] = "streams=";
    static const char pipelines[] = "pipelines=";
    if (strncmp(word, rights, sizeof rights - 1) == 0) {
        return take_rights(word + sizeof rights - 1, grant, at, e);
    }
    if (strncmp(word, topics, sizeof topics - 1) == 0) {
        return take_patterns(word + sizeof topics - 1, &grant->topics, topics, at, e);
    }
    if (strncmp(word, streams, sizeof streams - 1) == 0) {
        return take_patterns(word + sizeof streams - 1, &grant->streams, streams, at, e);
    }
    if (strncmp(word, pipelines, sizeof pipelines - 1) == 0) {
        return take_patterns(word + sizeof pipelines - 1, &grant->pipelines, pipelines, at, e);
    }
    return pn_err_input(e,
                        "%s, line %zu: after the key only rights=, topics=, streams= and "
                        "pipelines= may stand, with blanks between them",
                        at->from, at->line);
}

/* A key that is for some topics, streams or pipelines is for none of the kinds that it does not
 * name. */
static void close_rest(struct pn_http_grant *grant)
{
    const char **patterns[] = {&grant->topics, &grant->streams, &grant->pipelines};
    enum { KINDS = sizeof patterns / sizeof patterns[0] };
    if (pn_http_grant_is_whole(grant)) {
        return;
    }
    for (size_t i = 0; i < KINDS; i++) {
        if (*patterns[i] == NULL) {
            *patterns[i] = pn_xstrdup("");
        }
    }
}

/* Where the words after the key begin, at the first that has a "=" after a blank: a key may have
 * blanks inside. The end of the line when there are none. */
static char *words_of(char *line)
{
    char *word = line + strcspn(line, blanks);
    while (*word != '\0') {
        char *start = word + strspn(word, blanks);
        size_t len = strcspn(start, blanks);
        if (memchr(start, '=', len) != NULL) {
            return word;
        }
        word = start + len;
    }
    return word;
}

/* Takes a line, which begins with a key and ends with it or a word, apart. */
static int take_line(struct pn_http_auth_keys *keys, char *line, const struct place *at,
                     struct pn_err *e)
{
    char *words = words_of(line);
    size_t len = (size_t)(words - line);
    if (len < PN_HTTP_API_KEY_BYTES_MIN || len > PN_HTTP_API_KEY_BYTES_MAX) {
        return pn_err_input(e,
                            "an API key in %s, line %zu, has %zu characters; it must have %d to "
                            "%d",
                            at->from, at->line, len, PN_HTTP_API_KEY_BYTES_MIN,
                            PN_HTTP_API_KEY_BYTES_MAX);
    }
    if (keys->count == PN_HTTP_API_KEYS_MAX) {
        return pn_err_input(e, "%s has more than %d API keys", at->from, PN_HTTP_API_KEYS_MAX);
    }
    struct pn_http_auth_key *added = &keys->items[keys->count++];
    struct pn_http_grant *grant = &added->grant;
    (void)SHA256((const unsigned char *)line, len, added->sum);
    grant->rights = PN_RIGHTS_ALL;
    int rc = 0;
    char *rest = NULL;
    for (const char *word = strtok_r(words, blanks, &rest); rc == 0 && word != NULL;
         word = strtok_r(NULL, blanks, &rest)) {
        rc = take_word(word, grant, at, e);
    }
    close_rest(grant);
    return rc;
}

/* --- all of them ------------------------------------------------------------------------------ */

/* Adds every line that isn't empty nor a comment. */
static int add_lines(struct pn_http_auth_keys *keys, const char *text, const char *from,
                     struct pn_err *e)
{
    struct place at = {.from = from};
    char line[PN_HTTP_KEY_LINE_BYTES_MAX];
    int rc = 0;
    for (const char *p = text; *p != '\0' && rc == 0;) {
        const char *end = p + strcspn(p, "\n");
        const char *next = end + (*end == '\n');
        p += strspn(p, blanks);
        while (end > p && strchr(blanks, end[-1]) != NULL) {
            end--;
        }
        at.line++;
        if (p < end && *p != '#') {
            size_t len = (size_t)(end - p);
            if (len >= sizeof line) {
                rc = pn_err_input(e, "%s, line %zu, has more than %d characters", from, at.line,
                                  PN_HTTP_KEY_LINE_BYTES_MAX - 1);
            } else {
                memcpy(line, p, len);
                line[len] = '\0';
                rc = take_line(keys, line, &at, e);
            }
        }
        p = next;
    }
    OPENSSL_cleanse(line, sizeof line);
    return rc;
}

static void free_keys(struct pn_http_auth_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++) {
        free((char *)keys->items[i].grant.topics);
        free((char *)keys->items[i].grant.streams);
        free((char *)keys->items[i].grant.pipelines);
    }
    free(keys->items);
    *keys = (struct pn_http_auth_keys){0};
}

static int add_file(struct pn_http_auth_keys *keys, const char *path, const struct pn_io *io,
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

static int read_keys(struct pn_http_auth_keys *read, const char *key_file, const char *keys,
                     const struct pn_io *io, struct pn_err *e)
{
    *read =
        (struct pn_http_auth_keys){.items = pn_xcalloc(PN_HTTP_API_KEYS_MAX, sizeof *read->items)};
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
        free_keys(read);
    }
    return rc;
}

int pn_http_auth_init(struct pn_http_auth *auth, const char *mode, bool loopback,
                      const char *key_file, const char *keys, const struct pn_io *io,
                      struct pn_err *e)
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

int pn_http_auth_reload(struct pn_http_auth *auth, const char *key_file, const char *keys,
                        const struct pn_io *io, size_t *count, struct pn_err *e)
{
    struct pn_http_auth_keys fresh;
    PN_ASSERT(auth->required);
    int rc = read_keys(&fresh, key_file, keys, io, e);
    if (rc != 0) {
        return rc;
    }
    *count = fresh.count;
    pthread_rwlock_wrlock(&auth->lock);
    struct pn_http_auth_keys former = auth->keys;
    auth->keys = fresh;
    pthread_rwlock_unlock(&auth->lock);
    free_keys(&former);
    return 0;
}

void pn_http_auth_deinit(struct pn_http_auth *auth)
{
    if (auth->required) {
        pthread_rwlock_destroy(&auth->lock);
    }
    free_keys(&auth->keys);
    memset(auth, 0, sizeof *auth);
}

static const char *keep(const char *text, struct pn_arena *arena)
{
    return text != NULL ? pn_arena_strndup(arena, text, strlen(text)) : NULL;
}

void pn_http_auth_sum(const char *key, unsigned char sum[PN_HTTP_KEY_SUM_BYTES])
{
    (void)SHA256((const unsigned char *)key, strlen(key), sum);
}

bool pn_http_auth_find_sum(struct pn_http_auth *auth,
                           const unsigned char sum[PN_HTTP_KEY_SUM_BYTES], struct pn_arena *arena,
                           struct pn_http_grant *grant)
{
    PN_ASSERT(auth->required);
    pthread_rwlock_rdlock(&auth->lock);
    size_t found = auth->keys.count;
    for (size_t i = 0; i < auth->keys.count; i++) {
        if (CRYPTO_memcmp(sum, auth->keys.items[i].sum, PN_HTTP_KEY_SUM_BYTES) == 0) {
            found = i;
        }
    }
    bool is_there = found < auth->keys.count;
    if (is_there && grant != NULL) {
        *grant = auth->keys.items[found].grant;
        grant->topics = keep(grant->topics, arena);
        grant->streams = keep(grant->streams, arena);
        grant->pipelines = keep(grant->pipelines, arena);
    }
    pthread_rwlock_unlock(&auth->lock);
    return is_there;
}

bool pn_http_auth_find(struct pn_http_auth *auth, const char *key, struct pn_arena *arena,
                       struct pn_http_grant *grant)
{
    unsigned char sum[PN_HTTP_KEY_SUM_BYTES];
    pn_http_auth_sum(key, sum);
    return pn_http_auth_find_sum(auth, sum, arena, grant);
}
