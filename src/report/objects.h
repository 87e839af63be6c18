/* Objects of the store as rows. */
#ifndef PN_REPORT_OBJECTS_H
#define PN_REPORT_OBJECTS_H

#include "report/columns.h"
#include "store/store.h"

/* key, size_bytes, modified */
extern const struct pn_report_columns pn_object_columns;
/* One row; the columns are declared by the caller, by pn_rows_begin_all(). */
void pn_report_object(const struct pn_object *object, struct pn_row_writer *rows);

#endif
