/*
 * Searching records: a small grammar, and no script.
 *
 *   word            a part of the key or the value, in any case of ASCII letters
 *   "two words"     the same; \" and \\ are a quote and a backslash
 *   key=k           the key is k
 *   partition=1     offset, size, time (milliseconds since 1970) likewise, and `shard` for a stream
 *   a.b.c=art       the value is JSON, and has that there; "0" is the first item of an array
 *   = != < > <= >=  numbers are compared by their digits, however many; other values as text,
 *                   which is neither below nor above a number
 *   -term           does not hold
 *
 * All terms must hold. An array has a value if one of its items does. A member that is not there is
 * different from any value, and neither below nor above it.
 */
#ifndef PN_SEARCH_SEARCH_H
#define PN_SEARCH_SEARCH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "log/log.h"

enum { PN_SEARCH_BYTES_MAX = 1024, PN_SEARCH_TERMS_MAX = 16, PN_SEARCH_PATH_MAX = 16 };

struct pn_search;

/* Reads a search; *search is in the arena. INPUT says what is wrong, and where. An empty text fits
 * every record. */
int pn_search_parse(const char *text, size_t len, struct pn_arena *arena, struct pn_search **search,
                    struct pn_err *e) PN_MUST_CHECK;
/* Does a record of this partition fit? */
bool pn_search_fits(const struct pn_search *search, int32_t partition,
                    const struct pn_record *record, struct pn_json_parser *parser);

/* A term for others who look in other things: a name and a value, or a word without a name. */
struct pn_search_part {
    bool negated;
    const char *name;    /* of the field; NULL: a word, in lower case */
    const char *compare; /* "=", "!=", "<", ">", "<=" or ">="; static */
    const char *value;
};
/* The terms of a search, in the arena. */
size_t pn_search_parts(const struct pn_search *search, struct pn_arena *arena,
                       struct pn_search_part **parts);

/* Compares two numbers in JSON's form by their digits, exactly: -1, 0 or 1. False: one of them
 * is not a number. */
bool pn_search_compare_numbers(const char *a, size_t a_len, const char *b, size_t b_len,
                               int *order);

#endif
