/* What changes in the database; each state only from the one it is expected to be in. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "dag/conf.h"
#include "dag/db_internal.h"
#include "dag/versions.h"

struct pn_trigger pn_trigger_of(const char *who)
{
    return (struct pn_trigger){
        .logical_ms = PN_TIME_NONE,
        .interval_start_ms = PN_TIME_NONE,
        .interval_end_ms = PN_TIME_NONE,
        .who = who,
    };
}

/* ---- a new run ------------------------------------------------------------------------------- */

static int insert_run(struct pn_dag_db *db, const char *dag, const char *run_id,
                      const struct pn_trigger *how, int64_t version, int64_t now_ms, int64_t *id,
                      struct pn_err *e)
{
    int rc = pn_dag_db_run_sql(
        db, NULL, e,
        "INSERT INTO run(dag, run_id, state, queued_ms, type, logical_ms, interval_start_ms,"
        " interval_end_ms, run_after_ms, conf, note, triggered_by, backfill, version)"
        " VALUES (?1, ?2, 'queued', ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, nullif(?12, 0), ?13)",
        "ttitnnnitttii", dag, run_id, now_ms, pn_run_type_name(how->type), how->logical_ms,
        how->interval_start_ms, how->interval_end_ms,
        how->run_after_ms != 0 ? how->run_after_ms : now_ms, how->conf != NULL ? how->conf : "{}",
        how->note != NULL ? how->note : "", how->who, how->backfill, version);
    *id = sqlite3_last_insert_rowid(db->sqlite);
    return rc;
}

static int insert_tasks(struct pn_dag_db *db, const struct pn_dag *dag, int64_t run,
                        struct pn_err *e)
{
    sqlite3_stmt *statement = NULL;
    int rc = pn_dag_db_prepare(db, &statement, e,
                               "INSERT INTO task(run, task, position, state, max_tries, pool,"
                               " pool_slots, priority)"
                               " VALUES (?1, ?2, ?3, 'none', ?4, ?5, ?6, ?7)",
                               "i", run);
    for (size_t i = 0; rc == 0 && i < dag->task_count; i++) {
        const struct pn_task *task = &dag->tasks[i];
        (void)sqlite3_bind_text(statement, 2, task->name, -1, SQLITE_STATIC);
        (void)sqlite3_bind_int64(statement, 3, (int64_t)i);
        (void)sqlite3_bind_int64(statement, 4, task->retries + 1);
        (void)sqlite3_bind_text(statement, 5, task->pool, -1, SQLITE_STATIC);
        (void)sqlite3_bind_int64(statement, 6, task->pool_slots);
        (void)sqlite3_bind_int64(statement, 7, task->priority);
        if (sqlite3_step(statement) != SQLITE_DONE) {
            rc = pn_dag_db_error(db, e);
        }
        (void)sqlite3_reset(statement);
    }
    sqlite3_finalize(statement);
    return rc;
}

/* "manual__<time>", as Airflow names them; a second one in the same millisecond gets a suffix. */
static int insert_named_run(struct pn_dag_db *db, const char *dag, const struct pn_trigger *how,
                            int64_t version, int64_t now_ms, struct pn_arena *arena,
                            const char **run_id, int64_t *id, struct pn_err *e)
{
    char time[PN_ISO8601_SIZE];
    (void)pn_iso8601(how->logical_ms != PN_TIME_NONE ? how->logical_ms : now_ms, time);
    const char *type = pn_run_type_name(how->type);
    int tries = how->logical_ms != PN_TIME_NONE ? 1 : 1000;
    int rc = PN_FAIL;
    struct pn_err failure = {0};
    for (int i = 1; i <= tries; i++) {
        *run_id = i == 1 ? pn_arena_printf(arena, "%s__%s", type, time)
                         : pn_arena_printf(arena, "%s__%s_%d", type, time, i);
        failure = (struct pn_err){0};
        rc = insert_run(db, dag, *run_id, how, version, now_ms, id, &failure);
        if (rc == 0 || failure.class_ != PN_CLASS_CONFLICT) {
            break;
        }
    }
    pn_err_copy(e, rc != 0 ? &failure : NULL);
    return rc;
}

