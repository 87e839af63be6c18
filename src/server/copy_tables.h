/*
 * The tables of a store that is copied: in which order their files are to be there, and whether a
 * table in the target may be continued with the files of the source.
 */
#ifndef PN_SERVER_COPY_TABLES_H
#define PN_SERVER_COPY_TABLES_H

#include "pipeline/pipeline.h"
#include "store/copy.h"

struct pn_copy_tables {
    const struct pn_pipeline *pipeline; /* borrowed */
    struct pn_copied_table *tables;
    size_t count;
    size_t capacity;
};

/* A key's rank, as pn_copy_config wants it. */
int pn_copy_tables_rank(const struct pn_copy_tables *tables, const char *key);
/* Takes note of a key that only the target has. */
void pn_copy_tables_extra(struct pn_copy_tables *tables, const char *key);
/* CONFLICT: with another commit of a version, or a later version, in the target, a table would be a
 * mixture of both. The URLs are what people call the stores. */
int pn_copy_tables_check(struct pn_copy_tables *tables, const struct pn_copy *plan,
                         const char *from_url, const char *to_url, struct pn_err *e) PN_MUST_CHECK;
void pn_copy_tables_deinit(struct pn_copy_tables *tables);

#endif
