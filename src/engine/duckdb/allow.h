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
/*
 * INPUT naming the first table or function that is not for queries. *checked is false, and the
 * outcome 0, when DuckDB gives no tree of the statement, so it isn't a SELECT. `keys`, when not
 * NULL, are the keys of tables that have a view. `read`, when not NULL, gets the tables that the
 * statement names.
 */
int pn_duckdb_check_allowed(duckdb_connection connection, const struct pn_pipeline *pipeline,
                            const struct pn_duckdb_names *keys, const char *sql, bool *checked,
                            struct pn_duckdb_names *read, struct pn_err *e) PN_MUST_CHECK;

#endif
