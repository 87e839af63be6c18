/*
 * The letters that people have dropped. A load of all objects finds the same bad records again, so
 * a drop is remembered, by the letter's id: in objects of JSON lines beside the
 * table of dead letters, in a folder that readers of Delta tables leave alone,
 *
 *     <dead_letters_path>/_dropped/<uuid>.jsonl
 *     {"table":"raw_orders","object":"topics/…+0000000000.json","ids":["0f3a…", …]}
 *
 * A drop adds an object of its own, <uuid>.open.jsonl while its letters are still in their table. A
 * load that finds an open one ends that drop first: it was killed, or is at work.
 *
 * A load that replaces a table's letters forgets the ids that it did not find again, and one that
 * adds to a table those whose object is gone: what is left is written as one object, and then those
 * that were read are removed. A crash in between leaves an id in two objects, which does no harm.
 * So nothing is ever changed in place, and drops and loads may run at once, on any machine.
 *
 * Streams' letters are written once, so their drops need no memory.
 */
#ifndef PN_ENGINE_DUCKDB_DROPPED_H
#define PN_ENGINE_DUCKDB_DROPPED_H

#include "engine/duckdb/private.h"
#include "engine/letter_id.h"

/* What was read. Begins as {0}. */
struct pn_dropped {
    char **keys; /* of the objects that could be read */
    size_t key_count;
    size_t key_capacity;
    int64_t count; /* of ids */
};

/* Finds the objects only. */
int pn_dropped_list(struct pn_duckdb *engine, struct pn_dropped *dropped,
                    struct pn_err *e) PN_MUST_CHECK;
/* Reads all of it into the temporary table dropped ("table", object, id), which is made. An object
 * that is damaged is skipped with a warning: its letters come back. Of a row of the table of dead
 * letters, PN_NOT_DROPPED is true where nobody has dropped it, under its id or its old one. */
#define PN_NOT_DROPPED                                                                      \
    PN_LETTER_ID_OF_LOADS " NOT IN (SELECT id FROM dropped) AND " PN_LETTER_OLD_ID_OF_LOADS \
                          " NOT IN (SELECT id FROM dropped)"
/* Of letters that a load found, in brackets: their ids, as rows of one column. */
#define PN_FOUND_IDS \
    "SELECT unnest([" PN_LETTER_ID_OF_LOADS ", " PN_LETTER_OLD_ID_OF_LOADS "]) FROM"
int pn_dropped_read(struct pn_duckdb *engine, duckdb_connection connection,
                    struct pn_dropped *dropped, struct pn_err *e) PN_MUST_CHECK;
/* Remembers what the SELECT gives: "table", object, id. INPUT: it would be too many. `made` gets
 * the open objects, also where it fails. */
int pn_dropped_add(struct pn_duckdb *engine, duckdb_connection connection, const char *select,
                   struct pn_dropped *made, struct pn_err *e) PN_MUST_CHECK;
/* Is one of the objects open? */
bool pn_dropped_is_open(const struct pn_dropped *dropped);
/* Closes the open ones: their letters have left the table. What fails is logged, and done by the
 * next load. */
void pn_dropped_close(struct pn_duckdb *engine, struct pn_dropped *dropped);
/* Forgets ids: `left` is a SELECT of the rows of `dropped` that stay. Those of objects that are not
 * in `before`, which was listed before the load looked for letters, stay in any case: the load may
 * not have seen the letters that a later drop took out. */
int pn_dropped_keep(struct pn_duckdb *engine, duckdb_connection connection,
                    const struct pn_dropped *dropped, const struct pn_dropped *before,
                    const struct pn_buf *left, struct pn_err *e) PN_MUST_CHECK;
/* Logs that ids could not be forgotten; the next load tries again. */
void pn_dropped_warn(struct pn_duckdb *engine, const struct pn_err *why);
void pn_dropped_deinit(struct pn_dropped *dropped);

/* dropped_gone.c: could a load of the table read the object, if it were there? */
bool pn_dropped_is_object_of(const struct pn_duckdb *engine, const struct pn_table *table,
                             const char *object);
/* Adds the objects of `dropped` that no load of the table can read any more to the temporary table
 * gone ("table", object). Lists the store's objects of the table. */
int pn_dropped_find_gone(struct pn_duckdb *engine, duckdb_connection connection,
                         const struct pn_table *table, struct pn_err *e) PN_MUST_CHECK;

/* letter_drop.c: where one of the objects is open, reads them, takes the letters out of their
 * table, and closes the open ones. RETRY: others write the table all the time. */
int pn_dropped_end(struct pn_duckdb *engine, duckdb_connection connection,
                   struct pn_dropped *dropped, struct pn_err *e) PN_MUST_CHECK;
/* See pn_engine_drop_letters(). */
int pn_duckdb_drop_letters(struct pn_embedded_engine *base, const struct pn_letter_drop *drops,
                           size_t count, struct pn_err *e) PN_MUST_CHECK;

#endif
