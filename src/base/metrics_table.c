#include "base/metrics_table.h"

#include <stdbool.h>
#include <string.h>

const struct pn_metric_row pn_metrics_table[PN_METRIC_COUNT] = {
    [PN_METRIC_GATEWAY_REQUESTS] =
        {
            .name = "pinion_gateway_requests_total",
            .kind = PN_METRIC_COUNTER,
            .label = "route",
            .help = "HTTP requests answered.",
        },
    [PN_METRIC_GATEWAY_RESPONSES] =
        {
            .name = "pinion_gateway_responses_total",
            .kind = PN_METRIC_COUNTER,
            .label = "status",
            .help = "HTTP replies by class of status, 1xx to 5xx.",
        },
    [PN_METRIC_GATEWAY_REQUEST_SECONDS] =
        {
            .name = "pinion_gateway_request_seconds",
            .kind = PN_METRIC_HISTOGRAM,
            .help = "Time from a request's header to its reply.",
        },
    [PN_METRIC_GATEWAY_REQUESTS_IN_FLIGHT] =
        {
            .name = "pinion_gateway_requests_in_flight",
            .kind = PN_METRIC_GAUGE,
            .help = "Requests that are not answered yet.",
        },
    [PN_METRIC_GATEWAY_CONNECTIONS] =
        {
            .name = "pinion_gateway_connections",
            .kind = PN_METRIC_GAUGE,
            .help = "Open connections.",
        },
    [PN_METRIC_GATEWAY_CONNECTIONS_REFUSED] =
        {
            .name = "pinion_gateway_connections_refused_total",
            .kind = PN_METRIC_COUNTER,
            .help = "Connections refused because too many were open.",
        },
    [PN_METRIC_GATEWAY_RECEIVED_BYTES] =
        {
            .name = "pinion_gateway_received_bytes_total",
            .kind = PN_METRIC_COUNTER,
            .help = "Bytes of request bodies.",
        },
    [PN_METRIC_GATEWAY_SENT_BYTES] =
        {
            .name = "pinion_gateway_sent_bytes_total",
            .kind = PN_METRIC_COUNTER,
            .help = "Bytes of reply bodies.",
        },
    [PN_METRIC_GATEWAY_RECORDS] =
        {
            .name = "pinion_gateway_records_total",
            .kind = PN_METRIC_COUNTER,
            .help = "Records acknowledged to producers.",
        },
    [PN_METRIC_LOG_APPENDED_RECORDS] =
        {
            .name = "pinion_log_appended_records_total",
            .kind = PN_METRIC_COUNTER,
            .label = "topic",
            .help = "Records appended to the log.",
        },
    [PN_METRIC_LOG_APPENDED_BYTES] =
        {
            .name = "pinion_log_appended_bytes_total",
            .kind = PN_METRIC_COUNTER,
            .label = "topic",
            .help = "Bytes of record batches appended to the log.",
        },
    [PN_METRIC_LOG_COMMIT_SECONDS] =
        {
            .name = "pinion_log_commit_seconds",
            .kind = PN_METRIC_HISTOGRAM,
            .help = "Time of a group commit, from the first write to the last sync.",
            .alarm = "rising: nearly all of it is the disk's sync",
        },
    [PN_METRIC_LOG_FAILED_PARTITIONS] =
        {
            .name = "pinion_log_failed_partitions",
            .kind = PN_METRIC_GAUGE,
            .help = "Partitions that accept no writes after a failed write or sync.",
            .alarm = "above 0: find out what is wrong with the disk, then restart",
        },
    [PN_METRIC_SINK_LANDED_RECORDS] =
        {
            .name = "pinion_sink_landed_records_total",
            .kind = PN_METRIC_COUNTER,
            .label = "topic",
            .help = "Records landed as lines of objects.",
        },
    [PN_METRIC_SINK_OBJECTS] =
        {
            .name = "pinion_sink_objects_total",
            .kind = PN_METRIC_COUNTER,
            .label = "topic",
            .help = "Objects landed, not counting those of dead letters.",
        },
    [PN_METRIC_SINK_DEAD_LETTERS] =
        {
            .name = "pinion_sink_dead_letters_total",
            .kind = PN_METRIC_COUNTER,
            .label = "topic",
            .help = "Records that are not JSON, landed as dead letters.",
            .alarm = "growing: a producer sends records that are not JSON",
        },
    [PN_METRIC_SINK_LOST_RECORDS] =
        {
            .name = "pinion_sink_lost_records_total",
            .kind = PN_METRIC_COUNTER,
            .label = "topic",
            .help = "Records that retention or damage removed from the log before they landed.",
            .alarm = "above 0: retention was faster than landing, or a segment is damaged",
        },
    [PN_METRIC_SINK_ERRORS] =
        {
            .name = "pinion_sink_errors_total",
            .kind = PN_METRIC_COUNTER,
            .label = "topic",
            .help = "Failed attempts to land records.",
            .alarm = "growing: the store refuses objects (disk full, missing permissions)",
        },
    [PN_METRIC_SINK_LAG_RECORDS] =
        {
            .name = "pinion_sink_lag_records",
            .kind = PN_METRIC_GAUGE,
            .label = "topic",
            .help = "Records in the log that have not landed yet.",
            .alarm = "growing: records arrive faster than they land, or landing fails",
        },
    [PN_METRIC_KINESIS_REQUESTS] =
        {
            .name = "pinion_kinesis_requests_total",
            .kind = PN_METRIC_COUNTER,
            .label = "operation",
            .help = "Calls of the Kinesis API, through all interfaces.",
        },
    [PN_METRIC_KINESIS_AGAIN_RECORDS] =
        {
            .name = "pinion_kinesis_again_records_total",
            .kind = PN_METRIC_COUNTER,
            .help = "Records that were sent to the Kinesis of kinesis.endpoint again, because it "
                    "had refused them.",
            .alarm = "growing all the time: the streams have too few shards",
        },
    [PN_METRIC_KINESIS_LOST_RECORDS] =
        {
            .name = "pinion_kinesis_lost_records_total",
            .kind = PN_METRIC_COUNTER,
            .label = "stream",
            .help = "Records in damaged parts of the log that readers of a stream skipped, counted "
                    "once per reader.",
            .alarm = "above 0: consumers of a stream skipped records in a damaged segment",
        },
    [PN_METRIC_STREAM_ROWS] =
        {
            .name = "pinion_stream_rows_total",
            .kind = PN_METRIC_COUNTER,
            .label = "table",
            .help = "Rows appended to stream tables.",
        },
    [PN_METRIC_STREAM_DEAD_LETTERS] =
        {
            .name = "pinion_stream_dead_letters_total",
            .kind = PN_METRIC_COUNTER,
            .label = "table",
            .help = "Records of streams that could not become rows.",
            .alarm = "growing: a producer puts records that cannot become rows",
        },
    [PN_METRIC_STREAM_COMMITS] =
        {
            .name = "pinion_stream_commits_total",
            .kind = PN_METRIC_COUNTER,
            .label = "table",
            .help = "Commits of stream tables.",
        },
    [PN_METRIC_STREAM_CONFLICTS] =
        {
            .name = "pinion_stream_conflicts_total",
            .kind = PN_METRIC_COUNTER,
            .label = "table",
            .help = "Batches that another processor had committed already.",
        },
    [PN_METRIC_STREAM_ERRORS] =
        {
            .name = "pinion_stream_errors_total",
            .kind = PN_METRIC_COUNTER,
            .label = "table",
            .help = "Failed attempts to fill a stream table.",
            .alarm = "growing: the store refuses commits (disk full, missing permissions); pinion "
                     "keeps retrying them",
        },
    [PN_METRIC_STREAM_LOST_RECORDS] =
        {
            .name = "pinion_stream_lost_records_total",
            .kind = PN_METRIC_COUNTER,
            .label = "table",
            .help = "Records that retention or damage removed from the log before they were read.",
            .alarm = "above 0: retention was faster than the processor, or a segment is damaged",
        },
    [PN_METRIC_STREAM_PASSED_OVER_RECORDS] =
        {
            .name = "pinion_stream_passed_over_records_total",
            .kind = PN_METRIC_COUNTER,
            .label = "table",
            .help = "Records skipped because their partition key is not one of the table's.",
            .alarm = "growing: normal for a stream that fills several tables, otherwise a "
                     "producer's mistake",
        },
    [PN_METRIC_STREAM_UNKNOWN_MEMBERS] =
        {
            .name = "pinion_stream_unknown_members_total",
            .kind = PN_METRIC_COUNTER,
            .label = "table",
            .help = "Members of records, at any depth, that no column of the table takes.",
            .alarm = "growing: the log names each member once per processor; `unknown_keys` "
                     "determines what happens to them",
        },
    [PN_METRIC_STREAM_STRAY_RECORDS] =
        {
            .name = "pinion_stream_stray_records",
            .kind = PN_METRIC_GAUGE,
            .label = "stream",
            .help = "Records read since the start whose partition key belongs to no table.",
            .alarm = "above 0: the log names the first ten of these keys",
        },
    [PN_METRIC_STREAM_LAG_RECORDS] =
        {
            .name = "pinion_stream_lag_records",
            .kind = PN_METRIC_GAUGE,
            .label = "table",
            .help =
                "Records of the stream that are not in the table yet. Not of a stream in another "
                "Kinesis, which does not report how many there are.",
            .alarm =
                "growing: records arrive faster than the processor commits them, or commits fail",
        },
    [PN_METRIC_STREAM_BEHIND_SECONDS] =
        {
            .name = "pinion_stream_behind_seconds",
            .kind = PN_METRIC_GAUGE,
            .label = "table",
            .help =
                "Age of the oldest record that was read and is not in the table yet. In another "
                "Kinesis, also how far reading is behind the newest record.",
            .alarm = "growing: the processor does not keep up, or commits fail",
        },
    [PN_METRIC_STREAM_THROTTLED_READS] =
        {
            .name = "pinion_stream_throttled_reads_total",
            .kind = PN_METRIC_COUNTER,
            .help =
                "Reads of shards that the Kinesis of kinesis.endpoint refused as too many; they "
                "are made again later.",
            .alarm = "growing fast: other consumers read the same shards, give kinesis.read_ms a "
                     "larger value",
        },
    [PN_METRIC_STREAM_SUBSCRIPTIONS] =
        {
            .name = "pinion_stream_subscriptions_total",
            .kind = PN_METRIC_COUNTER,
            .help = "Subscriptions to shards that were begun (kinesis.consumer). Each lasts up to "
                    "five minutes.",
            .alarm = "growing faster than one a shard in five minutes: connections break, or "
                     "another process uses the same consumer",
        },
    [PN_METRIC_STREAM_FAILED] =
        {
            .name = "pinion_stream_failed",
            .kind = PN_METRIC_GAUGE,
            .label = "table",
            .help = "1 if the processor of this table has given up, 0 otherwise.",
            .alarm = "above 0: `GET /api/v1/streams` says why",
        },
    [PN_METRIC_STREAM_COMMIT_SECONDS] =
        {
            .name = "pinion_stream_commit_seconds",
            .kind = PN_METRIC_HISTOGRAM,
            .label = "table",
            .help = "Time that commits of stream tables take.",
        },
    [PN_METRIC_STREAM_LATENCY_SECONDS] =
        {
            .name = "pinion_stream_latency_seconds",
            .kind = PN_METRIC_HISTOGRAM,
            .label = "table",
            .help = "Time from the arrival of a batch's oldest record to the batch's commit.",
        },
    [PN_METRIC_STREAM_COMPACTIONS] =
        {
            .name = "pinion_stream_compactions_total",
            .kind = PN_METRIC_COUNTER,
            .help = "Times that small files of a stream table were merged into one.",
        },
    [PN_METRIC_STREAM_MAINTENANCE_ERRORS] =
        {
            .name = "pinion_stream_maintenance_errors_total",
            .kind = PN_METRIC_COUNTER,
            .help = "Failed attempts to compact or clean up a stream table.",
        },
    [PN_METRIC_DAG_RUNS] =
        {
            .name = "pinion_dag_runs_total",
            .kind = PN_METRIC_COUNTER,
            .help = "Runs of DAGs that have ended.",
        },
    [PN_METRIC_DAG_ATTEMPTS_FAILED] =
        {
            .name = "pinion_dag_attempts_failed_total",
            .kind = PN_METRIC_COUNTER,
            .help = "Attempts of tasks that failed.",
            .alarm = "growing: tasks fail; `pinion dag logs` shows why",
        },
    [PN_METRIC_DAG_TASKS_RUNNING] =
        {
            .name = "pinion_dag_tasks_running",
            .kind = PN_METRIC_GAUGE,
            .help = "Tasks that are running.",
        },
    [PN_METRIC_QUERY_QUERIES] =
        {
            .name = "pinion_query_queries_total",
            .kind = PN_METRIC_COUNTER,
            .label = "outcome",
            .help = "Queries over HTTP that have ended: done, failed or cancelled.",
        },
    [PN_METRIC_QUERY_REFUSED] =
        {
            .name = "pinion_query_refused_total",
            .kind = PN_METRIC_COUNTER,
            .help = "Queries that were refused because too many ran and waited.",
            .alarm =
                "growing: clients are answered 429; raise query.concurrency or query.queue, or "
                "look for slow queries at `GET /api/v1/queries`",
        },
    [PN_METRIC_QUERY_RUNNING] =
        {
            .name = "pinion_query_running",
            .kind = PN_METRIC_GAUGE,
            .help = "Queries over HTTP that run now.",
        },
    [PN_METRIC_TABLE_UNKNOWN_MEMBERS] =
        {
            .name = "pinion_table_unknown_members",
            .kind = PN_METRIC_GAUGE,
            .label = "table",
            .help = "Members of records, at every depth, that no column of a raw table takes, as "
                    "of its newest load.",
            .alarm = "above 0: `/health` has an example, and `unknown_keys` says what becomes of "
                     "them",
        },
    [PN_METRIC_TABLE_DEAD_LETTERS] =
        {
            .name = "pinion_table_dead_letters",
            .kind = PN_METRIC_GAUGE,
            .label = "table",
            .second_label = "reason",
            .help = "Dead letters of a table, of loads, streams and the sink, by the rule that "
                    "the record breaks.",
            .alarm = "growing: records come that cannot become rows; `pinion dead-letters list` "
                     "shows them",
        },
    [PN_METRIC_UNREAD_TOPIC_RECORDS] =
        {
            .name = "pinion_unread_topic_records",
            .kind = PN_METRIC_GAUGE,
            .label = "topic",
            .help = "Records of a topic that no table reads.",
            .alarm = "above 0: a name is misspelt, or pipeline.yml lacks a table; `pinion topic "
                     "list` shows which tables read a topic",
        },
    [PN_METRIC_UNREAD_STREAM_RECORDS] =
        {
            .name = "pinion_unread_stream_records",
            .kind = PN_METRIC_GAUGE,
            .label = "stream",
            .help = "Records of a stream that no table reads.",
            .alarm = "above 0: a name is misspelt, or pipeline.yml lacks a table",
        },
};

