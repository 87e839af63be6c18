/* What was copied from a store to another one, as rows. */
#ifndef PN_REPORT_COPIES_H
#define PN_REPORT_COPIES_H

#include "report/columns.h"
#include "store/copy.h"

/* Of each object that is not the same in both: what is to be done with it, or what became of it. */
void pn_report_copy_objects(const struct pn_copy *copy, struct pn_row_writer *rows);
/* One row: how many objects and bytes there were of each kind. `is_complete`: a server may
 * continue with the target. */
void pn_report_copy(const struct pn_copy *copy, const char *from, const char *to, bool is_complete,
                    struct pn_row_writer *rows);

#endif
