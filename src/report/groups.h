/* What consumer groups have read of a topic, and how much they have still to read, as rows. */
#ifndef PN_REPORT_GROUPS_H
#define PN_REPORT_GROUPS_H

#include "kafka/rest/groups.h"
#include "log/log.h"
#include "report/columns.h"

/* The columns of the report below. */
extern const struct pn_report_columns pn_group_columns;

/* group, partition, committed (null: nothing), end, lag, lost, instance (null: none has the
 * partition), position. The lag is that of the committed offset (log/lag.h). Partitions that the
 * topic does not have (any more) are left out. */
int pn_report_groups(struct pn_log *log, const char *topic,
                     const struct pn_kafka_rest_group_place *places, size_t count,
                     struct pn_row_writer *rows, struct pn_err *e) PN_MUST_CHECK;

#endif
