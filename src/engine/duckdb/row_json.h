/*
 * A row as JSON, as an expression of SQL. `to_json(t)` of a table's alias `t` will not do: it is
 * the column `t` where there is one. And DuckDB writes numbers that are not finite as NaN and
 * Infinity, which JSON does not have.
 */
#ifndef PN_ENGINE_DUCKDB_ROW_JSON_H
#define PN_ENGINE_DUCKDB_ROW_JSON_H

#include <duckdb.h>

#include "base/buf.h"
#include "pipeline/pipeline.h"

/* The row of a FROM clause, to show it: all of its columns, numbers as DuckDB writes them. */
#define PN_DUCKDB_ROW_SHOWN "CAST(to_json(struct_pack(*COLUMNS(*))) AS VARCHAR)"

/* Appends the text of an object of the columns, as an expression of type VARCHAR. Numbers that are
 * not finite are "NaN", "Infinity" and "-Infinity", at any depth, as in the results of queries. */
void pn_duckdb_add_row_json(const char *const *names, const duckdb_logical_type *types,
                            size_t count, struct pn_buf *sql);
/* The same, of the columns that pinion writes of a table. */
void pn_duckdb_add_table_row_json(const struct pn_table *table, struct pn_buf *sql);

#endif
