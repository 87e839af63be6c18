#include "engine/duckdb/coerce.h"

#include <string.h>
#include <strings.h>

#include "base/time_text.h"
#include "engine/duckdb/decode_value.h"

struct text {
    const char *at;
    const char *end;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct text trimmed(const struct pn_json *node)
{
    struct text text = {node->text, node->text + node->text_len};
    while (text.at < text.end && is_blank(*text.at)) {
        text.at++;
    }
    while (text.end > text.at && is_blank(text.end[-1])) {
        text.end--;
    }
    return text;
}

/* --- numbers ---------------------------------------------------------------------------------- */

static struct text take_digits(struct text *text)
{
    struct text digits = {text->at, text->at};
    while (text->at < text->end && is_digit(*text->at)) {
        text->at++;
    }
    digits.end = text->at;
    return digits;
}

/* "e" and what follows, or nothing; false when something else follows. */
static bool take_exponent(struct text *text, struct text *exponent)
{
    *exponent = (struct text){text->at, text->end};
    if (text->at == text->end) {
        return true;
    }
    if (*text->at != 'e' && *text->at != 'E') {
        return false;
    }
    text->at++;
    text->at += text->at < text->end && (*text->at == '-' || *text->at == '+');
    struct text digits = take_digits(text);
    return digits.at < digits.end && text->at == text->end;
}

static char *add(char *out, struct text part)
{
    size_t len = (size_t)(part.end - part.at);
    memcpy(out, part.at, len);
    return out + len;
}

/* Makes `number` the number in a text, in JSON's grammar; false when it is not a number. */
static bool read_number(struct text text, struct pn_arena *arena, struct pn_json *number)
{
    enum { MORE = 3 + 16 }; /* "-0.", and what the reader of numbers looks at after the end */
    struct text fraction = {text.end, text.end};
    struct text exponent;
    char *made = pn_arena_calloc(arena, 1, (size_t)(text.end - text.at) + MORE);
    char *out = made;
    if (text.at < text.end && (*text.at == '-' || *text.at == '+')) {
        if (*text.at++ == '-') {
            *out++ = '-';
        }
    }
    struct text whole = take_digits(&text);
    if (text.at < text.end && *text.at == '.') {
        text.at++;
        fraction = take_digits(&text);
    }
    if ((whole.at == whole.end && fraction.at == fraction.end) ||
        !take_exponent(&text, &exponent)) {
        return false;
    }
    while (whole.at + 1 < whole.end && *whole.at == '0') {
        whole.at++;
    }
    if (whole.at == whole.end) {
        *out++ = '0';
    }
    out = add(out, whole);
    if (fraction.at < fraction.end) {
        *out++ = '.';
        out = add(out, fraction);
    }
    out = add(out, exponent);
    pn_json_set_number(number, made, (size_t)(out - made));
    return true;
}

/* --- booleans --------------------------------------------------------------------------------- */

static bool is_one_of(struct text text, const char *const *words)
{
    size_t len = (size_t)(text.end - text.at);
    for (; *words != NULL; words++) {
        if (len == strlen(*words) && strncasecmp(text.at, *words, len) == 0) {
            return true;
        }
    }
    return false;
}

static void set_boolean(struct pn_json *node, bool value)
{
    node->type = PN_JSON_BOOL;
    node->boolean = value;
}

static void read_boolean(struct pn_json *node)
{
    static const char *const yes[] = {"true", "t", "yes", "y", "on", "1", NULL};
    static const char *const no[] = {"false", "f", "no", "n", "off", "0", NULL};
    struct text text = trimmed(node);
    if (is_one_of(text, yes)) {
        set_boolean(node, true);
    } else if (is_one_of(text, no)) {
        set_boolean(node, false);
    }
}

/* --- times ------------------------------------------------------------------------------------ */

static void set_whole(struct pn_json *node, int64_t value)
{
    node->type = PN_JSON_NUMBER;
    node->is_integer = true;
    node->integer = value;
}

/* The size says whether a number is seconds or milliseconds: 1e11 seconds are in the year 5138,
 * 1e11 milliseconds in 1973. */
static bool read_epoch(const struct pn_json *number, int64_t *micros)
{
    enum { AS_SECONDS = 6, AS_MILLISECONDS = 3 };
    static const int64_t SECONDS_END_US = INT64_C(100000000000000000);
    if (pn_json_units(number, AS_SECONDS, micros) && *micros > -SECONDS_END_US &&
        *micros < SECONDS_END_US) {
        return pn_time_in_range(*micros);
    }
    return pn_json_units(number, AS_MILLISECONDS, micros) && pn_time_in_range(*micros);
}

/* Fewer digits are a day, or part of one. */
static bool is_long_enough(const struct pn_json *number)
{
    enum { DIGITS_MIN = 9 };
    struct text text = {number->raw, number->raw + number->raw_len};
    text.at += *text.at == '-';
    struct text digits = take_digits(&text);
    return digits.end - digits.at >= DIGITS_MIN;
}

static int64_t day_of(int64_t micros)
{
    static const int64_t DAY_US = INT64_C(86400) * 1000000;
    return micros / DAY_US - (micros % DAY_US < 0 ? 1 : 0);
}

static bool read_iso(const struct pn_type *type, struct text text, int64_t *value)
{
    size_t len = (size_t)(text.end - text.at);
    int32_t days = 0;
    if (type->kind == PN_TYPE_TIMESTAMP) {
        return pn_time_parse_full(text.at, len, value);
    }
    bool is_day = pn_day_parse_full(text.at, len, &days);
    *value = days;
    return is_day;
}

/* Makes the node the number of microseconds or days that it stands for, if it stands for one;
 * returns the rule that was asked. */
static const char *read_time(const struct pn_type *type, struct pn_json *node,
                             struct pn_arena *arena, bool *is_read)
{
    struct pn_json in_text = {.type = PN_JSON_NULL};
    const struct pn_json *number = node;
    int64_t value = 0;
    *is_read = false;
    if (node->type == PN_JSON_STRING) {
        struct text text = trimmed(node);
        *is_read = read_iso(type, text, &value);
        if (*is_read) {
            set_whole(node, value);
        }
        if (*is_read || !read_number(text, arena, &in_text)) {
            return "time-in-text";
        }
        number = &in_text;
    } else if (node->type != PN_JSON_NUMBER) {
        return NULL;
    }
    bool any_length = number == node && type->kind == PN_TYPE_TIMESTAMP;
    if ((any_length || is_long_enough(number)) && read_epoch(number, &value)) {
        set_whole(node, type->kind == PN_TYPE_DATE ? day_of(value) : value);
        *is_read = true;
    }
    return "epoch";
}

/* --- all -------------------------------------------------------------------------------------- */

static const char *read_scalar(const struct pn_type *type, struct pn_json *node,
                               struct pn_arena *arena)
{
    bool is_text = node->type == PN_JSON_STRING;
    switch (type->kind) {
    case PN_TYPE_STRING:
        if (node->type == PN_JSON_NUMBER || node->type == PN_JSON_BOOL) {
            node->type = PN_JSON_STRING;
            node->text = node->raw;
            node->text_len = node->raw_len;
        }
        return NULL;
    case PN_TYPE_BIGINT:
    case PN_TYPE_INT:
    case PN_TYPE_SMALLINT:
    case PN_TYPE_TINYINT:
    case PN_TYPE_DOUBLE:
    case PN_TYPE_FLOAT:
    case PN_TYPE_DECIMAL:
        if (is_text) {
            (void)read_number(trimmed(node), arena, node);
        }
        return is_text ? "number-in-text" : NULL;
    case PN_TYPE_BOOLEAN:
        if (is_text) {
            read_boolean(node);
            return "boolean-in-text";
        }
        if (node->type == PN_JSON_NUMBER) {
            if (node->is_integer && (node->integer == 0 || node->integer == 1)) {
                set_boolean(node, node->integer == 1);
            }
            return "number-as-boolean";
        }
        return NULL;
    case PN_TYPE_TIMESTAMP:
    case PN_TYPE_DATE:
    case PN_TYPE_BINARY:
    case PN_TYPE_JSON:
    case PN_TYPE_STRUCT:
    case PN_TYPE_ARRAY:
    case PN_TYPE_MAP:
        return NULL;
    }
    return NULL;
}

int pn_coerce(const struct pn_type *type, struct pn_json *node, struct pn_arena *arena,
              struct pn_err *why)
{
    bool is_time = type->kind == PN_TYPE_TIMESTAMP || type->kind == PN_TYPE_DATE;
    bool is_read = false;
    const char *rule =
        is_time ? read_time(type, node, arena, &is_read) : read_scalar(type, node, arena);
    if (is_read) {
        return 0;
    }
    int rc = pn_value_check(type, node, why);
    if (rc != 0 && rule != NULL) {
        pn_err_add(why, " (lenient: %s)", rule);
    }
    return rc;
}
