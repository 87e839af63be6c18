/* What changes in the database; each state only from the one it is expected to be in. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "dag/db_internal.h"

static int insert_run(struct pn_dag_db *db, const char *dag, const char *run_id, int64_t now_ms,
                      int64_t *id, struct pn_err *e)
{
    int rc = pn_dag_db_run_sql(
        db, NULL, e, "INSERT INTO run(dag, run_id, state, queued_ms) VALUES (?1, ?2, 'queued', ?3)",
        "tti", dag, run_id, now_ms);
    *id = sqlite3_last_insert_rowid(db->sqlite);
    return rc;
}

static int insert_tasks(struct pn_dag_db *db, const struct pn_dag *dag, int64_t run,
                        struct pn_err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < dag->task_count; i++) {
        rc = pn_dag_db_run_sql(
            db, NULL, e, "INSERT INTO task(run, task, position, state) VALUES (?1, ?2, ?3, 'none')",
            "iti", run, dag->tasks[i].name, (int64_t)i);
    }
    return rc;
}

/* "manual__<time>", as Airflow names them; a second one in the same millisecond gets a suffix. */
static int insert_named_run(struct pn_dag_db *db, const char *dag, int64_t now_ms,
                            struct pn_arena *arena, const char **run_id, int64_t *id,
                            struct pn_err *e)
{
    char time[PN_ISO8601_SIZE];
    (void)pn_iso8601(now_ms, time);
    int rc = PN_FAIL;
    for (int i = 1; i <= 1000; i++) {
        *run_id = i == 1 ? pn_arena_printf(arena, "manual__%s", time)
                         : pn_arena_printf(arena, "manual__%s_%d", time, i);
        struct pn_err failure = {0};
        rc = insert_run(db, dag, *run_id, now_ms, id, &failure);
        if (rc == 0 || failure.class_ != PN_CLASS_CONFLICT) {
            pn_err_copy(e, &failure);
            return rc;
        }
    }
    return pn_err_set(e, PN_CLASS_RETRY, rc, "too many runs of DAG '%s' at once", dag);
}

/* A run's name is a folder's name too. */
static int check_run_id(const char *run_id, struct pn_err *e)
{
    size_t len = strlen(run_id);
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "_.:+-";
    if (len == 0 || len > 200 || run_id[0] == '.' || strspn(run_id, allowed) != len) {
        return pn_err_input(e,
                            "'%s' can't be a run's name: take 1 to 200 letters, digits and _.:+-"
                            ", not starting with a dot",
                            run_id);
    }
    return 0;
}

int pn_dag_db_trigger(struct pn_dag_db *db, const struct pn_dag *dag, const char *run_id,
                      int64_t now_ms, struct pn_arena *arena, struct pn_run *run, struct pn_err *e)
{
    int rc = run_id != NULL ? check_run_id(run_id, e) : 0;
    if (rc == 0) {
        rc = pn_dag_db_exec(db, "BEGIN IMMEDIATE", e);
    }
    if (rc != 0) {
        return rc;
    }
    int64_t id = 0;
    const char *name = run_id;
    if (run_id == NULL) {
        rc = insert_named_run(db, dag->name, now_ms, arena, &name, &id, e);
    } else {
        struct pn_err failure = {0};
        rc = insert_run(db, dag->name, run_id, now_ms, &id, &failure);
        if (rc != 0 && failure.class_ == PN_CLASS_CONFLICT) {
            rc = pn_err_set(e, PN_CLASS_CONFLICT, rc,
                            "DAG '%s' has a run '%s' already: give another name, or none",
                            dag->name, run_id);
        } else {
            pn_err_copy(e, &failure);
        }
    }
    if (rc == 0) {
        rc = insert_tasks(db, dag, id, e);
    }
    rc = pn_dag_db_end(db, rc, e);
    if (rc == 0) {
        *run = (struct pn_run){
            .id = id,
            .run_id = pn_arena_strdup(arena, name),
            .dag = pn_arena_strdup(arena, dag->name),
            .state = PN_RUN_QUEUED,
            .queued_ms = now_ms,
        };
    }
    return rc;
}

