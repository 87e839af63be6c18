/* Which lines of a text went and came, from one version to the next, as rows. */
#ifndef PN_REPORT_LINE_DIFF_H
#define PN_REPORT_LINE_DIFF_H

#include "report/columns.h"

/* change ("-": gone, "+": new, " ": the same), text; the fewest lines that make the one text of the
 * other. Texts of which more than some 2,000 lines in a row differ are shown as gone and new
 * altogether. */
void pn_report_line_diff(const char *before, const char *after, struct pn_row_writer *rows);

/* The same for people, as `diff -u` shows it: three lines before and after each change. Nothing for
 * equal texts. `names` are those of the two texts. */
void pn_line_diff_print(const char *const names[2], const char *before, const char *after,
                        FILE *out);

#endif
