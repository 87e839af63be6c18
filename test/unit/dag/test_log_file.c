/* Logs: ranges of them, and where a text is in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "dag/log_file.h"

enum { PIECE = 256 * 1024 };

struct world {
    char folder[64];
    char path[96];
    struct pn_arena arena;
    struct pn_buf out;
};

static int setup(void **state)
{
    struct world *world = pn_xcalloc(1, sizeof *world);
    (void)snprintf(world->folder, sizeof world->folder, "/tmp/pinion-log-XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    (void)snprintf(world->path, sizeof world->path, "%s/a.1.log", world->folder);
    pn_arena_init(&world->arena, 0);
    pn_buf_init(&world->out, 1 << 24);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    assert_int_equal(pn_io_remove_tree(pn_io_system(), world->folder, NULL), 0);
    pn_buf_deinit(&world->out);
    pn_arena_deinit(&world->arena);
    free(world);
    return 0;
}

static void put(struct world *world, const char *text, size_t len)
{
    assert_int_equal(pn_io_replace_file(pn_io_system(), world->path, text, len, NULL), 0);
}

static struct pn_log_range read_range(struct world *world, int64_t from, size_t max)
{
    struct pn_log_range range = {0};
    pn_buf_reset(&world->out);
    assert_int_equal(
        pn_log_file_read(pn_io_system(), world->path, from, max, &world->out, &range, NULL), 0);
    return range;
}

static void test_ranges(void **state)
{
    static const char text[] = "one\ntwo\n\xe2\x82\xac end\n";
    struct world *world = *state;
    put(world, text, strlen(text));
    struct pn_log_range range = read_range(world, 0, 100);
    assert_int_equal(range.from, 0);
    assert_int_equal(range.size_bytes, strlen(text));
    assert_string_equal(pn_buf_text(&world->out), text);
    range = read_range(world, 4, 4);
    assert_string_equal(pn_buf_text(&world->out), "two\n");
    /* The sign of the euro has three bytes, at 8: none of it is cut. */
    for (size_t max = 5; max < 7; max++) {
        range = read_range(world, 4, max);
        assert_string_equal(pn_buf_text(&world->out), "two\n");
    }
    range = read_range(world, 4, 7);
    assert_string_equal(pn_buf_text(&world->out), "two\n\xe2\x82\xac");
    /* From the end it begins with a line. */
    range = read_range(world, -11, 100);
    assert_int_equal(range.from, 8);
    assert_string_equal(pn_buf_text(&world->out), "\xe2\x82\xac end\n");
    range = read_range(world, -1000, 100);
    assert_int_equal(range.from, 0);
    assert_string_equal(pn_buf_text(&world->out), text);
    /* After the end there is nothing, and a reader that is there waits for more. */
    range = read_range(world, 1000, 100);
    assert_int_equal(world->out.len, 0);
    assert_int_equal(range.from, 1000);
}

static void test_bytes_that_are_not_text_are_not_cut_away(void **state)
{
    struct world *world = *state;
    put(world, "\xff\xff\xff\xff\xff\xff", 6);
    (void)read_range(world, 0, 4);
    assert_int_equal(world->out.len, 4);
    put(world, "\x80\x80\x80\x80\x80\x80", 6);
    (void)read_range(world, 0, 4);
    assert_int_equal(world->out.len, 4);
    put(world, "\xf0\x9f\x98\x80", 4);
    (void)read_range(world, 0, 2);
    assert_int_equal(world->out.len, 2);
}

static struct pn_log_hits find(struct world *world, const char *text, bool ignore_case,
                               int64_t after, size_t limit)
{
    const struct pn_log_search search = {
        .text = text, .ignore_case = ignore_case, .after = after, .limit = limit};
    struct pn_log_hits hits;
    assert_int_equal(
        pn_log_file_find(pn_io_system(), world->path, &search, &world->arena, &hits, NULL), 0);
    return hits;
}

static void test_a_text_is_found_with_its_line(void **state)
{
    static const char text[] = "Error\nok\nerror error\n";
    struct world *world = *state;
    put(world, text, strlen(text));
    struct pn_log_hits hits = find(world, "error", false, 0, 9);
    assert_int_equal(hits.count, 2);
    assert_int_equal(hits.hits[0].byte, 9);
    assert_int_equal(hits.hits[0].line, 3);
    assert_int_equal(hits.hits[1].byte, 15);
    assert_int_equal(hits.next, -1);
    assert_int_equal(hits.scanned, strlen(text));
    hits = find(world, "ERROR", true, 0, 9);
    assert_int_equal(hits.count, 3);
    assert_int_equal(hits.hits[0].line, 1);
    hits = find(world, "error", false, 0, 1);
    assert_int_equal(hits.count, 1);
    hits = find(world, "error", false, hits.next, 1);
    assert_int_equal(hits.count, 1);
    assert_int_equal(hits.hits[0].byte, 15);
    assert_int_equal(hits.hits[0].line, 3);
    assert_int_equal(find(world, "aa", false, 0, 9).count, 0);
}

/* A hit over the border of two pieces is found once, and lines are counted once. */
static void test_hits_over_the_border_of_pieces(void **state)
{
    struct world *world = *state;
    size_t len = 3 * (size_t)PIECE;
    char *text = pn_xmalloc(len);
    for (int shift = -8; shift <= 8; shift++) {
        memset(text, '\n', len);
        memcpy(text + PIECE + shift, "needle", 6);
        memcpy(text + 2 * PIECE - 100, "needle", 6);
        put(world, text, len);
        struct pn_log_hits hits = find(world, "needle", false, 0, 9);
        assert_int_equal(hits.count, 2);
        assert_int_equal(hits.hits[0].byte, PIECE + shift);
        assert_int_equal(hits.hits[0].line, PIECE + shift + 1);
        assert_int_equal(hits.hits[1].byte, 2 * PIECE - 100);
        assert_int_equal(hits.hits[1].line, 2 * PIECE - 100 + 1 - 6);
        assert_int_equal(hits.scanned, (int64_t)len);
        hits = find(world, "needle", false, PIECE + shift + 1, 9);
        assert_int_equal(hits.count, 1);
        assert_int_equal(hits.hits[0].byte, 2 * PIECE - 100);
    }
    free(text);
}

static void test_what_cannot_be_found(void **state)
{
    struct world *world = *state;
    const struct pn_log_search search = {.text = "", .limit = 1};
    struct pn_log_hits hits;
    struct pn_err failure = {0};
    assert_int_not_equal(
        pn_log_file_find(pn_io_system(), world->path, &search, &world->arena, &hits, &failure), 0);
    assert_int_equal(failure.class_, PN_CLASS_INPUT);
    const struct pn_log_search other = {.text = "x", .limit = 1};
    assert_int_not_equal(
        pn_log_file_find(pn_io_system(), world->path, &other, &world->arena, &hits, &failure), 0);
    assert_int_equal(failure.class_, PN_CLASS_MISSING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ranges, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bytes_that_are_not_text_are_not_cut_away, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_text_is_found_with_its_line, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hits_over_the_border_of_pieces, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_found, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