static const char *const section_titles[][2] = {
    {"gateway", "The gateway: HTTP requests and connections"},
    {"log", "The log: appends and group commits"},
    {"sink", "The sink: from the log to landed objects"},
    {"kinesis", "Streams: the Kinesis API"},
    {"stream", "Streams: from their records to tables"},
    {"dag", "DAGs"},
    {"query", "Queries over HTTP"},
    {"table", "Loads"},
    {"unread", "Records that no table reads"},
};

const char *pn_metric_kind_name(enum pn_metric_kind kind)
{
    static const char *const names[] = {"counter", "gauge", "histogram"};
    return names[kind];
}

static const char *module_of(const struct pn_metric_row *row)
{
    return row->name + strlen("pinion_");
}

static bool starts_section(const struct pn_metric_row *row)
{
    size_t len = strcspn(module_of(row), "_") + 1;
    return row == pn_metrics_table || strncmp(module_of(row - 1), module_of(row), len) != 0;
}

static const char *section_title(const struct pn_metric_row *row)
{
    const char *module = module_of(row);
    size_t len = strcspn(module, "_");
    for (size_t i = 0; i < sizeof section_titles / sizeof *section_titles; i++) {
        if (strlen(section_titles[i][0]) == len &&
            strncmp(section_titles[i][0], module, len) == 0) {
            return section_titles[i][1];
        }
    }
    return module;
}

