/* A store with notes, where the log has lost records or does not know yet what it has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "support/memory_store.h"
#include "support/sink_fixture.h"

static int set_up(void **state)
{
    struct sink_fixture *fixture = pn_xcalloc(1, sizeof *fixture);
    sink_bed_init(fixture);
    pn_store_destroy(&fixture->store);
    fixture->store = memory_store_create(fixture->folder);
    fixture->config.store = fixture->store;
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct sink_fixture *fixture = *state;
    sink_bed_deinit(fixture);
    free(fixture);
    return 0;
}

static void flush(struct pn_sink *sink)
{
    struct pn_err e = {.msg = ""};
    if (pn_sink_flush(sink, &e) != 0) {
        fail_msg("%s", e.msg);
    }
}

/* A sink whose place is before what it has read (the log lost the rest) meets another's object, and
 * a flush does not end there. */
static void test_a_flush_lands_after_anothers_object(void **state)
{
    struct sink_fixture *fixture = *state;
    struct pn_sink *other = NULL;
    fixture->config.flush_size = 100;
    sink_bed_open(fixture);
    assert_int_equal(pn_sink_create(&fixture->config, &other, NULL), 0);
    sink_bed_append(fixture, "t", 0, 3);
    flush(fixture->sink);
    sink_bed_append(fixture, "t", 3, 4);
    flush(other);
    sink_bed_append(fixture, "t", 4, 7);
    fake_log_set_begin(fixture->log, "t", 0, 7);
    flush(fixture->sink);
    sink_bed_append(fixture, "t", 7, 10);
    flush(fixture->sink);
    assert_int_equal(sink_bed_status(fixture, "t", 0).landed_offset, 10);
    assert_int_equal(sink_bed_status(fixture, "t", 0).records, 6);
    pn_sink_destroy(&other);
}

/* A note has room for some runs of objects; the full objects after them do not wait for records. */
static void test_full_objects_beyond_a_note(void **state)
{
    enum { PAIRS = 20 };
    struct sink_fixture *fixture = *state;
    fixture->config.flush_bytes = 20;
    for (int i = 0; i < PAIRS; i++) {
        (void)fake_log_append(fixture->log, "t", 0, "1234567890123456789");
        sink_bed_append(fixture, "t", 1, 4);
    }
    sink_bed_append(fixture, "t", 1, 2);
    sink_bed_open(fixture);
    assert_int_equal(pn_sink_run(fixture->sink, NULL), 0);
    assert_int_equal(sink_bed_status(fixture, "t", 0).landed_offset, 4 * PAIRS);
}

/* Where the log begins is not known yet: the chain does not begin at 0 for that. */
static void test_a_chain_waits_for_the_begin(void **state)
{
    struct sink_fixture *fixture = *state;
    sink_bed_append(fixture, "t", 0, 9);
    fake_log_set_passing(fixture->log, "t", 0, "it waits for a leader");
    sink_bed_open(fixture);
    fake_log_set_begin(fixture->log, "t", 0, 6);
    fake_log_set_passing(fixture->log, "t", 0, NULL);
    flush(fixture->sink);
    struct pn_sink_status status = sink_bed_status(fixture, "t", 0);
    assert_int_equal(status.lost, 0);
    assert_int_equal(status.records, 3);
    assert_int_equal(status.landed_offset, 9);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* A sink that shares the partitions opens no chain before the group gives it one. The topic may be
 * deleted once more until then, which it would count from where it is. */
static void test_a_member_of_a_group_learns_ids_at_the_start(void **state)
{
    struct sink_fixture *fixture = *state;
    struct pn_sink_config config = fixture->config;
    struct pn_log_topic_info *topics = NULL;
    struct pn_sink *member = NULL;
    struct pn_arena arena;
    size_t count = 0;
    fake_log_count_ids(fixture->log);
    sink_bed_append(fixture, "t", 0, 4);
    fake_log_set_id(fixture->log, "t", 7);
    sink_bed_open(fixture);
    flush(fixture->sink);
    fake_log_set_id(fixture->log, "t", 0); /* as another process has it */
    config.group = "workers";
    assert_int_equal(pn_sink_create(&config, &member, NULL), 0);
    pn_arena_init(&arena, 0);
    assert_int_equal(pn_log_topics(config.log, &arena, &topics, &count, NULL), 0);
    assert_int_equal(topics[0].id, 7);
    pn_arena_deinit(&arena);
    pn_sink_destroy(&member);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_flush_lands_after_anothers_object),
        TEST(test_full_objects_beyond_a_note),
        TEST(test_a_member_of_a_group_learns_ids_at_the_start),
        TEST(test_a_chain_waits_for_the_begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
