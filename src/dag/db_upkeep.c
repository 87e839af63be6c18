/* What the scheduler keeps up: how many runs are kept, logs that are old, notices of failures. */
#include "dag/db_internal.h"

enum { AUDITS_KEPT = 20000 };

/* The oldest run that is kept: all that are over and have a smaller id go. 0: none has to. */
static int oldest_kept(struct pn_dag_db *db, const char *dag, int64_t kept, int64_t *id,
                       struct pn_err *e)
{
    *id = 0;
    int64_t counts[PN_RUN_STATES];
    int rc = pn_dag_db_count_runs(db, dag, counts, e);
    if (rc != 0 ||
        counts[PN_RUN_SUCCESS] + counts[PN_RUN_FAILED] + counts[PN_RUN_CANCELLED] <= kept) {
        return rc;
    }
    sqlite3_stmt *statement = NULL;
    rc = pn_dag_db_prepare(db, &statement, e,
                           "SELECT id FROM run INDEXED BY run_by_dag WHERE dag = ?1"
                           " AND state IN ('success', 'failed', 'cancelled')"
                           " ORDER BY id DESC LIMIT 1 OFFSET ?2",
                           "ti", dag, kept - 1);
    if (rc != 0) {
        return rc;
    }
    int row = pn_dag_db_next(db, statement, e);
    if (row == 1) {
        *id = sqlite3_column_int64(statement, 0);
    }
    sqlite3_finalize(statement);
    return row < 0 ? PN_FAIL : 0;
}

int pn_dag_db_prune(struct pn_dag_db *db, const char *dag, int64_t kept,
                    void (*fn)(void *arg, const char *run_id), void *arg, struct pn_err *e)
{
    int64_t oldest = 0;
    int rc = oldest_kept(db, dag, kept, &oldest, e);
    if (rc != 0 || oldest == 0) {
        return rc;
    }
    sqlite3_stmt *statement = NULL;
    rc = pn_dag_db_prepare(db, &statement, e,
                           "DELETE FROM run WHERE dag = ?1 AND id < ?2"
                           " AND state IN ('success', 'failed', 'cancelled') RETURNING run_id",
                           "ti", dag, oldest);
    if (rc != 0) {
        return rc;
    }
    int row = 0;
    while ((row = pn_dag_db_next(db, statement, e)) == 1) {
        fn(arg, (const char *)sqlite3_column_text(statement, 0));
    }
    sqlite3_finalize(statement);
    if (row == 0) {
        rc = pn_dag_db_run_sql(db, NULL, e,
                               "DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - ?1",
                               "i", (int64_t)AUDITS_KEPT);
    }
    return row < 0 ? PN_FAIL : rc;
}

int pn_dag_db_logs_gone(struct pn_dag_db *db, int64_t run, struct pn_err *e)
{
    int rc = pn_dag_db_begin(db, e);
    if (rc != 0) {
        return rc;
    }
    rc = pn_dag_db_run_sql(db, NULL, e, "UPDATE run SET logs_gone = 1 WHERE id = ?1", "i", run);
    if (rc == 0) {
        rc = pn_dag_db_run_sql(db, NULL, e, "UPDATE attempt SET log = '' WHERE run = ?1", "i", run);
    }
    return pn_dag_db_end(db, rc, e);
}

int pn_dag_db_notice(struct pn_dag_db *db, int64_t run, const char *result, struct pn_err *e)
{
    return pn_dag_db_run_sql(db, NULL, e,
                             "UPDATE run SET notice = ?2 WHERE id = ?1 AND notice = 'pending'",
                             "it", run, result);
}
