/* Objects as files of this machine, and the rows of those that are CSV and Parquet. */
#ifndef PN_ENGINE_DUCKDB_FROM_FILES_ROWS_H
#define PN_ENGINE_DUCKDB_FROM_FILES_ROWS_H

#include "engine/duckdb/import.h"
#include "engine/duckdb/landed.h"
#include "store/file_cache.h"

struct pn_source_object {
    struct pn_object object;
    enum pn_file_format format;
    bool is_same; /* after it was read: as it was listed */
};

/* An object that is open for reading by DuckDB: decompressed where that reads no zstd. */
struct pn_source_file {
    const struct pn_source_object *object;
    struct pn_import import; /* by the table's own settings */
    struct pn_import_file file;
    struct pn_importing importing;
    struct pn_file_lease lease;
    char *path;
    char *unpacked;
};
/* `object` is set, all else is zero. To be closed after a failure, too. */
int pn_source_file_open(struct pn_duckdb *engine, const struct pn_table *table,
                        duckdb_connection connection, struct pn_source_file *source,
                        struct pn_err *e) PN_MUST_CHECK;
/* An error about the file then names the object: by its key, not by the path of a copy. NULL ok. */
void pn_source_file_tell(const struct pn_source_file *source, struct pn_err *e);
void pn_source_file_close(struct pn_duckdb *engine, struct pn_source_file *source);

struct pn_source_rows {
    struct pn_duckdb *engine;
    const struct pn_table *table;
    const struct pn_table *batch; /* as whose rows they are written */
    duckdb_connection connection;
    struct pn_landed_scan *scan; /* gets the objects, and what is not a row */
    const struct pn_source_object *
        *extra_example; /* is set to an object with a column that the table lacks */
};
/* Writes the rows of the objects that are CSV or Parquet. */
int pn_source_rows_write(const struct pn_source_rows *rows, const struct pn_source_object *objects,
                         size_t count, struct pn_written *written, struct pn_err *e) PN_MUST_CHECK;

#endif
