/*
 * The values of a JSON array as lines, read in pieces of any size: a file of one array may be
 * larger than memory, and all of it one line. Only the array itself is checked (its commas, its
 * end, and that brackets and quotes close); whether a value is JSON, the reader of the lines says.
 */
#ifndef PN_ENGINE_DUCKDB_JSON_ARRAY_H
#define PN_ENGINE_DUCKDB_JSON_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum { PN_ARRAY_DEPTH_MAX = 1024 };

/* Begins as {.line = 1}. */
struct pn_array_split {
    enum {
        PN_ARRAY_BEFORE, /* nothing but blanks, and a byte-order mark, came yet */
        PN_ARRAY_VALUE,  /* a value is to come; a first one may be the end as well */
        PN_ARRAY_IN_VALUE,
        PN_ARRAY_IN_STRING,
        PN_ARRAY_ESCAPE, /* after a backslash in a string */
        PN_ARRAY_AFTER   /* the array has ended */
    } state;
    int64_t line; /* of the byte that comes next, from 1 */
    int64_t byte; /* likewise, from 0 */
    int64_t values;
    int64_t value_line;            /* where the value at hand began */
    size_t depth;                  /* of what is open in the value */
    char open[PN_ARRAY_DEPTH_MAX]; /* { or [ */
};

/* Is the byte a blank between the parts of JSON? */
bool pn_array_is_blank(char byte);
/* Appends what the bytes have of values to `out`, each value on a line of its own. INPUT, which
 * says line and byte, but not in which file: it is not an array. Nothing is fed after a failure. */
int pn_array_split(struct pn_array_split *split, const char *bytes, size_t len, struct pn_buf *out,
                   struct pn_err *e) PN_MUST_CHECK;
/* After the last byte. INPUT: the array has no end. */
int pn_array_split_end(const struct pn_array_split *split, struct pn_err *e) PN_MUST_CHECK;

#endif
