/* The data files of a table: all of them, or a page of those that a reader looks for. */
#ifndef PN_REPORT_FILES_H
#define PN_REPORT_FILES_H

#include "base/arena.h"
#include "delta/delta.h"
#include "report/columns.h"
#include "report/row_writer.h"

enum pn_file_order { PN_FILES_BY_PATH, PN_FILES_BY_ROWS, PN_FILES_BY_SIZE, PN_FILES_BY_TIME };

/* Zeros choose all files, by path. */
struct pn_file_choice {
    const char *words; /* that are in the path or a "column=value", see base/words.h; NULL: any */
    enum pn_file_order order; /* and by path, where that is the same */
    bool is_falling;
    const char *after; /* what *next was for the page before; NULL: from the first */
    size_t limit;      /* 0: all */
};

extern const struct pn_report_columns pn_file_columns;

/* path, size_bytes, rows, deleted_rows (which its deletion vector marks), modified,
 * partition. *next (in the arena) is where the next page begins;
 * NULL: these were the last. INPUT when `after` is not such a text; then there are no rows. */
int pn_report_files(const struct pn_delta_snapshot *snapshot, const struct pn_file_choice *choice,
                    struct pn_arena *arena, struct pn_row_writer *rows, const char **next,
                    struct pn_err *e) PN_MUST_CHECK;

#endif
