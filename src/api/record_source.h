/* Where lists of records on our API come from: a topic's partitions, or a stream's shards
 * (search/scan.h), and how such a list shows a record. */
#ifndef PN_API_RECORD_SOURCE_H
#define PN_API_RECORD_SOURCE_H

#include "api/search_routes.h"
#include "base/clock.h"
#include "base/json_writer.h"
#include "log/log.h"
#include "processor/source.h"
#include "search/scan.h"

/* What the source reads by; it must stay where it is while the source is used. */
struct pn_api_record_source {
    struct pn_scan_source scan;
    const char *name;
    struct pn_log *log;                       /* of a topic */
    struct pn_processor_source *streams;      /* of a stream; NULL: it is a topic */
    struct pn_processor_source_stream stream; /* as it was when the source was made */
    const struct pn_clock *clock;
};

/* The topic that a request's path names, or with `of_stream` the stream, which BLOCKS; its shards
 * are in the request's arena. False: there is none, and the reply says so. */
bool pn_api_record_source_open(struct pn_http_request *req,
                               const struct pn_api_search_routes *routes, bool of_stream,
                               struct pn_api_record_source *source);
/* A stream's shard, or NULL. */
const struct pn_processor_source_shard *pn_api_record_source_shard(
    const struct pn_api_record_source *source, int32_t index);

/* partition, offset, time_ms, key, key_encoding, value, encoding, value_bytes, cut, headers (how
 * many): members of an object that is open. */
void pn_api_put_record(struct pn_json_writer *json, const struct pn_scan_hit *hit);

/* For the tables of fields that describe such an object. */
#define PN_API_RECORD_FIELDS                                                        \
    PN_FIELD("partition", INT), PN_FIELD("offset", WIDE), PN_FIELD("time_ms", INT), \
        PN_FIELD_NULLABLE("key", TEXT), PN_FIELD_NULLABLE("key_encoding", TEXT),    \
        PN_FIELD_NULLABLE("value", TEXT), PN_FIELD_NULLABLE("encoding", TEXT),      \
        PN_FIELD("value_bytes", INT), PN_FIELD("cut", BOOL), PN_FIELD("headers", INT)

#endif
