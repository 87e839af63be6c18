/*
 * The dead-letter table: what arrived and could not become a row of a raw table, with the reason.
 *
 *   table string, topic string, partition int, offset bigint, object string, line bigint,
 *   reason string, value string, timestamp timestamp, key string, made_by string,
 *   after_version bigint (letter_maker.h), batch bigint (letter_batch.h; null: it was replaced, or
 *   is not of a data test)
 *
 * A load gathers the lines that its tables reject in a temporary file of JSON lines, and then
 * rewrites the table: what earlier loads found for other raw tables stays; what they found for
 * these is replaced by the lines rejected now and by what the sink could not land (JSON lines below
 * <dead_letters_dir>/<topic>/). What imports found for these goes after their commit. For raw
 * tables that a load adds to, what it found is added. But for what made them, nothing here depends
 * on the time or the order of reading, so the same load again gives the same rows.
 */
#ifndef PN_ENGINE_DUCKDB_DEAD_LETTERS_H
#define PN_ENGINE_DUCKDB_DEAD_LETTERS_H

#include "engine/duckdb/landed.h"
#include "engine/duckdb/letter_batch.h"
#include "engine/duckdb/write.h"

enum { PN_DEAD_LETTER_VALUE_MAX = 1 << 20 }; /* bytes of a value, or of a key, that are kept */

struct pn_dead_letters;

/* The table itself; queries know it as `dead_letters`. */
struct pn_table pn_dead_letters_table(const struct pn_pipeline *pipeline);

/* For a load of these tables, borrowed until the end. */
struct pn_dead_letters *pn_dead_letters_create(struct pn_duckdb *engine,
                                               const struct pn_table *const *tables, size_t count);
/* Removes the temporary file. NULL ok. */
void pn_dead_letters_destroy(struct pn_dead_letters **dead);

/* A pn_landed_reject_fn for the scan of a table: its argument is pn_dead_letters_for(). Good for
 * the dead letters' life. */
int pn_dead_letters_take(void *arg, const struct pn_landed_reject *reject,
                         struct pn_err *e) PN_MUST_CHECK;
void *pn_dead_letters_for(struct pn_dead_letters *dead, size_t table);

/* Takes rows of a table that a data test takes out: those of `select`, see quarantine.h. Once for
 * each table. */
int pn_dead_letters_take_rows(struct pn_dead_letters *dead, duckdb_connection connection,
                              size_t table, const struct pn_buf *select,
                              struct pn_err *e) PN_MUST_CHECK;

/* How a load changes the dead letters of one of its tables. */
struct pn_dead_letters_way {
    bool is_added;                       /* they are added to those that there are */
    const struct pn_letter_batch *batch; /* of the rows that a data test takes out; NULL: none */
};

/* Writes and commits the table's new version; `scans` are those of the load's tables, read to their
 * ends, and `ways` one for each. Adds to counts[i] what the sink could not land for table i. */
int pn_dead_letters_commit(struct pn_dead_letters *dead, duckdb_connection connection,
                           struct pn_landed_scan *const *scans,
                           const struct pn_dead_letters_way *ways, int64_t *counts,
                           struct pn_err *e) PN_MUST_CHECK;

/* After the commit that made a table afresh in place of its version `before`: takes out the letters
 * of imports that this version had. By the same connection as pn_dead_letters_commit(). */
int pn_dead_letters_end_imported(struct pn_dead_letters *dead, duckdb_connection connection,
                                 const struct pn_table *table, int64_t before,
                                 struct pn_err *e) PN_MUST_CHECK;

#endif
