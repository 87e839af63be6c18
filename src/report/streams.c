#include "report/streams.h"

void pn_report_streams_begin(struct pn_row_writer *rows)
{
    static const struct pn_report_column columns[] = {
        {"stream", PN_CELL_TEXT},         {"status", PN_CELL_TEXT}, {"shards", PN_CELL_INT},
        {"retention_hours", PN_CELL_INT}, {"mode", PN_CELL_TEXT},   {"consumers", PN_CELL_INT},
        {"created", PN_CELL_TIME}};
    PN_ROWS_BEGIN(rows, columns);
}

void pn_report_stream(const struct pn_stream_summary *stream, struct pn_row_writer *rows)
{
    pn_cell_cstr(rows, stream->name);
    pn_cell_cstr(rows, stream->status);
    pn_cell_int(rows, stream->shards);
    pn_cell_int(rows, stream->retention_hours);
    pn_cell_cstr(rows, stream->mode);
    pn_cell_int(rows, stream->consumers);
    pn_cell_time_if(rows, stream->created_ms);
}

void pn_report_lags(const struct pn_processor_lag *lags, size_t count, struct pn_row_writer *rows)
{
    static const struct pn_report_column columns[] = {
        {"stream", PN_CELL_TEXT},       {"table", PN_CELL_TEXT},  {"shard", PN_CELL_TEXT},
        {"position", PN_CELL_WIDE},     {"end", PN_CELL_WIDE},    {"lag", PN_CELL_INT},
        {"lag_ms", PN_CELL_INT},        {"closed", PN_CELL_BOOL}, {"table_version", PN_CELL_INT},
        {"committed_at", PN_CELL_TIME}, {"lost", PN_CELL_INT},
    };
    PN_ROWS_BEGIN(rows, columns);
    for (size_t i = 0; i < count; i++) {
        const struct pn_processor_lag *lag = &lags[i];
        pn_cell_cstr(rows, lag->stream);
        pn_cell_cstr(rows, lag->table);
        pn_cell_cstr(rows, lag->shard);
        pn_cell_known(rows, lag->position);
        pn_cell_known(rows, lag->shard != NULL ? lag->end : -1);
        pn_cell_known(rows, lag->records);
        pn_cell_known(rows, lag->ms);
        pn_cell_bool(rows, lag->closed);
        pn_cell_known(rows, lag->version);
        pn_cell_time_if(rows, lag->version >= 0 ? lag->version_ms : 0);
        pn_cell_known(rows, lag->lost);
    }
}
