/*
 * The records of a producer that packs several into one: what the Kinesis Producer Library and its
 * likes put as one record, its consumers (KCL, Lambda's and Flink's) take apart into user records.
 *
 *   F3 89 9A C2   AggregatedRecord (protobuf)   MD5 of that message, 16 bytes
 *
 *   message AggregatedRecord {               message Record {
 *     repeated string partition_key_table = 1;   required uint64 partition_key_index = 1;
 *     repeated string explicit_hash_key_table = 2; optional uint64 explicit_hash_key_index = 2;
 *     repeated Record records = 3;               required bytes data = 3;
 *   }                                            repeated Tag tags = 4;
 *                                            }
 *
 * Source: aggregation-format.md of the Kinesis Producer Library; what is not such an aggregate is
 * decided as KCL decides it. The bytes come from outside: all lengths and indices are checked.
 */
#ifndef PN_KINESIS_AGGREGATE_H
#define PN_KINESIS_AGGREGATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "kinesis/kinesis.h"
#include "log/log.h"

enum { PN_AGGREGATE_RECORDS_MAX = 100000 };

/* A user record's number in its aggregate, from 0, is its sub-sequence number. */
struct pn_user_record {
    struct pn_bytes partition_key;
    struct pn_bytes data;
    struct pn_hash_key hash_key; /* the explicit one, else the MD5 of the partition key */
};

/*
 * Takes a record's data apart. True when it is a whole aggregate: the user records are in the
 * arena, their bytes point into `data`; there may be none. False for anything else, which is a
 * plain record: no magic, a checksum or a message that is wrong, an index beyond its table, an
 * explicit hash key that is not one, or more records than the maximum.
 */
bool pn_aggregate_read(struct pn_bytes data, struct pn_arena *arena,
                       struct pn_user_record **records, size_t *count);

/* Is the key in a shard's range, both ends included? */
bool pn_hash_key_within(struct pn_hash_key key, struct pn_hash_key start, struct pn_hash_key end);

#endif
