#include "base/json_writer.h"

#include <stdarg.h>

#include "base/base64.h"

enum { DIGITS_MAX = 20 }; /* of a number of 64 bits */

void pn_json_writer_init(struct pn_json_writer *json, struct pn_buf *out)
{
    json->out = out; /* and `outer` needs nothing */
    json->depth = 0;
    json->indent = 0;
    json->in_object = false;
    json->follows = false;
    json->named = false;
}

int pn_json_writer_check(const struct pn_json_writer *json, const char *what, struct pn_err *e)
{
    PN_ASSERT(json->depth == 0);
    return pn_buf_check(json->out, what, e);
}

/* --- bytes ------------------------------------------------------------------------------------ */

/* Where `len` more bytes go, when there is memory for them already; else NULL. */
static inline char *room(const struct pn_buf *out, size_t len)
{
    return !out->failed && len < out->capacity - out->len ? out->data + out->len : NULL;
}

/* What room() gave is written up to `end`. */
static inline void wrote(struct pn_buf *out, char *end)
{
    *end = '\0';
    out->len = (size_t)(end - out->data);
}

static inline void add_char(struct pn_buf *out, char c)
{
    char *to = room(out, 1);
    if (to == NULL) {
        pn_buf_addc(out, c);
        return;
    }
    *to = c;
    wrote(out, to + 1);
}

static void begin_line(struct pn_json_writer *json)
{
    pn_buf_addf(json->out, "\n%*s", (int)json->indent - 1, "");
    json->indent = 0;
}

/* Before an item or a name: the comma, and the line break if one was asked for. */
static inline void separate(struct pn_json_writer *json)
{
    if (json->follows) {
        add_char(json->out, ',');
    }
    if (json->indent > 0) {
        begin_line(json);
    }
}

/* Before each value. */
static inline void begin(struct pn_json_writer *json)
{
    if (json->named) {
        json->named = false;
    } else {
        /* A value in an object has its name before it, and a document is one value. */
        PN_ASSERT(!json->in_object);
        PN_ASSERT(json->depth > 0 || !json->follows);
        separate(json);
    }
    json->follows = true;
}

static inline void begin_name(struct pn_json_writer *json)
{
    PN_ASSERT(json->in_object && !json->named);
    separate(json);
    json->follows = true;
    json->named = true;
}

static inline void put_plain(struct pn_json_writer *json, const char *text, size_t len)
{
    begin(json);
    char *to = room(json->out, len);
    if (to == NULL) {
        pn_buf_add(json->out, text, len);
        return;
    }
    memcpy(to, text, len);
    wrote(json->out, to + len);
}

/* --- layout ----------------------------------------------------------------------------------- */

void pn_json_put_break(struct pn_json_writer *json, uint32_t spaces)
{
    PN_ASSERT(!json->named);
    json->indent = spaces + 1;
}

void pn_json_end_line(struct pn_json_writer *json)
{
    PN_ASSERT(json->depth == 0 && json->follows);
    pn_buf_addc(json->out, '\n');
    json->follows = false;
}

struct pn_json_mark pn_json_mark(const struct pn_json_writer *json)
{
    return (struct pn_json_mark){.len = json->out->len,
                                 .depth = json->depth,
                                 .follows = json->follows,
                                 .named = json->named};
}

void pn_json_rewind(struct pn_json_writer *json, const struct pn_json_mark *mark)
{
    PN_ASSERT(json->depth >= mark->depth && json->out->len >= mark->len);
    if (json->depth > mark->depth) {
        json->in_object = json->outer[mark->depth];
    }
    json->depth = mark->depth;
    json->indent = 0;
    json->follows = mark->follows;
    json->named = mark->named;
    json->out->len = mark->len;
    if (json->out->data != NULL) {
        json->out->data[mark->len] = '\0';
    }
}

/* --- values ----------------------------------------------------------------------------------- */

