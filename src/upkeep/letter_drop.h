/*
 * Dropping dead letters, as people ask for it: those that a query names leave the tables of dead
 * letters, and do not come back with the next load. The command line and the server use it. They
 * are chosen first, and then dropped, so that what goes is what somebody saw and said yes to.
 */
#ifndef PN_UPKEEP_LETTER_DROP_H
#define PN_UPKEEP_LETTER_DROP_H

#include "engine/embedded.h"

enum { PN_LETTERS_SEEN_SIZE = 40 };

/* A query for letters; both texts are borrowed. */
struct pn_letter_choice {
    const char *sql;        /* id, source, table, object: as report/dead_letters.h makes it */
    const char *parameters; /* a JSON object */
};

/* The letters that a query gave, in memory: some 100 bytes each. */
struct pn_chosen_letters;

/* Asks for them. INPUT: more than PN_LETTERS_DROP_MAX. The other errors are those of the query. */
int pn_upkeep_choose_letters(struct pn_embedded_engine *engine,
                             const struct pn_letter_choice *choice,
                             struct pn_chosen_letters **chosen, struct pn_err *e) PN_MUST_CHECK;
void pn_chosen_letters_destroy(struct pn_chosen_letters **chosen); /* NULL ok */

/* Letters that are equal in all that an id is made of count each. */
int64_t pn_chosen_letters_count(const struct pn_chosen_letters *chosen);
/* A short text that is another one for other letters, in any order. */
void pn_chosen_letters_seen(const struct pn_chosen_letters *chosen,
                            char seen[PN_LETTERS_SEEN_SIZE]);

/* Drops them. The errors are those of pn_engine_drop_letters(); what was dropped before an error
 * stays so. */
int pn_upkeep_drop_letters(struct pn_embedded_engine *engine,
                           const struct pn_chosen_letters *chosen, struct pn_err *e) PN_MUST_CHECK;

#endif
