/*
 * The parts of the tests of a table, which expect.c and expect_check.c put together. Each test sees
 * temporary views of the connection:
 *
 *   <the table's name>     the rows that the run has written; once a merge was looked ahead at,
 *                          those that it puts into the table (merge.h)
 *   pn_expect_have         the rows that the table has beside these; those that stay in it
 *   pn_expect_other_<i>    what the relationship of the i-th test compares with, as column c
 */
#ifndef PN_ENGINE_DUCKDB_EXPECT_PARTS_H
#define PN_ENGINE_DUCKDB_EXPECT_PARTS_H

#include "engine/duckdb/quarantine.h"
#include "engine/duckdb/write.h"

#define PN_TESTING_HAVE "pn_expect_have"

struct testing {
    struct pn_duckdb *engine;
    duckdb_connection connection;
    const struct pn_table *table;
    struct pn_table_report *report;
    struct pn_written kept; /* the rows that no test takes out, where one takes out some */
    bool adds;              /* new rows come to those that the table has */
    bool merged;            /* a merge was looked ahead at, */
    int64_t merged_version; /* with this version of the table */
    struct pn_file_lease lease;
};

/* expect_failing.c. Appends a value of a test as a literal of its column's type; the condition of a
 * row that does not pass. */
void pn_testing_add_literal(const char *text, const struct pn_type *type, struct pn_buf *sql);
void pn_testing_add_condition(const struct pn_expect *expect, const struct pn_table *table,
                              struct pn_buf *sql);
/* Counts the rows that do not pass; appends some of them as JSON. */
int pn_testing_count(struct testing *testing, const struct pn_expect *expect, int64_t *count,
                     struct pn_err *e) PN_MUST_CHECK;
int pn_testing_show(struct testing *testing, const struct pn_expect *expect, struct pn_buf *out,
                    struct pn_err *e) PN_MUST_CHECK;
/* Says in the error which test of which table it is of. PN_FAIL. */
int pn_testing_blame(const struct testing *testing, const struct pn_expect *expect,
                     struct pn_err *e) PN_MUST_CHECK;

/* expect_views.c. The table's name as a view of the rows of `written`, or of those that a merge of
 * `batch` into `table` puts there; and the end of that view. */
int pn_testing_view_written(struct testing *testing, const struct pn_written *written,
                            struct pn_err *e) PN_MUST_CHECK;
int pn_testing_view_merged(struct testing *testing, const struct pn_table *table,
                           const struct pn_written *batch, struct pn_err *e) PN_MUST_CHECK;
int pn_testing_drop_view(struct testing *testing, struct pn_err *e) PN_MUST_CHECK;
/* pn_expect_have: with `adds` the rows of the table, else those that `replace_where` lets stay. */
int pn_testing_view_have(struct testing *testing, struct pn_err *e) PN_MUST_CHECK;
/* pn_expect_other_<i>; without `exist`, other tables need not be made yet, and have no rows. */
int pn_testing_view_others(struct testing *testing, bool exist, struct pn_err *e) PN_MUST_CHECK;

/* expect_quarantine.c. Whether a test with this action refuses rows, by the counts in the report.
 * Writes the others as `kept`. */
bool pn_testing_takes_out(const struct testing *testing);
int pn_testing_keep(struct testing *testing, struct pn_err *e) PN_MUST_CHECK;
/* The rows that are taken out become letters, and *written becomes the files of `kept`; the views
 * are those of `written`. */
int pn_testing_quarantine(struct testing *testing, const struct pn_quarantine *to,
                          struct pn_written *written, struct pn_err *e) PN_MUST_CHECK;

#endif
