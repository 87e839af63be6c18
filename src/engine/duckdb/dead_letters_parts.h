/*
 * What the table of dead letters is put together of, as parts of statements: the letters that a
 * load has spooled, those of rows that a data test takes out, and those that the sink could not
 * land.
 */
#ifndef PN_ENGINE_DUCKDB_DEAD_LETTERS_PARTS_H
#define PN_ENGINE_DUCKDB_DEAD_LETTERS_PARTS_H

#include "engine/duckdb/dead_letters_internal.h"
#include "engine/duckdb/dropped.h"

enum { PN_LETTERS_ATTEMPTS_MAX = 8 };

/* After a SELECT of letters: those that nobody has dropped. */
#define PN_LETTERS_NOT_DROPPED " WHERE " PN_NOT_DROPPED

/* What a load's dead letters are put together of. */
struct pn_letters_putting {
    struct pn_dead_letters *dead;
    duckdb_connection connection;
    struct pn_landed_scan *spool;
    struct pn_landed_scan *const *scans; /* of the load's tables */
    struct pn_landed_scan **sunk;
    const struct pn_dead_letters_way *ways;
    int64_t *after;                  /* the version of each table that has dead letters */
    struct pn_dropped *dropped;      /* what people have dropped, as of this try */
    const struct pn_dropped *before; /* and before this load looked for letters of the sink */
};

/* A pn_landed_reject_fn: of a line that can't be read in a file of dead letters, it says so. */
int pn_letters_warn_unreadable(void *arg, const struct pn_landed_reject *reject,
                               struct pn_err *e) PN_MUST_CHECK;
/* Scans of the sink's dead letters; NULL where a table has none. */
int pn_letters_find_sunk(const struct pn_letters_putting *putting, struct pn_err *e) PN_MUST_CHECK;

/* Which letters there are of table i. */
bool pn_letters_has_rejects(const struct pn_letters_putting *putting, size_t i);
bool pn_letters_has_sunk(const struct pn_letters_putting *putting, size_t i);
bool pn_letters_has_rows(const struct pn_letters_putting *putting, size_t i);
bool pn_letters_has_any(const struct pn_letters_putting *putting, size_t i);
/* Do the rows that a data test takes out have a number? Then their letters stay until the table's
 * commit. */
bool pn_letters_has_batch(const struct pn_letters_putting *putting, size_t i);

/* Appends the names of the tables that the load adds to, or of the others, in brackets. */
void pn_letters_add_names(const struct pn_letters_putting *putting, bool is_added,
                          struct pn_buf *sql);
/* Appends a SELECT of letters: of what the load rejected, to which a condition may be added; of
 * what the sink could not land for table i; of the rows that a data test takes out of it. */
void pn_letters_add_spooled(const struct pn_letters_putting *putting, struct pn_buf *sql);
void pn_letters_add_sunk(const struct pn_letters_putting *putting, size_t i, struct pn_buf *sql);
void pn_letters_add_rows(const struct pn_letters_putting *putting, size_t i, struct pn_buf *sql);
/* The beginning of such a SELECT, up to its FROM: of rows (reason, value) of a table that has the
 * version `after`. */
void pn_letters_add_row(const struct pn_duckdb *engine, const struct pn_table *table, int64_t after,
                        const struct pn_letter_batch *batch, struct pn_buf *sql);

/* Makes the temporary tables of objects that are gone, and of imported files, without rows. */
int pn_letters_make_gone(const struct pn_letters_putting *putting, struct pn_err *e) PN_MUST_CHECK;
/* The error after PN_LETTERS_ATTEMPTS_MAX: other loads were faster each time. */
int pn_letters_too_many(const struct pn_dead_letters *dead, struct pn_err *e) PN_MUST_CHECK;

#endif
