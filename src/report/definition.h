/* What the pipeline says of a table, as JSON. */
#ifndef PN_REPORT_DEFINITION_H
#define PN_REPORT_DEFINITION_H

#include "base/json_writer.h"
#include "pipeline/pipeline.h"

/* Adds the members to an open object: `pinion pipeline show` and the API give the same ones. */
void pn_report_definition(struct pn_json_writer *json, const struct pn_table *table);

#endif
