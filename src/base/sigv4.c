#include "base/sigv4.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "base/err.h"
#include "base/percent.h"

enum { SEGMENTS_MAX = 256, CANONICAL_BYTES_MAX = 4 << 20, SECRET_BYTES_MAX = 4096 };

static const char upper_hex[] = "0123456789ABCDEF";

/* --- percent-encoding ------------------------------------------------------------------------- */

static bool is_unreserved(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static void add_encoded(struct pn_buf *out, unsigned char c)
{
    if (is_unreserved(c)) {
        pn_buf_addc(out, (char)c);
        return;
    }
    const char code[3] = {'%', upper_hex[c >> 4], upper_hex[c & 15]};
    pn_buf_add(out, code, sizeof code);
}

void pn_sigv4_encode(struct pn_buf *out, const char *text, bool keep_slash)
{
    for (; *text != '\0'; text++) {
        if (*text == '/' && keep_slash) {
            pn_buf_addc(out, '/');
        } else {
            add_encoded(out, (unsigned char)*text);
        }
    }
}

/* Encoded in the one way that the specification wants, whichever way it was sent. */
static const char *recode(struct pn_arena *arena, const char *text)
{
    struct pn_buf out;
    pn_buf_init(&out, strlen(text) * 3 + 1);
    for (const char *p = text; *p != '\0'; p++) {
        int high = *p == '%' ? pn_hex_digit(p[1]) : -1;
        int low = high >= 0 ? pn_hex_digit(p[2]) : -1;
        if (low >= 0) {
            add_encoded(&out, (unsigned char)(high * 16 + low));
            p += 2;
        } else {
            add_encoded(&out, (unsigned char)*p);
        }
    }
    const char *encoded = pn_arena_strndup(arena, pn_buf_text(&out), out.len);
    pn_buf_deinit(&out);
    return encoded;
}

/* --- the parts -------------------------------------------------------------------------------- */

/* Without empty, "." and ".." segments; each segment encoded once more. */
static void add_path(struct pn_buf *out, const char *path)
{
    const char *segments[SEGMENTS_MAX];
    size_t lens[SEGMENTS_MAX];
    size_t count = 0;
    const char *p = path;
    while (*p != '\0') {
        size_t len = strcspn(p, "/");
        if (len == 2 && memcmp(p, "..", 2) == 0) {
            count -= count > 0;
        } else if (len > 0 && !(len == 1 && *p == '.') && count < SEGMENTS_MAX) {
            segments[count] = p;
            lens[count++] = len;
        }
        p += len;
        p += *p == '/';
    }
    for (size_t i = 0; i < count; i++) {
        pn_buf_addc(out, '/');
        for (size_t c = 0; c < lens[i]; c++) {
            add_encoded(out, (unsigned char)segments[i][c]);
        }
    }
    if (count == 0 || (p > path && p[-1] == '/')) {
        pn_buf_addc(out, '/');
    }
    pn_buf_addc(out, '\n');
}

static int compare_pairs(const void *a, const void *b)
{
    const struct pn_sigv4_pair *left = a;
    const struct pn_sigv4_pair *right = b;
    int order = strcmp(left->name, right->name);
    return order != 0 ? order : strcmp(left->value, right->value);
}

static void add_query(struct pn_buf *out, const struct pn_sigv4_request *request,
                      struct pn_arena *arena)
{
    struct pn_sigv4_pair *pairs = pn_arena_calloc(arena, request->query_count + 1, sizeof *pairs);
    size_t count = 0;
    for (size_t i = 0; i < request->query_count; i++) {
        const struct pn_sigv4_pair *sent = &request->query[i];
        if (strcmp(sent->name, "X-Amz-Signature") != 0) {
            pairs[count].name = recode(arena, sent->name);
            pairs[count++].value = recode(arena, sent->value != NULL ? sent->value : "");
        }
    }
    qsort(pairs, count, sizeof *pairs, compare_pairs);
    for (size_t i = 0; i < count; i++) {
        pn_buf_addf(out, "%s%s=%s", i > 0 ? "&" : "", pairs[i].name, pairs[i].value);
    }
    pn_buf_addc(out, '\n');
}

/* Without white space around it, and one space for several inside. */
static void add_trimmed(struct pn_buf *out, const char *value)
{
    const char *p = value + strspn(value, " \t\r\n");
    while (*p != '\0') {
        size_t word = strcspn(p, " \t\r\n");
        size_t gap = strspn(p + word, " \t\r\n");
        pn_buf_add(out, p, word);
        p += word + gap;
        if (gap > 0 && *p != '\0') {
            pn_buf_addc(out, ' ');
        }
    }
}

static void add_header(struct pn_buf *out, const struct pn_sigv4_request *request, const char *name,
                       size_t name_len)
{
    bool first = true;
    pn_buf_add(out, name, name_len);
    pn_buf_addc(out, ':');
    for (size_t i = 0; i < request->header_count; i++) {
        const struct pn_sigv4_pair *header = &request->headers[i];
        if (strlen(header->name) == name_len && strncasecmp(header->name, name, name_len) == 0) {
            if (!first) {
                pn_buf_addc(out, ',');
            }
            first = false;
            add_trimmed(out, header->value != NULL ? header->value : "");
        }
    }
    pn_buf_addc(out, '\n');
}

static void hex(const unsigned char *bytes, size_t len, char *out)
{
    static const char lower_hex[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out[i * 2] = lower_hex[bytes[i] >> 4];
        out[i * 2 + 1] = lower_hex[bytes[i] & 15];
    }
    out[len * 2] = '\0';
}

void pn_sigv4_sum(const void *bytes, size_t len, char out[PN_SIGV4_HEX_SIZE])
{
    unsigned char sum[SHA256_DIGEST_LENGTH];
    (void)SHA256(bytes != NULL ? bytes : "", len, sum);
    hex(sum, sizeof sum, out);
}

void pn_sigv4_canonical(const struct pn_sigv4_request *request, const char *signed_headers,
                        struct pn_arena *arena, struct pn_buf *out)
{
    char sum[PN_SIGV4_HEX_SIZE];
    pn_buf_addf(out, "%s\n", request->method);
    if (request->path_as_sent) {
        pn_buf_addf(out, "%s\n", request->path);
    } else {
        add_path(out, request->path);
    }
    add_query(out, request, arena);
    for (const char *p = signed_headers; *p != '\0';) {
        size_t len = strcspn(p, ";");
        add_header(out, request, p, len);
        p += len;
        p += *p == ';';
    }
    if (request->body_sum == NULL) {
        pn_sigv4_sum(request->body, request->body_len, sum);
    }
    pn_buf_addf(out, "\n%s\n%s", signed_headers,
                request->body_sum != NULL ? request->body_sum : sum);
}

/* --- the signature ---------------------------------------------------------------------------- */

static void hmac(const void *key, size_t key_len, const char *text, size_t len,
                 unsigned char out[SHA256_DIGEST_LENGTH])
{
    unsigned out_len = 0;
    const unsigned char *made =
        HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)text, len, out, &out_len);
    PN_ASSERT(made != NULL && out_len == SHA256_DIGEST_LENGTH);
}

