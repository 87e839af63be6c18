#include "base/metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

/* Upper bounds of the buckets; what is larger goes to one more, "+Inf". */
static const struct {
    int64_t nanos;
    const char *seconds;
} bounds[] = {
    {50000, "0.00005"},  {100000, "0.0001"},  {250000, "0.00025"}, {500000, "0.0005"},
    {1000000, "0.001"},  {2500000, "0.0025"}, {5000000, "0.005"},  {10000000, "0.01"},
    {25000000, "0.025"}, {50000000, "0.05"},  {100000000, "0.1"},  {250000000, "0.25"},
    {500000000, "0.5"},  {1000000000, "1"},   {2500000000, "2.5"}, {5000000000, "5"},
    {10000000000, "10"},
};
enum { BOUND_COUNT = sizeof bounds / sizeof bounds[0] };

struct pn_metric {
    char *label_value;  /* NULL without label */
    char *second_value; /* NULL without a second label */
    enum pn_metric_kind kind;
    _Atomic int64_t value;    /* of a histogram: the sum in nanoseconds */
    _Atomic int64_t *buckets; /* of a histogram: BOUND_COUNT + 1, each without the smaller ones */
};

/* All time series of one row of the table. */
struct family {
    struct pn_metric **series; /* pointers, because the callers keep them */
    size_t count;
    size_t capacity;
};

struct pn_metrics {
    pthread_mutex_t lock; /* held to look for a metric and to render, never to add */
    struct family families[PN_METRIC_COUNT];
};

struct pn_metrics *pn_metrics_create(void)
{
    struct pn_metrics *metrics = pn_xcalloc(1, sizeof *metrics);
    int rc = pthread_mutex_init(&metrics->lock, NULL);
    PN_ASSERT(rc == 0);
    return metrics;
}

static void family_deinit(struct family *family)
{
    for (size_t i = 0; i < family->count; i++) {
        struct pn_metric *metric = family->series[i];
        free(metric->label_value);
        free(metric->second_value);
        free(metric->buckets);
        free(metric);
    }
    free(family->series);
}

void pn_metrics_destroy(struct pn_metrics **metrics)
{
    if (*metrics == NULL) {
        return;
    }
    for (size_t i = 0; i < PN_METRIC_COUNT; i++) {
        family_deinit(&(*metrics)->families[i]);
    }
    (void)pthread_mutex_destroy(&(*metrics)->lock);
    free(*metrics);
    *metrics = NULL;
}

static bool same_text(const char *left, const char *right)
{
    return left == NULL || right == NULL ? left == right : strcmp(left, right) == 0;
}

static struct pn_metric *find_series(struct family *family, const char *value, const char *second)
{
    for (size_t i = 0; i < family->count; i++) {
        if (same_text(family->series[i]->label_value, value) &&
            same_text(family->series[i]->second_value, second)) {
            return family->series[i];
        }
    }
    return NULL;
}

static struct pn_metric *add_series(struct family *family, enum pn_metric_kind kind,
                                    const char *value, const char *second)
{
    struct pn_metric *metric = pn_xcalloc(1, sizeof *metric);
    metric->kind = kind;
    metric->label_value = value != NULL ? pn_xstrdup(value) : NULL;
    metric->second_value = second != NULL ? pn_xstrdup(second) : NULL;
    if (kind == PN_METRIC_HISTOGRAM) {
        metric->buckets = pn_xcalloc(BOUND_COUNT + 1, sizeof *metric->buckets);
    }
    pn_grow((void **)&family->series, &family->capacity, family->count + 1, sizeof *family->series);
    family->series[family->count++] = metric;
    return metric;
}

struct pn_metric *pn_metrics_get_pair(struct pn_metrics *metrics, enum pn_metric_id id,
                                      const char *value, const char *second_value)
{
    const struct pn_metric_row *row = &pn_metrics_table[id];
    PN_ASSERT((row->label == NULL) == (value == NULL));
    PN_ASSERT((row->second_label == NULL) == (second_value == NULL));
    if (metrics == NULL) {
        return NULL;
    }
    (void)pthread_mutex_lock(&metrics->lock);
    struct family *family = &metrics->families[id];
    struct pn_metric *metric = find_series(family, value, second_value);
    if (metric == NULL && family->count >= PN_METRIC_LABEL_VALUES_MAX) {
        value = "other";
        second_value = second_value != NULL ? value : NULL;
        metric = find_series(family, value, second_value);
    }
    if (metric == NULL) {
        metric = add_series(family, row->kind, value, second_value);
    }
    (void)pthread_mutex_unlock(&metrics->lock);
    return metric;
}

struct pn_metric *pn_metrics_get(struct pn_metrics *metrics, enum pn_metric_id id,
                                 const char *value)
{
    return pn_metrics_get_pair(metrics, id, value, NULL);
}

void pn_metric_add(struct pn_metric *metric, int64_t amount)
{
    if (metric == NULL) {
        return;
    }
    PN_ASSERT(metric->kind != PN_METRIC_HISTOGRAM &&
              (metric->kind == PN_METRIC_GAUGE || amount >= 0));
    (void)atomic_fetch_add_explicit(&metric->value, amount, memory_order_relaxed);
}