/* A run's name is a folder's name too. */
static int check_run_id(const char *run_id, struct pn_err *e)
{
    size_t len = strlen(run_id);
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "_.:+-";
    if (len == 0 || len > PN_RUN_ID_BYTES_MAX || run_id[0] == '.' ||
        strspn(run_id, allowed) != len) {
        return pn_err_input(e,
                            "invalid run name '%s': give 1 to %d letters, digits and _.:+-, not "
                            "starting with a dot",
                            run_id, PN_RUN_ID_BYTES_MAX);
    }
    return 0;
}

static int check_note(const char *note, struct pn_err *e)
{
    size_t len = strlen(note);
    if (len > PN_NOTE_BYTES_MAX || !pn_utf8_valid(note, len)) {
        return pn_err_input(e, "a note is UTF-8 text of at most %d bytes", PN_NOTE_BYTES_MAX);
    }
    return 0;
}

static int check_trigger(const struct pn_dag *dag, const struct pn_trigger *how, struct pn_err *e)
{
    int rc = how->run_id != NULL ? check_run_id(how->run_id, e) : 0;
    if (rc == 0 && how->conf != NULL) {
        rc = pn_dag_conf_check(dag, how->conf, e);
    }
    return rc == 0 && how->note != NULL ? check_note(how->note, e) : rc;
}

/* A run by hand with the logical date of a time to come would take the place of the schedule's run,
 * before its data is there. */
static int check_logical_date(const struct pn_dag *dag, const struct pn_trigger *how,
                              int64_t now_ms, struct pn_err *e)
{
    if (how->type != PN_RUN_MANUAL || how->logical_ms <= now_ms) {
        return 0;
    }
    char logical[PN_ISO8601_SIZE];
    char next[PN_ISO8601_SIZE];
    int64_t next_ms = pn_schedule_next(&dag->schedule, now_ms);
    return how->logical_ms < next_ms
               ? 0
               : pn_err_input(e,
                              "the logical date %s is yet to come, and the schedule of DAG '%s' "
                              "makes the runs of times to come (the next is %s): give a date of "
                              "the past, or none",
                              pn_iso8601(how->logical_ms, logical), dag->name,
                              pn_iso8601(next_ms, next));
}

/* The name of the run that has a logical date; NULL: none has. */
static int name_of_logical(struct pn_dag_db *db, const char *dag, int64_t logical_ms,
                           struct pn_arena *arena, const char **run_id, struct pn_err *e)
{
    sqlite3_stmt *statement = NULL;
    int rc = pn_dag_db_prepare(db, &statement, e,
                               "SELECT run_id FROM run WHERE dag = ?1 AND logical_ms = ?2", "ti",
                               dag, logical_ms);
    if (rc == 0) {
        rc = pn_dag_db_next(db, statement, e);
        *run_id = rc == 1 ? pn_dag_db_text(statement, 0, arena) : NULL;
    }
    sqlite3_finalize(statement);
    return rc < 0 ? PN_FAIL : 0;
}

/* The words for a run that is there already: by its logical time, or by its name. */
static int taken(struct pn_dag_db *db, const struct pn_dag *dag, const struct pn_trigger *how,
                 struct pn_arena *arena, struct pn_err *e)
{
    const char *holder = NULL;
    int rc = how->logical_ms != PN_TIME_NONE
                 ? name_of_logical(db, dag->name, how->logical_ms, arena, &holder, e)
                 : 0;
    if (rc != 0) {
        return rc;
    }
    if (holder == NULL) {
        return pn_err_set(e, PN_CLASS_CONFLICT, PN_FAIL,
                          "DAG '%s' has a run '%s' already: give another name, or none", dag->name,
                          how->run_id != NULL ? how->run_id : "of this time");
    }
    char time[PN_ISO8601_SIZE];
    return pn_err_set(e, PN_CLASS_CONFLICT, PN_FAIL,
                      "DAG '%s' has the run '%s' for the logical date %s already: clear it to run"
                      " it again, or give another date",
                      dag->name, holder, pn_iso8601(how->logical_ms, time));
}

