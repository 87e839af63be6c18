/*
 * What DuckDB opens: the path of an object of the store. On a store whose objects are files of this
 * machine these are the paths; of another store's objects, copies are leased for a statement.
 */
#ifndef PN_ENGINE_DUCKDB_FILES_H
#define PN_ENGINE_DUCKDB_FILES_H

#include "engine/duckdb/private.h"
#include "store/fetch.h"
#include "store/file_cache.h"

/* The path of an object, good until the lease is released; caller frees. `version` and the errors
 * are those of pn_file_cache_take(). */
int pn_duckdb_object_path(struct pn_duckdb *engine, const char *key, const char *version,
                          struct pn_file_lease *lease, char **path, struct pn_err *e) PN_MUST_CHECK;
/* The same for a file of a table's snapshot, wherever it is. CORRUPT when it is not there. */
int pn_duckdb_data_path(struct pn_duckdb *engine, const char *table_path,
                        const struct pn_delta_file *file, struct pn_file_lease *lease, char **out,
                        struct pn_err *e) PN_MUST_CHECK;
/* Fetches several files of a table's snapshot at the same time, for a caller that takes one after
 * the other. It only saves waiting: that caller gets the error of a file that cannot be fetched. */
void pn_duckdb_bring(struct pn_duckdb *engine, const char *table_path,
                     const struct pn_delta_file *files, size_t count);
/* Before a data file is put into a store that is not local: this machine's processes need not fetch
 * it. `modified_ms` is that of its commit. */
void pn_duckdb_offer(struct pn_duckdb *engine, const char *key, int64_t modified_ms,
                     const char *path);
/* Leases all files of a snapshot, whose paths are known already. */
int pn_duckdb_lease_snapshot(struct pn_duckdb *engine, const char *table_path,
                             const struct pn_delta_snapshot *snapshot, struct pn_file_lease *lease,
                             struct pn_err *e) PN_MUST_CHECK;
/* Begins to fetch objects that are read once (pn_fetch_start()). NULL: they are read where they
 * are, as in a local store. */
struct pn_fetch *pn_duckdb_fetch(struct pn_duckdb *engine, const struct pn_object *objects,
                                 size_t count);
/* The folder that the files of a table's folder are in, for a caller with a temporary folder.
 * Caller frees. */
int pn_duckdb_folder_path(struct pn_duckdb *engine, const char *key, char **path,
                          struct pn_err *e) PN_MUST_CHECK;

#endif
