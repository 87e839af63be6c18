#include "dag/mark.h"

#include <string.h>

#include "dag/db_internal.h"

struct marking {
    struct pn_dag_db *db;
    const struct pn_dag *dag; /* may be NULL */
    struct pn_run run;        /* as it is now */
    const struct pn_mark *mark;
    int64_t now_ms;
    struct pn_arena *arena;
    struct pn_task_run *tasks;
    size_t count;
    bool *named;   /* of each task */
    bool *cleared; /* likewise */
};

static size_t place_of(const struct marking *marking, const char *name)
{
    size_t i = 0;
    while (i < marking->count && strcmp(marking->tasks[i].task, name) != 0) {
        i++;
    }
    return i;
}

static int name_tasks(struct marking *marking, struct pn_err *e)
{
    const struct pn_mark *mark = marking->mark;
    for (size_t i = 0; i < mark->task_count; i++) {
        size_t at = place_of(marking, mark->tasks[i]);
        if (at == marking->count) {
            return marking->dag != NULL ? pn_dag_has_no_task(marking->dag, mark->tasks[i], e)
                                        : pn_err_missing(e, "run '%s' has no task '%s'",
                                                         marking->run.run_id, mark->tasks[i]);
        }
        marking->named[at] = true;
    }
    for (size_t i = 0; i < marking->count; i++) {
        marking->named[i] = marking->named[i] || mark->task_count == 0;
        if (marking->named[i] && marking->tasks[i].state == PN_TASK_RUNNING) {
            return pn_err_set(e, PN_CLASS_CONFLICT, PN_FAIL,
                              "%s of run '%s' is running: cancel the run, or wait for the task",
                              marking->tasks[i].task, marking->run.run_id);
        }
    }
    return 0;
}

/* What comes after the named tasks and waits for them to have succeeded. */
static void choose_cleared(struct marking *marking)
{
    bool lets_run = marking->mark->state != PN_TASK_FAILED && marking->mark->task_count > 0;
    if (!lets_run || marking->dag == NULL) {
        return;
    }
    bool *after = pn_arena_calloc(marking->arena, marking->dag->task_count + 1, sizeof *after);
    for (size_t i = 0; i < marking->dag->task_count; i++) {
        const struct pn_task *task = &marking->dag->tasks[i];
        for (size_t j = 0; j < task->after_count; j++) {
            size_t before = place_of(marking, task->after[j]->name);
            after[i] = after[i] || after[task->after[j] - marking->dag->tasks] ||
                       (before < marking->count && marking->named[before]);
        }
        size_t at = place_of(marking, task->name);
        if (after[i] && at < marking->count && !marking->named[at]) {
            enum pn_task_state state = marking->tasks[at].state;
            marking->cleared[at] = state == PN_TASK_FAILED || state == PN_TASK_UPSTREAM_FAILED ||
                                   state == PN_TASK_CANCELLED;
        }
    }
}

static void list_tasks(const struct marking *marking, struct pn_marked *marked)
{
    marked->tasks = pn_arena_calloc(marking->arena, marking->count + 1, sizeof *marked->tasks);
    marked->cleared = pn_arena_calloc(marking->arena, marking->count + 1, sizeof *marked->cleared);
    for (size_t i = 0; i < marking->count; i++) {
        if (marking->named[i] && marking->tasks[i].state != marking->mark->state) {
            marked->tasks[marked->task_count++] = marking->tasks[i].task;
        }
        if (marking->cleared[i]) {
            marked->cleared[marked->cleared_count++] = marking->tasks[i].task;
        }
    }
}

static int change_tasks(const struct marking *marking, struct pn_err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < marking->count; i++) {
        const struct pn_task_run *task = &marking->tasks[i];
        if (marking->named[i] && task->state != marking->mark->state) {
            rc = pn_dag_db_task_set(marking->db, marking->run.id, task->task, task->state,
                                    marking->mark->state, marking->now_ms, 0, e);
        } else if (marking->cleared[i]) {
            rc = pn_dag_db_clear_task(marking->db, marking->run.id,
                                      pn_dag_task(marking->dag, task->task), i, e);
        }
    }
    return rc;
}

/* What a run that is over is by its tasks. */
static enum pn_run_state outcome_of(const struct marking *marking)
{
    for (size_t i = 0; i < marking->count; i++) {
        enum pn_task_state state =
            marking->named[i] ? marking->mark->state : marking->tasks[i].state;
        const struct pn_task *task =
            marking->dag != NULL ? pn_dag_task(marking->dag, marking->tasks[i].task) : NULL;
        bool failed = state == PN_TASK_FAILED || state == PN_TASK_UPSTREAM_FAILED ||
                      state == PN_TASK_CANCELLED;
        if (failed && (task == NULL || !task->may_fail)) {
            return PN_RUN_FAILED;
        }
    }
    return PN_RUN_SUCCESS;
}

