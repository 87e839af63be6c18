/*
 * Counters, gauges and histograms, rendered as Prometheus text (format version 0.0.4).
 * A metric is registered once, with at most one label and a bounded number of its values (what
 * comes over the bound is counted under the value "other", so that a hostile client cannot grow
 * the table); adding to one is an atomic operation without a lock.
 */
#ifndef PN_BASE_METRICS_H
#define PN_BASE_METRICS_H

#include <stdint.h>

#include "base/buf.h"

enum { PN_METRIC_LABEL_VALUES_MAX = 256 };

struct pn_metrics; /* the registry */
struct pn_metric;  /* one time series, or one histogram */

struct pn_metrics *pn_metrics_create(void);
void pn_metrics_destroy(struct pn_metrics **metrics);

/* `name` ("pinion_gateway_requests_total") and `help` are copied. Asking again for the same name
 * and label value returns the same metric. `label` and `value` may both be NULL. Owned by the
 * registry, which must outlive its users; `metrics` may be NULL, then so is the result. */
struct pn_metric *pn_metrics_counter(struct pn_metrics *metrics, const char *name, const char *help,
                                     const char *label, const char *value);
struct pn_metric *pn_metrics_gauge(struct pn_metrics *metrics, const char *name, const char *help,
                                   const char *label, const char *value);
/* Buckets for seconds, from 50 microseconds to 10 seconds. */
struct pn_metric *pn_metrics_histogram(struct pn_metrics *metrics, const char *name,
                                       const char *help, const char *label, const char *value);

/* `metric` may be NULL in all of these. */
void pn_metric_add(struct pn_metric *metric, int64_t amount);       /* counter, gauge */
void pn_metric_set(struct pn_metric *metric, int64_t value);        /* gauge */
void pn_metric_observe_ns(struct pn_metric *metric, int64_t nanos); /* histogram */
int64_t pn_metric_value(const struct pn_metric *metric);

/* Appends the whole registry as Prometheus text. */
void pn_metrics_render(struct pn_metrics *metrics, struct pn_buf *out);

#endif
