#include "kinesis/api/reply.h"

static void text_member(struct pn_wire *wire, const char *key, const char *value)
{
    pn_wire_key(wire, key);
    pn_wire_cstr(wire, value);
}

void pn_reply_record(struct pn_wire *wire, const struct pn_stream *stream,
                     const struct pn_shard *shard, const struct pn_record *record)
{
    char sequence[PN_SEQUENCE_SIZE];
    pn_wire_map(wire);
    text_member(wire, "SequenceNumber",
                pn_sequence_text(shard->created_ms, shard->index, record->offset,
                                 record->timestamp_ms, sequence));
    pn_wire_key(wire, "ApproximateArrivalTimestamp");
    pn_wire_timestamp(wire, record->timestamp_ms);
    pn_wire_key(wire, "Data");
    pn_wire_blob_bytes(wire, record->value.data != NULL ? record->value.data : "",
                       record->value.len);
    if (record->key.data != NULL) {
        pn_wire_key(wire, "PartitionKey");
        pn_wire_text(wire, record->key.data, record->key.len);
    }
    if (stream->kms_key != NULL) {
        text_member(wire, "EncryptionType", "KMS");
    }
    pn_wire_map_end(wire);
}

void pn_reply_records(struct pn_wire *wire, const struct pn_stream *stream,
                      const struct pn_shard *shard, const struct pn_record *records, size_t count)
{
    pn_wire_key(wire, "Records");
    pn_wire_list(wire);
    for (size_t i = 0; i < count; i++) {
        pn_reply_record(wire, stream, shard, &records[i]);
    }
    pn_wire_list_end(wire);
}

void pn_reply_hash_range(struct pn_wire *wire, const struct pn_shard *shard)
{
    char key[PN_HASH_KEY_SIZE];
    pn_wire_key(wire, "HashKeyRange");
    pn_wire_map(wire);
    text_member(wire, "StartingHashKey", pn_hash_key_text(shard->hash_start, key));
    text_member(wire, "EndingHashKey", pn_hash_key_text(shard->hash_end, key));
    pn_wire_map_end(wire);
}

static void child_shard(struct pn_wire *wire, const struct pn_shard *child)
{
    char id[PN_SHARD_ID_SIZE];
    PN_ASSERT(child->parent >= 0);
    pn_wire_map(wire);
    text_member(wire, "ShardId", pn_shard_id(child->index, id));
    pn_wire_key(wire, "ParentShards");
    pn_wire_list(wire);
    pn_wire_cstr(wire, pn_shard_id((uint32_t)child->parent, id));
    if (child->adjacent_parent >= 0) {
        pn_wire_cstr(wire, pn_shard_id((uint32_t)child->adjacent_parent, id));
    }
    pn_wire_list_end(wire);
    pn_reply_hash_range(wire, child);
    pn_wire_map_end(wire);
}

void pn_reply_child_shards(struct pn_wire *wire, const struct pn_shard *const *children,
                           size_t count)
{
    pn_wire_key(wire, "ChildShards");
    pn_wire_list(wire);
    for (size_t i = 0; i < count; i++) {
        child_shard(wire, children[i]);
    }
    pn_wire_list_end(wire);
}
