/*
 * What the log alone says of the rows in a table's files: the values of partition columns, and
 * which rows are deleted. Both are joined to a scan of the files, by the place of a file in the
 * list and of a row in its file.
 */
#ifndef PN_ENGINE_DUCKDB_PLACES_H
#define PN_ENGINE_DUCKDB_PLACES_H

#include "engine/duckdb/private.h"
#include "engine/duckdb/stored.h"

/* What the scan of the files and the partitions' values are called in it: names that no column
 * has. */
#define PN_DUCKDB_FILES      "\"pinion's files\""
#define PN_DUCKDB_PARTITIONS "\"pinion's partitions\""

/* A column of their names hides the place of a file and of a row: INPUT when the log has one. */
int pn_duckdb_check_places(const struct pn_stored *columns, const char *table_path,
                           struct pn_err *e) PN_MUST_CHECK;
/* Appends a JOIN with the values: of partition column number N a text, c<N>. An empty text is null,
 * as the protocol has it. `columns` are those of the log. */
void pn_duckdb_add_partitions(const struct pn_delta_snapshot *snapshot,
                              const struct pn_stored *columns, struct pn_buf *sql);
bool pn_duckdb_has_deleted_rows(const struct pn_delta_snapshot *snapshot);
/* Appends an ANTI JOIN that leaves out the rows which deletion vectors mark. INPUT: they are too
 * many. The errors of pn_delta_deleted_rows(). */
int pn_duckdb_add_deleted(struct pn_duckdb *engine, const char *table_path,
                          const struct pn_delta_snapshot *snapshot, struct pn_buf *sql,
                          struct pn_err *e) PN_MUST_CHECK;

#endif
