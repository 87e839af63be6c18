/* The jobs of a server (upkeep/jobs.h): each opens an engine of its own for its work, so the memory
 * of that engine is free again when the job ends. */
#ifndef PN_SERVER_SERVER_JOBS_H
#define PN_SERVER_SERVER_JOBS_H

#include "server/app.h"
#include "store/store.h"
#include "upkeep/jobs.h"

struct pn_server_jobs;

/* Both are borrowed for its life. */
int pn_server_jobs_create(const struct pn_app *app, struct pn_store *store,
                          struct pn_server_jobs **jobs, struct pn_err *e) PN_MUST_CHECK;
/* Cancels what runs, and waits for it. NULL ok. */
void pn_server_jobs_destroy(struct pn_server_jobs **jobs);
struct pn_jobs *pn_server_jobs_list(const struct pn_server_jobs *jobs);

#endif
