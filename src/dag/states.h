/* Words to states, for what is read back from the database or given by a person. */
#ifndef PN_DAG_STATES_H
#define PN_DAG_STATES_H

#include "dag/dag.h"

/* Each gives the state, or -1 when the word is none. */
int pn_run_state_parse(const char *word);
int pn_task_state_parse(const char *word);

#endif
