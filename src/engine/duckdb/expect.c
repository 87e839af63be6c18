#include "engine/duckdb/expect.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/units.h"
#include "engine/duckdb/expect_parts.h"

/* The error of the first test with the action `fail` that does not pass, if there is one. */
static int fail_first(struct testing *testing, struct pn_err *e)
{
    const struct pn_table *table = testing->table;
    const struct pn_expect *first = NULL;
    size_t more = 0;
    struct pn_buf rows;
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
    int rc = pn_testing_show(testing, first, &rows, e);
    if (rc == 0) {
        char others[64] = "";
        if (more > 0) {
            (void)snprintf(others, sizeof others, " and %zu other %s fail%s", more,
                           pn_noun((int64_t)more, "test", "tests"), more == 1 ? "s" : "");
        }
        rc = pn_err_input(e,
                          "table '%s': %" PRId64 " %s not pass %s%s; the table stays as it was: %s "
                          "(mend the records or the SQL, or give the test `action: warn`)",
                          table->name, count, pn_noun(count, "row does", "rows do"), first->name,
                          others, pn_buf_text(&rows));
    }
    pn_buf_deinit(&rows);
    return rc;
}

int pn_duckdb_expect(struct pn_duckdb *engine, duckdb_connection connection,
                     const struct pn_table *table, bool adds, const struct pn_quarantine *to,
                     struct pn_written *written, struct pn_table_report *report, struct pn_err *e)
{
    struct testing testing = {
        .engine = engine, .connection = connection, .table = table, .report = report};
    if (table->expect_count == 0) {
        return pn_duckdb_forget_letters(engine, connection, table, to, e);
    }
    int rc = pn_testing_view_written(&testing, written, e);
    if (rc == 0) {
        rc = pn_testing_view_have(&testing, adds, e);
    }
    if (rc == 0) {
        rc = pn_testing_view_others(&testing, true, e);
    }
    for (size_t i = 0; rc == 0 && i < table->expect_count; i++) {
        rc = pn_testing_count(&testing, &table->expects[i], &report->expect_failed[i], e);
    }
    if (rc == 0) {
        rc = fail_first(&testing, e);
    }
    if (rc == 0) {
        rc = pn_testing_quarantine(&testing, to, written, e);
    }
    if (pn_testing_drop_view(&testing, rc == 0 ? e : NULL) != 0 && rc == 0) {
        rc = PN_FAIL;
    }
    pn_file_lease_release(&testing.lease);
    return rc;
}
