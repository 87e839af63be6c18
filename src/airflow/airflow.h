/*
 * The front after Airflow's REST API, below /api/v2: the routes that clients of Airflow 3 use to
 * list DAGs, run them, follow and read what they did, and run them again. It shows the scheduler
 * that /api/v1 and `pinion dag` show, in Airflow's words; docs/airflow.md says which routes there
 * are, and what differs.
 *
 *   dags.c            dags/...
 *   runs.c            dagRuns: lists, one, trigger
 *   run_changes.c     dagRuns: state and note, clear, delete
 *   wait.c            dagRuns/{run}/wait
 *   task_instances.c  taskInstances: lists, one, tries, dependencies
 *   task_changes.c    taskInstances: state, clear
 *   logs.c            taskInstances/{task}/logs
 *   tasks.c           dags/{dag}/tasks: definitions
 *   sources.c         dagSources, dagVersions, importErrors
 *   backfills.c       backfills
 *   pools.c           pools, dagStats
 *   monitor.c         monitor/health, version, eventLogs
 *
 * Errors are {"detail": TEXT}, and for a request that is wrong in itself (422)
 * {"detail": [{"type", "loc", "msg"}]}.
 *
 * Specification: the OpenAPI document of Airflow 3's REST API v2, as the models of the Python
 * package apache-airflow-client 3.3.2 have it.
 */
#ifndef PN_AIRFLOW_AIRFLOW_H
#define PN_AIRFLOW_AIRFLOW_H

#include "base/clock.h"
#include "base/io.h"
#include "http/server.h"
#include "pipeline/definitions.h"

/* What it stands on; all borrowed for its life. */
struct pn_airflow_env {
    struct pn_http_server *server;
    struct pn_definitions *definitions;
    const struct pn_io *io;
    const struct pn_clock *clock;
    const char *data_folder;
    int64_t tasks_max; /* that the scheduler runs at once */
    /* Lands what was acknowledged, before a run is made; NULL: the server lands nothing. It may
     * block. */
    int (*flush)(void *arg, struct pn_err *e);
    void *flush_arg;
};

struct pn_airflow;

/* Adds the front and its routes to the server, which has not started. */
struct pn_airflow *pn_airflow_create(const struct pn_airflow_env *env);
/* After the server. NULL ok. */
void pn_airflow_destroy(struct pn_airflow **airflow);

#endif
