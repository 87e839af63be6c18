/* Databricks' runner: what it reads of a run, and how long its requests may take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/spark/databricks/private.h"

static struct pn_run_state read_run(const char *text)
{
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    struct pn_run_state run;
    assert_int_equal(pn_json_parse(parser, text, strlen(text), strlen(text), &root, NULL), 0);
    pn_databricks_read_run(root, &run);
    pn_json_parser_destroy(&parser);
    return run;
}

static void test_a_run_of_jobs_api_2_2(void **state)
{
    (void)state;
    struct pn_run_state run = read_run(
        "{\"run_page_url\":\"https://w/#run/7\",\"state\":{\"life_cycle_state\":\"TERMINATED\","
        "\"result_state\":\"FAILED\",\"state_message\":\"old\"},\"status\":{\"state\":"
        "\"TERMINATED\",\"termination_details\":{\"code\":\"CLUSTER_ERROR\",\"message\":\"new\"}},"
        "\"tasks\":[{\"run_id\":8}]}");
    assert_true(run.is_over);
    assert_string_equal(run.code, "CLUSTER_ERROR");
    assert_string_equal(run.message, "new");
    assert_string_equal(run.url, "https://w/#run/7");
    assert_int_equal(run.task_run_id, 8);
}

static void test_a_run_without_the_members_of_2_2(void **state)
{
    (void)state;
    struct pn_run_state run = read_run("{\"state\":{\"life_cycle_state\":\"RUNNING\"}}");
    assert_false(run.is_over);
    assert_string_equal(run.state, "RUNNING");
    run = read_run("{\"state\":{\"life_cycle_state\":\"INTERNAL_ERROR\",\"result_state\":"
                   "\"FAILED\",\"state_message\":\"lost\"}}");
    assert_true(run.is_over);
    assert_string_equal(run.code, "FAILED");
    run = read_run("{\"state\":{\"life_cycle_state\":\"SKIPPED\"}}");
    assert_true(run.is_over);
    assert_string_equal(run.code, "SKIPPED");
}

static void test_what_is_no_run(void **state)
{
    (void)state;
    static const char *const texts[] = {"[]", "{}", "{\"status\":7,\"state\":[],\"tasks\":{}}",
                                        "{\"tasks\":[]}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct pn_run_state run = read_run(texts[i]);
        assert_false(run.is_over);
        assert_string_equal(run.state, "");
        assert_int_equal(run.task_run_id, 0);
    }
}

static void test_an_error_of_the_output_comes_first(void **state)
{
    (void)state;
    struct pn_err e;
    const struct pn_run_state run = {
        .code = "RESOURCE_NOT_FOUND", .message = "of the state", .url = "https://w/#run/7"};
    assert_int_equal(pn_databricks_run_failure(&run, "NameError: x\n\n", &e), PN_FAIL);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
    assert_string_equal(e.msg, "Databricks: the run has ended with RESOURCE_NOT_FOUND: NameError: "
                               "x: check spark.notebooks and spark.cluster (https://w/#run/7)");
    assert_int_equal(pn_databricks_run_failure(&run, "", &e), PN_FAIL);
    assert_non_null(strstr(e.msg, ": of the state: "));
}

/* --- how long it may take --------------------------------------------------------------------- */

static void test_a_stopped_job_has_time_for_a_cancel(void **state)
{
    (void)state;
    struct pn_fake_clock fake;
    atomic_bool stop = false;
    pn_fake_clock_init(&fake, 0);
    int64_t now_ms = pn_mono_ms(&fake.clock);
    struct pn_course course = {.clock = &fake.clock, .stop = &stop, .deadline_ms = now_ms + 60000};
    assert_false(pn_course_is_early(&course));
    assert_int_equal(pn_course_limit_ms(&course, now_ms, 5000, 0), now_ms + 5000);
    atomic_store(&stop, true);
    assert_int_equal(pn_course_limit_ms(&course, now_ms, 5000, 1500), now_ms + 1500);
    assert_int_equal(pn_course_limit_ms(&course, now_ms, 5000, 0), now_ms);
    course.is_ending = true;
    int64_t over_ms = pn_course_limit_ms(&course, now_ms, 60000, 0);
    assert_in_range(over_ms - now_ms, 3000, 4500); /* the scheduler waits 5 s */
    assert_false(course.is_late);
}

static void test_a_late_job_that_is_stopped_ends_at_once(void **state)
{
    (void)state;
    struct pn_fake_clock fake;
    atomic_bool stop = false;
    pn_fake_clock_init(&fake, 0);
    int64_t now_ms = pn_mono_ms(&fake.clock);
    struct pn_course course = {.clock = &fake.clock, .stop = &stop, .deadline_ms = now_ms + 1000};
    pn_fake_clock_advance(&fake, 1000);
    assert_true(pn_course_is_early(&course));
    assert_true(course.is_late);
    int64_t late_over_ms = course.over_ms;
    atomic_store(&stop, true);
    assert_true(pn_course_is_early(&course));
    assert_true(course.over_ms < late_over_ms);
    assert_true(course.is_late);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_run_of_jobs_api_2_2),
        cmocka_unit_test(test_a_run_without_the_members_of_2_2),
        cmocka_unit_test(test_what_is_no_run),
        cmocka_unit_test(test_an_error_of_the_output_comes_first),
        cmocka_unit_test(test_a_stopped_job_has_time_for_a_cancel),
        cmocka_unit_test(test_a_late_job_that_is_stopped_ends_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
