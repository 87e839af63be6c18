/* What groups have read of a topic: those with instances, and those that only have their files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kafka/rest/groups.h"
#include "report/groups.h"
#include "support/memory_log.h"

enum { INSTANCES_MAX = 8 };

struct fixture {
    struct pn_log *log;
    struct pn_fake_clock clock;
    struct pn_kafka_rest_consumers *consumers;
    struct pn_arena arena;
    struct pn_kafka_rest_refusal refusal;
    char folder[64];
};

static void open_consumers(struct fixture *f)
{
    const struct pn_kafka_rest_consumers_config config = {.folder = f->folder,
                                                          .log = f->log,
                                                          .io = pn_io_system(),
                                                          .clock = &f->clock.clock,
                                                          .instance_timeout_ms = 60000,
                                                          .instances_max = INSTANCES_MAX};
    assert_int_equal(pn_kafka_rest_consumers_create(&config, &f->consumers, NULL), 0);
}

static int setup(void **state)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;
    const struct pn_log_topic_config two = {.partitions = 2};
    memset(f, 0, sizeof *f);
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/pinion-groups-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    f->log = pn_memory_log_create(0);
    pn_fake_clock_init(&f->clock, 1000000);
    pn_arena_init(&f->arena, 0);
    open_consumers(f);
    assert_int_equal(pn_log_create_topic(f->log, "t", &two, NULL), 0);
    assert_int_equal(pn_log_create_topic(f->log, "other", &two, NULL), 0);
    for (int i = 0; i < 5; i++) {
        pn_memory_log_put(f->log, "t", i % 2, "v");
    }
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    pn_kafka_rest_consumers_destroy(&f->consumers);
    pn_log_destroy(&f->log);
    pn_arena_deinit(&f->arena);
    return pn_io_remove_tree(pn_io_system(), f->folder, NULL);
}

static struct pn_kafka_rest_instance_id add(struct fixture *f, const char *group, const char *name)
{
    const struct pn_kafka_rest_instance_config config = {
        .name = name, .format = PN_KAFKA_REST_BODY_JSON, .reset = PN_KAFKA_REST_RESET_EARLIEST};
    const char *given = NULL;
    assert_int_equal(
        pn_kafka_rest_consumers_add(f->consumers, group, &config, &f->arena, &given, &f->refusal),
        0);
    return (struct pn_kafka_rest_instance_id){.group = group, .name = name};
}

static void commit(struct fixture *f, struct pn_kafka_rest_instance_id id, const char *topic,
                   int32_t partition, int64_t offset)
{
    struct pn_kafka_rest_position item = {.topic = topic, .partition = partition, .offset = offset};
    const struct pn_kafka_rest_positions offsets = {.items = &item, .count = 1};
    assert_int_equal(pn_kafka_rest_consumers_commit(f->consumers, id, &offsets, &f->refusal), 0);
}

static size_t places(struct fixture *f, struct pn_kafka_rest_group_place **found)
{
    size_t count = 0;
    assert_int_equal(
        pn_kafka_rest_consumers_places(f->consumers, "t", &f->arena, found, &count, NULL), 0);
    return count;
}

static void is_place(const struct pn_kafka_rest_group_place *place, const char *group,
                     int32_t partition, int64_t committed, const char *instance)
{
    assert_string_equal(place->group, group);
    assert_int_equal(place->partition, partition);
    assert_int_equal(place->committed, committed);
    assert_int_equal(place->instance != NULL, instance != NULL);
    if (instance != NULL) {
        assert_string_equal(place->instance, instance);
    }
}

static void test_groups_in_memory_and_in_files(void **state)
{
    struct fixture *f = *state;
    struct pn_kafka_rest_group_place *found = NULL;
    assert_int_equal(places(f, &found), 0); /* not even a folder of groups */
    commit(f, add(f, "b/1", "gone"), "t", 1, 1);
    commit(f, add(f, "a", "other"), "other", 0, 0);
    pn_kafka_rest_consumers_destroy(&f->consumers); /* now they are only in their files */
    open_consumers(f);
    struct pn_kafka_rest_instance_id here = add(f, "c", "here");
    const char *topic = "t";
    assert_int_equal(
        pn_kafka_rest_consumers_subscribe(f->consumers, here, &topic, 1, NULL, &f->refusal), 0);
    commit(f, here, "t", 0, 2);
    assert_int_equal(places(f, &found), 3);
    is_place(&found[0], "b/1", 1, 1, NULL);
    is_place(&found[1], "c", 0, 2, "here");
    is_place(&found[2], "c", 1, -1, "here");
    assert_int_equal(found[0].position, -1);
    assert_int_equal(found[2].position, 0);
}

static void test_the_lag_of_a_group(void **state)
{
    struct fixture *f = *state;
    static struct pn_kafka_rest_group_place all[] = {
        {.group = "g", .partition = 0, .committed = 1, .position = -1},
        {.group = "g", .partition = 1, .committed = -1, .instance = "i", .position = 0},
        {.group = "g", .partition = 7, .committed = 3, .position = -1}};
    struct pn_buf out;
    pn_buf_init(&out, 1 << 16);
    const struct pn_byte_sink sink = pn_byte_sink_buf(&out);
    struct pn_row_writer *rows = pn_row_writer_create(&sink, PN_FORMAT_API);
    struct pn_group_row *found = NULL;
    size_t count = 0;
    assert_int_equal(pn_groups_list(f->log, "t", all, 3, &f->arena, &found, &count, NULL), 0);
    assert_int_equal(count, 2);
    pn_report_groups(found, count, rows);
    pn_row_writer_end(&rows);
    assert_non_null(strstr(pn_buf_text(&out), "\"committed\":\"1\",\"end\":\"3\",\"lag\":2"));
    assert_non_null(strstr(pn_buf_text(&out), "\"committed\":null,\"end\":\"2\",\"lag\":2"));
    assert_null(strstr(pn_buf_text(&out), "\"partition\":7")); /* the topic has no such one */
    pn_buf_deinit(&out);
}

static void test_a_damaged_file_is_named(void **state)
{
    struct fixture *f = *state;
    struct pn_kafka_rest_group_place *found = NULL;
    struct pn_err e = {0};
    size_t count = 0;
    char path[128];
    (void)snprintf(path, sizeof path, "%s/g.json", f->folder);
    assert_int_equal(pn_io_replace_file(pn_io_system(), path, "nonsense", 8, NULL), 0);
    assert_int_not_equal(
        pn_kafka_rest_consumers_places(f->consumers, "t", &f->arena, &found, &count, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_CORRUPT);
    assert_non_null(strstr(e.msg, "g.json"));
    assert_int_equal(count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_groups_in_memory_and_in_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_lag_of_a_group, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_damaged_file_is_named, setup, teardown)};
    return cmocka_run_group_tests_name("kafka/rest/groups", tests, NULL, NULL);
}
