/*
 * Topics on our own API, for people and for commands beside a server:
 *
 *   GET    api/v1/topics?times=             every topic, and the tables that read it; with
 *                                           times=true also when its oldest and newest records are
 *   GET    api/v1/topics/{topic}            its partitions and settings
 *   POST   api/v1/topics/{topic}            makes it: {"partitions","retention_ms",
 *                                           "retention_bytes","record_bytes_max"}, each optional,
 *                                           -1 for a retention without a limit
 *   PATCH  api/v1/topics/{topic}            changes what of the same is given
 *   DELETE api/v1/topics/{topic}            removes it with its records
 *   GET    api/v1/topics/{topic}/records?partition=&from=&limit=
 *   POST   api/v1/topics/{topic}/records    {"records":[...]}, answered when they are durable
 *
 * Rows and records are as report/topics.h and report/records.h have them, in the API's format;
 * `from` is what pn_records_from_parse() takes. The streams' topics are not among them.
 * cli/topic_client.c is the client.
 */
#ifndef PN_API_TOPIC_ROUTES_H
#define PN_API_TOPIC_ROUTES_H

#include "api/api.h"
#include "log/log.h"
#include "pipeline/pipeline.h"

/* Owned by the caller, until the HTTP server is gone; what it points to is borrowed. */
struct pn_api_topic_routes {
    struct pn_log *topics; /* the public one (log/public.h) */
    const struct pn_pipeline *pipeline;
    bool is_remote; /* reading a record takes a way through the network: times are not looked up */
};

/* Adds the routes to the server, which isn't started yet. */
void pn_api_topic_routes_add(struct pn_api_topic_routes *routes, struct pn_api *api);

#endif
