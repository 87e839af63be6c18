/*
 * Tasks by runs, a letter each: what the grid of a DAG shows. It is read with one indexed read for
 * the runs and one for the tasks of each run, and costs the same however many runs there are.
 */
#ifndef PN_DAG_GRID_H
#define PN_DAG_GRID_H

#include "dag/db.h"

struct pn_grid_run {
    struct pn_run run;
    /* A letter for each of the grid's tasks (pn_task_state_letter()), or a blank where the run does
     * not have the task; NUL-terminated. */
    char *states;
    int32_t *tries; /* for each of the grid's tasks */
};
struct pn_grid {
    const char **tasks; /* those of the DAG, in its order, then those that only the runs have */
    size_t task_count;
    size_t dag_task_count;    /* the first ones, which the DAG has */
    struct pn_grid_run *runs; /* newest first */
    size_t run_count;
    int64_t next_id; /* `before_id` of the next page; 0: there is none */
};
/* The newest `limit` runs with a smaller id than before_id (0: from the newest). */
int pn_dag_db_grid(struct pn_dag_db *db, const struct pn_dag *dag, int64_t before_id, int64_t limit,
                   struct pn_arena *arena, struct pn_grid *grid, struct pn_err *e) PN_MUST_CHECK;

#endif
