#include "dag/plan.h"

/* What became of the tasks that one comes after. */
struct upstream {
    size_t count;
    size_t done;
    size_t success;
    size_t failed; /* or upstream_failed, or cancelled */
    size_t skipped;
};

static void count_state(struct upstream *upstream, enum pn_task_state state)
{
    upstream->count++;
    upstream->done += pn_task_state_final(state) ? 1 : 0;
    switch (state) {
    case PN_TASK_SUCCESS:
        upstream->success++;
        break;
    case PN_TASK_SKIPPED:
        upstream->skipped++;
        break;
    case PN_TASK_FAILED:
    case PN_TASK_UPSTREAM_FAILED:
    case PN_TASK_CANCELLED:
        upstream->failed++;
        break;
    case PN_TASK_NONE:
    case PN_TASK_SCHEDULED:
    case PN_TASK_QUEUED:
    case PN_TASK_RUNNING:
    case PN_TASK_UP_FOR_RETRY:
        break;
    }
}

/* The rules that ask something of all tasks before: the first that breaks the rule decides. */
static enum pn_dag_move by_all(enum pn_trigger_rule rule, const struct upstream *up)
{
    bool all_done = up->done == up->count;
    switch (rule) {
    case PN_RULE_ALL_SUCCESS:
        if (up->failed > 0) {
            return PN_MOVE_UPSTREAM_FAILED;
        }
        return up->skipped > 0 ? PN_MOVE_SKIP : all_done ? PN_MOVE_START : PN_MOVE_NONE;
    case PN_RULE_ALL_FAILED:
        return up->success + up->skipped > 0 ? PN_MOVE_SKIP
               : all_done                    ? PN_MOVE_START
                                             : PN_MOVE_NONE;
    case PN_RULE_ALL_SKIPPED:
        return up->success + up->failed > 0 ? PN_MOVE_SKIP
               : all_done                   ? PN_MOVE_START
                                            : PN_MOVE_NONE;
    case PN_RULE_NONE_SKIPPED:
        return up->skipped > 0 ? PN_MOVE_SKIP : all_done ? PN_MOVE_START : PN_MOVE_NONE;
    case PN_RULE_NONE_FAILED:
    case PN_RULE_NONE_FAILED_MIN_ONE_SUCCESS:
        if (up->failed > 0) {
            return PN_MOVE_UPSTREAM_FAILED;
        }
        if (rule == PN_RULE_NONE_FAILED_MIN_ONE_SUCCESS && all_done && up->success == 0) {
            return PN_MOVE_SKIP;
        }
        return all_done ? PN_MOVE_START : PN_MOVE_NONE;
    default:
        return all_done ? PN_MOVE_START : PN_MOVE_NONE; /* ALL_DONE */
    }
}

/* The meaning of each rule is Airflow's; a task that comes after nothing just starts. */
static enum pn_dag_move by_rule(enum pn_trigger_rule rule, const struct upstream *up)
{
    bool all_done = up->done == up->count;
    if (up->count == 0) {
        return PN_MOVE_START;
    }
    switch (rule) {
    case PN_RULE_ALWAYS:
        return PN_MOVE_START;
    case PN_RULE_ONE_SUCCESS:
        if (up->success > 0) {
            return PN_MOVE_START;
        }
        return !all_done ? PN_MOVE_NONE : up->failed > 0 ? PN_MOVE_UPSTREAM_FAILED : PN_MOVE_SKIP;
    case PN_RULE_ONE_FAILED:
        return up->failed > 0 ? PN_MOVE_START : all_done ? PN_MOVE_SKIP : PN_MOVE_NONE;
    case PN_RULE_ONE_DONE:
        return up->success + up->failed > 0 ? PN_MOVE_START
               : all_done                   ? PN_MOVE_SKIP
                                            : PN_MOVE_NONE;
    default:
        return by_all(rule, up);
    }
}

/* The DAG's order puts each task after all it comes after: one pass, in which a move counts as made
 * for the tasks that follow. */
void pn_dag_plan(const struct pn_dag *dag, const struct pn_task_run *tasks, int64_t now_ms,
                 struct pn_arena *arena, struct pn_dag_step *step)
{
    size_t count = dag->task_count;
    *step = (struct pn_dag_step){
        .moves = pn_arena_calloc(arena, count + 1, sizeof *step->moves),
        .over = true,
        .outcome = PN_RUN_SUCCESS,
    };
    enum pn_task_state *states = pn_arena_calloc(arena, count + 1, sizeof *states);
    for (size_t i = 0; i < count; i++) {
        const struct pn_task *task = &dag->tasks[i];
        states[i] = tasks[i].state;
        if (states[i] == PN_TASK_NONE) {
            struct upstream upstream = {0};
            for (size_t j = 0; j < task->after_count; j++) {
                size_t before = (size_t)(task->after[j] - dag->tasks);
                PN_ASSERT(before < i);
                count_state(&upstream, states[before]);
            }
            step->moves[i] = by_rule(task->rule, &upstream);
            if (step->moves[i] == PN_MOVE_UPSTREAM_FAILED) {
                states[i] = PN_TASK_UPSTREAM_FAILED;
            } else if (step->moves[i] == PN_MOVE_SKIP) {
                states[i] = PN_TASK_SKIPPED;
            }
        } else if (states[i] == PN_TASK_SCHEDULED || states[i] == PN_TASK_QUEUED ||
                   (states[i] == PN_TASK_UP_FOR_RETRY && tasks[i].next_ms <= now_ms)) {
            step->moves[i] = PN_MOVE_START;
        } else if (states[i] == PN_TASK_UP_FOR_RETRY &&
                   (step->next_ms == 0 || tasks[i].next_ms < step->next_ms)) {
            step->next_ms = tasks[i].next_ms;
        }
        step->over = step->over && pn_task_state_final(states[i]);
        bool failed = states[i] == PN_TASK_FAILED || states[i] == PN_TASK_UPSTREAM_FAILED ||
                      states[i] == PN_TASK_CANCELLED;
        if (failed && !task->may_fail) {
            step->outcome = PN_RUN_FAILED;
        }
    }
}

int64_t pn_dag_retry_delay_ms(const struct pn_task *task, int32_t failures)
{
    double delay_ms = (double)task->retry_delay_ms;
    double max_ms =
        (double)(task->retry_delay_max_ms > task->retry_delay_ms ? task->retry_delay_max_ms
                                                                 : task->retry_delay_ms);
    for (int32_t i = 1; i < failures && task->retry_backoff > 1 && delay_ms < max_ms; i++) {
        delay_ms *= task->retry_backoff;
    }
    return (int64_t)(delay_ms < max_ms ? delay_ms : max_ms);
}
