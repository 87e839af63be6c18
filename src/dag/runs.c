/* Runs: which begin, what their tasks do next, which start in the slots there are, which end. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "dag/scheduler_internal.h"
#include "dag/versions.h"

/* A task that would start, if there is room. */
struct candidate {
    size_t run; /* in `active` */
    const struct pn_task *task;
    const struct pn_task_run *stored;
    size_t order; /* of the candidates, as they were found */
};

/* A run that is active in this step. */
struct active {
    const struct pn_run *run;
    const struct pn_dag *dag;
    const struct pn_definition *definition; /* the run's; NULL: it does not change */
    int64_t version;                        /* of the DAG, as it has it */
    size_t busy;                            /* tasks that run, or start in this step */
};

struct advance {
    struct pn_scheduler *scheduler;
    struct pn_arena *arena;
    int64_t now_ms;
    struct active *active;
    size_t active_count;
    struct candidate *candidates;
    size_t candidate_count;
    size_t candidate_capacity;
};

/* ---- beginnings and ends --------------------------------------------------------------------- */

static int end_run(struct advance *advance, const struct pn_run *run, const struct pn_dag *dag,
                   enum pn_run_state outcome, const char *reason, struct pn_err *e)
{
    struct pn_scheduler *scheduler = advance->scheduler;
    bool tell = outcome == PN_RUN_FAILED && dag != NULL &&
                (dag->on_failure_webhook != NULL || dag->on_failure_command != NULL) &&
                scheduler->config.notify_command != NULL;
    int rc = pn_dag_db_run_end(scheduler->db, run, outcome, reason, tell, advance->now_ms, e);
    if (rc == 0) {
        scheduler->run_ended = true;
        pn_metric_add(scheduler->runs_over, 1);
        pn_logger_info(scheduler->logger, "dag", "%s %s: %s%s%s", run->dag, run->run_id,
                       pn_run_state_name(outcome), reason[0] != '\0' ? ": " : "", reason);
    }
    return rc;
}

/* A queued run begins, with its DAG as that is now: also one that was cleared right after its end,
 * before a step without it. */
static int begin_run(struct advance *advance, const struct pn_run *run, const struct pn_dag *dag,
                     struct pn_err *e)
{
    struct pn_scheduler *scheduler = advance->scheduler;
    int rc = pn_dag_db_run_set(scheduler->db, run->id, PN_RUN_QUEUED, PN_RUN_RUNNING, "",
                               advance->now_ms, e);
    pn_pins_forget(scheduler, run->id);
    return rc == 0 && dag != NULL && scheduler->definition != NULL
               ? pn_dag_db_fit_tasks(scheduler->db, run->id, dag, advance->arena, e)
               : rc;
}

/* Queued runs of a DAG begin, oldest first, as far as its limit allows. */
static int admit_of(struct advance *advance, const char *name, struct pn_err *e)
{
    struct pn_scheduler *scheduler = advance->scheduler;
    const struct pn_dag *dag = pn_pipeline_dag(scheduler->pipeline, name);
    int64_t counts[PN_RUN_STATES];
    int rc = pn_dag_db_count_runs(scheduler->db, name, counts, e);
    int64_t room = dag != NULL ? dag->active_runs_max - counts[PN_RUN_RUNNING] : 1;
    bool found = true;
    while (rc == 0 && found && room-- > 0) {
        struct pn_run run = {0};
        int64_t next_ms = 0;
        rc = pn_dag_db_queued(scheduler->db, name, advance->now_ms, advance->arena, &run, &found,
                              &next_ms, e);
        if (rc == 0 && next_ms != 0) {
            pn_scheduler_wake_at(scheduler, next_ms);
        }
        if (rc == 0 && found) {
            rc = begin_run(advance, &run, dag, e);
        }
    }
    return rc;
}

static int admit(struct advance *advance, struct pn_err *e)
{
    const char **dags = NULL;
    size_t count = 0;
    int rc = pn_dag_db_dags_with(advance->scheduler->db, PN_RUN_QUEUED, advance->arena, &dags,
                                 &count, e);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = admit_of(advance, dags[i], e);
    }
    return rc;
}

