/*
 * Records that are put into a stream on our own API, as POST api/v1/topics/{topic}/records adds
 * them to a topic:
 *
 *   POST api/v1/streams/{stream}/records
 *     {"records":[{"key":"k","value":"v","encoding":"text"}]}
 *   {"records":[{"shard","partition","offset","sequence_number"}]}
 *
 * The key is the partition key. The reply comes when all records are durable. Nothing is added when
 * one of the records is wrong; when the log or a limit refuses some of them, the reply is an error
 * that says how many were added.
 */
#ifndef PN_API_STREAM_PUT_ROUTE_H
#define PN_API_STREAM_PUT_ROUTE_H

#include "api/api.h"
#include "kinesis/kinesis.h"

/* Adds the route, before the server starts. `kinesis` is borrowed until the server is gone. */
void pn_api_stream_put_route_add(struct pn_kinesis *kinesis, struct pn_api *api);

#endif
