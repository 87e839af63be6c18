/*
 * Copies of objects that outlive the process that fetched them: so the tasks of a run, each a
 * process of its own, fetch an object once. All processes of a data folder share one folder.
 *
 * A copy is taken and given as a link. So any process can make room at any time: one that has taken
 * a copy keeps it. The time of the last link is when it was last used; those that were used longest
 * ago make room. Each has its checksum (base/file_sum.h), as a machine that stops may leave
 * less than was written; on a file system that keeps none, nothing is put there. Neither is it on a
 * disk that has less space left than the shelf may take.
 *
 * It only saves requests: what cannot be taken or given is none, and no error. Threads: any.
 */
#ifndef PN_STORE_FILE_SHELF_H
#define PN_STORE_FILE_SHELF_H

#include "base/io.h"

struct pn_file_shelf;

/* The folder is made when it is first needed. `io` is borrowed, `folder` copied. */
struct pn_file_shelf *pn_file_shelf_create(const struct pn_io *io, const char *folder,
                                           int64_t bytes_max);
void pn_file_shelf_destroy(struct pn_file_shelf **shelf); /* NULL ok */

/* Makes `path`, which must not exist and be of the same file system, the copy of that name, and
 * tells its size. False: there is none, or it is damaged. */
bool pn_file_shelf_take(struct pn_file_shelf *shelf, const char *name, const char *path,
                        int64_t *size_bytes);
/* Is a file small enough, and is there space on the disk, for it to be put there? */
bool pn_file_shelf_fits(struct pn_file_shelf *shelf, const char *path);
/* Puts a complete file there, if it fits, which has its sum, and which no one changes from then on.
 */
void pn_file_shelf_give(struct pn_file_shelf *shelf, const char *name, const char *path);

#endif