/* Ends what runs of a run, and gives what has not begun a state; then the run is over. */
static int stop_run(struct advance *advance, const struct pn_run *run, const struct pn_dag *dag,
                    const struct pn_task_run *tasks, size_t count, enum pn_ended_by why,
                    struct pn_err *e)
{
    struct pn_scheduler *scheduler = advance->scheduler;
    bool cancel = why == PN_ENDED_BY_CANCEL;
    for (size_t i = 0; i < scheduler->running_count; i++) {
        if (scheduler->running[i].run == run->id) {
            pn_attempts_tell_to_end(scheduler, &scheduler->running[i], why);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (pn_task_state_final(tasks[i].state) || tasks[i].state == PN_TASK_RUNNING) {
            continue;
        }
        enum pn_task_state next = cancel                                   ? PN_TASK_CANCELLED
                                  : tasks[i].state == PN_TASK_UP_FOR_RETRY ? PN_TASK_FAILED
                                                                           : PN_TASK_SKIPPED;
        int rc = pn_dag_db_task_set(scheduler->db, run->id, tasks[i].task, tasks[i].state, next,
                                    advance->now_ms, 0, e);
        if (rc != 0) {
            return rc;
        }
    }
    if (pn_attempts_of(scheduler, run->id) > 0) {
        return 0;
    }
    char limit[PN_UNITS_SIZE];
    return cancel ? end_run(advance, run, dag, PN_RUN_CANCELLED, "", e)
                  : end_run(advance, run, dag, PN_RUN_FAILED,
                            pn_arena_printf(advance->arena,
                                            "it took longer than its run_timeout of"
                                            " %s",
                                            pn_format_duration(dag->run_timeout_ms, limit)),
                            e);
}

/* ---- what tasks do next ---------------------------------------------------------------------- */

/* A run's tasks in the DAG's order; NULL when a task of the DAG isn't the run's. Tasks that the DAG
 * has no longer are left out. */
static const struct pn_task_run *match_tasks(const struct pn_dag *dag,
                                             const struct pn_task_run *stored, size_t count,
                                             struct pn_arena *arena)
{
    bool same = count == dag->task_count;
    for (size_t i = 0; same && i < count; i++) {
        same = strcmp(stored[i].task, dag->tasks[i].name) == 0;
    }
    if (same) {
        return stored;
    }
    struct pn_task_run *ordered = pn_arena_calloc(arena, dag->task_count + 1, sizeof *ordered);
    for (size_t i = 0; i < dag->task_count; i++) {
        size_t j = 0;
        while (j < count && strcmp(stored[j].task, dag->tasks[i].name) != 0) {
            j++;
        }
        if (j == count) {
            return NULL;
        }
        ordered[i] = stored[j];
    }
    return ordered;
}

static void add_candidate(struct advance *advance, size_t run, const struct pn_task *task,
                          const struct pn_task_run *stored)
{
    if (advance->candidate_count == advance->candidate_capacity) {
        size_t capacity = advance->candidate_capacity == 0 ? 64 : 2 * advance->candidate_capacity;
        struct candidate *grown = pn_arena_calloc(advance->arena, capacity, sizeof *grown);
        if (advance->candidate_count > 0) {
            memcpy(grown, advance->candidates, advance->candidate_count * sizeof *grown);
        }
        advance->candidates = grown;
        advance->candidate_capacity = capacity;
    }
    advance->candidates[advance->candidate_count] = (struct candidate){
        .run = run, .task = task, .stored = stored, .order = advance->candidate_count};
    advance->candidate_count++;
}

static int apply_plan(struct advance *advance, size_t at, const struct pn_task_run *tasks,
                      struct pn_err *e)
{
    struct active *active = &advance->active[at];
    const struct pn_dag *dag = active->dag;
    struct pn_dag_step step;
    pn_dag_plan(dag, tasks, advance->now_ms, advance->arena, &step);
    if (step.next_ms != 0) {
        pn_scheduler_wake_at(advance->scheduler, step.next_ms);
    }
    for (size_t i = 0; i < dag->task_count; i++) {
        int rc = 0;
        if (step.moves[i] == PN_MOVE_START) {
            add_candidate(advance, at, &dag->tasks[i], &tasks[i]);
        } else if (step.moves[i] != PN_MOVE_NONE) {
            rc = pn_dag_db_task_set(
                advance->scheduler->db, active->run->id, tasks[i].task, tasks[i].state,
                step.moves[i] == PN_MOVE_SKIP ? PN_TASK_SKIPPED : PN_TASK_UPSTREAM_FAILED,
                advance->now_ms, 0, e);
        }
        if (rc != 0) {
            return rc;
        }
    }
    return step.over ? end_run(advance, active->run, dag, step.outcome, "", e) : 0;
}

static int advance_run(struct advance *advance, size_t at, struct pn_err *e)
{
    const struct pn_run *run = advance->active[at].run;
    const struct pn_dag *dag = advance->active[at].dag;
    struct pn_task_run *stored = NULL;
    size_t count = 0;
    int rc = pn_dag_db_tasks(advance->scheduler->db, run->id, advance->arena, &stored, &count, e);
    if (rc != 0) {
        return rc;
    }
    if (run->cancel_asked) {
        return stop_run(advance, run, dag, stored, count, PN_ENDED_BY_CANCEL, e);
    }
    if (dag == NULL) {
        return end_run(advance, run, dag, PN_RUN_FAILED, "the pipeline has no such DAG any more",
                       e);
    }
    if (dag->run_timeout_ms > 0) {
        int64_t deadline_ms = run->started_ms + dag->run_timeout_ms;
        if (advance->now_ms >= deadline_ms) {
            return stop_run(advance, run, dag, stored, count, PN_ENDED_BY_RUN_TIMEOUT, e);
        }
        pn_scheduler_wake_at(advance->scheduler, deadline_ms);
    }
    const struct pn_task_run *ordered = match_tasks(dag, stored, count, advance->arena);
    if (ordered == NULL) {
        return end_run(advance, run, dag, PN_RUN_FAILED,
                       "the DAG has gained tasks since this run began: trigger another one", e);
    }
    return apply_plan(advance, at, ordered, e);
}

/* ---- slots ----------------------------------------------------------------------------------- */

/* The highest priority first, then the older run, then the DAG's order. */
static int by_priority(const void *a, const void *b)
{
    const struct candidate *left = a;
    const struct candidate *right = b;
    if (left->stored->priority != right->stored->priority) {
        return left->stored->priority > right->stored->priority ? -1 : 1;
    }
    return left->order < right->order ? -1 : 1;
}

/* How many slots of a pool are taken by tasks that run. */
static int64_t pool_busy(const struct pn_scheduler *scheduler, const char *pool)
{
    int64_t busy = 0;
    for (size_t i = 0; i < scheduler->running_count; i++) {
        const struct pn_running *running = &scheduler->running[i];
        if (!running->is_over && strcmp(running->task->pool, pool) == 0) {
            busy += running->task->pool_slots;
        }
    }
    return busy;
}

/* What a task waits for, when there is no room: SCHEDULED for a slot of its run or pool, QUEUED for
 * one of the machine; RUNNING when it may start. */
static enum pn_task_state find_room(const struct advance *advance, const struct candidate *wants,
                                    int64_t *pools_busy, size_t busy)
{
    const struct pn_scheduler *scheduler = advance->scheduler;
    const struct active *active = &advance->active[wants->run];
    const struct pn_pool *pool = pn_pipeline_pool(scheduler->pipeline, wants->task->pool);
    if (active->busy >= (size_t)active->dag->parallelism) {
        return PN_TASK_SCHEDULED;
    }
    int64_t *pool_slots = pool != NULL ? &pools_busy[pool - scheduler->pipeline->pools] : NULL;
    if (pool_slots != NULL && *pool_slots + wants->task->pool_slots > pool->slots) {
        return PN_TASK_SCHEDULED;
    }
    if (busy >= (size_t)scheduler->config.tasks_max) {
        return PN_TASK_QUEUED;
    }
    if (pool_slots != NULL) {
        *pool_slots += wants->task->pool_slots;
    }
    return PN_TASK_RUNNING;
}

static int choose(struct advance *advance, struct pn_start **starts, size_t *count,
                  struct pn_err *e)
{
    struct pn_scheduler *scheduler = advance->scheduler;
    const struct pn_pipeline *pipeline = scheduler->pipeline;
    int64_t *pools_busy =
        pn_arena_calloc(advance->arena, pipeline->pool_count + 1, sizeof *pools_busy);
    for (size_t i = 0; i < pipeline->pool_count; i++) {
        pools_busy[i] = pool_busy(scheduler, pipeline->pools[i].name);
    }
    size_t busy = 0;
    for (size_t i = 0; i < scheduler->running_count; i++) {
        busy += scheduler->running[i].is_over ? 0 : 1;
    }
    *starts = pn_arena_calloc(advance->arena, PN_DAG_TASKS_MAX, sizeof **starts);
    if (advance->candidate_count > 0) {
        qsort(advance->candidates, advance->candidate_count, sizeof *advance->candidates,
              by_priority);
    }
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < advance->candidate_count; i++) {
        const struct candidate *wants = &advance->candidates[i];
        struct active *active = &advance->active[wants->run];
        enum pn_task_state next = find_room(advance, wants, pools_busy, busy);
        if (next == PN_TASK_RUNNING) {
            struct pn_start *start = &(*starts)[(*count)++];
            *start = (struct pn_start){.run = active->run,
                                       .task = wants->task,
                                       .definition = active->definition,
                                       .stored = wants->stored};
            rc = pn_dag_db_attempt_begin(scheduler->db, active->run->id, wants->task->name,
                                         wants->stored->state, active->version, advance->now_ms,
                                         &start->number, e);
            active->busy++;
            busy++;
        } else if (next != wants->stored->state && wants->stored->state != PN_TASK_UP_FOR_RETRY) {
            rc = pn_dag_db_task_set(scheduler->db, active->run->id, wants->task->name,
                                    wants->stored->state, next, advance->now_ms, 0, e);
        }
    }
    return rc;
}

