/* JSON texts and numbers, written. */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/json_simdjson.h"

static void write_escape(struct pn_buf *out, unsigned char c)
{
    switch (c) {
    case '"':
        pn_buf_adds(out, "\\\"");
        break;
    case '\\':
        pn_buf_adds(out, "\\\\");
        break;
    case '\b':
        pn_buf_adds(out, "\\b");
        break;
    case '\f':
        pn_buf_adds(out, "\\f");
        break;
    case '\n':
        pn_buf_adds(out, "\\n");
        break;
    case '\r':
        pn_buf_adds(out, "\\r");
        break;
    case '\t':
        pn_buf_adds(out, "\\t");
        break;
    default:
        pn_buf_addf(out, "\\u%04x", (unsigned)c);
        break;
    }
}

/* Does any of 8 bytes need an escape? May say so of bytes from 0x80 on that don't; the exact test
 * follows. Each term has the high bit of the bytes in question set (and, by borrowing, perhaps of
 * some above them). */
static bool may_need_escape(const char *text)
{
    const uint64_t ones = 0x0101010101010101u;
    uint64_t bytes;
    memcpy(&bytes, text, sizeof bytes);
    uint64_t quotes = bytes ^ (ones * '"');
    uint64_t slashes = bytes ^ (ones * '\\');
    uint64_t found = ((bytes - ones * 0x20) & ~bytes) | ((quotes - ones) & ~quotes) |
                     ((slashes - ones) & ~slashes);
    return (found & (ones * 0x80)) != 0;
}

void pn_json_write_string(struct pn_buf *out, const char *text, size_t len)
{
    pn_buf_addc(out, '"');
    size_t plain = 0; /* start of what needs no escape */
    for (size_t i = 0; i < len; i++) {
        while (i + 8 <= len && !may_need_escape(text + i)) {
            i += 8;
        }
        unsigned char c = (unsigned char)(i < len ? text[i] : ' ');
        if (c >= 0x20 && c != '"' && c != '\\') {
            continue;
        }
        pn_buf_add(out, text + plain, i - plain);
        write_escape(out, c);
        plain = i + 1;
    }
    if (len > plain) {
        pn_buf_add(out, text + plain, len - plain);
    }
    pn_buf_addc(out, '"');
}

void pn_json_write_cstr(struct pn_buf *out, const char *text)
{
    if (text == NULL) {
        pn_buf_adds(out, "null");
    } else {
        pn_json_write_string(out, text, strlen(text));
    }
}

void pn_json_write_double(struct pn_buf *out, double value)
{
    if (!isfinite(value)) {
        pn_buf_adds(out, "null");
        return;
    }
    char digits[PN_SIMDJSON_DOUBLE_SIZE];
    pn_buf_add(out, digits, pn_simdjson_double(value, digits));
}

/* In a string's text: an odd number of backslashes before it escapes a quote. */
static bool is_escaped(const char *quote)
{
    size_t slashes = 0;
    while (quote[-1] == '\\') {
        quote--;
        slashes++;
    }
    return slashes % 2 != 0;
}

/* A name as it came: from the value back to the quote that ends it, and on to the one that begins
 * it. */
static void write_raw_name(struct pn_buf *out, const char *value)
{
    const char *end = value;
    while (end[-1] != '"') {
        end--;
    }
    const char *start = end - 2;
    while (*start != '"' || is_escaped(start)) {
        start--;
    }
    pn_buf_add(out, start, (size_t)(end - start));
}

void pn_json_write_name(struct pn_buf *out, const struct pn_json *member)
{
    if (member->key_is_lossy) {
        write_raw_name(out, member->raw);
    } else {
        pn_json_write_string(out, member->key, member->key_len);
    }
    pn_buf_addc(out, ':');
}

static void write_node(struct pn_buf *out, const struct pn_json *node);

static void write_children(struct pn_buf *out, const struct pn_json *node)
{
    for (const struct pn_json *child = node->first; child != NULL; child = child->next) {
        if (child != node->first) {
            pn_buf_addc(out, ',');
        }
        if (node->type == PN_JSON_OBJECT) {
            pn_json_write_name(out, child);
        }
        write_node(out, child);
    }
}

static void write_node(struct pn_buf *out, const struct pn_json *node)
{
    switch (node->type) {
    case PN_JSON_NULL:
    case PN_JSON_BOOL:
    case PN_JSON_NUMBER:
        pn_buf_add(out, node->raw, node->raw_len);
        break;
    case PN_JSON_STRING:
        if (node->is_lossy) {
            pn_buf_add(out, node->raw, node->raw_len);
        } else {
            pn_json_write_string(out, node->text, node->text_len);
        }
        break;
    case PN_JSON_ARRAY:
        pn_buf_addc(out, '[');
        write_children(out, node);
        pn_buf_addc(out, ']');
        break;
    case PN_JSON_OBJECT:
        pn_buf_addc(out, '{');
        write_children(out, node);
        pn_buf_addc(out, '}');
        break;
    }
}

/* Is a parsed value's own text its compact form already: no escapes, no white space outside of
 * strings? Then it can be copied. */
static bool is_compact(const char *raw, size_t len)
{
    const char *end = raw + len;
    if (memchr(raw, '\\', len) != NULL) {
        return false;
    }
    while (raw < end) {
        if (*raw == '"') {
            /* Without escapes the next quote is the string's end, which parsing made sure of. */
            raw = memchr(raw + 1, '"', (size_t)(end - raw - 1));
        } else if ((unsigned char)*raw <= ' ') {
            return false;
        }
        raw++;
    }
    return true;
}

void pn_json_write(struct pn_buf *out, const struct pn_json *node)
{
    if (node->first != NULL && is_compact(node->raw, node->raw_len)) {
        pn_buf_add(out, node->raw, node->raw_len);
    } else {
        write_node(out, node);
    }
}
