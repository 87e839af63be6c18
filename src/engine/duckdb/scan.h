/*
 * A table's snapshot as a SELECT: its columns, each of its type, over the snapshot's files. A
 * column, or a field of a struct, that no file has is null, as Delta has it: one that was declared
 * or added after the files were written. The values of partition columns come from the log, which
 * also says under which names the files have the others. Rows that a deletion vector marks are left
 * out.
 */
#ifndef PN_ENGINE_DUCKDB_SCAN_H
#define PN_ENGINE_DUCKDB_SCAN_H

#include "engine/duckdb/files.h"

/*
 * Appends "SELECT <columns> FROM read_parquet([...])" over a snapshot's files, or a typed SELECT
 * without rows when `snapshot` is NULL or has none. With `ask`, the files are asked for their
 * columns first. Without, the statement is quicker to make, and doesn't bind when a column is in no
 * file: pn_duckdb_misses_column() says whether. A table without declared columns has those of its
 * log, and must have a snapshot. A type that this engine does not have, and
 * too many deleted rows, are INPUT errors. The files are there until `lease` is released.
 */
int pn_duckdb_add_scan(struct pn_duckdb *engine, duckdb_connection connection,
                       const struct pn_table *table, const struct pn_delta_snapshot *snapshot,
                       bool ask, struct pn_file_lease *lease, struct pn_buf *sql,
                       struct pn_err *e) PN_MUST_CHECK;
/* The same after the files were asked, with two columns more: pn_file, the file's place in the
 * snapshot's list, and pn_row, the row's in its file; both BIGINT, from 0. */
int pn_duckdb_add_scan_of_places(struct pn_duckdb *engine, duckdb_connection connection,
                                 const struct pn_table *table,
                                 const struct pn_delta_snapshot *snapshot,
                                 struct pn_file_lease *lease, struct pn_buf *sql,
                                 struct pn_err *e) PN_MUST_CHECK;
bool pn_duckdb_misses_column(const struct pn_err *e);
/* DuckDB did not read a file (`e`), since it is outside the store or is not there: the error then
 * names the table, the file and what to do. Other errors stay as they are. */
void pn_duckdb_explain_unread(struct pn_duckdb *engine, const struct pn_table *table,
                              const struct pn_delta_snapshot *snapshot, struct pn_err *e);

/* The ends of "read_parquet([..." and "read_parquet(...": a table's files need not have all its
 * columns, nor the first one those of the others, which would be left out without a word; and a
 * folder named "id=5" on the way to a file is not a value of its column `id`. */
#define PN_DUCKDB_FILES_END "], union_by_name = true, hive_partitioning = false)"
#define PN_DUCKDB_FILE_END  ", hive_partitioning = false)"
/* Appends the literal of a data file's place. The file is compared with its checksum, if it has
 * one: with `again` even where this engine did so before. CORRUPT names a file that is missing or
 * damaged. */
int pn_duckdb_add_file(struct pn_duckdb *engine, const char *table_path,
                       const struct pn_delta_file *file, struct pn_file_lease *lease, bool again,
                       struct pn_buf *sql, struct pn_err *e) PN_MUST_CHECK;

#endif
