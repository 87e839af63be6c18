#include "base/units.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    QUOTED_MAX = 60,  /* of a wrong value, this many bytes are repeated in the message */
    NEAREST_MAX = 64, /* longer words have no near ones */
    FRACTION_DIGITS_MAX = 9
};

struct unit {
    const char *name;
    int64_t factor;
};

/* The first that divides a value is the one it is written in. */
static const struct unit size_units[] = {
    {"TiB", INT64_C(1) << 40}, {"GiB", INT64_C(1) << 30},      {"MiB", INT64_C(1) << 20},
    {"KiB", INT64_C(1) << 10}, {"TB", INT64_C(1000000000000)}, {"GB", INT64_C(1000000000)},
    {"MB", INT64_C(1000000)},  {"KB", INT64_C(1000)},          {"B", 1},
};

static const struct unit duration_units[] = {
    {"d", INT64_C(86400000)},
    {"h", INT64_C(3600000)},
    {"m", INT64_C(60000)},
    {"s", INT64_C(1000)},
    {"ms", 1},
};

enum { SIZE_UNITS = sizeof size_units / sizeof *size_units };
enum { DURATION_UNITS = sizeof duration_units / sizeof *duration_units };

int pn_parse_i64(const char *text, int64_t *value, struct pn_err *e)
{
    const char *digits = text + (*text == '-' || *text == '+');
    char *end = NULL;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (!isdigit((unsigned char)*digits) || *end != '\0') {
        return pn_err_input(e, "\"%.*s\" is not a whole number", QUOTED_MAX, text);
    }
    if (errno != 0) {
        return pn_err_input(e, "\"%.*s\" does not fit 64 bits", QUOTED_MAX, text);
    }
    *value = number;
    return 0;
}

/* number[.fraction]unit; false when that isn't what `text` is, or it does not fit. */
static bool parse_with_unit(const char *text, const struct unit *units, size_t unit_count,
                            bool unit_optional, int64_t *value)
{
    const char *at = text;
    int64_t whole = 0;
    for (; isdigit((unsigned char)*at); at++) {
        if (__builtin_mul_overflow(whole, 10, &whole) ||
            __builtin_add_overflow(whole, *at - '0', &whole)) {
            return false;
        }
    }
    if (at == text) {
        return false;
    }
    int64_t fraction = 0;
    int64_t scale = 1;
    if (*at == '.') {
        const char *first = ++at;
        for (; isdigit((unsigned char)*at); at++) {
            if (at - first >= FRACTION_DIGITS_MAX) {
                return false;
            }
            fraction = fraction * 10 + (*at - '0');
            scale *= 10;
        }
        if (at == first) {
            return false;
        }
    }
    int64_t factor = 0;
    for (size_t i = 0; i < unit_count; i++) {
        if (strcasecmp(at, units[i].name) == 0) {
            factor = units[i].factor;
        }
    }
    if (*at == '\0' && (unit_optional || whole == 0) && scale == 1) {
        factor = 1;
    }
    int64_t product = 0;
    if (factor == 0 || __builtin_mul_overflow(whole, factor, &product)) {
        return false;
    }
    /* Below one unit, so neither the product (1 TiB * 1e9 fits no int64) nor the sum is exact. */
    int64_t rest = (int64_t)((double)fraction / (double)scale * (double)factor + 0.5);
    return !__builtin_add_overflow(product, rest, value);
}

int pn_parse_size(const char *text, int64_t *size_bytes, struct pn_err *e)
{
    if (!parse_with_unit(text, size_units, SIZE_UNITS, true, size_bytes)) {
        return pn_err_input(
            e,
            "invalid size \"%.*s\": give bytes, or a number with a unit such as 64KiB, 1MB or 2GiB",
            QUOTED_MAX, text);
    }
    return 0;
}

int pn_parse_duration(const char *text, int64_t *duration_ms, struct pn_err *e)
{
    if (!parse_with_unit(text, duration_units, DURATION_UNITS, false, duration_ms)) {
        return pn_err_input(e,
                            "invalid duration \"%.*s\": give a number with a unit such as 100ms, "
                            "10s, 5m, 24h or 7d",
                            QUOTED_MAX, text);
    }
    return 0;
}

static char *format_with_unit(int64_t value, const struct unit *units, size_t unit_count, char *out)
{
    PN_ASSERT(value >= 0);
    const struct unit *best = &units[unit_count - 1];
    for (size_t i = unit_count; value != 0 && i-- > 0;) {
        if (value % units[i].factor == 0 && units[i].factor > best->factor) {
            best = &units[i];
        }
    }
    const char *name = best->factor == 1 && value == 0 ? "" : best->name;
    (void)snprintf(out, PN_UNITS_SIZE, "%" PRId64 "%s", value / best->factor, name);
    return out;
}

char *pn_format_size(int64_t size_bytes, char *out)
{
    (void)format_with_unit(size_bytes, size_units, SIZE_UNITS, out);
    size_t len = strlen(out);
    if (len > 1 && out[len - 1] == 'B' && isdigit((unsigned char)out[len - 2])) {
        out[len - 1] = '\0';
    }
    return out;
}

char *pn_format_duration(int64_t duration_ms, char *out)
{
    return format_with_unit(duration_ms, duration_units, DURATION_UNITS, out);
}

/* Optimal string alignment distance, letters compared without case. */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t rows[3][NEAREST_MAX + 1];
    for (size_t j = 0; j <= b_len; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a_len; i++) {
        size_t *now = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3];
        const size_t *twice_above = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            int ca = tolower((unsigned char)a[i - 1]);
            int cb = tolower((unsigned char)b[j - 1]);
            size_t best = above[j - 1] + (ca != cb);
            best = above[j] + 1 < best ? above[j] + 1 : best;
            best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
            if (i > 1 && j > 1 && ca == tolower((unsigned char)b[j - 2]) &&
                cb == tolower((unsigned char)a[i - 2]) && twice_above[j - 2] + 1 < best) {
                best = twice_above[j - 2] + 1;
            }
            now[j] = best;
        }
    }
    return rows[a_len % 3][b_len];
}

const char *pn_nearest(const char *text, const char *const *words, size_t count)
{
    size_t len = strlen(text);
    if (len == 0 || len > NEAREST_MAX) {
        return NULL;
    }
    const char *nearest = NULL;
    size_t least = len < 3 ? 2 : (len + 2) / 3 + 1; /* exclusive */
    for (size_t i = 0; i < count; i++) {
        size_t word_len = strlen(words[i]);
        if (word_len > NEAREST_MAX) {
            continue;
        }
        size_t away = distance(text, len, words[i], word_len);
        if (away < least) {
            least = away;
            nearest = words[i];
        }
    }
    return nearest;
}
