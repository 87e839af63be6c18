/* DAGs for tests, made by hand: a diamond a -> (b, c) -> d, as a pipeline that holds only it. */
#ifndef TEST_DAG_DAGS_H
#define TEST_DAG_DAGS_H

#include "pipeline/pipeline.h"

enum { TEST_DAG_TASKS = 4 };

struct test_dag {
    struct pn_task tasks[TEST_DAG_TASKS];
    const struct pn_task *after_a[1];
    const struct pn_task *after_bc[2];
    struct pn_dag dag;
    struct pn_pipeline pipeline;
};

/* Fills *made; it must stay where it is. */
static inline void test_dag_make(struct test_dag *made, int32_t retries, int64_t retry_delay_ms)
{
    static const char *const names[TEST_DAG_TASKS] = {"a", "b", "c", "d"};
    *made = (struct test_dag){0};
    made->after_a[0] = &made->tasks[0];
    made->after_bc[0] = &made->tasks[1];
    made->after_bc[1] = &made->tasks[2];
    for (size_t i = 0; i < TEST_DAG_TASKS; i++) {
        made->tasks[i] = (struct pn_task){.name = names[i],
                                          .kind = PN_TASK_CHECK_STORE,
                                          .retries = retries,
                                          .pool = PN_POOL_DEFAULT,
                                          .pool_slots = 1,
                                          .retry_delay_ms = retry_delay_ms};
    }
    made->tasks[1].after = made->tasks[2].after = made->after_a;
    made->tasks[1].after_count = made->tasks[2].after_count = 1;
    made->tasks[3].after = made->after_bc;
    made->tasks[3].after_count = 2;
    made->dag = (struct pn_dag){.name = "diamond",
                                .description = "",
                                .tasks = made->tasks,
                                .task_count = TEST_DAG_TASKS,
                                .parallelism = 4,
                                .active_runs_max = 1,
                                .schedule = {.start_ms = INT64_MIN, .end_ms = INT64_MAX}};
    made->pipeline = (struct pn_pipeline){.name = "test", .dags = &made->dag, .dag_count = 1};
}

#endif
