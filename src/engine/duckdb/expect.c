#include "engine/duckdb/expect.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "engine/duckdb/expect_parts.h"
#include "engine/duckdb/merge.h"

/* What lets a later run pass. Records that have landed stay as they are, so to mend them is not. */
static void add_advice(const struct pn_table *table, const struct pn_expect *expect,
                       struct pn_buf *out)
{
    bool is_of_rows = expect->kind != PN_EXPECT_EMPTY;
    if (table->mode == PN_MODE_MERGE) {
        pn_buf_adds(out,
                    is_of_rows ? "send newer records of their keys, " : "send newer records, ");
    } else if (table->from_files != NULL) {
        pn_buf_adds(out, "mend the files, ");
    }
    if (expect->kind == PN_EXPECT_RELATIONSHIP) {
        pn_buf_addf(out, "add the values to table '%s', ", expect->other->name);
    }
    if (!is_of_rows) {
        pn_buf_addf(out, "change the SQL of the test%s, ",
                    table->sql != NULL ? " or of the table" : "");
    } else if (table->sql != NULL && expect->kind == PN_EXPECT_UNIQUE &&
               table->mode == PN_MODE_APPEND) { /* whose SQL sees each row by itself */
        pn_buf_adds(out, "make the table one with `mode: merge`, which has no such test, ");
    } else if (table->sql != NULL) {
        pn_buf_adds(out, "leave them out in the SQL, ");
    }
    pn_buf_addf(out, "%sgive the test %s`action: warn`", out->len > 0 ? "or " : "",
                is_of_rows && table->replace_where == NULL ? "`action: quarantine` or " : "");
}

/* The error of the first test with the action `fail` that does not pass, if there is one. */
static int fail_first(struct testing *testing, struct pn_err *e)
{
    const struct pn_table *table = testing->table;
    const struct pn_expect *first = NULL;
    size_t more = 0;
    struct pn_buf rows;
    struct pn_buf advice;
    for (size_t i = 0; i < table->expect_count; i++) {
        bool fails =
            testing->report->expect_failed[i] > 0 && table->expects[i].action == PN_EXPECT_FAIL;
        more += fails && first != NULL;
        first = fails && first == NULL ? &table->expects[i] : first;
    }
    if (first == NULL) {
        return 0;
    }
    int64_t count = testing->report->expect_failed[first - table->expects];
    pn_buf_init(&rows, PN_DUCKDB_SQL_MAX);
    pn_buf_init(&advice, sizeof e->msg);
    add_advice(table, first, &advice);
    int rc = pn_testing_show(testing, first, &rows, e);
    if (rc == 0) {
        char others[64] = "";
        if (more > 0) {
            (void)snprintf(others, sizeof others, " and %zu other %s fail%s", more,
                           pn_noun((int64_t)more, "test", "tests"), more == 1 ? "s" : "");
        }
        rc = pn_err_input(e,
                          "table '%s': %" PRId64 " %s not pass %s%s; the table stays as it was: %s "
                          "(%s)",
                          table->name, count, pn_noun(count, "row does", "rows do"), first->name,
                          others, pn_buf_text(&rows), pn_buf_text(&advice));
    }
    pn_buf_deinit(&rows);
    pn_buf_deinit(&advice);
    return rc;
}

/* --- the rows that a merge puts into the table ------------------------------------------------ */

/* Can a test of the rows that a merge puts into the table, which are some of the batch, have other
 * results than the batch? Not one of each row by itself that all of the batch pass. */
static bool needs_merged(const struct testing *testing)
{
    const struct pn_table *table = testing->table;
    for (size_t i = 0; table->mode == PN_MODE_MERGE && i < table->expect_count; i++) {
        const struct pn_expect *expect = &table->expects[i];
        bool is_alone =
            expect->kind != PN_EXPECT_EMPTY && (expect->kind != PN_EXPECT_RELATIONSHIP ||
                                                strcmp(expect->other->name, table->name) != 0);
        if (expect->action != PN_EXPECT_QUARANTINE &&
            (!is_alone || testing->report->expect_failed[i] > 0)) {
            return true;
        }
    }
    return false;
}

/* Counts again what `fail` and `warn` see. */
static int test_merged(struct testing *testing, const struct pn_table *table,
                       const struct pn_written *written, struct pn_err *e)
{
    bool takes_out = pn_testing_takes_out(testing);
    int rc = pn_testing_view_merged(testing, table, takes_out ? &testing->kept : written, e);
    for (size_t i = 0; rc == 0 && i < table->expect_count; i++) {
        if (table->expects[i].action != PN_EXPECT_QUARANTINE) {
            rc = pn_testing_count(testing, &table->expects[i], &testing->report->expect_failed[i],
                                  e);
        }
    }
    return rc;
}

/* --- the whole -------------------------------------------------------------------------------- */

/* The rows that were written; the SQL of `empty` sees those of a merge alone. */
static int test_written(struct testing *testing, const struct pn_written *written, struct pn_err *e)
{
    const struct pn_table *table = testing->table;
    int rc = pn_testing_view_written(testing, written, e);
    if (rc == 0) {
        rc = pn_testing_view_have(testing, e);
    }
    if (rc == 0) {
        rc = pn_testing_view_others(testing, true, e);
    }
    for (size_t i = 0; rc == 0 && i < table->expect_count; i++) {
        if (table->mode != PN_MODE_MERGE || table->expects[i].kind != PN_EXPECT_EMPTY) {
            rc = pn_testing_count(testing, &table->expects[i], &testing->report->expect_failed[i],
                                  e);
        }
    }
    return rc;
}

int pn_duckdb_expect(struct pn_duckdb *engine, duckdb_connection connection,
                     const struct pn_table *table, bool adds, const struct pn_quarantine *to,
                     struct pn_written *written, struct pn_table_report *report, struct pn_err *e)
{
    const struct pn_table batch = pn_merge_batch_table(table);
    struct testing testing = {.engine = engine,
                              .connection = connection,
                              .table = &batch,
                              .adds = adds,
                              .report = report};
    if (table->expect_count == 0) {
        return 0;
    }
    int rc = test_written(&testing, written, e);
    if (rc == 0 && pn_testing_takes_out(&testing)) {
        rc = pn_testing_keep(&testing, e);
    }
    bool looks_ahead = rc == 0 && needs_merged(&testing);
    if (looks_ahead) {
        rc = test_merged(&testing, table, written, e);
    }
    if (rc == 0) {
        rc = fail_first(&testing, e);
    }
    if (rc == 0 && testing.merged) { /* quarantine looks at each row by itself */
        testing.merged = false;
        rc = pn_testing_view_written(&testing, written, e);
        rc = rc == 0 ? pn_testing_view_have(&testing, e) : rc;
    }
    if (rc == 0) {
        rc = pn_testing_quarantine(&testing, to, written, e);
        written->is_tested = looks_ahead;
        written->tested_version = testing.merged_version;
    }
    if (rc != 0) {
        pn_duckdb_write_undo(engine, &testing.kept, 0);
    }
    if (pn_testing_drop_view(&testing, rc == 0 ? e : NULL) != 0 && rc == 0) {
        rc = PN_FAIL;
    }
    pn_written_deinit(&testing.kept);
    pn_file_lease_release(&testing.lease);
    return rc;
}
