/*
 * The columns of a report as data: for the report itself, and for the API's document, whose
 * schemas of items are made from them.
 *
 *     topics.h:  extern const struct pn_report_columns pn_topic_columns;
 *     topics.c:  PN_REPORT_COLUMNS(pn_topic_columns,
 *                                  {"topic", PN_CELL_TEXT | PN_NOT_NULL},
 *                                  {"read_by", PN_CELL_TEXT});
 *
 * A column of which no cell is ever null says so: clients then need not expect it.
 */
#ifndef PN_REPORT_COLUMNS_H
#define PN_REPORT_COLUMNS_H

#include "base/json_writer.h"
#include "report/row_writer.h"

struct pn_report_columns {
    const struct pn_report_column *items;
    size_t count;
};

#define PN_REPORT_COLUMNS(name, ...)                                     \
    static const struct pn_report_column name##_items[] = {__VA_ARGS__}; \
    const struct pn_report_columns name = {name##_items, sizeof name##_items / sizeof *name##_items}

/* Declares them all to a writer of rows. */
static inline void pn_rows_begin_all(struct pn_row_writer *rows,
                                     const struct pn_report_columns *columns)
{
    pn_row_writer_begin(rows, columns->items, columns->count);
}

/* Writes the JSON Schema of an item as PN_FORMAT_API has it: an object, each column a member. */
void pn_report_put_schema(struct pn_json_writer *json, const struct pn_report_columns *columns);

#endif
