/*
 * The table of metrics: the one place where a metric's name, kind, label and help are. What is
 * counted is named by the enumerators, so no metric can be counted that has no row here;
 * docs/metrics.md and `pinion metrics` are made from the rows.
 */
#ifndef PN_BASE_METRICS_TABLE_H
#define PN_BASE_METRICS_TABLE_H

#include "base/buf.h"

enum pn_metric_kind { PN_METRIC_COUNTER, PN_METRIC_GAUGE, PN_METRIC_HISTOGRAM };

/* In the order of the rows, of the page and of what GET /metrics answers. */
enum pn_metric_id {
    PN_METRIC_GATEWAY_REQUESTS,
    PN_METRIC_GATEWAY_RESPONSES,
    PN_METRIC_GATEWAY_REQUEST_SECONDS,
    PN_METRIC_GATEWAY_REQUESTS_IN_FLIGHT,
    PN_METRIC_GATEWAY_CONNECTIONS,
    PN_METRIC_GATEWAY_CONNECTIONS_REFUSED,
    PN_METRIC_GATEWAY_RECEIVED_BYTES,
    PN_METRIC_GATEWAY_SENT_BYTES,
    PN_METRIC_GATEWAY_RECORDS,

    PN_METRIC_LOG_APPENDED_RECORDS,
    PN_METRIC_LOG_APPENDED_BYTES,
    PN_METRIC_LOG_COMMIT_SECONDS,
    PN_METRIC_LOG_FAILED_PARTITIONS,

    PN_METRIC_SINK_LANDED_RECORDS,
    PN_METRIC_SINK_OBJECTS,
    PN_METRIC_SINK_DEAD_LETTERS,
    PN_METRIC_SINK_LOST_RECORDS,
    PN_METRIC_SINK_ERRORS,
    PN_METRIC_SINK_LAG_RECORDS,

    PN_METRIC_KINESIS_REQUESTS,
    PN_METRIC_KINESIS_AGAIN_RECORDS,
    PN_METRIC_KINESIS_LOST_RECORDS,

    PN_METRIC_STREAM_ROWS,
    PN_METRIC_STREAM_DEAD_LETTERS,
    PN_METRIC_STREAM_COMMITS,
    PN_METRIC_STREAM_CONFLICTS,
    PN_METRIC_STREAM_ERRORS,
    PN_METRIC_STREAM_LOST_RECORDS,
    PN_METRIC_STREAM_PASSED_OVER_RECORDS,
    PN_METRIC_STREAM_UNKNOWN_MEMBERS,
    PN_METRIC_STREAM_STRAY_RECORDS,
    PN_METRIC_STREAM_LAG_RECORDS,
    PN_METRIC_STREAM_BEHIND_SECONDS,
    PN_METRIC_STREAM_THROTTLED_READS,
    PN_METRIC_STREAM_SUBSCRIPTIONS,
    PN_METRIC_STREAM_FAILED,
    PN_METRIC_STREAM_COMMIT_SECONDS,
    PN_METRIC_STREAM_LATENCY_SECONDS,
    PN_METRIC_STREAM_COMPACTIONS,
    PN_METRIC_STREAM_MAINTENANCE_ERRORS,

    PN_METRIC_DAG_RUNS,
    PN_METRIC_DAG_ATTEMPTS_FAILED,
    PN_METRIC_DAG_TASKS_RUNNING,

    PN_METRIC_QUERY_QUERIES,
    PN_METRIC_QUERY_REFUSED,
    PN_METRIC_QUERY_RUNNING,

    PN_METRIC_TABLE_UNKNOWN_MEMBERS,
    PN_METRIC_TABLE_DEAD_LETTERS,
    PN_METRIC_UNREAD_TOPIC_RECORDS,
    PN_METRIC_UNREAD_STREAM_RECORDS,

    PN_METRIC_COUNT
};

struct pn_metric_row {
    const char *name; /* "pinion_log_commit_seconds": the second word is the module */
    enum pn_metric_kind kind;
    const char *label;        /* NULL: none */
    const char *second_label; /* beside the first; NULL: none */
    const char *help;         /* one sentence, without backslashes and line breaks */
    const char *alarm;        /* when to alert, and what it means then (Markdown); NULL: never */
};

extern const struct pn_metric_row pn_metrics_table[PN_METRIC_COUNT];

const char *pn_metric_kind_name(enum pn_metric_kind kind); /* "counter" */
/* The whole table as docs/metrics.md. */
void pn_metrics_markdown(struct pn_buf *out);

#endif
