/* ListShards, SplitShard, MergeShards, UpdateShardCount. */
#include <inttypes.h>
#include <string.h>

#include "kinesis/api/ops.h"

enum { LISTED_SHARDS_MAX = 1000, STREAM_SHARDS_MAX = 10000 };

/* --- list ------------------------------------------------------------------------------------- */

enum filter {
    FROM_TRIM_HORIZON, /* the default */
    AT_TRIM_HORIZON,
    AT_LATEST,
    AT_TIMESTAMP,
    FROM_TIMESTAMP,
    AFTER_SHARD_ID,
    FILTERS
};
static const char *const filter_names[FILTERS] = {"FROM_TRIM_HORIZON", "AT_TRIM_HORIZON",
                                                  "AT_LATEST",         "AT_TIMESTAMP",
                                                  "FROM_TIMESTAMP",    "AFTER_SHARD_ID"};

/* Which shards a list shows, and from where. */
struct listing {
    enum filter filter;
    int64_t filter_ms;
    const char *after; /* the id of the last shard not to be shown, or NULL */
};

static int read_filter(struct pn_call *call, struct listing *listing)
{
    const struct pn_json *filter = pn_json_get(call->input, "ShardFilter");
    listing->filter = FROM_TRIM_HORIZON;
    listing->filter_ms = 0;
    listing->after = pn_op_text(call, "ExclusiveStartShardId");
    if (filter == NULL) {
        return 0;
    }
    const struct pn_json *type = pn_json_get(filter, "Type");
    const struct pn_json *shard_id = pn_json_get(filter, "ShardId");
    const struct pn_json *timestamp = pn_json_get(filter, "Timestamp");
    for (int i = 0; i < FILTERS; i++) {
        if (pn_json_text_is(type, filter_names[i])) {
            listing->filter = (enum filter)i;
        }
    }
    bool wants_time = listing->filter == AT_TIMESTAMP || listing->filter == FROM_TIMESTAMP;
    bool wants_shard = listing->filter == AFTER_SHARD_ID;
    if (wants_time != (timestamp != NULL) || wants_shard != (shard_id != NULL)) {
        const char *member = wants_time != (timestamp != NULL) ? "Timestamp" : "ShardId";
        bool missing = wants_time != (timestamp != NULL) ? wants_time : wants_shard;
        return pn_op_fail(call, PN_KINESIS_INVALID_ARGUMENT,
                          "%s %s provided for a ShardFilter of type %s.", member,
                          missing ? "must be" : "cannot be", filter_names[listing->filter]);
    }
    if (wants_shard) {
        const char *id = pn_arena_strndup(call->arena, shard_id->text, shard_id->text_len);
        if (listing->after == NULL || strcmp(id, listing->after) > 0) {
            listing->after = id;
        }
    }
    if (wants_time) {
        listing->filter_ms = pn_wire_timestamp_ms(timestamp);
        if (listing->filter_ms > pn_op_now_ms(call)) {
            return pn_op_fail(call, PN_KINESIS_INVALID_ARGUMENT,
                              "The timestampInMillis parameter cannot be greater than the "
                              "currentTimestampInMillis. timestampInMillis: %" PRId64
                              ", currentTimestampInMillis: %" PRId64,
                              listing->filter_ms, pn_op_now_ms(call));
        }
    }
    return 0;
}

/* Was the shard open at this time? The stream's first shards were from its beginning, others since
 * their parents are not (created_ms may be ahead of that, see reshard.c). */
static bool open_at(const struct pn_stream *stream, const struct pn_shard *shard, int64_t ms)
{
    return (shard->parent < 0 || stream->shards[shard->parent].closed_ms <= ms) &&
           (shard->open || shard->closed_ms >= ms);
}

static bool is_shown(const struct pn_call *call, const struct pn_stream *stream,
                     const struct pn_shard *shard, const struct listing *listing)
{
    char id[PN_SHARD_ID_SIZE];
    if (!pn_op_shard_listed(call, stream, shard) ||
        (listing->after != NULL && strcmp(pn_shard_id(shard->index, id), listing->after) <= 0)) {
        return false;
    }
    int64_t horizon_ms = pn_op_horizon_ms(call, stream);
    int64_t filter_ms = listing->filter_ms > horizon_ms ? listing->filter_ms : horizon_ms;
    switch (listing->filter) {
    case AT_TRIM_HORIZON:
        return open_at(stream, shard, horizon_ms);
    case AT_LATEST:
        return shard->open;
    case AT_TIMESTAMP:
        return open_at(stream, shard, filter_ms);
    case FROM_TIMESTAMP:
        return shard->open || shard->closed_ms >= filter_ms;
    default:
        return true;
    }
}

