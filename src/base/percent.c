#include "base/percent.h"

#include <string.h>

#include "base/json.h"

int pn_hex_digit(char c)
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
            int high = i + 1 < len ? pn_hex_digit(text[i + 1]) : -1;
            int low = i + 2 < len ? pn_hex_digit(text[i + 2]) : -1;
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
