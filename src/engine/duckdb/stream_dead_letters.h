/*
 * The table of streams' dead letters: records that could become no row of the table they were for.
 *
 *   table string, stream string, shard string, sequence_number string, partition_key string,
 *   arrival timestamp, reason string, data string, made_by string, after_version bigint
 *   (letter_maker.h)
 *
 * `data` is the record's data as it was put, in base64 where it is not UTF-8 text; the reason says
 * so. Of a KPL aggregate each user record is one of its own, with its partition key, and the reason
 * begins with its sub-sequence number.
 */
#ifndef PN_ENGINE_DUCKDB_STREAM_LETTERS_H
#define PN_ENGINE_DUCKDB_STREAM_LETTERS_H

#include "pipeline/pipeline.h"

/* The table itself; queries know it as `stream_dead_letters`. */
enum pn_letter_column {
    PN_LETTER_TABLE,
    PN_LETTER_STREAM,
    PN_LETTER_SHARD,
    PN_LETTER_SEQUENCE,
    PN_LETTER_KEY,
    PN_LETTER_ARRIVAL,
    PN_LETTER_REASON,
    PN_LETTER_DATA,
    PN_LETTER_MADE_BY,
    PN_LETTER_AFTER,
    PN_LETTER_COLUMN_COUNT
};
struct pn_table pn_stream_dead_letters_table(const struct pn_pipeline *pipeline);

#endif