/* An UPDATE with a state that is expected changes one row, or somebody was faster. */
static int swapped(int rc, int changes, const char *what, struct pn_err *e)
{
    if (rc == 0 && changes != 1) {
        rc = pn_err_set(e, PN_CLASS_CONFLICT, PN_FAIL, "%s is no longer in the expected state",
                        what);
    }
    return rc;
}

int pn_dag_db_run_set(struct pn_dag_db *db, int64_t run, enum pn_run_state expected,
                      enum pn_run_state next, int64_t now_ms, struct pn_err *e)
{
    int changes = 0;
    int rc = pn_dag_db_run_sql(
        db, &changes, e,
        "UPDATE run SET state = ?3,"
        " started_ms = CASE WHEN ?3 = 'running' AND started_ms = 0 THEN ?4 ELSE started_ms END,"
        " ended_ms = CASE WHEN ?3 IN ('success', 'failed', 'cancelled') THEN ?4 ELSE 0 END"
        " WHERE id = ?1 AND state = ?2",
        "itti", run, pn_run_state_name(expected), pn_run_state_name(next), now_ms);
    return swapped(rc, changes, "the run", e);
}

int pn_dag_db_task_set(struct pn_dag_db *db, int64_t run, const char *task,
                       enum pn_task_state expected, enum pn_task_state next, int64_t now_ms,
                       int64_t next_ms, struct pn_err *e)
{
    int changes = 0;
    int rc = pn_dag_db_run_sql(
        db, &changes, e,
        "UPDATE task SET state = ?4, next_ms = ?6,"
        " ended_ms = CASE WHEN ?4 IN ('none', 'running') THEN ended_ms ELSE ?5 END"
        " WHERE run = ?1 AND task = ?2 AND state = ?3",
        "itttii", run, task, pn_task_state_name(expected), pn_task_state_name(next), now_ms,
        next_ms);
    return swapped(rc, changes, task, e);
}

static int count_try(struct pn_dag_db *db, int64_t run, const char *task,
                     enum pn_task_state expected, int64_t now_ms, int32_t *number, struct pn_err *e)
{
    sqlite3_stmt *statement = NULL;
    int rc = pn_dag_db_prepare(
        db, &statement, e,
        "UPDATE task SET state = 'running', tries = tries + 1, next_ms = 0, ended_ms = 0,"
        " started_ms = CASE WHEN started_ms = 0 THEN ?4 ELSE started_ms END"
        " WHERE run = ?1 AND task = ?2 AND state = ?3 RETURNING tries",
        "itti", run, task, pn_task_state_name(expected), now_ms);
    if (rc != 0) {
        return rc;
    }
    int step = sqlite3_step(statement);
    if (step == SQLITE_ROW) {
        *number = sqlite3_column_int(statement, 0);
    } else if (step != SQLITE_DONE) {
        rc = pn_dag_db_error(db, e);
    }
    sqlite3_finalize(statement);
    return swapped(rc, step == SQLITE_ROW ? 1 : 0, task, e);
}

int pn_dag_db_attempt_begin(struct pn_dag_db *db, int64_t run, const char *task,
                            enum pn_task_state expected, int64_t now_ms, int32_t *number,
                            struct pn_err *e)
{
    int rc = pn_dag_db_exec(db, "BEGIN IMMEDIATE", e);
    if (rc != 0) {
        return rc;
    }
    rc = count_try(db, run, task, expected, now_ms, number, e);
    if (rc == 0) {
        rc = pn_dag_db_run_sql(db, NULL, e,
                               "INSERT INTO attempt(run, task, number, started_ms, outcome)"
                               " VALUES (?1, ?2, ?3, ?4, 'running')",
                               "itii", run, task, (int64_t)*number, now_ms);
    }
    return pn_dag_db_end(db, rc, e);
}

