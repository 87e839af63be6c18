/* Tables that pinion made and that a pipeline does not declare: it had them once, or another
 * pipeline of the same store has them. Logs do not say which, so nothing here offers a command that
 * deletes one. */
#ifndef PN_REPORT_LEFT_TABLES_H
#define PN_REPORT_LEFT_TABLES_H

#include "report/tables.h"

/*
 * Rows of pn_pipeline_diff_columns, which has begun: the table's key, "not declared", and an effect
 * that names what made its newest commit, how a query reads it, and what else is kept in its
 * folder. A table whose newest ten commits are all another program's, or whose log cannot be read,
 * counts as another's and has no row. *is_cut as in undeclared.h. BLOCKS.
 */
int pn_report_left_tables(const struct pn_table_source *source, struct pn_row_writer *rows,
                          bool *is_cut, struct pn_err *e) PN_MUST_CHECK;

#endif
