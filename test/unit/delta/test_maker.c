/* What made a commit: written into its commitInfo, and read back with the history. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/delta_fixture.h"

static const struct pn_delta_maker task = {
    .dag = "nightly", .run = "manual__1", .task = "load", .attempt = 2};
static const struct pn_delta_maker stream = {.stream = "orders"};
static const struct pn_delta_maker job = {.job = "5d0c", .who = "ann"};

static int64_t commit(struct pn_delta *table, const char *path, const char *notes,
                      const struct pn_delta_maker *maker)
{
    struct pn_delta_file file = delta_file(path, 1);
    const struct pn_delta_commit it = {.mode = PN_DELTA_APPEND,
                                       .operation = "WRITE",
                                       .notes = notes,
                                       .maker = maker,
                                       .schema = DELTA_SCHEMA,
                                       .adds = &file,
                                       .add_count = 1};
    int64_t version = -1;
    assert_int_equal(pn_delta_commit(table, &it, &version, NULL), 0);
    return version;
}

/* A history's entries, the newest first. */
static struct pn_delta_history_entry *entries_of(struct delta_fixture *fixture, size_t expected,
                                                 struct pn_arena *arena)
{
    struct pn_delta_history_entry *entries = NULL;
    size_t count = 0;
    assert_int_equal(pn_delta_history(fixture->table, -1, 100, arena, &entries, &count, NULL), 0);
    assert_int_equal(count, expected);
    return entries;
}

static void test_a_commit_says_what_made_it(void **state)
{
    struct delta_fixture *fixture = *state;
    struct pn_arena arena;
    fixture->config.maker = task;
    delta_fixture_reopen(fixture);
    (void)commit(fixture->table, "a", NULL, NULL);
    (void)commit(fixture->table, "b", NULL, &stream);
    (void)commit(fixture->table, "c", NULL, &job);
    pn_arena_init(&arena, 0);
    const struct pn_delta_history_entry *entries = entries_of(fixture, 3, &arena);
    assert_string_equal(entries[2].maker.dag, "nightly"); /* the handle's */
    assert_string_equal(entries[2].maker.run, "manual__1");
    assert_string_equal(entries[2].maker.task, "load");
    assert_int_equal(entries[2].maker.attempt, 2);
    assert_null(entries[2].maker.stream);
    assert_string_equal(entries[1].maker.stream, "orders"); /* the commit's own */
    assert_null(entries[1].maker.dag);
    assert_string_equal(entries[0].maker.job, "5d0c");
    assert_string_equal(entries[0].maker.who, "ann");
    pn_arena_deinit(&arena);
}

/* The notes of a load stay the newest ones, whatever commits come after it. */
static void test_a_maker_is_no_note(void **state)
{
    struct delta_fixture *fixture = *state;
    struct pn_arena arena;
    const char *notes = NULL;
    int64_t version = -1;
    (void)commit(fixture->table, "a", "{\"n\":1}", &task);
    (void)commit(fixture->table, "b", NULL, &job);
    pn_arena_init(&arena, 0);
    assert_int_equal(pn_delta_newest_notes(fixture->table, -1, &arena, &version, &notes, NULL), 0);
    assert_string_equal(notes, "{\"n\":1}");
    pn_arena_deinit(&arena);
}

/* Other programs may have a member of this name. */
static void test_what_is_no_maker(void **state)
{
    static const char *const members[] = {"\"Bob\"",
                                          "{}",
                                          "{\"dag\":\"d\",\"run\":\"r\"}",
                                          "{\"dag\":\"d\",\"run\":1}",
                                          "null",
                                          "{\"job\":\"\"}",
                                          "[{\"job\":\"1\"}]",
                                          "{\"who\":\"ann\"}"};
    enum { COUNT = sizeof members / sizeof *members };
    struct delta_fixture *fixture = *state;
    struct pn_arena arena;
    (void)commit(fixture->table, "a", NULL, NULL);
    for (size_t i = 0; i < COUNT; i++) {
        char name[32];
        char text[128];
        (void)snprintf(name, sizeof name, "%020zu.json", i + 1);
        (void)snprintf(text, sizeof text, "{\"commitInfo\":{\"madeBy\":%s}}\n", members[i]);
        delta_write_text(fixture, name, text);
    }
    pn_arena_init(&arena, 0);
    const struct pn_delta_history_entry *entries = entries_of(fixture, COUNT + 1, &arena);
    for (size_t i = 0; i <= COUNT; i++) {
        assert_false(pn_delta_maker_is_known(&entries[i].maker));
    }
    pn_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_commit_says_what_made_it, delta_set_up,
                                        delta_tear_down),
        cmocka_unit_test_setup_teardown(test_a_maker_is_no_note, delta_set_up, delta_tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_no_maker, delta_set_up, delta_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
