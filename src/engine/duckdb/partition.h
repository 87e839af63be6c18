/*
 * A table's partitions as DuckDB writes and reads them. Rows are divided by the text that Delta's
 * log has for each value, one file or more for each partition; a partition column is not in the
 * files. Null and, as the protocol has it, the empty text are one partition. The folders are named
 * as Hive's are, "region=north/placed_day=2026-01-31", which readers of Delta do not rely on.
 *
 * Source: PROTOCOL.md, "Partition Value Serialization".
 */
#ifndef PN_ENGINE_DUCKDB_PARTITION_H
#define PN_ENGINE_DUCKDB_PARTITION_H

#include "engine/duckdb/stored.h"
#include "engine/duckdb/write.h"

/*
 * Appends "SELECT <columns of the files>, <keys> FROM (" and after the SELECT of the rows
 * ") ORDER BY <keys>": the keys are columns of their own, by which COPY divides the rows. A value
 * that has no text in the log (a year beyond 9999), or too long a one for a folder, fails the
 * statement with a message that names the column.
 */
void pn_partition_add_begin(const struct pn_table *table, struct pn_buf *sql);
void pn_partition_add_end(const struct pn_table *table, struct pn_buf *sql);
/* Appends the COPY's options, beginning with a comma. */
void pn_partition_add_options(const struct pn_table *table, struct pn_buf *sql);
/* Reads the partition of a file from row `row` of the COPY's partition_keys. Caller frees the array
 * and each value; keys are the table's. */
struct pn_delta_map_entry *pn_partition_read_values(const struct pn_table *table,
                                                    duckdb_vector keys, idx_t row);
/* The folder of a partition below the table's, with a slash at its end. Caller frees. */
char *pn_partition_folder(const struct pn_delta_map_entry *values, size_t count);

/*
 * Do the folders of all files say what the log says, so that DuckDB can take the values of
 * partition columns from the paths? It then opens only files whose partition a filter takes.
 * `columns` are those of the log; `folder` is where the table's files are.
 */
bool pn_partition_paths_say(const struct pn_delta_snapshot *snapshot,
                            const struct pn_stored *columns, const char *folder);

#endif
