/* What is read from the database: runs, their tasks, their attempts. */
#include <string.h>

#include "base/mem.h"
#include "dag/db_internal.h"
#include "dag/states.h"

#define RUN_COLUMNS "id, dag, run_id, state, cancel_asked, queued_ms, started_ms, ended_ms"

static char *column_text(sqlite3_stmt *statement, int column, struct pn_arena *arena)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    return pn_arena_strdup(arena, text != NULL ? text : "");
}

static int unknown_state(struct pn_dag_db *db, const char *word, struct pn_err *e)
{
    return pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL, "%s: unknown state '%s'", db->path, word);
}

static int read_run(struct pn_dag_db *db, sqlite3_stmt *statement, struct pn_arena *arena,
                    struct pn_run *run, struct pn_err *e)
{
    const char *word = column_text(statement, 3, arena);
    int state = pn_run_state_parse(word);
    if (state < 0) {
        return unknown_state(db, word, e);
    }
    *run = (struct pn_run){
        .id = sqlite3_column_int64(statement, 0),
        .dag = column_text(statement, 1, arena),
        .run_id = column_text(statement, 2, arena),
        .state = (enum pn_run_state)state,
        .cancel_asked = sqlite3_column_int(statement, 4) != 0,
        .queued_ms = sqlite3_column_int64(statement, 5),
        .started_ms = sqlite3_column_int64(statement, 6),
        .ended_ms = sqlite3_column_int64(statement, 7),
    };
    return 0;
}

/* Steps to the next row: 1 a row, 0 the end, -1 a failure with *e set. */
static int next_row(struct pn_dag_db *db, sqlite3_stmt *statement, struct pn_err *e)
{
    int rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        return 1;
    }
    if (rc == SQLITE_DONE) {
        return 0;
    }
    (void)pn_dag_db_error(db, e);
    return -1;
}

/* An array that grows in an arena: rows read are few (a page, a DAG's tasks and tries). */
static void *room_for_one(struct pn_arena *arena, void *array, size_t count, size_t *capacity,
                          size_t size)
{
    if (count < *capacity) {
        return array;
    }
    size_t grown = *capacity == 0 ? 16 : *capacity * 2;
    void *bigger = pn_arena_calloc(arena, grown, size);
    if (count > 0) {
        memcpy(bigger, array, count * size);
    }
    *capacity = grown;
    return bigger;
}

static int count_runs(struct pn_dag_db *db, const char *dag, const char *state, int64_t *total,
                      struct pn_err *e)
{
    sqlite3_stmt *statement = NULL;
    int rc = pn_dag_db_prepare(
        db, &statement, e,
        "SELECT count(*) FROM run WHERE (?1 IS NULL OR dag = ?1) AND (?2 IS NULL OR state = ?2)",
        "tt", dag, state);
    if (rc != 0) {
        return rc;
    }
    if (next_row(db, statement, e) == 1) {
        *total = sqlite3_column_int64(statement, 0);
    } else {
        rc = PN_FAIL;
    }
    sqlite3_finalize(statement);
    return rc;
}

