#include "dag/reason.h"

#include <inttypes.h>
#include <string.h>

#include "base/units.h"
#include "dag/db_internal.h"

enum { NAMED_MAX = 3, SECOND_MS = 1000 };

static const char NO_SCHEDULER[] =
    "no scheduler runs on this data folder: `pinion serve` starts one";

/* "43s", in whole seconds; "1s" for less. */
static const char *in_time(int64_t until_ms, int64_t now_ms, struct pn_arena *arena)
{
    char text[PN_UNITS_SIZE];
    int64_t left_ms = until_ms > now_ms ? until_ms - now_ms : 0;
    int64_t rounded_ms = (left_ms + SECOND_MS - 1) / SECOND_MS * SECOND_MS;
    return pn_arena_printf(arena, "%s", pn_format_duration(rounded_ms, text));
}

/* ---- runs ------------------------------------------------------------------------------------ */

static int active_names(struct pn_dag_db *db, const char *dag, struct pn_arena *arena,
                        const char **names, struct pn_err *e)
{
    const struct pn_run_filter filter = {
        .dag = dag, .state = PN_RUN_RUNNING + 1, .limit = NAMED_MAX};
    struct pn_run *runs = NULL;
    size_t count = 0;
    int rc = pn_dag_db_runs(db, &filter, arena, &runs, &count, e);
    *names = "";
    for (size_t i = 0; rc == 0 && i < count; i++) {
        *names = pn_arena_printf(arena, "%s%s%s", *names, i > 0 ? ", " : "", runs[i].run_id);
    }
    return rc;
}

/* "paused" and the like, of a run's backfill; NULL where that isn't what it waits for. */
static int backfill_reason(struct pn_dag_db *db, const struct pn_run *run, struct pn_arena *arena,
                           const char **reason, struct pn_err *e)
{
    sqlite3_stmt *statement = NULL;
    *reason = NULL;
    if (run->backfill == 0) {
        return 0;
    }
    int rc = pn_dag_db_prepare(db, &statement, e,
                               "SELECT state, active_runs_max, (SELECT count(*) FROM run WHERE"
                               " backfill = ?1 AND state = 'running') FROM backfill WHERE id = ?1",
                               "i", run->backfill);
    if (rc != 0) {
        return rc;
    }
    int row = pn_dag_db_next(db, statement, e);
    if (row == 1) {
        const char *state = pn_dag_db_text(statement, 0, arena);
        int64_t max = sqlite3_column_int64(statement, 1);
        int64_t active = sqlite3_column_int64(statement, 2);
        if (strcmp(state, "running") != 0) {
            *reason = pn_arena_printf(arena, "backfill %" PRId64 " is %s", run->backfill, state);
        } else if (active >= max) {
            *reason = pn_arena_printf(
                arena, "%" PRId64 " of %" PRId64 " runs of backfill %" PRId64 " are active", active,
                max, run->backfill);
        }
    }
    sqlite3_finalize(statement);
    return row < 0 ? PN_FAIL : 0;
}

static int queued_reason(struct pn_dag_db *db, const struct pn_reason_context *context,
                         const struct pn_run *run, struct pn_arena *arena, const char **reason,
                         struct pn_err *e)
{
    if (!context->scheduler_lives) {
        *reason = NO_SCHEDULER;
        return 0;
    }
    if (run->run_after_ms > context->now_ms) {
        *reason = pn_arena_printf(arena, "starts in %s",
                                  in_time(run->run_after_ms, context->now_ms, arena));
        return 0;
    }
    int rc = backfill_reason(db, run, arena, reason, e);
    if (rc != 0 || *reason != NULL) {
        return rc;
    }
    const struct pn_dag *dag = pn_pipeline_dag(context->pipeline, run->dag);
    int64_t counts[PN_RUN_STATES];
    const char *names = "";
    *reason = "";
    rc = pn_dag_db_count_runs(db, run->dag, counts, e);
    if (rc == 0 && dag != NULL && counts[PN_RUN_RUNNING] >= dag->active_runs_max) {
        rc = active_names(db, run->dag, arena, &names, e);
        *reason = pn_arena_printf(arena, "%" PRId64 " of %d runs of this DAG are active (%s)",
                                  counts[PN_RUN_RUNNING], (int)dag->active_runs_max, names);
    }
    return rc;
}

