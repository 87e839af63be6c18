/* Pools: their slots, the tasks that have them, and those that wait. */
#ifndef PN_REPORT_POOLS_H
#define PN_REPORT_POOLS_H

#include "dag/dag.h"
#include "report/columns.h"

extern const struct pn_report_columns pn_pool_columns;

/* pool, slots (null: no limit of its own), taken, running, waiting: of the default pool and each
 * pool of the pipeline. */
int pn_report_pools(const struct pn_pipeline *pipeline, struct pn_dag_db *db,
                    struct pn_row_writer *rows, struct pn_err *e) PN_MUST_CHECK;

#endif
