/*
 * Counters, gauges and histograms, rendered as Prometheus text (format version 0.0.4).
 * Each is a row of the table in metrics_table.h. A metric has at most two labels and a bounded
 * number of their values: what exceeds the bound is counted under the value "other", so that a
 * hostile client cannot grow the registry. Adding to a metric is an atomic operation without a
 * lock.
 */
#ifndef PN_BASE_METRICS_H
#define PN_BASE_METRICS_H

#include <stdint.h>

#include "base/buf.h"
#include "base/metrics_table.h"

enum { PN_METRIC_LABEL_VALUES_MAX = 256 };

struct pn_metrics; /* the registry */
struct pn_metric;  /* one time series, or one histogram */

struct pn_metrics *pn_metrics_create(void);
void pn_metrics_destroy(struct pn_metrics **metrics);

/* The time series of a row and a value of its label (copied; NULL if the row has no label); made
 * at the first call, the same at each further one. Owned by the registry, which must outlive its
 * users. If `metrics` is NULL, so is the result. Buckets of histograms are for seconds, from 50
 * microseconds to 10 seconds. */
struct pn_metric *pn_metrics_get(struct pn_metrics *metrics, enum pn_metric_id id,
                                 const char *value);
/* The same for a row with two labels. */
struct pn_metric *pn_metrics_get_pair(struct pn_metrics *metrics, enum pn_metric_id id,
                                      const char *value, const char *second_value);

/* `metric` may be NULL in all of these. */
void pn_metric_add(struct pn_metric *metric, int64_t amount);       /* counter, gauge */
void pn_metric_set(struct pn_metric *metric, int64_t value);        /* gauge */
void pn_metric_observe_ns(struct pn_metric *metric, int64_t nanos); /* histogram */
int64_t pn_metric_value(const struct pn_metric *metric);
/* A time that this share of a histogram's observations (0.99) did not exceed, as exact as its
 * buckets are, and 10 seconds at most; -1 without observations. */
int64_t pn_metric_quantile_ns(const struct pn_metric *metric, double share);

/* Appends the whole registry as Prometheus text, in the order of the table. */
void pn_metrics_render(struct pn_metrics *metrics, struct pn_buf *out);

#endif
