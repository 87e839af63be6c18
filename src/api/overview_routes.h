/*
 * The pipeline at a glance:
 *
 *   GET api/v1/overview
 *     {"nodes": [{"id", "kind", "label", "rate", "lag", "records", "health", "href"}],
 *      "edges": [[from, to]], "problems": [{"severity", "list", "entries"}]}
 *
 * Nodes are what the pipeline defines and what the server has beside it: producers, interfaces,
 * topics, streams, the sink, files of the store that tables are loaded from, raw, clean and stream
 * tables, DAGs, and one for all queries. `rate` is records a second, the mean of ten seconds; `lag`
 * records still to be read; null where there is none or it is not known. Edges are the ways that
 * records take, from a DAG to the tables that it makes, and to the queries from what they read.
 */
#ifndef PN_API_OVERVIEW_ROUTES_H
#define PN_API_OVERVIEW_ROUTES_H

#include "api/api.h"
#include "api/rates.h"
#include "base/clock.h"
#include "log/log.h"
#include "pipeline/pipeline.h"
#include "processor/processor.h"
#include "sink/sink.h"

/* What the route shows; all borrowed for its life. */
struct pn_api_overview_env {
    struct pn_log *log;
    struct pn_log_failures *failures;
    struct pn_sink *sink;           /* NULL: this server lands nothing */
    struct pn_processor *processor; /* NULL: it fills no stream tables */
    const struct pn_pipeline *pipeline;
    const struct pn_clock *clock;
    struct pn_api *api;
};

/* Owned by the caller, until the HTTP server is gone. */
struct pn_api_overview {
    struct pn_api_overview_env env;
    struct pn_rates *rates;
};

/* Adds the route to a server that has not started. */
void pn_api_overview_init(struct pn_api_overview *overview, const struct pn_api_overview_env *env);
void pn_api_overview_deinit(struct pn_api_overview *overview); /* zeroed is fine */
/* Notes what all counters are now, so that the rates are known. Any thread. */
void pn_api_overview_sample(struct pn_api_overview *overview);

#endif
