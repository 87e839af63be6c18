#include "dag/plan.h"

/* The states are in the DAG's order, which puts each task behind all it waits for: one pass. */
void pn_dag_plan(const struct pn_dag *dag, const struct pn_task_run *tasks, int64_t now_ms,
                 struct pn_arena *arena, struct pn_dag_step *step)
{
    size_t count = dag->task_count;
    *step = (struct pn_dag_step){
        .start = pn_arena_calloc(arena, count + 1, sizeof *step->start),
        .upstream_failed = pn_arena_calloc(arena, count + 1, sizeof *step->upstream_failed),
        .over = true,
        .outcome = PN_RUN_SUCCESS,
    };
    bool *lost = pn_arena_calloc(arena, count + 1, sizeof *lost);
    for (size_t i = 0; i < count; i++) {
        const struct pn_task *task = &dag->tasks[i];
        bool ready = true;
        for (size_t j = 0; j < task->after_count; j++) {
            size_t upstream = (size_t)(task->after[j] - dag->tasks);
            PN_ASSERT(upstream < i);
            ready = ready && tasks[upstream].state == PN_TASK_SUCCESS;
            lost[i] = lost[i] || lost[upstream];
        }
        switch (tasks[i].state) {
        case PN_TASK_NONE:
        case PN_TASK_SCHEDULED:
        case PN_TASK_QUEUED:
            step->upstream_failed[i] = lost[i];
            step->start[i] = ready && !lost[i];
            step->over = step->over && lost[i];
            break;
        case PN_TASK_UP_FOR_RETRY:
            step->over = false;
            step->start[i] = tasks[i].next_ms <= now_ms;
            if (!step->start[i] && (step->next_ms == 0 || tasks[i].next_ms < step->next_ms)) {
                step->next_ms = tasks[i].next_ms;
            }
            break;
        case PN_TASK_RUNNING:
            step->over = false;
            break;
        case PN_TASK_FAILED:
        case PN_TASK_UPSTREAM_FAILED:
        case PN_TASK_CANCELLED:
            lost[i] = true;
            break;
        case PN_TASK_SUCCESS:
        case PN_TASK_SKIPPED:
            break;
        }
        if (lost[i]) {
            step->outcome = PN_RUN_FAILED;
        }
    }
}
