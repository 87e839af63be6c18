/*
 * What the executor and its workers say to each other through pipes: frames of a type, a length and
 * so many bytes.
 *
 *   byte 0      type, a letter
 *   bytes 1..4  length of what follows, little-endian
 */
#ifndef PN_QUERY_FRAME_H
#define PN_QUERY_FRAME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

enum pn_frame_type {
    /* to the worker */
    PN_FRAME_WORK = 'W', /* the job, as JSON (worker.h) */
    /* from the worker */
    PN_FRAME_READY = 'R',    /* DuckDB is started; no bytes */
    PN_FRAME_TABLE = 'T',    /* a table that is read: {"name", "version"} */
    PN_FRAME_COLUMNS = 'C',  /* [{"name", "type"}] */
    PN_FRAME_PROGRESS = 'P', /* {"progress", "rows", "bytes"} */
    PN_FRAME_DATA = 'D',     /* bytes of a streamed result */
    PN_FRAME_ERROR = 'E',    /* {"class", "message", "byte", "line", "column", "candidates"} */
    PN_FRAME_DONE = 'F'      /* {"rows", "bytes"} */
};

enum { PN_FRAME_HEADER_SIZE = 5, PN_FRAME_BYTES_MAX = 16 << 20 };

struct pn_frame {
    enum pn_frame_type type;
    const char *data; /* in the buffer that it was taken from */
    size_t len;
};

/* Appends a frame to a buffer. */
void pn_frame_add(struct pn_buf *out, enum pn_frame_type type, const void *bytes, size_t len);
/* Writes a frame to a pipe, waiting until all of it is in there. RETRY when no one reads. */
int pn_frame_write(int fd, enum pn_frame_type type, const void *bytes, size_t len,
                   struct pn_err *e) PN_MUST_CHECK;
/* The whole frame that begins at *at, which moves past it; false: there is none yet. CORRUPT when
 * what is there cannot be a frame: then *rc is set. */
bool pn_frame_take(const struct pn_buf *buf, size_t *at, struct pn_frame *frame, int *rc,
                   struct pn_err *e);

#endif
