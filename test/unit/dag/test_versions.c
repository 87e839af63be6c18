/* The versions of DAGs: when a number is a new one, which are kept, and which a run has. */
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

struct world {
    struct test_dag made;
    struct pn_arena arena;
    struct pn_dag_db *db;
};

static int setup(void **state)
{
    struct world *world = pn_xcalloc(1, sizeof *world);
    test_dag_make(&world->made, 0, 0);
    world->made.dag.definition = "first";
    pn_arena_init(&world->arena, 0);
    assert_int_equal(pn_dag_db_open(":memory:", &world->db, NULL), 0);
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

static int64_t see(struct world *world, const char *definition, int64_t now_ms)
{
    struct pn_dag_version version = {0};
    world->made.dag.definition = definition;
    assert_int_equal(pn_dag_version_now(world->db, &world->made.dag, now_ms, &version, NULL), 0);
    return version.number;
}

static struct pn_run trigger(struct world *world, const char *run_id)
{
    struct pn_run run = {0};
    struct pn_trigger how = pn_trigger_of("test");
    how.run_id = run_id;
    assert_int_equal(
        pn_dag_db_trigger(world->db, &world->made.dag, &how, 9, &world->arena, &run, NULL), 0);
    return run;
}

static void test_another_definition_is_another_version(void **state)
{
    struct world *world = *state;
    assert_int_equal(see(world, "first", 10), 1);
    assert_int_equal(see(world, "first", 20), 1);
    assert_int_equal(see(world, "second", 30), 2);
    assert_int_equal(see(world, "first", 40), 3);
    struct pn_dag_version *versions = NULL;
    size_t count = 0;
    assert_int_equal(
        pn_dag_versions_list(world->db, "diamond", 0, -1, &world->arena, &versions, &count, NULL),
        0);
    assert_int_equal(count, 3);
    const int64_t times_ms[] = {40, 30, 10};
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(versions[i].number, 3 - (int64_t)i);
        assert_int_equal(versions[i].created_ms, times_ms[i]);
    }
    assert_int_equal(
        pn_dag_versions_list(world->db, "diamond", 3, 1, &world->arena, &versions, &count, NULL),
        0);
    assert_int_equal(count, 1);
    assert_int_equal(versions[0].number, 2);
    struct pn_dag_version version;
    const char *text = NULL;
    assert_int_equal(
        pn_dag_version_read(world->db, "diamond", 2, &world->arena, &version, &text, NULL), 0);
    assert_string_equal(text, "second");
    struct pn_err failure = {0};
    assert_int_not_equal(
        pn_dag_version_read(world->db, "diamond", 4, &world->arena, &version, &text, &failure), 0);
    assert_int_equal(failure.class_, PN_CLASS_MISSING);
}

static void test_each_dag_has_numbers_of_its_own(void **state)
{
    struct world *world = *state;
    struct pn_dag dags[2] = {world->made.dag, world->made.dag};
    dags[1].name = "other";
    const struct pn_pipeline pipeline = {.dags = dags, .dag_count = 2};
    assert_int_equal(pn_dag_versions_see(world->db, &pipeline, 1, NULL), 0);
    dags[1].definition = "second";
    assert_int_equal(pn_dag_versions_see(world->db, &pipeline, 2, NULL), 0);
    struct pn_dag_version version;
    assert_int_equal(pn_dag_version_now(world->db, &dags[0], 3, &version, NULL), 0);
    assert_int_equal(version.number, 1);
    assert_int_equal(pn_dag_version_now(world->db, &dags[1], 3, &version, NULL), 0);
    assert_int_equal(version.number, 2);
    assert_int_equal(version.created_ms, 2);
}

static void test_a_run_has_the_versions_that_its_attempts_ran(void **state)
{
    struct world *world = *state;
    struct pn_run run = trigger(world, "r");
    int32_t number = 0;
    assert_int_equal(run.version, 1);
    assert_int_equal(pn_dag_db_attempt_begin(world->db, run.id, "a", PN_TASK_NONE, run.version, 10,
                                             &number, NULL),
                     0);
    assert_int_equal(see(world, "second", 20), 2);
    assert_int_equal(see(world, "third", 30), 3);
    assert_int_equal(pn_dag_db_run_version(world->db, run.id, 3, NULL), 0);
    assert_int_equal(pn_dag_db_run(world->db, "diamond", "r", &world->arena, &run, NULL), 0);
    assert_int_equal(run.version, 3);
    struct pn_dag_version *versions = NULL;
    size_t count = 0;
    assert_int_equal(
        pn_dag_versions_of_run(world->db, &run, &world->arena, &versions, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_int_equal(versions[0].number, 1);
    assert_int_equal(versions[1].number, 3);
    struct pn_attempt *attempts = NULL;
    assert_int_equal(
        pn_dag_db_attempts(world->db, run.id, "a", &world->arena, &attempts, &count, NULL), 0);
    assert_int_equal(attempts[0].version, 1);
    const struct pn_find all = {.limit = -1};
    struct pn_found_task *tasks = NULL;
    int64_t total = 0;
    assert_int_equal(
        pn_dag_db_find_tasks(world->db, &all, &world->arena, &tasks, &count, &total, NULL), 0);
    assert_int_equal(total, TEST_DAG_TASKS);
    assert_int_equal(tasks[0].version.number, 1); /* its attempt */
    assert_int_equal(tasks[1].version.number, 3); /* would begin with the run's */
    assert_int_equal(tasks[1].version.created_ms, 30);
}

static void test_versions_that_runs_have_are_kept_and_others_are_not(void **state)
{
    struct world *world = *state;
    enum { CHANGES = 3 * PN_DAG_VERSIONS_KEPT };
    (void)see(world, "first", 1);
    (void)trigger(world, "r");
    for (int i = 0; i < CHANGES; i++) {
        (void)see(world, pn_arena_printf(&world->arena, "change %d", i), 2 + i);
    }
    struct pn_dag_version *versions = NULL;
    size_t count = 0;
    assert_int_equal(
        pn_dag_versions_list(world->db, "diamond", 0, -1, &world->arena, &versions, &count, NULL),
        0);
    assert_int_equal(count, PN_DAG_VERSIONS_KEPT + 1);
    assert_int_equal(versions[0].number, CHANGES + 1);
    assert_int_equal(versions[count - 2].number, CHANGES + 2 - PN_DAG_VERSIONS_KEPT);
    assert_int_equal(versions[count - 1].number, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_another_definition_is_another_version, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_each_dag_has_numbers_of_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_run_has_the_versions_that_its_attempts_ran, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_versions_that_runs_have_are_kept_and_others_are_not,
                                        setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
