/*
 * What the sink remembers: cuts joined to runs, and a file of which every damage is seen.
 */
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
#include "sink/state.h"

static void assert_cut(const struct pn_sink_cuts *cuts, size_t at, int64_t first, int64_t end,
                       int64_t step)
{
    assert_true(at < cuts->count);
    assert_int_equal(cuts->cuts[at].first, first);
    assert_int_equal(cuts->cuts[at].end, end);
    assert_int_equal(cuts->cuts[at].step, step);
}

static void test_cuts_join(void **state)
{
    (void)state;
    struct pn_sink_cuts cuts = {0};
    for (int64_t i = 0; i < 1000; i++) {
        pn_sink_cuts_add(&cuts, 10 * i, 10 * i + 10);
    }
    assert_int_equal(cuts.count, 1);
    assert_cut(&cuts, 0, 0, 10000, 10);
    pn_sink_cuts_add(&cuts, 10000, 10003); /* a shorter last one */
    assert_int_equal(cuts.count, 1);
    assert_cut(&cuts, 0, 0, 10003, 10);
    pn_sink_cuts_add(&cuts, 10003, 10013); /* none after that */
    assert_cut(&cuts, 1, 10003, 10013, 10);
    pn_sink_cuts_add(&cuts, 10013, 10024); /* a longer one */
    assert_cut(&cuts, 2, 10013, 10024, 11);
    pn_sink_cuts_add(&cuts, 10030, 10041); /* a hole */
    assert_cut(&cuts, 3, 10030, 10041, 11);
    assert_int_equal(cuts.count, 4);
    pn_sink_cuts_deinit(&cuts);
}

struct fixture {
    char folder[64];
    char *path;
};

static int set_up(void **state)
{
    struct fixture *fixture = pn_xcalloc(1, sizeof *fixture);
    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/pinion-state-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    fixture->path = pn_xasprintf("%s/state.jsonl", fixture->folder);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(pn_io_remove_tree(pn_io_system(), fixture->folder, NULL), 0);
    free(fixture->path);
    free(fixture);
    return 0;
}

struct loaded {
    struct pn_sink_memory memories[4];
    size_t count;
};

static void take(void *arg, const struct pn_sink_memory *memory)
{
    struct loaded *loaded = arg;
    assert_true(loaded->count < 4);
    loaded->memories[loaded->count++] = *memory;
}

static void free_loaded(struct loaded *loaded)
{
    for (size_t i = 0; i < loaded->count; i++) {
        pn_sink_cuts_deinit(&loaded->memories[i].cuts);
    }
    loaded->count = 0;
}

static void save(const char *path)
{
    struct pn_buf text;
    struct pn_sink_memory one = {.topic = "a.b",
                                 .partition = 3,
                                 .id = 0xf00dfeedcafe0001,
                                 .base = 7,
                                 .base_next = 9,
                                 .landed = 100};
    struct pn_sink_memory two = {.topic = "c", .landed = INT64_MAX};
    pn_sink_cuts_add(&one.cuts, 100, 110);
    pn_sink_cuts_add(&one.cuts, 110, 120);
    pn_sink_cuts_add(&one.cuts, 130, 131);
    pn_sink_state_begin(&text);
    pn_sink_state_add(&text, &one);
    pn_sink_state_add(&text, &two);
    assert_int_equal(pn_sink_state_save(pn_io_system(), path, &text, NULL), 0);
    pn_sink_cuts_deinit(&one.cuts);
}

static void test_saved_and_loaded(void **state)
{
    struct fixture *fixture = *state;
    struct loaded loaded = {0};
    assert_int_equal(pn_sink_state_load(pn_io_system(), fixture->path, take, &loaded, NULL), 0);
    assert_int_equal(loaded.count, 0);
    save(fixture->path);
    assert_int_equal(pn_sink_state_load(pn_io_system(), fixture->path, take, &loaded, NULL), 0);
    assert_int_equal(loaded.count, 2);
    const struct pn_sink_memory *one = &loaded.memories[0];
    assert_string_equal(one->topic, "a.b");
    assert_int_equal(one->partition, 3);
    assert_true(one->id == 0xf00dfeedcafe0001);
    assert_int_equal(one->base, 7);
    assert_int_equal(one->base_next, 9);
    assert_int_equal(one->landed, 100);
    assert_int_equal(one->cuts.count, 2);
    assert_cut(&one->cuts, 0, 100, 120, 10);
    assert_cut(&one->cuts, 1, 130, 131, 1);
    assert_string_equal(loaded.memories[1].topic, "c");
    assert_true(loaded.memories[1].landed == INT64_MAX);
    free_loaded(&loaded);
}

