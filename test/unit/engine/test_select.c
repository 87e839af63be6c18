/* The text of a SELECT as a part of another statement: what comes after it is left out, and nothing
 * that belongs to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/duckdb/select.h"

static void test_what_comes_after_is_left_out(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        const char *text;
    } cases[] = {
        {"SELECT 1", "SELECT 1"},
        {"SELECT 1 ;\n\n ; ", "SELECT 1"},
        {"SELECT 1; -- all", "SELECT 1"},
        {"SELECT 1 -- all\n", "SELECT 1"},
        {"-- all\nSELECT 1;\n-- more\n/* and /* more */ ; */\n", "-- all\nSELECT 1"},
        {"SELECT 1 -- one\n, 2 /* two */;", "SELECT 1 -- one\n, 2"},
        {"SELECT '-- ;' AS \"/*\" -- x", "SELECT '-- ;' AS \"/*\""},
        {"SELECT 'it''s -- ;'", "SELECT 'it''s -- ;'"},
        {"SELECT E'\\'' || '-- x' AS y FROM t;", "SELECT E'\\'' || '-- x' AS y FROM t"},
        {"SELECT DATE'2020-01-01\\' || '-- x';", "SELECT DATE'2020-01-01\\' || '-- x'"},
        {"SELECT $$;--$$, $a$ $$ ; $a$ ; --", "SELECT $$;--$$, $a$ $$ ; $a$"},
        {"SELECT $1 - -2 * 3 / 4; --", "SELECT $1 - -2 * 3 / 4"},
        {"SELECT 'open -- ;", "SELECT 'open -- ;"},
        {"SELECT /* open ; ", "SELECT"},
        {"SELECT 'é' AS é;", "SELECT 'é' AS é"},
        {" ;-- nothing", ""},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pn_buf out;
        pn_buf_init(&out, 1000);
        pn_duckdb_add_select(&out, cases[i].sql);
        assert_string_equal(pn_buf_text(&out), cases[i].text);
        pn_buf_deinit(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_what_comes_after_is_left_out)};
    return cmocka_run_group_tests_name("select", tests, NULL, NULL);
}