static void open_container(struct pn_json_writer *json, char bracket, bool is_object)
{
    PN_ASSERT(json->depth < PN_JSON_WRITER_DEPTH_MAX);
    begin(json);
    add_char(json->out, bracket);
    json->outer[json->depth++] = json->in_object;
    json->in_object = is_object;
    json->follows = false;
}

void pn_json_put_object(struct pn_json_writer *json)
{
    open_container(json, '{', true);
}

void pn_json_put_array(struct pn_json_writer *json)
{
    open_container(json, '[', false);
}

void pn_json_end(struct pn_json_writer *json)
{
    PN_ASSERT(json->depth > 0 && !json->named);
    if (json->indent > 0) {
        begin_line(json);
    }
    add_char(json->out, json->in_object ? '}' : ']');
    json->in_object = json->outer[--json->depth];
    json->follows = true;
}

/* 0 when each of 8 bytes is ASCII that needs no escape. */
static inline uint64_t odd_bytes(uint64_t bytes)
{
    /* The high bit of a byte says that the byte, or one below it, is odd. */
    const uint64_t ones = 0x0101010101010101u;
    uint64_t quotes = bytes ^ (ones * '"');
    uint64_t slashes = bytes ^ (ones * '\\');
    return (bytes | (bytes - ones * 0x20) | (quotes - ones) | (slashes - ones)) & (ones * 0x80);
}

static inline uint64_t copy_8(char *to, const char *text)
{
    uint64_t bytes;
    memcpy(&bytes, text, sizeof bytes);
    memcpy(to, &bytes, sizeof bytes);
    return odd_bytes(bytes);
}

static inline uint64_t copy_4_twice(char *to, const char *text, size_t distance)
{
    uint32_t first;
    uint32_t last;
    memcpy(&first, text, sizeof first);
    memcpy(&last, text + distance, sizeof last);
    memcpy(to, &first, sizeof first);
    memcpy(to + distance, &last, sizeof last);
    return odd_bytes(first | (uint64_t)last << 32);
}

/* Copies a text as long as it is ASCII that needs no escape, as most are; false when it is not. The
 * last step may take some bytes twice. */
__attribute__((always_inline)) static inline bool copy_plain(char *to, const char *text, size_t len)
{
    if (len >= 8) {
        for (size_t i = 0; i + 8 < len; i += 8) {
            if (copy_8(to + i, text + i) != 0) {
                return false;
            }
        }
        return copy_8(to + len - 8, text + len - 8) == 0;
    }
    if (len >= 4) {
        return copy_4_twice(to, text, len - 4) == 0;
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\') {
            return false;
        }
        to[i] = (char)c;
    }
    return true;
}

static void write_odd_string(struct pn_buf *out, const char *text, size_t len)
{
    if (pn_utf8_valid(text, len)) {
        pn_json_write_string(out, text, len);
        return;
    }
    struct pn_buf clean;
    pn_buf_init(&clean, out->max);
    pn_utf8_add_clean(&clean, text, len);
    pn_json_write_string(out, pn_buf_text(&clean), clean.len);
    out->failed = out->failed || clean.failed;
    pn_buf_deinit(&clean);
}

void pn_json_put_name(struct pn_json_writer *json, const char *name, size_t len)
{
    struct pn_buf *out = json->out;
    char *to = json->indent == 0 ? room(out, len + 4) : NULL;
    PN_ASSERT(json->in_object && !json->named);
    if (to != NULL) {
        *to = ',';
        to += json->follows;
        if (copy_plain(to + 1, name, len)) {
            to[0] = '"';
            to[len + 1] = '"';
            to[len + 2] = ':';
            wrote(out, to + len + 3);
            json->follows = true;
            json->named = true;
            return;
        }
    }
    begin_name(json);
    write_odd_string(out, name, len);
    add_char(out, ':');
}

void pn_json_put_raw_name(struct pn_json_writer *json, const char *text, size_t len)
{
    begin_name(json);
    pn_buf_add(json->out, text, len);
    pn_buf_addc(json->out, ':');
}

