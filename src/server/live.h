/*
 * What a server's live updates are about: the sources of its hub (live/hub.h), and their route.
 *
 *   dags, dag/D, run/D/R  the database of runs, whichever process writes to it
 *   definition            the definition in force, and what is wrong with the pipeline's files
 *   log/D/R/T/N           the size of an attempt's log
 *   topic/X, stream/X     the ends of the partitions or shards
 *   groups/X              what consumer groups have committed of a topic, and who has it
 *   rates                 records come in, or came a moment ago
 *   tables, table/T       a new version of a table
 *   query/ID              a query's state and rows
 *   jobs, job/ID          jobs, and how far one has come
 *   health                the lists of /health
 */
#ifndef PN_SERVER_LIVE_H
#define PN_SERVER_LIVE_H

#include "api/api.h"
#include "api/group_routes.h"
#include "api/overview_routes.h"
#include "log/log.h"
#include "pipeline/definitions.h"
#include "query/executor.h"
#include "server/app.h"
#include "store/store.h"
#include "upkeep/jobs.h"

struct pn_server_live;

/* Starts the hub, and adds its route to the server, which has not started. All borrowed for its
 * life. */
int pn_server_live_start(const struct pn_app *app, struct pn_log *log, struct pn_store *store,
                         struct pn_executor *executor, struct pn_jobs *jobs,
                         struct pn_definitions *definitions, struct pn_api_overview *overview,
                         const struct pn_api_group_routes *groups, struct pn_api *api,
                         struct pn_server_live **live, struct pn_err *e) PN_MUST_CHECK;
/* After the HTTP server has stopped, and before what it borrows. NULL ok. */
void pn_server_live_destroy(struct pn_server_live **live);

#endif
