#include "gateway/codec.h"

#include <limits.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/json.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

char *pn_percent_decode(struct pn_arena *arena, const char *text, size_t len)
{
    char *out = pn_arena_alloc(arena, len + 1);
    size_t used = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '%') {
            int high = i + 1 < len ? hex_digit(text[i + 1]) : -1;
            int low = i + 2 < len ? hex_digit(text[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return NULL;
            }
            c = (unsigned char)(high * 16 + low);
            i += 2;
        }
        if (c < 0x20 || c == 0x7f) {
            return NULL;
        }
        out[used++] = (char)c;
    }
    out[used] = '\0';
    return pn_utf8_valid(out, used) ? out : NULL;
}

static bool is_plain(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '_' || c == '-';
}

void pn_percent_encode(struct pn_buf *out, const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (is_plain(*c)) {
            pn_buf_addc(out, *c);
        } else {
            pn_buf_addf(out, "%%%02X", (unsigned)(unsigned char)*c);
        }
    }
}

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
    return (is_plain(c) && c != '.' && c != '_' && c != '-') || c == '+' || c == '/';
}

bool pn_base64_decode(struct pn_buf *out, const char *text, size_t len)
{
    for (int pads = 0; pads < 2 && len > 0 && text[len - 1] == '='; pads++) {
        len--;
    }
    for (size_t i = 0; i < len; i++) {
        if (!is_base64(text[i])) {
            return false;
        }
    }
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
