/*
 * The scheduler: runs of a pipeline's DAGs, kept in SQLite, their tasks run as subprocesses.
 *
 *   states.h     what runs and tasks can be
 *   db.h         the database of runs
 *   versions.h   the definitions that DAGs have had
 *   rerun.h      clearing tasks, backfills
 *   mark.h       saying what became of a task or a run
 *   run_files.h  deleting runs and their logs
 *   grid.h       tasks by runs, a letter each
 *   log_file.h   reading logs
 *   plan.h       what a run does next: pure
 *   reason.h     why a run or a task waits
 *   scheduler.h  makes the runs of schedules, starts tasks, and ends runs
 *
 * The process that holds <data>/scheduler.lock runs the tasks: the server, or a command that waits
 * for its run. An attempt whose scheduler died counts as an attempt and is made again at once.
 */
#ifndef PN_DAG_DAG_H
#define PN_DAG_DAG_H

#include "dag/db.h"
#include "dag/grid.h"
#include "dag/log_file.h"
#include "dag/mark.h"
#include "dag/plan.h"
#include "dag/reason.h"
#include "dag/rerun.h"
#include "dag/run_files.h"
#include "dag/scheduler.h"
#include "dag/states.h"
#include "dag/versions.h"

#endif
