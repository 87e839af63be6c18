/* pinion stream: the streams that producers put records into, and what is in them. */
#include "cli/stream.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "base/units.h"
#include "cli/commands.h"
#include "kinesis/api/wire.h"
#include "report/streams.h"

enum { LIST_LIMIT = 100 };

#define HOUR_MS              (INT64_C(3600) * 1000)
#define RETENTION_MS_DEFAULT (24 * HOUR_MS)
#define RETENTION_MS_MAX     (8760 * HOUR_MS)

/* --- list ------------------------------------------------------------------------------------- */

/* All names, in the arena: they come a page at a time. */
static int collect_names(struct pn_stream_session *session, const char ***names, size_t *count,
                         struct pn_err *e)
{
    const char *token = NULL;
    size_t capacity = 0;
    bool more = true;
    *names = NULL;
    *count = 0;
    while (more) {
        const struct pn_json *output = NULL;
        struct pn_json_writer *input = pn_stream_input(session, NULL);
        pn_json_add_i64(input, "Limit", LIST_LIMIT);
        if (token != NULL) {
            pn_json_add_cstr(input, "ExclusiveStartStreamName", token);
        }
        int rc = pn_stream_call(session, "ListStreams", &output, e);
        if (rc != 0) {
            return rc;
        }
        const struct pn_json *page = pn_json_get(output, "StreamNames");
        more = page != NULL && page->count > 0 && pn_json_get_bool(output, "HasMoreStreams", false);
        for (const struct pn_json *name = page != NULL ? page->first : NULL; name != NULL;
             name = name->next) {
            if (*count == capacity) {
                size_t doubled = capacity == 0 ? LIST_LIMIT : 2 * capacity;
                const char **grown = pn_arena_calloc(&session->arena, doubled, sizeof *grown);
                if (*count > 0) {
                    memcpy(grown, *names, *count * sizeof *grown);
                }
                *names = grown;
                capacity = doubled;
            }
            token = pn_arena_strndup(&session->arena, name->text, name->text_len);
            (*names)[(*count)++] = token;
        }
    }
    return 0;
}

static void print_summary(struct pn_stream_session *session, struct pn_row_writer *rows,
                          const struct pn_json *summary)
{
    const struct pn_json *mode = pn_json_get(summary, "StreamModeDetails");
    const struct pn_json *created = pn_json_get(summary, "StreamCreationTimestamp");
    const struct pn_stream_summary stream = {
        .name = pn_stream_keep_text(session, summary, "StreamName"),
        .status = pn_stream_keep_text(session, summary, "StreamStatus"),
        .shards = pn_json_get_i64(summary, "OpenShardCount", 0),
        .retention_hours = pn_json_get_i64(summary, "RetentionPeriodHours", 0),
        .mode = pn_stream_keep_text(session, mode, "StreamMode"),
        .consumers = pn_json_get_i64(summary, "ConsumerCount", 0),
        .created_ms =
            created != NULL && created->type == PN_JSON_NUMBER ? pn_wire_timestamp_ms(created) : 0};
    pn_report_stream(&stream, rows);
}

static int print_streams(struct pn_stream_session *session, struct pn_err *e)
{
    const char **names = NULL;
    size_t count = 0;
    int rc = collect_names(session, &names, &count, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_row_writer *rows = pn_cli_rows(session->cli);
    pn_report_streams_begin(rows);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const struct pn_json *described = NULL;
        pn_stream_input(session, names[i]);
        rc = pn_stream_call(session, "DescribeStreamSummary", &described, e);
        if (rc == 0) {
            print_summary(session, rows, pn_json_get(described, "StreamDescriptionSummary"));
        }
    }
    pn_row_writer_close(&rows, rc);
    return rc;
}

