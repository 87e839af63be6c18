/* What a changed pipeline.yml will do to the tables that are in the store, before it does. */
#ifndef PN_REPORT_PIPELINE_DIFF_H
#define PN_REPORT_PIPELINE_DIFF_H

#include "report/tables.h"

extern const struct pn_report_columns pn_pipeline_diff_columns;

/*
 * table, change, column, from, to, effect, refused: one row for each difference between a table of
 * the pipeline and what the store has; nothing for a table that stays as it is.
 *
 *   change   "new table"; "added", "left out" or "type" of a column, or of a field of a struct
 *            ("place.zip"); "partitions"; "mode"; "definition": SQL, prelude or settings of an
 *            incremental table
 *            "not declared": a table that pinion made and that the pipeline does not have any
 *            more, named by its key
 *   effect   what the next run, or the stream, does about it
 *   refused  it fails, and the table stays as it is, until something is done that `effect` names
 *
 * Only logs are read. The error is that of a table of the pipeline whose log cannot be read.
 * *is_cut: the search for tables that are not declared reached a limit (undeclared.h), so there may
 * be more.
 */
int pn_report_pipeline_diff(const struct pn_table_source *source, struct pn_row_writer *rows,
                            bool *is_cut, struct pn_err *e) PN_MUST_CHECK;

#endif
