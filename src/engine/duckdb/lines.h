/* The lines of an object of the store or of a file (one in gzip too), or of a range of it, in a
 * buffer that the next line overwrites. */
#ifndef PN_ENGINE_DUCKDB_LINES_H
#define PN_ENGINE_DUCKDB_LINES_H

#include <stdbool.h>

#include "base/err.h"
#include "base/io.h"
#include "store/store.h"

struct pn_lines;

/* Reusable for one range after another, of objects of `store` (NULL where only files are read) and
 * files on `io`. Lines longer than `line_bytes_max` come cut off. */
struct pn_lines *pn_lines_create(struct pn_store *store, const struct pn_io *io,
                                 size_t line_bytes_max);
void pn_lines_destroy(struct pn_lines **lines); /* NULL ok */

/* Does the name end in .gz? Such a file is decompressed, from its start: `start` is 0 then. */
bool pn_lines_is_gzip(const char *name);

/* Starts with the lines whose first byte is at `start` <= offset < `end` of the object, or of the
 * file at a path. One that is open already is kept open. MISSING when there is no such object. */
int pn_lines_open(struct pn_lines *lines, const char *name, bool is_object, int64_t start,
                  int64_t end, struct pn_err *e) PN_MUST_CHECK;
/* The same of an object's copy, the file at a path; errors name the object. */
int pn_lines_open_copy(struct pn_lines *lines, const char *key, const char *path, int64_t start,
                       int64_t end, struct pn_err *e) PN_MUST_CHECK;
/* Of what is open: which offsets it holds (false: not known), and the sum it was stored with
 * (false: it has none). */
bool pn_lines_offsets(const struct pn_lines *lines, int64_t *first, int64_t *end);
bool pn_lines_stored_sum(const struct pn_lines *lines, uint32_t *sum);

struct pn_line {
    const char *text; /* without its LF */
    size_t len;
    size_t capacity; /* bytes that may be read from `text` on: for pn_json_parse() */
    bool too_long;   /* only the first bytes are here */
};
/* The next line; *more is false when there is none. */
int pn_lines_next(struct pn_lines *lines, struct pn_line *line, bool *more,
                  struct pn_err *e) PN_MUST_CHECK;
/* The CRC-32C of the range's bytes, `start` to `end`, once there are no more lines. */
uint32_t pn_lines_sum(const struct pn_lines *lines);

#endif
