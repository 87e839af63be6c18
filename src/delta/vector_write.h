/*
 * The bytes and names of deletion vectors that this module writes; delta.h has pn_delta_vectors,
 * which callers use. Source: PROTOCOL.md, "Deletion Vector Format".
 */
#ifndef PN_DELTA_VECTOR_WRITE_H
#define PN_DELTA_VECTOR_WRITE_H

#include "delta/internal.h"

/* A file of a snapshot that stays in the table, with more of its rows deleted. */
struct pn_delta_marked {
    const struct pn_delta_file *before; /* borrowed from the caller's snapshot */
    struct pn_delta_file after;         /* the same with the new vector */
    void *bitmap;                       /* of all its deleted rows */
};

struct pn_delta_vectors {
    struct pn_delta *table;
    struct pn_arena arena;
    struct pn_delta_marked *marked;
    size_t count;
    size_t capacity;
    const char *path; /* of the file with all vectors, below the table's path; NULL: not written */
    char *key;        /* of it; a pending file of this process */
};

#endif
