/*
 * A query on its way from its text to its rows, and those that are in progress.
 */
#ifndef PN_ENGINE_DUCKDB_ASKING_H
#define PN_ENGINE_DUCKDB_ASKING_H

#include "engine/duckdb/asked.h"

/* --- one query: ask.c ------------------------------------------------------------------------ */

/* Set `ask`, the rest zero; pn_asking_deinit() is to follow in any case. */
struct pn_asking {
    const struct pn_ask *ask; /* borrowed */
    struct pn_duckdb_select select;
    struct pn_duckdb_asked asked; /* the tables that it names */
    struct pn_file_lease lease;
    bool has_given; /* tables, columns or rows were handed on: it cannot be asked again */
};

/* Reads the text, and the logs of the tables that it names. Nothing is bound yet. */
int pn_asking_find(struct pn_duckdb *engine, duckdb_connection connection, struct pn_asking *asking,
                   struct pn_err *e) PN_MUST_CHECK;
/* Runs it and gives its rows. The instance is limited to its files, and its tables have views. */
int pn_asking_answer(struct pn_duckdb *engine, duckdb_connection connection,
                     struct pn_asking *asking, struct pn_err *e) PN_MUST_CHECK;
void pn_asking_deinit(struct pn_asking *asking);

/* --- in progress: asking.c ------------------------------------------------------------------- */

/* The connection of a query or an import whose progress others ask for, and which an interrupt
 * ends. It lies with its caller, from begin to end. */
struct pn_in_progress {
    duckdb_connection connection;
    struct pn_in_progress *older;
};
void pn_in_progress_begin(struct pn_duckdb *engine, struct pn_in_progress *in_progress,
                          duckdb_connection connection);
void pn_in_progress_end(struct pn_duckdb *engine, struct pn_in_progress *in_progress);
/* RETRY after pn_engine_interrupt(). */
int pn_duckdb_check_interrupt(struct pn_duckdb *engine, struct pn_err *e) PN_MUST_CHECK;

#endif
