/*
 * What is in a table, at any version that can still be read, on our own API:
 *
 *   GET api/v1/tables/{table}/rows?version|at&sort&filter&cursor
 *   GET api/v1/tables/{table}/summary?version|at&columns      nulls, distinct values, range, bins
 *   GET api/v1/tables/{table}/diff?from&to&key                rows added, removed and changed
 *   GET api/v1/tables/{table}/growth                          rows, bytes and files by version
 *
 * All but the last are queries (api/own_query.h).
 */
#ifndef PN_API_TABLE_DATA_ROUTES_H
#define PN_API_TABLE_DATA_ROUTES_H

#include "api/api.h"
#include "api/table_routes.h"
#include "query/executor.h"

/* Owned by the caller, until the server is gone; the members are borrowed. */
struct pn_api_table_data_routes {
    struct pn_executor *executor;
    const struct pn_api_table_routes *tables;
};

/* Adds the routes, before the server starts. */
void pn_api_table_data_routes_add(struct pn_api_table_data_routes *routes, struct pn_api *api);

#endif
