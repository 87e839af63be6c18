/*
 * Rows that a table's tests take out, as letters: which table of dead letters gets them, and when.
 *
 * A transformed table's are committed at once: in place of those of the run before, or, where runs
 * add rows, beside them (letter_batch.h). A raw table's are written into a file, which the load
 * puts into the table of dead letters with the records that it has rejected (dead_letters.h).
 */
#ifndef PN_ENGINE_DUCKDB_QUARANTINE_H
#define PN_ENGINE_DUCKDB_QUARANTINE_H

#include "engine/duckdb/dead_letters.h"
#include "engine/duckdb/letter_batch.h"

/* Where the letters go. */
struct pn_quarantine {
    /* Of a run that adds rows, or makes a table to which others add; NULL, or none: the letters
     * replace those of the table. */
    const struct pn_letter_batch *batch;
    bool afresh;                  /* the run makes the table of all rows */
    struct pn_dead_letters *load; /* of a raw table; NULL: it is a transformed one */
    size_t place;                 /* of the table in the load */
};

/*
 * Takes the rows of `select`, which gives a reason and the row as JSON: reason string, value
 * string. NULL: there are none; then see pn_duckdb_forget_letters().
 */
int pn_duckdb_quarantine(struct pn_duckdb *engine, duckdb_connection connection,
                         const struct pn_table *table, const struct pn_quarantine *to,
                         const struct pn_buf *select, struct pn_err *e) PN_MUST_CHECK;

/* After the commit of a run that has made a transformed table of all its rows, and has taken none
 * out: takes the table's letters away, of rows that a test took out before. What fails is logged;
 * the next run tries again. Runs with a number do so by themselves (letter_batch.h). */
void pn_duckdb_forget_letters(struct pn_duckdb *engine, duckdb_connection connection,
                              const struct pn_table *table);

#endif
