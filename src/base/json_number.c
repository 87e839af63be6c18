/*
 * Numbers of JSON, decided on their digits. simdjson only finds where a number is: the version that
 * Debian 12 has (3.0.1) reads a decimal below 1 with more than 19 digits as another number.
 *
 * A double comes from one exact operation where the digits and the power of ten are both exact
 * doubles (Clinger, "How to read floating point numbers accurately", 1990), else from
 * std::from_chars, which rounds correctly and knows no locale. An integer never goes through a
 * double.
 */
#include "base/json_number.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/json_simdjson.h"

_Static_assert(FLT_EVAL_METHOD == 0, "one operation on doubles is rounded once");

enum {
    DIGITS_MAX = 19,     /* as many as always fit 64 bits */
    EXACT_POWER_MAX = 22 /* 10^22 is a double, 10^23 lies between two */
};
static const uint64_t EXACT_DIGITS_MAX = (uint64_t)1 << 53;
/* Longer exponents are cut off here: no text has digits enough to make up for one. */
static const int64_t EXPONENT_MAX = INT64_C(1000000000000000);

/* A number's parts. */
struct parts {
    bool is_negative;
    bool is_plain;      /* neither point nor exponent */
    const char *digits; /* the first digit; those up to `end` may have the point between them */
    const char *end;
    uint64_t value;   /* of the digits without the point, if count is at most DIGITS_MAX */
    size_t count;     /* digits, with leading zeros */
    int64_t fraction; /* digits after the point */
    int64_t exponent; /* as written */
};

static bool is_digit(char c)
{
    return (unsigned char)(c - '0') <= 9;
}

/* Whether the next 8 bytes are digits: their high halves are 3, and adding 6 to the low ones makes
 * none overflow. */
static bool are_8_digits(uint64_t bytes)
{
    const uint64_t ones = 0x0101010101010101u;
    return ((bytes & (ones * 0xF0)) | (((bytes + ones * 6) & (ones * 0xF0)) >> 4)) == ones * 0x33;
}

/* Adds the digits at `at` to *value, which wraps when they are too many; returns where they end. A
 * token of JSON ends before a byte that isn't a digit, and more bytes than 8 are readable there. */
static const char *take_digits(const char *at, uint64_t *value)
{
    uint64_t sum = *value;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    for (;;) {
        uint64_t bytes;
        memcpy(&bytes, at, sizeof bytes);
        if (!are_8_digits(bytes)) {
            break;
        }
        /* Neighbours are joined: to 4 numbers of 2 digits, 2 of 4, one of 8. */
        bytes = (bytes & 0x0F0F0F0F0F0F0F0Fu) * (10 * 256 + 1) >> 8;
        bytes = (bytes & 0x00FF00FF00FF00FFu) * (100 * 65536 + 1) >> 16;
        bytes = (bytes & 0x0000FFFF0000FFFFu) * (10000 * (UINT64_C(1) << 32) + 1) >> 32;
        sum = sum * 100000000 + bytes;
        at += sizeof bytes;
    }
#endif
    while (is_digit(*at)) {
        sum = sum * 10 + (uint64_t)(*at - '0');
        at++;
    }
    *value = sum;
    return at;
}

/* Reads what follows the "e", to the end of the text. */
static bool take_exponent(const char *at, const char *end, struct parts *parts)
{
    bool is_negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) {
        at++;
    }
    if (at == end) {
        return false;
    }
    for (; at < end; at++) {
        if (!is_digit(*at)) {
            return false;
        }
        if (parts->exponent < EXPONENT_MAX) {
            parts->exponent = parts->exponent * 10 + (*at - '0');
        }
    }
    parts->exponent = is_negative ? -parts->exponent : parts->exponent;
    return true;
}

