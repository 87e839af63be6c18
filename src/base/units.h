/*
 * Numbers, sizes and durations as people write them in options, settings and pipeline.yml, and the
 * nearest of a list of words for a mistyped one.
 *
 *   number    decimal digits with an optional sign: "10000", "-1"
 *   size      bytes, or a number and a unit: "512", "64KiB", "1MB" (1,000,000), "2GiB"
 *   duration  a number and a unit: "100ms", "10s", "5m", "24h", "7d"; "0" needs none
 *
 * Sizes and durations may have a fraction ("1.5GiB"). None of them may have white space, be
 * negative, or overflow 64 bits.
 */
#ifndef PN_BASE_UNITS_H
#define PN_BASE_UNITS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Each returns 0, or INPUT with a message that quotes `text` and says what is taken; *value is
 * written on success only. */
int pn_parse_i64(const char *text, int64_t *value, struct pn_err *e) PN_MUST_CHECK;
int pn_parse_size(const char *text, int64_t *size_bytes, struct pn_err *e) PN_MUST_CHECK;
int pn_parse_duration(const char *text, int64_t *duration_ms, struct pn_err *e) PN_MUST_CHECK;

enum { PN_UNITS_SIZE = 32 };
/* The shortest exact form that reads back as the same value: "64MiB", "1000000", "7d", "90s".
 * Writes to out[PN_UNITS_SIZE], returns out. Values must not be negative. */
char *pn_format_size(int64_t size_bytes, char *out);
char *pn_format_duration(int64_t duration_ms, char *out);

/* The words that fit a count: `one` after 1, else `many`: pn_noun(n, "row", "rows"). */
static inline const char *pn_noun(int64_t count, const char *one, const char *many)
{
    return count == 1 ? one : many;
}

/*
 * Of `count` words the one that `text` is most likely a slip of, or NULL when none is near: at most
 * a third of its letters may be wrong, missing, too many, or swapped with their neighbour.
 */
const char *pn_nearest(const char *text, const char *const *words, size_t count);

#endif
