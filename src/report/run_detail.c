#include "report/run_detail.h"

#include <stdlib.h>
#include <string.h>

const struct pn_task_run *pn_task_run_find(const struct pn_task_run *tasks, size_t count,
                                           const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(tasks[i].task, name) == 0) {
            return &tasks[i];
        }
    }
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* What the last successes before the run took, in the middle. */
static int read_median(struct pn_dag_db *db, const struct pn_run *run, struct pn_arena *arena,
                       struct pn_run_detail *detail, struct pn_err *e)
{
    const struct pn_run_filter filter = {.dag = run->dag,
                                         .state = PN_RUN_SUCCESS + 1,
                                         .before_id = run->id,
                                         .limit = PN_RUN_MEDIAN_OF};
    struct pn_run *runs = NULL;
    size_t count = 0;
    int64_t took_ms[PN_RUN_MEDIAN_OF];
    int rc = pn_dag_db_runs(db, &filter, arena, &runs, &count, e);
    detail->median_ms = PN_TIME_NONE;
    detail->has_before = rc == 0 && count > 0;
    if (!detail->has_before) {
        return rc;
    }
    for (size_t i = 0; i < count; i++) {
        took_ms[i] = runs[i].ended_ms - runs[i].started_ms;
    }
    qsort(took_ms, count, sizeof *took_ms, by_value);
    detail->median_ms = took_ms[count / 2];
    detail->before = runs[0];
    return pn_dag_db_tasks(db, detail->before.id, arena, &detail->before_tasks,
                           &detail->before_task_count, e);
}

int pn_run_detail_read(struct pn_dag_db *db, const struct pn_reason_context *context,
                       const struct pn_run *run, struct pn_arena *arena,
                       struct pn_run_detail *detail, struct pn_err *e)
{
    *detail = (struct pn_run_detail){.run = *run};
    int rc = pn_dag_reason_run(db, context, run, arena, &detail->reason, e);
    if (rc == 0) {
        rc = pn_dag_db_tasks(db, run->id, arena, &detail->tasks, &detail->task_count, e);
    }
    if (rc == 0) {
        rc = pn_dag_reason_tasks(db, context, run, detail->tasks, detail->task_count, arena,
                                 &detail->reasons, e);
    }
    if (rc == 0) {
        rc = pn_dag_db_attempts(db, run->id, NULL, arena, &detail->attempts, &detail->attempt_count,
                                e);
    }
    if (rc == 0) {
        rc = pn_dag_db_io_beside(db, run, arena, &detail->io, &detail->io_count, e);
    }
    return rc == 0 ? read_median(db, run, arena, detail, e) : rc;
}
