/*
 * The tables that a query names: as they are in the store when it is asked, the files that it may
 * then open, and their views.
 */
#ifndef PN_ENGINE_DUCKDB_ASKED_H
#define PN_ENGINE_DUCKDB_ASKED_H

#include "engine/duckdb/allow.h"
#include "engine/duckdb/reach.h"

struct pn_duckdb_asked_table {
    char *name; /* of its view: as the statement has it, with a version */
    char *path;
    struct pn_table table;              /* by this name and path */
    struct pn_delta_snapshot *snapshot; /* NULL: there is none yet */
};

/* Zeroed is none. */
struct pn_duckdb_asked {
    struct pn_duckdb_asked_table *items;
    size_t count;
    size_t capacity;
    struct pn_duckdb_names keys; /* the names that are not of the pipeline's tables */
    struct pn_duckdb_reach reach;
};

/* Reads the logs of the tables that a tree (allow.h) names, as of `at` (of struct pn_ask; NULL ok).
 * INPUT: two keys differ only in the case of letters, or `at` is neither a version nor a time. A
 * version that isn't there is MISSING, a table that doesn't exist yet no error.
 * pn_duckdb_asked_deinit() is to follow in any case. */
int pn_duckdb_asked_find(struct pn_duckdb *engine, const char *tree, const char *at,
                         struct pn_duckdb_asked *asked, struct pn_err *e) PN_MUST_CHECK;
/* Adds the files of all tables of the pipeline to what may be opened: where queries come one after
 * the other, the second instance is then the last. A table whose log cannot be read is left out. */
void pn_duckdb_asked_widen(struct pn_duckdb *engine, struct pn_duckdb_reach *reach);
/* Sees to it that each has its view; the files are there until `lease` is released. */
int pn_duckdb_asked_view(struct pn_duckdb *engine, duckdb_connection connection,
                         const struct pn_duckdb_asked *asked, struct pn_file_lease *lease,
                         struct pn_err *e) PN_MUST_CHECK;
void pn_duckdb_asked_deinit(struct pn_duckdb_asked *asked);

#endif
