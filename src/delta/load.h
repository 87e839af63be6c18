/*
 * Loading a table's state from its log: which files to read, in which order, and what to do when
 * one of them is missing or damaged.
 *
 * The newest complete checkpoint at or below the version is used, with all commits after it; when
 * it cannot be read, the next older one, down to the very first commit. `_last_checkpoint` only
 * saves listing the whole log.
 */
#ifndef PN_DELTA_LOAD_H
#define PN_DELTA_LOAD_H

#include "delta/internal.h"
#include "delta/log_files.h"

/*
 * The state as of `version`, or the latest for -1, whether or not its features are known. Without
 * `want_files` there are no files and tombstones in it. The errors of pn_delta_snapshot().
 */
int pn_delta_load(struct pn_delta *table, int64_t version, bool want_files,
                  struct pn_delta_snapshot **snapshot, struct pn_err *e) PN_MUST_CHECK;
/*
 * Brings a whole state up to date: only what came since is read. *snapshot is another one then, or
 * NULL after a failure. MISSING when there is no table any more.
 */
int pn_delta_load_newer(struct pn_delta *table, struct pn_delta_snapshot **snapshot,
                        struct pn_err *e) PN_MUST_CHECK;
/* The state of a version that has a complete checkpoint in a whole listing, by that
 * checkpoint alone. */
int pn_delta_load_checkpoint(struct pn_delta *table, const struct pn_delta_log_files *log,
                             int64_t version, struct pn_delta_snapshot **snapshot,
                             struct pn_err *e) PN_MUST_CHECK;
/*
 * The latest state without files, kept by the handle: only what came since the last call is read.
 * Borrowed until the next call. MISSING when there is no table.
 */
int pn_delta_load_head(struct pn_delta *table, const struct pn_delta_snapshot **head,
                       struct pn_err *e) PN_MUST_CHECK;

/* Files and tombstones in their order. */
void pn_delta_sort_files(struct pn_delta_snapshot *snapshot);

#endif
