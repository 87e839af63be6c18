/*
 * What the list of tables shows of each table, kept from one look to the next. A look at a table
 * that has no newer commit then costs two questions to the store, and reads nothing of its log.
 *
 * For one thread at a time.
 */
#ifndef PN_REPORT_TABLE_MEMORY_H
#define PN_REPORT_TABLE_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

enum { PN_TABLE_MEMORY_MAX = 4096 }; /* tables; a further one takes the place of another */

struct pn_table_state {
    int64_t version;
    int64_t timestamp_ms;
    int64_t files;
    int64_t rows; /* -1: not known */
    int64_t size_bytes;
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

#endif
