/* Clearing: tasks of a run that are to run again. */
#include <string.h>

#include "dag/db_internal.h"
#include "dag/rerun.h"

enum { DETAIL_BYTES_MAX = 500 };

static bool failed(enum pn_task_state state)
{
    return state == PN_TASK_FAILED || state == PN_TASK_UPSTREAM_FAILED ||
           state == PN_TASK_CANCELLED;
}

/* Marks the named tasks, in the DAG's order, and with AFTER all that come after one. */
static int mark_named(const struct pn_dag *dag, const struct pn_clear *clear, bool *marked,
                      struct pn_err *e)
{
    for (size_t i = 0; i < clear->task_count; i++) {
        const struct pn_task *task = pn_dag_task(dag, clear->tasks[i]);
        if (task == NULL) {
            return pn_dag_has_no_task(dag, clear->tasks[i], e);
        }
        marked[task - dag->tasks] = true;
    }
    for (size_t i = 0; clear->scope == PN_CLEAR_AFTER && i < dag->task_count; i++) {
        const struct pn_task *task = &dag->tasks[i];
        for (size_t j = 0; j < task->after_count; j++) {
            marked[i] = marked[i] || marked[task->after[j] - dag->tasks];
        }
    }
    return 0;
}

static const struct pn_task_run *find(const struct pn_task_run *tasks, size_t count,
                                      const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(tasks[i].task, name) == 0) {
            return &tasks[i];
        }
    }
    return NULL;
}

/* Which of the DAG's tasks are cleared: marked, and with something to clear. */
static int choose(const struct pn_dag *dag, const struct pn_run *run, const struct pn_clear *clear,
                  const struct pn_task_run *stored, size_t stored_count, bool *marked,
                  struct pn_err *e)
{
    int rc = mark_named(dag, clear, marked, e);
    for (size_t i = 0; rc == 0 && i < dag->task_count; i++) {
        const struct pn_task_run *task = find(stored, stored_count, dag->tasks[i].name);
        enum pn_task_state state = task != NULL ? task->state : PN_TASK_NONE;
        bool is_new = clear->scope == PN_CLEAR_NEW && task == NULL;
        marked[i] = marked[i] || clear->scope == PN_CLEAR_ALL || is_new ||
                    (clear->scope == PN_CLEAR_FAILED && failed(state));
        if (marked[i] && state == PN_TASK_RUNNING) {
            rc = pn_err_set(e, PN_CLASS_CONFLICT, PN_FAIL,
                            "%s of run '%s' is running: cancel the run, or wait for the task",
                            dag->tasks[i].name, run->run_id);
        }
        /* A task that has not begun in a run that is active runs anyway. */
        marked[i] = marked[i] && (pn_task_state_final(state) || state == PN_TASK_UP_FOR_RETRY ||
                                  (task == NULL && (clear->scope == PN_CLEAR_ALL || is_new)));
    }
    return rc;
}

int pn_dag_db_clear_task(struct pn_dag_db *db, int64_t run, const struct pn_task *task,
                         size_t position, struct pn_err *e)
{
    return pn_dag_db_run_sql(
        db, NULL, e,
        "INSERT INTO task(run, task, position, state, max_tries, pool, pool_slots, priority)"
        " VALUES (?1, ?2, ?3, 'none', ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE SET state = 'none',"
        " max_tries = tries + ?4, started_ms = 0, ended_ms = 0, next_ms = 0, pool = ?5,"
        " pool_slots = ?6, priority = ?7",
        "itiitii", run, task->name, (int64_t)position, (int64_t)task->retries + 1, task->pool,
        (int64_t)task->pool_slots, (int64_t)task->priority);
}

int pn_dag_db_fit_tasks(struct pn_dag_db *db, int64_t run, const struct pn_dag *dag,
                        struct pn_arena *arena, struct pn_err *e)
{
    struct pn_task_run *stored = NULL;
    size_t count = 0;
    int rc = pn_dag_db_tasks(db, run, arena, &stored, &count, e);
    for (size_t i = 0; rc == 0 && i < dag->task_count; i++) {
        if (find(stored, count, dag->tasks[i].name) == NULL) {
            rc = pn_dag_db_clear_task(db, run, &dag->tasks[i], i, e);
        }
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (stored[i].state == PN_TASK_NONE && stored[i].tries == 0 &&
            pn_dag_task(dag, stored[i].task) == NULL) {
            rc = pn_dag_db_run_sql(db, NULL, e, "DELETE FROM task WHERE run = ?1 AND task = ?2",
                                   "it", run, stored[i].task);
        }
    }
    return rc;
}