static void write_shards(struct pn_call *call, const struct pn_stream *stream,
                         const struct listing *listing)
{
    size_t limit = pn_op_limit(call, "MaxResults", LISTED_SHARDS_MAX);
    const struct pn_shard *last = NULL;
    size_t written = 0;
    bool more = false;
    pn_wire_map(&call->reply);
    pn_wire_key(&call->reply, "Shards");
    pn_wire_list(&call->reply);
    for (size_t i = 0; i < stream->shard_count && !more; i++) {
        const struct pn_shard *shard = &stream->shards[i];
        if (!is_shown(call, stream, shard, listing)) {
            continue;
        }
        if (written == limit) {
            more = true;
        } else {
            pn_op_write_shard(call, stream, shard);
            last = shard;
            written++;
        }
    }
    pn_wire_list_end(&call->reply);
    if (more) {
        char id[PN_SHARD_ID_SIZE];
        struct pn_token token = {.kind = 's',
                                 .stream = stream->name,
                                 .stream_id = stream->id,
                                 .after = pn_shard_id(last->index, id),
                                 .filter = (int)listing->filter,
                                 .filter_ms = listing->filter_ms};
        pn_op_text_member(call, "NextToken", pn_op_token_write(call, &token));
    }
    pn_wire_map_end(&call->reply);
}

/* StreamCreationTimestamp, where it is given, picks the stream of several that had its name. */
static int check_created(struct pn_call *call, const struct pn_stream *stream)
{
    const struct pn_json *created = pn_json_get(call->input, "StreamCreationTimestamp");
    if (created == NULL || pn_wire_timestamp_ms(created) / 1000 == stream->created_ms / 1000) {
        return 0;
    }
    return pn_op_fail(call, PN_KINESIS_NOT_FOUND, "Stream %s under account %s not found.",
                      stream->name, pn_op_account(call));
}

int pn_op_list_shards(struct pn_call *call)
{
    static const char *const others[] = {
        "StreamName",  "StreamARN", "StreamId", "ExclusiveStartShardId", "StreamCreationTimestamp",
        "ShardFilter", NULL};
    if (!pn_op_has(call, "NextToken") && !pn_op_has(call, "StreamName") &&
        !pn_op_has(call, "StreamARN") && !pn_op_has(call, "StreamId")) {
        return pn_op_fail(call, PN_KINESIS_INVALID_ARGUMENT,
                          "Either NextToken or StreamName should be provided.");
    }
    const struct pn_stream *stream = NULL;
    struct pn_token token;
    struct listing listing;
    int rc = pn_op_list_stream(call, 's', others, &token, &stream);
    if (rc != 0) {
        return rc;
    }
    if (token.kind == 0) {
        rc = check_created(call, stream);
        if (rc == 0) {
            rc = read_filter(call, &listing);
        }
    } else {
        listing.filter = token.filter >= 0 && token.filter < FILTERS ? (enum filter)token.filter
                                                                     : FROM_TRIM_HORIZON;
        listing.filter_ms = token.filter_ms;
        listing.after = token.after;
    }
    if (rc == 0) {
        write_shards(call, stream, &listing);
    }
    pn_stream_release(&stream);
    return rc;
}

/* --- reshard ---------------------------------------------------------------------------------- */

/* The stream, which must be one that its owner may reshard. */
static int reshardable(struct pn_call *call, const struct pn_stream **stream)
{
    int rc = pn_call_stream(call, stream);
    if (rc != 0) {
        return rc;
    }
    rc = pn_op_active(call, *stream);
    if (rc == 0 && (*stream)->on_demand) {
        rc = pn_op_fail(call, PN_KINESIS_VALIDATION,
                        "Request is invalid. Stream %s under account %s is in On-Demand mode.",
                        (*stream)->name, pn_op_account(call));
    }
    if (rc != 0) {
        pn_stream_release(stream);
    }
    return rc;
}