/* ---- a step ---------------------------------------------------------------------------------- */

/* The version of the DAG that a run has: recorded with the run where its definition is new to this
 * scheduler. */
static int read_version(struct advance *advance, const struct pn_run *run, const struct pn_dag *dag,
                        struct pn_pin *pin, int64_t *number, struct pn_err *e)
{
    struct pn_scheduler *scheduler = advance->scheduler;
    struct pn_dag_version version;
    *number = run->version;
    if (dag == NULL || (pin != NULL && pin->is_recorded)) {
        return 0;
    }
    int rc = pn_dag_version_now(scheduler->db, dag, advance->now_ms, &version, e);
    if (rc == 0 && version.number != run->version) {
        rc = pn_dag_db_run_version(scheduler->db, run->id, version.number, e);
    }
    if (rc == 0) {
        *number = version.number;
    }
    if (rc == 0 && pin != NULL) {
        pin->is_recorded = true;
    }
    return rc;
}

static int add_active(struct advance *advance, size_t at, const struct pn_run *run,
                      struct pn_err *e)
{
    struct pn_scheduler *scheduler = advance->scheduler;
    struct pn_pin *pin = pn_pins_of(scheduler, run->id);
    const struct pn_definition *definition = pin != NULL ? pin->definition : NULL;
    struct active *active = &advance->active[at];
    *active = (struct active){
        .run = run,
        .dag = pn_pipeline_dag(definition != NULL ? definition->pipeline : scheduler->pipeline,
                               run->dag),
        .definition = definition,
        .busy = pn_attempts_of(scheduler, run->id),
    };
    return read_version(advance, run, active->dag, pin, &active->version, e);
}

int pn_runs_advance(struct pn_scheduler *scheduler, struct pn_arena *arena,
                    struct pn_start **starts, size_t *count, struct pn_err *e)
{
    struct advance advance = {
        .scheduler = scheduler, .arena = arena, .now_ms = pn_wall_ms(scheduler->clock)};
    const struct pn_run_filter filter = {.state = PN_RUN_RUNNING + 1, .limit = -1};
    struct pn_run *runs = NULL;
    *count = 0;
    int rc = admit(&advance, e);
    if (rc == 0) {
        rc = pn_dag_db_runs(scheduler->db, &filter, arena, &runs, &advance.active_count, e);
    }
    if (rc != 0) {
        return rc;
    }
    advance.active = pn_arena_calloc(arena, advance.active_count + 1, sizeof *advance.active);
    for (size_t i = 0; rc == 0 && i < advance.active_count; i++) {
        rc = add_active(&advance, i, &runs[advance.active_count - 1 - i], e); /* oldest first */
    }
    if (rc == 0) {
        pn_pins_sweep(scheduler);
    }
    for (size_t i = 0; rc == 0 && i < advance.active_count; i++) {
        rc = advance_run(&advance, i, e);
    }
    return rc == 0 ? choose(&advance, starts, count, e) : rc;
}
