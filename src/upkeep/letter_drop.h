/*
 * Dropping dead letters, as people ask for it: those that a query names leave the tables of dead
 * letters, and do not come back with the next load. The command line and the server use it.
 */
#ifndef PN_UPKEEP_LETTER_DROP_H
#define PN_UPKEEP_LETTER_DROP_H

#include "engine/embedded.h"

/* A query for letters; both texts are borrowed. */
struct pn_letter_choice {
    const char *sql;        /* id, source, table, object: as report/dead_letters.h makes it */
    const char *parameters; /* a JSON object */
};

/*
 * Drops the letters that the query gives; with `dry_run` it only counts them. *count is their
 * number: letters that are equal in all that an id is made of count each. The errors are those of
 * the query and of pn_engine_drop_letters(); what was dropped before an error stays so.
 */
int pn_upkeep_drop_letters(struct pn_embedded_engine *engine, const struct pn_letter_choice *choice,
                           bool dry_run, int64_t *count, struct pn_err *e) PN_MUST_CHECK;

#endif
