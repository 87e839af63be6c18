#include "dag/versions.h"

#include <inttypes.h>

#include "dag/db_internal.h"

static const char *definition_of(const struct pn_dag *dag)
{
    return dag->definition != NULL ? dag->definition : "";
}

/* ---- recording ------------------------------------------------------------------------------- */

/* The newest version; *is_it says whether it has the DAG's definition. A number of 0: none. */
static int read_newest(struct pn_dag_db *db, const struct pn_dag *dag,
                       struct pn_dag_version *version, bool *is_it, struct pn_err *e)
{
    sqlite3_stmt *statement = NULL;
    *version = (struct pn_dag_version){0};
    *is_it = false;
    int rc = pn_dag_db_prepare(db, &statement, e,
                               "SELECT number, created_ms, text = ?2 FROM dag_version"
                               " WHERE dag = ?1 ORDER BY number DESC LIMIT 1",
                               "tt", dag->name, definition_of(dag));
    if (rc != 0) {
        return rc;
    }
    int row = pn_dag_db_next(db, statement, e);
    if (row == 1) {
        version->number = sqlite3_column_int64(statement, 0);
        version->created_ms = sqlite3_column_int64(statement, 1);
        *is_it = sqlite3_column_int(statement, 2) != 0;
    }
    sqlite3_finalize(statement);
    return row < 0 ? PN_FAIL : 0;
}

static int add(struct pn_dag_db *db, const struct pn_dag *dag, const struct pn_dag_version *version,
               struct pn_err *e)
{
    int rc = pn_dag_db_run_sql(db, NULL, e,
                               "INSERT INTO dag_version(dag, number, created_ms, text)"
                               " VALUES (?1, ?2, ?3, ?4)",
                               "tiit", dag->name, version->number, version->created_ms,
                               definition_of(dag));
    return rc == 0 ? pn_dag_db_run_sql(db, NULL, e,
                                       "DELETE FROM dag_version WHERE dag = ?1 AND number <= ?2"
                                       " AND NOT EXISTS (SELECT 1 FROM run WHERE run.dag = ?1"
                                       " AND run.version = dag_version.number)",
                                       "ti", dag->name, version->number - PN_DAG_VERSIONS_KEPT)
                   : rc;
}

int pn_dag_version_now(struct pn_dag_db *db, const struct pn_dag *dag, int64_t now_ms,
                       struct pn_dag_version *version, struct pn_err *e)
{
    bool is_it = false;
    int rc = read_newest(db, dag, version, &is_it, e);
    if (rc != 0 || is_it) {
        return rc;
    }
    rc = pn_dag_db_begin(db, e);
    if (rc != 0) {
        return rc;
    }
    rc = read_newest(db, dag, version, &is_it, e); /* somebody may have been faster */
    if (rc == 0 && !is_it) {
        version->number++;
        version->created_ms = now_ms;
        rc = add(db, dag, version, e);
    }
    return pn_dag_db_end(db, rc, e);
}

int pn_dag_versions_see(struct pn_dag_db *db, const struct pn_pipeline *pipeline, int64_t now_ms,
                        struct pn_err *e)
{
    int rc = pn_dag_db_begin(db, e);
    if (rc != 0) {
        return rc;
    }
    for (size_t i = 0; rc == 0 && i < pipeline->dag_count; i++) {
        struct pn_dag_version version;
        rc = pn_dag_version_now(db, &pipeline->dags[i], now_ms, &version, e);
    }
    return pn_dag_db_end(db, rc, e);
}

/* ---- reading --------------------------------------------------------------------------------- */

int pn_dag_version_read(struct pn_dag_db *db, const char *dag, int64_t number,
                        struct pn_arena *arena, struct pn_dag_version *version, const char **text,
                        struct pn_err *e)
{
    sqlite3_stmt *statement = NULL;
    int rc = pn_dag_db_prepare(db, &statement, e,
                               "SELECT number, created_ms, text FROM dag_version"
                               " WHERE dag = ?1 AND number = ?2",
                               "ti", dag, number);
    if (rc != 0) {
        return rc;
    }
    int row = pn_dag_db_next(db, statement, e);
    if (row == 1) {
        *version = (struct pn_dag_version){.number = sqlite3_column_int64(statement, 0),
                                           .created_ms = sqlite3_column_int64(statement, 1)};
        if (text != NULL) {
            *text = pn_dag_db_text(statement, 2, arena);
        }
    }
    sqlite3_finalize(statement);
    return row == 1  ? 0
           : row < 0 ? PN_FAIL
                     : pn_err_missing(e,
                                      "version %" PRId64 " of DAG '%s' was not found: its newest %d"
                                      " versions are kept, and those that runs began with",
                                      number, dag, (int)PN_DAG_VERSIONS_KEPT);
}

/* Reads the versions that a statement gives, and finalizes it. */
static int read_all(struct pn_dag_db *db, sqlite3_stmt *statement, struct pn_arena *arena,
                    struct pn_dag_version **versions, size_t *count, struct pn_err *e)
{
    size_t capacity = 0;
    int row = 0;
    *versions = NULL;
    *count = 0;
    while ((row = pn_dag_db_next(db, statement, e)) == 1) {
        *versions = pn_dag_db_room(arena, *versions, *count, &capacity, sizeof **versions);
        (*versions)[(*count)++] =
            (struct pn_dag_version){.number = sqlite3_column_int64(statement, 0),
                                    .created_ms = sqlite3_column_int64(statement, 1)};
    }
    sqlite3_finalize(statement);
    return row < 0 ? PN_FAIL : 0;
}

int pn_dag_versions_list(struct pn_dag_db *db, const char *dag, int64_t before, int64_t limit,
                         struct pn_arena *arena, struct pn_dag_version **versions, size_t *count,
                         struct pn_err *e)
{
    sqlite3_stmt *statement = NULL;
    int rc = pn_dag_db_prepare(db, &statement, e,
                               "SELECT number, created_ms FROM dag_version WHERE dag = ?1"
                               " AND number < ?2 ORDER BY number DESC LIMIT ?3",
                               "tii", dag, before != 0 ? before : INT64_MAX, limit);
    return rc == 0 ? read_all(db, statement, arena, versions, count, e) : rc;
}

int pn_dag_versions_of_run(struct pn_dag_db *db, const struct pn_run *run, struct pn_arena *arena,
                           struct pn_dag_version **versions, size_t *count, struct pn_err *e)
{
    sqlite3_stmt *statement = NULL;
    int rc = pn_dag_db_prepare(db, &statement, e,
                               "SELECT number, created_ms FROM dag_version WHERE dag = ?1"
                               " AND (number = ?3 OR number IN (SELECT version FROM attempt"
                               " WHERE run = ?2)) ORDER BY number",
                               "tii", run->dag, run->id, run->version);
    return rc == 0 ? read_all(db, statement, arena, versions, count, e) : rc;
}
