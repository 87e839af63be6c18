/*
 * Upkeep of tables as jobs (upkeep/jobs.h) on our own API:
 *
 *   POST   api/v1/tables/{table}/optimize  {"dry_run", "target_bytes"}        202 {"job"}
 *   POST   api/v1/tables/{table}/vacuum    {"dry_run", "retain_ms", "force"}  202 {"job"}
 *   GET    api/v1/jobs                     the newest first, by pages, without their files
 *   GET    api/v1/jobs/{id}                one, with the files that it touched or would touch
 *   DELETE api/v1/jobs/{id}                cancels it
 *
 * What is not a dry run is in the audit.
 */
#ifndef PN_API_JOB_ROUTES_H
#define PN_API_JOB_ROUTES_H

#include "api/api.h"
#include "api/dag_routes.h"
#include "api/table_routes.h"
#include "upkeep/jobs.h"

/* Borrowed for the server's life. */
struct pn_api_job_routes {
    struct pn_jobs *jobs;
    const struct pn_api_table_routes *tables; /* how tables are found */
    struct pn_api_dags *dags;                 /* whose database has the audit */
    int64_t target_bytes;                     /* of an optimize, unless the request says another */
};

/* Adds the routes to a server that has not started. */
void pn_api_job_routes_add(struct pn_api_job_routes *routes, struct pn_api *api);

#endif
