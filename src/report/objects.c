#include "report/objects.h"

PN_REPORT_COLUMNS(pn_object_columns, {"key", PN_CELL_TEXT | PN_NOT_NULL},
                  {"size_bytes", PN_CELL_INT | PN_NOT_NULL},
                  {"modified", PN_CELL_TIME | PN_NOT_NULL});

void pn_report_object(const struct pn_object *object, struct pn_row_writer *rows)
{
    pn_cell_cstr(rows, object->key);
    pn_cell_int(rows, object->size_bytes);
    pn_cell_time(rows, object->modified_ms);
}
