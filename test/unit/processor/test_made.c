/* Streams that a pattern of the pipeline matches: their workers come and go with them. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "support/processor_fixture.h"

struct made_fixture {
    struct processor_fixture fixture;
    struct pn_table table;
    struct pn_flow flow;
    struct pn_pipeline_stream pattern;
};

static int set_up(void **state)
{
    struct made_fixture *made = pn_xcalloc(1, sizeof *made);
    struct processor_fixture *fixture = &made->fixture;
    stream_bed_init(fixture);
    made->table = fixture->tables[2];
    made->table.name = "made_*";
    made->table.path = "made/*";
    made->table.checkpoints = "notes/*";
    made->flow = (struct pn_flow){.table = &made->table};
    made->pattern = (struct pn_pipeline_stream){
        .name = "m-*", .start = PN_START_TRIM_HORIZON, .flows = &made->flow, .flow_count = 1};
    fixture->pipeline.stream_patterns = &made->pattern;
    fixture->pipeline.stream_pattern_count = 1;
    fixture->pipeline.topics_dir = "topics";
    fixture->pipeline.dead_letters_dir = "dead";
    fixture->pipeline.dead_letters_path = "letters";
    *state = made;
    return 0;
}

static int tear_down(void **state)
{
    struct made_fixture *made = *state;
    stream_bed_deinit(&made->fixture);
    free(made);
    return 0;
}

static size_t workers(struct pn_processor *streams, const char *stream)
{
    struct pn_arena arena;
    struct pn_processor_status *statuses = NULL;
    size_t count = 0;
    size_t found = 0;
    pn_arena_init(&arena, 0);
    pn_processor_status(streams, &arena, &statuses, &count);
    for (size_t i = 0; i < count; i++) {
        found += strcmp(statuses[i].stream, stream) == 0;
    }
    pn_arena_deinit(&arena);
    return found;
}

static void await_workers(struct pn_processor *streams, const char *stream, size_t count)
{
    while (workers(streams, stream) != count) {
        (void)sched_yield(); /* ctest ends what takes too long */
    }
}

/* From its first record on, and each stream in a table of its own. */
static void test_a_stream_that_comes_is_filled(void **state)
{
    struct processor_fixture *fixture = &((struct made_fixture *)*state)->fixture;
    stream_bed_add(fixture, "m-early", 1);
    stream_bed_put(fixture, "m-early", 0, "k", "{\"n\":1}");
    struct pn_processor *streams = stream_bed_create(fixture);
    assert_int_equal(pn_processor_start(streams, NULL), 0);
    stream_bed_await(fixture, 1);
    stream_bed_add(fixture, "m-late", 1);
    stream_bed_put(fixture, "m-late", 0, "other", "{\"n\":2}");
    stream_bed_await(fixture, 2);
    stream_bed_add(fixture, "n-none", 1);
    stream_bed_put(fixture, "n-none", 0, "k", "{\"n\":3}");
    assert_int_equal(workers(streams, "m-early"), 1);
    assert_int_equal(workers(streams, "m-late"), 1);
    assert_int_equal(workers(streams, "n-none"), 0);
    pn_processor_destroy(&streams);
    assert_int_equal(fixture->row_count, 2);
    assert_int_equal(stream_bed_position(fixture, "made/early", "m-early", 0), 1);
    assert_int_equal(stream_bed_position(fixture, "made/late", "m-late", 0), 1);
}

/* It goes, and comes again as another one: all of both is in the table, once. */
static void test_a_stream_that_goes_and_comes_again(void **state)
{
    struct processor_fixture *fixture = &((struct made_fixture *)*state)->fixture;
    struct pn_processor *streams = stream_bed_create(fixture);
    assert_int_equal(pn_processor_start(streams, NULL), 0);
    for (size_t round = 0; round < 3; round++) {
        stream_bed_add(fixture, "m-a", 1);
        stream_bed_put(fixture, "m-a", 0, "k", "{\"n\":1}");
        stream_bed_put(fixture, "m-a", 0, "k", "{\"n\":2}");
        stream_bed_await(fixture, 2 * (round + 1));
        assert_int_equal(workers(streams, "m-a"), 1);
        stream_bed_remove(fixture, "m-a");
        await_workers(streams, "m-a", 0);
    }
    pn_processor_destroy(&streams);
    assert_int_equal(fixture->row_count, 6);
}

/* A drain has those that are there; a restart continues where it was. */
static void test_drains_and_restarts(void **state)
{
    struct processor_fixture *fixture = &((struct made_fixture *)*state)->fixture;
    static const char *const name = "m-a";
    stream_bed_add(fixture, "m-a", 2);
    stream_bed_add(fixture, "m-b", 1);
    for (int i = 0; i < 5; i++) {
        stream_bed_put(fixture, "m-a", (size_t)i % 2, "k", "{\"n\":1}");
        stream_bed_put(fixture, "m-b", 0, "k", "{\"n\":1}");
        fixture->config.names = &name;
        fixture->config.name_count = 1;
        struct pn_processor *streams = stream_bed_create(fixture);
        assert_int_equal(pn_processor_drain(streams, NULL, NULL, NULL), 0);
        pn_processor_destroy(&streams);
        assert_int_equal(fixture->row_count, i + 1);
    }
}

/* What would be in another table's place fills none, and the others continue. */
static void test_a_stream_without_a_place(void **state)
{
    struct processor_fixture *fixture = &((struct made_fixture *)*state)->fixture;
    struct made_fixture *made = *state;
    made->table.path = "*";
    stream_bed_add(fixture, "m-topics", 1);
    stream_bed_add(fixture, "m-a", 1);
    stream_bed_put(fixture, "m-topics", 0, "k", "{\"n\":1}");
    stream_bed_put(fixture, "m-a", 0, "k", "{\"n\":2}");
    struct pn_processor *streams = stream_bed_create(fixture);
    assert_int_equal(pn_processor_start(streams, NULL), 0);
    stream_bed_await(fixture, 1);
    assert_int_equal(workers(streams, "m-topics"), 0);
    pn_processor_destroy(&streams);
    assert_int_equal(fixture->row_count, 1);
    assert_string_equal(fixture->rows[0].value, "{\"n\":2}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_stream_that_comes_is_filled),
        TEST(test_a_stream_that_goes_and_comes_again),
        TEST(test_drains_and_restarts),
        TEST(test_a_stream_without_a_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
