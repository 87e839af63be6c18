/* Where a table's rows come from, and what is made of them, by the pipeline's definition. */
#ifndef PN_REPORT_LINEAGE_H
#define PN_REPORT_LINEAGE_H

#include "pipeline/pipeline.h"
#include "report/columns.h"

extern const struct pn_report_columns pn_lineage_columns;
extern const struct pn_report_columns pn_lineage_edge_columns;

/*
 * side, steps, kind, name: one row for each topic, stream, table, query and task around the table,
 * and for the files of a table with from_files.
 *
 *   side    "before": rows come from it; "after": it reads the table; "by": it makes the table
 *   steps   1: directly; 2: through a table between them; and so on
 *   kind    "topic", "files" with the pattern of their names, "stream", "table", "query", or "task"
 *           with the name DAG/TASK
 *
 * A topic may be a pattern, as in the definition. Which tables a query reads, pn_sql_reads() says.
 */
void pn_report_lineage(const struct pn_pipeline *pipeline, const struct pn_table *table,
                       struct pn_row_writer *rows);

/*
 * kind, name, from_kind, from: one row for each topic, pattern of files, stream and table that a
 * table ("table") or a query ("query") of the pipeline reads directly. One that reads none has one
 * row, whose last two are null. Tables come first, each after those that it reads.
 */
void pn_report_lineage_edges(const struct pn_pipeline *pipeline, struct pn_row_writer *rows);

#endif
