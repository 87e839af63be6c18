/*
 * The Delta tables on our own API:
 *
 *   GET api/v1/tables                    every table, with its newest version; see report/tables.h
 *   GET api/v1/schema                    table, columns: of every table that was written
 *   GET api/v1/tables/{table}/schema     its columns
 *   GET api/v1/tables/{table}/history    its commits, the newest first, by pages
 *   GET api/v1/tables/{table}/files      its files, by path, by pages
 *
 * `?version=N` shows schema and files as they were. Rows are a query's (query_routes.h).
 */
#ifndef PN_API_TABLE_ROUTES_H
#define PN_API_TABLE_ROUTES_H

#include "api/api.h"
#include "report/tables.h"

/* Borrowed for the server's life. */
struct pn_api_table_routes {
    /* What it takes to look at tables, for this thread alone until the release. */
    void (*acquire)(void *arg, struct pn_table_source *source);
    void (*release)(void *arg);
    void *arg;
};

/* Adds the routes to a server that has not started. */
void pn_api_table_routes_add(struct pn_api_table_routes *routes, struct pn_api *api);

#endif
