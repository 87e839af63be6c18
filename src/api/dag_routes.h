/*
 * DAGs, runs, tasks and logs on our own API; docs/api.md describes the routes. They read and change
 * the database of runs, and whatever scheduler has the data folder sees to the rest:
 *
 *   dag_routes.c       DAGs, their grid, pause, skipped times, pools
 *   run_routes.c       runs: list, look, trigger, cancel, run again, note
 *   mark_routes.c      marks, deletion, many runs at once
 *   log_routes.c       logs of attempts
 *   backfill_routes.c  backfills
 */
#ifndef PN_API_DAG_ROUTES_H
#define PN_API_DAG_ROUTES_H

#include "api/api.h"
#include "base/clock.h"
#include "base/io.h"
#include "pipeline/definitions.h"

/* What the routes stand on; all but the texts is borrowed for their life. */
struct pn_api_dag_env {
    const char *data_folder;
    struct pn_definitions *definitions;
    const struct pn_io *io;
    const struct pn_clock *clock;
    int64_t tasks_max; /* the scheduler's, for the reasons of tasks that wait */
    /* Lands what was acknowledged, before a run is made; NULL: the server lands nothing. It may
     * block. */
    int (*flush)(void *arg, struct pn_err *e);
    void *arg;
};

struct pn_api_dags;

/* Adds the routes to a server that has not started. */
struct pn_api_dags *pn_api_dags_create(const struct pn_api_dag_env *env, struct pn_api *api);
/* After the server. NULL ok. */
void pn_api_dags_destroy(struct pn_api_dags **dags);

/* Who asks, as the audit has it: "ui" for our own pages, else "api". */
const char *pn_api_who_asks(struct pn_http_request *req);
/* Notes in the audit what the request's client did to something other than a DAG. */
int pn_api_dags_audit(struct pn_api_dags *dags, struct pn_http_request *req, const char *what,
                      const char *detail, struct pn_err *e) PN_MUST_CHECK;

#endif
