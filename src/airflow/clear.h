/* Clearing tasks of runs as clients of Airflow ask for it. */
#ifndef PN_AIRFLOW_CLEAR_H
#define PN_AIRFLOW_CLEAR_H

#include "airflow/call.h"

struct pn_airflow_clear {
    const bool *marked; /* which of the DAG's tasks; NULL: all */
    bool only_failed;   /* of them, those that failed, or could not start because of that */
    bool only_running;  /* of them, those that run: a conflict, since they cannot be cleared */
    bool only_new;      /* those that the DAG has, and the run does not have yet */
    bool dry_run;
    bool whole; /* write whole tasks, and not items with a few of their members */
};
/*
 * Clears tasks of a run, or only finds them, and writes an item for each into the open array of the
 * reply; *count grows by how many there are. CONFLICT when one of them runs.
 *
 * The reply to the clear of a run may have items of two kinds: a task, or one that the run does not
 * have yet. The client of 3.3 refuses an item that is both, and a whole task has all members of the
 * second kind. So these items lack some members of the first.
 */
int pn_airflow_clear(struct pn_airflow_call *call, const struct pn_dag *dag,
                     const struct pn_run *run, const struct pn_airflow_clear *how,
                     int64_t *count) PN_MUST_CHECK;

#endif