int pn_dag_db_runs(struct pn_dag_db *db, const char *dag, int state, int64_t limit, int64_t offset,
                   struct pn_arena *arena, struct pn_run **runs, size_t *count, int64_t *total,
                   struct pn_err *e)
{
    const char *word = state < 0 ? NULL : pn_run_state_name((enum pn_run_state)state);
    int rc = count_runs(db, dag, word, total, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_stmt *statement = NULL;
    rc = pn_dag_db_prepare(db, &statement, e,
                           "SELECT " RUN_COLUMNS " FROM run"
                           " WHERE (?1 IS NULL OR dag = ?1) AND (?2 IS NULL OR state = ?2)"
                           " ORDER BY id DESC LIMIT ?3 OFFSET ?4",
                           "ttii", dag, word, limit, offset);
    if (rc != 0) {
        return rc;
    }
    *runs = NULL;
    *count = 0;
    size_t capacity = 0;
    int row = 0;
    while (rc == 0 && (row = next_row(db, statement, e)) == 1) {
        *runs = room_for_one(arena, *runs, *count, &capacity, sizeof **runs);
        rc = read_run(db, statement, arena, &(*runs)[*count], e);
        *count += rc == 0 ? 1 : 0;
    }
    sqlite3_finalize(statement);
    return row < 0 ? PN_FAIL : rc;
}

int pn_dag_db_run(struct pn_dag_db *db, const char *dag, const char *run_id, struct pn_arena *arena,
                  struct pn_run *run, struct pn_err *e)
{
    sqlite3_stmt *statement = NULL;
    int rc = pn_dag_db_prepare(db, &statement, e,
                               "SELECT " RUN_COLUMNS " FROM run WHERE dag = ?1"
                               " AND (?2 IS NULL OR run_id = ?2) ORDER BY id DESC LIMIT 1",
                               "tt", dag, run_id);
    if (rc != 0) {
        return rc;
    }
    int row = next_row(db, statement, e);
    if (row == 1) {
        rc = read_run(db, statement, arena, run, e);
    } else if (row == 0 && run_id != NULL) {
        rc = pn_err_missing(e, "no run '%s' of DAG '%s': `pinion dag runs %s` lists them", run_id,
                            dag, dag);
    } else if (row == 0) {
        rc = pn_err_missing(e, "DAG '%s' has no runs yet: `pinion dag trigger %s` starts one", dag,
                            dag);
    } else {
        rc = PN_FAIL;
    }
    sqlite3_finalize(statement);
    return rc;
}

int pn_dag_db_tasks(struct pn_dag_db *db, int64_t run, struct pn_arena *arena,
                    struct pn_task_run **tasks, size_t *count, struct pn_err *e)
{
    sqlite3_stmt *statement = NULL;
    int rc = pn_dag_db_prepare(db, &statement, e,
                               "SELECT task, state, tries, started_ms, ended_ms, next_ms"
                               " FROM task WHERE run = ?1 ORDER BY position",
                               "i", run);
    if (rc != 0) {
        return rc;
    }
    *tasks = NULL;
    *count = 0;
    size_t capacity = 0;
    int row = 0;
    while (rc == 0 && (row = next_row(db, statement, e)) == 1) {
        const char *word = column_text(statement, 1, arena);
        int state = pn_task_state_parse(word);
        if (state < 0) {
            rc = unknown_state(db, word, e);
            break;
        }
        *tasks = room_for_one(arena, *tasks, *count, &capacity, sizeof **tasks);
        (*tasks)[(*count)++] = (struct pn_task_run){
            .task = column_text(statement, 0, arena),
            .state = (enum pn_task_state)state,
            .tries = sqlite3_column_int(statement, 2),
            .started_ms = sqlite3_column_int64(statement, 3),
            .ended_ms = sqlite3_column_int64(statement, 4),
            .next_ms = sqlite3_column_int64(statement, 5),
        };
    }
    sqlite3_finalize(statement);
    return row < 0 ? PN_FAIL : rc;
}

int pn_dag_db_attempts(struct pn_dag_db *db, int64_t run, const char *task, struct pn_arena *arena,
                       struct pn_attempt **attempts, size_t *count, struct pn_err *e)
{
    sqlite3_stmt *statement = NULL;
    int rc = pn_dag_db_prepare(db, &statement, e,
                               "SELECT task, number, started_ms, ended_ms, pid, pid_start,"
                               " exit_code, outcome, log FROM attempt"
                               " WHERE run = ?1 AND (?2 IS NULL OR task = ?2)"
                               " ORDER BY started_ms, task, number",
                               "it", run, task);
    if (rc != 0) {
        return rc;
    }
    *attempts = NULL;
    *count = 0;
    size_t capacity = 0;
    int row = 0;
    while ((row = next_row(db, statement, e)) == 1) {
        *attempts = room_for_one(arena, *attempts, *count, &capacity, sizeof **attempts);
        (*attempts)[(*count)++] = (struct pn_attempt){
            .task = column_text(statement, 0, arena),
            .number = sqlite3_column_int(statement, 1),
            .started_ms = sqlite3_column_int64(statement, 2),
            .ended_ms = sqlite3_column_int64(statement, 3),
            .pid = sqlite3_column_int64(statement, 4),
            .pid_start = sqlite3_column_int64(statement, 5),
            .exit_code = sqlite3_column_int(statement, 6),
            .outcome = column_text(statement, 7, arena),
            .log = column_text(statement, 8, arena),
        };
    }
    sqlite3_finalize(statement);
    return row < 0 ? PN_FAIL : 0;
}
