/* What the files of the DAG's database share: the handle and small helpers over SQLite. */
#ifndef PN_DAG_DB_INTERNAL_H
#define PN_DAG_DB_INTERNAL_H

#include <sqlite3.h>

#include "dag/db.h"

enum { PN_DAG_SCHEMA_VERSION = 6 };

struct pn_dag_db {
    sqlite3 *sqlite;
    char *path;
    int depth; /* of transactions: the outermost one begins and commits */
};

/*
 * Compiles `sql` and binds ?1, ?2, ... to the arguments, of which `types` has a letter each: 'i' an
 * int64_t, 'n' one of which PN_TIME_NONE is null, 't' a text (borrowed until the statement is
 * finalized; NULL is null). On failure *statement is NULL. Finalize with sqlite3_finalize().
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

/* Reads the schema's version; 0: the database is empty. */
int pn_dag_db_version(struct pn_dag_db *db, int *version, struct pn_err *e) PN_MUST_CHECK;
/* Makes the schema, or brings that of an older version up to date, in one transaction. */
int pn_dag_db_make_schema(struct pn_dag_db *db, struct pn_err *e) PN_MUST_CHECK;

/* Steps to the next row: 1 a row, 0 the end, -1 a failure with *e set. */
int pn_dag_db_next(struct pn_dag_db *db, sqlite3_stmt *statement, struct pn_err *e) PN_MUST_CHECK;
/* A column's text in the arena; "" for null. */
const char *pn_dag_db_text(sqlite3_stmt *statement, int column, struct pn_arena *arena);

/* The columns of an audit's row as the next takes them, and the row; texts are in the arena. */
#define PN_AUDIT_COLUMNS "id, at_ms, who, what, dag, run_id, task, detail"
struct pn_audit pn_dag_db_audit_of(sqlite3_stmt *statement, struct pn_arena *arena);
/* A column's integer; PN_TIME_NONE for null. */
int64_t pn_dag_db_time(sqlite3_stmt *statement, int column);
/* An array that grows in an arena: room for one more element of `size` bytes. */
void *pn_dag_db_room(struct pn_arena *arena, void *array, size_t count, size_t *capacity,
                     size_t size);
/* An UPDATE with a state that is expected changes one row, or somebody was faster: CONFLICT. */
int pn_dag_db_swapped(int rc, int changes, const char *what, struct pn_err *e) PN_MUST_CHECK;
/* Within the caller's transaction: a backfill that has no run left to run is done. */
int pn_dag_db_end_backfill(struct pn_dag_db *db, int64_t backfill, int64_t now_ms,
                           struct pn_err *e) PN_MUST_CHECK;
/* Gives a task of a run the state none, so that it runs again; adds it when it is missing. */
int pn_dag_db_clear_task(struct pn_dag_db *db, int64_t run, const struct pn_task *task,
                         size_t position, struct pn_err *e) PN_MUST_CHECK;
/* Queues a run that is over. */
int pn_dag_db_requeue(struct pn_dag_db *db, const struct pn_run *run, int64_t now_ms,
                      struct pn_err *e) PN_MUST_CHECK;
/* Adds a run and its tasks, within the caller's transaction. */
int pn_dag_db_add_run(struct pn_dag_db *db, const struct pn_dag *dag, const struct pn_trigger *how,
                      int64_t now_ms, struct pn_arena *arena, int64_t *id, const char **run_id,
                      struct pn_err *e) PN_MUST_CHECK;
/* The runs of these ids, in their order. One that is gone is left out: *count is how many there are
 * before and after. */
int pn_dag_db_runs_by_id(struct pn_dag_db *db, const int64_t *ids, size_t *count,
                         struct pn_arena *arena, struct pn_run **runs,
                         struct pn_err *e) PN_MUST_CHECK;

#endif
