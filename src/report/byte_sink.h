/*
 * Where a writer of rows puts its bytes: a file, a buffer, or what the caller makes of them. A sink
 * keeps its own failure, so a writer writes a whole document and its owner looks once.
 */
#ifndef PN_REPORT_BYTE_SINK_H
#define PN_REPORT_BYTE_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/buf.h"

struct pn_byte_sink {
    void (*write)(void *arg, const char *bytes, size_t len);
    void (*flush)(void *arg);  /* what was written is on its way; NULL: it always is */
    bool (*failed)(void *arg); /* a write was lost, so further ones are pointless */
    void *arg;
    int terminal_columns; /* of the terminal that shows the bytes; 0: they go elsewhere */
};

/* Borrows the file. A failed write also shows in its ferror(). */
struct pn_byte_sink pn_byte_sink_file(FILE *file);
/* Appends to the buffer, which is borrowed; it fails as the buffer does, by its maximum. */
struct pn_byte_sink pn_byte_sink_buf(struct pn_buf *buf);

#endif
