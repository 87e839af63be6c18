/*
 * A child process: started in a group of its own, watched through a pidfd, and killed by the kernel
 * when the thread that started it ends, so that no child outlives the part of the program that
 * needs it.
 */
#ifndef PN_BASE_PROCESS_H
#define PN_BASE_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/io.h"

struct pn_process {
    pid_t pid;
    int pidfd; /* readable when it has ended; -1 when none */
    int64_t start;
    int64_t memory_bytes; /* when it has ended: the most that it, or a process that it waited for,
                             had in use at once */
};

/* The child's standard input, output and error. They stay the caller's; -1 is /dev/null. */
struct pn_process_files {
    int input;
    int output;
    int error;
};

/* Starts argv (NULL-ended; argv[0] is a path). `env` (NULL-ended, "NAME=value"; NULL: nothing) is
 * added to this process's environment, or takes the place of what is there. The calling thread must
 * live for as long as the child is to live. */
int pn_process_start(const char *const *argv, const char *const *env,
                     const struct pn_process_files *files, const struct pn_io *io,
                     struct pn_process *process, struct pn_err *e) PN_MUST_CHECK;
/* Has it ended? Then it's reaped, *exit_code is its status, or -signal, and the pidfd is closed. */
bool pn_process_ended(struct pn_process *process, int32_t *exit_code);
/* Sends a signal to the process and all of its group. */
void pn_process_signal(const struct pn_process *process, int signal_number);
/* Kills what is left of the group of a process that is gone: what it had started, at any depth.
 * Only those of the group that have all of `marks` ("NAME=value", NULL-ended) in their environment:
 * the number may be another group's by now. Waits until they have ended, for a second at most.
 * Returns how many times it killed one. */
size_t pn_process_kill_left(pid_t group, const char *const *marks);
/* When the process `pid` began (the kernel's clock ticks since boot), or 0 when there is none: with
 * the pid it names a process for good. */
int64_t pn_process_start_time(pid_t pid);

#endif
