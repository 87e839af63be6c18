#include "server/kinesis_check.h"

#include <stdlib.h>
#include <string.h>

#include "aws/remote/remote.h"
#include "base/json.h"
#include "base/json_writer.h"
#include "processor/kinesis_consumer.h"
#include "server/stations.h"

enum { INPUT_BYTES_MAX = 4096, REPLY_BYTES_MAX = 1 << 20 };

struct asking {
    struct pn_remote *remote;
    struct pn_buf input;
    struct pn_remote_call call;
};

/* Asks, and gives back why it was refused, as an error. */
static int ask(struct asking *asking, const char *operation, bool *missing, struct pn_err *e)
{
    struct pn_remote_call *call = &asking->call;
    struct pn_remote_reason reason;
    pn_buf_reset(&call->reply);
    call->operation = operation;
    call->body = pn_buf_text(&asking->input);
    call->body_len = asking->input.len;
    call->rc = 0;
    *missing = false;
    pn_remote_call(asking->remote, call);
    if (call->rc != 0) {
        pn_err_copy(e, &call->failure);
        return call->rc;
    }
    if (call->status == 200) {
        return 0;
    }
    pn_remote_reason_of(call, &reason);
    *missing = strcmp(reason.type, "ResourceNotFoundException") == 0;
    return pn_err_fatal(e, "%s is answered %ld: %s%s%s", operation, call->status,
                        reason.type[0] != '\0' ? reason.type : "no reason is given",
                        reason.message[0] != '\0' ? ": " : "", reason.message);
}

static void write_input(struct pn_buf *input, const char *name)
{
    struct pn_json_writer json;
    pn_buf_reset(input);
    pn_json_writer_init(&json, input);
    pn_json_put_object(&json);
    if (name != NULL) {
        pn_json_add_cstr(&json, "StreamName", name);
    }
    pn_json_end(&json);
}

static int ask_streams(struct asking *asking, const struct pn_pipeline *pipeline, struct pn_err *e)
{
    for (size_t i = 0; i < pipeline->stream_count; i++) {
        struct pn_err why = {0};
        bool missing = false;
        write_input(&asking->input, pipeline->streams[i].name);
        int rc = ask(asking, "DescribeStreamSummary", &missing, &why);
        if (rc != 0 && missing) {
            return pn_err_missing(e,
                                  "the stream %s is not there: create it with %d shards, by "
                                  "`aws kinesis create-stream` or deploy/terraform, or set "
                                  "aws.region to where it is",
                                  pipeline->streams[i].name, (int)pipeline->streams[i].shards);
        }
        if (rc != 0) {
            pn_err_copy(e, &why);
            return rc;
        }
    }
    return 0;
}

/* Reads a stream as the processor of its tables would: its oldest record. */
static int check_reading(const struct pn_app *app, const char *stream, struct pn_err *e)
{
    struct pn_processor_source *source = NULL;
    struct pn_processor_source_stream described = {0};
    struct pn_processor_source_records read = {0};
    const struct pn_processor_place oldest = {.ended = false};
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    int rc = pn_app_open_stream_source(app, false, &source, e);
    if (rc == 0) {
        rc = pn_processor_source_describe(source, stream, &arena, &described, e);
    }
    if (rc == 0 && described.shard_count > 0) {
        rc = pn_processor_source_read(source, stream, described.id, described.shards[0].index, 0,
                                      &oldest, 1, 1, &arena, &read, e);
    }
    if (rc != 0) {
        pn_err_prefix(e, "the stream %s cannot be read, and fills tables", stream);
        pn_err_add(e, ". Reading needs the actions kinesis:DescribeStreamSummary, ListShards, "
                      "GetShardIterator and GetRecords");
    }
    pn_processor_source_destroy(&source);
    pn_arena_deinit(&arena);
    return rc;
}

/* The ARN in the summary that was asked for last; malloc'ed, NULL: there is none. */
static char *read_arn(const struct asking *asking)
{
    struct pn_json *root = NULL;
    struct pn_json_parser *parser = pn_json_parser_create();
    const struct pn_buf *reply = &asking->call.reply;
    int rc = pn_json_parse(parser, pn_buf_text(reply), reply->len, reply->len, &root, NULL);
    const struct pn_json *summary = rc == 0 ? pn_json_get(root, "StreamDescriptionSummary") : NULL;
    char *arn = pn_json_dup(pn_json_get(summary, "StreamARN"));
    pn_json_parser_destroy(&parser);
    return arn;
}

