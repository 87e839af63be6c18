/*
 * Where a record came from, as values of the columns that take it (`from:` of a raw table).
 *
 *   topic, stream, shard, sequence_number,
 *   file                                    text
 *   partition, offset                       an integer
 *   key, partition_key, a header's value    text; of bytes that are not UTF-8 their base64. Bytes
 *                                           where the column is binary
 *   headers                                 an array of structs in their order, or a map, in which
 *                                           of headers of one name the last one counts
 *   timestamp, arrival                      a time from 1970 to 9999, to the millisecond
 *
 * What is not known, or was not there, is null, and so is an origin of a topic for a record of a
 * stream or a file, and the other way round.
 */
#ifndef PN_ENGINE_DUCKDB_ORIGIN_H
#define PN_ENGINE_DUCKDB_ORIGIN_H

#include "base/arena.h"
#include "base/json.h"
#include "log/log.h"
#include "pipeline/pipeline.h"

/* The last millisecond of 9999. A producer may send any other time. */
#define PN_ORIGIN_TIME_MS_MAX INT64_C(253402300799999)

/* Of one record. Everything is borrowed. */
struct pn_origin_values {
    const char *topic;    /* NULL: not known, or the record is a stream's */
    int32_t partition;    /* -1: not known */
    int64_t offset;       /* -1: not known */
    int64_t timestamp_ms; /* -1: not known, or there was none */
    struct pn_bytes key;
    const struct pn_record_header *headers;
    size_t header_count;
    const char *stream; /* NULL: the record is not a stream's; what follows says nothing then */
    const char *shard;
    const char *sequence;
    struct pn_bytes partition_key;
    int64_t arrival_ms;
    const char *file; /* the key of an object, or a file's name; NULL: the record is not a file's */
};

/* Of a record of which nothing is known. */
extern const struct pn_origin_values pn_origin_unknown;

/* The value for a column that takes an origin, as the decoder puts it (pn_value_put()), in the
 * arena; NULL: null. */
const struct pn_json *pn_origin_value(const struct pn_origin_values *origin,
                                      const struct pn_column *column, struct pn_arena *arena);

#endif
