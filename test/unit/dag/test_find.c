/* Finding runs, tasks and acts by their facts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "dag/dag.h"
#include "dag/find.h"
#include "dags.h"

enum { RUNS = 6, HOUR_MS = 3600 * 1000 };

struct world {
    struct test_dag made;
    struct pn_arena arena;
    struct pn_dag_db *db;
    struct pn_run runs[RUNS];
};

static void ok(int rc, const struct pn_err *failure)
{
    assert_string_equal(failure->msg, "");
    assert_int_equal(rc, 0);
}

/* "r0" to "r5", an hour apart; the even ones were a success after 100, 102, 104 ms, r1 runs, r3 is
 * cancelled before it began, r5 waits. */
static int setup(void **state)
{
    struct world *world = pn_xcalloc(1, sizeof *world);
    struct pn_err e = {0};
    test_dag_make(&world->made, 2, 20);
    pn_arena_init(&world->arena, 0);
    ok(pn_dag_db_open(":memory:", &world->db, &e), &e);
    for (int i = 0; i < RUNS; i++) {
        struct pn_trigger how = pn_trigger_of(i == 5 ? "schedule" : "cli");
        struct pn_run *run = &world->runs[i];
        how.run_id = pn_arena_printf(&world->arena, "r%d", i);
        how.logical_ms = i < 4 ? (int64_t)i * HOUR_MS : PN_TIME_NONE;
        how.conf = pn_arena_printf(&world->arena, "{\"n\":%d}", i);
        ok(pn_dag_db_trigger(world->db, &world->made.dag, &how, 1000 + i, &world->arena, run, &e),
           &e);
        if (i == 3) {
            ok(pn_dag_db_cancel(world->db, run, "ui", 5000, &e), &e);
        } else if (i < 5) {
            ok(pn_dag_db_run_set(world->db, run->id, PN_RUN_QUEUED, PN_RUN_RUNNING, "", 5000, &e),
               &e);
        }
        if (i % 2 == 0) {
            ok(pn_dag_db_run_end(world->db, run, PN_RUN_SUCCESS, "", false, 5100 + i, &e), &e);
        }
    }
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    pn_dag_db_close(&world->db);
    pn_arena_deinit(&world->arena);
    free(world);
    return 0;
}

/* The names of the runs that are found, one after the other. */
static const char *names(struct world *world, const struct pn_find *find, int64_t total)
{
    struct pn_run *runs = NULL;
    size_t count = 0;
    int64_t counted = 0;
    const char *found = "";
    struct pn_err e = {0};
    ok(pn_dag_db_find_runs(world->db, find, &world->arena, &runs, &count, &counted, &e), &e);
    assert_int_equal(counted, total);
    for (size_t i = 0; i < count; i++) {
        found = pn_arena_printf(&world->arena, "%s%s%s", found, i > 0 ? " " : "", runs[i].run_id);
    }
    return found;
}

static const char *by_texts(struct world *world, enum pn_find_column column, enum pn_find_op op,
                            const char *first, const char *second, int64_t total)
{
    const char *const texts[] = {first, second};
    const struct pn_find_term term = {
        .column = column, .op = op, .texts = texts, .text_count = second != NULL ? 2 : 1};
    const struct pn_find find = {.terms = &term, .term_count = 1, .limit = -1};
    return names(world, &find, total);
}

static const char *by_number(struct world *world, enum pn_find_column column, enum pn_find_op op,
                             int64_t number, int64_t total)
{
    const struct pn_find_term term = {.column = column, .op = op, .number = number};
    const struct pn_find find = {.terms = &term, .term_count = 1, .limit = -1};
    return names(world, &find, total);
}

static void test_pages_and_orders(void **state)
{
    struct world *world = *state;
    struct pn_find_order orders[] = {{PN_FIND_RUN_STATE, false}, {PN_FIND_RUN, true}};
    struct pn_find find = {.limit = -1};
    assert_string_equal(names(world, &find, 6), "r0 r1 r2 r3 r4 r5");
    find.limit = 2;
    find.offset = 3;
    assert_string_equal(names(world, &find, 6), "r3 r4");
    find.offset = 9;
    assert_string_equal(names(world, &find, 6), "");
    find = (struct pn_find){.orders = orders, .order_count = 2, .limit = -1};
    assert_string_equal(names(world, &find, 6), "r3 r5 r1 r4 r2 r0");
    orders[0] = (struct pn_find_order){PN_FIND_RUN_LASTED, true};
    find.order_count = 1;
    find.limit = 3;
    assert_string_equal(names(world, &find, 6), "r4 r2 r0");
}

