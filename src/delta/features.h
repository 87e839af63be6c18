/*
 * Table features: which a reader of rows and a writer here understand. A feature that only says
 * what a table may hold (deletion vectors, column mapping, ...) is in the way only where the table
 * does hold it.
 */
#ifndef PN_DELTA_FEATURES_H
#define PN_DELTA_FEATURES_H

#include "delta/internal.h"

/* 0, or INPUT that names the feature in the way. The snapshot has its files. */
int pn_delta_check_readable(const struct pn_delta *table, const struct pn_delta_snapshot *snapshot,
                            struct pn_err *e) PN_MUST_CHECK;
/* The same for a writer; a snapshot without files does. */
int pn_delta_check_writable(const struct pn_delta *table, const struct pn_delta_snapshot *snapshot,
                            struct pn_err *e) PN_MUST_CHECK;
/*
 * Makes a protocol ask for a feature that this module knows; lists are copied into the arena.
 * False: it does already. A protocol of versions whose sets do not have the feature gets names in
 * their place. Source: PROTOCOL.md, "Table Features", "Creating new tables"
 */
bool pn_delta_protocol_require(struct pn_arena *arena, struct pn_delta_protocol *protocol,
                               const char *name);

#endif
