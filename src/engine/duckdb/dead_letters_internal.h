/* What the files of a load's dead letters share: the spool (dead_letters.c), the parts of the table
 * (dead_letters_parts.c) and the table (dead_letters_table.c). */
#ifndef PN_ENGINE_DUCKDB_DEAD_LETTERS_INTERNAL_H
#define PN_ENGINE_DUCKDB_DEAD_LETTERS_INTERNAL_H

#include "engine/duckdb/dead_letters.h"

struct pn_dead_letters_feed {
    struct pn_dead_letters *dead;
    size_t table;
};

struct pn_dead_letters {
    struct pn_duckdb *engine;
    const struct pn_table *const *tables;
    size_t count;
    struct pn_table itself;
    struct pn_dead_letters_feed *feeds;
    pthread_mutex_t lock; /* of the spool */
    char *path;           /* NULL until there is something to spool */
    int fd;
    int64_t size_bytes;
    struct pn_buf pending;
    /* Of rows that a data test takes out: a Parquet file for each table (reason, value); NULL: it
     * has none. And how many they are. */
    char **row_files;
    int64_t *row_counts;
};

/* The spool's columns. */
extern const struct pn_table pn_dead_letters_spool;
/* Writes what is pending to the spool. */
int pn_dead_letters_flush(struct pn_dead_letters *dead, struct pn_err *e) PN_MUST_CHECK;

#endif
