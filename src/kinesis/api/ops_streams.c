/* CreateStream, DeleteStream, DescribeStream, DescribeStreamSummary, ListStreams. */
#include <string.h>

#include "kinesis/api/ops.h"

enum { DESCRIBED_SHARDS_MAX = 100, LISTED_STREAMS_MAX = 100 };

/* --- create and delete ------------------------------------------------------------------------ */

/* Without a mode it is the one that AWS takes: provisioned where shards are counted, else on
 * demand. */
static bool is_on_demand(const struct pn_call *call)
{
    const struct pn_json *mode = pn_json_get(call->input, "StreamModeDetails");
    if (mode == NULL) {
        return !pn_op_has(call, "ShardCount");
    }
    return pn_json_text_is(pn_json_get(mode, "StreamMode"), "ON_DEMAND");
}

static int check_mode(struct pn_call *call, const struct pn_stream_create *create)
{
    if (!create->on_demand && !pn_op_has(call, "ShardCount")) {
        return pn_op_fail(call, PN_KINESIS_VALIDATION,
                          "ShardCount must be provided for a stream in Provisioned mode.");
    }
    if (create->on_demand && pn_op_has(call, "ShardCount")) {
        return pn_op_fail(call, PN_KINESIS_VALIDATION,
                          "ShardCount must not be provided for a stream in On-Demand mode.");
    }
    if (create->on_demand) {
        int rc = pn_op_on_demand_allowed(call);
        if (rc != 0) {
            return rc;
        }
    }
    if (create->spreads && !create->on_demand) {
        return pn_op_spreads_on_demand(call, create->name);
    }
    if (create->warm_throughput_mibps == 0) {
        return 0;
    }
    if (!create->on_demand) {
        return pn_op_fail(call, PN_KINESIS_VALIDATION,
                          "WarmThroughputMiBps is only valid for streams in On-Demand mode.");
    }
    return pn_op_warm_allowed(call);
}

int pn_op_create_stream(struct pn_call *call)
{
    struct pn_stream_tag *tags = NULL;
    struct pn_stream_create create = {
        .name = pn_op_text(call, "StreamName"),
        .shards = (int32_t)pn_op_int(call, "ShardCount", 0),
        .on_demand = is_on_demand(call),
        .spreads = pn_op_spreads(call),
        .record_kib_max = (int32_t)pn_op_int(call, "MaxRecordSizeInKiB", 0),
        .warm_throughput_mibps = (int32_t)pn_op_int(call, "WarmThroughputMiBps", 0),
    };
    int rc = pn_op_may(call, create.name);
    if (rc == 0) {
        rc = check_mode(call, &create);
    }
    if (rc == 0) {
        rc = pn_op_tags(call, "Tags", create.name, &tags, &create.tag_count);
    }
    if (rc != 0) {
        return rc;
    }
    create.tags = tags;
    return pn_kinesis_create_stream(call->kinesis, &create, &call->err);
}

int pn_op_delete_stream(struct pn_call *call)
{
    const char *name = NULL;
    int rc = pn_op_stream_name(call, &name);
    if (rc != 0) {
        return rc;
    }
    bool with_consumers = pn_json_get_bool(call->input, "EnforceConsumerDeletion", false);
    return pn_kinesis_delete_stream(call->kinesis, name, with_consumers, &call->err);
}

/* --- describe --------------------------------------------------------------------------------- */

/* The members that both descriptions have. */
static void describe(struct pn_call *call, const struct pn_stream *stream)
{
    pn_op_text_member(call, "StreamName", stream->name);
    pn_op_text_member(call, "StreamARN", stream->arn);
    pn_op_text_member(call, "StreamStatus", pn_stream_status_name(stream->status));
    pn_op_mode(call, stream);
    pn_op_int_member(call, "RetentionPeriodHours", stream->retention_hours);
    pn_op_time_member(call, "StreamCreationTimestamp", stream->created_ms);
    pn_wire_key(&call->reply, "EnhancedMonitoring");
    pn_wire_list(&call->reply);
    pn_wire_map(&call->reply);
    pn_op_metrics(call, "ShardLevelMetrics", stream->metrics, stream->metric_count);
    pn_wire_map_end(&call->reply);
    pn_wire_list_end(&call->reply);
    pn_op_text_member(call, "EncryptionType", stream->kms_key != NULL ? "KMS" : "NONE");
    if (stream->kms_key != NULL) {
        pn_op_text_member(call, "KeyId", stream->kms_key);
    }
}

/* "Shards" and "HasMoreShards". */
static void describe_shards(struct pn_call *call, const struct pn_stream *stream)
{
    const char *after = pn_op_text(call, "ExclusiveStartShardId");
    size_t limit = pn_op_limit(call, "Limit", DESCRIBED_SHARDS_MAX);
    char id[PN_SHARD_ID_SIZE];
    size_t written = 0;
    bool more = false;
    pn_wire_key(&call->reply, "Shards");
    pn_wire_list(&call->reply);
    for (size_t i = 0; i < stream->shard_count && !more; i++) {
        const struct pn_shard *shard = &stream->shards[i];
        if (!pn_op_shard_listed(call, stream, shard) ||
            (after != NULL && strcmp(pn_shard_id(shard->index, id), after) <= 0)) {
            continue;
        }
        if (written == limit) {
            more = true;
        } else {
            pn_op_write_shard(call, stream, shard);
            written++;
        }
    }
    pn_wire_list_end(&call->reply);
    pn_op_bool_member(call, "HasMoreShards", more);
}

