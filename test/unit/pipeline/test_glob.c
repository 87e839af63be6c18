/* Patterns of keys: what they are, what they match, and which folders they reach into. */
#include "pipeline/glob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pipeline/file_format.h"

static void test_what_is_a_pattern(void **state)
{
    (void)state;
    static const char *const good[] = {"in/*", "in/a.csv", "in/**/*.csv", "a/b/**/c/x*y*z"};
    static const char *const bad[] = {"",         "a.csv", "*/a",   "in*/a",   "in/**", "in/a**",
                                      "in/**b/c", "/in/a", "in//a", "in/../a", "in/a/"};
    struct pn_err e;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (pn_glob_check(good[i], &e) != 0) {
            fail_msg("%s: %s", good[i], e.msg);
        }
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (pn_glob_check(bad[i], &e) == 0) {
            fail_msg("%s is taken", bad[i]);
        }
    }
}

static void test_matches(void **state)
{
    (void)state;
    static const struct {
        const char *glob;
        const char *key;
        bool matches;
    } cases[] = {
        {"in/*.csv", "in/a.csv", true},
        {"in/*.csv", "in/.csv", false},
        {"in/*csv", "in/csv", true},
        {"in/*.csv", "in/a.csv.gz", false},
        {"in/*.csv", "in/b/a.csv", false},
        {"in/*.csv", "other/a.csv", false},
        {"in/*", "in/_a", false},
        {"in/*", "in/.a", false},
        {"in/_*", "in/_a", true},
        {"in/_*", "in/.a", false},
        {"in/*/a", "in/_b/a", false},
        {"in/**/a", "in/a", true},
        {"in/**/a", "in/b/a", true},
        {"in/**/a", "in/b/c/a", true},
        {"in/**/a", "in/b/.c/a", false},
        {"in/**/b/a", "in/b/b/a", true},
        {"in/**/b/**/a", "in/x/b/y/z/a", true},
        {"in/**/b/**/a", "in/x/c/y/a", false},
        {"in/**/a", "in", false},
        {"in/a*b*c", "in/abc", true},
        {"in/a*b*c", "in/axbxbc", true},
        {"in/a*b*c", "in/acb", false},
        {"in/a*a", "in/a", false},
        {"in/exact", "in/exact", true},
        {"in/exact", "in/exactly", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (pn_glob_matches(cases[i].glob, cases[i].key) != cases[i].matches) {
            fail_msg("%s and %s", cases[i].glob, cases[i].key);
        }
    }
    assert_int_equal(pn_glob_prefix("in/*.csv"), 3);
    assert_int_equal(pn_glob_prefix("in/b/a*/c"), 5);
    assert_int_equal(pn_glob_prefix("in/a.csv"), 3);
    assert_int_equal(pn_glob_prefix("in/**/a"), 3);
}

static void test_reaches(void **state)
{
    (void)state;
    static const struct {
        const char *glob;
        const char *folder;
        bool reaches;
    } cases[] = {
        {"in/*.csv", "in", true},         {"in/*.csv", "out", false},
        {"in/*.csv", "in/a", false},      {"in/*.csv", "in/a.csv", true},
        {"in/*/a.csv", "in/b", true},     {"in/*/a.csv", "in/b/c", false},
        {"in/*/*.csv", "in/b/c", false},  {"in/**/a.csv", "in/b/c/d", true},
        {"in/b/**/a.csv", "in/c", false}, {"in/**/a.csv", "in/_deleted", false},
        {"in/*", "in/.tmp", false},       {"live/*/x", "live/a*", true},
        {"live/b*/x", "live/a*", false},  {"live/*b/x", "live/*a", false},
        {"a/b", "a/b/c", false},          {"a/b", "a", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (pn_glob_reaches(cases[i].glob, cases[i].folder) != cases[i].reaches) {
            fail_msg("%s and %s", cases[i].glob, cases[i].folder);
        }
    }
}

static void test_formats(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int format; /* -1: none */
    } cases[] = {{"a.csv", PN_FILE_CSV},
                 {"a.CSV.GZ", PN_FILE_CSV},
                 {"a.tsv.zst", PN_FILE_CSV},
                 {"a.jsonl", PN_FILE_JSON},
                 {"a.ndjson.Gz", PN_FILE_JSON},
                 {"a.Parquet", PN_FILE_PARQUET},
                 {"a.gz", -1},
                 {"a.csv.gz.gz", -1},
                 {"csv", -1},
                 {"", -1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum pn_file_format format = PN_FILE_CSV;
        int found = pn_file_format_of(cases[i].name, &format) ? (int)format : -1;
        if (found != cases[i].format) {
            fail_msg("%s: %d", cases[i].name, found);
        }
    }
    assert_int_equal(pn_file_packing_of("a.GZ"), PN_FILE_GZIP);
    assert_int_equal(pn_file_packing_of("a.zst"), PN_FILE_ZSTD);
    assert_int_equal(pn_file_packing_of("gz"), PN_FILE_PLAIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_a_pattern),
        cmocka_unit_test(test_matches),
        cmocka_unit_test(test_reaches),
        cmocka_unit_test(test_formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
