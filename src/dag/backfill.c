/* Backfills: runs of a schedule's times in a range, made at once and let begin bit by bit. What one
 * would do is backfill_plan.c's. */
#include <inttypes.h>
#include <string.h>

#include "base/units.h"
#include "dag/db_internal.h"
#include "dag/rerun.h"

const char *const pn_reprocess_names[PN_REPROCESSES] = {
    [PN_REPROCESS_NONE] = "none",
    [PN_REPROCESS_FAILED] = "failed",
    [PN_REPROCESS_COMPLETED] = "completed",
};

/* ---- creation -------------------------------------------------------------------------------- */

static int create_run(struct pn_dag_db *db, const struct pn_dag *dag, int64_t backfill,
                      const struct pn_backfill_item *item, const char *who, int64_t now_ms,
                      struct pn_arena *arena, struct pn_err *e)
{
    struct pn_trigger how = pn_trigger_of(who);
    int64_t before_ms = pn_schedule_previous(&dag->schedule, item->logical_ms);
    how.type = PN_RUN_BACKFILL;
    how.run_id = item->run_id;
    how.logical_ms = item->logical_ms;
    how.interval_start_ms = before_ms != INT64_MIN ? before_ms : item->logical_ms;
    how.interval_end_ms = item->logical_ms;
    how.backfill = backfill;
    int64_t id = 0;
    const char *run_id = NULL;
    return pn_dag_db_add_run(db, dag, &how, now_ms, arena, &id, &run_id, e);
}

static int clear_run(struct pn_dag_db *db, const struct pn_dag *dag, int64_t backfill,
                     const struct pn_backfill_item *item, const char *who, int64_t now_ms,
                     struct pn_arena *arena, struct pn_err *e)
{
    const struct pn_clear clear = {.scope = PN_CLEAR_ALL, .who = who};
    struct pn_run run = {0};
    const char **names = NULL;
    size_t count = 0;
    int rc = pn_dag_db_run(db, dag->name, item->run_id, arena, &run, e);
    if (rc == 0) {
        rc = pn_dag_db_clear(db, dag, &run, &clear, now_ms, arena, &names, &count, e);
    }
    if (rc == 0 && run.backfill != 0) {
        rc = pn_dag_db_run_sql(db, NULL, e, "UPDATE backfill SET taken = taken + 1 WHERE id = ?1",
                               "i", run.backfill);
    }
    return rc == 0 ? pn_dag_db_run_sql(db, NULL, e, "UPDATE run SET backfill = ?2 WHERE id = ?1",
                                       "ii", run.id, backfill)
                   : rc;
}

static int insert_backfill(struct pn_dag_db *db, const struct pn_dag *dag,
                           const struct pn_backfill_plan *plan, const char *who, int64_t now_ms,
                           struct pn_arena *arena, int64_t *id, struct pn_err *e)
{
    int rc = pn_dag_db_run_sql(
        db, NULL, e,
        "INSERT INTO backfill(dag, state, from_ms, to_ms, reprocess, active_runs_max, created_ms,"
        " updated_ms) VALUES (?1, 'running', ?2, ?3, ?4, ?5, ?6, ?6)",
        "tiitii", dag->name, plan->from_ms, plan->to_ms, pn_reprocess_names[plan->reprocess],
        plan->active_runs_max, now_ms);
    *id = sqlite3_last_insert_rowid(db->sqlite);
    const struct pn_audit audit = {
        .at_ms = now_ms,
        .who = who,
        .what = "backfill",
        .dag = dag->name,
        .detail = pn_arena_printf(arena, "backfill %" PRId64 ": %zu %s", *id, plan->runs,
                                  pn_noun((int64_t)plan->runs, "run", "runs"))};
    return rc == 0 ? pn_dag_db_audit(db, &audit, e) : rc;
}

/* In a transaction. */
static int create_in(struct pn_dag_db *db, const struct pn_dag *dag, struct pn_backfill_plan *plan,
                     const char *token, const char *who, int64_t now_ms, struct pn_arena *arena,
                     int64_t *id, struct pn_err *e)
{
    int rc = pn_dag_db_backfill_plan(db, dag, plan, now_ms, arena, e);
    if (rc != 0) {
        return rc;
    }
    if (token != NULL && strcmp(token, plan->token) != 0) {
        return pn_err_set(e, PN_CLASS_CONFLICT, PN_FAIL,
                          "the list of runs has changed since the dry run: look at it again "
                          "(--dry-run)");
    }
    if (plan->runs == 0) {
        return pn_err_input(e, "every time of the range already has a run: --reprocess failed or "
                               "completed runs them again");
    }
    rc = insert_backfill(db, dag, plan, who, now_ms, arena, id, e);
    for (size_t i = 0; rc == 0 && i < plan->count; i++) {
        const struct pn_backfill_item *item = &plan->items[i];
        if (item->action == PN_BACKFILL_CREATE) {
            rc = create_run(db, dag, *id, item, who, now_ms, arena, e);
        } else if (item->action == PN_BACKFILL_CLEAR) {
            rc = clear_run(db, dag, *id, item, who, now_ms, arena, e);
        }
    }
    return rc;
}

