#include "engine/duckdb/stream_dead_letters.h"

static const struct pn_column COLUMNS[PN_LETTER_COLUMN_COUNT] = {
    [PN_LETTER_TABLE] = {.name = "table", .type = {.kind = PN_TYPE_STRING}},
    [PN_LETTER_STREAM] = {.name = "stream", .type = {.kind = PN_TYPE_STRING}},
    [PN_LETTER_SHARD] = {.name = "shard", .type = {.kind = PN_TYPE_STRING}},
    [PN_LETTER_SEQUENCE] = {.name = "sequence_number", .type = {.kind = PN_TYPE_STRING}},
    [PN_LETTER_KEY] = {.name = "partition_key", .type = {.kind = PN_TYPE_STRING}},
    [PN_LETTER_ARRIVAL] = {.name = "arrival", .type = {.kind = PN_TYPE_TIMESTAMP}},
    [PN_LETTER_REASON] = {.name = "reason", .type = {.kind = PN_TYPE_STRING}},
    [PN_LETTER_DATA] = {.name = "data", .type = {.kind = PN_TYPE_STRING}},
    [PN_LETTER_MADE_BY] = {.name = "made_by", .type = {.kind = PN_TYPE_STRING}},
    [PN_LETTER_AFTER] = {.name = "after_version", .type = {.kind = PN_TYPE_BIGINT}},
};

struct pn_table pn_stream_dead_letters_table(const struct pn_pipeline *pipeline)
{
    return (struct pn_table){
        .name = "stream_dead_letters",
        .path = pipeline->stream_dead_letters_path,
        .columns = COLUMNS,
        .column_count = PN_LETTER_COLUMN_COUNT,
    };
}
