/*
 * DescribeLimits, DescribeAccountSettings, UpdateAccountSettings.
 *
 * The one setting of an account is its commitment to pay for a minimum of throughput. It is kept as
 *
 *   {"started_ms":N,"ended_ms":N,"ending":true}
 *
 * in the account's JSON: not there at all while it was never enabled; ended_ms when it was disabled
 * (0: not); `ending` when it ends by itself a day after its start, as AWS does with one that is
 * disabled earlier.
 */
#include <string.h>

#include "kinesis/api/ops.h"

enum { COMMITMENT_MS = 24 * 3600 * 1000, ACCOUNT_BYTES_MAX = 1 << 16 };

struct commitment {
    int64_t started_ms; /* 0: never */
    int64_t ended_ms;   /* 0: not ended */
    bool ending;
};

/* The streams of the account. */
struct account_use {
    int64_t open_shards;
    int64_t on_demand_streams;
};

static void count_use(struct pn_call *call, struct account_use *use)
{
    const char **names = NULL;
    size_t count = 0;
    *use = (struct account_use){0};
    pn_kinesis_names(call->kinesis, call->arena, &names, &count);
    for (size_t i = 0; i < count; i++) {
        const struct pn_stream *stream = NULL;
        if (pn_kinesis_stream(call->kinesis, names[i], &stream, NULL) == 0) {
            use->open_shards += (int64_t)stream->open_shard_count;
            use->on_demand_streams += stream->on_demand ? 1 : 0;
            pn_stream_release(&stream);
        }
    }
}

int pn_op_describe_limits(struct pn_call *call)
{
    struct account_use use;
    count_use(call, &use);
    pn_wire_map(&call->reply);
    pn_op_int_member(call, "ShardLimit", pn_kinesis_config(call->kinesis)->shards_max);
    pn_op_int_member(call, "OpenShardCount", use.open_shards);
    pn_op_int_member(call, "OnDemandStreamCount", use.on_demand_streams);
    pn_op_int_member(call, "OnDemandStreamCountLimit", PN_ON_DEMAND_STREAMS_MAX);
    pn_op_int_member(call, "ChannelCount", 0);
    pn_op_int_member(call, "ChannelCountLimit", 0);
    pn_wire_map_end(&call->reply);
    return 0;
}

/* --- the commitment --------------------------------------------------------------------------- */

/* Reads it as it is now: one whose end has come has ended. */
static int read_commitment(struct pn_call *call, struct commitment *commitment)
{
    struct pn_buf text;
    struct pn_json *root = NULL;
    struct pn_json_parser *parser = pn_json_parser_create();
    *commitment = (struct commitment){0};
    pn_buf_init(&text, ACCOUNT_BYTES_MAX);
    int rc = pn_kinesis_account(call->kinesis, &text, &call->err);
    if (rc == 0) {
        rc = pn_json_parse(parser, pn_buf_text(&text), text.len, text.len, &root, &call->err);
    }
    if (rc == 0) {
        const struct pn_json *kept = pn_json_get(root, "minimum_throughput_billing_commitment");
        commitment->started_ms = pn_json_get_i64(kept, "started_ms", 0);
        commitment->ended_ms = pn_json_get_i64(kept, "ended_ms", 0);
        commitment->ending = pn_json_get_bool(kept, "ending", false);
    }
    int64_t end_ms = commitment->started_ms + COMMITMENT_MS;
    if (commitment->ending && pn_op_now_ms(call) >= end_ms) {
        commitment->ending = false;
        commitment->ended_ms = end_ms;
    }
    pn_buf_deinit(&text);
    pn_json_parser_destroy(&parser);
    return rc;
}