int pn_dag_db_backfill_create(struct pn_dag_db *db, const struct pn_dag *dag,
                              struct pn_backfill_plan *plan, const char *token, const char *who,
                              int64_t now_ms, struct pn_arena *arena, int64_t *id, struct pn_err *e)
{
    int rc = pn_dag_db_begin(db, e);
    if (rc != 0) {
        return rc;
    }
    rc = create_in(db, dag, plan, token, who, now_ms, arena, id, e);
    return pn_dag_db_end(db, rc, e);
}

/* ---- progress -------------------------------------------------------------------------------- */

static int count_runs(struct pn_dag_db *db, struct pn_backfill *backfill, struct pn_err *e)
{
    sqlite3_stmt *statement = NULL;
    int rc = pn_dag_db_prepare(db, &statement, e, "SELECT state FROM run WHERE backfill = ?1", "i",
                               backfill->id);
    if (rc != 0) {
        return rc;
    }
    int row = 0;
    while ((row = pn_dag_db_next(db, statement, e)) == 1) {
        int state = pn_run_state_parse((const char *)sqlite3_column_text(statement, 0));
        if (state >= 0) {
            backfill->counts[state]++;
        }
    }
    sqlite3_finalize(statement);
    return row < 0 ? PN_FAIL : 0;
}

#define BACKFILL_COLUMNS                                                                   \
    "id, dag, state, from_ms, to_ms, reprocess, active_runs_max, created_ms, updated_ms, " \
    "ended_ms,"                                                                            \
    " taken"

static int read_backfills(struct pn_dag_db *db, sqlite3_stmt *statement, struct pn_arena *arena,
                          struct pn_backfill **rows, size_t *count, struct pn_err *e)
{
    *rows = NULL;
    *count = 0;
    size_t capacity = 0;
    int row = 0;
    while ((row = pn_dag_db_next(db, statement, e)) == 1) {
        *rows = pn_dag_db_room(arena, *rows, *count, &capacity, sizeof **rows);
        (*rows)[(*count)++] = (struct pn_backfill){
            .id = sqlite3_column_int64(statement, 0),
            .dag = pn_dag_db_text(statement, 1, arena),
            .state = pn_dag_db_text(statement, 2, arena),
            .from_ms = sqlite3_column_int64(statement, 3),
            .to_ms = sqlite3_column_int64(statement, 4),
            .reprocess = pn_dag_db_text(statement, 5, arena),
            .active_runs_max = sqlite3_column_int64(statement, 6),
            .created_ms = sqlite3_column_int64(statement, 7),
            .updated_ms = sqlite3_column_int64(statement, 8),
            .ended_ms = sqlite3_column_int64(statement, 9),
            .taken = sqlite3_column_int64(statement, 10),
        };
    }
    sqlite3_finalize(statement);
    int rc = row < 0 ? PN_FAIL : 0;
    for (size_t i = 0; rc == 0 && i < *count; i++) {
        rc = count_runs(db, &(*rows)[i], e);
    }
    return rc;
}

int pn_dag_db_backfills(struct pn_dag_db *db, const char *dag, int64_t before_id, int64_t limit,
                        struct pn_arena *arena, struct pn_backfill **rows, size_t *count,
                        struct pn_err *e)
{
    sqlite3_stmt *statement = NULL;
    int rc = pn_dag_db_prepare(
        db, &statement, e,
        dag != NULL ? "SELECT " BACKFILL_COLUMNS " FROM backfill WHERE dag = ?1 AND id < ?3"
                      " ORDER BY id DESC LIMIT ?2"
                    : "SELECT " BACKFILL_COLUMNS " FROM backfill WHERE id < ?3"
                      " ORDER BY id DESC LIMIT ?2",
        "tii", dag, limit, before_id != 0 ? before_id : INT64_MAX);
    return rc == 0 ? read_backfills(db, statement, arena, rows, count, e) : rc;
}

