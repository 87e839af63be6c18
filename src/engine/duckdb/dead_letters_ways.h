/*
 * The two ways in which a load changes the table of dead letters: letters are replaced
 * (dead_letters_replaced.c) or added (dead_letters_added.c). dead_letters_table.c decides.
 */
#ifndef PN_ENGINE_DUCKDB_DEAD_LETTERS_WAYS_H
#define PN_ENGINE_DUCKDB_DEAD_LETTERS_WAYS_H

#include "engine/duckdb/dead_letters_parts.h"

/* Commits the letters of all tables whose letters are replaced, and forgets what was dropped of
 * them and is gone. */
int pn_letters_replace(const struct pn_letters_putting *putting, struct pn_err *e) PN_MUST_CHECK;

/* Commits the letters of table i, whose letters are added; *count grows by those that the sink
 * could not land. */
int pn_letters_append(const struct pn_letters_putting *putting, size_t i, int64_t *count,
                      struct pn_err *e) PN_MUST_CHECK;
/* Forgets what was dropped of such tables and cannot come back; a failure is a warning. */
void pn_letters_forget_added(const struct pn_letters_putting *putting);

#endif