void pn_json_put_name_of(struct pn_json_writer *json, const struct pn_json *member)
{
    begin_name(json);
    pn_json_write_name(json->out, member);
}

void pn_json_add_node(struct pn_json_writer *json, const struct pn_json *member)
{
    pn_json_put_name_of(json, member);
    pn_json_put_node(json, member);
}

void pn_json_put_string(struct pn_json_writer *json, const char *text, size_t len)
{
    begin(json);
    char *to = room(json->out, len + 2);
    if (to == NULL || !copy_plain(to + 1, text, len)) {
        write_odd_string(json->out, text, len);
        return;
    }
    to[0] = '"';
    to[len + 1] = '"';
    wrote(json->out, to + len + 2);
}

void pn_json_put_cstr(struct pn_json_writer *json, const char *text)
{
    if (text == NULL) {
        pn_json_put_null(json);
    } else {
        pn_json_put_string(json, text, strlen(text));
    }
}

void pn_json_put_textf(struct pn_json_writer *json, const char *fmt, ...)
{
    struct pn_buf text;
    pn_buf_init(&text, json->out->max);
    va_list args;
    va_start(args, fmt);
    pn_buf_addv(&text, fmt, args);
    va_end(args);
    pn_json_put_string(json, pn_buf_text(&text), text.len);
    json->out->failed = json->out->failed || text.failed;
    pn_buf_deinit(&text);
}

struct pn_buf *pn_json_open_text(struct pn_json_writer *json)
{
    begin(json);
    add_char(json->out, '"');
    return json->out;
}

void pn_json_close_text(struct pn_json_writer *json)
{
    add_char(json->out, '"');
}

void pn_json_put_base64(struct pn_json_writer *json, const void *bytes, size_t len)
{
    pn_base64_encode(pn_json_open_text(json), bytes, len);
    pn_json_close_text(json);
}

static inline size_t count_digits(uint64_t value)
{
    size_t count = 1;
    for (uint64_t power = 10; count < DIGITS_MAX && value >= power; power *= 10) {
        count++;
    }
    return count;
}

static inline void put_digits(struct pn_json_writer *json, bool is_negative, uint64_t value)
{
    struct pn_buf *out = json->out;
    size_t len = count_digits(value) + (is_negative ? 1 : 0);
    begin(json);
    char *to = room(out, len);
    if (to == NULL) {
        if (!pn_buf_reserve(out, len)) {
            return;
        }
        to = out->data + out->len;
    }
    *to = '-';
    char *digit = to + len;
    wrote(out, digit);
    do {
        *--digit = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
}

void pn_json_put_i64(struct pn_json_writer *json, int64_t value)
{
    put_digits(json, value < 0, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void pn_json_put_u64(struct pn_json_writer *json, uint64_t value)
{
    put_digits(json, false, value);
}

void pn_json_put_i64_text(struct pn_json_writer *json, int64_t value)
{
    pn_buf_add_i64(pn_json_open_text(json), value);
    pn_json_close_text(json);
}

void pn_json_put_double(struct pn_json_writer *json, double value)
{
    begin(json);
    pn_json_write_double(json->out, value);
}

void pn_json_put_bool(struct pn_json_writer *json, bool value)
{
    if (value) {
        put_plain(json, "true", 4);
    } else {
        put_plain(json, "false", 5);
    }
}

void pn_json_put_null(struct pn_json_writer *json)
{
    put_plain(json, "null", 4);
}

void pn_json_put_raw(struct pn_json_writer *json, const char *text, size_t len)
{
    PN_ASSERT(len > 0);
    put_plain(json, text, len);
}

void pn_json_open_raw(struct pn_json_writer *json)
{
    begin(json);
}

void pn_json_put_node(struct pn_json_writer *json, const struct pn_json *node)
{
    begin(json);
    pn_json_write(json->out, node);
}
