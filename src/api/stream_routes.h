/*
 * Streams on our own API, for people and for processors in other processes:
 *
 *   GET api/v1/streams                              what this server's processors do
 *   GET api/v1/streams/names                        of all streams there are
 *   GET api/v1/streams/{stream}/shards              a stream as source.h describes it, and how
 *                                                   long its records are kept
 *   GET api/v1/streams/{stream}/shards/{n}/position?id=&start=latest|trim_horizon|<time>
 *   GET api/v1/streams/{stream}/shards/{n}/records?id=&offset=&max_records=&max_bytes=
 *
 * The Kinesis API could not serve them: it has no offsets, its iterators expire, and its limits
 * count. processor/api.c is the client.
 */
#ifndef PN_API_STREAM_ROUTES_H
#define PN_API_STREAM_ROUTES_H

#include "api/api.h"
#include "processor/processor.h"

/* Owned by the caller, until the server is gone. */
struct pn_api_stream_routes {
    struct pn_processor_source *source; /* borrowed */
    struct pn_processor *streams;       /* borrowed; NULL: no processors run here */
    struct pn_kinesis *kinesis;         /* borrowed; what a stream is beside its records */
};

/* Adds the routes, and to /health the lists "stalled_tables", "unread_keys" and "unknown_members".
 * Before the server starts. */
void pn_api_stream_routes_add(struct pn_api_stream_routes *routes, struct pn_api *api);

#endif
