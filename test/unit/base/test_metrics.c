#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/io.h"
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
    struct pn_metric *ok = pn_metrics_get(metrics, PN_METRIC_GATEWAY_RESPONSES, "200");
    struct pn_metric *open = pn_metrics_get(metrics, PN_METRIC_GATEWAY_CONNECTIONS, NULL);
    struct pn_metric *bad = pn_metrics_get(metrics, PN_METRIC_GATEWAY_RESPONSES, "a\"b\\c\nd");
    assert_ptr_equal(pn_metrics_get(metrics, PN_METRIC_GATEWAY_RESPONSES, "200"), ok);
    assert_ptr_not_equal(ok, bad);
    pn_metric_add(ok, 2);
    pn_metric_add(ok, 1);
    pn_metric_add(open, 5);
    pn_metric_add(open, -7);
    assert_int_equal(pn_metric_value(ok), 3);
    assert_int_equal(pn_metric_value(open), -2);
    pn_metric_set(open, 9);
    assert_string_equal(rendered(),
                        "# HELP pinion_gateway_responses_total HTTP replies by class of status, "
                        "1xx to 5xx.\n"
                        "# TYPE pinion_gateway_responses_total counter\n"
                        "pinion_gateway_responses_total{status=\"200\"} 3\n"
                        "pinion_gateway_responses_total{status=\"a\\\"b\\\\c\\nd\"} 0\n"
                        "# HELP pinion_gateway_connections Open connections.\n"
                        "# TYPE pinion_gateway_connections gauge\n"
                        "pinion_gateway_connections 9\n");
}

static void test_histograms_are_cumulative(void **state)
{
    (void)state;
    struct pn_metric *plain = pn_metrics_get(metrics, PN_METRIC_LOG_COMMIT_SECONDS, NULL);
    pn_metric_observe_ns(plain, 0);
    pn_metric_observe_ns(plain, -5);
    pn_metric_observe_ns(plain, 50000);
    pn_metric_observe_ns(plain, 50001);
    pn_metric_observe_ns(plain, 10000000000);
    pn_metric_observe_ns(plain, 10000000001);
    assert_int_equal(pn_metric_value(plain), 6);
    static const char expected[] =
        "# HELP pinion_log_commit_seconds Time of a group commit, from the first write to the last "
        "sync.\n"
        "# TYPE pinion_log_commit_seconds histogram\n"
        "pinion_log_commit_seconds_bucket{le=\"0.00005\"} 3\n"
        "pinion_log_commit_seconds_bucket{le=\"0.0001\"} 4\n"
        "pinion_log_commit_seconds_bucket{le=\"0.00025\"} 4\n";
    assert_memory_equal(rendered(), expected, sizeof expected - 1);
    assert_non_null(strstr(pn_buf_text(&text), "pinion_log_commit_seconds_bucket{le=\"5\"} 4\n"
                                               "pinion_log_commit_seconds_bucket{le=\"10\"} 5\n"
                                               "pinion_log_commit_seconds_bucket{le=\"+Inf\"} 6\n"
                                               "pinion_log_commit_seconds_sum 20.000100002\n"
                                               "pinion_log_commit_seconds_count 6\n"));

    struct pn_metric *labelled = pn_metrics_get(metrics, PN_METRIC_STREAM_COMMIT_SECONDS, "put");
    pn_metric_observe_ns(labelled, 1500000);
    assert_non_null(strstr(rendered(),
                           "pinion_stream_commit_seconds_bucket{table=\"put\",le=\"0.001\"} 0\n"
                           "pinion_stream_commit_seconds_bucket{table=\"put\",le=\"0.0025\"} 1\n"));
    assert_non_null(strstr(pn_buf_text(&text),
                           "pinion_stream_commit_seconds_sum{table=\"put\"} 0.001500000\n"
                           "pinion_stream_commit_seconds_count{table=\"put\"} 1\n"));
}

static void test_two_labels(void **state)
{
    (void)state;
    const enum pn_metric_id id = PN_METRIC_TABLE_DEAD_LETTERS;
    struct pn_metric *metric = pn_metrics_get_pair(metrics, id, "pin", "sql");
    pn_metric_set(metric, 3);
    pn_metric_set(pn_metrics_get_pair(metrics, id, "pin", "a\"b"), 4);
    assert_ptr_equal(pn_metrics_get_pair(metrics, id, "pin", "sql"), metric);
    assert_null(pn_metrics_get_pair(NULL, id, "pin", "sql"));
    assert_non_null(strstr(rendered(),
                           "pinion_table_dead_letters{table=\"pin\",reason=\"sql\"} 3\n"
                           "pinion_table_dead_letters{table=\"pin\",reason=\"a\\\"b\"} 4\n"));
    for (int i = 0; i < PN_METRIC_LABEL_VALUES_MAX; i++) {
        char value[32];
        (void)snprintf(value, sizeof value, "rule-%d", i);
        metric = pn_metrics_get_pair(metrics, id, "pin", value);
    }
    assert_ptr_equal(pn_metrics_get_pair(metrics, id, "other", "other"), metric);
}