int pn_dag_db_requeue(struct pn_dag_db *db, const struct pn_run *run, int64_t now_ms,
                      struct pn_err *e)
{
    int changes = 0;
    int rc = pn_dag_db_run_sql(db, &changes, e,
                               "UPDATE run SET state = 'queued', cancel_asked = 0, queued_ms = ?3,"
                               " started_ms = 0, ended_ms = 0, run_after_ms = ?3, reason = '',"
                               " notice = '', logs_gone = 0 WHERE id = ?1 AND state = ?2",
                               "iti", run->id, pn_run_state_name(run->state), now_ms);
    return pn_dag_db_swapped(rc, changes, run->run_id, e);
}

static int clear_run(struct pn_dag_db *db, const struct pn_run *run, int64_t now_ms,
                     struct pn_err *e)
{
    if (run->cancel_asked && !pn_run_state_final(run->state)) {
        return pn_err_set(e, PN_CLASS_CONFLICT, PN_FAIL,
                          "run '%s' is being cancelled: wait for its end", run->run_id);
    }
    return pn_run_state_final(run->state) ? pn_dag_db_requeue(db, run, now_ms, e) : 0;
}

static int audit_clear(struct pn_dag_db *db, const struct pn_run *run, const struct pn_clear *clear,
                       const char *const *names, size_t count, int64_t now_ms,
                       struct pn_arena *arena, struct pn_err *e)
{
    const char *detail = "";
    size_t i = 0;
    for (; i < count && strlen(detail) < DETAIL_BYTES_MAX; i++) {
        detail = pn_arena_printf(arena, "%s%s%s", detail, i > 0 ? ", " : "", names[i]);
    }
    if (i < count) {
        detail = pn_arena_printf(arena, "%s and %zu more", detail, count - i);
    }
    const struct pn_audit audit = {.at_ms = now_ms,
                                   .who = clear->who,
                                   .what = "clear",
                                   .dag = run->dag,
                                   .run_id = run->run_id,
                                   .detail = detail};
    return pn_dag_db_audit(db, &audit, e);
}

/* In a transaction; `run` is as it is now. */
static int clear_in(struct pn_dag_db *db, const struct pn_dag *dag, const struct pn_run *run,
                    const struct pn_clear *clear, int64_t now_ms, struct pn_arena *arena,
                    const char ***names, size_t *count, struct pn_err *e)
{
    struct pn_task_run *stored = NULL;
    size_t stored_count = 0;
    bool *marked = pn_arena_calloc(arena, dag->task_count + 1, sizeof *marked);
    int rc = pn_dag_db_tasks(db, run->id, arena, &stored, &stored_count, e);
    if (rc == 0) {
        rc = choose(dag, run, clear, stored, stored_count, marked, e);
    }
    *names = pn_arena_calloc(arena, dag->task_count + 1, sizeof **names);
    *count = 0;
    for (size_t i = 0; rc == 0 && i < dag->task_count; i++) {
        if (marked[i]) {
            (*names)[(*count)++] = dag->tasks[i].name;
            rc = clear->dry_run ? 0 : pn_dag_db_clear_task(db, run->id, &dag->tasks[i], i, e);
        }
    }
    if (rc == 0 && *count == 0) {
        rc = pn_err_input(e,
                          "run '%s' has no such task to clear: `pinion dag status %s %s` shows"
                          " its tasks",
                          run->run_id, run->dag, run->run_id);
    }
    if (rc == 0 && !clear->dry_run) {
        rc = clear_run(db, run, now_ms, e);
    }
    return rc == 0 && !clear->dry_run
               ? audit_clear(db, run, clear, *names, *count, now_ms, arena, e)
               : rc;
}

int pn_dag_db_clear(struct pn_dag_db *db, const struct pn_dag *dag, const struct pn_run *run,
                    const struct pn_clear *clear, int64_t now_ms, struct pn_arena *arena,
                    const char ***names, size_t *count, struct pn_err *e)
{
    if (clear->dry_run) {
        return clear_in(db, dag, run, clear, now_ms, arena, names, count, e);
    }
    int rc = pn_dag_db_begin(db, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_run current = {0};
    rc = pn_dag_db_run(db, run->dag, run->run_id, arena, &current, e);
    if (rc == 0) {
        rc = clear_in(db, dag, &current, clear, now_ms, arena, names, count, e);
    }
    return pn_dag_db_end(db, rc, e);
}
