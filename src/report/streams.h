/* Streams, and how far tables are from their ends, as rows. */
#ifndef PN_REPORT_STREAMS_H
#define PN_REPORT_STREAMS_H

#include "processor/lag.h"
#include "report/row_writer.h"

struct pn_stream_summary {
    const char *name;
    const char *status; /* "ACTIVE", as Kinesis has it; this and `mode` may be NULL */
    int64_t shards;     /* open ones */
    int64_t retention_hours;
    const char *mode; /* "PROVISIONED" */
    int64_t consumers;
    int64_t created_ms; /* 0: not known */
};

/* stream, status, shards, retention_hours, mode, consumers, created: first the columns, then a row
 * for each stream, which often comes from a call of its own. */
void pn_report_streams_begin(struct pn_row_writer *rows);
void pn_report_stream(const struct pn_stream_summary *stream, struct pn_row_writer *rows);

/* stream, table, shard, position, end, lag, lag_ms, closed, table_version, committed_at, lost: of
 * each table and shard, from pn_processor_lags(). `lag` counts what exists (log/lag.h). */
void pn_report_lags(const struct pn_processor_lag *lags, size_t count, struct pn_row_writer *rows);

#endif
