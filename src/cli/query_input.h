/* A SELECT from a file or from standard input. */
#ifndef PN_CLI_QUERY_INPUT_H
#define PN_CLI_QUERY_INPUT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/io.h"

enum { PN_QUERY_BYTES_MAX = 1 << 20 };

/* Appends the text of the file, or for "-" of standard input; `sql` has the maximum above. INPUT
 * when it is larger than that or has no text. */
int pn_cli_read_query(const struct pn_io *io, const char *path, struct pn_buf *sql,
                      struct pn_err *e) PN_MUST_CHECK;

#endif
