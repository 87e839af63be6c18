/*
 * The schema of state.db and its changes from version to version.
 *
 * A new database goes through every step too, so one that was migrated and one that was made today
 * are the same. All steps and the number of the version are one transaction: after a crash in its
 * midst the database is as it was.
 */
#include <stdio.h>

#include "dag/db_internal.h"

static const char VERSION_1[] =
    "CREATE TABLE run("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, dag TEXT NOT NULL, run_id TEXT NOT NULL,"
    " state TEXT NOT NULL, cancel_asked INTEGER NOT NULL DEFAULT 0,"
    " queued_ms INTEGER NOT NULL, started_ms INTEGER NOT NULL DEFAULT 0,"
    " ended_ms INTEGER NOT NULL DEFAULT 0, UNIQUE(dag, run_id));"
    "CREATE INDEX run_by_state ON run(state);"
    "CREATE TABLE task("
    " run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE, task TEXT NOT NULL,"
    " position INTEGER NOT NULL, state TEXT NOT NULL, tries INTEGER NOT NULL DEFAULT 0,"
    " started_ms INTEGER NOT NULL DEFAULT 0, ended_ms INTEGER NOT NULL DEFAULT 0,"
    " next_ms INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(run, task)) WITHOUT ROWID;"
    "CREATE TABLE attempt("
    " run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE, task TEXT NOT NULL,"
    " number INTEGER NOT NULL, started_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL DEFAULT 0,"
    " pid INTEGER NOT NULL DEFAULT 0, pid_start INTEGER NOT NULL DEFAULT 0,"
    " exit_code INTEGER NOT NULL DEFAULT 0, outcome TEXT NOT NULL, log TEXT NOT NULL DEFAULT '',"
    " PRIMARY KEY(run, task, number)) WITHOUT ROWID;";

/* Times that may be missing are null; a time of 0 means "not yet". A run's history (who triggered,
 * cleared, cancelled it) is in `audit`. */
static const char VERSION_2[] =
    "ALTER TABLE run ADD COLUMN type TEXT NOT NULL DEFAULT 'manual';"
    "ALTER TABLE run ADD COLUMN logical_ms INTEGER;"
    "ALTER TABLE run ADD COLUMN interval_start_ms INTEGER;"
    "ALTER TABLE run ADD COLUMN interval_end_ms INTEGER;"
    "ALTER TABLE run ADD COLUMN run_after_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE run ADD COLUMN conf TEXT NOT NULL DEFAULT '{}';"
    "ALTER TABLE run ADD COLUMN note TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE run ADD COLUMN triggered_by TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE run ADD COLUMN backfill INTEGER;"
    "ALTER TABLE run ADD COLUMN reason TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE run ADD COLUMN notice TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE run ADD COLUMN logs_gone INTEGER NOT NULL DEFAULT 0;"
    "UPDATE run SET run_after_ms = queued_ms;"
    "CREATE INDEX run_by_dag ON run(dag, id);"
    "CREATE INDEX run_by_dag_state ON run(dag, state, id);"
    "CREATE UNIQUE INDEX run_by_logical ON run(dag, logical_ms) WHERE logical_ms IS NOT NULL;"
    "CREATE INDEX run_by_backfill ON run(backfill, id) WHERE backfill IS NOT NULL;"
    "CREATE INDEX run_by_notice ON run(id) WHERE notice = 'pending';"
    "CREATE INDEX run_with_logs ON run(ended_ms) WHERE logs_gone = 0 AND ended_ms > 0;"
    "ALTER TABLE task ADD COLUMN max_tries INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE task ADD COLUMN pool TEXT NOT NULL DEFAULT 'default_pool';"
    "ALTER TABLE task ADD COLUMN pool_slots INTEGER NOT NULL DEFAULT 1;"
    "ALTER TABLE task ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX task_by_position ON task(run, position);"
    "ALTER TABLE attempt ADD COLUMN reason TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE attempt ADD COLUMN memory_bytes INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX attempt_by_start ON attempt(run, started_ms, task, number);"
    /* What an attempt read and wrote. Null: it does not apply. */
    "CREATE TABLE io("
    " run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE, task TEXT NOT NULL,"
    " number INTEGER NOT NULL, way TEXT NOT NULL, name TEXT NOT NULL, version INTEGER,"
    " rows INTEGER, files INTEGER, bytes INTEGER, dead_letters INTEGER,"
    " PRIMARY KEY(run, task, number, way, name)) WITHOUT ROWID;"
    /* What a DAG is besides its definition. tick_ms: the schedule is done up to this time. */
    "CREATE TABLE dag("
    " dag TEXT PRIMARY KEY, paused INTEGER NOT NULL DEFAULT 0, paused_ms INTEGER NOT NULL"
    " DEFAULT 0, tick_ms INTEGER) WITHOUT ROWID;"
    /* Times of a schedule for which no run was made; `count` of them, from first to last. */
    "CREATE TABLE skip("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, dag TEXT NOT NULL, first_ms INTEGER NOT NULL,"
    " last_ms INTEGER NOT NULL, count INTEGER NOT NULL, reason TEXT NOT NULL,"
    " at_ms INTEGER NOT NULL);"
    "CREATE INDEX skip_by_dag ON skip(dag, id);"
    "CREATE TABLE backfill("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, dag TEXT NOT NULL, state TEXT NOT NULL,"
    " from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL, reprocess TEXT NOT NULL,"
    " active_runs_max INTEGER NOT NULL, created_ms INTEGER NOT NULL,"
    " updated_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL DEFAULT 0);"
    "CREATE INDEX backfill_by_dag ON backfill(dag, id);"
    "CREATE TABLE audit("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, who TEXT NOT NULL,"
    " what TEXT NOT NULL, dag TEXT NOT NULL DEFAULT '', run_id TEXT NOT NULL DEFAULT '',"
    " task TEXT NOT NULL DEFAULT '', detail TEXT NOT NULL DEFAULT '');"
    "CREATE INDEX audit_by_dag ON audit(dag, id);"
    "CREATE INDEX audit_by_run ON audit(dag, run_id, id);"
    /* How many runs there are, so that no list counts them. */
    "CREATE TABLE run_count("
    " dag TEXT NOT NULL, state TEXT NOT NULL, count INTEGER NOT NULL,"
    " PRIMARY KEY(dag, state)) WITHOUT ROWID;"
    "INSERT INTO run_count SELECT dag, state, count(*) FROM run GROUP BY dag, state;"
    "CREATE TRIGGER run_counted AFTER INSERT ON run BEGIN"
    " INSERT INTO run_count VALUES (new.dag, new.state, 1)"
    "  ON CONFLICT DO UPDATE SET count = count + 1; END;"
    "CREATE TRIGGER run_uncounted AFTER DELETE ON run BEGIN"
    " UPDATE run_count SET count = count - 1 WHERE dag = old.dag AND state = old.state; END;"
    "CREATE TRIGGER run_recounted AFTER UPDATE OF state ON run WHEN old.state <> new.state BEGIN"
    " UPDATE run_count SET count = count - 1 WHERE dag = old.dag AND state = old.state;"
    " INSERT INTO run_count VALUES (new.dag, new.state, 1)"
    "  ON CONFLICT DO UPDATE SET count = count + 1; END;";

