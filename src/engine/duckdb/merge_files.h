/* Which files of a table hold keys of a batch. */
#ifndef PN_ENGINE_DUCKDB_MERGE_FILES_H
#define PN_ENGINE_DUCKDB_MERGE_FILES_H

#include "engine/duckdb/files.h"

/* Those of the snapshot's files that hold a key of the temporary table `pn_best`; memory in the
 * snapshot's arena. Statistics first, then a scan of the key column of those that are left. */
int pn_merge_find_files(struct pn_duckdb *engine, duckdb_connection connection,
                        const struct pn_table *table, struct pn_delta_snapshot *snapshot,
                        struct pn_delta_file **files, size_t *count,
                        struct pn_err *e) PN_MUST_CHECK;

#endif