/* The key that the secret gives for the scope. */
static void derive_key(const char *secret_key, const struct pn_sigv4_scope *scope,
                       unsigned char key[SHA256_DIGEST_LENGTH])
{
    const char *steps[] = {scope->date, scope->region, scope->service, scope->end};
    struct pn_buf secret;
    pn_buf_init(&secret, SECRET_BYTES_MAX + 8);
    pn_buf_addf(&secret, "AWS4%s", secret_key);
    hmac(pn_buf_text(&secret), secret.len, steps[0], strlen(steps[0]), key);
    for (size_t i = 1; i < sizeof steps / sizeof steps[0]; i++) {
        unsigned char last[SHA256_DIGEST_LENGTH];
        memcpy(last, key, sizeof last);
        hmac(last, sizeof last, steps[i], strlen(steps[i]), key);
    }
    if (secret.data != NULL) {
        OPENSSL_cleanse(secret.data, secret.len);
    }
    pn_buf_deinit(&secret);
}

void pn_sigv4_sign(const struct pn_buf *canonical, const char *secret_key, const char *time,
                   const struct pn_sigv4_scope *scope, char out[PN_SIGV4_HEX_SIZE])
{
    unsigned char key[SHA256_DIGEST_LENGTH];
    unsigned char sum[SHA256_DIGEST_LENGTH];
    char canonical_sum[PN_SIGV4_HEX_SIZE];
    struct pn_buf text;
    pn_sigv4_sum(pn_buf_text(canonical), canonical->len, canonical_sum);
    pn_buf_init(&text, CANONICAL_BYTES_MAX);
    pn_buf_addf(&text, "%s\n%s\n%s/%s/%s/%s\n%s", PN_SIGV4_ALGORITHM, time, scope->date,
                scope->region, scope->service, scope->end, canonical_sum);
    derive_key(secret_key, scope, key);
    hmac(key, sizeof key, pn_buf_text(&text), text.len, sum);
    hex(sum, sizeof sum, out);
    OPENSSL_cleanse(key, sizeof key);
    pn_buf_deinit(&text);
}

/* --- a client's request ----------------------------------------------------------------------- */

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of all headers, as the canonical form wants them. */
static const char *names_of(const struct pn_sigv4_request *request, struct pn_arena *arena)
{
    char **names = pn_arena_calloc(arena, request->header_count + 1, sizeof *names);
    const char *joined = "";
    for (size_t i = 0; i < request->header_count; i++) {
        names[i] = pn_arena_strdup(arena, request->headers[i].name);
        for (char *c = names[i]; *c != '\0'; c++) {
            *c = *c >= 'A' && *c <= 'Z' ? (char)(*c + ('a' - 'A')) : *c;
        }
    }
    qsort(names, request->header_count, sizeof *names, compare_texts);
    for (size_t i = 0; i < request->header_count; i++) {
        joined = pn_arena_printf(arena, "%s%s%s", joined, i > 0 ? ";" : "", names[i]);
    }
    return joined;
}

const char *pn_sigv4_authorize(const struct pn_sigv4_request *request,
                               const struct pn_sigv4_keys *keys, const char *time,
                               struct pn_arena *arena)
{
    char signature[PN_SIGV4_HEX_SIZE];
    const struct pn_sigv4_scope scope = {.date = pn_arena_strndup(arena, time, 8),
                                         .region = keys->region,
                                         .service = keys->service,
                                         .end = "aws4_request"};
    const char *names = names_of(request, arena);
    struct pn_buf canonical;
    pn_buf_init(&canonical, CANONICAL_BYTES_MAX);
    pn_sigv4_canonical(request, names, arena, &canonical);
    pn_sigv4_sign(&canonical, keys->secret_key, time, &scope, signature);
    pn_buf_deinit(&canonical);
    return pn_arena_printf(arena, "%s Credential=%s/%s/%s/%s/%s, SignedHeaders=%s, Signature=%s",
                           PN_SIGV4_ALGORITHM, keys->access_key, scope.date, scope.region,
                           scope.service, scope.end, names, signature);
}

void pn_sigv4_time(int64_t wall_ms, char out[PN_SIGV4_TIME_SIZE])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    (void)gmtime_r(&seconds, &tm);
    (void)strftime(out, PN_SIGV4_TIME_SIZE, "%Y%m%dT%H%M%SZ", &tm);
}