/* What DAGs were defined by (versions.h). A run's version is the one that it began with last, an
 * attempt's the one that it ran; null: they are older than this table. */
static const char VERSION_3[] =
    "CREATE TABLE dag_version("
    " dag TEXT NOT NULL, number INTEGER NOT NULL, created_ms INTEGER NOT NULL, text TEXT NOT NULL,"
    " PRIMARY KEY(dag, number));"
    "ALTER TABLE run ADD COLUMN version INTEGER;"
    "ALTER TABLE attempt ADD COLUMN version INTEGER;"
    "CREATE INDEX run_by_version ON run(dag, version) WHERE version IS NOT NULL;";

/* Runs that a newer backfill took over. */
static const char VERSION_4[] = "ALTER TABLE backfill ADD COLUMN taken INTEGER NOT NULL DEFAULT 0;";

/* All rows of a table that was written. Null: it was a read, or is older than this column. */
static const char VERSION_5[] = "ALTER TABLE io ADD COLUMN table_rows INTEGER;";

/* Did a write replace the rows of a condition (replace_where)? */
static const char VERSION_6[] =
    "ALTER TABLE io ADD COLUMN replaces_part INTEGER NOT NULL DEFAULT 0;";

static const char *const STEPS[PN_DAG_SCHEMA_VERSION] = {VERSION_1, VERSION_2, VERSION_3,
                                                         VERSION_4, VERSION_5, VERSION_6};

int pn_dag_db_version(struct pn_dag_db *db, int *version, struct pn_err *e)
{
    sqlite3_stmt *statement = NULL;
    int rc = pn_dag_db_prepare(db, &statement, e, "PRAGMA user_version", "");
    if (rc == 0) {
        if (sqlite3_step(statement) == SQLITE_ROW) {
            *version = sqlite3_column_int(statement, 0);
        } else {
            rc = pn_dag_db_error(db, e);
        }
    }
    sqlite3_finalize(statement);
    return rc;
}

static int set_version(struct pn_dag_db *db, int version, struct pn_err *e)
{
    char sql[64];
    (void)snprintf(sql, sizeof sql, "PRAGMA user_version = %d", version);
    return pn_dag_db_exec(db, sql, e);
}

/* Two processes may open a folder at once: the version is read again under the write lock. */
static int migrate(struct pn_dag_db *db, struct pn_err *e)
{
    int rc = pn_dag_db_begin(db, e);
    if (rc != 0) {
        return rc;
    }
    int version = 0;
    rc = pn_dag_db_version(db, &version, e);
    while (rc == 0 && version < PN_DAG_SCHEMA_VERSION) {
        rc = pn_dag_db_exec(db, STEPS[version++], e);
    }
    if (rc == 0) {
        rc = set_version(db, version, e);
    }
    return pn_dag_db_end(db, rc, e);
}

int pn_dag_db_make_schema(struct pn_dag_db *db, struct pn_err *e)
{
    int version = 0;
    int rc = pn_dag_db_version(db, &version, e);
    if (rc != 0 || version == PN_DAG_SCHEMA_VERSION) {
        return rc;
    }
    if (version > PN_DAG_SCHEMA_VERSION) {
        return pn_err_input(e, "%s was written by a newer pinion (schema %d): update pinion",
                            db->path, version);
    }
    return migrate(db, e);
}
