#include "report/landings.h"

PN_REPORT_COLUMNS(pn_landing_columns, {"topic", PN_CELL_TEXT | PN_NOT_NULL},
                  {"partition", PN_CELL_INT | PN_NOT_NULL},
                  {"landed_offset", PN_CELL_INT | PN_NOT_NULL},
                  {"end_offset", PN_CELL_INT | PN_NOT_NULL}, {"lag", PN_CELL_INT | PN_NOT_NULL},
                  {"objects", PN_CELL_INT | PN_NOT_NULL}, {"records", PN_CELL_INT | PN_NOT_NULL},
                  {"dead_letters", PN_CELL_INT | PN_NOT_NULL}, {"lost", PN_CELL_INT | PN_NOT_NULL},
                  {"errors", PN_CELL_INT | PN_NOT_NULL}, {"error", PN_CELL_TEXT});

void pn_report_landings(const struct pn_sink_status *statuses, size_t count,
                        struct pn_row_writer *rows)
{
    pn_rows_begin_all(rows, &pn_landing_columns);
    for (size_t i = 0; i < count; i++) {
        const struct pn_sink_status *status = &statuses[i];
        pn_cell_cstr(rows, status->topic);
        pn_cell_int(rows, status->partition);
        pn_cell_int(rows, status->landed_offset);
        pn_cell_int(rows, status->end_offset);
        pn_cell_int(rows, status->lag);
        pn_cell_int(rows, status->objects);
        pn_cell_int(rows, status->records);
        pn_cell_int(rows, status->dead_letters);
        pn_cell_int(rows, status->lost);
        pn_cell_int(rows, status->errors);
        pn_cell_cstr(rows, status->error);
    }
}