int pn_dag_db_attempt_process(struct pn_dag_db *db, int64_t run, const char *task, int32_t number,
                              int64_t pid, int64_t pid_start, const char *log, struct pn_err *e)
{
    int changes = 0;
    int rc = pn_dag_db_run_sql(db, &changes, e,
                               "UPDATE attempt SET pid = ?4, pid_start = ?5, log = ?6"
                               " WHERE run = ?1 AND task = ?2 AND number = ?3",
                               "itiiit", run, task, (int64_t)number, pid, pid_start, log);
    return swapped(rc, changes, task, e);
}

int pn_dag_db_attempt_end(struct pn_dag_db *db, int64_t run, const char *task, int32_t number,
                          const char *outcome, int32_t exit_code, enum pn_task_state next,
                          int64_t now_ms, int64_t next_ms, struct pn_err *e)
{
    int rc = pn_dag_db_exec(db, "BEGIN IMMEDIATE", e);
    if (rc != 0) {
        return rc;
    }
    int changes = 0;
    rc = pn_dag_db_run_sql(db, &changes, e,
                           "UPDATE attempt SET outcome = ?4, exit_code = ?5, ended_ms = ?6"
                           " WHERE run = ?1 AND task = ?2 AND number = ?3"
                           " AND outcome = 'running'",
                           "ititii", run, task, (int64_t)number, outcome, (int64_t)exit_code,
                           now_ms);
    rc = swapped(rc, changes, task, e);
    if (rc == 0) {
        rc = pn_dag_db_task_set(db, run, task, PN_TASK_RUNNING, next, now_ms, next_ms, e);
    }
    return pn_dag_db_end(db, rc, e);
}

int pn_dag_db_cancel(struct pn_dag_db *db, const struct pn_run *run, int64_t now_ms,
                     struct pn_err *e)
{
    int rc = pn_dag_db_exec(db, "BEGIN IMMEDIATE", e);
    if (rc != 0) {
        return rc;
    }
    int changes = 0;
    rc = pn_dag_db_run_sql(db, &changes, e,
                           "UPDATE run SET cancel_asked = 1,"
                           " ended_ms = CASE WHEN state = 'queued' THEN ?2 ELSE 0 END,"
                           " state = CASE WHEN state = 'queued' THEN 'cancelled' ELSE state END"
                           " WHERE id = ?1 AND state IN ('queued', 'running')",
                           "ii", run->id, now_ms);
    if (rc == 0 && changes != 1) {
        rc = pn_err_input(e, "run '%s' is over already", run->run_id);
    }
    if (rc == 0) {
        rc = pn_dag_db_run_sql(db, NULL, e,
                               "UPDATE task SET state = 'cancelled', ended_ms = ?2 WHERE run = ?1"
                               " AND (SELECT state FROM run WHERE id = ?1) = 'cancelled'",
                               "ii", run->id, now_ms);
    }
    return pn_dag_db_end(db, rc, e);
}

int pn_dag_db_prune(struct pn_dag_db *db, const char *dag, int64_t kept,
                    void (*fn)(void *arg, const char *run_id), void *arg, struct pn_err *e)
{
    sqlite3_stmt *statement = NULL;
    int rc = pn_dag_db_prepare(
        db, &statement, e,
        "DELETE FROM run WHERE dag = ?1 AND state IN ('success', 'failed', 'cancelled')"
        " AND id NOT IN (SELECT id FROM run WHERE dag = ?1"
        " AND state IN ('success', 'failed', 'cancelled') ORDER BY id DESC LIMIT ?2)"
        " RETURNING run_id",
        "ti", dag, kept);
    if (rc != 0) {
        return rc;
    }
    int step = 0;
    while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
        fn(arg, (const char *)sqlite3_column_text(statement, 0));
    }
    if (step != SQLITE_DONE) {
        rc = pn_dag_db_error(db, e);
    }
    sqlite3_finalize(statement);
    return rc;
}
