/*
 * The rows of a result's files (rows_file.h) as the engine takes them back (struct pn_row_texts):
 * in their order, all columns or one. For one thread at a time.
 */
#ifndef PN_QUERY_ROWS_TEXTS_H
#define PN_QUERY_ROWS_TEXTS_H

#include "base/io.h"
#include "engine/embedded.h"

struct pn_rows_texts;

/* The columns of the files; all borrowed. */
struct pn_rows_columns {
    const char *const *names;
    const char *const *types;
    size_t count;
};

/* `only` is the column that is wanted, from 0; SIZE_MAX: all. */
int pn_rows_texts_open(const char *folder, const struct pn_rows_columns *columns, size_t only,
                       const struct pn_io *io, struct pn_rows_texts **texts,
                       struct pn_err *e) PN_MUST_CHECK;
/* Borrowed; its rows can be taken once. */
const struct pn_row_texts *pn_rows_texts_of(const struct pn_rows_texts *texts);
void pn_rows_texts_close(struct pn_rows_texts **texts); /* NULL ok */

#endif
