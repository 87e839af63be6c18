/* Parts of the files of spark.h: Python, SQL cells and the bundle's YAML. */
#ifndef PN_DEPLOY_PYTHON_H
#define PN_DEPLOY_PYTHON_H

#include "base/buf.h"
#include "pipeline/pipeline.h"

/* Appends a Python literal: as a block that reads as the text itself, where it can be one. */
void pn_python_add_text(struct pn_buf *out, const char *text);
/* Appends the module pinion_pipeline.py: names, paths, tables and the prelude. */
void pn_python_add_pipeline(struct pn_buf *out, const struct pn_pipeline *pipeline,
                            const char *store);
/* Appends the statements of a SQL text, each a cell of a notebook; a statement ends with a
 * semicolon at the end of a line. */
void pn_sql_add_cells(struct pn_buf *out, const char *sql);
/* Appends databricks.yml: a job for each DAG, and one for the streams. */
void pn_bundle_add(struct pn_buf *out, const struct pn_pipeline *pipeline, const char *cluster);

#endif