int pn_dag_db_add_run(struct pn_dag_db *db, const struct pn_dag *dag, const struct pn_trigger *how,
                      int64_t now_ms, struct pn_arena *arena, int64_t *id, const char **run_id,
                      struct pn_err *e)
{
    struct pn_err failure = {0};
    struct pn_dag_version version;
    int rc = pn_dag_version_now(db, dag, now_ms, &version, e);
    if (rc != 0) {
        return rc;
    }
    *run_id = how->run_id;
    rc = how->run_id != NULL
             ? insert_run(db, dag->name, how->run_id, how, version.number, now_ms, id, &failure)
             : insert_named_run(db, dag->name, how, version.number, now_ms, arena, run_id, id,
                                &failure);
    if (rc != 0 && failure.class_ == PN_CLASS_CONFLICT) {
        return taken(db, dag, how, arena, e);
    }
    if (rc != 0) {
        pn_err_copy(e, &failure);
        return rc;
    }
    return insert_tasks(db, dag, *id, e);
}

int pn_dag_db_trigger(struct pn_dag_db *db, const struct pn_dag *dag, const struct pn_trigger *how,
                      int64_t now_ms, struct pn_arena *arena, struct pn_run *run, struct pn_err *e)
{
    int rc = check_trigger(dag, how, e);
    if (rc == 0) {
        rc = check_logical_date(dag, how, now_ms, e);
    }
    if (rc == 0) {
        rc = pn_dag_db_begin(db, e);
    }
    if (rc != 0) {
        return rc;
    }
    int64_t id = 0;
    const char *name = NULL;
    rc = pn_dag_db_add_run(db, dag, how, now_ms, arena, &id, &name, e);
    if (rc == 0) {
        const struct pn_audit audit = {
            .at_ms = now_ms, .who = how->who, .what = "trigger", .dag = dag->name, .run_id = name};
        rc = pn_dag_db_audit(db, &audit, e);
    }
    rc = pn_dag_db_end(db, rc, e);
    return rc == 0 ? pn_dag_db_run(db, dag->name, name, arena, run, e) : rc;
}

/* ---- states ---------------------------------------------------------------------------------- */

int pn_dag_db_run_set(struct pn_dag_db *db, int64_t run, enum pn_run_state expected,
                      enum pn_run_state next, const char *reason, int64_t now_ms, struct pn_err *e)
{
    int changes = 0;
    int rc = pn_dag_db_run_sql(
        db, &changes, e,
        "UPDATE run SET state = ?3, reason = ?5,"
        " started_ms = CASE WHEN ?3 = 'running' AND started_ms = 0 THEN ?4 ELSE started_ms END,"
        " ended_ms = CASE WHEN ?3 IN ('success', 'failed', 'cancelled') THEN ?4 ELSE 0 END"
        " WHERE id = ?1 AND state = ?2",
        "ittit", run, pn_run_state_name(expected), pn_run_state_name(next), now_ms, reason);
    return pn_dag_db_swapped(rc, changes, "the run", e);
}

int pn_dag_db_run_version(struct pn_dag_db *db, int64_t run, int64_t version, struct pn_err *e)
{
    return pn_dag_db_run_sql(db, NULL, e, "UPDATE run SET version = ?2 WHERE id = ?1", "ii", run,
                             version);
}

int pn_dag_db_end_backfill(struct pn_dag_db *db, int64_t backfill, int64_t now_ms, struct pn_err *e)
{
    return pn_dag_db_run_sql(db, NULL, e,
                             "UPDATE backfill SET state = 'done', ended_ms = ?2, updated_ms = ?2"
                             " WHERE id = ?1 AND state = 'running' AND NOT EXISTS (SELECT 1"
                             " FROM run WHERE backfill = ?1 AND state IN ('queued', 'running'))",
                             "ii", backfill, now_ms);
}

