/*
 * The transactions of incremental tables that those need to know who change such a table from
 * outside of the engine. What else there is: duckdb/taken.h and duckdb/sources.h.
 */
#ifndef PN_ENGINE_INCREMENTAL_H
#define PN_ENGINE_INCREMENTAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "delta/delta.h"
#include "pipeline/pipeline.h"

/* 1: the table's positions are of its rows; 0: they are not, since the table was overwritten. */
#define PN_INCREMENTAL_MARK       "pinion/incremental"
/* A checksum of what the rows were made by: pn_incremental_definition(). */
#define PN_INCREMENTAL_DEFINITION "pinion/definition"
/* The commit is of this version or later. A commit that removes rows and has no such transaction is
 * another program's: the next run then makes the table afresh. */
#define PN_INCREMENTAL_SINCE      "pinion/since"

/* The checksum for a raw or transformed table as the pipeline defines it now. Of a raw table it is
 * of the settings that decide which records become rows and how, without names and types of
 * columns; of a transformed one of SQL, preludes, columns, partitions and mode. */
int64_t pn_incremental_definition(const struct pn_pipeline *pipeline, const struct pn_table *table);

/* Is the table, as its log has it, made as the pipeline defines it now? A column that the snapshot
 * of a raw table lacks may come with any rules: it is null for the rows that there are. Appends to
 * `changed` (NULL ok), where the log knows it, what is not: "`mode`, `aliases` of column 'a'"
 * (rules.h). */
bool pn_incremental_is_same(const struct pn_pipeline *pipeline, const struct pn_table *table,
                            const struct pn_delta_snapshot *snapshot, struct pn_buf *changed);

#endif
