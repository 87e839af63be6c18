/*
 * The segment files held open for appending, at most PN_OPEN_FILES_MAX of them: the one unused for
 * longest is closed when another is opened. All of it is for holders of the partition's
 * append_lock (or its only owner).
 */
#ifndef PN_LOG_OPEN_FILES_H
#define PN_LOG_OPEN_FILES_H

#include "log/embedded/env.h"

void pn_open_files_init(struct pn_open_files *files);
void pn_open_files_deinit(struct pn_open_files *files);

/* Closes the partition's file, if any, and takes over another as its active one. */
void pn_open_files_replace(struct pn_partition *partition, int fd);
/* Takes note that the partition's file is in use. */
void pn_open_files_use(struct pn_partition *partition);
void pn_open_files_close(struct pn_partition *partition);

#endif
