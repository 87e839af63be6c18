/* A session of `pinion stream`: calls of the API, and what several sub-commands say. */

#include <string.h>

#include "base/json.h"
#include "cli/stream.h"
#include "kinesis/api/wire.h"
#include "kinesis/kinesis.h"

enum { INPUT_BYTES_MAX = 1 << 20, AWAIT_PAUSE_MS = 100, AWAIT_TIMES = 600 };

int pn_stream_session_open(struct pn_cli *cli, enum pn_cli_deed deed,
                           struct pn_stream_session *session, struct pn_err *e)
{
    *session = (struct pn_stream_session){.cli = cli};
    pn_buf_init(&session->input, INPUT_BYTES_MAX);
    pn_arena_init(&session->arena, 0);
    return pn_kinesis_client_open(cli, deed, &session->client, e);
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

struct pn_json_writer *pn_stream_input(struct pn_stream_session *session, const char *stream)
{
    pn_buf_reset(&session->input);
    session->stream = stream;
    pn_json_writer_init(&session->json, &session->input);
    pn_json_put_object(&session->json);
    if (stream != NULL) {
        pn_json_add_cstr(&session->json, "StreamName", stream);
    }
    return &session->json;
}

/* A missing shard or consumer has the same name as a missing stream. */
static bool misses_stream(const struct pn_err *e)
{
    static const char start[] = "ResourceNotFoundException: Stream ";
    return strncmp(e->msg, start, strlen(start)) == 0;
}

static int explain(const char *operation, const char *stream, struct pn_err *e)
{
    bool creates = strcmp(operation, "CreateStream") == 0;
    if (misses_stream(e)) {
        return pn_err_missing(e, "there is no stream %s: `pinion stream list` shows all streams",
                              stream);
    }
    if (creates && !pn_stream_name_valid(stream, strlen(stream))) {
        return pn_err_input(
            e,
            "invalid stream name \"%.128s\": give 1 to %d letters, digits, '.', '_' "
            "and '-'",
            stream, PN_STREAM_NAME_MAX);
    }
    if (creates && pn_kinesis_client_error_is(e, "ResourceInUseException")) {
        return pn_err_set(e, PN_CLASS_CONFLICT, PN_FAIL,
                          "the stream %s exists already: `pinion stream list` shows all streams",
                          stream);
    }
    return PN_FAIL;
}

int pn_stream_call(struct pn_stream_session *session, const char *operation,
                   const struct pn_json **output, struct pn_err *e)
{
    pn_json_end(&session->json);
    int rc = pn_kinesis_client_call(session->client, operation, &session->input, output, e);
    return rc != 0 && session->stream != NULL && e != NULL ? explain(operation, session->stream, e)
                                                           : rc;
}

void pn_stream_time_cell(struct pn_row_writer *output, const struct pn_json *seconds)
{
    if (seconds == NULL || seconds->type != PN_JSON_NUMBER) {
        pn_cell_null(output);
    } else {
        pn_cell_time(output, pn_wire_timestamp_ms(seconds));
    }
}

int pn_stream_summary(struct pn_stream_session *session, const char *name,
                      const struct pn_json **summary, struct pn_err *e)
{
    const struct pn_json *output = NULL;
    pn_stream_input(session, name);
    int rc = pn_stream_call(session, "DescribeStreamSummary", &output, e);
    *summary = rc == 0 ? pn_json_get(output, "StreamDescriptionSummary") : NULL;
    return rc;
}

int pn_stream_no_shard(const char *stream, const char *shard, struct pn_err *e)
{
    return pn_err_missing(e,
                          "the stream %s has no shard %s: `pinion stream describe %s` shows them",
                          stream, shard, stream);
}

int pn_stream_await(struct pn_stream_session *session, const char *stream, struct pn_err *e)
{
    for (int i = 0; i < AWAIT_TIMES; i++) {
        const struct pn_json *summary = NULL;
        int rc = pn_stream_summary(session, stream, &summary, e);
        if (rc != 0 || pn_json_text_is(pn_json_get(summary, "StreamStatus"), "ACTIVE")) {
            return rc;
        }
        pn_sleep_ms(AWAIT_PAUSE_MS);
    }
    return pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                      "the stream %s is still not ACTIVE: `pinion stream list` shows its state",
                      stream);
}

const char *pn_stream_keep_text(struct pn_stream_session *session, const struct pn_json *object,
                                const char *key)
{
    const char *text = NULL;
    size_t len = 0;
    return pn_json_get_text(object, key, &text, &len) ? pn_arena_strndup(&session->arena, text, len)
                                                      : NULL;
}