int pn_dag_reason_run(struct pn_dag_db *db, const struct pn_reason_context *context,
                      const struct pn_run *run, struct pn_arena *arena, const char **reason,
                      struct pn_err *e)
{
    *reason = run->reason;
    if (run->state == PN_RUN_QUEUED) {
        return queued_reason(db, context, run, arena, reason, e);
    }
    if (run->state == PN_RUN_RUNNING) {
        *reason = !context->scheduler_lives ? NO_SCHEDULER
                  : run->cancel_asked       ? "is being cancelled"
                                            : "";
    }
    return 0;
}

/* ---- tasks ----------------------------------------------------------------------------------- */

#define SLOTS_OF_RUNNING                                                        \
    "SELECT run.dag, run.run_id, task.task, task.pool, task.pool_slots, run.id" \
    " FROM run JOIN task ON task.run = run.id WHERE run.state = 'running'"

static int read_slots(struct pn_dag_db *db, const char *sql, struct pn_arena *arena,
                      struct pn_slot_holder **holders, size_t *count, struct pn_err *e)
{
    sqlite3_stmt *statement = NULL;
    int rc = pn_dag_db_prepare(db, &statement, e, sql, "");
    if (rc != 0) {
        return rc;
    }
    *holders = NULL;
    *count = 0;
    size_t capacity = 0;
    int row = 0;
    while ((row = pn_dag_db_next(db, statement, e)) == 1) {
        *holders = pn_dag_db_room(arena, *holders, *count, &capacity, sizeof **holders);
        (*holders)[(*count)++] = (struct pn_slot_holder){
            .dag = pn_dag_db_text(statement, 0, arena),
            .run_id = pn_dag_db_text(statement, 1, arena),
            .task = pn_dag_db_text(statement, 2, arena),
            .pool = pn_dag_db_text(statement, 3, arena),
            .slots = sqlite3_column_int64(statement, 4),
            .run = sqlite3_column_int64(statement, 5),
        };
    }
    sqlite3_finalize(statement);
    return row < 0 ? PN_FAIL : 0;
}

int pn_dag_db_holders(struct pn_dag_db *db, struct pn_arena *arena, struct pn_slot_holder **holders,
                      size_t *count, struct pn_err *e)
{
    return read_slots(db, SLOTS_OF_RUNNING " AND task.state = 'running'", arena, holders, count, e);
}

int pn_dag_db_waiters(struct pn_dag_db *db, struct pn_arena *arena, struct pn_slot_holder **waiters,
                      size_t *count, struct pn_err *e)
{
    return read_slots(db, SLOTS_OF_RUNNING " AND task.state IN ('scheduled', 'queued')", arena,
                      waiters, count, e);
}

struct tasks {
    const struct pn_reason_context *context;
    const struct pn_run *run;
    const struct pn_dag *dag; /* may be NULL */
    const struct pn_task_run *tasks;
    size_t count;
    const struct pn_slot_holder *holders;
    size_t holder_count;
    const struct pn_attempt *attempts; /* of the run, in order of start */
    size_t attempt_count;
    struct pn_arena *arena;
};

static const char *upstream_reason(const struct tasks *of, const struct pn_task_run *task)
{
    const struct pn_task *definition = of->dag != NULL ? pn_dag_task(of->dag, task->task) : NULL;
    const char *names = "";
    size_t waits = 0;
    for (size_t i = 0; definition != NULL && i < definition->after_count; i++) {
        for (size_t j = 0; j < of->count; j++) {
            const struct pn_task_run *before = &of->tasks[j];
            if (strcmp(before->task, definition->after[i]->name) != 0 ||
                pn_task_state_final(before->state)) {
                continue;
            }
            if (waits++ < NAMED_MAX) {
                names = pn_arena_printf(of->arena, "%s%s%s (%s)", names, waits > 1 ? ", " : "",
                                        before->task, pn_task_state_name(before->state));
            }
        }
    }
    if (waits == 0) {
        return "";
    }
    return waits > NAMED_MAX
               ? pn_arena_printf(of->arena, "waits for %s and %zu more", names, waits - NAMED_MAX)
               : pn_arena_printf(of->arena, "waits for %s", names);
}

static const char *pool_reason(const struct tasks *of, const struct pn_task_run *task,
                               const struct pn_pool *pool)
{
    const char *names = "";
    int64_t taken = 0;
    size_t named = 0;
    for (size_t i = 0; i < of->holder_count; i++) {
        const struct pn_slot_holder *holder = &of->holders[i];
        if (strcmp(holder->pool, pool->name) == 0) {
            taken += holder->slots;
            if (named++ < NAMED_MAX) {
                names = pn_arena_printf(of->arena, "%s%s%s/%s", names, named > 1 ? ", " : "",
                                        holder->run_id, holder->task);
            }
        }
    }
    if (taken + task->pool_slots <= pool->slots) {
        return NULL;
    }
    return pn_arena_printf(of->arena, "pool %s: %" PRId64 " of %d slots are taken (%s)", pool->name,
                           taken, (int)pool->slots, names);
}

