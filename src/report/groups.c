#include "report/groups.h"

#include "log/lag.h"

PN_REPORT_COLUMNS(pn_group_columns, {"group", PN_CELL_TEXT | PN_NOT_NULL},
                  {"partition", PN_CELL_INT | PN_NOT_NULL}, {"committed", PN_CELL_WIDE},
                  {"end", PN_CELL_WIDE | PN_NOT_NULL}, {"lag", PN_CELL_INT | PN_NOT_NULL},
                  {"lost", PN_CELL_INT | PN_NOT_NULL}, {"instance", PN_CELL_TEXT},
                  {"position", PN_CELL_WIDE});

int pn_report_groups(struct pn_log *log, const char *topic,
                     const struct pn_kafka_rest_group_place *places, size_t count,
                     struct pn_row_writer *rows, struct pn_err *e)
{
    pn_rows_begin_all(rows, &pn_group_columns);
    for (size_t i = 0; i < count; i++) {
        const struct pn_kafka_rest_group_place *place = &places[i];
        struct pn_log_offsets offsets = {0};
        struct pn_err failure = {0};
        int rc = pn_log_offsets(log, topic, place->partition, &offsets, &failure);
        if (rc != 0 && failure.class_ == PN_CLASS_MISSING) {
            continue;
        }
        if (rc != 0) {
            pn_err_copy(e, &failure);
            return rc;
        }
        struct pn_lag lag = pn_lag(place->committed, offsets.begin, offsets.end);
        pn_cell_cstr(rows, place->group);
        pn_cell_int(rows, place->partition);
        pn_cell_known(rows, place->committed);
        pn_cell_int(rows, offsets.end);
        pn_cell_int(rows, lag.records);
        pn_cell_int(rows, lag.lost);
        pn_cell_cstr(rows, place->instance);
        pn_cell_known(rows, place->position);
    }
    return 0;
}
