#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/metrics.h"

static struct pn_metrics *metrics;
static struct pn_buf text;

static int setup(void **state)
{
    (void)state;
    metrics = pn_metrics_create();
    pn_buf_init(&text, 1000 * 1000);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pn_metrics_destroy(&metrics);
    assert_null(metrics);
    pn_buf_deinit(&text);
    return 0;
}

static const char *rendered(void)
{
    pn_buf_reset(&text);
    pn_metrics_render(metrics, &text);
    assert_false(pn_buf_failed(&text));
    return pn_buf_text(&text);
}

static void test_counters_and_gauges(void **state)
{
    (void)state;
    assert_string_equal(rendered(), "");
    struct pn_metric *ok =
        pn_metrics_counter(metrics, "requests_total", "Requests.", "code", "200");
    struct pn_metric *open = pn_metrics_gauge(metrics, "open", "Two\nlines \\ \"q\"", NULL, NULL);
    struct pn_metric *bad =
        pn_metrics_counter(metrics, "requests_total", "Requests.", "code", "a\"b\\c\nd");
    assert_ptr_equal(pn_metrics_counter(metrics, "requests_total", "Requests.", "code", "200"), ok);
    assert_ptr_not_equal(ok, bad);
    pn_metric_add(ok, 2);
    pn_metric_add(ok, 1);
    pn_metric_add(open, 5);
    pn_metric_add(open, -7);
    assert_int_equal(pn_metric_value(ok), 3);
    assert_int_equal(pn_metric_value(open), -2);
    pn_metric_set(open, 9);
    assert_string_equal(rendered(), "# HELP requests_total Requests.\n"
                                    "# TYPE requests_total counter\n"
                                    "requests_total{code=\"200\"} 3\n"
                                    "requests_total{code=\"a\\\"b\\\\c\\nd\"} 0\n"
                                    "# HELP open Two\\nlines \\\\ \"q\"\n"
                                    "# TYPE open gauge\n"
                                    "open 9\n");
}

static void test_histograms_are_cumulative(void **state)
{
    (void)state;
    struct pn_metric *plain = pn_metrics_histogram(metrics, "wait_seconds", "Waits.", NULL, NULL);
    pn_metric_observe_ns(plain, 0);
    pn_metric_observe_ns(plain, -5);
    pn_metric_observe_ns(plain, 50000);
    pn_metric_observe_ns(plain, 50001);
    pn_metric_observe_ns(plain, 10000000000);
    pn_metric_observe_ns(plain, 10000000001);
    assert_int_equal(pn_metric_value(plain), 6);
    static const char expected[] = "# HELP wait_seconds Waits.\n"
                                   "# TYPE wait_seconds histogram\n"
                                   "wait_seconds_bucket{le=\"0.00005\"} 3\n"
                                   "wait_seconds_bucket{le=\"0.0001\"} 4\n"
                                   "wait_seconds_bucket{le=\"0.00025\"} 4\n";
    assert_memory_equal(rendered(), expected, sizeof expected - 1);
    assert_non_null(strstr(pn_buf_text(&text), "wait_seconds_bucket{le=\"5\"} 4\n"
                                               "wait_seconds_bucket{le=\"10\"} 5\n"
                                               "wait_seconds_bucket{le=\"+Inf\"} 6\n"
                                               "wait_seconds_sum 20.000100002\n"
                                               "wait_seconds_count 6\n"));

    struct pn_metric *labelled = pn_metrics_histogram(metrics, "op_seconds", "Ops.", "op", "put");
    pn_metric_observe_ns(labelled, 1500000);
    assert_non_null(strstr(rendered(), "op_seconds_bucket{op=\"put\",le=\"0.001\"} 0\n"
                                       "op_seconds_bucket{op=\"put\",le=\"0.0025\"} 1\n"));
    assert_non_null(strstr(pn_buf_text(&text), "op_seconds_sum{op=\"put\"} 0.001500000\n"
                                               "op_seconds_count{op=\"put\"} 1\n"));
}

/* A hostile client that invents values cannot grow the table. */
static void test_label_values_are_bounded(void **state)
{
    (void)state;
    struct pn_metric *first = NULL;
    for (int i = 0; i < 3 * PN_METRIC_LABEL_VALUES_MAX; i++) {
        char value[32];
        (void)snprintf(value, sizeof value, "topic-%d", i);
        struct pn_metric *metric = pn_metrics_counter(metrics, "n_total", "N.", "topic", value);
        pn_metric_add(metric, 1);
        first = i == 0 ? metric : first;
    }
    assert_ptr_equal(pn_metrics_counter(metrics, "n_total", "N.", "topic", "topic-0"), first);
    assert_int_equal(pn_metric_value(first), 1);
    int lines = 0;
    for (const char *at = rendered(); (at = strchr(at, '\n')) != NULL; at++) {
        lines++;
    }
    assert_int_equal(lines, PN_METRIC_LABEL_VALUES_MAX + 1 + 2);
    char *other = pn_xasprintf("n_total{topic=\"other\"} %d\n", 2 * PN_METRIC_LABEL_VALUES_MAX);
    assert_non_null(strstr(pn_buf_text(&text), other));
    free(other);
}

static void test_without_a_registry_nothing_happens(void **state)
{
    (void)state;
    struct pn_metric *none = pn_metrics_counter(NULL, "n", "N.", NULL, NULL);
    assert_null(none);
    assert_null(pn_metrics_gauge(NULL, "n", "N.", NULL, NULL));
    assert_null(pn_metrics_histogram(NULL, "n", "N.", NULL, NULL));
    pn_metric_add(none, 1);
    pn_metric_set(none, 1);
    pn_metric_observe_ns(none, 1);
    assert_int_equal(pn_metric_value(none), 0);
    struct pn_metrics *nothing = NULL;
    pn_metrics_destroy(&nothing);
}

enum { THREADS = 4, ROUNDS = 5000 };

static void *add_many(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        char value[16];
        (void)snprintf(value, sizeof value, "%d", i % 10);
        pn_metric_add(pn_metrics_counter(metrics, "shared_total", "S.", "k", value), 1);
        pn_metric_observe_ns(pn_metrics_histogram(metrics, "shared_seconds", "S.", NULL, NULL), i);
    }
    return NULL;
}

static void test_threads_lose_nothing(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, NULL), 0);
    }
    for (int i = 0; i < 20; i++) {
        (void)rendered(); /* reads what the threads write */
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    int64_t total = 0;
    for (int i = 0; i < 10; i++) {
        char value[16];
        (void)snprintf(value, sizeof value, "%d", i);
        total += pn_metric_value(pn_metrics_counter(metrics, "shared_total", "S.", "k", value));
    }
    assert_int_equal(total, THREADS * ROUNDS);
    assert_int_equal(
        pn_metric_value(pn_metrics_histogram(metrics, "shared_seconds", "S.", NULL, NULL)),
        THREADS * ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_counters_and_gauges, setup, teardown),
        cmocka_unit_test_setup_teardown(test_histograms_are_cumulative, setup, teardown),
        cmocka_unit_test_setup_teardown(test_label_values_are_bounded, setup, teardown),
        cmocka_unit_test(test_without_a_registry_nothing_happens),
        cmocka_unit_test_setup_teardown(test_threads_lose_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
