/*
 * Queries on our own API:
 *
 *   POST   api/v1/queries                 {"sql" or "name", "params"?}: 202 {"id"}
 *   GET    api/v1/queries                 those that are known, the newest first
 *   GET    api/v1/queries/{id}            its state, columns, counts, the table versions it read
 *   DELETE api/v1/queries/{id}            ends it; of one that has ended, forgets the result
 *   GET    api/v1/queries/{id}/rows?offset=0&limit=200&sort=column|-column
 *   GET    api/v1/queries/{id}/download?format=csv|jsonl|parquet
 *   POST   api/v1/sql                     SQL, or {"sql" or "name", "params"?}: the rows, as CSV,
 *   GET    api/v1/sql?query=              JSON lines or Parquet by `format` or the Accept header
 *
 * The replies of sql begin when the query has rows or has failed. A query of sql ends when its
 * client leaves.
 */
#ifndef PN_API_QUERY_ROUTES_H
#define PN_API_QUERY_ROUTES_H

#include "api/api.h"
#include "pipeline/pipeline.h"
#include "query/executor.h"

/* Owned by the caller, until the server is gone. */
struct pn_api_query_routes {
    struct pn_executor *executor;       /* both borrowed */
    const struct pn_pipeline *pipeline; /* for its queries by name */
};

/* Adds the routes, before the server starts, and has the executor wake requests that wait. */
void pn_api_query_routes_add(struct pn_api_query_routes *routes, struct pn_api *api);

#endif
