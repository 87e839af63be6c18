/* The lock that keeps a second process off a log's folder, whatever the log is made of. */
#ifndef PN_LOG_FOLDER_LOCK_H
#define PN_LOG_FOLDER_LOCK_H

#include "base/io.h"

#define PN_LOG_LOCK_FILE ".lock" /* in the log's folder; so no topic can have this name */

/*
 * Takes the lock for the life of *fd (-1 when it fails). CONFLICT: another process has had it for
 * seconds. It is waited for because its holder may be about to let go: a command that uses the log
 * for a moment, or a process that was killed. A killed process holds its locks until the kernel has
 * taken it apart, and so does a child that it had forked and that has not begun its own program
 * yet: close-on-exec closes nothing before that. BLOCKS.
 */
int pn_log_folder_lock(const struct pn_io *io, const char *folder, int *fd,
                       struct pn_err *e) PN_MUST_CHECK;

#endif
