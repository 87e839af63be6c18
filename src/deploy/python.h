/* Parts of the files of spark.h: SQL cells and the bundle's YAML. */
#ifndef PN_DEPLOY_PYTHON_H
#define PN_DEPLOY_PYTHON_H

#include "base/buf.h"
#include "pipeline/pipeline.h"

/* Appends the statements of a SQL text, each a cell of a notebook; a statement ends with a
 * semicolon at the end of a line. */
void pn_sql_add_cells(struct pn_buf *out, const char *sql);
/* Appends databricks.yml: a job for each DAG, and one for the streams. */
void pn_bundle_add(struct pn_buf *out, const struct pn_pipeline *pipeline, const char *cluster);

#endif
