/* What is checked before a stream is made, changed or deleted, and what a new one is like. */
#include <string.h>

#include "kinesis/internal.h"

enum {
    SHARDS_DEFAULT = 1,
    SHARDS_DEFAULT_ON_DEMAND = 4,
    RETENTION_HOURS_DEFAULT = 24,
    RECORD_KIB_DEFAULT = 1024
};

int pn_kinesis_check_limit(struct pn_kinesis *kinesis, int64_t more, struct pn_err *e)
{
    const struct pn_kinesis_config *config = &kinesis->config;
    int64_t now = pn_registry_open_shards(kinesis);
    if (more <= 0 || now + more <= config->shards_max) {
        return 0;
    }
    return pn_err_set(
        e, PN_CLASS_INPUT, PN_KINESIS_LIMIT_EXCEEDED,
        "This request would exceed the shard limit for the account %s in %s. Current shard count "
        "for the account: %lld. Limit: %lld. Number of additional shards that would have resulted "
        "from this request: %lld. Refer to the AWS Service Limits page "
        "(http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits "
        "and how to request higher limits.",
        config->account, config->region, (long long)now, (long long)config->shards_max,
        (long long)more);
}

int pn_kinesis_hold_active(struct pn_kinesis *kinesis, const char *name,
                           struct pn_snapshot **snapshot, struct pn_err *e)
{
    const struct pn_stream *stream = NULL;
    int rc = pn_kinesis_stream(kinesis, name, &stream, e);
    *snapshot = (struct pn_snapshot *)(uintptr_t)stream;
    if (rc == 0 && stream->status != PN_STREAM_ACTIVE) {
        rc = pn_err_set(e, PN_CLASS_CONFLICT, PN_KINESIS_IN_USE,
                        "Stream %s under account %s not ACTIVE, instead in state %s", stream->name,
                        kinesis->config.account, pn_stream_status_name(stream->status));
        pn_stream_release(&stream);
        *snapshot = NULL;
    }
    return rc;
}

int pn_kinesis_check_create(const struct pn_stream_create *create, struct pn_err *e)
{
    size_t len = strlen(create->name);
    if (len == 0 || len > PN_STREAM_NAME_MAX) {
        return pn_err_set(e, PN_CLASS_INPUT, PN_KINESIS_VALIDATION,
                          "1 validation error detected: Value '%.*s' at 'streamName' failed to "
                          "satisfy constraint: Member must have length %s",
                          PN_STREAM_NAME_MAX * 2, create->name,
                          len == 0 ? "greater than or equal to 1" : "less than or equal to 128");
    }
    if (!pn_stream_name_valid(create->name, len)) {
        return pn_err_set(e, PN_CLASS_INPUT, PN_KINESIS_VALIDATION,
                          "1 validation error detected: Value '%s' at 'streamName' failed to "
                          "satisfy constraint: Member must satisfy regular expression pattern: "
                          "[a-zA-Z0-9_.-]+",
                          create->name);
    }
    if (create->shards < 0) {
        return pn_err_set(e, PN_CLASS_INPUT, PN_KINESIS_VALIDATION,
                          "1 validation error detected: Value '%d' at 'shardCount' failed to "
                          "satisfy constraint: Member must have value greater than or equal to 1",
                          create->shards);
    }
    if (create->shards > PN_SHARDS_MAX) {
        return pn_err_set(e, PN_CLASS_INPUT, PN_KINESIS_LIMIT_EXCEEDED,
                          "A stream has at most %d shards here, %d were asked for.",
                          (int)PN_SHARDS_MAX, create->shards);
    }
    return 0;
}

int pn_kinesis_exists(const struct pn_kinesis *kinesis, const char *name, struct pn_err *e)
{
    return pn_err_set(e, PN_CLASS_CONFLICT, PN_KINESIS_IN_USE,
                      "Stream %s under account %s already exists.", name, kinesis->config.account);
}

struct pn_stream pn_kinesis_new_stream(const struct pn_kinesis *kinesis,
                                       const struct pn_stream_create *create,
                                       struct pn_arena *arena)
{
    int32_t usual = create->on_demand ? SHARDS_DEFAULT_ON_DEMAND : SHARDS_DEFAULT;
    size_t count = (size_t)(create->shards != 0 ? create->shards : usual);
    struct pn_shard *shards = pn_arena_calloc(arena, count, sizeof *shards);
    struct pn_stream stream = {
        .name = create->name,
        .status = PN_STREAM_CREATING,
        .created_ms = pn_wall_ms(kinesis->clock),
        .on_demand = create->on_demand,
        .spreads = create->spreads,
        .retention_hours =
            create->retention_hours != 0 ? create->retention_hours : RETENTION_HOURS_DEFAULT,
        .record_kib_max = create->record_kib_max != 0 ? create->record_kib_max : RECORD_KIB_DEFAULT,
        .warm_throughput_mibps = create->warm_throughput_mibps,
        .shards = shards,
        .shard_count = count,
        .tags = create->tags,
        .tag_count = create->tag_count};
    int64_t after_gone_ms = (kinesis->gone_s + 1) * 1000;
    pn_shards_uniform(shards, count,
                      stream.created_ms > after_gone_ms ? stream.created_ms : after_gone_ms);
    while (stream.id == 0) {
        stream.id = pn_entropy_u64();
    }
    return stream;
}

int pn_kinesis_check_deletable(const struct pn_kinesis *kinesis, const struct pn_stream *stream,
                               bool with_consumers, struct pn_err *e)
{
    if (stream->consumer_count == 0 || with_consumers) {
        return 0;
    }
    return pn_err_set(e, PN_CLASS_CONFLICT, PN_KINESIS_IN_USE,
                      "DeleteStream can't delete %s:%s because there are consumers associated with "
                      "this data stream. To delete %s anyway, set the EnforceConsumerDeletion "
                      "parameter to true to force the deletion of all the consumers that are "
                      "associated with it.",
                      kinesis->config.account, stream->name, stream->name);
}
