#include "aws/sigv4.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <openssl/crypto.h>

#include "base/mem.h"
#include "base/percent.h"

enum { CANONICAL_BYTES_MAX = 4 << 20, EXPIRES_MAX_S = 604800 };

/* What a request says of its signature; texts in the arena. */
struct claim {
    const char *algorithm;
    const char *credential; /* whole: key/date/region/service/aws4_request */
    const char *signed_headers;
    const char *signature;
    const char *date; /* as sent, or NULL */
    const char *expires;
    /* The credential's parts, once it was taken apart. */
    const char *access_key;
    const char *scope; /* after the key */
    const char *scope_date;
    const char *scope_region;
    const char *scope_service;
    const char *scope_end;
    char time[PN_SIGV4_TIME_SIZE]; /* "20261123T154443Z" */
    int64_t time_ms;
};

static const char missing[] = "MissingAuthenticationTokenException";
static const char incomplete[] = "IncompleteSignatureException";
static const char invalid[] = "InvalidSignatureException";
static const char unrecognized[] = "UnrecognizedClientException";

/* --- looking up ------------------------------------------------------------------------------- */

static const char *find_header(const struct pn_sigv4_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++) {
        if (strcasecmp(request->headers[i].name, name) == 0) {
            return request->headers[i].value;
        }
    }
    return NULL;
}

/* Percent-decoded, in the arena; NULL when it's absent or broken. */
static const char *find_query(const struct pn_sigv4_request *request, const char *name,
                              struct pn_arena *arena)
{
    for (size_t i = 0; i < request->query_count; i++) {
        const struct pn_sigv4_pair *pair = &request->query[i];
        if (strcmp(pair->name, name) == 0 && pair->value != NULL) {
            return pn_percent_decode(arena, pair->value, strlen(pair->value));
        }
    }
    return NULL;
}

/* Is `name` one of the claim's signed headers? */
static bool signs(const struct claim *claim, const char *name)
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
static void read_header(const char *header, struct claim *claim, struct pn_arena *arena)
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

static const char *check_header_form(const struct pn_sigv4_request *request, const char *header,
                                     struct claim *claim, struct pn_arena *arena,
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

static const char *check_query_form(const struct pn_sigv4_request *request, struct claim *claim,
                                    struct pn_arena *arena, const char **message)
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

static const char *check_form(const struct pn_sigv4_request *request, struct claim *claim,
                              struct pn_arena *arena, const char **message)
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

/* ISO 8601's basic form, or what HTTP's Date header has. */
static bool read_time(struct claim *claim)
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
    pn_sigv4_time(claim->time_ms, claim->time);
    return true;
}

static const char *expired(const struct claim *claim, int64_t life_ms, int64_t now_ms,
                           struct pn_arena *arena, const char **message)
{
    char now[PN_SIGV4_TIME_SIZE];
    char limit[PN_SIGV4_TIME_SIZE];
    pn_sigv4_time(now_ms, now);
    pn_sigv4_time(now_ms - life_ms, limit);
    *message = pn_arena_printf(arena,
                               "Signature expired: %s is now earlier than %s (%s - %lld "
                               "min.)",
                               claim->time, limit, now, (long long)life_ms / 60000);
    return invalid;
}

static const char *check_time(struct claim *claim, int64_t now_ms, struct pn_arena *arena,
                              const char **message)
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
        char now[PN_SIGV4_TIME_SIZE];
        char limit[PN_SIGV4_TIME_SIZE];
        pn_sigv4_time(now_ms, now);
        pn_sigv4_time(now_ms + PN_AWS_SIGV4_SKEW_MS, limit);
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
static bool split_credential(struct claim *claim, struct pn_arena *arena)
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

static const char *check_credential(const struct pn_aws_sigv4_keys *keys, struct claim *claim,
                                    struct pn_arena *arena, const char **message)
{
    if (strcmp(claim->algorithm, PN_SIGV4_ALGORITHM) != 0) {
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

static const char *check_scope(const struct pn_sigv4_request *request, const struct claim *claim,
                               struct pn_arena *arena, const char **message)
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

static const char *check_signature(const struct pn_aws_sigv4_keys *keys,
                                   const struct pn_sigv4_request *request,
                                   const struct claim *claim, struct pn_arena *arena,
                                   const char **message)
{
    char wanted[PN_SIGV4_HEX_SIZE];
    const struct pn_sigv4_scope scope = {.date = claim->scope_date,
                                         .region = claim->scope_region,
                                         .service = claim->scope_service,
                                         .end = claim->scope_end};
    struct pn_buf text;
    pn_buf_init(&text, CANONICAL_BYTES_MAX);
    pn_sigv4_canonical(request, claim->signed_headers, arena, &text);
    bool failed = pn_buf_failed(&text);
    pn_sigv4_sign(&text, keys->secret_key, claim->time, &scope, wanted);
    pn_buf_deinit(&text);
    if (!failed && same(claim->signature, wanted)) {
        return NULL;
    }
    *message = "The request signature we calculated does not match the signature you provided. "
               "Check your AWS Secret Access Key and signing method. Consult the service "
               "documentation for details.";
    return invalid;
}

const char *pn_aws_sigv4_verify(const struct pn_aws_sigv4_keys *keys,
                                const struct pn_sigv4_request *request, int64_t now_ms,
                                struct pn_arena *arena, const char **message)
{
    struct claim claim = {0};
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
