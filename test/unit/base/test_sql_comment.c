/* What comments of SQL are, and where they end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/sql_comment.h"

static void test_where_comments_end(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        const char *comment_gone;
        const char *blanks_gone;
    } cases[] = {
        {"SELECT 1", "SELECT 1", "SELECT 1"},
        {"-- a\nSELECT 1", "\nSELECT 1", "SELECT 1"},
        {"-- a", "", ""},
        {"/* a */ /* b */\n\t-- c\r\n SELECT 1", " /* b */\n\t-- c\r\n SELECT 1", "SELECT 1"},
        {"/* a /* b */ c */SELECT 1", "SELECT 1", "SELECT 1"},
        {"/* -- a */SELECT 1", "SELECT 1", "SELECT 1"},
        {"/**/*/", "*/", "*/"},
        {"/*/ a */b", "b", "b"},
        {"/* a /* b */", "", ""},
        {"/*", "", ""},
        {"- a", "- a", "- a"},
        {"/ a", "/ a", "/ a"},
        {" \v\f", " \v\f", ""},
        {"", "", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        print_message("%s\n", cases[i].sql);
        assert_string_equal(pn_sql_skip_comment(cases[i].sql), cases[i].comment_gone);
        assert_string_equal(pn_sql_skip_blanks(cases[i].sql), cases[i].blanks_gone);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_where_comments_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
