/* The strings that simdjson refuses though JSON's grammar has them: those with half a surrogate
 * pair. This path is slow and seldom taken. */
#include "base/json_string.h"

#include <stdint.h>
#include <string.h>

enum {
    HEX_DIGITS = 4, /* after "\u" */
    REPLACEMENT = 0xFFFD,
    HIGH_FIRST = 0xD800,
    LOW_FIRST = 0xDC00,
    LOW_END = 0xE000,
    PAIRS_FIRST = 0x10000, /* the first character that takes a pair */
    HALF_BITS = 10         /* that each half of a pair carries */
};

static bool read_hex(const char *at, const char *end, uint32_t *code)
{
    *code = 0;
    if (end - at < HEX_DIGITS) {
        return false;
    }
    for (int i = 0; i < HEX_DIGITS; i++) {
        char c = at[i];
        uint32_t digit = 0;
        if (c >= '0' && c <= '9') {
            digit = (uint32_t)(c - '0');
        } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
            digit = (uint32_t)((c | 0x20) - 'a' + 10);
        } else {
            return false;
        }
        *code = *code * 16 + digit;
    }
    return true;
}

/* Writes a character as UTF-8; returns the place after it. */
static char *put_utf8(char *to, uint32_t code)
{
    if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xC0 | code >> 6);
        *to++ = (char)(0x80 | (code & 0x3F));
    } else if (code < PAIRS_FIRST) {
        *to++ = (char)(0xE0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 0x3F));
        *to++ = (char)(0x80 | (code & 0x3F));
    } else {
        *to++ = (char)(0xF0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 0x3F));
        *to++ = (char)(0x80 | (code >> 6 & 0x3F));
        *to++ = (char)(0x80 | (code & 0x3F));
    }
    return to;
}

/* The character of the "\u" whose digits begin at *at, and of the one after it where the two make a
 * pair; moves *at to what follows. */
static bool read_unicode(const char **at, const char *end, uint32_t *code)
{
    uint32_t low = 0;
    if (!read_hex(*at, end, code)) {
        return false;
    }
    *at += HEX_DIGITS;
    if (*code < HIGH_FIRST || *code >= LOW_END) {
        return true;
    }
    bool is_pair = *code < LOW_FIRST && end - *at > 2 && (*at)[0] == '\\' && (*at)[1] == 'u' &&
                   read_hex(*at + 2, end, &low) && low >= LOW_FIRST && low < LOW_END;
    if (!is_pair) {
        *code = REPLACEMENT;
        return true;
    }
    *code = PAIRS_FIRST + ((*code - HIGH_FIRST) << HALF_BITS) + (low - LOW_FIRST);
    *at += 2 + HEX_DIGITS;
    return true;
}

bool pn_json_unescape(struct pn_arena *arena, const char *raw, size_t len, const char **text,
                      size_t *text_len)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    const char *end = raw + len;
    /* No escape is shorter than what it stands for. */
    char *start = pn_arena_alloc(arena, len + 1);
    char *to = start;
    for (const char *at = raw; at < end;) {
        if (*at != '\\') {
            *to++ = *at++;
            continue;
        }
        at++;
        if (at == end || *at == '\0') {
            return false;
        }
        const char *letter = strchr(letters, *at);
        uint32_t code = letter != NULL ? (uint32_t)meanings[letter - letters] : 0;
        bool is_unicode = *at++ == 'u';
        if (is_unicode ? !read_unicode(&at, end, &code) : letter == NULL) {
            return false;
        }
        to = put_utf8(to, code);
    }
    *text = start;
    *text_len = (size_t)(to - start);
    return true;
}