static const char *slot_reason(const struct tasks *of, const struct pn_task_run *task)
{
    size_t own = 0;
    for (size_t i = 0; i < of->holder_count; i++) {
        own += of->holders[i].run == of->run->id ? 1 : 0;
    }
    if (of->dag != NULL && own >= (size_t)of->dag->parallelism) {
        return pn_arena_printf(of->arena, "%zu of %d tasks of this run are running", own,
                               (int)of->dag->parallelism);
    }
    const struct pn_pool *pool = pn_pipeline_pool(of->context->pipeline, task->pool);
    const char *reason = pool != NULL ? pool_reason(of, task, pool) : NULL;
    if (reason == NULL && of->holder_count >= (size_t)of->context->tasks_max) {
        reason = pn_arena_printf(of->arena, "%zu of %" PRId64 " tasks run (dag.tasks_max)",
                                 of->holder_count, of->context->tasks_max);
    }
    return reason != NULL ? reason : "";
}

static const char *retry_reason(const struct tasks *of, const struct pn_task_run *task)
{
    const struct pn_task *definition = of->dag != NULL ? pn_dag_task(of->dag, task->task) : NULL;
    int retries = definition != NULL ? (int)definition->retries : 0;
    int retry = (int)task->tries - ((int)task->max_tries - retries - 1);
    return task->next_ms > of->context->now_ms
               ? pn_arena_printf(of->arena, "retry %d of %d in %s", retry, retries,
                                 in_time(task->next_ms, of->context->now_ms, of->arena))
               : slot_reason(of, task);
}

/* Why the last attempt of a failed task failed. A task that was marked as failed has none. */
static const char *failure_reason(const struct tasks *of, const struct pn_task_run *task)
{
    const struct pn_attempt *last = NULL;
    for (size_t i = 0; i < of->attempt_count; i++) {
        last = strcmp(of->attempts[i].task, task->task) == 0 ? &of->attempts[i] : last;
    }
    if (last == NULL || strcmp(last->outcome, "success") == 0) {
        return "";
    }
    if (last->reason[0] != '\0' || last->exit_code == 0) {
        return last->reason;
    }
    return last->exit_code > 0
               ? pn_arena_printf(of->arena, "exit code %d: see its log", (int)last->exit_code)
               : pn_arena_printf(of->arena, "signal %d ended it: see its log",
                                 -(int)last->exit_code);
}

static const char *task_reason(const struct tasks *of, const struct pn_task_run *task)
{
    bool active = !pn_run_state_final(of->run->state);
    if (active && !of->context->scheduler_lives && !pn_task_state_final(task->state)) {
        return NO_SCHEDULER;
    }
    if (of->run->state == PN_RUN_QUEUED && task->state == PN_TASK_NONE) {
        return "its run is queued";
    }
    switch (task->state) {
    case PN_TASK_NONE:
        return upstream_reason(of, task);
    case PN_TASK_SCHEDULED:
    case PN_TASK_QUEUED:
        return slot_reason(of, task);
    case PN_TASK_UP_FOR_RETRY:
        return retry_reason(of, task);
    case PN_TASK_FAILED:
        return failure_reason(of, task);
    default:
        return "";
    }
}

int pn_dag_reason_tasks(struct pn_dag_db *db, const struct pn_reason_context *context,
                        const struct pn_run *run, const struct pn_task_run *tasks, size_t count,
                        struct pn_arena *arena, const char ***reasons, struct pn_err *e)
{
    struct pn_slot_holder *holders = NULL;
    struct pn_attempt *attempts = NULL;
    struct tasks of = {
        .context = context,
        .run = run,
        .dag = pn_pipeline_dag(context->pipeline, run->dag),
        .tasks = tasks,
        .count = count,
        .arena = arena,
    };
    *reasons = pn_arena_calloc(arena, count + 1, sizeof **reasons);
    int rc = pn_dag_db_holders(db, arena, &holders, &of.holder_count, e);
    if (rc == 0) {
        rc = pn_dag_db_attempts(db, run->id, NULL, arena, &attempts, &of.attempt_count, e);
    }
    of.holders = holders;
    of.attempts = attempts;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        (*reasons)[i] = task_reason(&of, &tasks[i]);
    }
    return rc;
}
