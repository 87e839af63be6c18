/* pinion stream lag: how far stream tables are behind their streams. */
#include <inttypes.h>
#include <string.h>

#include "base/http_client.h"
#include "base/json.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/stream_reader.h"
#include "report/streams.h"

/* A stream that no table reads, of which `lags` has the shards. */
static void tell_unread(struct pn_cli *cli, const struct pn_processor_lag *lags, size_t count)
{
    int64_t records = 0;
    const struct pn_processor_lag *first = NULL;
    for (size_t i = 0; i < count; i++) {
        records += lags[i].records;
        first = first == NULL && lags[i].records > 0 ? &lags[i] : first;
    }
    if (first != NULL) {
        (void)fprintf(cli->err,
                      "%s: no table reads it, so its %" PRId64 " %s; the first "
                      "is at offset %" PRId64 " of %s\n",
                      first->stream, records,
                      pn_noun(records, "record becomes no row", "records become no rows"),
                      first->end - first->records, first->shard);
    }
}

static void tell_all_unread(struct pn_cli *cli, const struct pn_processor_lag *lags, size_t count)
{
    for (size_t i = 0; i < count;) {
        size_t next = i + 1;
        while (next < count && strcmp(lags[next].stream, lags[i].stream) == 0) {
            next++;
        }
        if (lags[i].table == NULL) {
            tell_unread(cli, &lags[i], next - i);
        }
        i = next;
    }
}

/* --- records that belong to no table
 * ----------------------------------------------------------- */

enum { TIMEOUT_MS = 30000, ANSWER_BYTES_MAX = 64 << 20, KEY_BYTES_MAX = 8192 };

static void tell_key(struct pn_cli *cli, const struct pn_json *key, const char *comma)
{
    struct pn_buf text;
    pn_buf_init(&text, KEY_BYTES_MAX);
    pn_json_write(&text, pn_json_get(key, "partition_key"));
    (void)fprintf(cli->err, "%s %s (%" PRId64 ", the first at %" PRId64 " of shard %" PRId64 ")",
                  comma, pn_buf_text(&text), pn_json_get_i64(key, "records", 0),
                  pn_json_get_i64(key, "offset", 0), pn_json_get_i64(key, "shard", 0));
    pn_buf_deinit(&text);
}

/* One line for a stream with records whose partition key is that of no table. */
static void tell_strays(struct pn_cli *cli, const struct pn_json *table)
{
    const char *stream = NULL;
    size_t len = 0;
    int64_t records = pn_json_get_i64(table, "stray_records", 0);
    int64_t more = pn_json_get_i64(table, "more_stray_records", 0);
    const struct pn_json *keys = pn_json_get(table, "stray_keys");
    if (records == 0 || keys == NULL || !pn_json_get_text(table, "stream", &stream, &len)) {
        return;
    }
    (void)fprintf(
        cli->err,
        "%.*s: %" PRId64
        " records since the server's start have a partition key that belongs to no table:",
        (int)len, stream, records);
    for (const struct pn_json *key = keys->first; key != NULL; key = key->next) {
        tell_key(cli, key, key == keys->first ? "" : ",");
    }
    if (more > 0) {
        (void)fprintf(cli->err, ", further keys (%" PRId64 ")", more);
    }
    (void)fputc('\n', cli->err);
}

/* One line for a table with records that have members which no column takes. */
static void tell_unknown(struct pn_cli *cli, const struct pn_json *table)
{
    const char *name = NULL;
    const char *example = NULL;
    const char *shard = "";
    size_t name_len = 0;
    size_t shard_len = 0;
    size_t example_len = 0;
    (void)pn_json_get_text(table, "unknown_shard", &shard, &shard_len);
    if (pn_json_get_text(table, "table", &name, &name_len) &&
        pn_json_get_text(table, "unknown_example", &example, &example_len)) {
        (void)fprintf(cli->err,
                      "%.*s: %" PRId64
                      " members since the server's start have no column; the first is \"%.*s\" at "
                      "offset %" PRId64 " of %.*s\n",
                      (int)name_len, name, pn_json_get_i64(table, "unknown_members", 0),
                      (int)example_len, example, pn_json_get_i64(table, "unknown_offset", 0),
                      (int)shard_len, shard);
    }
}

static bool is_asked_for(const struct pn_stream_reader *reader, const struct pn_json *table)
{
    for (size_t i = 0; i < reader->config.name_count; i++) {
        if (pn_json_text_is(pn_json_get(table, "stream"), reader->config.names[i])) {
            return true;
        }
    }
    return reader->config.name_count == 0;
}

/* A server that fills the tables knows; not reaching it is not a failure of the command. */
static void tell_all_strays(struct pn_cli *cli, const struct pn_stream_reader *reader)
{
    struct pn_buf answer;
    struct pn_json *root = NULL;
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_err ignored = {0};
    pn_buf_init(&answer, ANSWER_BYTES_MAX);
    if (pn_http_client_call("GET", reader->url, "/api/v1/streams", NULL, TIMEOUT_MS, &answer,
                            &ignored) == 0 &&
        pn_json_parse(parser, pn_buf_text(&answer), answer.len, answer.len, &root, &ignored) == 0) {
        const struct pn_json *tables = pn_json_get(root, "tables");
        for (const struct pn_json *table = tables != NULL ? tables->first : NULL; table != NULL;
             table = table->next) {
            if (is_asked_for(reader, table)) {
                tell_strays(cli, table);
                tell_unknown(cli, table);
            }
        }
    }
    pn_buf_deinit(&answer);
    pn_json_parser_destroy(&parser);
}

int pn_cmd_stream_lag(struct pn_cli *cli, int argc, char **argv)
{
    const struct pn_syntax syntax = {
        .operands = "[STREAM...]",
        .operands_max = -1,
        .uses = PN_USES_URL | PN_USES_FORMAT,
        .about =
            "Shows for each table and shard: the position of the next record for the table, "
            "the end of the shard, the number of records in between, and the age of the first "
            "of these. The figures come from the tables themselves, so it does not matter "
            "which process fills them. A stream that no table reads is listed without a table, "
            "with all its records. The server counts records whose partition key belongs "
            "to no table; they are reported on standard error.",
        .examples = "pinion stream lag\npinion stream lag --format json\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_stream_reader reader;
    struct pn_processor_lag *lags = NULL;
    size_t count = 0;
    struct pn_err failure = {0};
    int rc = pn_stream_reader_open(cli, true, argv, argc, &reader, &failure);
    if (rc == 0) {
        rc = pn_processor_lags(&reader.config, &reader.env, &reader.arena, &lags, &count, &failure);
    }
    if (rc == 0) {
        struct pn_row_writer *rows = pn_cli_rows(cli);
        pn_report_lags(lags, count, rows);
        pn_row_writer_end(&rows);
        tell_all_unread(cli, lags, count);
        if (reader.url != NULL) {
            tell_all_strays(cli, &reader);
        }
    }
    pn_stream_reader_close(&reader);
    return rc == 0 ? PN_EXIT_OK : pn_cli_fail(cli, &failure);
}
