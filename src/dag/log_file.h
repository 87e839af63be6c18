/*
 * Reading the log of an attempt, while it grows or afterwards: a range of it, or where a text is in
 * it. However large the log is, no more than a piece of it is in memory.
 */
#ifndef PN_DAG_LOG_FILE_H
#define PN_DAG_LOG_FILE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/io.h"

enum { PN_LOG_RANGE_MAX = 4 << 20, PN_LOG_FIND_BYTES_MAX = 1000, PN_LOG_HITS_MAX = 1000 };

struct pn_log_range {
    int64_t from;       /* of the first byte that was read */
    int64_t size_bytes; /* of the log, now */
};
/*
 * Appends up to `max` bytes (at most PN_LOG_RANGE_MAX) from the byte `from` on, or, if that is
 * negative, from so many bytes before the end. A character of UTF-8 is not cut at the end of the
 * range; where `from` is negative the range begins with a line. A log that is not there is MISSING.
 */
int pn_log_file_read(const struct pn_io *io, const char *path, int64_t from, size_t max,
                     struct pn_buf *out, struct pn_log_range *range,
                     struct pn_err *e) PN_MUST_CHECK;

struct pn_log_hit {
    int64_t byte;
    int64_t line; /* from 1 */
};
struct pn_log_search {
    const char *text; /* 1 to PN_LOG_FIND_BYTES_MAX bytes */
    bool ignore_case; /* of ASCII letters */
    int64_t after;    /* hits begin at this byte or after it */
    size_t limit;     /* of the number of hits; at most PN_LOG_HITS_MAX */
};
struct pn_log_hits {
    struct pn_log_hit *hits; /* in order; in the arena */
    size_t count;
    int64_t scanned; /* the log up to this byte was looked through */
    int64_t next;    /* `after` of a search that continues; -1: that was all of it */
};
/* The places of a text, which do not overlap. It reads the log from its beginning, for the numbers
 * of the lines. */
int pn_log_file_find(const struct pn_io *io, const char *path, const struct pn_log_search *search,
                     struct pn_arena *arena, struct pn_log_hits *hits,
                     struct pn_err *e) PN_MUST_CHECK;

#endif
