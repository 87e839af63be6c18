/* Which tasks start, which are lost, when a run is over: for every state a diamond can be in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dag/plan.h"
#include "dags.h"

static struct pn_dag_step plan(const enum pn_task_state states[TEST_DAG_TASKS], int64_t next_ms,
                               int64_t now_ms, struct pn_arena *arena)
{
    static struct test_dag made;
    test_dag_make(&made, 1, 1000);
    struct pn_task_run tasks[TEST_DAG_TASKS] = {{0}};
    for (size_t i = 0; i < TEST_DAG_TASKS; i++) {
        tasks[i] = (struct pn_task_run){
            .task = made.tasks[i].name, .state = states[i], .next_ms = next_ms};
    }
    struct pn_dag_step step;
    pn_dag_plan(&made.dag, tasks, now_ms, arena, &step);
    return step;
}

static bool starts(const struct pn_dag_step *step, size_t i)
{
    return step->moves[i] == PN_MOVE_START;
}

static bool fails(const struct pn_dag_step *step, size_t i)
{
    return step->moves[i] == PN_MOVE_UPSTREAM_FAILED;
}

static void test_the_first_task_starts_alone(void **state)
{
    (void)state;
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    const enum pn_task_state states[] = {PN_TASK_NONE, PN_TASK_NONE, PN_TASK_NONE, PN_TASK_NONE};
    struct pn_dag_step step = plan(states, 0, 0, &arena);
    assert_true(starts(&step, 0));
    assert_false(starts(&step, 1) || starts(&step, 2) || starts(&step, 3));
    assert_false(step.over);
    pn_arena_deinit(&arena);
}

static void test_both_branches_start_together(void **state)
{
    (void)state;
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    const enum pn_task_state states[] = {PN_TASK_SUCCESS, PN_TASK_NONE, PN_TASK_NONE, PN_TASK_NONE};
    struct pn_dag_step step = plan(states, 0, 0, &arena);
    assert_true(starts(&step, 1) && starts(&step, 2));
    assert_false(starts(&step, 0) || starts(&step, 3) || step.over);
    pn_arena_deinit(&arena);
}

static void test_the_join_waits_for_both(void **state)
{
    (void)state;
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    const enum pn_task_state half[] = {PN_TASK_SUCCESS, PN_TASK_SUCCESS, PN_TASK_RUNNING,
                                       PN_TASK_NONE};
    struct pn_dag_step step = plan(half, 0, 0, &arena);
    assert_false(starts(&step, 3));
    const enum pn_task_state whole[] = {PN_TASK_SUCCESS, PN_TASK_SUCCESS, PN_TASK_SUCCESS,
                                        PN_TASK_NONE};
    step = plan(whole, 0, 0, &arena);
    assert_true(starts(&step, 3));
    pn_arena_deinit(&arena);
}

static void test_a_failure_reaches_all_below_but_no_sibling(void **state)
{
    (void)state;
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    const enum pn_task_state states[] = {PN_TASK_SUCCESS, PN_TASK_FAILED, PN_TASK_NONE,
                                         PN_TASK_NONE};
    struct pn_dag_step step = plan(states, 0, 0, &arena);
    assert_true(starts(&step, 2));
    assert_true(fails(&step, 3));
    assert_false(step.over);
    const enum pn_task_state top[] = {PN_TASK_FAILED, PN_TASK_NONE, PN_TASK_NONE, PN_TASK_NONE};
    step = plan(top, 0, 0, &arena);
    assert_true(fails(&step, 1) && fails(&step, 2) && fails(&step, 3));
    assert_true(step.over);
    assert_int_equal(step.outcome, PN_RUN_FAILED);
    pn_arena_deinit(&arena);
}

static void test_a_retry_starts_when_it_is_due(void **state)
{
    (void)state;
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    const enum pn_task_state states[] = {PN_TASK_UP_FOR_RETRY, PN_TASK_NONE, PN_TASK_NONE,
                                         PN_TASK_NONE};
    struct pn_dag_step step = plan(states, 5000, 4999, &arena);
    assert_false(starts(&step, 0) || step.over);
    assert_int_equal(step.next_ms, 5000);
    step = plan(states, 5000, 5000, &arena);
    assert_true(starts(&step, 0));
    pn_arena_deinit(&arena);
}

static void test_all_done_is_success(void **state)
{
    (void)state;
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    const enum pn_task_state states[] = {PN_TASK_SUCCESS, PN_TASK_SUCCESS, PN_TASK_SUCCESS,
                                         PN_TASK_SUCCESS};
    struct pn_dag_step step = plan(states, 0, 0, &arena);
    assert_true(step.over);
    assert_int_equal(step.outcome, PN_RUN_SUCCESS);
    pn_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_task_starts_alone),
        cmocka_unit_test(test_both_branches_start_together),
        cmocka_unit_test(test_the_join_waits_for_both),
        cmocka_unit_test(test_a_failure_reaches_all_below_but_no_sibling),
        cmocka_unit_test(test_a_retry_starts_when_it_is_due),
        cmocka_unit_test(test_all_done_is_success),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
