/* Partitions: the names of their folders, when DuckDB may take values from paths, and what COPY
 * divides the rows by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/duckdb/partition.h"

static struct pn_delta_map_entry value_of(const char *key, const char *value)
{
    return (struct pn_delta_map_entry){.key = key, .value = (char *)value};
}

static void assert_folder(const struct pn_delta_map_entry *values, size_t count,
                          const char *expected)
{
    char *folder = pn_partition_folder(values, count);
    assert_string_equal(folder, expected);
    free(folder);
}

static void test_folders(void **state)
{
    (void)state;
    const struct pn_delta_map_entry two[] = {value_of("city", "New York"),
                                             value_of("placed_day", "2026-11-29")};
    assert_folder(two, 2, "city=New%20York/placed_day=2026-11-29/");
    assert_folder(NULL, 0, "");
    const struct pn_delta_map_entry nothing = value_of("n", NULL);
    assert_folder(&nothing, 1, "n=__HIVE_DEFAULT_PARTITION__/");
    const struct pn_delta_map_entry odd = value_of("a b", "é/=%:*?[\\~'\"\n");
    assert_folder(&odd, 1, "a%20b=%C3%A9%2F%3D%25%3A%2A%3F%5B%5C%7E%27%22%0A/");
    const struct pn_delta_map_entry plain = value_of("v", "aZ09._-");
    assert_folder(&plain, 1, "v=aZ09._-/");
}

/* A table of one file, divided by `p`, whose log says `value`. */
static bool say(const char *name, const char *physical, const char *value, const char *path,
                const char *folder)
{
    struct pn_delta_map_entry entry = value_of("p", value);
    struct pn_delta_file file = {.path = path, .partition_values = &entry};
    file.partition_value_count = 1;
    const char *column = "p";
    const struct pn_delta_snapshot snapshot = {
        .files = &file,
        .file_count = 1,
        .metadata = {.partition_columns = &column, .partition_column_count = 1}};
    struct pn_stored part = {.name = name, .physical = physical, .kind = PN_STORED_VALUE};
    const struct pn_stored columns = {.kind = PN_STORED_STRUCT, .parts = &part, .part_count = 1};
    return pn_partition_paths_say(&snapshot, &columns, folder);
}

static void test_paths_that_say_the_values(void **state)
{
    (void)state;
    assert_true(say("p", "p", "a", "p=a/f.parquet", "/data/t"));
    assert_true(say("p", "p", "a b", "p=a%20b/f.parquet", "/data/t"));
    assert_true(say("p", "p", NULL, "p=__HIVE_DEFAULT_PARTITION__/f.parquet", "/data/t"));
}

static void test_paths_that_do_not(void **state)
{
    static const struct {
        const char *name;
        const char *physical;
        const char *value;
        const char *path;
        const char *folder;
    } cases[] = {
        {"p", "p", "a", "p=b/f.parquet", "/t"},       /* another value */
        {"p", "p", "a", "f.parquet", "/t"},           /* no folder */
        {"p", "p", "a", "q=a/f.parquet", "/t"},       /* another column */
        {"p", "p", "a", "p=a/q=1/f.parquet", "/t"},   /* one more */
        {"p", "p", "a", "p=a/k=f.parquet", "/t"},     /* a name that looks like one */
        {"p", "p", "a", "p=a/deep/f.parquet", "/t"},  /* a folder more */
        {"p", "p", "a", "p=a/f.parquet", "/x=1/t"},   /* one on the way */
        {"p", "col-1", "a", "p=a/f.parquet", "/t"},   /* the files have another name */
        {"q", "q", "a", "p=a/f.parquet", "/t"},       /* not a column */
        {"p", "p", "null", "p=null/f.parquet", "/t"}, /* DuckDB takes it for null */
        {"p", "p", "NULL", "p=NULL/f.parquet", "/t"}, /* likewise */
        {"p", "p", "", "p=/f.parquet", "/t"},         /* likewise */
        {"p", "p", "a", "p=a%20/f.parquet", "/t"},    /* a longer one */
        {"p", "p", "__HIVE_DEFAULT_PARTITION__", "p=__HIVE_DEFAULT_PARTITION__/f.parquet", "/t"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (say(cases[i].name, cases[i].physical, cases[i].value, cases[i].path, cases[i].folder)) {
            fail_msg("case %zu: %s", i, cases[i].path);
        }
    }
}

static void test_a_table_without_partitions_has_no_values_in_paths(void **state)
{
    const struct pn_delta_snapshot snapshot = {.file_count = 0};
    const struct pn_stored columns = {.kind = PN_STORED_STRUCT};
    (void)state;
    assert_false(pn_partition_paths_say(&snapshot, &columns, "/t"));
}

static void test_what_a_copy_divides_by(void **state)
{
    static const struct pn_column placed = {.name = "placed", .type = {.kind = PN_TYPE_TIMESTAMP}};
    static struct pn_partition partitions[] = {
        {.column = {.name = "n", .type = {.kind = PN_TYPE_INT}}},
        {.column = {.name = "placed_day", .type = {.kind = PN_TYPE_DATE}},
         .unit = PN_PARTITION_DAY,
         .source = &placed},
    };
    const struct pn_table table = {.partitions = partitions, .partition_count = 2};
    struct pn_buf sql;
    (void)state;
    pn_buf_init(&sql, 1 << 16);
    pn_partition_add_begin(&table, &sql);
    pn_buf_adds(&sql, "SELECT 1 -- a comment");
    pn_partition_add_end(&table, &sql);
    pn_partition_add_options(&table, &sql);
    assert_string_equal(
        pn_buf_text(&sql),
        "SELECT * EXCLUDE (\"n\"), coalesce('v' || CAST(\"n\" AS VARCHAR), 'n') AS \"/0\", "
        "coalesce('v' || CASE WHEN \"placed\" IS NULL THEN NULL WHEN year(\"placed\" AT TIME ZONE "
        "'UTC') BETWEEN 1 AND 9999 THEN list_transform([CAST(\"placed\" AT TIME ZONE 'UTC' AS "
        "VARCHAR)], lambda t: t[1:10])[1] ELSE error('partition column placed_day: a year before 1 "
        "or after 9999') END, 'n') AS \"/1\" FROM (SELECT 1 -- a comment\n"
        ") ORDER BY \"/0\", \"/1\", FILENAME_PATTERN 'f{i}', PARTITION_BY (\"/0\", \"/1\")");
    pn_buf_deinit(&sql);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folders),
        cmocka_unit_test(test_paths_that_say_the_values),
        cmocka_unit_test(test_paths_that_do_not),
        cmocka_unit_test(test_a_table_without_partitions_has_no_values_in_paths),
        cmocka_unit_test(test_what_a_copy_divides_by),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
