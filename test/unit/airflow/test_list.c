#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "airflow/list.h"
#include "airflow/write.h"

static void test_sort_names(void **state)
{
    (void)state;
    static const struct pn_airflow_sort sorts[] = {{"id", 7}, {"start_date", 9}, {NULL, 0}};
    int column = 0;
    bool descending = false;
    assert_true(pn_airflow_sort_parse("id", sorts, &column, &descending));
    assert_int_equal(column, 7);
    assert_false(descending);
    assert_true(pn_airflow_sort_parse("-start_date", sorts, &column, &descending));
    assert_int_equal(column, 9);
    assert_true(descending);
    static const char *const bad[] = {"", "-", "--id", "ID", "id ", "start", "id,start_date"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(pn_airflow_sort_parse(bad[i], sorts, &column, &descending));
    }
}

static void test_patterns(void **state)
{
    (void)state;
    static const struct {
        const char *patterns;
        const char *text;
        bool begins;
        bool matches;
    } cases[] = {
        {"", "any", false, true},         {"ai", "daily", false, true},
        {"AIL", "daily", false, true},    {"d%y", "daily", false, true},
        {"d%l%y", "daily", false, true},  {"y%d", "daily", false, false},
        {"d_ily", "daily", false, true},  {"d_y", "daily", false, false},
        {"ab%ab", "ababab", false, true}, {"aab", "aaab", false, true},
        {"x|ly", "daily", false, true},   {"x|y%x", "daily", false, false},
        {"%", "", false, true},           {"_", "", false, false},
        {"daily%", "daily", false, true}, {"dai", "daily", true, true},
        {"DAI", "daily", true, false},    {"x|d", "daily", true, true},
        {"ail", "daily", true, false},    {"daily2", "daily", true, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(pn_airflow_matches(cases[i].patterns, cases[i].text, cases[i].begins),
                         cases[i].matches);
    }
}

static void test_ids_depend_on_each_text_alone(void **state)
{
    (void)state;
    static const char *const first[] = {"dag", "run", "task", "1"};
    static const char *const shifted[] = {"dagr", "un", "task", "1"};
    static const char *const next[] = {"dag", "run", "task", "2"};
    char id[PN_UUID_SIZE];
    char other[PN_UUID_SIZE];
    assert_string_equal(pn_airflow_uuid(first, 4, id), pn_airflow_uuid(first, 4, other));
    assert_string_not_equal(id, pn_airflow_uuid(shifted, 4, other));
    assert_string_not_equal(id, pn_airflow_uuid(next, 4, other));
    /* A UUID of version 8, RFC 9562. */
    assert_int_equal(strlen(id), 36);
    assert_int_equal(strspn(id, "0123456789abcdef-"), 36);
    assert_int_equal(id[14], '8');
    assert_non_null(strchr("89ab", id[19]));
    /* It must not change from release to release, since clients may keep it. */
    assert_string_equal(id, "e225139f-72c0-87f2-87d7-2a5ebbb31cb8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sort_names),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_ids_depend_on_each_text_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
