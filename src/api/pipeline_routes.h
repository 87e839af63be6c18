/*
 * The pipeline's definition and the settings on our own API:
 *
 *   GET api/v1/pipeline/queries   the queries that have a name; see report/tables.h
 *   GET api/v1/settings           every setting with its value in force; see report/reference.h
 */
#ifndef PN_API_PIPELINE_ROUTES_H
#define PN_API_PIPELINE_ROUTES_H

#include "api/api.h"
#include "pipeline/pipeline.h"
#include "settings/settings.h"

/* Both are borrowed for the server's life. */
struct pn_api_pipeline_routes {
    const struct pn_pipeline *pipeline;
    const struct pn_settings *settings;
};

/* Adds the routes to a server that has not started. */
void pn_api_pipeline_routes_add(struct pn_api_pipeline_routes *routes, struct pn_api *api);

#endif
