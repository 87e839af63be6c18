/* A table of which a run overwrites a part (replace_where), and one whose columns get wider types:
 * the rows that stay, what is refused, and commits of others in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "engine/duckdb/widen.h"
#include "engine/incremental.h"
#include "support/engine_fixture.h"

#define ROWS "SELECT day, n FROM thing ORDER BY ALL"

static const struct pn_column NARROW[] = {
    {.name = "day", .type = {.kind = PN_TYPE_DATE}},
    {.name = "n", .type = {.kind = PN_TYPE_INT}},
};
static const struct pn_column WIDE[] = {
    {.name = "day", .type = {.kind = PN_TYPE_DATE}},
    {.name = "n", .type = {.kind = PN_TYPE_BIGINT}},
};
static const struct pn_column TEXT[] = {
    {.name = "day", .type = {.kind = PN_TYPE_DATE}},
    {.name = "n", .type = {.kind = PN_TYPE_STRING}},
};
static struct pn_partition BY_DAY[] = {
    {.column = {.name = "day", .type = {.kind = PN_TYPE_DATE}}},
};

static int set_up(void **state)
{
    struct engine_fixture *fixture = pn_xcalloc(1, sizeof *fixture);
    engine_fixture_init(fixture);
    (void)engine_load(fixture, RAW_THING); /* which the SQL may read */
    struct pn_table *table = &fixture->tables[THING];
    table->partitions = BY_DAY;
    table->partition_count = 1;
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    engine_fixture_deinit(*state);
    free(*state);
    return 0;
}

/* Runs the table with rows (day of November 2026, n) in place of those of `where`. */
static int make(struct engine_fixture *fixture, const struct pn_column *columns, const char *type,
                const char *values, const char *where, struct pn_err *e)
{
    struct pn_table_report report;
    const struct pn_table *tables[] = {&fixture->tables[THING]};
    char sql[512];
    (void)snprintf(sql, sizeof sql,
                   "SELECT DATE '2026-11-01' + CAST(d - 1 AS INTEGER) AS day, CAST(n AS %s) AS n "
                   "FROM (VALUES %s) AS v(d, n)",
                   type, values);
    engine_fixture_sql(fixture, sql, columns, 2);
    fixture->tables[THING].replace_where = where;
    *e = (struct pn_err){.msg = ""};
    return pn_engine_transform(&fixture->engine->batch, tables, 1, &report, e);
}

static void made(struct engine_fixture *fixture, const char *values, const char *where)
{
    struct pn_err e;
    if (make(fixture, NARROW, "INTEGER", values, where, &e) != 0) {
        fail_msg("%s", e.msg);
    }
}

