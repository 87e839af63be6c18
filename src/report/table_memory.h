/*
 * What the list of tables shows of each table, kept from one look to the next. A look at a table
 * that has no newer commit then costs two questions to the store, and reads nothing of its log.
 *
 * For one thread at a time.
 */
#ifndef PN_REPORT_TABLE_MEMORY_H
#define PN_REPORT_TABLE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "store/store.h"

enum {
    PN_TABLE_MEMORY_MAX = 4096, /* tables; a further one takes the place of another */
    PN_TABLE_COMMITS_MAX = 12,  /* commits of a table whose rows are kept */
    PN_TABLE_MAKER_SIZE = 1024
};

struct pn_table_state {
    int64_t version;
    int64_t timestamp_ms;
    int64_t files;
    int64_t rows; /* -1: not known */
    int64_t size_bytes;
    int64_t added[PN_TABLE_COMMITS_MAX]; /* rows of the newest commits, the newest first; none of
                                            an optimize, which adds no row */
    size_t added_count;
    char maker[PN_TABLE_MAKER_SIZE]; /* of the newest commit, as JSON (delta/maker.h); "": not
                                        known, or too long to be kept */
};

struct pn_table_memory;

struct pn_table_memory *pn_table_memory_create(void);
void pn_table_memory_destroy(struct pn_table_memory **memory); /* NULL ok */

/* What is remembered of the table at `path`. False: nothing, or the table has another newest commit
 * by now: a newer one, or it was made again. */
bool pn_table_memory_find(const struct pn_table_memory *memory, struct pn_store *store,
                          const char *path, struct pn_table_state *state);
/* Remembers it. */
void pn_table_memory_note(struct pn_table_memory *memory, struct pn_store *store, const char *path,
                          const struct pn_table_state *state);

/* The keys of tables that the pipeline does not declare (undeclared.h), in the arena. False: none
 * were noted since `since_ms` of the monotonic clock. */
bool pn_table_memory_undeclared(const struct pn_table_memory *memory, int64_t since_ms,
                                struct pn_arena *arena, const char ***keys, size_t *count);
void pn_table_memory_note_undeclared(struct pn_table_memory *memory, int64_t now_ms,
                                     const char *const *keys, size_t count);

#endif