/* Asks for the consumer of the stream with that ARN. */
static int ask_consumer(struct asking *asking, const char *consumer, const char *stream_arn,
                        bool *missing, struct pn_err *e)
{
    struct pn_json_writer json;
    pn_buf_reset(&asking->input);
    pn_json_writer_init(&json, &asking->input);
    pn_json_put_object(&json);
    if (pn_kinesis_consumer_is_arn(consumer)) {
        pn_json_add_cstr(&json, "ConsumerARN", consumer);
    } else {
        pn_json_add_cstr(&json, "StreamARN", stream_arn);
        pn_json_add_cstr(&json, "ConsumerName", consumer);
    }
    pn_json_end(&json);
    return ask(asking, "DescribeStreamConsumer", missing, e);
}

/* Looks for the consumer as which the stream is subscribed to. One that is named may be missing:
 * it is registered when tables are filled. Nothing is registered here, and nothing subscribed to,
 * which would end the subscription of a running worker. */
static int check_consumer(struct asking *asking, const char *consumer, const char *stream,
                          struct pn_err *e)
{
    bool missing = false;
    bool is_other = false;
    write_input(&asking->input, stream);
    int rc = ask(asking, "DescribeStreamSummary", &missing, e);
    char *arn = rc == 0 ? read_arn(asking) : NULL;
    if (rc == 0 && arn != NULL) {
        rc = pn_kinesis_consumer_check_stream(consumer, stream, arn, e);
        is_other = rc != 0;
    }
    if (rc == 0) {
        rc = ask_consumer(asking, consumer, arn != NULL ? arn : "", &missing, e);
    }
    free(arn);
    if (rc == 0 || is_other) {
        return rc;
    }
    if (missing && !pn_kinesis_consumer_is_arn(consumer)) {
        return 0;
    }
    pn_err_prefix(e, "the stream %s cannot be subscribed to as kinesis.consumer", stream);
    pn_err_add(e, ". Subscribing needs the actions kinesis:DescribeStreamConsumer, "
                  "kinesis:RegisterStreamConsumer and kinesis:SubscribeToShard");
    return rc;
}

static int check_consumers(const struct pn_app *app, struct asking *asking, struct pn_err *e)
{
    const char *consumer = app->settings->kinesis.consumer;
    int rc = consumer[0] != '\0' ? pn_kinesis_consumer_check(consumer, e) : 0;
    for (size_t i = 0; rc == 0 && consumer[0] != '\0' && i < app->pipeline->stream_count; i++) {
        const struct pn_pipeline_stream *stream = &app->pipeline->streams[i];
        rc = stream->flow_count > 0 ? check_consumer(asking, consumer, stream->name, e) : 0;
    }
    return rc;
}

static int check_readings(const struct pn_app *app, struct pn_err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < app->pipeline->stream_count; i++) {
        const struct pn_pipeline_stream *stream = &app->pipeline->streams[i];
        rc = stream->flow_count > 0 ? check_reading(app, stream->name, e) : 0;
    }
    return rc;
}

int pn_app_check_kinesis(const struct pn_app *app, struct pn_buf *detail, struct pn_err *e)
{
    const struct pn_settings *settings = app->settings;
    const struct pn_remote_config config = {.endpoint = settings->kinesis.endpoint,
                                            .region = settings->aws.region};
    const struct pn_remote_env env = {.io = app->io, .clock = app->clock, .metrics = app->metrics};
    struct asking asking = {.remote = NULL};
    bool missing = false;
    pn_buf_init(&asking.input, INPUT_BYTES_MAX);
    pn_buf_init(&asking.call.reply, REPLY_BYTES_MAX);
    int rc = pn_remote_create(&config, &env, &asking.remote, e);
    if (rc == 0) {
        write_input(&asking.input, NULL);
        rc = ask(&asking, "ListStreams", &missing, e);
    }
    if (rc == 0) {
        rc = ask_streams(&asking, app->pipeline, e);
    }
    if (rc == 0) {
        rc = check_readings(app, e);
    }
    if (rc == 0) {
        rc = check_consumers(app, &asking, e);
    }
    if (rc == 0) {
        pn_buf_addf(detail,
                    "Kinesis (kinesis.endpoint %s, region %s) answers, and has the "
                    "pipeline's %zu streams, of which those that fill tables can be read",
                    settings->kinesis.endpoint, settings->aws.region, app->pipeline->stream_count);
    }
    pn_remote_destroy(&asking.remote);
    pn_buf_deinit(&asking.call.reply);
    pn_buf_deinit(&asking.input);
    return rc;
}
