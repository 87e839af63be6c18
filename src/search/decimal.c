/* Numbers compared by their digits: what a double holds would take different ones for the same. */
#include <string.h>

#include "search/search.h"

enum { EXPONENT_DIGITS_MAX = 12 };

/* 0.d1d2d3... times 10 to the exponent; without digits it is zero. */
struct decimal {
    bool negative;
    const char *whole;
    size_t whole_len;
    const char *fraction;
    size_t fraction_len;
    int64_t exponent;
};

static size_t digits(const char *text, size_t len)
{
    size_t count = 0;
    while (count < len && text[count] >= '0' && text[count] <= '9') {
        count++;
    }
    return count;
}

/* An exponent with its sign; one that is too large to matter is cut off. */
static bool read_exponent(const char *text, size_t len, int64_t *exponent)
{
    bool negative = len > 0 && *text == '-';
    size_t sign = len > 0 && (*text == '-' || *text == '+') ? 1 : 0;
    size_t count = digits(text + sign, len - sign);
    *exponent = 0;
    if (count == 0 || sign + count != len) {
        return false;
    }
    while (count > 1 && text[sign] == '0') {
        sign++;
        count--;
    }
    if (count > EXPONENT_DIGITS_MAX) {
        text = "999999999999";
        sign = 0;
        count = EXPONENT_DIGITS_MAX;
    }
    for (size_t i = 0; i < count; i++) {
        *exponent = *exponent * 10 + (text[sign + i] - '0');
    }
    *exponent = negative ? -*exponent : *exponent;
    return true;
}

static bool read(const char *text, size_t len, struct decimal *out)
{
    if (len == 0) {
        return false; /* where there may be no text at all */
    }
    size_t at = *text == '-' ? 1 : 0;
    *out = (struct decimal){.negative = at == 1, .whole = text + at};
    out->whole_len = digits(text + at, len - at);
    at += out->whole_len;
    out->fraction = text + at;
    if (at < len && text[at] == '.') {
        out->fraction = text + at + 1;
        out->fraction_len = digits(text + at + 1, len - at - 1);
        at += 1 + out->fraction_len;
        if (out->fraction_len == 0) {
            return false;
        }
    }
    int64_t exponent = 0;
    if (at < len && (text[at] == 'e' || text[at] == 'E')) {
        if (!read_exponent(text + at + 1, len - at - 1, &exponent)) {
            return false;
        }
        at = len;
    }
    out->exponent = exponent + (int64_t)out->whole_len;
    return out->whole_len > 0 && at == len;
}

static size_t length(const struct decimal *number)
{
    return number->whole_len + number->fraction_len;
}

static char digit(const struct decimal *number, size_t at)
{
    return at < number->whole_len ? number->whole[at]
           : at < length(number)  ? number->fraction[at - number->whole_len]
                                  : '0';
}

/* The first digit that is not 0; the length without one. */
static size_t first(const struct decimal *number)
{
    size_t at = 0;
    while (at < length(number) && digit(number, at) == '0') {
        at++;
    }
    return at;
}

static int compare_sizes(const struct decimal *a, size_t a_at, const struct decimal *b, size_t b_at)
{
    int64_t a_exponent = a->exponent - (int64_t)a_at;
    int64_t b_exponent = b->exponent - (int64_t)b_at;
    if (a_exponent != b_exponent) {
        return a_exponent < b_exponent ? -1 : 1;
    }
    for (; a_at < length(a) || b_at < length(b); a_at++, b_at++) {
        if (digit(a, a_at) != digit(b, b_at)) {
            return digit(a, a_at) < digit(b, b_at) ? -1 : 1;
        }
    }
    return 0;
}

bool pn_search_compare_numbers(const char *a, size_t a_len, const char *b, size_t b_len, int *order)
{
    struct decimal x;
    struct decimal y;
    *order = 0;
    if (!read(a, a_len, &x) || !read(b, b_len, &y)) {
        return false;
    }
    size_t x_at = first(&x);
    size_t y_at = first(&y);
    int x_sign = x_at == length(&x) ? 0 : x.negative ? -1 : 1;
    int y_sign = y_at == length(&y) ? 0 : y.negative ? -1 : 1;
    if (x_sign != y_sign) {
        *order = x_sign < y_sign ? -1 : 1;
    } else if (x_sign != 0) {
        *order = x_sign * compare_sizes(&x, x_at, &y, y_at);
    }
    return true;
}
