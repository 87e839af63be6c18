/* pinion stream lag: how far stream tables are behind their streams. */
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/stream_reader.h"
#include "stream/lag.h"

static void number_cell(struct pn_output *output, int64_t value)
{
    if (value < 0) {
        pn_output_null(output);
    } else {
        pn_output_int(output, value);
    }
}

static void print_lags(struct pn_cli *cli, const struct pn_stream_lag *lags, size_t count)
{
    static const struct pn_output_column columns[] = {
        {"stream", false},       {"table", false},        {"shard", false}, {"position", true},
        {"end", true},           {"lag", true},           {"lag_ms", true}, {"closed", false},
        {"table_version", true}, {"committed_at", false},
    };
    struct pn_output *output =
        pn_output_create(cli->out, cli->format, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < count; i++) {
        const struct pn_stream_lag *lag = &lags[i];
        char time[PN_ISO8601_SIZE];
        pn_output_cstr(output, lag->stream);
        pn_output_cstr(output, lag->table);
        pn_output_cstr(output, lag->shard);
        number_cell(output, lag->position);
        number_cell(output, lag->shard != NULL ? lag->end : -1);
        number_cell(output, lag->records);
        number_cell(output, lag->ms);
        pn_output_bool(output, lag->closed);
        number_cell(output, lag->version);
        pn_output_cstr(output, lag->version >= 0 ? pn_iso8601(lag->version_ms, time) : NULL);
    }
    pn_output_end(&output);
}

int pn_cmd_stream_lag(struct pn_cli *cli, int argc, char **argv)
{
    const struct pn_syntax syntax = {
        .operands = "[STREAM...]",
        .operands_max = -1,
        .uses = PN_USES_URL | PN_USES_FORMAT,
        .about = "For each table and shard: the next record the table gets, the end of the shard,"
                 " the records between, and how old the first of these is. Computed from the"
                 " tables themselves, whoever fills them.",
        .examples = "pinion stream lag\npinion stream lag --format json\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_stream_reader reader;
    struct pn_stream_lag *lags = NULL;
    size_t count = 0;
    struct pn_err failure = {0};
    int rc = pn_stream_reader_open(cli, true, argv, argc, &reader, &failure);
    if (rc == 0) {
        rc = pn_stream_lags(&reader.config, &reader.env, &reader.arena, &lags, &count, &failure);
    }
    if (rc == 0) {
        print_lags(cli, lags, count);
    }
    pn_stream_reader_close(&reader);
    return rc == 0 ? PN_EXIT_OK : pn_cli_fail(cli, &failure);
}
