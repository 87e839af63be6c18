/*
 * Data files are compared with the checksum that the store gave them before DuckDB reads them:
 * Parquet as DuckDB writes it has none, and of a flipped bit's values most look like others. A file
 * never changes, so an engine reads it once; optimize, which deletes what it has rewritten, reads
 * it each time. A file of another writer has no checksum and is not read.
 */
#ifndef PN_ENGINE_DUCKDB_VERIFY_H
#define PN_ENGINE_DUCKDB_VERIFY_H

#include <pthread.h>

#include "base/io.h"

/* The files that were compared, each as a hash of its path, inode, size and time. */
struct pn_duckdb_verified {
    pthread_mutex_t lock;
    uint64_t *hashes; /* 0: free. NULL: none yet */
    size_t count;
};

void pn_duckdb_verified_init(struct pn_duckdb_verified *verified);
void pn_duckdb_verified_deinit(struct pn_duckdb_verified *verified);
/* CORRUPT names the file. Any thread. */
int pn_duckdb_verify(struct pn_duckdb_verified *verified, const struct pn_io *io, const char *path,
                     struct pn_err *e) PN_MUST_CHECK;

#endif
