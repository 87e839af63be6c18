/*
 * How topics and streams fill and empty:
 *
 *   GET api/v1/topics/{topic}/rates?span=30m|24h
 *   GET api/v1/streams/{stream}/rates?span=30m|24h
 *
 *   {"points":[{"from_ms","until_ms","in_records","in_bytes","out_records","out_bytes"}]}
 *
 * Rates are a second, null where not known. What goes in are records, and bytes as they are on the
 * disk; what goes out of a topic is what the sink lands, and out of a stream what the table reads
 * that is furthest from its end. The server samples every topic and stream every ten seconds,
 * whether or not somebody looks (history.h).
 */
#ifndef PN_API_FLOW_ROUTES_H
#define PN_API_FLOW_ROUTES_H

#include "api/api.h"
#include "api/history.h"
#include "base/clock.h"
#include "log/log.h"
#include "processor/processor.h"
#include "sink/sink.h"

/* All borrowed for its life. */
struct pn_api_flow_env {
    struct pn_log *log;             /* the whole one */
    struct pn_sink *sink;           /* NULL: this server lands nothing */
    struct pn_processor *processor; /* NULL: it fills no stream tables */
    const struct pn_clock *clock;
    struct pn_api *api;
};

/* Owned by the caller, until the HTTP server is gone. */
struct pn_api_flows {
    struct pn_api_flow_env env;
    struct pn_history *history;
    int64_t noted_ms; /* of the monotonic clock; of the thread that ticks */
};

/* Adds the routes to a server that has not started. From its start on, samples are taken. */
void pn_api_flows_init(struct pn_api_flows *flows, const struct pn_api_flow_env *env);
void pn_api_flows_deinit(struct pn_api_flows *flows); /* zeroed is fine */

#endif