static void refused(struct engine_fixture *fixture, const char *values, const char *where,
                    const char *part)
{
    struct pn_err e;
    assert_int_not_equal(make(fixture, NARROW, "INTEGER", values, where, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
    if (strstr(e.msg, part) == NULL) {
        fail_msg("%s", e.msg);
    }
}

static void test_other_partitions_stay(void **state)
{
    struct engine_fixture *fixture = *state;
    made(fixture, "(1, 10), (2, 20), (3, NULL)", "day >= DATE '2026-11-01'");
    made(fixture, "(2, 21), (2, 22)", "day = DATE '2026-11-02'");
    assert_answer(fixture, ROWS,
                  "\"2026-11-01\"|10\n\"2026-11-02\"|21\n\"2026-11-02\"|22\n"
                  "\"2026-11-03\"|null\n");
    made(fixture, "(1, 1) LIMIT 0", "day BETWEEN DATE '2026-11-02' AND DATE '2026-11-09'");
    assert_answer(fixture, ROWS, "\"2026-11-01\"|10\n");
}

static void test_a_null_partition(void **state)
{
    struct engine_fixture *fixture = *state;
    made(fixture, "(NULL, 1), (1, 2)", "true");
    made(fixture, "(1, 3)", "day IS NOT NULL");
    assert_answer(fixture, ROWS, "\"2026-11-01\"|3\nnull|1\n");
    made(fixture, "(NULL, 4)", "day IS NULL");
    assert_answer(fixture, ROWS, "\"2026-11-01\"|3\nnull|4\n");
    /* Null is not true. */
    made(fixture, "(1, 5)", "day = DATE '2026-11-01'");
    assert_answer(fixture, ROWS, "\"2026-11-01\"|5\nnull|4\n");
}

static void test_rows_outside_are_refused(void **state)
{
    struct engine_fixture *fixture = *state;
    made(fixture, "(1, 10), (2, 20)", "true");
    refused(fixture, "(1, 11), (2, 21), (2, 22)", "day = DATE '2026-11-01'",
            "table 'thing': 2 rows that the SQL gives are outside of what the run replaces");
    refused(fixture, "(NULL, 11)", "day = DATE '2026-11-01'", "1 row that the SQL gives is");
    assert_answer(fixture, ROWS, "\"2026-11-01\"|10\n\"2026-11-02\"|20\n");
}

static void test_a_condition_that_cannot_be_asked(void **state)
{
    struct engine_fixture *fixture = *state;
    made(fixture, "(1, 10)", "true");
    refused(fixture, "(1, 11)", "n = 10", "n");
    refused(fixture, "(1, 11)", "day = ", "syntax error");
    assert_answer(fixture, ROWS, "\"2026-11-01\"|10\n");
}

/* --- wider types ------------------------------------------------------------------------------ */

static void test_wider_types_keep_the_rows_of_other_partitions(void **state)
{
    struct engine_fixture *fixture = *state;
    struct pn_err e;
    made(fixture, "(1, 10), (2, 20), (NULL, 30)", "true");
    int rc = make(fixture, WIDE, "BIGINT", "(2, 9000000000)", "day = DATE '2026-11-02'", &e);
    assert_int_equal(rc, 0);
    assert_answer(fixture, ROWS, "\"2026-11-01\"|10\n\"2026-11-02\"|9000000000\nnull|30\n");
    refused(fixture, "(1, 1)", "day = DATE '2026-11-01'", "as 'thing' in pipeline.yml declares it");
    assert_int_not_equal(make(fixture, TEXT, "VARCHAR", "(NULL, 1)", "day IS NULL", &e), 0);
    assert_non_null(strstr(e.msg, "take `replace_where` out for one run"));
}

static int widen(struct engine_fixture *fixture, const struct pn_column *columns, bool *widened,
                 struct pn_err *e)
{
    struct pn_table table = fixture->tables[THING];
    table.columns = columns;
    *e = (struct pn_err){.msg = ""};
    return pn_duckdb_widen((struct pn_duckdb *)fixture->engine, &table, widened, e);
}

static void test_what_is_widened(void **state)
{
    struct engine_fixture *fixture = *state;
    struct pn_err e;
    bool widened = true;
    assert_int_equal(widen(fixture, WIDE, &widened, &e), 0); /* there is no table */
    assert_false(widened);
    made(fixture, "(1, 10), (1, 11), (2, 20)", "true");
    assert_int_equal(widen(fixture, NARROW, &widened, &e), 0); /* nothing to do */
    assert_false(widened);
    assert_int_equal(widen(fixture, TEXT, &widened, &e), 0); /* that is not wider */
    assert_false(widened);
    assert_int_equal(widen(fixture, WIDE, &widened, &e), 0);
    assert_true(widened);
    assert_int_equal(widen(fixture, WIDE, &widened, &e), 0); /* once */
    assert_false(widened);
    fixture->tables[THING].columns = WIDE;
    assert_answer(fixture, ROWS, "\"2026-11-01\"|10\n\"2026-11-01\"|11\n\"2026-11-02\"|20\n");
    assert_answer(fixture, "SELECT DISTINCT typeof(n) AS t FROM thing", "\"BIGINT\"\n");
}

static void test_a_table_that_is_divided_otherwise_is_not_widened(void **state)
{
    struct engine_fixture *fixture = *state;
    struct pn_err e;
    bool widened = true;
    made(fixture, "(1, 10)", "true");
    fixture->tables[THING].partition_count = 0;
    assert_int_not_equal(widen(fixture, WIDE, &widened, &e), 0);
    assert_false(widened);
    assert_non_null(strstr(e.msg, "table 'thing', writing its rows with wider types"));
    fixture->tables[THING].partition_count = 1;
    assert_answer(fixture, ROWS, "\"2026-11-01\"|10\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_other_partitions_stay, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_null_partition, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rows_outside_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_condition_that_cannot_be_asked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wider_types_keep_the_rows_of_other_partitions, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_widened, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_table_that_is_divided_otherwise_is_not_widened,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