/* A run that is active is left to the scheduler, but where all of it is marked. */
static int change_run(const struct marking *marking, size_t cleared_count, struct pn_err *e)
{
    const struct pn_run *run = &marking->run;
    bool whole = marking->mark->task_count == 0;
    if (!whole && !pn_run_state_final(run->state)) {
        return 0;
    }
    if (cleared_count > 0) {
        return pn_dag_db_requeue(marking->db, run, marking->now_ms, e);
    }
    enum pn_run_state next = outcome_of(marking);
    if (next == run->state) {
        return 0;
    }
    const char *reason = pn_arena_printf(marking->arena, "marked %s by %s", pn_run_state_name(next),
                                         marking->mark->who);
    int rc = pn_dag_db_run_set(marking->db, run->id, run->state, next, reason, marking->now_ms, e);
    return rc == 0 && run->backfill != 0
               ? pn_dag_db_end_backfill(marking->db, run->backfill, marking->now_ms, e)
               : rc;
}

static int audit(const struct marking *marking, struct pn_err *e)
{
    const struct pn_mark *mark = marking->mark;
    const struct pn_audit row = {
        .at_ms = marking->now_ms,
        .who = mark->who,
        .what = "mark",
        .dag = marking->run.dag,
        .run_id = marking->run.run_id,
        .task = mark->task_count == 1 ? mark->tasks[0] : NULL,
        .detail = mark->task_count > 1
                      ? pn_arena_printf(marking->arena, "%zu tasks %s", mark->task_count,
                                        pn_task_state_name(mark->state))
                      : pn_task_state_name(mark->state),
    };
    return pn_dag_db_audit(marking->db, &row, e);
}

static int check(const struct marking *marking, struct pn_err *e)
{
    enum pn_task_state state = marking->mark->state;
    bool whole = marking->mark->task_count == 0;
    if (state != PN_TASK_SUCCESS && state != PN_TASK_FAILED &&
        (whole || state != PN_TASK_SKIPPED)) {
        return pn_err_input(e, whole ? "a run can be marked success or failed"
                                     : "a task can be marked success, failed or skipped");
    }
    if (whole && marking->run.state == PN_RUN_RUNNING) {
        return pn_err_set(e, PN_CLASS_CONFLICT, PN_FAIL, "run '%s' is running: cancel it first",
                          marking->run.run_id);
    }
    return 0;
}

/* In a transaction, unless it is a dry run. */
static int mark_in(struct marking *marking, struct pn_marked *marked, struct pn_err *e)
{
    int rc = check(marking, e);
    if (rc == 0) {
        rc = pn_dag_db_tasks(marking->db, marking->run.id, marking->arena, &marking->tasks,
                             &marking->count, e);
    }
    if (rc != 0) {
        return rc;
    }
    marking->named = pn_arena_calloc(marking->arena, marking->count + 1, sizeof(bool));
    marking->cleared = pn_arena_calloc(marking->arena, marking->count + 1, sizeof(bool));
    rc = name_tasks(marking, e);
    if (rc == 0) {
        choose_cleared(marking);
        list_tasks(marking, marked);
    }
    if (rc != 0 || marking->mark->dry_run) {
        return rc;
    }
    rc = change_tasks(marking, e);
    if (rc == 0) {
        rc = change_run(marking, marked->cleared_count, e);
    }
    return rc == 0 ? audit(marking, e) : rc;
}

int pn_dag_db_mark(struct pn_dag_db *db, const struct pn_dag *dag, const struct pn_run *run,
                   const struct pn_mark *mark, int64_t now_ms, struct pn_arena *arena,
                   struct pn_marked *marked, struct pn_err *e)
{
    struct marking marking = {
        .db = db, .dag = dag, .run = *run, .mark = mark, .now_ms = now_ms, .arena = arena};
    *marked = (struct pn_marked){0};
    if (mark->dry_run) {
        return mark_in(&marking, marked, e);
    }
    int rc = pn_dag_db_begin(db, e);
    if (rc != 0) {
        return rc;
    }
    rc = pn_dag_db_run(db, run->dag, run->run_id, arena, &marking.run, e);
    if (rc == 0) {
        rc = mark_in(&marking, marked, e);
    }
    return pn_dag_db_end(db, rc, e);
}
