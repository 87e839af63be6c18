/* Patterns of keys: what they are, what they match, and which folders they reach into. */
#include "pipeline/glob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "pipeline/file_format.h"
#include "store/store.h"

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

/* --- against a plain reading of the rules ----------------------------------------------------- */

enum { DEPTH_MAX = 4, TEXT_SIZE = 64 };

/* Path number `number` of `depth` of these names; returns how many there are. */
static size_t make_path(const char *const *names, size_t count, size_t depth, size_t number,
                        char *path)
{
    size_t all = 1;
    path[0] = '\0';
    for (size_t i = 0; i < depth; i++) {
        (void)snprintf(path + strlen(path), TEXT_SIZE - strlen(path), "%s%s", i > 0 ? "/" : "",
                       names[number % count]);
        number /= count;
        all *= count;
    }
    return all;
}

static const char *next_part(const char *text)
{
    const char *slash = strchr(text, '/');
    return slash != NULL ? slash + 1 : NULL;
}

/* Of globs whose parts are those below, by trying all. */
static bool plainly_matches(const char *glob, const char *key)
{
    if (glob == NULL || key == NULL) {
        return glob == NULL && key == NULL;
    }
    if (strncmp(glob, "**", 2) == 0) {
        return plainly_matches(next_part(glob), key) ||
               (key[0] != '_' && plainly_matches(glob, next_part(key)));
    }
    bool is_same = glob[0] == '*'   ? key[0] != '_'
                   : glob[1] == '*' ? glob[0] == key[0]
                                    : strcspn(glob, "/") == strcspn(key, "/") &&
                                          strncmp(glob, key, strcspn(glob, "/")) == 0;
    return is_same && plainly_matches(next_part(glob), next_part(key));
}

static const char *const glob_parts[] = {"**", "*", "a", "_x", "_*"};
static const char *const key_parts[] = {"a", "b", "_x"};
enum { GLOB_PARTS = 5, KEY_PARTS = 3 };

static void test_matches_are_those_of_the_rules(void **state)
{
    (void)state;
    char glob[TEXT_SIZE];
    char key[TEXT_SIZE];
    for (size_t depth = 1; depth <= DEPTH_MAX; depth++) {
        for (size_t g = 0; g < make_path(glob_parts, GLOB_PARTS, depth, g, glob); g++) {
            for (size_t length = 1; length <= DEPTH_MAX; length++) {
                for (size_t k = 0; k < make_path(key_parts, KEY_PARTS, length, k, key); k++) {
                    if (pn_glob_matches(glob, key) != plainly_matches(glob, key)) {
                        fail_msg("%s and %s", glob, key);
                    }
                }
            }
        }
    }
}

/* Is there a key in the folder, or its own, that matches? */
static bool plainly_reaches(const char *glob, const char *folder)
{
    bool reaches = plainly_matches(glob, folder);
    char below[TEXT_SIZE];
    char key[2 * TEXT_SIZE];
    for (size_t depth = 1; depth < DEPTH_MAX; depth++) {
        for (size_t n = 0; n < make_path(key_parts, KEY_PARTS, depth, n, below); n++) {
            (void)snprintf(key, sizeof key, "%s/%s", folder, below);
            reaches = reaches || plainly_matches(glob, key);
        }
    }
    return reaches;
}

static void test_reaches_are_those_of_the_rules(void **state)
{
    (void)state;
    char glob[TEXT_SIZE];
    char folder[TEXT_SIZE];
    for (size_t depth = 1; depth < DEPTH_MAX; depth++) {
        for (size_t g = 0; g < make_path(glob_parts, GLOB_PARTS, depth, g, glob); g++) {
            bool is_glob = strlen(glob) < 2 || strcmp(glob + strlen(glob) - 2, "**") != 0;
            for (size_t length = 1; is_glob && length < DEPTH_MAX; length++) {
                for (size_t k = 0; k < make_path(key_parts, KEY_PARTS, length, k, folder); k++) {
                    if (pn_glob_reaches(glob, folder) != plainly_reaches(glob, folder)) {
                        fail_msg("%s and %s", glob, folder);
                    }
                }
            }
        }
    }
}

/* Trying all places of each `**` would take longer than the universe is old. */
static void test_many_stars(void **state)
{
    enum { MANY = 150 };
    (void)state;
    struct pn_buf glob;
    struct pn_buf key;
    pn_buf_init(&glob, PN_KEY_MAX);
    pn_buf_init(&key, PN_KEY_MAX);
    pn_buf_adds(&glob, "in");
    pn_buf_adds(&key, "in");
    for (size_t i = 0; i < MANY; i++) {
        pn_buf_adds(&glob, i % 2 == 0 ? "/**" : "/*a*");
        pn_buf_adds(&key, "/aba");
    }
    pn_buf_adds(&glob, "/**/b");
    assert_int_equal(pn_glob_check(pn_buf_text(&glob), NULL), 0);
    assert_false(pn_glob_matches(pn_buf_text(&glob), pn_buf_text(&key)));
    assert_true(pn_glob_reaches(pn_buf_text(&glob), pn_buf_text(&key)));
    pn_buf_adds(&key, "/_c");
    assert_false(pn_glob_reaches(pn_buf_text(&glob), pn_buf_text(&key)));
    key.len -= 2;
    pn_buf_adds(&key, "b");
    assert_true(pn_glob_matches(pn_buf_text(&glob), pn_buf_text(&key)));
    pn_buf_deinit(&glob);
    pn_buf_deinit(&key);
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
        cmocka_unit_test(test_matches_are_those_of_the_rules),
        cmocka_unit_test(test_reaches_are_those_of_the_rules),
        cmocka_unit_test(test_many_stars),
        cmocka_unit_test(test_formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
