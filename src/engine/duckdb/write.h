/*
 * The result of a SELECT as a table's new version: a Parquet file, or of a partitioned table some
 * for each partition, made durable in the store; then a commit that overwrites what the table had.
 */
#ifndef PN_ENGINE_DUCKDB_WRITE_H
#define PN_ENGINE_DUCKDB_WRITE_H

#include "engine/duckdb/private.h"

/* A data file in the store that no commit names yet. */
struct pn_written_file {
    int64_t rows;
    char *from; /* where DuckDB has written it */
    char *name; /* below the table's path */
    char *key;  /* in the store; a pending file of this process until deinit */
    char *stats;
    int64_t size_bytes;
    int64_t modified_ms;
    struct pn_delta_map_entry *values; /* of a partitioned table */
    size_t value_count;
};

/* The rows of a statement: a file, or one or more for each partition; none without rows. */
struct pn_written {
    int64_t rows;
    struct pn_written_file *files;
    size_t file_count;
    struct pn_delta_file *adds; /* the files as a commit's actions */
    int64_t modified_ms;        /* since when the first of them is whole, ... */
    int64_t whole_ns;           /* ... and by the monotonic clock */
    /* Of a merge's batch: its tests saw what becomes of this version of the table (-1: there was
     * none), and may have other results with another one. */
    bool is_tested;
    int64_t tested_version;
};
enum { PN_WRITTEN_AGE_MS_MAX = 30000 };

/*
 * Runs `select`, whose columns are those of `table` by name and type, without the generated ones,
 * into new files below the table's path. An interrupt of the engine ends it; then there are none.
 */
int pn_duckdb_write(struct pn_duckdb *engine, duckdb_connection connection,
                    const struct pn_table *table, const struct pn_buf *select,
                    struct pn_written *written, struct pn_err *e) PN_MUST_CHECK;
/* The same for a SELECT that reads so many bytes, about; 0: that is not known. Of little data the
 * row groups are small, so that several threads encode them, and later read them. */
int pn_duckdb_write_from(struct pn_duckdb *engine, duckdb_connection connection,
                         const struct pn_table *table, const struct pn_buf *select, int64_t bytes,
                         struct pn_written *written, struct pn_err *e) PN_MUST_CHECK;
/* The same for rows of one partition, whose columns are those of the files: `values` are its. */
int pn_duckdb_write_partition(struct pn_duckdb *engine, duckdb_connection connection,
                              const struct pn_table *table, const struct pn_buf *select,
                              const struct pn_delta_map_entry *values, size_t value_count,
                              struct pn_written *written, struct pn_err *e) PN_MUST_CHECK;
/* The steps of it, for who keeps a prepared statement. A path to write to: it is free again after
 * pn_duckdb_keep() or pn_duckdb_remove_file(). Caller frees. */
int pn_duckdb_begin_file(struct pn_duckdb *engine, const struct pn_table *table, char **path,
                         struct pn_err *e) PN_MUST_CHECK;
/* Appends the COPY of a SELECT to a path, in row groups of so many rows: the path is a file's, or
 * of a partitioned table a folder's. */
void pn_duckdb_add_copy(struct pn_duckdb *engine, const struct pn_table *table,
                        const struct pn_buf *select, const char *path, int group_rows,
                        struct pn_buf *sql);
/* Takes files, rows and statistics from the COPY's result, and destroys that. */
void pn_duckdb_copied(const struct pn_table *table, duckdb_result *result,
                      struct pn_written *written);
/* Makes the files durable in the table's folder, under names of their own; removes those without
 * rows, and after a failure all. INPUT: they are more than PN_WRITTEN_FILES_MAX. */
enum { PN_WRITTEN_FILES_MAX = 10000 };
int pn_duckdb_keep(struct pn_duckdb *engine, const struct pn_table *table, const char *path,
                   struct pn_written *written, struct pn_err *e) PN_MUST_CHECK;
/* Removes what a COPY has written there: a file, or a folder. Missing is fine. */
void pn_duckdb_remove_file(struct pn_duckdb *engine, const char *path);
/* Removes files that were not committed, because of the failure `rc`: they stay where they were
 * committed (PN_DELTA_LOST), or that is open (PN_DELTA_UNKNOWN). */
void pn_duckdb_write_undo(struct pn_duckdb *engine, const struct pn_written *written, int rc);
void pn_written_deinit(struct pn_written *written);
/* Moves the files of another one to `written`, which is as old as the older of them. */
void pn_written_join(struct pn_written *written, struct pn_written *other);
/* INPUT: they are more than PN_WRITTEN_FILES_MAX; for files that were joined. */
int pn_written_check(const struct pn_table *table, const struct pn_written *written,
                     struct pn_err *e) PN_MUST_CHECK;
/* Another process's vacuum takes a file that no commit names when it is a minute old: may these
 * be committed still? Old by either clock is old: one may have been set, one stops while the
 * machine sleeps. */
bool pn_duckdb_written_is_young(struct pn_duckdb *engine, const struct pn_written *written);

/* The partition columns of a table, for a commit: the names, `table->partition_count` of them.
 * Caller frees the array. */
const char **pn_duckdb_partition_columns(const struct pn_table *table);

/* How files become a part of a table, which gets the columns that it lacks; see struct
 * pn_delta_commit. */
struct pn_duckdb_put {
    enum pn_delta_mode mode;
    const char *notes; /* of the commit; may be NULL */
    const struct pn_delta_txn *txns;
    const int64_t *txns_before;
    size_t txn_count;
    const int64_t *read_version;         /* NULL: the table may have moved on */
    const struct pn_delta_file *removes; /* of PN_DELTA_REPLACE */
    size_t remove_count;
    const struct pn_delta_vectors *vectors; /* the same; NULL: none */
    bool carries_rows;                      /* see struct pn_delta_commit */
    const char *parameters;                 /* of the commit; may be NULL */
    const char *operation;                  /* NULL: "WRITE" */
};
int pn_duckdb_commit(struct pn_duckdb *engine, const struct pn_table *table,
                     const struct pn_written *written, const struct pn_duckdb_put *put,
                     int64_t *version, struct pn_err *e) PN_MUST_CHECK;
/* Commits it as the table's whole contents, with `notes` (of the commit; may be NULL). Positions of
 * an incremental table, which this one was, hold no more. */
int pn_duckdb_overwrite(struct pn_duckdb *engine, const struct pn_table *table,
                        const struct pn_written *written, const char *notes, int64_t *version,
                        struct pn_err *e) PN_MUST_CHECK;

/* A handle on a table by its path in the store. */
struct pn_delta *pn_duckdb_delta(struct pn_duckdb *engine, const char *path);
/* The newest version of the table there; *snapshot is NULL where there is no table. */
int pn_duckdb_newest(struct pn_duckdb *engine, const char *path,
                     struct pn_delta_snapshot **snapshot, struct pn_err *e) PN_MUST_CHECK;

/* stats.c: Delta's statistics for columns, from row `row` of a COPY ... (RETURN_STATS) result.
 * NULL when they are not known. Caller frees. */
char *pn_duckdb_stats(const struct pn_table *table, int64_t rows, duckdb_vector statistics,
                      idx_t row);

#endif
