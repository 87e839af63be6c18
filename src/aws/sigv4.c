#include "aws/sigv4.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "aws/sigv4_internal.h"
#include "base/mem.h"
#include "http/percent.h"

enum { CANONICAL_BYTES_MAX = 4 << 20, SECRET_MAX = 4096, EXPIRES_MAX_S = 604800 };

static const char algorithm[] = "AWS4-HMAC-SHA256";
static const char missing[] = "MissingAuthenticationTokenException";
static const char incomplete[] = "IncompleteSignatureException";
static const char invalid[] = "InvalidSignatureException";
static const char unrecognized[] = "UnrecognizedClientException";

/* --- looking up ------------------------------------------------------------------------------- */

static const char *find_header(const struct pn_aws_sigv4_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++) {
        if (strcasecmp(request->headers[i].name, name) == 0) {
            return request->headers[i].value;
        }
    }
    return NULL;
}

/* Percent-decoded, in the arena; NULL when it's absent or broken. */
static const char *find_query(const struct pn_aws_sigv4_request *request, const char *name,
                              struct pn_arena *arena)
{
    for (size_t i = 0; i < request->query_count; i++) {
        const struct pn_aws_sigv4_pair *pair = &request->query[i];
        if (strcmp(pair->name, name) == 0 && pair->value != NULL) {
            return pn_http_percent_decode(arena, pair->value, strlen(pair->value));
        }
    }
    return NULL;
}

/* Is `name` one of the claim's signed headers? */
static bool signs(const struct pn_aws_sigv4_claim *claim, const char *name)
{
    size_t name_len = strlen(name);
    for (const char *p = claim->signed_headers; *p != '\0';) {
        size_t len = strcspn(p, ";");
        if (len == name_len && strncasecmp(p, name, len) == 0) {
            return true;
        }
        p += len;
        p += *p == ';';
    }
    return false;
}

/* --- what the request says -------------------------------------------------------------------- */

static bool is_empty(const char *text)
{
    return text == NULL || *text == '\0';
}

/* "AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=..." */
static void read_header(const char *header, struct pn_aws_sigv4_claim *claim,
                        struct pn_arena *arena)
{
    size_t len = strcspn(header, " ,");
    claim->algorithm = pn_arena_strndup(arena, header, len);
    for (const char *p = header + len; *p != '\0';) {
        p += strspn(p, " ,");
        len = strcspn(p, " ,");
        const char *word = pn_arena_strndup(arena, p, len);
        if (strncmp(word, "Credential=", 11) == 0) {
            claim->credential = word + 11;
        } else if (strncmp(word, "SignedHeaders=", 14) == 0) {
            claim->signed_headers = word + 14;
        } else if (strncmp(word, "Signature=", 10) == 0) {
            claim->signature = word + 10;
        }
        p += len;
    }
}

static const char *check_header_form(const struct pn_aws_sigv4_request *request, const char *header,
                                     struct pn_aws_sigv4_claim *claim, struct pn_arena *arena,
                                     const char **message)
{
    read_header(header, claim, arena);
    claim->date = find_header(request, "X-Amz-Date");
    if (claim->date == NULL) {
        claim->date = find_header(request, "Date");
    }
    const char *text = pn_arena_printf(
        arena, "%s%s%s%s",
        is_empty(claim->credential) ? "Authorization header requires 'Credential' parameter. " : "",
        is_empty(claim->signature) ? "Authorization header requires 'Signature' parameter. " : "",
        is_empty(claim->signed_headers)
            ? "Authorization header requires 'SignedHeaders' parameter. "
            : "",
        is_empty(claim->date) ? "Authorization header requires existence of either a 'X-Amz-Date' "
                                "or a 'Date' header. "
                              : "");
    if (*text == '\0') {
        return NULL;
    }
    *message = pn_arena_printf(arena, "%sAuthorization=%s", text, header);
    return incomplete;
}

static const char *check_query_form(const struct pn_aws_sigv4_request *request,
                                    struct pn_aws_sigv4_claim *claim, struct pn_arena *arena,
                                    const char **message)
{
    const struct {
        const char *name;
        const char **value;
    } wanted[] = {
        {"X-Amz-Algorithm", &claim->algorithm}, {"X-Amz-Credential", &claim->credential},
        {"X-Amz-Signature", &claim->signature}, {"X-Amz-SignedHeaders", &claim->signed_headers},
        {"X-Amz-Date", &claim->date},
    };
    const char *text = "";
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        *wanted[i].value = find_query(request, wanted[i].name, arena);
        if (is_empty(*wanted[i].value)) {
            text = pn_arena_printf(arena, "%sAWS query-string parameters must include '%s'. ", text,
                                   wanted[i].name);
        }
    }
    claim->expires = find_query(request, "X-Amz-Expires", arena);
    if (*text == '\0') {
        return NULL;
    }
    *message = pn_arena_printf(arena, "%sRe-examine the query-string parameters.", text);
    return incomplete;
}

