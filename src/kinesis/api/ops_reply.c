#include <string.h>

#include "kinesis/api/ops.h"
#include "kinesis/api/reply.h"

enum { HOUR_MS = 3600 * 1000 };

void pn_op_text_member(struct pn_call *call, const char *key, const char *value)
{
    pn_wire_key(&call->reply, key);
    pn_wire_cstr(&call->reply, value);
}

void pn_op_int_member(struct pn_call *call, const char *key, int64_t value)
{
    pn_wire_key(&call->reply, key);
    pn_wire_int(&call->reply, value);
}

void pn_op_bool_member(struct pn_call *call, const char *key, bool value)
{
    pn_wire_key(&call->reply, key);
    pn_wire_bool(&call->reply, value);
}

void pn_op_time_member(struct pn_call *call, const char *key, int64_t ms)
{
    pn_wire_key(&call->reply, key);
    pn_wire_timestamp(&call->reply, ms);
}

void pn_op_encryption(struct pn_call *call, const struct pn_stream *stream)
{
    if (stream->kms_key != NULL) {
        pn_op_text_member(call, "EncryptionType", "KMS");
    }
}

void pn_op_mode(struct pn_call *call, const struct pn_stream *stream)
{
    pn_wire_key(&call->reply, "StreamModeDetails");
    pn_wire_map(&call->reply);
    pn_op_text_member(call, "StreamMode", stream->on_demand ? "ON_DEMAND" : "PROVISIONED");
    pn_wire_map_end(&call->reply);
}

/* A parent that is no longer listed is named nevertheless, as AWS does. */
void pn_op_write_shard(struct pn_call *call, const struct pn_stream *stream,
                       const struct pn_shard *shard)
{
    char id[PN_SHARD_ID_SIZE];
    char sequence[PN_SEQUENCE_SIZE];
    PN_ASSERT(shard->index < stream->shard_count);
    pn_wire_map(&call->reply);
    pn_op_text_member(call, "ShardId", pn_shard_id(shard->index, id));
    if (shard->parent >= 0) {
        pn_op_text_member(call, "ParentShardId", pn_shard_id((uint32_t)shard->parent, id));
    }
    if (shard->adjacent_parent >= 0) {
        pn_op_text_member(call, "AdjacentParentShardId",
                          pn_shard_id((uint32_t)shard->adjacent_parent, id));
    }
    pn_reply_hash_range(&call->reply, shard);
    pn_wire_key(&call->reply, "SequenceNumberRange");
    pn_wire_map(&call->reply);
    pn_op_text_member(call, "StartingSequenceNumber", pn_sequence_start(shard, sequence));
    if (!shard->open) {
        pn_op_text_member(call, "EndingSequenceNumber", pn_sequence_end(shard, sequence));
    }
    pn_wire_map_end(&call->reply);
    pn_wire_map_end(&call->reply);
}

void pn_op_metrics(struct pn_call *call, const char *key, const char *const *metrics, size_t count)
{
    pn_wire_key(&call->reply, key);
    pn_wire_list(&call->reply);
    for (size_t i = 0; i < count; i++) {
        pn_wire_cstr(&call->reply, metrics[i]);
    }
    pn_wire_list_end(&call->reply);
}

int64_t pn_op_horizon_ms(const struct pn_call *call, const struct pn_stream *stream)
{
    int64_t horizon_ms = pn_op_now_ms(call) - (int64_t)stream->retention_hours * HOUR_MS;
    return horizon_ms > stream->created_ms ? horizon_ms : stream->created_ms;
}

bool pn_op_shard_listed(const struct pn_call *call, const struct pn_stream *stream,
                        const struct pn_shard *shard)
{
    return shard->open || shard->closed_ms >= pn_op_horizon_ms(call, stream);
}

void pn_op_warm(struct pn_call *call, int64_t mibps)
{
    pn_wire_key(&call->reply, "WarmThroughput");
    pn_wire_map(&call->reply);
    pn_op_int_member(call, "TargetMiBps", mibps);
    pn_op_int_member(call, "CurrentMiBps", mibps);
    pn_wire_map_end(&call->reply);
}
