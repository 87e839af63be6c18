/*
 * A store that is moved between a folder, where the state file is the memory, and a store with
 * notes: any sink continues there, also one of another data folder.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "sink/handover.h"
#include "sink/state.h"
#include "support/memory_store.h"
#include "support/sink_fixture.h"

#define T      "topics/t/partition=0/t+0+00000000"
#define ORIGIN ".pinion/chain/topics/t/0/0000000000000001.json: "

static int set_up(void **state)
{
    struct sink_fixture *fixture = pn_xcalloc(1, sizeof *fixture);
    sink_bed_init(fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    sink_bed_deinit(*state);
    free(*state);
    return 0;
}

static void land(struct sink_fixture *fixture)
{
    sink_bed_open(fixture);
    assert_int_equal(pn_sink_flush(fixture->sink, NULL), 0);
    sink_bed_close(fixture);
}

static int copy_object(void *arg, const struct pn_object *object)
{
    struct pn_store **stores = arg;
    struct pn_buf text;
    pn_buf_init(&text, 1 << 20);
    assert_int_equal(pn_store_get(stores[0], object->key, &text, NULL), 0);
    assert_int_equal(pn_store_put(stores[1], object->key, pn_buf_text(&text), text.len, NULL), 0);
    pn_buf_deinit(&text);
    return 0;
}

static void copy(struct pn_store *from, struct pn_store *to)
{
    struct pn_store *stores[] = {from, to};
    assert_int_equal(pn_store_list(from, "topics/", NULL, copy_object, stores, NULL), 0);
}

/* From the fixture's folder to the bucket, all of it. */
static void move_to(struct sink_fixture *fixture, struct pn_store *bucket)
{
    struct pn_sink_config there = fixture->config;
    there.store = bucket;
    sink_bed_open(fixture);
    assert_int_equal(pn_sink_hand_to_bucket_begin(fixture->sink, NULL), 0);
    copy(fixture->store, bucket);
    assert_int_equal(pn_sink_hand_to_bucket(&there, false, NULL), 0);
    sink_bed_close(fixture);
}

/* From now on the fixture is another data folder, whose store is the bucket. */
static void become_another(struct sink_fixture *fixture, struct pn_store *bucket)
{
    free(fixture->state_folder);
    fixture->state_folder = pn_xasprintf("%s/another", fixture->folder);
    fixture->config.folder = fixture->state_folder;
    pn_store_destroy(&fixture->store);
    fixture->store = bucket;
    fixture->config.store = bucket;
}

static void test_another_folder_begins_first_in_the_bucket(void **state)
{
    struct sink_fixture *fixture = *state;
    struct pn_store *bucket = memory_store_create(fixture->folder);
    sink_bed_append(fixture, "t", 0, 7);
    land(fixture);
    move_to(fixture, bucket);
    become_another(fixture, bucket);
    sink_bed_append(fixture, "t", 7, 9);
    land(fixture);
    sink_bed_assert_landed(fixture, ORIGIN "{\"offset\":7,\"number\":7}\n" T "00.json: 0 1 2\n" T
                                           "03.json: 3 4 5\n" T "06.json: 6\n" T "07.json: 7 8\n");
}

/* The folder lands further after a stay in the bucket; its origin there is another one then. */
static void test_an_origin_is_replaced_by_a_later_one(void **state)
{
    struct sink_fixture *fixture = *state;
    struct pn_store *bucket = memory_store_create(fixture->folder);
    sink_bed_append(fixture, "t", 0, 2);
    land(fixture);
    move_to(fixture, bucket);
    sink_bed_append(fixture, "t", 2, 4);
    land(fixture);
    move_to(fixture, bucket);
    become_another(fixture, bucket);
    land(fixture);
    sink_bed_assert_landed(fixture, ORIGIN "{\"offset\":4,\"number\":4}\n" T "00.json: 0 1\n" T
                                           "02.json: 2 3\n");
}

