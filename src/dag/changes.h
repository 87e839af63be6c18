/*
 * Has the database of runs changed since the last look, by this process or another? For live
 * updates. A mark is a number that differs when what it stands for differs.
 */
#ifndef PN_DAG_CHANGES_H
#define PN_DAG_CHANGES_H

#include "dag/db.h"

/* Another number after each change that another connection made: SQLite's own counter, a look at
 * shared memory. */
int pn_dag_db_data_version(struct pn_dag_db *db, int64_t *version, struct pn_err *e) PN_MUST_CHECK;
/* Of what a list of DAGs shows: the runs there are and their states, and what people did. Costs the
 * same however many runs there are. */
int pn_dag_db_mark_all(struct pn_dag_db *db, uint32_t *mark, struct pn_err *e) PN_MUST_CHECK;
/* Of a DAG's newest runs, the tasks of those that run, its backfills, and what people did to it. */
int pn_dag_db_mark_dag(struct pn_dag_db *db, const char *dag, uint32_t *mark,
                       struct pn_err *e) PN_MUST_CHECK;
/* Of a run itself, without its tasks. */
uint32_t pn_run_mark(const struct pn_run *run);
/* Of a task in a run. */
uint32_t pn_task_run_mark(const struct pn_task_run *task);

#endif
