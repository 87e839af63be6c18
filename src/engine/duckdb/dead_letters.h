/*
 * The dead-letter table: what arrived and could not become a row of a raw table, with the reason.
 *
 *   table string, topic string, partition int, offset bigint, object string, line bigint,
 *   reason string, value string, timestamp timestamp, key string, made_by string,
 *   after_version bigint (letter_maker.h)
 *
 * A load gathers the lines that its tables reject in a temporary file of JSON lines, and then
 * rewrites the table: what earlier loads found for other raw tables stays; what they found for
 * these is replaced by the lines rejected now and by what the sink could not land (JSON lines below
 * <dead_letters_dir>/<topic>/). For raw tables that a load adds to, what it found is added. But for
 * what made them, nothing here depends on the time or the order of reading, so the same load again
 * gives the same rows.
 */
#ifndef PN_ENGINE_DUCKDB_DEAD_LETTERS_H
#define PN_ENGINE_DUCKDB_DEAD_LETTERS_H

#include "engine/duckdb/landed.h"
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

/* Writes and commits the table's new version; `scans` are those of the load's tables, read to their
 * ends. For a table that is_added[i] says the load adds to, dead letters are added; for others they
 * are replaced. Adds to counts[i] what the sink could not land for table i. */
int pn_dead_letters_commit(struct pn_dead_letters *dead, duckdb_connection connection,
                           struct pn_landed_scan *const *scans, const bool *is_added,
                           int64_t *counts, struct pn_err *e) PN_MUST_CHECK;

#endif