static inline bool split(const char *at, size_t len, struct parts *parts)
{
    const char *end = at + len;
    const char *digits = *at == '-' ? at + 1 : at;
    uint64_t value = 0;
    *parts = (struct parts){.is_negative = *at == '-', .is_plain = true, .digits = digits};
    for (at = digits; is_digit(*at); at++) {
        value = value * 10 + (uint64_t)(*at - '0'); /* wraps when they are too many */
    }
    parts->count = (size_t)(at - digits);
    if (parts->count == 0 || (parts->count > 1 && *digits == '0')) {
        return false;
    }
    if (*at == '.') {
        const char *point = at;
        at = take_digits(at + 1, &value);
        parts->fraction = at - point - 1;
        parts->count += (size_t)parts->fraction;
        parts->is_plain = false;
        if (parts->fraction == 0) {
            return false;
        }
    }
    parts->value = value;
    parts->end = at;
    if (*at == 'e' || *at == 'E') {
        parts->is_plain = false;
        return take_exponent(at + 1, end, parts);
    }
    return at == end;
}

/* --- integers --------------------------------------------------------------------------------- */

enum whole { WHOLE, FRACTION, BEYOND };

static bool to_signed(uint64_t magnitude, bool is_negative, int64_t *value)
{
    if (magnitude > (uint64_t)INT64_MAX + (is_negative ? 1 : 0)) {
        return false;
    }
    *value = is_negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

/* A number's digits without the zeros at both ends, and the power of ten they are multiplied by. */
struct significant {
    const char *first; /* up to `end`, with the point between them or not; equal to it for zero */
    const char *end;
    int64_t count;
    int64_t power;
};

static struct significant significant_of(const struct parts *parts)
{
    struct significant it = {
        .first = parts->digits, .end = parts->end, .power = parts->exponent - parts->fraction};
    while (it.first < it.end && (*it.first == '0' || *it.first == '.')) {
        it.first++;
    }
    while (it.end > it.first && (it.end[-1] == '0' || it.end[-1] == '.')) {
        it.end--;
        it.power += *it.end == '0' ? 1 : 0;
    }
    for (const char *at = it.first; at < it.end; at++) {
        it.count += *at == '.' ? 0 : 1;
    }
    return it;
}

/* Whether it is whole and fits 64 bits. */
static enum whole whole_of(const struct parts *parts, int64_t *value)
{
    const struct significant it = significant_of(parts);
    uint64_t magnitude = 0;
    *value = 0;
    if (it.count == 0) {
        return WHOLE; /* zero */
    }
    if (it.power < 0) {
        return FRACTION;
    }
    if (it.count + it.power > DIGITS_MAX) {
        return BEYOND;
    }
    for (const char *at = it.first; at < it.end; at++) {
        magnitude = *at == '.' ? magnitude : magnitude * 10 + (uint64_t)(*at - '0');
    }
    for (int64_t power = it.power; power > 0; power--) {
        magnitude *= 10;
    }
    return to_signed(magnitude, parts->is_negative, value) ? WHOLE : BEYOND;
}

bool pn_json_has_fraction(const struct pn_json *node)
{
    struct parts parts;
    int64_t value = 0;
    return node->type == PN_JSON_NUMBER && !node->is_integer && node->raw != NULL &&
           split(node->raw, node->raw_len, &parts) && whole_of(&parts, &value) == FRACTION;
}

enum pn_json_fit pn_json_decimal(const struct pn_json *number, int precision, int scale,
                                 pn_int128 *units)
{
    struct parts parts;
    *units = 0;
    bool is_number = split(number->raw, number->raw_len, &parts);
    PN_ASSERT(is_number); /* the parser has read it */
    const struct significant it = significant_of(&parts);
    if (it.count == 0) {
        return PN_JSON_FITS; /* zero */
    }
    int64_t shift = it.power + scale;
    if (shift < 0) {
        return PN_JSON_TOO_FINE;
    }
    if (it.count + shift > precision) {
        return PN_JSON_TOO_LARGE;
    }
    for (const char *at = it.first; at < it.end; at++) {
        *units = *at == '.' ? *units : *units * 10 + (*at - '0');
    }
    for (; shift > 0; shift--) {
        *units *= 10;
    }
    *units = parts.is_negative ? -*units : *units;
    return PN_JSON_FITS;
}

bool pn_json_units(const struct pn_json *number, int scale, int64_t *units)
{
    struct parts parts;
    uint64_t magnitude = 0;
    *units = 0;
    bool is_number = split(number->raw, number->raw_len, &parts);
    PN_ASSERT(is_number);
    const struct significant it = significant_of(&parts);
    int64_t shift = it.power + scale;
    int64_t digits = it.count + (shift < 0 ? shift : 0); /* that count */
    if (it.count == 0 || digits <= 0) {
        return true;
    }
    if (it.count + shift > DIGITS_MAX) {
        return false;
    }
    for (const char *at = it.first; at < it.end && digits > 0; at++) {
        if (*at != '.') {
            magnitude = magnitude * 10 + (uint64_t)(*at - '0');
            digits--;
        }
    }
    for (; shift > 0; shift--) {
        magnitude *= 10;
    }
    return to_signed(magnitude, parts.is_negative, units);
}

void pn_json_set_number(struct pn_json *node, const char *text, size_t len)
{
    node->type = PN_JSON_NUMBER;
    node->raw = text;
    node->raw_len = len;
    bool is_number = pn_json_number_read(node);
    PN_ASSERT(is_number);
}

/* --- doubles ---------------------------------------------------------------------------------- */

static double exact_double(const struct parts *parts, int64_t power)
{
    static const double powers[EXACT_POWER_MAX + 1] = {
        1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
        1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    double digits = (double)parts->value;
    double value = power < 0 ? digits / powers[-power] : digits * powers[power];
    return parts->is_negative ? -value : value;
}

/* A number that is out of range for double, or float: too large, or else too near to zero. */
static double beyond_double(const struct parts *parts)
{
    const char *first = parts->digits;
    while (first < parts->end && (*first == '0' || *first == '.')) {
        first++;
    }
    int64_t count = parts->end - first; /* digits that matter, give or take the point */
    bool is_large = count > 0 && count - parts->fraction + parts->exponent > 0;
    double value = is_large ? (double)INFINITY : 0;
    return parts->is_negative ? -value : value;
}

static double double_of(const struct pn_json *node, const struct parts *parts)
{
    int64_t power = parts->exponent - parts->fraction;
    /* A whole value is rounded once however large it is. */
    if (parts->count <= DIGITS_MAX && (parts->value <= EXACT_DIGITS_MAX || power == 0) &&
        power >= -EXACT_POWER_MAX && power <= EXACT_POWER_MAX) {
        return exact_double(parts, power);
    }
    double value = 0;
    return pn_simdjson_read_double(node->raw, node->raw_len, &value) ? value : beyond_double(parts);
}

float pn_json_float(const struct pn_json *number)
{
    struct parts parts;
    float value = 0;
    if (pn_simdjson_read_float(number->raw, number->raw_len, &value)) {
        return value;
    }
    bool is_number = split(number->raw, number->raw_len, &parts);
    PN_ASSERT(is_number);
    return (float)beyond_double(&parts); /* infinite or zero in both */
}

/* --- both ------------------------------------------------------------------------------------- */

static bool read_any(struct pn_json *node)
{
    struct parts parts;
    node->is_integer = false;
    node->integer = 0;
    if (!split(node->raw, node->raw_len, &parts)) {
        return false;
    }
    if (parts.is_plain) {
        node->is_integer =
            parts.count <= DIGITS_MAX && to_signed(parts.value, parts.is_negative, &node->integer);
    } else if (parts.exponent != 0 || parts.fraction == 0 || parts.end[-1] == '0') {
        node->is_integer = whole_of(&parts, &node->integer) == WHOLE;
    } /* else the last digit after the point says that it isn't whole */
    node->number = double_of(node, &parts);
    return true;
}

bool pn_json_number_read(struct pn_json *node)
{
    /* Most are plain integers of a few digits. */
    if (node->raw_len >= DIGITS_MAX || node->raw[0] < '1') {
        return read_any(node);
    }
    int64_t value = 0;
    const char *at = node->raw;
    for (; is_digit(*at); at++) {
        value = value * 10 + (*at - '0');
    }
    if (at != node->raw + node->raw_len) {
        return read_any(node);
    }
    node->is_integer = true;
    node->integer = value;
    node->number = (double)value;
    return true;
}