static void test_texts(void **state)
{
    struct world *world = *state;
    assert_string_equal(by_texts(world, PN_FIND_RUN_ID, PN_FIND_IS, "r1", "r4", 2), "r1 r4");
    assert_string_equal(by_texts(world, PN_FIND_RUN_STATE, PN_FIND_IS_NOT, "success", "queued", 2),
                        "r1 r3");
    assert_string_equal(by_texts(world, PN_FIND_CONF, PN_FIND_LIKE, "N\":2", NULL, 1), "r2");
    assert_string_equal(by_texts(world, PN_FIND_CONF, PN_FIND_LIKE, "n%5", "\"_\":4", 2), "r4 r5");
    assert_string_equal(by_texts(world, PN_FIND_RUN_ID, PN_FIND_BEGINS, "r", NULL, 6),
                        "r0 r1 r2 r3 r4 r5");
    assert_string_equal(by_texts(world, PN_FIND_RUN_ID, PN_FIND_BEGINS, "R", "r%", 0), "");
    assert_string_equal(by_texts(world, PN_FIND_TRIGGERED_BY, PN_FIND_IS, "schedule", NULL, 1),
                        "r5");
    assert_string_equal(by_texts(world, PN_FIND_RUN_ID, PN_FIND_IS, "' OR 1=1 --", NULL, 0), "");
    /* One of no texts is nothing, none of no texts everything. */
    struct pn_find_term term = {.column = PN_FIND_DAG, .op = PN_FIND_IS};
    const struct pn_find find = {.terms = &term, .term_count = 1, .limit = -1};
    assert_string_equal(names(world, &find, 0), "");
    term.op = PN_FIND_IS_NOT;
    assert_string_equal(names(world, &find, 6), "r0 r1 r2 r3 r4 r5");
}

/* What has not come is not before or after anything. */
static void test_numbers(void **state)
{
    struct world *world = *state;
    assert_string_equal(by_number(world, PN_FIND_LOGICAL, PN_FIND_GE, HOUR_MS, 3), "r1 r2 r3");
    assert_string_equal(by_number(world, PN_FIND_LOGICAL, PN_FIND_LT, HOUR_MS, 1), "r0");
    assert_string_equal(by_number(world, PN_FIND_RUN_STARTED, PN_FIND_LE, 9000, 4), "r0 r1 r2 r4");
    assert_string_equal(by_number(world, PN_FIND_RUN_ENDED, PN_FIND_GT, 5100, 2), "r2 r4");
    assert_string_equal(by_number(world, PN_FIND_RUN_LASTED, PN_FIND_EQ, 102, 1), "r2");
}