/* The folder's sink was killed between the cuts and their objects. */
static void test_what_is_missing_of_the_newest_objects_comes_first(void **state)
{
    struct sink_fixture *fixture = *state;
    struct pn_store *bucket = memory_store_create(fixture->folder);
    sink_bed_append(fixture, "t", 0, 6);
    struct pn_sink_memory memory = {.topic = "t", .id = 1};
    pn_sink_cuts_add(&memory.cuts, 0, 2);
    pn_sink_cuts_add(&memory.cuts, 2, 4);
    struct pn_buf text;
    char *path = pn_xasprintf("%s/state.jsonl", fixture->state_folder);
    pn_sink_state_begin(&text);
    pn_sink_state_add(&text, &memory);
    assert_int_equal(pn_io_mkdirs(fixture->config.io, fixture->state_folder, NULL), 0);
    assert_int_equal(pn_sink_state_save(fixture->config.io, path, &text, NULL), 0);
    free(path);
    pn_sink_cuts_deinit(&memory.cuts);
    move_to(fixture, bucket);
    become_another(fixture, bucket);
    land(fixture);
    sink_bed_assert_landed(fixture, ORIGIN "{\"offset\":4,\"number\":4}\n" T "00.json: 0 1\n" T
                                           "02.json: 2 3\n" T "04.json: 4 5\n");
}

/* A sink with another data folder, beside the fixture's. */
static void land_by_another(struct sink_fixture *fixture)
{
    struct pn_sink *other = NULL;
    struct pn_sink_config config = fixture->config;
    char *another = pn_xasprintf("%s/another", fixture->folder);
    config.folder = another;
    assert_int_equal(pn_sink_create(&config, &other, NULL), 0);
    assert_int_equal(pn_sink_flush(other, NULL), 0);
    pn_sink_destroy(&other);
    free(another);
}