void pn_metric_set(struct pn_metric *metric, int64_t value)
{
    if (metric == NULL) {
        return;
    }
    PN_ASSERT(metric->kind == PN_METRIC_GAUGE);
    atomic_store_explicit(&metric->value, value, memory_order_relaxed);
}

void pn_metric_observe_ns(struct pn_metric *metric, int64_t nanos)
{
    if (metric == NULL) {
        return;
    }
    PN_ASSERT(metric->kind == PN_METRIC_HISTOGRAM);
    if (nanos < 0) {
        nanos = 0;
    }
    size_t bucket = 0;
    while (bucket < BOUND_COUNT && nanos > bounds[bucket].nanos) {
        bucket++;
    }
    (void)atomic_fetch_add_explicit(&metric->buckets[bucket], 1, memory_order_relaxed);
    (void)atomic_fetch_add_explicit(&metric->value, nanos, memory_order_relaxed);
}

static int64_t observation_count(const struct pn_metric *metric)
{
    int64_t count = 0;
    for (size_t i = 0; i <= BOUND_COUNT; i++) {
        count += atomic_load_explicit(&metric->buckets[i], memory_order_relaxed);
    }
    return count;
}

int64_t pn_metric_quantile_ns(const struct pn_metric *metric, double share)
{
    if (metric == NULL) {
        return -1;
    }
    PN_ASSERT(metric->kind == PN_METRIC_HISTOGRAM);
    const int64_t count = observation_count(metric);
    int64_t seen = 0;
    for (size_t i = 0; i < BOUND_COUNT; i++) {
        seen += atomic_load_explicit(&metric->buckets[i], memory_order_relaxed);
        if (count > 0 && (double)seen >= share * (double)count) {
            return bounds[i].nanos;
        }
    }
    return count > 0 ? bounds[BOUND_COUNT - 1].nanos : -1;
}

int64_t pn_metric_value(const struct pn_metric *metric)
{
    if (metric == NULL) {
        return 0;
    }
    if (metric->kind == PN_METRIC_HISTOGRAM) {
        return observation_count(metric);
    }
    return atomic_load_explicit(&metric->value, memory_order_relaxed);
}

static void add_label(struct pn_buf *out, const char *label, const char *value)
{
    pn_buf_addf(out, "%s=\"", label);
    for (; *value != '\0'; value++) {
        if (*value == '\n') {
            pn_buf_adds(out, "\\n");
            continue;
        }
        if (*value == '\\' || *value == '"') {
            pn_buf_addc(out, '\\');
        }
        pn_buf_addc(out, *value);
    }
    pn_buf_addc(out, '"');
}

/* "name_suffix{label="value",second="value",le="bound"} "; labels and `le` may be NULL. */
static void add_series_name(struct pn_buf *out, const struct pn_metric_row *row,
                            const struct pn_metric *metric, const char *suffix, const char *le)
{
    pn_buf_addf(out, "%s%s", row->name, suffix);
    if (row->label != NULL || le != NULL) {
        pn_buf_addc(out, '{');
        if (row->label != NULL) {
            add_label(out, row->label, metric->label_value);
        }
        if (row->second_label != NULL) {
            pn_buf_addc(out, ',');
            add_label(out, row->second_label, metric->second_value);
        }
        if (le != NULL) {
            pn_buf_adds(out, row->label != NULL ? "," : "");
            add_label(out, "le", le);
        }
        pn_buf_addc(out, '}');
    }
    pn_buf_addc(out, ' ');
}

static void render_histogram(struct pn_buf *out, const struct pn_metric_row *row,
                             const struct pn_metric *metric)
{
    int64_t count = 0;
    for (size_t i = 0; i <= BOUND_COUNT; i++) {
        count += atomic_load_explicit(&metric->buckets[i], memory_order_relaxed);
        add_series_name(out, row, metric, "_bucket", i < BOUND_COUNT ? bounds[i].seconds : "+Inf");
        pn_buf_addf(out, "%lld\n", (long long)count);
    }
    int64_t nanos = atomic_load_explicit(&metric->value, memory_order_relaxed);
    add_series_name(out, row, metric, "_sum", NULL);
    pn_buf_addf(out, "%lld.%09lld\n", (long long)(nanos / 1000000000),
                (long long)(nanos % 1000000000));
    add_series_name(out, row, metric, "_count", NULL);
    pn_buf_addf(out, "%lld\n", (long long)count);
}

static void render_family(struct pn_buf *out, const struct pn_metric_row *row,
                          const struct family *family)
{
    if (family->count == 0) {
        return;
    }
    pn_buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", row->name, row->help, row->name,
                pn_metric_kind_name(row->kind));
    for (size_t i = 0; i < family->count; i++) {
        const struct pn_metric *metric = family->series[i];
        if (row->kind == PN_METRIC_HISTOGRAM) {
            render_histogram(out, row, metric);
        } else {
            add_series_name(out, row, metric, "", NULL);
            pn_buf_addf(out, "%lld\n", (long long)pn_metric_value(metric));
        }
    }
}

void pn_metrics_render(struct pn_metrics *metrics, struct pn_buf *out)
{
    (void)pthread_mutex_lock(&metrics->lock);
    for (size_t i = 0; i < PN_METRIC_COUNT; i++) {
        render_family(out, &pn_metrics_table[i], &metrics->families[i]);
    }
    (void)pthread_mutex_unlock(&metrics->lock);
}
