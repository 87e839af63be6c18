/* Some of the tables of a task. */
#ifndef PN_CLI_TASK_TABLES_H
#define PN_CLI_TASK_TABLES_H

#include "base/arena.h"
#include "cli/cli.h"
#include "pipeline/pipeline.h"

/* *chosen is the task with the named tables alone, in the task's order; with all, where no name is
 * given. It borrows from the task, the rest is the arena's. MISSING: the task makes no such table;
 * the message names those that it makes. */
int pn_cli_task_tables(const struct pn_task *task, const struct pn_opt_list *names,
                       struct pn_arena *arena, struct pn_task *chosen,
                       struct pn_err *e) PN_MUST_CHECK;

#endif
