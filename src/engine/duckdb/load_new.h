/*
 * Which of its topic's landed objects a load of a raw table takes: all of them, or for an
 * incremental table those that are new (taken.h).
 */
#ifndef PN_ENGINE_DUCKDB_LOAD_NEW_H
#define PN_ENGINE_DUCKDB_LOAD_NEW_H

#include "engine/duckdb/from_files.h"
#include "engine/duckdb/landed.h"
#include "engine/duckdb/letter_batch.h"
#include "engine/duckdb/taken.h"
#include "engine/duckdb/write.h"

/* Zeroed is one that takes all and remembers nothing. */
struct pn_load_new {
    struct pn_duckdb *engine;
    const struct pn_table *table;
    struct pn_delta_snapshot *snapshot; /* of the table before the load; NULL: there was none */
    struct pn_taken *taken;             /* NULL: the table is overwritten */
    bool is_asked;                      /* it is to be made afresh, if it is incremental */
    bool afresh;                        /* all objects, and the commit overwrites */
    /* Of a table with from_files: its objects, and with `taken` those that were taken before. */
    struct pn_from_files *files;
    struct pn_object_book *book;
    struct pn_letter_batch batch; /* of the rows that a data test takes out */
    struct pn_arena arena;        /* of transactions */
    struct pn_delta_txn *txns;    /* of the commit */
    int64_t *txns_before;
};

/* Reads the table's positions, and says in the report why the table is made afresh, if it is.
 * INPUT: that would drop rows of imports, and the engine's config does not allow it. */
int pn_load_new_begin(struct pn_load_new *load, struct pn_duckdb *engine,
                      const struct pn_table *table, struct pn_table_report *report,
                      struct pn_err *e) PN_MUST_CHECK;
/* Adds the objects to the scan; those of a table with from_files are in `files`. */
int pn_load_new_find(struct pn_load_new *load, struct pn_landed_scan *scan,
                     struct pn_err *e) PN_MUST_CHECK;
/* After the scan was read: what the table has taken with it. */
int pn_load_new_settle(struct pn_load_new *load, const struct pn_landed_scan *scan,
                       struct pn_err *e) PN_MUST_CHECK;
/* Is there nothing to commit? */
bool pn_load_new_is_idle(const struct pn_load_new *load, const struct pn_landed_scan *scan);
/* Commits the rows with the positions. */
int pn_load_new_commit(struct pn_load_new *load, const struct pn_written *written,
                       const char *notes, struct pn_table_report *report,
                       struct pn_err *e) PN_MUST_CHECK;
/* INPUT: the rows of a raw table were made by other rules than the pipeline has now. */
int pn_load_new_check_definition(struct pn_duckdb *engine, const struct pn_table *table,
                                 const struct pn_delta_snapshot *snapshot,
                                 struct pn_err *e) PN_MUST_CHECK;
void pn_load_new_deinit(struct pn_load_new *load);

#endif
