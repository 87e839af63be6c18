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

/* What d, which comes after b and c, does next by a rule. */
static enum pn_dag_move move_of_d(enum pn_trigger_rule rule, enum pn_task_state b,
                                  enum pn_task_state c)
{
    static struct test_dag made;
    struct pn_arena arena;
    struct pn_dag_step step;
    pn_arena_init(&arena, 0);
    test_dag_make(&made, 0, 0);
    made.tasks[3].rule = rule;
    const struct pn_task_run tasks[TEST_DAG_TASKS] = {
        {.task = "a", .state = PN_TASK_SUCCESS},
        {.task = "b", .state = b},
        {.task = "c", .state = c},
        {.task = "d", .state = PN_TASK_NONE},
    };
    pn_dag_plan(&made.dag, tasks, 0, &arena, &step);
    enum pn_dag_move move = step.moves[3];
    pn_arena_deinit(&arena);
    return move;
}

/* Airflow's: a failure counts before a skip; and a skip is not waited with for what still runs. */
static void test_a_skipped_and_a_failed_task_before_one(void **state)
{
    (void)state;
    static const struct {
        enum pn_trigger_rule rule;
        enum pn_dag_move both; /* one failed, one was skipped */
        enum pn_dag_move skip; /* one was skipped, one runs */
        enum pn_dag_move fail; /* one failed, one runs */
    } rules[] = {
        {PN_RULE_ALL_SUCCESS, PN_MOVE_UPSTREAM_FAILED, PN_MOVE_SKIP, PN_MOVE_UPSTREAM_FAILED},
        {PN_RULE_ALL_FAILED, PN_MOVE_SKIP, PN_MOVE_SKIP, PN_MOVE_NONE},
        {PN_RULE_ALL_DONE, PN_MOVE_START, PN_MOVE_NONE, PN_MOVE_NONE},
        {PN_RULE_ALL_SKIPPED, PN_MOVE_SKIP, PN_MOVE_NONE, PN_MOVE_SKIP},
        {PN_RULE_ONE_SUCCESS, PN_MOVE_UPSTREAM_FAILED, PN_MOVE_NONE, PN_MOVE_NONE},
        {PN_RULE_ONE_FAILED, PN_MOVE_START, PN_MOVE_NONE, PN_MOVE_START},
        {PN_RULE_ONE_DONE, PN_MOVE_START, PN_MOVE_NONE, PN_MOVE_START},
        {PN_RULE_NONE_FAILED, PN_MOVE_UPSTREAM_FAILED, PN_MOVE_NONE, PN_MOVE_UPSTREAM_FAILED},
        {PN_RULE_NONE_FAILED_MIN_ONE_SUCCESS, PN_MOVE_UPSTREAM_FAILED, PN_MOVE_NONE,
         PN_MOVE_UPSTREAM_FAILED},
        {PN_RULE_NONE_SKIPPED, PN_MOVE_SKIP, PN_MOVE_SKIP, PN_MOVE_NONE},
        {PN_RULE_ALWAYS, PN_MOVE_START, PN_MOVE_START, PN_MOVE_START},
    };
    assert_int_equal(sizeof rules / sizeof *rules, PN_TRIGGER_RULES);
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        enum pn_trigger_rule rule = rules[i].rule;
        assert_int_equal(move_of_d(rule, PN_TASK_FAILED, PN_TASK_SKIPPED), rules[i].both);
        assert_int_equal(move_of_d(rule, PN_TASK_SKIPPED, PN_TASK_FAILED), rules[i].both);
        assert_int_equal(move_of_d(rule, PN_TASK_UPSTREAM_FAILED, PN_TASK_SKIPPED), rules[i].both);
        assert_int_equal(move_of_d(rule, PN_TASK_SKIPPED, PN_TASK_RUNNING), rules[i].skip);
        assert_int_equal(move_of_d(rule, PN_TASK_RUNNING, PN_TASK_FAILED), rules[i].fail);
    }
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

#define SU PN_TASK_SUCCESS
#define FA PN_TASK_FAILED
#define SK PN_TASK_SKIPPED
#define RU PN_TASK_RUNNING
#define NO PN_MOVE_NONE
#define GO PN_MOVE_START
#define UF PN_MOVE_UPSTREAM_FAILED
#define SP PN_MOVE_SKIP

