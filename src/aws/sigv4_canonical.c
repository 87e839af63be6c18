/* A request in the canonical form that its signature is of. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/sha.h>

#include "aws/sigv4_internal.h"

enum { SEGMENTS_MAX = 256 };

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

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Encoded in the one way that the specification wants, whichever way it was sent. */
static const char *recode(struct pn_arena *arena, const char *text)
{
    struct pn_buf out;
    pn_buf_init(&out, strlen(text) * 3 + 1);
    for (const char *p = text; *p != '\0'; p++) {
        int high = *p == '%' ? hex_value(p[1]) : -1;
        int low = high >= 0 ? hex_value(p[2]) : -1;
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
    const struct pn_aws_sigv4_pair *left = a;
    const struct pn_aws_sigv4_pair *right = b;
    int order = strcmp(left->name, right->name);
    return order != 0 ? order : strcmp(left->value, right->value);
}

static void add_query(struct pn_buf *out, const struct pn_aws_sigv4_request *request,
                      struct pn_arena *arena)
{
    struct pn_aws_sigv4_pair *pairs =
        pn_arena_calloc(arena, request->query_count + 1, sizeof *pairs);
    size_t count = 0;
    for (size_t i = 0; i < request->query_count; i++) {
        const struct pn_aws_sigv4_pair *sent = &request->query[i];
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

static void add_header(struct pn_buf *out, const struct pn_aws_sigv4_request *request,
                       const char *name, size_t name_len)
{
    bool first = true;
    pn_buf_add(out, name, name_len);
    pn_buf_addc(out, ':');
    for (size_t i = 0; i < request->header_count; i++) {
        const struct pn_aws_sigv4_pair *header = &request->headers[i];
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

void pn_aws_sigv4_hex(const unsigned char *bytes, size_t len, char *out)
{
    static const char lower_hex[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out[i * 2] = lower_hex[bytes[i] >> 4];
        out[i * 2 + 1] = lower_hex[bytes[i] & 15];
    }
    out[len * 2] = '\0';
}

void pn_aws_sigv4_sum(const void *bytes, size_t len, char out[PN_AWS_SIGV4_HEX_SIZE])
{
    unsigned char sum[SHA256_DIGEST_LENGTH];
    (void)SHA256(bytes != NULL ? bytes : "", len, sum);
    pn_aws_sigv4_hex(sum, sizeof sum, out);
}

void pn_aws_sigv4_canonical(const struct pn_aws_sigv4_request *request,
                            const struct pn_aws_sigv4_claim *claim, struct pn_arena *arena,
                            struct pn_buf *out)
{
    char sum[PN_AWS_SIGV4_HEX_SIZE];
    pn_buf_addf(out, "%s\n", request->method);
    add_path(out, request->path);
    add_query(out, request, arena);
    for (const char *p = claim->signed_headers; *p != '\0';) {
        size_t len = strcspn(p, ";");
        add_header(out, request, p, len);
        p += len;
        p += *p == ';';
    }
    pn_aws_sigv4_sum(request->body, request->body_len, sum);
    pn_buf_addf(out, "\n%s\n%s", claim->signed_headers, sum);
}
