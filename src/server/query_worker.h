/* The process of one query, with the pipeline's tables as they are when the query comes. */
#ifndef PN_SERVER_QUERY_WORKER_H
#define PN_SERVER_QUERY_WORKER_H

#include "server/app.h"

/* Does one piece of work for the executor, which is at the other ends of standard input and output
 * (query/worker.h). What the engine spills goes below `folder`. */
int pn_app_run_query_worker(struct pn_app *app, const char *folder, struct pn_err *e) PN_MUST_CHECK;

#endif
