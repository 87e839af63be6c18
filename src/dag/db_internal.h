/* What the files of the DAG's database share: the handle and small helpers over SQLite. */
#ifndef PN_DAG_DB_INTERNAL_H
#define PN_DAG_DB_INTERNAL_H

#include <sqlite3.h>

#include "dag/dag.h"

struct pn_dag_db {
    sqlite3 *sqlite;
    char *path;
};

/*
 * Compiles `sql` and binds ?1, ?2, ... to the arguments, of which `types` has a letter each: 'i' an
 * int64_t, 't' a text (borrowed until the statement is finalized; NULL is null). On failure
 * *statement is NULL. Finalize with sqlite3_finalize().
 */
int pn_dag_db_prepare(struct pn_dag_db *db, sqlite3_stmt **statement, struct pn_err *e,
                      const char *sql, const char *types, ...) PN_MUST_CHECK;
/* The same for a statement that gives no rows: runs it, too. *changes (NULL ok) is how many rows it
 * changed. */
int pn_dag_db_run_sql(struct pn_dag_db *db, int *changes, struct pn_err *e, const char *sql,
                      const char *types, ...) PN_MUST_CHECK;
int pn_dag_db_exec(struct pn_dag_db *db, const char *sql, struct pn_err *e) PN_MUST_CHECK;
/* The last SQLite error as ours; returns its code. */
int pn_dag_db_error(struct pn_dag_db *db, struct pn_err *e);
/* Commits when rc is 0, else rolls back; returns rc, or the commit's failure. */
int pn_dag_db_end(struct pn_dag_db *db, int rc, struct pn_err *e) PN_MUST_CHECK;

#endif
