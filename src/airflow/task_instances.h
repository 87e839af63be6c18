/* Tasks of runs, as the path names them. */
#ifndef PN_AIRFLOW_TASK_INSTANCES_H
#define PN_AIRFLOW_TASK_INSTANCES_H

#include "airflow/call.h"
#include "dag/find.h"

/* The task in the path's third parameter, of the run in the second, of the DAG in the first. */
int pn_airflow_task(struct pn_airflow_call *call, const struct pn_dag **dag, struct pn_run *run,
                    struct pn_found_task *found) PN_MUST_CHECK;
/* A task of a run by its name. */
int pn_airflow_find_task_of(struct pn_airflow_call *call, const struct pn_run *run,
                            const char *task, struct pn_found_task *found) PN_MUST_CHECK;

#endif