/* Another sink lands in the bucket while its objects are copied to the folder. */
static void test_a_folder_is_not_told_a_place_that_has_moved(void **state)
{
    struct sink_fixture *fixture = *state;
    struct pn_store *folder = fixture->store;
    struct pn_store *bucket = memory_store_create(fixture->folder);
    fixture->config.store = bucket;
    sink_bed_append(fixture, "t", 0, 3);
    land(fixture);
    sink_bed_open(fixture);
    assert_int_equal(pn_sink_hand_to_folder_begin(fixture->sink, NULL), 0);
    sink_bed_append(fixture, "t", 3, 5);
    land_by_another(fixture);
    copy(bucket, folder);
    struct pn_err e = {.msg = ""};
    assert_int_not_equal(pn_sink_hand_to_folder_end(fixture->sink, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_RETRY);
    assert_non_null(strstr(e.msg, "t partition 0 have landed in the bucket meanwhile"));
    sink_bed_close(fixture);

    sink_bed_open(fixture);
    assert_int_equal(pn_sink_hand_to_folder_begin(fixture->sink, NULL), 0);
    copy(bucket, folder);
    assert_int_equal(pn_sink_hand_to_folder_end(fixture->sink, NULL), 0);
    sink_bed_close(fixture);
    fixture->config.store = folder;
    sink_bed_append(fixture, "t", 5, 6);
    land(fixture);
    sink_bed_assert_landed(fixture, T "00.json: 0 1 2\n" T "03.json: 3 4\n" T "05.json: 5\n");
    pn_store_destroy(&bucket);
}

/* Another sink lands in the first bucket while its objects are copied to the second one; and the
 * second one is ahead. */
static void test_between_buckets(void **state)
{
    struct sink_fixture *fixture = *state;
    struct pn_store *folder = fixture->store;
    struct pn_store *first = memory_store_create(fixture->folder);
    struct pn_store *second = memory_store_create(fixture->folder);
    struct pn_err e = {.msg = ""};
    fixture->config.store = first;
    sink_bed_append(fixture, "t", 0, 3);
    land(fixture);
    sink_bed_open(fixture);
    assert_int_equal(pn_sink_hand_between_begin(fixture->sink, second, NULL), 0);
    sink_bed_append(fixture, "t", 3, 5);
    land_by_another(fixture);
    copy(first, second);
    assert_int_not_equal(pn_sink_hand_between_end(fixture->sink, second, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_RETRY);
    sink_bed_close(fixture);

    sink_bed_open(fixture);
    assert_int_equal(pn_sink_hand_between_begin(fixture->sink, second, NULL), 0);
    copy(first, second);
    assert_int_equal(pn_sink_hand_between_end(fixture->sink, second, NULL), 0);
    sink_bed_close(fixture);
    fixture->config.store = second;
    sink_bed_append(fixture, "t", 5, 6);
    land(fixture);

    fixture->config.store = first;
    sink_bed_open(fixture);
    assert_int_not_equal(pn_sink_hand_between_begin(fixture->sink, second, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_CONFLICT);
    assert_non_null(strstr(e.msg, "copy the other way round"));
    sink_bed_close(fixture);

    pn_store_destroy(&first);
    pn_store_destroy(&folder);
    fixture->store = second;
    fixture->config.store = second;
    sink_bed_assert_landed(fixture, ORIGIN "{\"offset\":5,\"number\":5}\n" T "00.json: 0 1 2\n" T
                                           "03.json: 3 4\n" T "05.json: 5\n");
}

/* A topic that was deleted and created again after the move, with fewer records: its offsets are
 * smaller than what the bucket has, and the folder is ahead all the same. Where each process counts
 * the ids of topics, both have the same id. */
static void test_a_topic_that_was_made_again(void **state)
{
    enum { CONFIRM_MS = 10 * 1000 };
    struct sink_fixture *fixture = *state;
    struct pn_store *folder = fixture->store;
    struct pn_store *bucket = memory_store_create(fixture->folder);
    struct pn_err e = {.msg = ""};
    fake_log_count_ids(fixture->log);
    fake_log_set_id(fixture->log, "t", 0);
    sink_bed_append(fixture, "t", 0, 3);
    land(fixture);
    move_to(fixture, bucket);

    assert_int_equal(pn_log_delete_topic(fixture->config.log, "t", NULL), 0);
    fake_log_add_topic(fixture->log, "t", 1);
    fake_log_set_id(fixture->log, "t", 0);
    sink_bed_append(fixture, "t", 10, 12);
    sink_bed_open(fixture);
    assert_int_not_equal(pn_sink_flush(fixture->sink, NULL), 0);
    pn_fake_clock_advance(&fixture->clock, CONFIRM_MS);
    assert_int_equal(pn_sink_flush(fixture->sink, NULL), 0);
    sink_bed_close(fixture);

    fixture->config.store = bucket; /* the way back is refused ... */
    sink_bed_open(fixture);
    assert_int_not_equal(pn_sink_hand_to_folder_begin(fixture->sink, &e), 0);
    assert_non_null(strstr(e.msg, "the data folder has landed more"));
    assert_non_null(strstr(e.msg, "copy the other way round"));
    sink_bed_close(fixture);
    fixture->config.store = folder; /* ... and the way there is not */
    move_to(fixture, bucket);
    become_another(fixture, bucket);
    sink_bed_append(fixture, "t", 12, 13);
    land(fixture);
    sink_bed_assert_landed(fixture, ".pinion/chain/topics/t/0/0000000000000000.json: "
                                    "{\"offset\":2,\"number\":5,\"seen\":[[1,0,1951397388]]}\n" T
                                    "00.json: 0 1 2\n" T "03.json: 10 11\n" T "05.json: 12\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_another_folder_begins_first_in_the_bucket, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_an_origin_is_replaced_by_a_later_one, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_missing_of_the_newest_objects_comes_first,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_folder_is_not_told_a_place_that_has_moved, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_between_buckets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_topic_that_was_made_again, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
