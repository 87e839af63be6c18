/*
 * The pipeline's definition as Python: the jobs of this engine get it with their request, and
 * `pinion deploy spark` writes it as the module pinion_pipeline.py. It assigns literals, and
 * dict(...) of them, so that a job reads it without running it.
 */
#ifndef PN_ENGINE_SPARK_DEFINITION_H
#define PN_ENGINE_SPARK_DEFINITION_H

#include "base/buf.h"
#include "pipeline/pipeline.h"

/* INPUT unless the table is one that the jobs can make. */
int pn_spark_check_table(const struct pn_table *table, struct pn_err *e) PN_MUST_CHECK;
/* Appends a Python literal: as a block that reads as the text itself, where it can be one. */
void pn_python_add_text(struct pn_buf *out, const char *text);
/* Appends the module: names, paths, tables and the prelude. */
void pn_python_add_pipeline(struct pn_buf *out, const struct pn_pipeline *pipeline,
                            const char *store);

#endif
