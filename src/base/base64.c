#include "base/base64.h"

#include <limits.h>
#include <string.h>

#include <openssl/evp.h>

enum { ENCODE_CHUNK_BYTES = 3 * (INT_MAX / 8) };

void pn_base64_encode(struct pn_buf *out, const void *bytes, size_t len)
{
    const unsigned char *from = bytes;
    while (len > 0) {
        size_t chunk = len < ENCODE_CHUNK_BYTES ? len : ENCODE_CHUNK_BYTES;
        if (!pn_buf_reserve(out, (chunk + 2) / 3 * 4 + 1)) {
            return;
        }
        int wrote = EVP_EncodeBlock((unsigned char *)out->data + out->len, from, (int)chunk);
        out->len += (size_t)wrote;
        from += chunk;
        len -= chunk;
    }
}

static bool is_base64(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/';
}

static bool is_blank(char c)
{
    return c == '\n' || c == '\r' || c == ' ' || c == '\t';
}

/* What is base64 without blanks between. */
static bool decode_dense(struct pn_buf *out, const char *text, size_t len)
{
    size_t tail = len % 4;
    if (tail == 1 || len > INT_MAX / 2 || !pn_buf_reserve(out, len / 4 * 3 + 3 + 1)) {
        return false;
    }
    unsigned char *to = (unsigned char *)out->data + out->len;
    size_t whole = len - tail;
    if (whole > 0 && EVP_DecodeBlock(to, (const unsigned char *)text, (int)whole) < 0) {
        return false;
    }
    out->len += whole / 4 * 3;
    if (tail > 0) {
        unsigned char last[4] = {'=', '=', '=', '='};
        memcpy(last, text + whole, tail);
        if (EVP_DecodeBlock(to + whole / 4 * 3, last, 4) < 0) {
            return false;
        }
        out->len += tail - 1;
    }
    out->data[out->len] = '\0';
    return true;
}

bool pn_base64_decode(struct pn_buf *out, const char *text, size_t len)
{
    size_t blanks = 0;
    for (int pads = 0; len > 0 && (is_blank(text[len - 1]) || (text[len - 1] == '=' && pads < 2));
         len--) {
        pads += text[len - 1] == '=';
    }
    for (size_t i = 0; i < len; i++) {
        if (is_blank(text[i])) {
            blanks++;
        } else if (!is_base64(text[i])) {
            return false;
        }
    }
    if (blanks == 0) {
        return decode_dense(out, text, len);
    }
    struct pn_buf dense;
    pn_buf_init(&dense, len + 1);
    bool ok = pn_buf_reserve(&dense, len - blanks + 1);
    for (size_t i = 0; ok && i < len; i++) {
        if (!is_blank(text[i])) {
            dense.data[dense.len++] = text[i];
        }
    }
    ok = ok && decode_dense(out, dense.data, dense.len);
    pn_buf_deinit(&dense);
    return ok;
}

/* OpenSSL decodes fast, but reads over blanks around the text and takes '=' anywhere for zeros; so
 * what it leaves open is looked at here: each of four characters must have given three bytes,
 * and the padding must be at the end, with no stray bits before it. */
bool pn_base64_decode_exact(struct pn_arena *arena, const char *text, size_t len,
                            const void **bytes, size_t *bytes_len)
{
    if (len == 0) {
        *bytes = "";
        *bytes_len = 0;
        return true;
    }
    if (len % 4 != 0 || len > INT_MAX / 2) {
        return false;
    }
    size_t pads = (text[len - 1] == '=' ? 1u : 0u) + (text[len - 2] == '=' ? 1u : 0u);
    if (memchr(text, '=', len - pads) != NULL) {
        return false;
    }
    unsigned char *to = pn_arena_alloc(arena, len / 4 * 3);
    if (EVP_DecodeBlock(to, (const unsigned char *)text, (int)len) != (int)(len / 4 * 3)) {
        return false;
    }
    if (pads > 0) {
        unsigned char last[5];
        (void)EVP_EncodeBlock(last, to + len / 4 * 3 - 3, (int)(3 - pads));
        if (memcmp(last, text + len - 4, 4) != 0) {
            return false;
        }
    }
    *bytes = to;
    *bytes_len = len / 4 * 3 - pads;
    return true;
}
