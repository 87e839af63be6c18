#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "report/sql_reads.h"

static void test_tables(void **state)
{
    (void)state;
    static const char *const sqls[] = {
        "SELECT * FROM rides",
        "select * from Rides r where r.a > 1",
        "SELECT * FROM \"rides\" AS x",
        "SELECT * FROM \"rides@3\"",
        "SELECT * FROM rides@3",
        "SELECT * FROM main.rides",
        "FROM rides SELECT a",
        "SELECT a FROM other, rides",
        "SELECT a FROM other o, LATERAL (SELECT 1 FROM rides) l",
        "SELECT a FROM other LEFT JOIN rides USING (id, a)",
        "SELECT a FROM other JOIN third ON other.id = third.id, rides",
        "SELECT a FROM (rides JOIN other USING (id))",
        "SELECT a FROM ((SELECT a FROM rides))",
        "SELECT a FROM other WHERE id IN (SELECT id FROM rides)",
        "SELECT (SELECT max(a) FROM rides) FROM other",
        "SELECT extract(year FROM at) FROM rides",
        "SELECT a FROM other UNION ALL SELECT a FROM rides",
        "SELECT 'it''s' /* not FROM other */ FROM -- the rest\n rides",
        "WITH x AS (SELECT a FROM rides) SELECT a FROM x",
        "WITH x AS MATERIALIZED (SELECT 1), y(a, b) AS (SELECT a, b FROM rides) SELECT * FROM y",
        "WITH rides AS (SELECT a FROM rides) SELECT a FROM rides",
        "SELECT a FROM (WITH rides AS (SELECT 1) SELECT * FROM rides), rides",
        "SELECT a FROM other ORDER BY (SELECT count(*) FROM rides)",
        "SELECT a AS rides FROM rides",
        "SELECT a AS \"from\" FROM other, rides",
        "SELECT t.from, a FROM rides t",
        "SELECT a FROM f JOIN x ON f.order = x.limit, rides",
        "FROM 'rides'",
        "SELECT $$ it's $$, a FROM rides",
        "SELECT $x$ $$ ' $x$ FROM rides",
        "SELECT E'it\\'s' FROM rides",
        "TABLE rides",
        "SUMMARIZE rides",
        "DESCRIBE rides",
        "PIVOT rides ON a USING sum(b)",
        "SELECT * FROM (PIVOT rides ON a USING sum(b))",
        "SELECT * FROM (UNPIVOT rides ON a, b)",
    };
    for (size_t i = 0; i < sizeof sqls / sizeof *sqls; i++) {
        print_message("%s\n", sqls[i]);
        assert_true(pn_sql_reads(sqls[i], "rides"));
    }
}

static void test_other_names(void **state)
{
    (void)state;
    static const char *const sqls[] = {
        "",
        "SELECT 1",
        "SELECT city, count(*) AS rides, sum(price) FROM good_rides GROUP BY city",
        "SELECT city rides, rides.a FROM good rides",
        "SELECT a AS b, rides FROM other",
        "SELECT a FROM other GROUP BY a, rides ORDER BY b, rides LIMIT 5",
        "SELECT a FROM other JOIN third USING (id, rides)",
        "SELECT a FROM other WHERE a IN (1, rides)",
        "SELECT a FROM rides(1)",
        "SELECT a FROM range(1, rides)",
        "SELECT extract(year FROM rides) FROM other",
        "SELECT a FROM other WHERE a IS DISTINCT FROM rides",
        "SELECT a FROM other -- FROM rides\n",
        "SELECT 'FROM rides' FROM other",
        "SELECT a FROM \"from rides\"",
        "SELECT a FROM rides_of_today, \"ridesx@3\"",
        "SELECT a FROM rides.other",
        "WITH rides AS (SELECT 1 AS a) SELECT a FROM rides",
        "WITH x AS (SELECT 1), rides (a) AS NOT MATERIALIZED (SELECT a FROM x) SELECT * FROM rides",
        "WITH RECURSIVE rides AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM rides) FROM rides",
        "WITH rides AS (SELECT 1 AS a) SELECT a FROM (SELECT a FROM rides) x",
        "SELECT a FROM (VALUES (1, 2)) t(a, rides)",
        "SELECT a AS from, rides FROM other",
        "SELECT $$ FROM rides $$",
        "SELECT E'\\' FROM rides' FROM other",
        "SELECT $1 AS a, rides FROM other",
        "SELECT describe, rides FROM other",
        "SELECT a /* not /* FROM other */ FROM rides */ FROM other",
    };
    for (size_t i = 0; i < sizeof sqls / sizeof *sqls; i++) {
        print_message("%s\n", sqls[i]);
        assert_false(pn_sql_reads(sqls[i], "rides"));
    }
}

static void test_calls(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        bool calls;
    } cases[] = {
        {"SELECT now()", true},
        {"SELECT 1 + NOW ( )", true},
        {"SELECT \"now\" /* of the run */ ()", true},
        {"day = CAST(now() AS DATE)", true},
        {"SELECT a -- not now()\nFROM t", false},
        {"SELECT a /* not /* a */ now() */ FROM t", false},
        {"SELECT 'now' (), 'now()', E'\\' now()', $$ now() $$ FROM t", false},
        {"SELECT now, \"now()\" FROM t", false},
        {"SELECT nowhere(), know() FROM t", false},
        {"", false},
        {"now", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        print_message("%s\n", cases[i].sql);
        assert_int_equal(pn_sql_calls(cases[i].sql, "now"), cases[i].calls);
    }
}

/* What an engine would refuse ends, and reads nothing beyond its end. */
static void test_text_that_is_not_sql(void **state)
{
    (void)state;
    static const char *const sqls[] = {"\"",     "'", "/*", "--", "FROM \"rides", ")))",
                                       "FROM (", "@", "$a", "$$", "E'\\",         "FROM '"};
    for (size_t i = 0; i < sizeof sqls / sizeof *sqls; i++) {
        (void)pn_sql_reads(sqls[i], "rides");
        assert_false(pn_sql_calls(sqls[i], "rides"));
    }
    char deep[1000];
    for (size_t i = 0; i + 1 < sizeof deep; i++) {
        deep[i] = '(';
    }
    deep[sizeof deep - 1] = '\0';
    assert_false(pn_sql_reads(deep, "rides"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_other_names),
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_text_that_is_not_sql),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