static void read_text(const char *path, struct pn_buf *text)
{
    pn_buf_init(text, 1024 * 1024);
    assert_int_equal(pn_io_read_file(pn_io_system(), path, text, NULL), 0);
}

static void assert_damaged(const char *path, const char *bytes, size_t len)
{
    struct loaded loaded = {0};
    struct pn_err e = {0};
    assert_int_equal(pn_io_replace_file(pn_io_system(), path, bytes, len, NULL), 0);
    assert_int_not_equal(pn_sink_state_load(pn_io_system(), path, take, &loaded, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_CORRUPT);
    assert_non_null(strstr(e.msg, path));
    assert_int_equal(loaded.count, 0);
}

static void test_every_damage_is_seen(void **state)
{
    struct fixture *fixture = *state;
    struct pn_buf text;
    save(fixture->path);
    read_text(fixture->path, &text);
    for (size_t len = 0; len + 2 < text.len; len += 7) { /* the last two bytes say nothing */
        assert_damaged(fixture->path, text.data, len);
    }
    for (size_t i = 0; i + 3 < text.len; i += 3) {
        text.data[i] = (char)(text.data[i] ^ 4);
        assert_damaged(fixture->path, text.data, text.len);
        text.data[i] = (char)(text.data[i] ^ 4);
    }
    pn_buf_deinit(&text);
}

/* A good check sum over what makes no sense. */
static void test_nonsense_is_refused(void **state)
{
    struct fixture *fixture = *state;
    static const char *const lines[] = {
        "{}\n",
        "[]\n",
        "{\"topic\":\"..\",\"partition\":0,\"id\":\"0000000000000001\",\"base\":0,\"base_next\":0,"
        "\"landed\":0,\"cuts\":[]}\n",
        "{\"topic\":\"t\",\"partition\":-1,\"id\":\"0000000000000001\",\"base\":0,\"base_next\":0,"
        "\"landed\":0,\"cuts\":[]}\n",
        "{\"topic\":\"t\",\"partition\":0,\"id\":\"1\",\"base\":0,\"base_next\":0,"
        "\"landed\":0,\"cuts\":[]}\n",
        "{\"topic\":\"t\",\"partition\":0,\"id\":\"0000000000000001\",\"base\":2,\"base_next\":1,"
        "\"landed\":0,\"cuts\":[]}\n",
        "{\"topic\":\"t\",\"partition\":0,\"id\":\"0000000000000001\",\"base\":0,\"base_next\":0,"
        "\"landed\":5,\"cuts\":[[4,6,1]]}\n",
        "{\"topic\":\"t\",\"partition\":0,\"id\":\"0000000000000001\",\"base\":0,\"base_next\":0,"
        "\"landed\":0,\"cuts\":[[4,6,1],[5,7,1]]}\n",
        "{\"topic\":\"t\",\"partition\":0,\"id\":\"0000000000000001\",\"base\":0,\"base_next\":0,"
        "\"landed\":0,\"cuts\":[[4,4,1]]}\n",
        "{\"topic\":\"t\",\"partition\":0,\"id\":\"0000000000000001\",\"base\":0,\"base_next\":0,"
        "\"landed\":0,\"cuts\":[[4,6,0]]}\n",
        "{\"topic\":\"t\",\"partition\":0,\"id\":\"0000000000000001\",\"base\":0,\"base_next\":0,"
        "\"landed\":0,\"cuts\":[[4,6]]}\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct pn_buf text;
        struct loaded loaded = {0};
        struct pn_err e = {0};
        pn_sink_state_begin(&text);
        pn_buf_adds(&text, lines[i]);
        assert_int_equal(pn_sink_state_save(pn_io_system(), fixture->path, &text, NULL), 0);
        int rc = pn_sink_state_load(pn_io_system(), fixture->path, take, &loaded, &e);
        assert_int_not_equal(rc, 0);
        assert_int_equal(e.class_, PN_CLASS_CORRUPT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cuts_join),
        cmocka_unit_test_setup_teardown(test_saved_and_loaded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_damage_is_seen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nonsense_is_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