static int keep_commitment(struct pn_call *call, const struct commitment *commitment)
{
    struct pn_buf text;
    pn_buf_init(&text, ACCOUNT_BYTES_MAX);
    struct pn_json_writer json;
    pn_json_writer_init(&json, &text);
    pn_json_put_object(&json);
    pn_json_add_object(&json, "minimum_throughput_billing_commitment");
    pn_json_add_i64(&json, "started_ms", commitment->started_ms);
    pn_json_add_i64(&json, "ended_ms", commitment->ended_ms);
    pn_json_add_bool(&json, "ending", commitment->ending);
    pn_json_end(&json);
    pn_json_end(&json);
    int rc = pn_kinesis_account_set(call->kinesis, pn_buf_text(&text), text.len, &call->err);
    pn_buf_deinit(&text);
    return rc;
}

static bool is_on(const struct commitment *commitment)
{
    return commitment->started_ms != 0 && commitment->ended_ms == 0;
}

static void write_commitment(struct pn_call *call, const struct commitment *commitment)
{
    const char *status = !is_on(commitment)   ? "DISABLED"
                         : commitment->ending ? "ENABLED_UNTIL_EARLIEST_ALLOWED_END"
                                              : "ENABLED";
    pn_wire_map(&call->reply);
    pn_wire_key(&call->reply, "MinimumThroughputBillingCommitment");
    pn_wire_map(&call->reply);
    pn_op_text_member(call, "Status", status);
    if (commitment->started_ms != 0) {
        pn_op_time_member(call, "StartedAt", commitment->started_ms);
    }
    if (commitment->ended_ms != 0) {
        pn_op_time_member(call, "EndedAt", commitment->ended_ms);
    }
    if (is_on(commitment)) {
        pn_op_time_member(call, "EarliestAllowedEndAt", commitment->started_ms + COMMITMENT_MS);
    }
    pn_wire_map_end(&call->reply);
    pn_wire_map_end(&call->reply);
}

int pn_op_describe_account_settings(struct pn_call *call)
{
    struct commitment commitment;
    int rc = read_commitment(call, &commitment);
    if (rc == 0) {
        write_commitment(call, &commitment);
    }
    return rc;
}

int pn_op_update_account_settings(struct pn_call *call)
{
    const struct pn_json *given = pn_json_get(call->input, "MinimumThroughputBillingCommitment");
    bool enable = pn_json_text_is(pn_json_get(given, "Status"), "ENABLED");
    int64_t now_ms = pn_op_now_ms(call);
    struct commitment commitment;
    int rc = pn_op_may(call, NULL);
    if (rc == 0) {
        rc = read_commitment(call, &commitment);
    }
    if (rc != 0) {
        return rc;
    }
    if (enable && !is_on(&commitment)) {
        commitment = (struct commitment){.started_ms = now_ms};
    } else if (enable) {
        commitment.ending = false;
    } else if (is_on(&commitment) && now_ms - commitment.started_ms >= COMMITMENT_MS) {
        commitment.ended_ms = now_ms;
    } else if (is_on(&commitment)) {
        commitment.ending = true;
    }
    rc = keep_commitment(call, &commitment);
    if (rc == 0) {
        write_commitment(call, &commitment);
    }
    return rc;
}

int pn_op_warm_allowed(struct pn_call *call)
{
    struct commitment commitment;
    int rc = read_commitment(call, &commitment);
    if (rc != 0 || is_on(&commitment)) {
        return rc;
    }
    return pn_op_fail(call, PN_KINESIS_VALIDATION,
                      "WarmThroughputMiBps needs MinimumThroughputBillingCommitment to be enabled "
                      "for account %s.",
                      pn_op_account(call));
}

int pn_op_on_demand_allowed(struct pn_call *call)
{
    struct account_use use;
    count_use(call, &use);
    if (use.on_demand_streams < PN_ON_DEMAND_STREAMS_MAX) {
        return 0;
    }
    return pn_op_fail(call, PN_KINESIS_LIMIT_EXCEEDED,
                      "This request would exceed the on-demand stream limit for the account %s. "
                      "Limit: %d.",
                      pn_op_account(call), PN_ON_DEMAND_STREAMS_MAX);
}
