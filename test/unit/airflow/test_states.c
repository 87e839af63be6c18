#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "airflow/states.h"

/* The enumerations of apache-airflow-client 3.3.2: a state beyond them is refused by its models. */
static const char *const run_words[] = {"queued", "running", "success", "failed"};
static const char *const task_words[] = {
    "removed",    "scheduled", "queued",         "running",           "success",
    "restarting", "failed",    "up_for_retry",   "up_for_reschedule", "upstream_failed",
    "skipped",    "deferred",  "awaiting_input",
};

static bool has(const char *const *words, size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(words[i], word) == 0) {
            return true;
        }
    }
    return false;
}

static void test_each_state_is_one_of_airflows(void **state)
{
    (void)state;
    for (int i = 0; i < PN_RUN_STATES; i++) {
        assert_true(has(run_words, 4, pn_airflow_run_state((enum pn_run_state)i)));
    }
    for (int i = 0; i < PN_TASK_STATES; i++) {
        for (int begun = 0; begun < 2; begun++) {
            const char *word = pn_airflow_task_state((enum pn_task_state)i, begun != 0);
            assert_true(word == NULL ? i == PN_TASK_NONE : has(task_words, 13, word));
        }
    }
}

static void test_cancelled_is_a_failure_or_was_skipped(void **state)
{
    (void)state;
    assert_string_equal(pn_airflow_run_state(PN_RUN_CANCELLED), "failed");
    assert_string_equal(pn_airflow_task_state(PN_TASK_CANCELLED, true), "failed");
    assert_string_equal(pn_airflow_task_state(PN_TASK_CANCELLED, false), "skipped");
    assert_string_equal(pn_airflow_task_state(PN_TASK_UP_FOR_RETRY, true), "up_for_retry");
}

/* A filter finds what is shown under its word, and nothing else. */
static void test_filters_find_what_is_shown(void **state)
{
    (void)state;
    const char *texts[2];
    assert_int_equal(pn_airflow_find_run_state("cancelled", texts), 0);
    assert_int_equal(pn_airflow_find_run_state("failed", texts), 2);
    assert_string_equal(texts[1], "cancelled");
    assert_int_equal(pn_airflow_find_run_state("queued", texts), 1);
    assert_int_equal(pn_airflow_find_task_state("cancelled", texts), 0);
    assert_int_equal(pn_airflow_find_task_state("failed", texts), 2);
    assert_string_equal(texts[1], "cancelled_begun");
    assert_int_equal(pn_airflow_find_task_state("skipped", texts), 2);
    assert_string_equal(texts[1], "cancelled");
    assert_int_equal(pn_airflow_find_task_state("none", texts), 1);
    for (size_t i = 0; i < 13; i++) {
        assert_true(pn_airflow_find_task_state(task_words[i], texts) > 0);
    }
}

static void test_who_triggered(void **state)
{
    (void)state;
    assert_string_equal(pn_airflow_triggered_by("api"), "rest_api");
    assert_string_equal(pn_airflow_triggered_by("schedule"), "timetable");
    assert_null(pn_airflow_triggered_by(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_state_is_one_of_airflows),
        cmocka_unit_test(test_cancelled_is_a_failure_or_was_skipped),
        cmocka_unit_test(test_filters_find_what_is_shown),
        cmocka_unit_test(test_who_triggered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
