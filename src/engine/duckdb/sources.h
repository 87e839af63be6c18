/*
 * What an incremental transformed table reads: of each table that grows the rows that are new since
 * the table's last commit, of others all. The versions that were read are txn actions of its
 * commits:
 *
 *   pinion/incremental               1: the versions below are what the table was made of
 *   pinion/definition                a checksum of SQL, columns, partitions, prelude and mode
 *   pinion/since                     the commit is of this version or later (taken.h)
 *   pinion/source/<table>/<its id>   the version of that table
 *
 * The table is made afresh, of all rows, when new rows alone are not enough: at first; when it was
 * overwritten; when its definition or a table that does not grow has changed; and when of a growing
 * one rows were changed or removed, or what it got since then is not there any more.
 */
#ifndef PN_ENGINE_DUCKDB_SOURCES_H
#define PN_ENGINE_DUCKDB_SOURCES_H

#include "base/arena.h"
#include "engine/duckdb/letter_batch.h"
#include "engine/duckdb/write.h"

struct pn_sources {
    struct pn_duckdb *engine;
    const struct pn_table *table;
    struct pn_delta_snapshot *target; /* NULL: there is no table yet */
    struct pn_delta_snapshot **reads; /* in the order of table->reads */
    struct pn_delta_file **added;     /* of each that grows: files with new rows */
    size_t *added_count;
    bool afresh;
    bool is_idle;                 /* nothing was read that the table does not have */
    struct pn_letter_batch batch; /* of the rows that a data test takes out */
    struct pn_delta_txn *txns;
    int64_t *before;
    size_t txn_count;
    struct pn_arena arena;
};

/* Reads the logs, and says in the report why the table is made afresh, if it is. MISSING when a
 * table that it reads is not there. Deinit after success and failure. */
int pn_sources_read(struct pn_sources *sources, struct pn_duckdb *engine,
                    const struct pn_table *table, struct pn_table_report *report,
                    struct pn_err *e) PN_MUST_CHECK;
/* Makes temporary views of what is to be read, under the tables' names; files are there until
 * `lease` is released. */
int pn_sources_view(struct pn_sources *sources, duckdb_connection connection,
                    struct pn_file_lease *lease, struct pn_err *e) PN_MUST_CHECK;
void pn_sources_deinit(struct pn_sources *sources);

#endif
