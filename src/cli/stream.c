/* pinion stream: the streams that producers put records into, and what is in them. */
#include "cli/stream.h"

#include <string.h>

#include "base/json.h"
#include "cli/commands.h"
#include "cli/output.h"

enum { INPUT_BYTES_MAX = 1 << 20, LIST_LIMIT = 100 };

/* --- the session ------------------------------------------------------------------------------ */

int pn_stream_session_open(struct pn_cli *cli, struct pn_stream_session *session, struct pn_err *e)
{
    *session = (struct pn_stream_session){.cli = cli};
    pn_buf_init(&session->input, INPUT_BYTES_MAX);
    pn_arena_init(&session->arena, 0);
    return pn_kinesis_client_open(cli, &session->client, e);
}

int pn_stream_session_finish(struct pn_stream_session *session, int rc,
                             const struct pn_err *failure)
{
    int status = rc == 0 ? PN_EXIT_OK : pn_cli_fail(session->cli, failure);
    pn_kinesis_client_close(&session->client);
    pn_arena_deinit(&session->arena);
    pn_buf_deinit(&session->input);
    return status;
}

void pn_stream_input(struct pn_stream_session *session, const char *stream)
{
    pn_buf_reset(&session->input);
    pn_buf_addc(&session->input, '{');
    if (stream != NULL) {
        pn_json_write_key(&session->input, "StreamName");
        pn_json_write_cstr(&session->input, stream);
    }
}

int pn_stream_call(struct pn_stream_session *session, const char *operation,
                   const struct pn_json **output, struct pn_err *e)
{
    pn_buf_addc(&session->input, '}');
    return pn_kinesis_client_call(session->client, operation, &session->input, output, e);
}

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
        pn_stream_input(session, NULL);
        pn_buf_addf(&session->input, "\"Limit\":%d", LIST_LIMIT);
        if (token != NULL) {
            pn_json_write_key(&session->input, "ExclusiveStartStreamName");
            pn_json_write_cstr(&session->input, token);
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

static void text_cell(struct pn_output *output, const struct pn_json *object, const char *key)
{
    const char *text = NULL;
    size_t len = 0;
    if (pn_json_get_text(object, key, &text, &len)) {
        pn_output_text(output, text, len);
    } else {
        pn_output_null(output);
    }
}

/* AWS gives times in seconds, with a fraction. */
static void time_cell(struct pn_output *output, const struct pn_json *seconds)
{
    char text[PN_ISO8601_SIZE];
    if (seconds == NULL || seconds->type != PN_JSON_NUMBER) {
        pn_output_null(output);
        return;
    }
    pn_output_cstr(output, pn_iso8601((int64_t)(seconds->number * 1e3 + 0.5), text));
}

static void print_summary(struct pn_output *output, const struct pn_json *summary)
{
    const struct pn_json *mode = pn_json_get(summary, "StreamModeDetails");
    text_cell(output, summary, "StreamName");
    text_cell(output, summary, "StreamStatus");
    pn_output_int(output, pn_json_get_i64(summary, "OpenShardCount", 0));
    pn_output_int(output, pn_json_get_i64(summary, "RetentionPeriodHours", 0));
    text_cell(output, mode, "StreamMode");
    pn_output_int(output, pn_json_get_i64(summary, "ConsumerCount", 0));
    time_cell(output, pn_json_get(summary, "StreamCreationTimestamp"));
}

static int print_streams(struct pn_stream_session *session, struct pn_err *e)
{
    static const struct pn_output_column columns[] = {
        {"stream", false}, {"status", false},   {"shards", true},  {"retention_hours", true},
        {"mode", false},   {"consumers", true}, {"created", false}};
    const char **names = NULL;
    size_t count = 0;
    int rc = collect_names(session, &names, &count, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_output *output = pn_output_create(session->cli->out, session->cli->format, columns,
                                                sizeof columns / sizeof *columns);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const struct pn_json *described = NULL;
        pn_stream_input(session, names[i]);
        rc = pn_stream_call(session, "DescribeStreamSummary", &described, e);
        if (rc == 0) {
            print_summary(output, pn_json_get(described, "StreamDescriptionSummary"));
        }
    }
    pn_output_end(&output);
    return rc;
}

static int cmd_list(struct pn_cli *cli, int argc, char **argv)
{
    const struct pn_syntax syntax = {
        .uses = PN_USES_URL | PN_USES_FORMAT,
        .about = "Every stream, with its open shards, how long it keeps records, and its mode. "
                 "Asks the server that runs on the data folder, or the one of --url.",
        .examples = "pinion stream list\n"
                    "pinion stream list --url http://127.0.0.1:8082 --format json\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    struct pn_stream_session session;
    int rc = pn_stream_session_open(cli, &session, &failure);
    if (rc == 0) {
        rc = print_streams(&session, &failure);
    }
    return pn_stream_session_finish(&session, rc, &failure);
}

/* --- the command ------------------------------------------------------------------------------ */

int pn_cmd_stream(struct pn_cli *cli, int argc, char **argv)
{
    static const struct pn_command commands[] = {
        {"list", "every stream, with its shards and settings", cmd_list},
        {NULL, NULL, NULL},
    };
    return pn_cli_dispatch(cli, commands, argc, argv);
}
