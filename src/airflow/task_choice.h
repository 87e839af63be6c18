/* Which tasks of which runs a change is for: Airflow's include_upstream and the like. */
#ifndef PN_AIRFLOW_TASK_CHOICE_H
#define PN_AIRFLOW_TASK_CHOICE_H

#include "airflow/call.h"
#include "base/json.h"

struct pn_airflow_choice {
    const char *run_id; /* NULL: the runs of the range */
    int64_t from_ms;    /* by their logical dates, both included; PN_TIME_NONE: no bound */
    int64_t to_ms;
    bool upstream; /* also the tasks that the marked ones come after */
    bool downstream;
    bool past; /* also the runs before run_id */
    bool future;
};

/* Reads the four flags of a body. */
int pn_airflow_read_choice(struct pn_airflow_call *call, const struct pn_json *body,
                           struct pn_airflow_choice *choice) PN_MUST_CHECK;
/* Marks a task, of all that the DAG has; MISSING for one that it lacks. */
int pn_airflow_mark_task(struct pn_airflow_call *call, const struct pn_dag *dag, const char *name,
                         bool *marked) PN_MUST_CHECK;
/* Marks what is upstream and downstream of the marked tasks, as the choice says. */
void pn_airflow_mark_around(struct pn_airflow_call *call, const struct pn_dag *dag,
                            const struct pn_airflow_choice *choice, bool *marked);
/* The runs, the oldest first. */
int pn_airflow_choose_runs(struct pn_airflow_call *call, const struct pn_dag *dag,
                           const struct pn_airflow_choice *choice, struct pn_run **runs,
                           size_t *count) PN_MUST_CHECK;

#endif
