/*
 * The log of one attempt: what the task's process prints comes through a pipe and goes to a file
 * with a size limit.
 *
 * Up to the limit the file holds the output as it came. What is printed after that is counted, and
 * of it only the last TAIL bytes are kept: they are written when the log is closed, below a line
 * that says how much is missing, since a failure usually stands at the end.
 *
 * For one thread at a time. The task never sees a failure to write its log; pn_task_log_close()
 * reports the first one.
 */
#ifndef PN_DAG_TASK_LOG_H
#define PN_DAG_TASK_LOG_H

#include <stdint.h>

#include "base/err.h"
#include "base/io.h"

enum { PN_TASK_LOG_TAIL_BYTES = 64 * 1024 };

struct pn_task_log;

/* Creates (or empties) the file at `path` and a pipe to it. `bytes_max` limits what is kept, the
 * tail included; it must be larger than the tail. *write_fd is the end for the process: the caller
 * closes it once the process has it. `io` is borrowed. Free with pn_task_log_close(). */
int pn_task_log_open(const struct pn_io *io, const char *path, int64_t bytes_max,
                     struct pn_task_log **log, int *write_fd, struct pn_err *e) PN_MUST_CHECK;
/* The end that becomes readable when there is output to move; -1 once all writers are gone. */
int pn_task_log_fd(const struct pn_task_log *log);
/* Moves what has been printed so far to the file. Never waits for the process. */
void pn_task_log_drain(struct pn_task_log *log);
/* Moves the rest, writes the tail, closes and frees. NULL ok. An error means that a part of the
 * output is missing from the file. */
int pn_task_log_close(struct pn_task_log **log, struct pn_err *e);

#endif
