/*
 * What keeps a log short: checkpoints, and cleaning up what they replace.
 */
#ifndef PN_DELTA_MAINTAIN_H
#define PN_DELTA_MAINTAIN_H

#include "delta/internal.h"

/* After a commit: a checkpoint of `version` when it is due, then the clean-up. Failures are logged;
 * the next commits try again. */
void pn_delta_maintain(struct pn_delta *table, int64_t version,
                       const struct pn_delta_metadata *metadata);
/* A checkpoint of one version and, unless a newer one is named there, `_last_checkpoint`. */
int pn_delta_checkpoint_version(struct pn_delta *table, int64_t version,
                                struct pn_err *e) PN_MUST_CHECK;
/*
 * Removes the log files that nobody needs who reads versions younger than the log retention: what
 * is older than the newest checkpoint at or before the newest commit that is older than the
 * retention (counted from midnight UTC, as Spark does). That checkpoint is read first to prove that
 * it carries the table, and the commit of its version stays.
 */
int pn_delta_clean_log(struct pn_delta *table, const struct pn_delta_metadata *metadata,
                       struct pn_err *e) PN_MUST_CHECK;

#endif