static void test_too_many_texts(void **state)
{
    struct world *world = *state;
    static const char *texts[PN_FIND_TEXTS_MAX + 1];
    struct pn_find_term term = {.column = PN_FIND_DAG, .op = PN_FIND_IS, .texts = texts};
    const struct pn_find find = {.terms = &term, .term_count = 1, .limit = -1};
    struct pn_run *runs = NULL;
    size_t count = 0;
    int64_t total = 0;
    struct pn_err e = {0};
    for (size_t i = 0; i <= PN_FIND_TEXTS_MAX; i++) {
        texts[i] = "diamond";
    }
    term.text_count = PN_FIND_TEXTS_MAX;
    assert_string_equal(names(world, &find, 6), "r0 r1 r2 r3 r4 r5");
    term.text_count++;
    assert_int_not_equal(
        pn_dag_db_find_runs(world->db, &find, &world->arena, &runs, &count, &total, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
}

static const struct pn_found_task *find_task(struct world *world, const char *run, const char *task)
{
    const char *const texts[] = {run, task};
    const struct pn_find_term terms[] = {
        {.column = PN_FIND_RUN_ID, .op = PN_FIND_IS, .texts = texts, .text_count = 1},
        {.column = PN_FIND_TASK, .op = PN_FIND_IS, .texts = texts + 1, .text_count = 1}};
    const struct pn_find find = {.terms = terms, .term_count = 2, .limit = -1};
    struct pn_found_task *tasks = NULL;
    size_t count = 0;
    int64_t total = 0;
    struct pn_err e = {0};
    ok(pn_dag_db_find_tasks(world->db, &find, &world->arena, &tasks, &count, &total, &e), &e);
    assert_int_equal(count, 1);
    return &tasks[0];
}

static void attempt(struct world *world, const struct pn_run *run, enum pn_task_state next,
                    int64_t at_ms)
{
    const struct pn_attempt_end end = {
        .outcome = next == PN_TASK_CANCELLED ? "cancelled" : "failed", .next = next};
    int32_t number = 0;
    struct pn_err e = {0};
    const struct pn_found_task *found = find_task(world, run->run_id, "a");
    ok(pn_dag_db_attempt_begin(world->db, run->id, "a", found->task.state, 1, at_ms, &number, &e),
       &e);
    ok(pn_dag_db_attempt_process(world->db, run->id, "a", number, 4242 + number, 7, "log", &e), &e);
    ok(pn_dag_db_attempt_end(world->db, run->id, "a", number, &end, at_ms + 10, &e), &e);
}

/* A task's times are its last attempt's; after it was cleared it has none. */
static void test_tasks_have_the_times_of_their_last_attempt(void **state)
{
    struct world *world = *state;
    const struct pn_run *run = &world->runs[1];
    const char *const tasks[] = {"a"};
    const struct pn_clear clear = {.tasks = tasks, .task_count = 1, .who = "cli"};
    const char **cleared = NULL;
    size_t count = 0;
    struct pn_err e = {0};
    assert_int_equal(find_task(world, "r1", "a")->task.started_ms, 0);
    attempt(world, run, PN_TASK_UP_FOR_RETRY, 6000);
    attempt(world, run, PN_TASK_FAILED, 7000);
    const struct pn_found_task *found = find_task(world, "r1", "a");
    assert_int_equal(found->task.tries, 2);
    assert_int_equal(found->task.started_ms, 7000);
    assert_int_equal(found->task.ended_ms, 7010);
    assert_int_equal(found->pid, 4244);
    assert_int_equal(found->logical_ms, HOUR_MS);
    ok(pn_dag_db_clear(world->db, &world->made.dag, run, &clear, 8000, &world->arena, &cleared,
                       &count, &e),
       &e);
    found = find_task(world, "r1", "a");
    assert_int_equal(found->task.tries, 2);
    assert_int_equal(found->task.started_ms, 0);
    assert_int_equal(found->task.ended_ms, 0);
    assert_int_equal(found->pid, 0);
}

static void test_cancelled_tasks_differ_by_whether_they_had_begun(void **state)
{
    struct world *world = *state;
    static const char *const begun[] = {"cancelled_begun"};
    static const char *const states[] = {"cancelled"};
    struct pn_find_term term = {
        .column = PN_FIND_TASK_STATE, .op = PN_FIND_IS, .texts = begun, .text_count = 1};
    const struct pn_find find = {.terms = &term, .term_count = 1, .limit = -1};
    struct pn_found_task *tasks = NULL;
    size_t count = 0;
    int64_t total = 0;
    struct pn_err e = {0};
    attempt(world, &world->runs[1], PN_TASK_CANCELLED, 6000);
    ok(pn_dag_db_task_set(world->db, world->runs[1].id, "b", PN_TASK_NONE, PN_TASK_CANCELLED, 6000,
                          0, &e),
       &e);
    ok(pn_dag_db_find_tasks(world->db, &find, &world->arena, &tasks, &count, &total, &e), &e);
    assert_int_equal(count, 1);
    assert_string_equal(tasks[0].task.task, "a");
    term.texts = states;
    ok(pn_dag_db_find_tasks(world->db, &find, &world->arena, &tasks, &count, &total, &e), &e);
    for (size_t i = 0; i < count; i++) {
        assert_true(strcmp(tasks[i].run_id, "r1") != 0 || strcmp(tasks[i].task.task, "a") != 0);
    }
    assert_true(count > 0 && total == (int64_t)count);
}

static void test_acts(void **state)
{
    struct world *world = *state;
    static const char *const whats[] = {"trigger"};
    const struct pn_find_order newest = {PN_FIND_ACT, true};
    const struct pn_find_term terms[] = {
        {.column = PN_FIND_ACT_WHAT, .op = PN_FIND_IS_NOT, .texts = whats, .text_count = 1}};
    struct pn_find find = {.orders = &newest, .order_count = 1, .limit = 2};
    struct pn_audit *audits = NULL;
    size_t count = 0;
    int64_t total = 0;
    struct pn_err e = {0};
    ok(pn_dag_db_find_audits(world->db, &find, &world->arena, &audits, &count, &total, &e), &e);
    assert_int_equal(count, 2);
    assert_int_equal(total, RUNS + 1);
    assert_string_equal(audits[0].run_id, "r5");
    find.terms = terms;
    find.term_count = 1;
    ok(pn_dag_db_find_audits(world->db, &find, &world->arena, &audits, &count, &total, &e), &e);
    assert_int_equal(total, 1);
    assert_string_equal(audits[0].who, "ui");
    assert_string_equal(audits[0].what, "cancel");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_pages_and_orders),
        TEST(test_texts),
        TEST(test_numbers),
        TEST(test_too_many_texts),
        TEST(test_tasks_have_the_times_of_their_last_attempt),
        TEST(test_cancelled_tasks_differ_by_whether_they_had_begun),
        TEST(test_acts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
