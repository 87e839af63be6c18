/* States in Airflow's words. Pure. Cancelled is a state of our own that Airflow's clients refuse:
 * for them a cancelled run failed, and a cancelled task failed if it had begun, or was skipped.
 */
#ifndef PN_AIRFLOW_STATES_H
#define PN_AIRFLOW_STATES_H

#include <stddef.h>

#include "dag/states.h"

const char *pn_airflow_run_state(enum pn_run_state state);
/* NULL for a task that nothing was decided about yet. `begun`: an attempt was made of it since it
 * was last cleared. */
const char *pn_airflow_task_state(enum pn_task_state state, bool begun);
/* "cli", "rest_api", "timetable", ... from who made a run. */
const char *pn_airflow_triggered_by(const char *who);

/* What a filter by Airflow's word finds, in the words of pn_find_column: up to two, in texts[2].
 * Gives how many; 0 when the word is none of Airflow's. A state of Airflow that we do not have
 * stands for itself, and finds nothing. */
size_t pn_airflow_find_run_state(const char *word, const char *texts[2]);
size_t pn_airflow_find_task_state(const char *word, const char *texts[2]);

#endif