/* A hostile client that invents values cannot grow the table. */
static void test_label_values_are_bounded(void **state)
{
    (void)state;
    struct pn_metric *first = NULL;
    for (int i = 0; i < 3 * PN_METRIC_LABEL_VALUES_MAX; i++) {
        char value[32];
        (void)snprintf(value, sizeof value, "topic-%d", i);
        struct pn_metric *metric = pn_metrics_get(metrics, PN_METRIC_LOG_APPENDED_RECORDS, value);
        pn_metric_add(metric, 1);
        first = i == 0 ? metric : first;
    }
    assert_ptr_equal(pn_metrics_get(metrics, PN_METRIC_LOG_APPENDED_RECORDS, "topic-0"), first);
    assert_int_equal(pn_metric_value(first), 1);
    int lines = 0;
    for (const char *at = rendered(); (at = strchr(at, '\n')) != NULL; at++) {
        lines++;
    }
    assert_int_equal(lines, PN_METRIC_LABEL_VALUES_MAX + 1 + 2);
    char *other = pn_xasprintf("pinion_log_appended_records_total{topic=\"other\"} %d\n",
                               2 * PN_METRIC_LABEL_VALUES_MAX);
    assert_non_null(strstr(pn_buf_text(&text), other));
    free(other);
}

static void test_without_a_registry_nothing_happens(void **state)
{
    (void)state;
    struct pn_metric *none = pn_metrics_get(NULL, PN_METRIC_GATEWAY_RECORDS, NULL);
    assert_null(none);
    assert_null(pn_metrics_get(NULL, PN_METRIC_LOG_COMMIT_SECONDS, NULL));
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
        pn_metric_add(pn_metrics_get(metrics, PN_METRIC_SINK_OBJECTS, value), 1);
        pn_metric_observe_ns(pn_metrics_get(metrics, PN_METRIC_LOG_COMMIT_SECONDS, NULL), i);
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
        total += pn_metric_value(pn_metrics_get(metrics, PN_METRIC_SINK_OBJECTS, value));
    }
    assert_int_equal(total, THREADS * ROUNDS);
    assert_int_equal(pn_metric_value(pn_metrics_get(metrics, PN_METRIC_LOG_COMMIT_SECONDS, NULL)),
                     THREADS * ROUNDS);
}

/* A name that Prometheus takes, with the suffix that its kind asks for; each once. */
static void test_rows_are_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < PN_METRIC_COUNT; i++) {
        const struct pn_metric_row *row = &pn_metrics_table[i];
        assert_non_null(row->name);
        size_t len = strlen(row->name);
        assert_int_equal(strncmp(row->name, "pinion_", strlen("pinion_")), 0);
        assert_int_equal(strspn(row->name, "abcdefghijklmnopqrstuvwxyz_"), len);
        bool is_total = strcmp(row->name + len - strlen("_total"), "_total") == 0;
        bool is_seconds = strcmp(row->name + len - strlen("_seconds"), "_seconds") == 0;
        assert_int_equal(is_total, row->kind == PN_METRIC_COUNTER);
        assert_true(is_seconds || row->kind != PN_METRIC_HISTOGRAM); /* a gauge may be, too */
        assert_null(strpbrk(row->help, "\\\n|"));
        assert_int_equal(row->help[strlen(row->help) - 1], '.');
        assert_true(row->alarm == NULL || strpbrk(row->alarm, "\\\n|") == NULL);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(pn_metrics_table[j].name, row->name);
        }
    }
}

/* docs/metrics.md is made from the table. */
static void test_the_page_is_fresh(void **state)
{
    (void)state;
    struct pn_buf kept;
    pn_buf_init(&kept, 1000 * 1000);
    pn_metrics_markdown(&text);
    assert_int_equal(
        pn_io_read_file(pn_io_system(), PINION_SOURCE_DIR "/docs/metrics.md", &kept, NULL), 0);
    if (strcmp(pn_buf_text(&text), pn_buf_text(&kept)) != 0) {
        fail_msg("docs/metrics.md is stale: pinion metrics --format md > docs/metrics.md");
    }
    pn_buf_deinit(&kept);
}

static void test_quantiles(void **state)
{
    (void)state;
    struct pn_metric *commits = pn_metrics_get(metrics, PN_METRIC_LOG_COMMIT_SECONDS, NULL);
    assert_int_equal(pn_metric_quantile_ns(NULL, 0.5), -1);
    assert_int_equal(pn_metric_quantile_ns(commits, 0.5), -1);
    for (int i = 0; i < 99; i++) {
        pn_metric_observe_ns(commits, 900000);
    }
    pn_metric_observe_ns(commits, INT64_C(40000000000));
    assert_int_equal(pn_metric_quantile_ns(commits, 0.5), 1000000);
    assert_int_equal(pn_metric_quantile_ns(commits, 0.99), 1000000);
    assert_int_equal(pn_metric_quantile_ns(commits, 1), INT64_C(10000000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_quantiles, setup, teardown),
        cmocka_unit_test_setup_teardown(test_counters_and_gauges, setup, teardown),
        cmocka_unit_test_setup_teardown(test_histograms_are_cumulative, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_labels, setup, teardown),
        cmocka_unit_test_setup_teardown(test_label_values_are_bounded, setup, teardown),
        cmocka_unit_test(test_without_a_registry_nothing_happens),
        cmocka_unit_test_setup_teardown(test_threads_lose_nothing, setup, teardown),
        cmocka_unit_test(test_rows_are_whole),
        cmocka_unit_test_setup_teardown(test_the_page_is_fresh, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
