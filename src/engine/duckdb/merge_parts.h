/*
 * The steps of a merge, which merge.c puts together. Each leaves a temporary table or view on the
 * connection:
 *
 *   pn_batch      the batch, with pn_deleted: does the row delete its key?
 *   pn_best       the newest row of each key of the batch; pn_new is true
 *   pn_hits       the table's rows of these keys: pn_key, pn_order, and their places, pn_file (in
 *                 `candidates`) and pn_row;
 *                 pn_order is null where it was not read, since the batch has newer rows
 *   pn_deletions  the newest deletion of each key that has one
 *   pn_held       the keys of the hits, and whose row is newer by the order column (pn_newer):
 *                 'table', 'batch' or 'unclear'
 *   pn_taken      the keys of the batch, without those of which the table has a newer row
 *   pn_old        the rows of the files that hold keys of pn_taken
 *   pn_rewritten  the rows of those of these files that are written again
 *   pn_final      what becomes of each key that is taken
 *   pn_coming, pn_leaving   merge.h
 */
#ifndef PN_ENGINE_DUCKDB_MERGE_PARTS_H
#define PN_ENGINE_DUCKDB_MERGE_PARTS_H

#include "engine/duckdb/merge.h"
#include "engine/duckdb/scan.h"

struct merging {
    const struct pn_merge *merge;
    struct pn_duckdb *engine;
    const struct pn_table *table;
    duckdb_connection connection;
    int64_t generation; /* of the deletions, where the table is made afresh */
    char *deleted_path;
    struct pn_table deleted; /* the table of deletions */
    struct pn_column deleted_columns[2];
    struct pn_delta_snapshot *target; /* NULL: there is no table */
    /* Its files that may hold keys of the batch, by their statistics; and those that the commit
     * writes again. Memory in its arena. */
    struct pn_delta_file *candidates;
    size_t candidate_count;
    struct pn_delta_file *rewritten;
    size_t rewritten_count;
    struct pn_delta *delta;           /* the table, for the vectors */
    struct pn_delta_vectors *vectors; /* of those that stay; NULL: there are none */
    struct pn_file_lease lease;
};

bool pn_merging_keeps_deletions(const struct merging *merging);
int pn_merging_run(struct merging *merging, const struct pn_buf *sql,
                   struct pn_err *e) PN_MUST_CHECK;
/* Appends the name of the key column; the names of all columns, with commas. */
void pn_merging_add_key(const struct merging *merging, struct pn_buf *sql);
void pn_merging_add_columns(const struct merging *merging, struct pn_buf *sql);
/* Makes a view of a snapshot's rows; NULL: it has none. */
int pn_merging_view(struct merging *merging, const char *name, const struct pn_table *table,
                    const struct pn_delta_snapshot *snapshot, struct pn_err *e) PN_MUST_CHECK;

/* merge_rows.c. The batch: pn_batch; INPUT names rows without a key; pn_best. */
int pn_merging_view_batch(struct merging *merging, struct pn_err *e) PN_MUST_CHECK;
int pn_merging_check_keys(struct merging *merging, struct pn_err *e) PN_MUST_CHECK;
int pn_merging_make_best(struct merging *merging, struct pn_err *e) PN_MUST_CHECK;
/* pn_held and pn_taken; pn_final. */
int pn_merging_make_taken(struct merging *merging, struct pn_err *e) PN_MUST_CHECK;
int pn_merging_make_final(struct merging *merging, struct pn_err *e) PN_MUST_CHECK;
/* pn_coming and pn_leaving. */
int pn_merging_view_outcome(struct merging *merging, struct pn_err *e) PN_MUST_CHECK;
/* Rows that the commit adds or changes, and those that it deletes. */
int pn_merging_count_rows(struct merging *merging, struct pn_table_report *report,
                          struct pn_err *e) PN_MUST_CHECK;

/* merge_files.c: which rows of the table have keys of the batch. pn_hits. */
int pn_merging_find_hits(struct merging *merging, struct pn_err *e) PN_MUST_CHECK;
/* merge_marks.c: `touched`, `rewritten` and `vectors`; pn_old and pn_rewritten. */
int pn_merging_choose_files(struct merging *merging, struct pn_err *e) PN_MUST_CHECK;

#endif
