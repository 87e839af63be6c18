/*
 * One attempt at a commit: what it depends on, what it checks and what it writes. Made again each
 * time another writer was faster.
 *
 * What may go wrong between the state that an attempt read and its own version, by mode:
 *
 *     since then somebody ...          append          overwrite        rewrite
 *     appended files                   fine            removes them     fine
 *     removed files (overwrite, ...)   fine            fine             CONFLICT when one of ours
 *     changed the schema               INPUT unless    replaces it      fine (rows stay)
 *                                      the rows fit
 *     changed the protocol             the features are checked again
 *     committed the same txn           CONFLICT, PN_DELTA_TXN_SEEN
 *
 * A replace is checked as a rewrite is, and its schema as an append's. A restore is a replace that
 * brings an older version's metadata. What a commit was made of
 * may be a version: then any other commit since is a CONFLICT, PN_DELTA_MOVED.
 *
 * All of it is decided by looking at the newest state, never at a stale one, so the first attempt
 * and the later ones are the same.
 */
#ifndef PN_DELTA_COMMIT_H
#define PN_DELTA_COMMIT_H

#include "delta/internal.h"

struct pn_delta_attempt {
    struct pn_delta *table;
    const struct pn_delta_commit *commit;
    const char *txn_id; /* of all attempts: tells our commit file from another's */
    int64_t now_ms;
    int64_t version;                       /* to be made */
    const struct pn_delta_snapshot *state; /* NULL: there is no table yet */
    struct pn_delta_snapshot *owned;       /* what `state` is, where it isn't the handle's head */
    struct pn_delta_metadata metadata;     /* as it will be */
    bool metadata_changed;                 /* ... and so is to be written */
    struct pn_delta_protocol protocol;     /* the same of what writers must know */
    bool protocol_changed;
    struct pn_delta_file *removes; /* live files to be removed; first the commit's, ... */
    size_t remove_count;
    size_t marked_count; /* ... then so many that stay, with another deletion vector */
    struct pn_arena arena;
};

/* What no state of the table can make right: INPUT. */
int pn_delta_commit_check_input(struct pn_delta *table, const struct pn_delta_commit *commit,
                                struct pn_err *e) PN_MUST_CHECK;
/* Reads the newest state, checks and decides. `kept`: the state that an attempt before read whole,
 * or NULL; it is the attempt's from then on. Deinit after success and failure. */
int pn_delta_attempt_plan(struct pn_delta_attempt *attempt, struct pn_delta *table,
                          const struct pn_delta_commit *commit, const char *txn_id,
                          struct pn_delta_snapshot *kept, struct pn_err *e) PN_MUST_CHECK;
/* commit_metadata.c, a step of it: what the table's metadata and protocol will be. */
int pn_delta_attempt_plan_metadata(struct pn_delta_attempt *attempt,
                                   struct pn_err *e) PN_MUST_CHECK;
/* The bytes of the commit file. */
int pn_delta_attempt_write(const struct pn_delta_attempt *attempt, struct pn_buf *out,
                           struct pn_err *e) PN_MUST_CHECK;
void pn_delta_attempt_deinit(struct pn_delta_attempt *attempt);

#endif