int pn_op_split_shard(struct pn_call *call)
{
    const struct pn_stream *stream = NULL;
    const struct pn_shard *shard = NULL;
    const struct pn_json *key = pn_json_get(call->input, "NewStartingHashKey");
    struct pn_hash_key start;
    char id[PN_SHARD_ID_SIZE];
    uint32_t index = 0;
    int rc = pn_op_shard_id(call, "ShardToSplit", &index);
    if (rc == 0) {
        rc = reshardable(call, &stream);
    }
    if (rc != 0) {
        return rc;
    }
    rc = pn_op_shard(call, stream, pn_op_text(call, "ShardToSplit"), &shard);
    if (rc == 0 && !pn_hash_key_parse(key->text, key->text_len, &start)) {
        char first[PN_HASH_KEY_SIZE];
        char last[PN_HASH_KEY_SIZE];
        rc = pn_op_fail(
            call, PN_KINESIS_INVALID_ARGUMENT,
            "NewStartingHashKey %.*s used in SplitShard() on shard %s in stream %s under "
            "account %s is not both greater than one plus the shard's StartingHashKey "
            "%s and less than the shard's EndingHashKey %s.",
            (int)key->text_len, key->text, pn_shard_id(shard->index, id), stream->name,
            pn_op_account(call), pn_hash_key_text(shard->hash_start, first),
            pn_hash_key_text(shard->hash_end, last));
    }
    if (rc == 0) {
        rc = pn_kinesis_split(call->kinesis, stream->name, pn_shard_id(shard->index, id), start,
                              &call->err);
    }
    pn_stream_release(&stream);
    return rc;
}

/* AWS wants the lower shard of the two first. */
static int check_adjacent(struct pn_call *call, const struct pn_stream *stream,
                          const struct pn_shard *lower, const struct pn_shard *upper)
{
    struct pn_hash_key next = {.high = lower->hash_end.high + (lower->hash_end.low == UINT64_MAX),
                               .low = lower->hash_end.low + 1};
    bool is_last = lower->hash_end.high == UINT64_MAX && lower->hash_end.low == UINT64_MAX;
    if (!is_last && next.high == upper->hash_start.high && next.low == upper->hash_start.low) {
        return 0;
    }
    char ids[2][PN_SHARD_ID_SIZE];
    return pn_op_fail(call, PN_KINESIS_INVALID_ARGUMENT,
                      "Shards %s and %s in stream %s under account %s are not an adjacent pair of "
                      "shards eligible for merging",
                      pn_shard_id(lower->index, ids[0]), pn_shard_id(upper->index, ids[1]),
                      stream->name, pn_op_account(call));
}

int pn_op_merge_shards(struct pn_call *call)
{
    const struct pn_stream *stream = NULL;
    const struct pn_shard *shard = NULL;
    const struct pn_shard *adjacent = NULL;
    uint32_t index = 0;
    int rc = pn_op_shard_id(call, "ShardToMerge", &index);
    if (rc == 0) {
        rc = pn_op_shard_id(call, "AdjacentShardToMerge", &index);
    }
    if (rc == 0) {
        rc = reshardable(call, &stream);
    }
    if (rc != 0) {
        return rc;
    }
    rc = pn_op_shard(call, stream, pn_op_text(call, "ShardToMerge"), &shard);
    if (rc == 0) {
        rc = pn_op_shard(call, stream, pn_op_text(call, "AdjacentShardToMerge"), &adjacent);
    }
    if (rc == 0) {
        rc = check_adjacent(call, stream, shard, adjacent);
    }
    if (rc == 0) {
        char id[PN_SHARD_ID_SIZE];
        char adjacent_id[PN_SHARD_ID_SIZE];
        rc = pn_kinesis_merge(call->kinesis, stream->name, pn_shard_id(shard->index, id),
                              pn_shard_id(adjacent->index, adjacent_id), &call->err);
    }
    pn_stream_release(&stream);
    return rc;
}

int pn_op_update_shard_count(struct pn_call *call)
{
    const struct pn_stream *stream = NULL;
    int64_t target = pn_op_int(call, "TargetShardCount", 0);
    int32_t before = 0;
    int rc = reshardable(call, &stream);
    if (rc != 0) {
        return rc;
    }
    if (target > STREAM_SHARDS_MAX) {
        rc = pn_op_fail(call, PN_KINESIS_LIMIT_EXCEEDED,
                        "UpdateShardCount cannot scale stream %s under account %s to more than %d "
                        "shards.",
                        stream->name, pn_op_account(call), STREAM_SHARDS_MAX);
    }
    if (rc == 0) {
        rc = pn_kinesis_scale(call->kinesis, stream->name, (int32_t)target, &before, &call->err);
    }
    if (rc == 0) {
        pn_wire_map(&call->reply);
        pn_op_text_member(call, "StreamName", stream->name);
        pn_op_int_member(call, "CurrentShardCount", before);
        pn_op_int_member(call, "TargetShardCount", target);
        pn_op_text_member(call, "StreamARN", stream->arn);
        pn_wire_map_end(&call->reply);
    }
    pn_stream_release(&stream);
    return rc;
}
