/* What several replies of the Kinesis API have: GetRecords' and the events of SubscribeToShard. */
#ifndef PN_KINESIS_API_REPLY_H
#define PN_KINESIS_API_REPLY_H

#include "kinesis/api/wire.h"
#include "kinesis/kinesis.h"

/* A record of the shard, as a map. */
void pn_reply_record(struct pn_wire *wire, const struct pn_stream *stream,
                     const struct pn_shard *shard, const struct pn_record *record);
/* "Records": [...] */
void pn_reply_records(struct pn_wire *wire, const struct pn_stream *stream,
                      const struct pn_shard *shard, const struct pn_record *records, size_t count);
/* "ChildShards": [...] */
void pn_reply_child_shards(struct pn_wire *wire, const struct pn_shard *const *children,
                           size_t count);
/* "HashKeyRange": {...} */
void pn_reply_hash_range(struct pn_wire *wire, const struct pn_shard *shard);

#endif