/* Each rule, by what became of two tasks before: b and c, before d. */
static void test_rules_are_airflows(void **state)
{
    (void)state;
    static const enum pn_task_state before[][2] = {{SU, SU}, {FA, RU}, {FA, SU}, {FA, FA}, {SK, RU},
                                                   {SK, SU}, {SK, SK}, {SU, RU}, {SK, FA}};
    static const enum pn_dag_move expected[PN_TRIGGER_RULES][9] = {
        [PN_RULE_ALL_SUCCESS] = {GO, UF, UF, UF, SP, SP, SP, NO, UF},
        [PN_RULE_ALL_FAILED] = {SP, NO, SP, GO, SP, SP, SP, SP, SP},
        [PN_RULE_ALL_DONE] = {GO, NO, GO, GO, NO, GO, GO, NO, GO},
        [PN_RULE_ALL_SKIPPED] = {SP, SP, SP, SP, NO, SP, GO, SP, SP},
        [PN_RULE_ONE_SUCCESS] = {GO, NO, GO, UF, NO, GO, SP, GO, UF},
        [PN_RULE_ONE_FAILED] = {SP, GO, GO, GO, NO, SP, SP, NO, GO},
        [PN_RULE_ONE_DONE] = {GO, GO, GO, GO, NO, GO, SP, GO, GO},
        [PN_RULE_NONE_FAILED] = {GO, UF, UF, UF, NO, GO, GO, NO, UF},
        [PN_RULE_NONE_FAILED_MIN_ONE_SUCCESS] = {GO, UF, UF, UF, NO, GO, SP, NO, UF},
        [PN_RULE_NONE_SKIPPED] = {GO, NO, GO, GO, SP, SP, SP, NO, SP},
        [PN_RULE_ALWAYS] = {GO, GO, GO, GO, GO, GO, GO, GO, GO},
    };
    for (int rule = 0; rule < PN_TRIGGER_RULES; rule++) {
        for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
            struct pn_arena arena;
            struct test_dag made;
            struct pn_dag_step step;
            pn_arena_init(&arena, 0);
            test_dag_make(&made, 0, 0);
            made.tasks[3].rule = (enum pn_trigger_rule)rule;
            const struct pn_task_run tasks[TEST_DAG_TASKS] = {{.state = PN_TASK_SUCCESS},
                                                              {.state = before[i][0]},
                                                              {.state = before[i][1]},
                                                              {.state = PN_TASK_NONE}};
            pn_dag_plan(&made.dag, tasks, 0, &arena, &step);
            if (step.moves[3] != expected[rule][i]) {
                fail_msg("%s, case %zu: move %d", pn_trigger_rule_names[rule], i,
                         (int)step.moves[3]);
            }
            pn_arena_deinit(&arena);
        }
    }
}

static void test_a_task_that_may_fail_fails_no_run(void **state)
{
    (void)state;
    struct pn_arena arena;
    struct test_dag made;
    struct pn_dag_step step;
    pn_arena_init(&arena, 0);
    test_dag_make(&made, 0, 0);
    made.tasks[1].may_fail = true;
    made.tasks[3].rule = PN_RULE_ALL_DONE;
    const struct pn_task_run tasks[TEST_DAG_TASKS] = {{.state = PN_TASK_SUCCESS},
                                                      {.state = PN_TASK_FAILED},
                                                      {.state = PN_TASK_SUCCESS},
                                                      {.state = PN_TASK_SUCCESS}};
    pn_dag_plan(&made.dag, tasks, 0, &arena, &step);
    assert_true(step.over);
    assert_int_equal(step.outcome, PN_RUN_SUCCESS);
    made.tasks[1].may_fail = false;
    pn_dag_plan(&made.dag, tasks, 0, &arena, &step);
    assert_int_equal(step.outcome, PN_RUN_FAILED);
    pn_arena_deinit(&arena);
}

static void test_delays_grow_to_their_limit(void **state)
{
    (void)state;
    struct pn_task task = {.retry_delay_ms = 1000, .retry_backoff = 2, .retry_delay_max_ms = 5000};
    static const int64_t expected_ms[] = {1000, 2000, 4000, 5000, 5000};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(pn_dag_retry_delay_ms(&task, i + 1), expected_ms[i]);
    }
    assert_int_equal(pn_dag_retry_delay_ms(&task, 1000000000), 5000);
    task.retry_backoff = 1;
    assert_int_equal(pn_dag_retry_delay_ms(&task, 7), 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_skipped_and_a_failed_task_before_one),
        cmocka_unit_test(test_the_first_task_starts_alone),
        cmocka_unit_test(test_both_branches_start_together),
        cmocka_unit_test(test_the_join_waits_for_both),
        cmocka_unit_test(test_a_failure_reaches_all_below_but_no_sibling),
        cmocka_unit_test(test_a_retry_starts_when_it_is_due),
        cmocka_unit_test(test_all_done_is_success),
        cmocka_unit_test(test_rules_are_airflows),
        cmocka_unit_test(test_a_task_that_may_fail_fails_no_run),
        cmocka_unit_test(test_delays_grow_to_their_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
