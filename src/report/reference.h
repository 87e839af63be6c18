/* The program's own tables as rows: its settings, and its metrics. */
#ifndef PN_REPORT_REFERENCE_H
#define PN_REPORT_REFERENCE_H

#include "report/columns.h"
#include "settings/settings.h"

/* The columns of the reports below. */
extern const struct pn_report_columns pn_setting_columns;

/* name, value, default, takes, help: each setting with its value in force. A secret is not shown,
 * only that there is one. */
void pn_report_settings(const struct pn_settings *settings, struct pn_row_writer *rows);
/* name, kind, label, help, alert: each metric that a server counts. */
void pn_report_metrics(struct pn_row_writer *rows);

#endif