void pn_metrics_markdown(struct pn_buf *out)
{
    pn_buf_adds(
        out, "# Metrics\n\n"
             "Generated by `pinion metrics --format md`. To change this page, edit the table in\n"
             "src/base.\n\n"
             "`GET /metrics` answers in the text format of Prometheus. A counter starts at 0 with\n"
             "the server and only grows; a gauge is a current value. A histogram has the series\n"
             "`_bucket`, `_sum` and `_count`, in seconds. A metric with a label appears when it\n"
             "has its first value of the label. A label (or two together) has at most 256 values;\n"
             "further ones are counted under `other`.\n\n"
             "The last column says when to alert, and what an alert means.\n");
    for (size_t i = 0; i < PN_METRIC_COUNT; i++) {
        const struct pn_metric_row *row = &pn_metrics_table[i];
        if (starts_section(row)) {
            pn_buf_addf(out,
                        "\n## %s\n\n| name | kind | label | what it counts | alert when |\n"
                        "|---|---|---|---|---|\n",
                        section_title(row));
        }
        pn_buf_addf(out, "| `%s` | %s | ", row->name, pn_metric_kind_name(row->kind));
        if (row->label != NULL) {
            pn_buf_addf(out, row->second_label != NULL ? "`%s`, `%s`" : "`%s`", row->label,
                        row->second_label);
        }
        pn_buf_addf(out, " | %s | %s |\n", row->help, row->alarm != NULL ? row->alarm : "");
    }
}