int pn_dag_db_run_end(struct pn_dag_db *db, const struct pn_run *run, enum pn_run_state outcome,
                      const char *reason, bool tell, int64_t now_ms, struct pn_err *e)
{
    int rc = pn_dag_db_begin(db, e);
    if (rc != 0) {
        return rc;
    }
    rc = pn_dag_db_run_set(db, run->id, PN_RUN_RUNNING, outcome, reason, now_ms, e);
    if (rc == 0) {
        rc = pn_dag_db_run_sql(db, NULL, e, "UPDATE run SET notice = ?2 WHERE id = ?1", "it",
                               run->id, tell ? "pending" : "");
    }
    if (rc == 0 && run->backfill != 0) {
        rc = pn_dag_db_end_backfill(db, run->backfill, now_ms, e);
    }
    return pn_dag_db_end(db, rc, e);
}

int pn_dag_db_task_set(struct pn_dag_db *db, int64_t run, const char *task,
                       enum pn_task_state expected, enum pn_task_state next, int64_t now_ms,
                       int64_t next_ms, struct pn_err *e)
{
    int changes = 0;
    int rc = pn_dag_db_run_sql(
        db, &changes, e,
        "UPDATE task SET state = ?4, next_ms = ?6,"
        " ended_ms = CASE WHEN ?7 THEN ?5 ELSE ended_ms END"
        " WHERE run = ?1 AND task = ?2 AND state = ?3",
        "itttiii", run, task, pn_task_state_name(expected), pn_task_state_name(next), now_ms,
        next_ms, (int64_t)(pn_task_state_final(next) || next == PN_TASK_UP_FOR_RETRY));
    return pn_dag_db_swapped(rc, changes, task, e);
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
    int row = pn_dag_db_next(db, statement, e);
    if (row == 1) {
        *number = sqlite3_column_int(statement, 0);
    }
    sqlite3_finalize(statement);
    return row < 0 ? PN_FAIL : pn_dag_db_swapped(0, row, task, e);
}