int pn_dag_db_backfill(struct pn_dag_db *db, int64_t id, struct pn_arena *arena,
                       struct pn_backfill *backfill, struct pn_err *e)
{
    sqlite3_stmt *statement = NULL;
    struct pn_backfill *found = NULL;
    size_t count = 0;
    int rc = pn_dag_db_prepare(db, &statement, e,
                               "SELECT " BACKFILL_COLUMNS " FROM backfill WHERE id = ?1", "i", id);
    if (rc == 0) {
        rc = read_backfills(db, statement, arena, &found, &count, e);
    }
    if (rc == 0 && count == 0) {
        rc =
            pn_err_missing(e, "no backfill %" PRId64 ": `pinion dag backfill list` shows them", id);
    }
    if (rc == 0) {
        *backfill = *found;
    }
    return rc;
}

/* ---- what people do to one ------------------------------------------------------------------- */

static int cancel_runs(struct pn_dag_db *db, const struct pn_backfill *backfill, const char *who,
                       int64_t now_ms, struct pn_arena *arena, struct pn_err *e)
{
    sqlite3_stmt *statement = NULL;
    int rc = pn_dag_db_prepare(db, &statement, e,
                               "SELECT run_id FROM run WHERE backfill = ?1"
                               " AND state IN ('queued', 'running')",
                               "i", backfill->id);
    if (rc != 0) {
        return rc;
    }
    const char **names = NULL;
    size_t count = 0;
    size_t capacity = 0;
    int row = 0;
    while ((row = pn_dag_db_next(db, statement, e)) == 1) {
        names = pn_dag_db_room(arena, names, count, &capacity, sizeof *names);
        names[count++] = pn_dag_db_text(statement, 0, arena);
    }
    sqlite3_finalize(statement);
    rc = row < 0 ? PN_FAIL : 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct pn_run run = {0};
        rc = pn_dag_db_run(db, backfill->dag, names[i], arena, &run, e);
        if (rc == 0) {
            rc = pn_dag_db_cancel(db, &run, who, now_ms, e);
        }
    }
    return rc;
}

/* In a transaction. */
static int act_in(struct pn_dag_db *db, int64_t id, enum pn_backfill_act act, const char *who,
                  int64_t now_ms, struct pn_arena *arena, struct pn_err *e)
{
    static const char *const whats[] = {"pause", "unpause", "cancel"};
    static const char *const nexts[] = {"paused", "running", "cancelled"};
    struct pn_backfill backfill = {0};
    int rc = pn_dag_db_backfill(db, id, arena, &backfill, e);
    if (rc != 0) {
        return rc;
    }
    bool running = strcmp(backfill.state, "running") == 0;
    bool paused = strcmp(backfill.state, "paused") == 0;
    bool can = act == PN_BACKFILL_PAUSE     ? running
               : act == PN_BACKFILL_UNPAUSE ? paused
                                            : running || paused;
    if (!can) {
        return pn_err_input(e, "backfill %" PRId64 " cannot be %s: it is %s", id,
                            act == PN_BACKFILL_CANCEL  ? "cancelled"
                            : act == PN_BACKFILL_PAUSE ? "paused"
                                                       : "resumed",
                            backfill.state);
    }
    /* The state first: the end of its last run would else make it done. */
    rc = pn_dag_db_run_sql(db, NULL, e,
                           "UPDATE backfill SET state = ?2, updated_ms = ?3, ended_ms = ?4"
                           " WHERE id = ?1",
                           "itii", id, nexts[act], now_ms,
                           act == PN_BACKFILL_CANCEL ? now_ms : (int64_t)0);
    if (rc == 0 && act == PN_BACKFILL_CANCEL) {
        rc = cancel_runs(db, &backfill, who, now_ms, arena, e);
    }
    const struct pn_audit audit = {.at_ms = now_ms,
                                   .who = who,
                                   .what = whats[act],
                                   .dag = backfill.dag,
                                   .detail = pn_arena_printf(arena, "backfill %" PRId64, id)};
    return rc == 0 ? pn_dag_db_audit(db, &audit, e) : rc;
}

int pn_dag_db_backfill_act(struct pn_dag_db *db, int64_t id, enum pn_backfill_act act,
                           const char *who, int64_t now_ms, struct pn_arena *arena,
                           struct pn_err *e)
{
    int rc = pn_dag_db_begin(db, e);
    if (rc != 0) {
        return rc;
    }
    rc = act_in(db, id, act, who, now_ms, arena, e);
    return pn_dag_db_end(db, rc, e);
}
