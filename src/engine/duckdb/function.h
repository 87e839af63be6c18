/*
 * Table functions of ours: what a FROM clause of our statements names to read records that DuckDB
 * has no reader for: pn_landed(), pn_batch() and pn_dead_letter_list(). They take whole numbers.
 */
#ifndef PN_ENGINE_DUCKDB_FUNCTION_H
#define PN_ENGINE_DUCKDB_FUNCTION_H

#include "engine/duckdb/private.h"

/* What DuckDB calls. */
struct pn_duckdb_function {
    const char *name;
    int numbers; /* how many it takes */
    duckdb_table_function_bind_t bind;
    duckdb_table_function_init_t init;
    duckdb_table_function_init_t init_thread; /* or NULL */
    duckdb_table_function_t read;
};
/* Makes it known to the connection's instance; its extra info is the engine. */
int pn_duckdb_register(struct pn_duckdb *engine, duckdb_connection connection,
                       const struct pn_duckdb_function *function, struct pn_err *e) PN_MUST_CHECK;

/* For `bind`: a number that the statement gave, and the columns of what will be read. */
int64_t pn_duckdb_parameter(duckdb_bind_info info, idx_t index);
void pn_duckdb_add_column(duckdb_bind_info info, const struct pn_column *column);
void pn_duckdb_add_row_columns(duckdb_bind_info info, const struct pn_table *table);

/* The first failure of the threads that read for a statement, as it was: DuckDB keeps its text, and
 * not what it was. Zeroed is none. */
struct pn_duckdb_failure {
    bool failed;
    struct pn_err e;
};
/* For `read`: ends the statement. `lock` is the failure's. */
void pn_duckdb_fail_read(duckdb_function_info info, struct pn_duckdb_failure *failure,
                         pthread_mutex_t *lock, const struct pn_err *e);

#endif
