/* What the sink has landed, as rows. */
#ifndef PN_REPORT_LANDINGS_H
#define PN_REPORT_LANDINGS_H

#include "report/columns.h"
#include "sink/sink.h"

/* The columns of the reports below. */
extern const struct pn_report_columns pn_landing_columns;

/* topic, partition, landed_offset, end_offset, lag, objects, records, dead_letters, lost, errors,
 * error: of each partition, as pn_sink_status() gives them. */
void pn_report_landings(const struct pn_sink_status *statuses, size_t count,
                        struct pn_row_writer *rows);

#endif
