/*
 * What a user's SELECT may name: tables of the pipeline, tables of the store by their keys, and
 * functions that only compute.
 * DuckDB parses the statement; its tree is looked at before anything is bound or run.
 */
#ifndef PN_ENGINE_DUCKDB_ALLOW_H
#define PN_ENGINE_DUCKDB_ALLOW_H

#include "engine/duckdb/private.h"

/* Names of tables, each once. Zeroed is none. */
struct pn_duckdb_names {
    char **items;
    size_t count;
    size_t capacity;
};
void pn_duckdb_names_deinit(struct pn_duckdb_names *names);
/* Adds a copy of the name, unless it is there. */
void pn_duckdb_names_add(struct pn_duckdb_names *names, const char *name);

/* Of a table's name with a version, "pin@3": the length of "pin", and the version. False for any
 * other name. */
bool pn_duckdb_version_name(const char *name, size_t len, size_t *table_len, int64_t *version);
/* The tree of a statement as JSON text, which the caller frees; NULL, with the outcome 0, when
 * DuckDB gives none, so the statement isn't a SELECT. */
int pn_duckdb_read_tree(duckdb_connection connection, const char *sql, char **tree,
                        struct pn_err *e) PN_MUST_CHECK;
/* The names in a tree that tables may have, as they are written. A WITH may define one, too. */
void pn_duckdb_read_names(const char *tree, struct pn_duckdb_names *tables);
/*
 * INPUT naming the first table or function that is not for queries. `keys`, when not NULL, are the
 * names of views that are keys of tables, or such keys with a version. `read`, when not NULL, gets
 * the tables that the statement names.
 */
int pn_duckdb_check_allowed(duckdb_connection connection, const struct pn_pipeline *pipeline,
                            const struct pn_duckdb_names *keys, const char *tree,
                            struct pn_duckdb_names *read, struct pn_err *e) PN_MUST_CHECK;
/* The INPUT error for a table that a statement names, and the pipeline does not have. */
int pn_duckdb_no_table(const struct pn_pipeline *pipeline, const char *name, struct pn_err *e);

#endif