int pn_dag_db_attempt_begin(struct pn_dag_db *db, int64_t run, const char *task,
                            enum pn_task_state expected, int64_t version, int64_t now_ms,
                            int32_t *number, struct pn_err *e)
{
    int rc = pn_dag_db_begin(db, e);
    if (rc != 0) {
        return rc;
    }
    rc = count_try(db, run, task, expected, now_ms, number, e);
    if (rc == 0) {
        rc = pn_dag_db_run_sql(db, NULL, e,
                               "INSERT INTO attempt(run, task, number, started_ms, outcome,"
                               " version) VALUES (?1, ?2, ?3, ?4, 'running', ?5)",
                               "itiii", run, task, (int64_t)*number, now_ms, version);
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
    return pn_dag_db_swapped(rc, changes, task, e);
}

int pn_dag_db_attempt_end(struct pn_dag_db *db, int64_t run, const char *task, int32_t number,
                          const struct pn_attempt_end *end, int64_t now_ms, struct pn_err *e)
{
    int rc = pn_dag_db_begin(db, e);
    if (rc != 0) {
        return rc;
    }
    int changes = 0;
    rc = pn_dag_db_run_sql(db, &changes, e,
                           "UPDATE attempt SET outcome = ?4, exit_code = ?5, ended_ms = ?6,"
                           " reason = ?7, memory_bytes = ?8"
                           " WHERE run = ?1 AND task = ?2 AND number = ?3"
                           " AND outcome = 'running'",
                           "ititiiti", run, task, (int64_t)number, end->outcome,
                           (int64_t)end->exit_code, now_ms, end->reason != NULL ? end->reason : "",
                           end->memory_bytes);
    rc = pn_dag_db_swapped(rc, changes, task, e);
    if (rc == 0) {
        rc = pn_dag_db_task_set(db, run, task, PN_TASK_RUNNING, end->next, now_ms, end->next_ms, e);
    }
    return pn_dag_db_end(db, rc, e);
}

/* ---- what people do to a run ----------------------------------------------------------------- */

int pn_dag_db_cancel_queued(struct pn_dag_db *db, const struct pn_run *run, const char *reason,
                            const char *who, int64_t now_ms, struct pn_err *e)
{
    int rc = pn_dag_db_begin(db, e);
    if (rc != 0) {
        return rc;
    }
    rc = pn_dag_db_run_set(db, run->id, PN_RUN_QUEUED, PN_RUN_CANCELLED, reason, now_ms, e);
    if (rc == 0) {
        rc = pn_dag_db_run_sql(db, NULL, e,
                               "UPDATE task SET state = 'cancelled', ended_ms = ?2 WHERE run = ?1"
                               " AND state = 'none'",
                               "ii", run->id, now_ms);
    }
    if (rc == 0 && run->backfill != 0) {
        rc = pn_dag_db_end_backfill(db, run->backfill, now_ms, e);
    }
    if (rc == 0) {
        const struct pn_audit audit = {.at_ms = now_ms,
                                       .who = who,
                                       .what = "cancel",
                                       .dag = run->dag,
                                       .run_id = run->run_id,
                                       .detail = reason};
        rc = pn_dag_db_audit(db, &audit, e);
    }
    return pn_dag_db_end(db, rc, e);
}

static int ask_to_cancel(struct pn_dag_db *db, const struct pn_run *run, const char *who,
                         int64_t now_ms, struct pn_err *e)
{
    int changes = 0;
    int rc = pn_dag_db_run_sql(db, &changes, e,
                               "UPDATE run SET cancel_asked = 1 WHERE id = ?1"
                               " AND state = 'running'",
                               "i", run->id);
    if (rc == 0 && changes != 1) {
        return pn_err_input(e, "run '%s' is over already: it is %s", run->run_id,
                            pn_run_state_name(run->state));
    }
    const struct pn_audit audit = {
        .at_ms = now_ms, .who = who, .what = "cancel", .dag = run->dag, .run_id = run->run_id};
    return rc == 0 ? pn_dag_db_audit(db, &audit, e) : rc;
}

int pn_dag_db_cancel(struct pn_dag_db *db, const struct pn_run *run, const char *who,
                     int64_t now_ms, struct pn_err *e)
{
    int rc = pn_dag_db_begin(db, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_err failure = {0};
    rc = pn_dag_db_cancel_queued(db, run, "cancelled before it began", who, now_ms, &failure);
    if (rc != 0 && failure.class_ == PN_CLASS_CONFLICT) {
        rc = ask_to_cancel(db, run, who, now_ms, e);
    } else {
        pn_err_copy(e, rc != 0 ? &failure : NULL);
    }
    return pn_dag_db_end(db, rc, e);
}

int pn_dag_db_note(struct pn_dag_db *db, const struct pn_run *run, const char *note,
                   const char *who, int64_t now_ms, struct pn_err *e)
{
    int rc = check_note(note, e);
    if (rc == 0) {
        rc = pn_dag_db_begin(db, e);
    }
    if (rc != 0) {
        return rc;
    }
    int changes = 0;
    rc = pn_dag_db_run_sql(db, &changes, e, "UPDATE run SET note = ?2 WHERE id = ?1", "it", run->id,
                           note);
    rc = pn_dag_db_swapped(rc, changes, run->run_id, e);
    if (rc == 0) {
        const struct pn_audit audit = {.at_ms = now_ms,
                                       .who = who,
                                       .what = "note",
                                       .dag = run->dag,
                                       .run_id = run->run_id,
                                       .detail = note};
        rc = pn_dag_db_audit(db, &audit, e);
    }
    return pn_dag_db_end(db, rc, e);
}
