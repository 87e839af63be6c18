#include "dag/changes.h"

#include <string.h>

#include "base/crc32c.h"
#include "dag/db_internal.h"

/* Newest runs of a DAG that its mark covers: what a page of it shows. */
#define MARKED_RUNS "100"

int pn_dag_db_data_version(struct pn_dag_db *db, int64_t *version, struct pn_err *e)
{
    sqlite3_stmt *statement = NULL;
    int rc = pn_dag_db_prepare(db, &statement, e, "PRAGMA data_version", "");
    if (rc == 0) {
        if (sqlite3_step(statement) == SQLITE_ROW) {
            *version = sqlite3_column_int64(statement, 0);
        } else {
            rc = pn_dag_db_error(db, e);
        }
    }
    sqlite3_finalize(statement);
    return rc;
}

/* Adds all that a statement gives. `dag` is ?1, where there is one. */
static int add_rows(struct pn_dag_db *db, const char *sql, const char *dag, uint32_t *mark,
                    struct pn_err *e)
{
    sqlite3_stmt *statement = NULL;
    int rc = dag != NULL ? pn_dag_db_prepare(db, &statement, e, sql, "t", dag)
                         : pn_dag_db_prepare(db, &statement, e, sql, "");
    int row = rc == 0 ? 1 : 0;
    while (rc == 0 && (row = pn_dag_db_next(db, statement, e)) == 1) {
        for (int i = 0; i < sqlite3_column_count(statement); i++) {
            const void *text = sqlite3_column_text(statement, i);
            *mark = pn_crc32c_add(*mark, text != NULL ? text : "",
                                  (size_t)sqlite3_column_bytes(statement, i));
            *mark = pn_crc32c_add(*mark, "\n", 1);
        }
    }
    sqlite3_finalize(statement);
    return row < 0 ? PN_FAIL : rc;
}

static int add_all(struct pn_dag_db *db, const char *const *statements, size_t count,
                   const char *dag, uint32_t *mark, struct pn_err *e)
{
    int rc = 0;
    *mark = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = add_rows(db, statements[i], dag, mark, e);
    }
    return rc;
}

int pn_dag_db_mark_all(struct pn_dag_db *db, uint32_t *mark, struct pn_err *e)
{
    static const char *const statements[] = {
        "SELECT max(id) FROM run",
        "SELECT dag, state, count FROM run_count ORDER BY dag, state",
        "SELECT max(id) FROM audit",
        "SELECT max(id) FROM skip",
    };
    return add_all(db, statements, sizeof statements / sizeof *statements, NULL, mark, e);
}

int pn_dag_db_mark_dag(struct pn_dag_db *db, const char *dag, uint32_t *mark, struct pn_err *e)
{
    static const char *const statements[] = {
        "SELECT id, state, started_ms, ended_ms, note FROM run WHERE dag = ?1"
        " ORDER BY id DESC LIMIT " MARKED_RUNS,
        "SELECT run.id, task.task, task.state, task.tries, task.ended_ms FROM run JOIN task"
        " ON task.run = run.id WHERE run.dag = ?1 AND run.state = 'running'"
        " ORDER BY run.id, task.task",
        "SELECT max(id) FROM audit WHERE dag = ?1",
        "SELECT max(id) FROM skip WHERE dag = ?1",
        "SELECT max(number) FROM dag_version WHERE dag = ?1",
        "SELECT id, state, updated_ms FROM backfill WHERE dag = ?1 ORDER BY id DESC"
        " LIMIT " MARKED_RUNS,
    };
    return add_all(db, statements, sizeof statements / sizeof *statements, dag, mark, e);
}

static uint32_t add_number(uint32_t mark, int64_t number)
{
    return pn_crc32c_add(mark, &number, sizeof number);
}

static uint32_t add_text(uint32_t mark, const char *text)
{
    return pn_crc32c_add(mark, text, strlen(text) + 1);
}

uint32_t pn_run_mark(const struct pn_run *run)
{
    uint32_t mark = add_number(0, run->id);
    mark = add_number(mark, run->state);
    mark = add_number(mark, run->cancel_asked);
    mark = add_number(mark, run->started_ms);
    mark = add_number(mark, run->ended_ms);
    mark = add_number(mark, run->version);
    mark = add_text(mark, run->note);
    mark = add_text(mark, run->reason);
    return add_text(mark, run->notice);
}

uint32_t pn_task_run_mark(const struct pn_task_run *task)
{
    uint32_t mark = add_number(0, task->state);
    mark = add_number(mark, task->tries);
    mark = add_number(mark, task->max_tries);
    mark = add_number(mark, task->started_ms);
    mark = add_number(mark, task->ended_ms);
    return add_number(mark, task->next_ms);
}
