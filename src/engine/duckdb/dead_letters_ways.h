/*
 * The two ways in which a load changes the table of dead letters, and what both need: letters are
 * replaced (dead_letters_replaced.c) or added (dead_letters_added.c). dead_letters_table.c decides.
 */
#ifndef PN_ENGINE_DUCKDB_DEAD_LETTERS_WAYS_H
#define PN_ENGINE_DUCKDB_DEAD_LETTERS_WAYS_H

#include "engine/duckdb/dead_letters_parts.h"

enum { PN_LETTERS_ATTEMPTS_MAX = 8 };

/* After a SELECT of letters: those that nobody has dropped. */
#define PN_LETTERS_NOT_DROPPED " WHERE " PN_NOT_DROPPED

/* Commits the letters of all tables whose letters are replaced, and forgets what was dropped of
 * them and is gone. */
int pn_letters_replace(const struct pn_letters_putting *putting, struct pn_err *e) PN_MUST_CHECK;

/* Commits the letters of table i, whose letters are added; *count grows by those that the sink
 * could not land. */
int pn_letters_append(const struct pn_letters_putting *putting, size_t i, int64_t *count,
                      struct pn_err *e) PN_MUST_CHECK;
/* Forgets what was dropped of such tables and cannot come back; a failure is a warning. */
void pn_letters_forget_added(const struct pn_letters_putting *putting);

/* Makes the temporary tables of objects that are gone, and of imported files, without rows. */
int pn_letters_make_gone(const struct pn_letters_putting *putting, struct pn_err *e) PN_MUST_CHECK;
/* Forgets all but what is left, a SELECT of rows of `dropped`. */
int pn_letters_forget_others(const struct pn_letters_putting *putting, const struct pn_buf *left,
                             struct pn_err *e) PN_MUST_CHECK;
/* The error after PN_LETTERS_ATTEMPTS_MAX: other loads were faster each time. */
int pn_letters_too_many(const struct pn_dead_letters *dead, struct pn_err *e) PN_MUST_CHECK;

#endif