static const char *check_form(const struct pn_aws_sigv4_request *request,
                              struct pn_aws_sigv4_claim *claim, struct pn_arena *arena,
                              const char **message)
{
    const char *header = find_header(request, "Authorization");
    bool presigned = false;
    for (size_t i = 0; i < request->query_count; i++) {
        presigned = presigned || strcmp(request->query[i].name, "X-Amz-Algorithm") == 0;
    }
    if (is_empty(header) && !presigned) {
        *message = "Missing Authentication Token";
        return missing;
    }
    if (!is_empty(header) && presigned) {
        *message = "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as "
                   "HTTP header.";
        return invalid;
    }
    return presigned ? check_query_form(request, claim, arena, message)
                     : check_header_form(request, header, claim, arena, message);
}

/* --- time ------------------------------------------------------------------------------------- */

static void write_time(int64_t ms, char out[17])
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    (void)gmtime_r(&seconds, &tm);
    (void)strftime(out, 17, "%Y%m%dT%H%M%SZ", &tm);
}

/* ISO 8601's basic form, or what HTTP's Date header has. */
static bool read_time(struct pn_aws_sigv4_claim *claim)
{
    struct tm tm = {0};
    const char *end = strptime(claim->date, "%Y%m%dT%H%M%SZ", &tm);
    if (end == NULL || *end != '\0') {
        memset(&tm, 0, sizeof tm);
        end = strptime(claim->date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    }
    if (end == NULL || *end != '\0' || tm.tm_year < 0 || tm.tm_year > 8099) {
        return false;
    }
    claim->time_ms = (int64_t)timegm(&tm) * 1000;
    write_time(claim->time_ms, claim->time);
    return true;
}

static const char *expired(const struct pn_aws_sigv4_claim *claim, int64_t life_ms, int64_t now_ms,
                           struct pn_arena *arena, const char **message)
{
    char now[17];
    char limit[17];
    write_time(now_ms, now);
    write_time(now_ms - life_ms, limit);
    *message = pn_arena_printf(arena,
                               "Signature expired: %s is now earlier than %s (%s - %lld "
                               "min.)",
                               claim->time, limit, now, (long long)life_ms / 60000);
    return invalid;
}

static const char *check_time(struct pn_aws_sigv4_claim *claim, int64_t now_ms,
                              struct pn_arena *arena, const char **message)
{
    int64_t life_ms = PN_AWS_SIGV4_SKEW_MS;
    if (!read_time(claim)) {
        *message = pn_arena_printf(arena,
                                   "Date must be in ISO-8601 'basic format'. Got '%s'. See "
                                   "http://en.wikipedia.org/wiki/ISO_8601",
                                   claim->date);
        return incomplete;
    }
    if (claim->expires != NULL) {
        char *end = NULL;
        long long seconds = strtoll(claim->expires, &end, 10);
        if (end == claim->expires || *end != '\0' || seconds < 1 || seconds > EXPIRES_MAX_S) {
            *message = "X-Amz-Expires must be between 1 and 604800 seconds";
            return incomplete;
        }
        life_ms = seconds * 1000;
    }
    if (now_ms - claim->time_ms > life_ms) {
        return expired(claim, life_ms, now_ms, arena, message);
    }
    if (claim->time_ms - now_ms > PN_AWS_SIGV4_SKEW_MS) {
        char now[17];
        char limit[17];
        write_time(now_ms, now);
        write_time(now_ms + PN_AWS_SIGV4_SKEW_MS, limit);
        *message = pn_arena_printf(arena,
                                   "Signature not yet current: %s is still later than %s (%s + %d "
                                   "min.)",
                                   claim->time, limit, now, PN_AWS_SIGV4_SKEW_MS / 60000);
        return invalid;
    }
    return NULL;
}

/* --- credential ------------------------------------------------------------------------------- */

/* An access key may hold slashes; the scope's four parts don't. */
static bool split_credential(struct pn_aws_sigv4_claim *claim, struct pn_arena *arena)
{
    enum { SCOPE_PARTS = 4 };
    const char **parts[SCOPE_PARTS] = {&claim->scope_end, &claim->scope_service,
                                       &claim->scope_region, &claim->scope_date};
    char *text = pn_arena_strdup(arena, claim->credential);
    for (size_t i = 0; i < SCOPE_PARTS; i++) {
        char *slash = strrchr(text, '/');
        if (slash == NULL) {
            return false;
        }
        *slash = '\0';
        *parts[i] = slash + 1;
    }
    claim->access_key = text;
    claim->scope = claim->credential + strlen(text) + 1;
    return true;
}

static bool same(const char *a, const char *b)
{
    size_t len = strlen(a);
    return strlen(b) == len && CRYPTO_memcmp(a, b, len) == 0;
}

static const char *check_credential(const struct pn_aws_sigv4_keys *keys,
                                    struct pn_aws_sigv4_claim *claim, struct pn_arena *arena,
                                    const char **message)
{
    if (strcmp(claim->algorithm, algorithm) != 0) {
        *message = pn_arena_printf(arena, "Unsupported AWS 'algorithm': '%s'.", claim->algorithm);
        return incomplete;
    }
    if (!split_credential(claim, arena)) {
        *message = "Credential must have exactly 5 slash-delimited elements, e.g. "
                   "keyid/date/region/service/term";
        return incomplete;
    }
    if (!same(claim->access_key, keys->access_key)) {
        *message = "The security token included in the request is invalid.";
        return unrecognized;
    }
    if (strcmp(claim->scope_end, "aws4_request") != 0) {
        *message = pn_arena_printf(arena,
                                   "Credential should be scoped with a valid terminator: "
                                   "'aws4_request', not '%s'.",
                                   claim->scope_end);
        return invalid;
    }
    if (strcmp(claim->scope_service, keys->service) != 0) {
        *message = pn_arena_printf(arena, "Credential should be scoped to correct service: '%s'.",
                                   keys->service);
        return invalid;
    }
    return NULL;
}

static const char *check_scope(const struct pn_aws_sigv4_request *request,
                               const struct pn_aws_sigv4_claim *claim, struct pn_arena *arena,
                               const char **message)
{
    if (strlen(claim->scope_date) != 8 || strncmp(claim->scope_date, claim->time, 8) != 0) {
        *message = pn_arena_printf(arena,
                                   "Date in Credential scope does not match YYYYMMDD from ISO-8601 "
                                   "version of date from HTTP: '%s' != '%.8s', from '%s'.",
                                   claim->scope_date, claim->time, claim->time);
        return invalid;
    }
    if (!signs(claim, "host")) {
        *message = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.";
        return invalid;
    }
    /* What says which operation it is must not be changed on the way. */
    if (find_header(request, "X-Amz-Target") != NULL && !signs(claim, "x-amz-target")) {
        *message = "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization.";
        return invalid;
    }
    return NULL;
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

/* The signature of the text, by the key that the secret gives for the claim's scope. */
static void sign(const struct pn_aws_sigv4_keys *keys, const struct pn_aws_sigv4_claim *claim,
                 const char *text, size_t len, char out[PN_AWS_SIGV4_HEX_SIZE])
{
    const char *steps[] = {claim->scope_date, claim->scope_region, claim->scope_service,
                           claim->scope_end};
    unsigned char key[SHA256_DIGEST_LENGTH];
    struct pn_buf secret;
    pn_buf_init(&secret, SECRET_MAX + 8);
    pn_buf_addf(&secret, "AWS4%s", keys->secret_key);
    hmac(pn_buf_text(&secret), secret.len, steps[0], strlen(steps[0]), key);
    for (size_t i = 1; i < sizeof steps / sizeof steps[0]; i++) {
        unsigned char last[SHA256_DIGEST_LENGTH];
        memcpy(last, key, sizeof last);
        hmac(last, sizeof last, steps[i], strlen(steps[i]), key);
    }
    unsigned char sum[SHA256_DIGEST_LENGTH];
    hmac(key, sizeof key, text, len, sum);
    pn_aws_sigv4_hex(sum, sizeof sum, out);
    OPENSSL_cleanse(key, sizeof key);
    if (secret.data != NULL) {
        OPENSSL_cleanse(secret.data, secret.len);
    }
    pn_buf_deinit(&secret);
}

static const char *check_signature(const struct pn_aws_sigv4_keys *keys,
                                   const struct pn_aws_sigv4_request *request,
                                   const struct pn_aws_sigv4_claim *claim, struct pn_arena *arena,
                                   const char **message)
{
    char sum[PN_AWS_SIGV4_HEX_SIZE];
    char wanted[PN_AWS_SIGV4_HEX_SIZE];
    struct pn_buf text;
    pn_buf_init(&text, CANONICAL_BYTES_MAX);
    pn_aws_sigv4_canonical(request, claim, arena, &text);
    bool failed = pn_buf_failed(&text);
    pn_aws_sigv4_sum(pn_buf_text(&text), text.len, sum);
    pn_buf_deinit(&text);
    const char *to_sign =
        pn_arena_printf(arena, "%s\n%s\n%s\n%s", algorithm, claim->time, claim->scope, sum);
    sign(keys, claim, to_sign, strlen(to_sign), wanted);
    if (!failed && same(claim->signature, wanted)) {
        return NULL;
    }
    *message = "The request signature we calculated does not match the signature you provided. "
               "Check your AWS Secret Access Key and signing method. Consult the service "
               "documentation for details.";
    return invalid;
}

const char *pn_aws_sigv4_verify(const struct pn_aws_sigv4_keys *keys,
                                const struct pn_aws_sigv4_request *request, int64_t now_ms,
                                struct pn_arena *arena, const char **message)
{
    struct pn_aws_sigv4_claim claim = {0};
    const char *error = check_form(request, &claim, arena, message);
    if (error != NULL || *keys->access_key == '\0') {
        return error;
    }
    error = check_credential(keys, &claim, arena, message);
    if (error == NULL) {
        error = check_time(&claim, now_ms, arena, message);
    }
    if (error == NULL) {
        error = check_scope(request, &claim, arena, message);
    }
    if (error == NULL) {
        error = check_signature(keys, request, &claim, arena, message);
    }
    return error;
}
