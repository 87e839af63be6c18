/*
 * The gauge pinion_table_dead_letters: how many dead letters there are, by table and by the rule
 * that the records break. A thread of its own looks at the two tables of dead letters once in a
 * while, and counts when one of them has a new version. So it does not matter which process wrote
 * the letters: a load of a DAG, a stream, Spark, or another server. Counting takes at most a
 * twentieth of the thread's time, however many letters there are.
 */
#ifndef PN_SERVER_LETTER_COUNTS_H
#define PN_SERVER_LETTER_COUNTS_H

#include "server/app.h"
#include "store/store.h"

struct pn_letter_counts;

/* Borrowed until the stop. Starts the thread. */
int pn_letter_counts_start(const struct pn_app *app, struct pn_store *store,
                           struct pn_letter_counts **counts, struct pn_err *e) PN_MUST_CHECK;
void pn_letter_counts_stop(struct pn_letter_counts **counts); /* NULL ok */

#endif
