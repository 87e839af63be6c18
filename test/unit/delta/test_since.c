/* Since which version a table has its columns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "support/delta_fixture.h"

/* The schema of columns with names of one letter. */
static char *schema_of(const char *letters)
{
    struct pn_buf text;
    pn_buf_init(&text, 10000);
    pn_buf_adds(&text, "{\"type\":\"struct\",\"fields\":[");
    for (size_t i = 0; letters[i] != '\0'; i++) {
        pn_buf_addf(&text,
                    "%s{\"name\":\"%c\",\"type\":\"long\",\"nullable\":true,\"metadata\":{}}",
                    i > 0 ? "," : "", letters[i]);
    }
    pn_buf_adds(&text, "]}");
    char *schema = pn_xstrdup(pn_buf_text(&text));
    pn_buf_deinit(&text);
    return schema;
}

/* A version that has these columns. */
static void overwrite(struct delta_fixture *fixture, const char *letters)
{
    static int number;
    char path[32];
    char *schema = schema_of(letters);
    (void)snprintf(path, sizeof path, "file-%d", number++);
    struct pn_delta_file file = delta_file(path, 1);
    const struct pn_delta_commit commit = {.mode = PN_DELTA_OVERWRITE,
                                           .operation = "WRITE",
                                           .schema = schema,
                                           .adds = &file,
                                           .add_count = 1};
    int64_t version = -1;
    assert_int_equal(pn_delta_commit(fixture->table, &commit, &version, NULL), 0);
    free(schema);
}

/* "a0 b1 c<2": a since 0, b since 1, c by 2. */
static void assert_since(struct delta_fixture *fixture, int64_t version, const char *expected)
{
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_delta_since *columns = NULL;
    size_t count = 0;
    struct pn_arena arena;
    struct pn_buf text;
    pn_arena_init(&arena, 0);
    pn_buf_init(&text, 10000);
    assert_int_equal(pn_delta_snapshot(fixture->table, version, &snapshot, NULL), 0);
    assert_int_equal(
        pn_delta_columns_since(fixture->table, snapshot, &arena, &columns, &count, NULL), 0);
    for (size_t i = 0; i < count; i++) {
        pn_buf_addf(&text, "%s%s%s%d", i > 0 ? " " : "", columns[i].name,
                    columns[i].is_exact ? "" : "<", (int)columns[i].version);
    }
    assert_string_equal(pn_buf_text(&text), expected);
    pn_buf_deinit(&text);
    pn_arena_deinit(&arena);
    pn_delta_snapshot_destroy(&snapshot);
}

static void remove_commits(struct delta_fixture *fixture, int first, int last)
{
    for (int version = first; version <= last; version++) {
        char *path = pn_xasprintf("%s/t/_delta_log/%020d.json", fixture->folder, version);
        assert_int_equal(unlink(path), 0);
        free(path);
    }
}

static void test_each_column_has_its_version(void **state)
{
    struct delta_fixture *fixture = *state;
    overwrite(fixture, "a");
    overwrite(fixture, "a");
    overwrite(fixture, "ab");
    overwrite(fixture, "abc");
    assert_since(fixture, -1, "a0 b2 c3");
    assert_since(fixture, 2, "a0 b2");
    assert_since(fixture, 1, "a0");
    overwrite(fixture, "ac"); /* a column that went and came again is since then */
    overwrite(fixture, "cab");
    assert_since(fixture, -1, "c3 a0 b5");
}

/* The state at the oldest commit comes from a checkpoint. */
static void test_a_log_that_was_cleaned(void **state)
{
    struct delta_fixture *fixture = *state;
    overwrite(fixture, "a");
    overwrite(fixture, "ab");
    overwrite(fixture, "ab");
    assert_int_equal(pn_delta_checkpoint(fixture->table, NULL), 0);
    overwrite(fixture, "ab");
    overwrite(fixture, "abc");
    overwrite(fixture, "abc");
    remove_commits(fixture, 0, 1);
    assert_since(fixture, -1, "a<2 b<2 c4");
    assert_since(fixture, 3, "a<2 b<2");
    remove_commits(fixture, 2, 2);
    assert_since(fixture, -1, "a<3 b<3 c4");
}

/* What cannot be read is as if it was gone. */
static void test_a_damaged_commit(void **state)
{
    struct delta_fixture *fixture = *state;
    overwrite(fixture, "a");
    overwrite(fixture, "a");
    assert_int_equal(pn_delta_checkpoint(fixture->table, NULL), 0);
    overwrite(fixture, "ab");
    delta_write_text(fixture, "00000000000000000001.json", "no JSON\n");
    assert_since(fixture, -1, "a<2 b<2");
}

/* No more commits are read than the limit. */
static void test_a_long_log(void **state)
{
    struct delta_fixture *fixture = *state;
    overwrite(fixture, "a");
    for (int i = 0; i < PN_DELTA_SINCE_COMMITS_MAX + 4; i++) {
        overwrite(fixture, "ab");
    }
    assert_since(fixture, -1, "a<5 b<5");
    assert_since(fixture, PN_DELTA_SINCE_COMMITS_MAX - 1, "a0 b1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_column_has_its_version, delta_set_up,
                                        delta_tear_down),
        cmocka_unit_test_setup_teardown(test_a_log_that_was_cleaned, delta_set_up, delta_tear_down),
        cmocka_unit_test_setup_teardown(test_a_damaged_commit, delta_set_up, delta_tear_down),
        cmocka_unit_test_setup_teardown(test_a_long_log, delta_set_up, delta_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
