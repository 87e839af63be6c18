#include "report/landings.h"

void pn_report_landings(const struct pn_sink_status *statuses, size_t count,
                        struct pn_row_writer *rows)
{
    static const struct pn_report_column columns[] = {
        {"topic", PN_CELL_TEXT},     {"partition", PN_CELL_INT},    {"landed_offset", PN_CELL_INT},
        {"end_offset", PN_CELL_INT}, {"lag", PN_CELL_INT},          {"objects", PN_CELL_INT},
        {"records", PN_CELL_INT},    {"dead_letters", PN_CELL_INT}, {"lost", PN_CELL_INT},
        {"errors", PN_CELL_INT},     {"error", PN_CELL_TEXT}};
    PN_ROWS_BEGIN(rows, columns);
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
