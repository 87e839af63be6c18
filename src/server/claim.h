/*
 * Whose bucket is it? Two data folders that land in one prefix would replace each other's objects,
 * since each names them by the offsets of its own log. So the first that writes puts an object that
 * names it, `.pinion/owner`, and any other is refused.
 */
#ifndef PN_SERVER_CLAIM_H
#define PN_SERVER_CLAIM_H

#include "server/app.h"

/* The data folder (made when it is missing) takes the store, or has it already. FATAL when another
 * one has it: the message names that one, and says what to do. */
int pn_app_claim_store(const struct pn_app *app, struct pn_store *store,
                       struct pn_err *e) PN_MUST_CHECK;

/* Whose it is, without a change. `owner` is what people call the data folder that has it; NULL: the
 * store is not claimed. Caller frees. *is_ours: it is this data folder. */
int pn_app_look_claim(const struct pn_app *app, struct pn_store *store, char **owner, bool *is_ours,
                      struct pn_err *e) PN_MUST_CHECK;

#endif
