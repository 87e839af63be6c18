/*
 * The rows of a result on disk, so that any page of them is read in two or three reads.
 *
 *   <folder>/rows            the cells, each with a NUL byte after it: JSON values as pn_rows has
 *                            them, in which no NUL byte can be. Row after row, cell after cell
 *   <folder>/index           where each row begins, as 8 bytes little-endian; and where the last
 *                            one ends, so there is one more than there are rows
 *   <folder>/order-<c>-a|d   the numbers of the rows, 8 bytes each, sorted by column c from 0,
 *                            ascending or descending
 *
 * A worker writes them, and the server reads them while the worker still does: rows are written
 * before the index that names them. All of it is gone with the server, so nothing is synced.
 */
#ifndef PN_QUERY_ROWS_FILE_H
#define PN_QUERY_ROWS_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/io.h"

/* --- writing ---------------------------------------------------------------------------------- */

struct pn_rows_writer;

/* Makes both files in the folder, which is there. `bytes_max` is for both together. */
int pn_rows_writer_create(const char *folder, const struct pn_io *io, int64_t bytes_max,
                          struct pn_rows_writer **writer, struct pn_err *e) PN_MUST_CHECK;
/* INPUT when the files would be larger than bytes_max. */
int pn_rows_writer_add(struct pn_rows_writer *writer, const char *const *values, size_t count,
                       struct pn_err *e) PN_MUST_CHECK;
/* Lets readers see what was added. */
int pn_rows_writer_flush(struct pn_rows_writer *writer, struct pn_err *e) PN_MUST_CHECK;
int64_t pn_rows_writer_rows(const struct pn_rows_writer *writer);
int64_t pn_rows_writer_bytes(const struct pn_rows_writer *writer); /* of both files */
void pn_rows_writer_destroy(struct pn_rows_writer **writer);       /* NULL ok */

/* The file of an order. Caller frees. */
char *pn_rows_order_path(const char *folder, size_t column, bool descending);

/* --- reading ---------------------------------------------------------------------------------- */

struct pn_rows_reader;

/* Opens what is there. `order` is the path of an order's file, or NULL. The files may be removed
 * while the reader has them. */
int pn_rows_reader_open(const char *folder, const char *order, size_t columns,
                        const struct pn_io *io, struct pn_rows_reader **reader,
                        struct pn_err *e) PN_MUST_CHECK;
/* How many rows there are by now. */
int pn_rows_reader_count(struct pn_rows_reader *reader, int64_t *rows,
                         struct pn_err *e) PN_MUST_CHECK;
/* Rows from `offset` on, `limit` at most, but fewer where they would be more than some megabytes,
 * and none past the end. For each, `row` gets its cells; non-zero ends it and is returned. *read is
 * how many there were. */
int pn_rows_reader_page(struct pn_rows_reader *reader, int64_t offset, int64_t limit,
                        int (*row)(void *arg, const char *const *values, size_t count), void *arg,
                        int64_t *read, struct pn_err *e) PN_MUST_CHECK;
void pn_rows_reader_destroy(struct pn_rows_reader **reader); /* NULL ok */

#endif