int pn_op_describe_stream(struct pn_call *call)
{
    const struct pn_stream *stream = NULL;
    int rc = pn_call_stream(call, &stream);
    if (rc != 0) {
        return rc;
    }
    pn_wire_map(&call->reply);
    pn_wire_key(&call->reply, "StreamDescription");
    pn_wire_map(&call->reply);
    describe(call, stream);
    describe_shards(call, stream);
    pn_wire_map_end(&call->reply);
    pn_wire_map_end(&call->reply);
    pn_stream_release(&stream);
    return 0;
}

int pn_op_describe_stream_summary(struct pn_call *call)
{
    const struct pn_stream *stream = NULL;
    int rc = pn_call_stream(call, &stream);
    if (rc != 0) {
        return rc;
    }
    char id[PN_STREAM_ID_SIZE];
    pn_wire_map(&call->reply);
    pn_wire_key(&call->reply, "StreamDescriptionSummary");
    pn_wire_map(&call->reply);
    describe(call, stream);
    pn_op_text_member(call, "StreamId", pn_op_stream_id(stream, id));
    pn_op_int_member(call, "OpenShardCount", (int64_t)stream->open_shard_count);
    pn_op_int_member(call, "ConsumerCount", (int64_t)stream->consumer_count);
    pn_op_int_member(call, "ChannelCount", 0);
    pn_op_int_member(call, "QueueCount", 0);
    if (stream->on_demand) {
        pn_op_text_member(call, "RecordDistributionStrategy",
                          stream->spreads ? "AUTO" : "USER_PARTITION_KEY");
    }
    pn_op_int_member(call, "MaxRecordSizeInKiB", stream->record_kib_max);
    if (stream->warm_throughput_mibps != 0) {
        pn_op_warm(call, stream->warm_throughput_mibps);
    }
    pn_wire_map_end(&call->reply);
    pn_wire_map_end(&call->reply);
    pn_stream_release(&stream);
    return 0;
}

/* --- list ------------------------------------------------------------------------------------- */

static void write_summary(struct pn_call *call, const struct pn_stream *stream)
{
    pn_wire_map(&call->reply);
    pn_op_text_member(call, "StreamName", stream->name);
    pn_op_text_member(call, "StreamARN", stream->arn);
    pn_op_text_member(call, "StreamStatus", pn_stream_status_name(stream->status));
    pn_op_mode(call, stream);
    pn_op_time_member(call, "StreamCreationTimestamp", stream->created_ms);
    pn_wire_map_end(&call->reply);
}

/* The streams that the page shows, to be released; a stream that was deleted since the names were
 * taken is left out. Returns how many; *more when others are after them. */
static size_t take_page(struct pn_call *call, const char *after, size_t limit,
                        const struct pn_stream **page, bool *more)
{
    const char **names = NULL;
    size_t count = 0;
    size_t taken = 0;
    *more = false;
    pn_kinesis_names(call->kinesis, call->arena, &names, &count);
    for (size_t i = 0; i < count; i++) {
        if (after != NULL && strcmp(names[i], after) <= 0) {
            continue;
        }
        if (taken == limit) {
            *more = true;
            break;
        }
        bool yours = call->streams == NULL || call->may_stream(call->streams, names[i]);
        if (yours && pn_kinesis_stream(call->kinesis, names[i], &page[taken], NULL) == 0) {
            taken++;
        }
    }
    return taken;
}

int pn_op_list_streams(struct pn_call *call)
{
    const char *after = pn_op_text(call, "ExclusiveStartStreamName");
    const char *text = pn_op_text(call, "NextToken");
    if (text != NULL) {
        struct pn_token token;
        int rc = pn_op_token_read(call, 'd', text, &token);
        if (rc != 0) {
            return rc;
        }
        after = token.after;
    }
    size_t limit = pn_op_limit(call, "Limit", LISTED_STREAMS_MAX);
    const struct pn_stream **page = pn_arena_calloc(call->arena, limit, sizeof *page);
    bool more = false;
    size_t count = take_page(call, after, limit, page, &more);

    pn_wire_map(&call->reply);
    pn_wire_key(&call->reply, "StreamNames");
    pn_wire_list(&call->reply);
    for (size_t i = 0; i < count; i++) {
        pn_wire_cstr(&call->reply, page[i]->name);
    }
    pn_wire_list_end(&call->reply);
    pn_op_bool_member(call, "HasMoreStreams", more);
    if (more) {
        struct pn_token token = {.kind = 'd', .after = page[count - 1]->name};
        pn_op_text_member(call, "NextToken", pn_op_token_write(call, &token));
    }
    pn_wire_key(&call->reply, "StreamSummaries");
    pn_wire_list(&call->reply);
    for (size_t i = 0; i < count; i++) {
        write_summary(call, page[i]);
        pn_stream_release(&page[i]);
    }
    pn_wire_list_end(&call->reply);
    pn_wire_map_end(&call->reply);
    return 0;
}