static int cmd_list(struct pn_cli *cli, int argc, char **argv)
{
    const struct pn_syntax syntax = {
        .uses = PN_USES_URL | PN_USES_FORMAT,
        .about = "Lists every stream with its open shards, its retention and its mode. Works with "
                 "and without a server on the data folder; --url selects another server.",
        .examples = "pinion stream list\n"
                    "pinion stream list --url http://127.0.0.1:8082 --format json\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    struct pn_stream_session session;
    int rc = pn_stream_session_open(cli, PN_CLI_LOOKS, &session, &failure);
    if (rc == 0) {
        rc = print_streams(&session, &failure);
    }
    return pn_stream_session_finish(&session, rc, &failure);
}

/* --- create ----------------------------------------------------------------------------------- */

struct create {
    const char *name;
    int64_t shards; /* 0: as many as the mode has by default */
    int64_t retention_ms;
    bool on_demand;
};

static int create(struct pn_stream_session *session, const struct create *wanted, struct pn_err *e)
{
    const struct pn_json *output = NULL;
    struct pn_json_writer *input = pn_stream_input(session, wanted->name);
    if (wanted->on_demand) {
        pn_json_add_object(input, "StreamModeDetails");
        pn_json_add_cstr(input, "StreamMode", "ON_DEMAND");
        pn_json_end(input);
    } else {
        pn_json_add_i64(input, "ShardCount", wanted->shards > 0 ? wanted->shards : 1);
    }
    int rc = pn_stream_call(session, "CreateStream", &output, e);
    if (rc == 0) {
        rc = pn_stream_await(session, wanted->name, e);
    }
    if (rc == 0 && wanted->retention_ms != RETENTION_MS_DEFAULT) {
        input = pn_stream_input(session, wanted->name);
        pn_json_add_i64(input, "RetentionPeriodHours", wanted->retention_ms / HOUR_MS);
        rc = pn_stream_call(session, "IncreaseStreamRetentionPeriod", &output, e);
        if (rc != 0) {
            pn_err_prefix(e, "the stream was created, but with a retention of 24h");
        }
    }
    if (rc == 0) {
        rc = pn_stream_await(session, wanted->name, e);
    }
    return rc;
}

/* A row of `list`. */
static int print_stream(struct pn_stream_session *session, const char *name, struct pn_err *e)
{
    const struct pn_json *summary = NULL;
    int rc = pn_stream_summary(session, name, &summary, e);
    if (rc == 0) {
        struct pn_row_writer *rows = pn_cli_rows(session->cli);
        pn_report_streams_begin(rows);
        print_summary(session, rows, summary);
        pn_row_writer_end(&rows);
    }
    return rc;
}

static int cmd_create(struct pn_cli *cli, int argc, char **argv)
{
    struct create wanted = {.retention_ms = RETENTION_MS_DEFAULT};
    const struct pn_opt opts[] = {
        {.name = "shards",
         .kind = PN_OPT_INT,
         .value = "N",
         .help = "number of shards (1)",
         .target = &wanted.shards,
         .min = 1,
         .max = PN_STREAM_SHARDS_MAX},
        {.name = "retention",
         .kind = PN_OPT_DURATION,
         .value = "TIME",
         .help = "retention of its records, 24h to 365d, in whole hours (24h)",
         .target = &wanted.retention_ms,
         .min = RETENTION_MS_DEFAULT,
         .max = RETENTION_MS_MAX},
        {.name = "on-demand",
         .kind = PN_OPT_FLAG,
         .help = "create it in the mode ON_DEMAND, which starts with 4 shards",
         .target = &wanted.on_demand},
        {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "NAME",
        .operands_min = 1,
        .operands_max = 1,
        .opts = opts,
        .uses = PN_USES_URL | PN_USES_FORMAT,
        .about = "Creates a stream and shows it in the form of list.",
        .examples = "pinion stream create clicks --shards 2\n"
                    "pinion stream create clicks --on-demand --retention 7d\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    if (wanted.on_demand && wanted.shards > 0) {
        return pn_cli_usage(cli, "--on-demand and --shards exclude each other");
    }
    if (wanted.retention_ms % HOUR_MS != 0) {
        return pn_cli_usage(cli, "--retention takes whole hours");
    }
    wanted.name = argv[0];
    struct pn_err failure = {0};
    struct pn_stream_session session;
    int rc = pn_stream_session_open(cli, PN_CLI_MAKES, &session, &failure);
    if (rc == 0) {
        rc = create(&session, &wanted, &failure);
    }
    if (rc == 0) {
        rc = print_stream(&session, wanted.name, &failure);
    }
    return pn_stream_session_finish(&session, rc, &failure);
}

/* --- delete ----------------------------------------------------------------------------------- */

static int remove_stream(struct pn_stream_session *session, const char *name, bool with_consumers,
                         struct pn_err *e)
{
    const struct pn_json *output = NULL;
    pn_stream_input(session, name);
    if (with_consumers) {
        pn_json_add_bool(&session->json, "EnforceConsumerDeletion", true);
    }
    int rc = pn_stream_call(session, "DeleteStream", &output, e);
    if (rc != 0 && !with_consumers && pn_kinesis_client_error_is(e, "ResourceInUseException")) {
        pn_err_add(e, " Give --with-consumers to delete its registered consumers, too.");
    }
    return rc;
}

static int cmd_delete(struct pn_cli *cli, int argc, char **argv)
{
    bool yes = false;
    bool with_consumers = false;
    const struct pn_opt opts[] = {{.name = "yes",
                                   .short_name = 'y',
                                   .kind = PN_OPT_FLAG,
                                   .help = "don't ask",
                                   .target = &yes},
                                  {.name = "with-consumers",
                                   .kind = PN_OPT_FLAG,
                                   .help = "also delete its registered consumers; otherwise a "
                                           "stream with consumers is not deleted",
                                   .target = &with_consumers},
                                  {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "NAME",
        .operands_min = 1,
        .operands_max = 1,
        .opts = opts,
        .uses = PN_USES_URL,
        .about = "Deletes a stream and all its records, after you confirm it.",
        .examples = "pinion stream delete clicks\n"
                    "pinion stream delete clicks --yes --with-consumers\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    struct pn_stream_session session;
    const struct pn_json *summary = NULL;
    int64_t shards = 0;
    int rc = pn_stream_session_open(cli, PN_CLI_CHANGES, &session, &failure);
    if (rc == 0) {
        rc = pn_stream_summary(&session, argv[0], &summary, &failure);
    }
    if (rc == 0) {
        shards = pn_json_get_i64(summary, "OpenShardCount", 0);
    }
    if (rc == 0 && !yes &&
        !pn_cli_confirm(cli, "Delete the stream %s and all its records?", argv[0])) {
        rc = pn_err_input(&failure, "the stream %s was not deleted: answer y, or give --yes",
                          argv[0]);
    }
    if (rc == 0) {
        rc = remove_stream(&session, argv[0], with_consumers, &failure);
    }
    if (rc == 0) {
        (void)fprintf(cli->out, "deleted the stream %s: %" PRId64 " open %s\n", argv[0], shards,
                      pn_noun(shards, "shard", "shards"));
    }
    return pn_stream_session_finish(&session, rc, &failure);
}

/* --- the command ------------------------------------------------------------------------------ */

int pn_cmd_stream(struct pn_cli *cli, int argc, char **argv)
{
    static const struct pn_command commands[] = {
        {"list", "list the streams, with their shards and settings", cmd_list},
        {"create", "create a stream", cmd_create},
        {"describe", "show the shards of a stream", pn_cmd_stream_describe},
        {"reshard", "change the number of a stream's shards", pn_cmd_stream_reshard},
        {"tail", "show a stream's records", pn_cmd_stream_tail},
        {"process", "fill the stream tables", pn_cmd_stream_process},
        {"lag", "show how many records the stream tables lack", pn_cmd_stream_lag},
        {"delete", "delete a stream and its records", cmd_delete},
        {NULL, NULL, NULL},
    };
    return pn_cli_dispatch(cli, commands, argc, argv);
}
