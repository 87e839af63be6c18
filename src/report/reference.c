#include "report/reference.h"

#include <stdio.h>
#include <string.h>

#include "base/metrics_table.h"

static void setting_row(void *arg, const struct pn_setting_shown *setting)
{
    struct pn_row_writer *rows = arg;
    pn_cell_cstr(rows, setting->name);
    if (setting->is_literal) {
        pn_cell_json(rows, setting->value, strlen(setting->value));
    } else {
        pn_cell_cstr(rows, setting->value);
    }
    pn_cell_cstr(rows, setting->origin);
    pn_cell_cstr(rows, setting->initial);
    pn_cell_cstr(rows, setting->takes);
    pn_cell_cstr(rows, setting->help);
}

PN_REPORT_COLUMNS(pn_setting_columns, {"name", PN_CELL_TEXT | PN_NOT_NULL}, {"value", PN_CELL_JSON},
                  {"origin", PN_CELL_TEXT | PN_NOT_NULL}, {"default", PN_CELL_TEXT},
                  {"takes", PN_CELL_TEXT}, {"help", PN_CELL_TEXT | PN_NOT_NULL});

void pn_report_settings(const struct pn_settings *settings, struct pn_row_writer *rows)
{
    pn_rows_begin_all(rows, &pn_setting_columns);
    pn_settings_each(settings, setting_row, rows);
}

/* "table", or "table, reason" of a row with two. */
static void put_labels(struct pn_row_writer *rows, const struct pn_metric_row *row)
{
    enum { LABELS_SIZE = 64 };
    char both[LABELS_SIZE];
    if (row->second_label == NULL) {
        pn_cell_cstr(rows, row->label);
        return;
    }
    (void)snprintf(both, sizeof both, "%s, %s", row->label, row->second_label);
    pn_cell_cstr(rows, both);
}

void pn_report_metrics(struct pn_row_writer *rows)
{
    static const struct pn_report_column columns[] = {{"name", PN_CELL_TEXT},
                                                      {"kind", PN_CELL_TEXT},
                                                      {"label", PN_CELL_TEXT},
                                                      {"help", PN_CELL_TEXT},
                                                      {"alert", PN_CELL_TEXT}};
    PN_ROWS_BEGIN(rows, columns);
    for (size_t i = 0; i < PN_METRIC_COUNT; i++) {
        const struct pn_metric_row *row = &pn_metrics_table[i];
        pn_cell_cstr(rows, row->name);
        pn_cell_cstr(rows, pn_metric_kind_name(row->kind));
        put_labels(rows, row);
        pn_cell_cstr(rows, row->help);
        pn_cell_cstr(rows, row->alarm);
    }
}
